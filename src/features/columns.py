"""The formulas: every number of a row, written once for both engines."""

from math import sqrt
from typing import Final, Generic, NamedTuple

from src.features.bars import Ohlcv, S
from src.features.engine import Engine

SWING_BARS: Final = 42  # one week of 4-hour bars
VOLATILITY_BARS: Final = 180  # 30 days
MOMENTUM_BARS: Final = (30, 120, 360)  # 5, 20 and 60 days
MOMENTUM_SCALE: Final = 2.0  # a move of this many of its own deviations counts in full

_OWN: Final = 3  # open, high, low
_MANAGED: Final = 12


class Managed(NamedTuple, Generic[S]):
    """The managed features of one view, in the order of `MANAGED_FEATURES`."""

    close: S
    volume: S
    returns_1: S
    rsi_14: S
    macd: S
    macd_signal: S
    atr_14: S
    bb_position: S
    ema_20: S
    ema_50: S
    volume_ratio: S
    zscore: S


def managed(ta: Engine[S], bars: Ohlcv[S]) -> Managed[S]:
    """Return the twelve managed features of a view."""
    close, volume = bars.close, bars.volume
    macd, macd_signal = ta.macd(close, 12, 26, 9)
    return Managed(
        close,
        volume,
        ta.rate_of_change(close, 1),
        ta.rsi(close, 14),
        macd,
        macd_signal,
        ta.atr(bars.high, bars.low, close, 14),
        _band_position(ta, close, 20, 2.0),
        ta.ema(close, 20),
        ta.ema(close, 50),
        # a window without a trade is asked for as such: the mean of zeros is rarely exactly 0
        ta.where_positive(ta.highest(volume, 20), ta.ratio(volume, ta.sma(volume, 20))),
        _zscore(ta, close, 50),
    )


def columns_15m(ta: Engine[S], bars: Ohlcv[S]) -> tuple[S, ...]:
    """Return the 15-minute view's 20 columns: open, high, low, the managed twelve, five strategy inputs."""
    m = managed(ta, bars)
    rci = ta.rank_correlation(bars.close, 9)
    own = (bars.open, bars.high, bars.low)
    inputs = (rci, ta.before(rci), ta.before(m.ema_20), ta.before(bars.close), ta.sma(m.atr_14, 96))
    return own + tuple(m) + inputs


def columns_4h(ta: Engine[S], bars: Ohlcv[S]) -> tuple[S, ...]:
    """Return the 4-hour view's 17 columns: the managed twelve and five strategy inputs."""
    m = managed(ta, bars)
    volatility = ta.deviation(m.returns_1, VOLATILITY_BARS)
    inputs = (
        ta.highest(bars.high, SWING_BARS),
        ta.lowest(bars.low, SWING_BARS),
        ta.swing(bars.high, bars.low, SWING_BARS),
        _slow_momentum(ta, bars.close, volatility),
        volatility,
    )
    return tuple(m) + inputs


def row_columns(own: tuple[S, ...], slow: tuple[S, ...]) -> tuple[S, ...]:
    """Return both views' columns in the order of `COLUMNS`."""
    n = _OWN + _MANAGED
    return own[:n] + slow[:_MANAGED] + own[n:] + slow[_MANAGED:]


def _band_position(ta: Engine[S], close: S, n: int, width: float) -> S:
    upper, lower = ta.bands(close, n, width)
    return ta.where_positive(_range(ta, close, n), ta.ratio(close - lower, upper - lower))


def _zscore(ta: Engine[S], close: S, n: int) -> S:
    distance = close - ta.sma(close, n)
    return ta.where_positive(_range(ta, close, n), ta.ratio(distance, ta.deviation(close, n)))


def _range(ta: Engine[S], x: S, n: int) -> S:
    return ta.highest(x, n) - ta.lowest(x, n)  # exactly 0 in a flat window, where a deviation may not be


def _slow_momentum(ta: Engine[S], close: S, volatility: S) -> S:
    fast, middle, slow = (_momentum(ta, close, volatility, n) for n in MOMENTUM_BARS)
    return (fast + middle + slow) / 3.0


def _momentum(ta: Engine[S], close: S, volatility: S, n: int) -> S:
    noise = volatility * sqrt(n)  # of an n-bar return, if bars were independent
    return ta.clip(ta.ratio(ta.rate_of_change(close, n), noise) / MOMENTUM_SCALE, 1.0)
