"""A decision taken apart: the gates in their order, and what would have had to be otherwise for it to enter.

Both are found by asking `decide` again, never by a second copy of its rules: a gate is passed when the reason is one
that only a later gate gives; a change counts when `decide`, given it, gets past the gate that stood in the way.
"""

import math
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final, NamedTuple

from src.core.domain.account import Account, Prediction, PredictionStatus
from src.core.domain.market import Lots, Money, Side
from src.core.domain.orders import Reason
from src.core.domain.time import Millis
from src.features.row import Quality, Row
from src.strategies.base.strategy_manager import propose_all
from src.strategies.utils.signal_builder import is_proposal
from src.trading.decision import Decision, Params, State, decide, wanted_probability
from src.trading.drawdown_manager import RiskState
from src.trading.ledger import BPS
from src.trading.position_sizing import MAX_EQUITY, round_trip_cost
from src.trading.risk import in_ticks


class Inputs(NamedTuple):
    """What one decision was made of, beside the parameters."""

    state: State
    row: Row
    prediction: Prediction
    account: Account


class Gate(Enum):
    """The gates, in the order in which `decide` asks."""

    POSITION = "position"  # one is open, or an entry is waiting: no other is considered
    DATA = "data"
    ACCOUNT = "account"
    RISK = "risk"
    ANOMALY = "anomaly"
    VOTE = "vote"
    MODEL = "model"
    SIZE = "size"


class Passage(NamedTuple):
    """One gate on one bar."""

    gate: Gate
    passed: bool | None  # None: not asked, another stood before it


class Change(NamedTuple):
    """One input as it was, and as it would have had to be."""

    name: str
    was: float
    needed: float


class Nearest(NamedTuple):
    """What would have had to change, in the order of the gates, for an entry; and what stands in the way then."""

    changes: tuple[Change, ...]
    left: Reason  # ENTER: these changes together would have traded


_GATES: Final = {
    Gate.POSITION: (Reason.HOLD_POSITION, Reason.EXIT_POSITION, Reason.ENTRY_WAITING),
    Gate.DATA: (Reason.COLD, Reason.AFTER_GAP, Reason.STALE_VIEW, Reason.NOT_FINITE, Reason.QUIET_BAR),
    Gate.ACCOUNT: (Reason.ACCOUNT_UNKNOWN,),
    Gate.RISK: (Reason.DRAWDOWN_HALT, Reason.LOSS_STREAK, Reason.COOLDOWN),
    Gate.ANOMALY: (Reason.SPREAD, Reason.LATENCY, Reason.PRICE_SPIKE, Reason.VOLUME_SPIKE),
    Gate.VOTE: (Reason.NO_SIGNAL, Reason.CONFLICT, Reason.LOW_CONFIDENCE),
    Gate.MODEL: (
        Reason.MODEL_ABSENT, Reason.MODEL_STALE, Reason.MODEL_NOT_FINITE, Reason.MODEL_REFUSES,
        Reason.MODEL_OTHER_FEATURES, Reason.MODEL_OTHER_BARRIERS, Reason.MODEL_CONSTANT, Reason.MODEL_FAR,
        Reason.MODEL_DAMAGED,
    ),
    Gate.SIZE: (Reason.COST_TOO_HIGH, Reason.MARGIN, Reason.TOO_SMALL),
}  # fmt: skip
_MOST_CHANGES: Final = 12  # more gates than that there are not


def gate_of(reason: Reason) -> Gate | None:
    """Return the gate that gives a reason; None for ENTER, which is given when all are passed."""
    return next((gate for gate, reasons in _GATES.items() if reason in reasons), None)


def passages(reason: Reason) -> tuple[Passage, ...]:
    """Return every gate in order: passed, the one that stopped the bar, and those that were not asked."""
    stopped = gate_of(reason)
    found, passed = [], True
    for gate in Gate:
        if gate is stopped:
            found.append(Passage(gate, False))
            passed = False
        else:
            found.append(Passage(gate, True if passed else None))
    return tuple(found)


def nearest(inputs: Inputs, params: Params) -> Nearest:
    """Return the fewest changes found, one for each gate in the way, after which `decide` enters.

    Each is taken to its limit and no farther, and each is tried on `decide` itself. Where several would do (one of two
    strategies silent, say) the first that gets farther is taken, so the list is an example, not the only way.
    """
    changes: dict[str, Change] = {}
    for _ in range(_MOST_CHANGES):
        reason = asked(inputs, params).reason
        if reason == Reason.ENTER:
            break
        step = next((s for s in _ways(reason, inputs, params) if asked(s[1], s[2]).reason != reason), None)
        if step is None:
            break
        change, inputs, params = step
        first = changes.get(change.name, change)  # more equity for the margin, then more still for the risk budget
        changes[change.name] = change._replace(was=first.was)
    return Nearest(tuple(changes.values()), asked(inputs, params).reason)


def asked(inputs: Inputs, params: Params) -> Decision:
    """Return what the core decides on these inputs."""
    return decide(inputs.state, inputs.row, inputs.prediction, inputs.account, params)[1]


Step = tuple[Change, Inputs, Params]


def _ways(reason: Reason, inputs: Inputs, params: Params) -> Iterator[Step]:
    """Yield the changes that might lift a reason, the likeliest first."""
    gate = gate_of(reason)
    if gate is not None:
        yield from _WAYS[gate](reason, inputs, params)


def _no_position(_reason: Reason, inputs: Inputs, params: Params) -> Iterator[Step]:
    account = inputs.account
    flat = account._replace(side=Side.NONE, lots=Lots(0), waiting=False)
    yield Change("position", account.lots * account.side, 0), inputs._replace(account=flat), params


def _good_data(_reason: Reason, inputs: Inputs, params: Params) -> Iterator[Step]:
    row = inputs.row
    yield Change("quality", row.quality, Quality.GOOD), inputs._replace(row=row._replace(quality=0)), params


def _known_account(_reason: Reason, inputs: Inputs, params: Params) -> Iterator[Step]:
    account = inputs.account
    yield Change("known", 0, 1), inputs._replace(account=account._replace(known=True)), params


def _calm_risk(reason: Reason, inputs: Inputs, params: Params) -> Iterator[Step]:
    state, at, account = inputs.state, inputs.row.closed_at, inputs.account
    risk = state.risk
    if reason == Reason.DRAWDOWN_HALT:
        if risk.halted:  # the halt is lifted as a person does it: the mark starts anew
            lifted = risk._replace(halted=False, peak_equity=account.equity)
            yield Change("halted", 1, 0), _with_risk(inputs, lifted), params
        fall = (risk.peak_equity - account.equity) * BPS // max(risk.peak_equity, 1)
        allowed = params.risk._replace(max_drawdown_bps=int(fall) + 1)
        yield Change("drawdown", float(fall), params.risk.max_drawdown_bps), inputs, params._replace(risk=allowed)
    elif reason == Reason.LOSS_STREAK:
        over = risk._replace(streak_until=Millis(0), losses=0)
        yield Change("streak_until", risk.streak_until, at), _with_risk(inputs, over), params
    else:
        over = risk._replace(cooldown_until=at)
        yield Change("cooldown_until", risk.cooldown_until, at), _with_risk(inputs, over), params


def _with_risk(inputs: Inputs, risk: RiskState) -> Inputs:
    return inputs._replace(state=inputs.state._replace(risk=risk))


def _normal_market(reason: Reason, inputs: Inputs, params: Params) -> Iterator[Step]:
    """Yield the input at its limit; a move or volume, which strategies read as well, against a limit that allows it."""
    account, row, gates = inputs.account, inputs.row, params.gates
    if reason == Reason.SPREAD:
        at_limit = account._replace(spread_ppm=gates.max_spread_ppm)
        yield Change("spread", account.spread_ppm, gates.max_spread_ppm), inputs._replace(account=at_limit), params
    elif reason == Reason.LATENCY:
        at_limit = account._replace(latency_ms=gates.max_latency_ms)
        yield Change("latency", account.latency_ms, gates.max_latency_ms), inputs._replace(account=at_limit), params
    elif reason == Reason.VOLUME_SPIKE:
        change = Change("volume_ratio", row.volume_ratio, gates.max_volume_ratio)
        yield change, inputs, params._replace(gates=gates._replace(max_volume_ratio=row.volume_ratio))
    else:
        moved = _move(row)
        allowed = math.nextafter(moved / row.atr_14, math.inf) if row.atr_14 > 0.0 else math.inf
        change = Change("move_atr", allowed, gates.max_move_atr)
        yield change, inputs, params._replace(gates=gates._replace(max_move_atr=allowed))


def _move(row: Row) -> float:
    return max(row.high - row.low, abs(row.high - row.close_before), abs(row.low - row.close_before))


def _agreeing_vote(reason: Reason, inputs: Inputs, params: Params) -> Iterator[Step]:
    signals = propose_all(params.strategies, inputs.row)
    vote = params.vote
    if reason == Reason.LOW_CONFIDENCE:
        confidence = asked(inputs, params).vote.confidence
        lower = params._replace(vote=vote._replace(min_confidence=confidence))
        yield Change("confidence", confidence, vote.min_confidence), inputs, lower
    elif reason == Reason.CONFLICT:
        shares = [
            sum(w for w, s in zip(params.weights, signals, strict=True) if is_proposal(s) and s.side == side)
            for side in (Side.BUY, Side.SELL)
        ]
        share = max(shares) / sum(shares)
        lower = params._replace(vote=vote._replace(min_agreement=share))
        yield Change("agreement", share, vote.min_agreement), inputs, lower
        for k, signal in enumerate(signals):
            if is_proposal(signal):
                yield Change(f"without {k}", params.weights[k], 0.0), inputs, _without(params, k)


def _without(params: Params, k: int) -> Params:
    """Return the parameters without strategy number `k`."""
    strategies, weights = params.strategies, params.weights
    return params._replace(strategies=strategies[:k] + strategies[k + 1 :], weights=weights[:k] + weights[k + 1 :])


def _agreeing_model(_reason: Reason, inputs: Inputs, params: Params) -> Iterator[Step]:
    prediction, wanted = inputs.prediction, _wanted(inputs, asked(inputs, params), params)
    said = prediction._replace(status=int(PredictionStatus.GOOD), probability=wanted)
    yield Change("probability", prediction.probability, wanted), inputs._replace(prediction=said), params


def _wanted(inputs: Inputs, decision: Decision, params: Params) -> float:
    return wanted_probability(decision.vote, decision.signals, inputs.account, params)


def _affordable(reason: Reason, inputs: Inputs, params: Params) -> Iterator[Step]:
    decision, account = asked(inputs, params), inputs.account
    if reason == Reason.COST_TOO_HIGH:
        signal = propose_all(params.strategies, inputs.row)[decision.vote.leader]
        stop = in_ticks(signal.stop, params.tick)
        cost = round_trip_cost(account.mark, account.taker_fee_ppm, params.costs.slippage_ppm)
        if stop > 0:
            share = -(-cost * BPS // stop)
            raised = params._replace(size=params.size._replace(max_cost_bps=share))
            yield Change("cost_share", share, params.size.max_cost_bps), inputs, raised
        return
    wanted = _least(lambda money: asked(_richer(inputs, money), params).reason != reason, account.equity)
    if wanted is not None:
        yield Change("equity", account.equity, wanted), _richer(inputs, wanted), params


def _richer(inputs: Inputs, equity: int) -> Inputs:
    return inputs._replace(account=inputs.account._replace(equity=Money(equity)))


def _least(enough: Callable[[int], bool], start: int) -> int | None:
    """Return the least sum above `start` that is enough, to the money unit; None if none is."""
    low, high = max(int(start), 0), max(2 * int(start), 1)
    while not enough(high):
        if high >= MAX_EQUITY:
            return None
        low, high = high, min(2 * high, MAX_EQUITY)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


_WAYS: Final[dict[Gate, Callable[[Reason, Inputs, Params], Iterator[Step]]]] = {
    Gate.POSITION: _no_position,
    Gate.DATA: _good_data,
    Gate.ACCOUNT: _known_account,
    Gate.RISK: _calm_risk,
    Gate.ANOMALY: _normal_market,
    Gate.VOTE: _agreeing_vote,
    Gate.MODEL: _agreeing_model,
    Gate.SIZE: _affordable,
}


def measured(
    inputs: Inputs, decision: Decision, params: Params
) -> dict[Gate, tuple[tuple[str, float, float | None], ...]]:
    """Return what each gate looked at: name, value and the limit it is held to (None: none)."""
    account, row, gates, risk = inputs.account, inputs.row, params.gates, inputs.state.risk
    fall = (risk.peak_equity - account.equity) * BPS // risk.peak_equity if risk.peak_equity > 0 else 0
    moved = _move(row)
    return {
        Gate.POSITION: (("position", account.lots * account.side, None),),
        Gate.DATA: (("quality", row.quality, None),),
        Gate.ACCOUNT: (("equity", account.equity, None),),
        Gate.RISK: (
            ("drawdown", float(fall), params.risk.max_drawdown_bps),
            ("losses", risk.losses, params.risk.max_losses),
            ("streak_until", risk.streak_until, None),
            ("cooldown_until", risk.cooldown_until, None),
        ),
        Gate.ANOMALY: (
            ("spread", account.spread_ppm, gates.max_spread_ppm),
            ("latency", account.latency_ms, gates.max_latency_ms),
            ("move_atr", moved / row.atr_14 if row.atr_14 > 0.0 else math.nan, gates.max_move_atr),
            ("volume_ratio", row.volume_ratio, gates.max_volume_ratio),
        ),
        Gate.VOTE: (("confidence", decision.vote.confidence, params.vote.min_confidence),),
        Gate.MODEL: (("probability", inputs.prediction.probability, _wanted(inputs, decision, params)),)
        if params.model.used
        else (),
        Gate.SIZE: (("lots", decision.verdict.lots, None), ("risk", decision.verdict.risk, None)),
    }
