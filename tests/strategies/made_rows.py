"""Rows made by hand: an ordinary bar, and what a mirror makes of it."""

from src.core.domain.time import Millis
from src.features.row import COLUMNS, Quality, Row

AT = Millis(1_700_000_100_000)
PRICE = 10_000_000.0
ORDINARY = {
    **dict.fromkeys(COLUMNS, 0.0),
    "open": PRICE - 1_000,
    "high": PRICE + 5_000,
    "low": PRICE - 5_000,
    "close": PRICE,
    "volume": 10.0,
    "rsi_14": 50.0,
    "atr_14": 20_000.0,
    "atr_mean_96": 20_000.0,
    "bb_position": 0.5,
    "ema_20": PRICE,
    "ema_50": PRICE,
    "volume_ratio": 1.0,
    "close_4h": PRICE,
    "volume_4h": 160.0,
    "rsi_14_4h": 50.0,
    "atr_14_4h": 100_000.0,
    "bb_position_4h": 0.5,
    "ema_20_4h": PRICE,
    "ema_50_4h": PRICE,
    "volume_ratio_4h": 1.0,
    "ema_20_before": PRICE,
    "close_before": PRICE,
    "swing_high_4h": PRICE + 100_000,
    "swing_low_4h": PRICE - 100_000,
    "volatility_4h": 0.005,
}
"""In which no strategy proposes anything."""

_PRICES = {
    *("open", "close", "ema_20", "ema_50", "close_4h", "ema_20_4h", "ema_50_4h", "ema_20_before", "close_before"),
}
_SIGNED = {
    *("returns_1", "macd", "macd_signal", "zscore", "returns_1_4h", "macd_4h", "macd_signal_4h", "zscore_4h"),
    *("rci_9", "rci_9_before", "swing_turn_4h", "slow_momentum_4h"),
}
_SWAPPED = {"high": "low", "low": "high", "swing_high_4h": "swing_low_4h", "swing_low_4h": "swing_high_4h"}


def row(quality: int = Quality.GOOD, at: int = AT, **changed: float) -> Row:
    """Return the ordinary row with some columns changed."""
    return Row(Millis(at), int(quality), **{**ORDINARY, **changed})


def mirrored(one: Row) -> Row:
    """Return the row of the market upside down: prices around `PRICE`, momentum with its sign turned."""
    found = {}
    for name in COLUMNS:
        value = getattr(one, _SWAPPED.get(name, name))
        if name in _PRICES or name in _SWAPPED:
            value = 2 * PRICE - value
        elif name in _SIGNED:
            value = -value
        elif name in {"rsi_14", "rsi_14_4h"}:
            value = 100.0 - value
        elif name in {"bb_position", "bb_position_4h"}:
            value = 1.0 - value
        found[name] = value
    return Row(one.closed_at, one.quality, **found)
