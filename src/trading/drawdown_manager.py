"""The durable risk state: high-water mark, drawdown halt, loss streak, cooldown and the record Kelly sizing reads.

A state machine as a value: `observe` folds the equity at each bar's close, `record_trade` each closed
trade. Pauses expire by time; the drawdown halt is lifted by a person alone (`lift_halt`).
"""

from typing import NamedTuple

from src.core.domain.market import Money
from src.core.domain.time import DAY, HOUR, Millis
from src.trading.ledger import BPS


class RiskParams(NamedTuple):
    """When to stop taking risk, and for how long."""

    max_drawdown_bps: int = 2_000  # of the high-water mark; the halt needs a person to lift it
    max_losses: int = 5  # consecutive losing trades before the pause
    streak_pause_ms: int = DAY
    cooldown_ms: int = HOUR  # pause after each losing trade
    memory_trades: int = 200  # trades after which a result counts half in the Kelly record


class RiskState(NamedTuple):
    """What must survive a restart."""

    peak_equity: Money
    halted: bool
    losses: int  # consecutive losing trades
    streak_until: Millis  # no entry before; 0: no pause
    cooldown_until: Millis
    trades: float  # decayed number of closed trades
    wins: float  # decayed number of those with a net gain
    gained: float  # decayed sum of gains, in planned risks (R)
    lost: float  # decayed sum of losses, in planned risks (R), positive


def fresh_risk(equity: Money) -> RiskState:
    """Return the state of an account that starts with `equity` and no history."""
    return RiskState(equity, False, 0, Millis(0), Millis(0), 0.0, 0.0, 0.0, 0.0)


def observe(state: RiskState, equity: Money, at: Millis, params: RiskParams) -> RiskState:
    """Return the state after the account was seen to hold `equity` at time `at`."""
    peak = equity if equity > state.peak_equity else state.peak_equity
    halted = state.halted or (peak - equity) * BPS >= params.max_drawdown_bps * peak
    over = state.streak_until > 0 and at >= state.streak_until
    losses = 0 if over else state.losses  # a pause that has run out clears the streak it was for
    streak_until = Millis(0) if over else state.streak_until
    return RiskState(
        peak,
        halted,
        losses,
        streak_until,
        state.cooldown_until,
        state.trades,
        state.wins,
        state.gained,
        state.lost,
    )


def record_trade(state: RiskState, net: Money, risk: Money, at: Millis, params: RiskParams) -> RiskState:
    """Return the state after a trade closed at `at` with result `net` on a planned risk of `risk`."""
    lost = net < 0
    losses = state.losses + 1 if lost else 0
    paused = losses >= params.max_losses
    streak_until = Millis(at + params.streak_pause_ms) if paused else state.streak_until
    cooldown_until = Millis(at + params.cooldown_ms) if lost else state.cooldown_until
    keep = 1.0 - 1.0 / (1.4427 * params.memory_trades)  # (1 - 1/(n / ln 2))^n is about one half
    result = float(net) / float(risk) if risk > 0 else 0.0  # in R
    return RiskState(
        state.peak_equity,
        state.halted,
        losses,
        streak_until,
        cooldown_until,
        state.trades * keep + 1.0,
        state.wins * keep + (1.0 if net > 0 else 0.0),
        state.gained * keep + (result if net > 0 else 0.0),
        state.lost * keep + (-result if lost else 0.0),
    )


def lift_halt(state: RiskState, equity: Money) -> RiskState:
    """Return the state after a person lifted the drawdown halt: the mark starts anew at `equity`."""
    return RiskState(
        equity,
        False,
        0,
        Millis(0),
        Millis(0),
        state.trades,
        state.wins,
        state.gained,
        state.lost,
    )
