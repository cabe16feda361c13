"""One row: everything the decision core may know about the market at the close of one 15-minute bar.

Prices and features are floats (JPY, BTC, ratios); what is not known is NaN, never a default, and
`quality` says in one code whether a new entry may be considered on this bar.
"""

from enum import IntEnum
from typing import Final, NamedTuple

from src.core.domain.time import Millis

MANAGED_FEATURES: Final = (
    "close",
    "volume",
    "returns_1",
    "rsi_14",
    "macd",
    "macd_signal",
    "atr_14",
    "bb_position",
    "ema_20",
    "ema_50",
    "volume_ratio",
    "zscore",
)
"""The twelve, in the order every model artefact is checked against."""

STRATEGY_INPUTS: Final = (
    "rci_9",
    "rci_9_before",
    "ema_20_before",
    "close_before",
    "atr_mean_96",
    "swing_high_4h",
    "swing_low_4h",
    "swing_turn_4h",
    "slow_momentum_4h",
    "volatility_4h",
)
"""What strategies need beyond the twelve; not model features."""

COLUMNS: Final = (
    "open",
    "high",
    "low",
    *MANAGED_FEATURES,
    *(f"{name}_4h" for name in MANAGED_FEATURES),
    *STRATEGY_INPUTS,
)
"""The float columns of a row, in order: the columns of the feature matrix."""


class Quality(IntEnum):
    """Whether the data behind a row allows a new entry; the worst finding wins (highest code)."""

    GOOD = 0
    QUIET = 1  # no trade in this bar
    AFTER_GAP = 2  # within the stated number of bars after missing bars
    STALE_VIEW = 3  # the newest 4-hour bar is missing
    NOT_FINITE = 4  # a feature is undefined here (a flat window, a window without trades)
    COLD = 5  # the month's anchor lies before the first stored bar


class Row(NamedTuple):
    """The columns of `COLUMNS`, by name, behind the bar's time and quality."""

    closed_at: Millis
    quality: int  # a `Quality`, as the plain number that arrays hold
    open: float  # JPY
    high: float
    low: float
    # the managed features of the 15-minute view
    close: float  # JPY
    volume: float  # BTC
    returns_1: float  # close / previous close - 1
    rsi_14: float  # Wilder, 0..100
    macd: float  # EMA 12 - EMA 26, JPY
    macd_signal: float  # EMA 9 of macd, JPY
    atr_14: float  # Wilder, JPY
    bb_position: float  # (close - lower) / (upper - lower), SMA 20 +- 2 population deviations
    ema_20: float  # JPY
    ema_50: float  # JPY
    volume_ratio: float  # volume / SMA 20 of volume
    zscore: float  # (close - SMA 50) / population deviation 50
    # the same twelve of the newest closed 4-hour bar
    close_4h: float
    volume_4h: float
    returns_1_4h: float
    rsi_14_4h: float
    macd_4h: float
    macd_signal_4h: float
    atr_14_4h: float
    bb_position_4h: float
    ema_20_4h: float
    ema_50_4h: float
    volume_ratio_4h: float
    zscore_4h: float
    # strategy inputs
    rci_9: float  # rank correlation of the last 9 closes with time, -100..100
    rci_9_before: float  # the same, one bar earlier
    ema_20_before: float  # EMA 20 one bar earlier
    close_before: float  # close one bar earlier
    atr_mean_96: float  # SMA 96 (one day) of atr_14, JPY
    swing_high_4h: float  # highest high of the last 42 four-hour bars (one week), JPY
    swing_low_4h: float  # lowest low of the same bars
    swing_turn_4h: float  # > 0: the high is newer than the low (an up-swing); < 0: the low is newer
    slow_momentum_4h: float  # blend of 5-, 20- and 60-day momentum in units of its own noise, -1..1
    volatility_4h: float  # deviation of 4-hour returns over 180 bars (30 days), per bar
