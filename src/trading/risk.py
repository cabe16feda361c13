"""The review: may there be a new position on this bar, and in what shape? First failing gate wins.

The gates run from "we do not know" to "it is not worth it": data, account, risk state, market, strategies,
model, cost and size. Each has its own reason code, so every bar says why it did not trade. `approve` turns a
verdict that enters into the only thing an executor accepts.
"""

import math
from typing import Final, NamedTuple, NoReturn

from src.core.domain.account import Account, Prediction, PredictionStatus
from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.orders import Reason
from src.core.domain.time import Millis
from src.features.row import Quality, Row
from src.strategies.base.strategy_manager import Vote
from src.strategies.utils.constants import Signal
from src.trading.anomaly_detector import GateParams, find_anomaly
from src.trading.drawdown_manager import RiskState
from src.trading.ledger import CostParams
from src.trading.position_sizing import SizeParams, round_trip_cost, size_position


class ModelParams(NamedTuple):
    """What the model may decide."""

    used: bool = False  # False: strategies alone
    hold_without: bool = True  # whether an absent or doubtful model forbids entries
    min_probability: float = 0.65  # of a net gain on the proposed side
    by_value: bool = False  # whether each trade's own break-even stands in place of `min_probability`
    min_edge: float = 0.05  # expected gain after costs, in stop distances
    open_gain: float = 2.0  # what a trade without a target gains when it wins, in stop distances


class Verdict(NamedTuple):
    """What the review makes of a bar: an entry with its geometry, or the reason for none.

    Distances are from the fill, in ticks; 0 means none for target, trail and hold.
    """

    reason: Reason  # ENTER approves
    side: Side
    lots: Lots
    stop: Ticks
    target: Ticks
    trail: Ticks
    hold: int  # milliseconds
    leader: int
    risk: Money  # planned loss at the stop, costs included


def refusal(reason: Reason, side: Side) -> Verdict:
    """Return the verdict that nothing is opened, because of `reason`."""
    return Verdict(reason, side, Lots(0), Ticks(0), Ticks(0), Ticks(0), 0, -1, Money(0))


def data_gate(quality: int) -> Reason:
    """Return why the data behind a row forbid an entry, or ENTER."""
    if quality == Quality.GOOD:
        return Reason.ENTER
    if quality == Quality.QUIET:
        return Reason.QUIET_BAR
    if quality == Quality.AFTER_GAP:
        return Reason.AFTER_GAP
    if quality == Quality.STALE_VIEW:
        return Reason.STALE_VIEW
    if quality == Quality.COLD:
        return Reason.COLD
    return Reason.NOT_FINITE


def risk_gate(state: RiskState, at: Millis) -> Reason:
    """Return why the risk state forbids an entry, or ENTER."""
    if state.halted:
        return Reason.DRAWDOWN_HALT
    if at < state.streak_until:
        return Reason.LOSS_STREAK
    if at < state.cooldown_until:
        return Reason.COOLDOWN
    return Reason.ENTER


def vote_gate(vote: Vote, min_confidence: float) -> Reason:
    """Return why the strategies' vote is no reason to enter, or ENTER."""
    if vote.conflict:
        return Reason.CONFLICT
    if vote.side == Side.NONE:
        return Reason.NO_SIGNAL
    if not vote.confidence >= min_confidence:
        return Reason.LOW_CONFIDENCE
    return Reason.ENTER


def least_probability(
    signal: Signal, mark: Ticks, taker_fee_ppm: int, tick: float, params: ModelParams, costs: CostParams
) -> float:
    """Return the probability of a net gain from which the model allows the trade that `signal` asks for.

    It is `min_probability`, or by value the trade's own: see `break_even`.

    Parameters
    ----------
    mark
        The price now.
    tick
        JPY in one tick.
    """
    if not params.by_value:
        return params.min_probability
    stop, target = in_ticks(signal.stop, tick), in_ticks(signal.target, tick)
    return break_even(
        float(stop), float(target), float(round_trip_cost(mark, taker_fee_ppm, costs.slippage_ppm)), params
    )


def break_even(stop: float, target: float, cost: float, params: ModelParams) -> float:
    """Return the probability at which a trade is worth `min_edge` of its stop distance, all three in one unit.

    A trade that wins is taken to gain its target, one that loses to lose its stop, and either pays the costs:
    `p (target - cost) - (1 - p) (stop + cost) = min_edge stop`. Above 1 the costs leave nothing to gain. Interest is
    not in it, nor that many trades end between stop and target.
    """
    gain = target if target > 0.0 else params.open_gain * stop
    if not stop + gain > 0.0:
        return 2.0  # no stop, no trade
    return (stop * (1.0 + params.min_edge) + cost) / (stop + gain)


def model_gate(prediction: Prediction, params: ModelParams, wanted: float) -> Reason:
    """Return why the model forbids the proposed entry, or ENTER; `wanted` is the least probability of a net gain."""
    if not params.used:
        return Reason.ENTER
    if prediction.status == PredictionStatus.GOOD:
        if not 0.0 <= prediction.probability <= 1.0:
            return Reason.MODEL_NOT_FINITE
        if prediction.probability >= wanted:
            return Reason.ENTER
        return Reason.MODEL_REFUSES
    if not params.hold_without:
        return Reason.ENTER
    return _doubt(prediction.status)


def _doubt(status: int) -> Reason:
    """Return the reason that stands for a prediction that is none; a status nobody defined is no number."""
    if status == PredictionStatus.NONE:
        return Reason.MODEL_ABSENT
    if status == PredictionStatus.STALE:
        return Reason.MODEL_STALE
    if status == PredictionStatus.OTHER_FEATURES:
        return Reason.MODEL_OTHER_FEATURES
    if status == PredictionStatus.OTHER_BARRIERS:
        return Reason.MODEL_OTHER_BARRIERS
    if status == PredictionStatus.CONSTANT:
        return Reason.MODEL_CONSTANT
    if status == PredictionStatus.FAR:
        return Reason.MODEL_FAR
    if status == PredictionStatus.REFUSED:
        return Reason.MODEL_DAMAGED
    return Reason.MODEL_NOT_FINITE


def first_gate(
    row: Row,
    account: Account,
    state: RiskState,
    vote: Vote,
    prediction: Prediction,
    min_confidence: float,
    gates: GateParams,
    model: ModelParams,
    wanted: float,
) -> Reason:
    """Return the reason of the first gate that forbids an entry on this bar, or ENTER."""
    reason = data_gate(row.quality)
    if reason == Reason.ENTER and not account.known:
        reason = Reason.ACCOUNT_UNKNOWN
    if reason == Reason.ENTER:
        reason = risk_gate(state, row.closed_at)
    if reason == Reason.ENTER:
        reason = find_anomaly(
            account.spread_ppm,
            account.latency_ms,
            row.high,
            row.low,
            row.close_before,
            row.atr_14,
            row.volume_ratio,
            gates,
        )
    if reason == Reason.ENTER:
        reason = vote_gate(vote, min_confidence)
    if reason == Reason.ENTER:
        reason = model_gate(prediction, model, wanted)
    return reason


def shape_entry(
    row: Row,
    account: Account,
    state: RiskState,
    vote: Vote,
    signal: Signal,
    tick: float,
    size: SizeParams,
    costs: CostParams,
) -> Verdict:
    """Return the entry the winning vote asks for in the size the account allows, or why there is none.

    Parameters
    ----------
    signal
        The leader's.
    tick
        JPY in one tick.
    """
    stop = in_ticks(signal.stop, tick)
    sized = size_position(
        account.equity, account.mark, stop, row.volatility_4h, account.taker_fee_ppm, state, size, costs
    )
    if sized.reason != Reason.ENTER:
        return refusal(sized.reason, vote.side)
    target, trail = in_ticks(signal.target, tick), in_ticks(signal.trail, tick)
    return Verdict(Reason.ENTER, vote.side, sized.lots, stop, target, trail, signal.hold, vote.leader, sized.risk)


def in_ticks(distance: float, tick: float) -> Ticks:
    """Return a signal's distance in JPY as ticks, rounded away from the fill."""
    return Ticks(int(math.ceil(distance / tick)))


_SEAL: Final = object()


class ApprovedOrder:
    """An entry that passed the review. Only `approve` makes one; nothing else can be sent."""

    __slots__ = ("closed_at", "limit", "verdict")

    verdict: Verdict
    limit: Ticks
    closed_at: Millis

    def __init__(self, verdict: Verdict, limit: Ticks, closed_at: Millis, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("an ApprovedOrder comes from trading.risk.approve and from nowhere else")
        object.__setattr__(self, "verdict", verdict)
        object.__setattr__(self, "limit", limit)
        object.__setattr__(self, "closed_at", closed_at)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an ApprovedOrder does not change after the review: {name} stays as it is")


def approve(verdict: Verdict, limit: Ticks, closed_at: Millis) -> ApprovedOrder | None:
    """Return the order an entering verdict stands for, else None.

    Parameters
    ----------
    limit
        Price of a post-only order; 0 for a market order.
    closed_at
        The bar that decided it.
    """
    if verdict.reason != Reason.ENTER or verdict.lots <= 0 or verdict.stop <= 0:
        return None
    return ApprovedOrder(verdict, limit, closed_at, _SEAL)
