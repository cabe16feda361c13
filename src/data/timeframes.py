"""Lengths of bars, as numbers and as people write them."""

from typing import Final

from src.core.domain.time import DAY, HOUR, MINUTE, SECOND
from src.core.exceptions import ConfigError

TIMEFRAMES: Final = {"1m": MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE, "1h": HOUR}
"""What can be downloaded and imported; 4-hour bars are always made from 15-minute ones."""


def parse_timeframe(text: str) -> int:
    """Return the milliseconds of a name in `TIMEFRAMES`.

    Raises
    ------
    ConfigError
        If it is another one.
    """
    if text == "4h":
        raise ConfigError(
            "4h candles are not stored: they are made from the 15-minute ones wherever they are needed",
            remedy="use --timeframe 15m",
        )
    if text not in TIMEFRAMES:
        raise ConfigError(
            f"{text!r} is not a timeframe this program knows", remedy=f"write one of {', '.join(TIMEFRAMES)}"
        )
    return TIMEFRAMES[text]


def label(timeframe: int) -> str:
    """Return a length in milliseconds as people write it: 15m, 4h, 1d."""
    for unit, suffix in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s")):
        if timeframe % unit == 0:
            return f"{timeframe // unit}{suffix}"
    return f"{timeframe}ms"
