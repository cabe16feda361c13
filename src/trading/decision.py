"""One bar in, one decision out: the core that backtest, paper and live trading share.

`decide` looks at the open position first (does its stop follow, is its reason over?), then at a new one
(votes, gates, size). It reads a row, a prediction, a snapshot of the account and its own durable state,
and returns the next state and a decision with exactly one reason. It knows no mode, no clock and no
exchange: same input, same output. `entered` and `exited` tell the state what became of its decisions.

Everything here also runs compiled (see backtest/compiled.py), so it is written in scalars and NamedTuples.
"""

from typing import Final, NamedTuple

from src.core.domain.account import Account, Prediction, Trade
from src.core.domain.market import Money, Side, Ticks
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import Millis, bar_end, bar_open
from src.features.row import Quality, Row
from src.strategies.base.strategy_base import Strategy
from src.strategies.base.strategy_manager import Vote, VoteParams, combine, leader_holds, propose_all
from src.strategies.utils.constants import Signal
from src.trading.anomaly_detector import GateParams
from src.trading.drawdown_manager import RiskParams, RiskState, fresh_risk, observe, record_trade
from src.trading.exits import NO_PLAN, Plan, exit_at_close, follow, plan_from_fill
from src.trading.ledger import CostParams
from src.trading.position_sizing import SizeParams
from src.trading.risk import ModelParams, Verdict, first_gate, least_probability, refusal, shape_entry

_MAJORITY: Final = 0.5 + 1e-9  # of all weight; half is none, whichever way sums of weights are rounded


class ExitParams(NamedTuple):
    """Which exits beside stop, trail, target and holding time are taken."""

    when_reason_ends: bool = True  # the leading strategy no longer sees its reason
    when_opposite: bool = True  # strategies with most of all weight agree on the other side
    when_halted: bool = True  # the drawdown limit was reached


class Params(NamedTuple):
    """Everything a decision depends on beside the market and the account."""

    strategies: tuple[Strategy, ...]
    weights: tuple[float, ...]  # one for each strategy
    vote: VoteParams
    model: ModelParams
    gates: GateParams
    risk: RiskParams
    size: SizeParams
    exits: ExitParams
    costs: CostParams
    tick: float  # JPY in one tick


class State(NamedTuple):
    """What the core itself remembers from bar to bar."""

    plan: Plan  # the exits of the open position
    risk: RiskState


class Decision(NamedTuple):
    """What is to be done after a bar, and why."""

    reason: Reason
    verdict: Verdict  # the entry, when reason is ENTER
    exit_reason: ExitReason  # why the position is to be closed, when reason is EXIT_POSITION
    vote: Vote
    signals: tuple[Signal, ...]


def fresh_state(equity: Money) -> State:
    """Return the state of a core that starts flat, with `equity` and no history."""
    return State(NO_PLAN, fresh_risk(equity))


def decide(state: State, row: Row, prediction: Prediction, account: Account, params: Params) -> tuple[State, Decision]:
    """Return the next state and the decision for the bar that `row` describes.

    Parameters
    ----------
    state
        From the previous bar, after `entered` and `exited` for whatever was filled since.
    row
        The newest closed bar.
    prediction
        The model's judgement of the side proposed on this row.
    account
        The exchange's truth now.
    """
    signals = propose_all(params.strategies, row)
    vote = combine(signals, params.weights, params.vote)
    risk = observe(state.risk, account.equity, row.closed_at, params.risk) if account.known else state.risk
    nothing = refusal(Reason.NO_SIGNAL, vote.side)
    if account.known and account.side != Side.NONE:
        plan = follow(state.plan, account.side, _ticks(row.high, params.tick), _ticks(row.low, params.tick))
        why = _exit_reason(plan, risk, row, vote, account, params)
        reason = Reason.HOLD_POSITION if why == ExitReason.NONE else Reason.EXIT_POSITION
        return State(plan, risk), Decision(reason, nothing, why, vote, signals)
    if account.known and account.waiting:
        return State(state.plan, risk), Decision(Reason.ENTRY_WAITING, nothing, ExitReason.NONE, vote, signals)
    wanted = wanted_probability(vote, signals, account, params)
    confidence, gates, model = params.vote.min_confidence, params.gates, params.model
    gate = first_gate(row, account, risk, vote, prediction, confidence, gates, model, wanted)
    if gate != Reason.ENTER:
        return State(state.plan, risk), Decision(gate, refusal(gate, vote.side), ExitReason.NONE, vote, signals)
    verdict = shape_entry(row, account, risk, vote, signals[vote.leader], params.tick, params.size, params.costs)
    return State(state.plan, risk), Decision(verdict.reason, verdict, ExitReason.NONE, vote, signals)


def wanted_probability(vote: Vote, signals: tuple[Signal, ...], account: Account, params: Params) -> float:
    """Return the probability of a net gain that the model has to give the proposed trade; 1 if none is proposed."""
    if vote.side == Side.NONE:
        return 1.0
    signal, fee = signals[vote.leader], account.taker_fee_ppm
    return least_probability(signal, account.mark, fee, params.tick, params.model, params.costs)


def entered(state: State, order: Verdict, fill: Ticks, at: Millis) -> State:
    """Return the state after the entry `order` was filled at `fill`: its exits hang on the actual price.

    Holding time counts from the open of the bar of the fill: what a backtest knows, and a live fill some
    milliseconds later must not mean another bar.
    """
    plan = plan_from_fill(
        order.side, fill, bar_open(at), order.leader, order.stop, order.target, order.trail, order.hold, order.risk
    )
    return State(plan, state.risk)


def exited(state: State, trade: Trade, params: RiskParams) -> State:
    """Return the state after the position was closed as `trade` records.

    Pauses count from the end of the bar it was closed in, at whichever instant inside it that was.
    """
    return State(NO_PLAN, record_trade(state.risk, trade.net, state.plan.risk, bar_end(trade.closed_at), params))


def close_reason(
    plan: Plan,
    side: Side,
    mark: Ticks,
    closed_at: Millis,
    readable: bool,
    holds: bool,
    against: bool,
    params: ExitParams,
) -> ExitReason:
    """Return why the market alone asks to close a position on `side` at this bar's close, or NONE.

    Parameters
    ----------
    readable
        Whether the row can say anything about the reason for the trade.
    holds
        Whether the leader still sees its reason.
    against
        Whether the strategies agree on the other side; see `speaks_against`.
    """
    why = exit_at_close(plan, side, mark, closed_at, holds or not readable or not params.when_reason_ends)
    if why == ExitReason.NONE and readable and against and params.when_opposite:
        return ExitReason.OPPOSITE
    return why


def speaks_against(side: Side, voted: int, confidence: float, support: float, min_confidence: float) -> bool:
    """Return whether a vote asks to close a position on `side`.

    A position belongs to its leader, whose horizon the others need not share: one of them cannot close it.
    """
    return voted == -side and confidence >= min_confidence and support > _MAJORITY


def readable(quality: int) -> bool:
    """Return whether a row can speak about an open trade; cold or undefined features say nothing."""
    return quality <= Quality.STALE_VIEW


def _exit_reason(plan: Plan, risk: RiskState, row: Row, vote: Vote, account: Account, params: Params) -> ExitReason:
    if risk.halted and params.exits.when_halted:
        return ExitReason.HALT
    legible = readable(row.quality)
    holds = True
    if legible and params.exits.when_reason_ends:
        holds = leader_holds(params.strategies, plan.leader, row, account.side)
    against = speaks_against(account.side, vote.side, vote.confidence, vote.support, params.vote.min_confidence)
    return close_reason(plan, account.side, account.mark, row.closed_at, legible, holds, against, params.exits)


def _ticks(price: float, tick: float) -> Ticks:
    return Ticks(int(price / tick + 0.5))
