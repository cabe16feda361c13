"""How several strategies become one vote.

The algebra, with w the weights of the strategies and s the strengths of their signals:

- A hold is the absence of a signal; it neither supports nor opposes anything. So is a signal whose
  numbers cannot be acted on (not finite, without a stop, of a strength outside 0..1).
- W(side) is the sum of w over the strategies that propose `side`; S(side) the sum of w * s.
- The winner must have the larger W *and* at least as many proposers as the other side. Otherwise, and
  on every tie, there is a conflict and no winner: no tie falls to "buy", and one heavy dissenter
  cannot beat a majority.
- agreement = W(winner) / (W(winner) + W(loser)); below `min_agreement` it is a conflict.
- confidence = (S(winner) - S(loser)) / (W(winner) + W(loser)): at most 1, lowered by dissent, raised by
  support at least as strong as itself. It says how far the conditions are met; it is no probability.
- support = W(winner) over the weight of all strategies, silent ones included.
- The leader is the winner's proposer with the largest w * s (the first of equals); its stop, target,
  trail and holding time shape the trade.
"""

from typing import Final, NamedTuple

from src.core.domain.market import Side
from src.features.row import Row
from src.strategies.base.strategy_base import Strategy
from src.strategies.utils.constants import Signal
from src.strategies.utils.signal_builder import is_proposal


class VoteParams(NamedTuple):
    """Conditions on the combined vote."""

    min_agreement: float = 0.6  # share of the proposing weight that must be on the winning side
    min_confidence: float = 0.4


class Vote(NamedTuple):
    """The outcome of combining the strategies' signals."""

    side: Side  # NONE: nobody proposed, or a conflict
    conflict: bool
    confidence: float  # 0 unless there is a winner; may be negative for a quiet majority
    support: float  # W(winner) over the weight of all strategies, proposing or not; 0 unless there is a winner
    leader: int  # index of the strategy that shapes the trade; -1 unless there is a winner


NO_VOTE: Final = Vote(Side.NONE, False, 0.0, 0.0, -1)


_ROUNDING: Final = 1e-9  # of a sum of weights


def propose_all(strategies: tuple[Strategy, ...], row: Row) -> tuple[Signal, ...]:
    """Return each strategy's signal, in order."""
    return tuple([strategy.propose(row) for strategy in strategies])


def leader_holds(strategies: tuple[Strategy, ...], leader: int, row: Row, side: Side) -> bool:
    """Return whether strategy number `leader` still sees its reason for a trade on `side`."""
    return strategies[leader].holds(row, side)


def combine(signals: tuple[Signal, ...], weights: tuple[float, ...], params: VoteParams) -> Vote:
    """Return the vote of `signals` under `weights` (same length and order); see the module's algebra."""
    if not _anyone(signals):
        return NO_VOTE
    buyers, sellers = 0, 0
    buy_weight, sell_weight, buy_strength, sell_strength = 0.0, 0.0, 0.0, 0.0
    for k in range(len(signals)):
        signal = signals[k]
        if not is_proposal(signal):
            continue
        if signal.side == Side.BUY:
            buyers += 1
            buy_weight += weights[k]
            buy_strength += weights[k] * signal.strength
        else:
            sellers += 1
            sell_weight += weights[k]
            sell_strength += weights[k] * signal.strength
    total = buy_weight + sell_weight
    if not total > 0.0:
        return NO_VOTE
    side, won, net = Side.NONE, 0.0, 0.0
    same = _ROUNDING * total  # sums of weights this near are equal: 0.1 + 0.2 ties with 0.3
    if buy_weight - sell_weight > same and buyers >= sellers:
        side, won, net = Side.BUY, buy_weight, buy_strength - sell_strength
    elif sell_weight - buy_weight > same and sellers >= buyers:
        side, won, net = Side.SELL, sell_weight, sell_strength - buy_strength
    if side == Side.NONE or won / total < params.min_agreement - _ROUNDING:
        return Vote(Side.NONE, True, 0.0, 0.0, -1)
    return Vote(side, False, net / total, won / _sum(weights), _leader(signals, weights, side))


def _anyone(signals: tuple[Signal, ...]) -> bool:
    """Return whether any strategy speaks; on most bars none does, and there is nothing to weigh."""
    for k in range(len(signals)):  # noqa: SIM110 - a generator does not compile
        if signals[k].side != Side.NONE:
            return True
    return False


def _sum(weights: tuple[float, ...]) -> float:
    total = 0.0
    for k in range(len(weights)):
        total += weights[k]
    return total


def _leader(signals: tuple[Signal, ...], weights: tuple[float, ...], side: Side) -> int:
    leader, loudest = -1, 0.0
    for k in range(len(signals)):
        signal = signals[k]
        if is_proposal(signal) and signal.side == side and weights[k] * signal.strength > loudest:
            leader, loudest = k, weights[k] * signal.strength
    return leader
