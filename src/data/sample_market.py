"""A made-up BTC/JPY market for demonstrations and tests: it looks like the real one and cannot be beaten.

The price is a martingale: every bar's expected change is zero whatever came before (up to the rounding to whole
yen), so no strategy has an edge here and every cost is a loss. What is like the real market: how strongly
volatility clusters and how long that lasts, its daily rhythm, fat tails, and volume that comes with movement.

The log of volatility is the sum of the hour's usual level and of noises that change over hours, days and weeks;
inside a bar the price walks in small normal steps. Everything is drawn from the fixed first day on, each quantity
from its own stream, so that a bar is the same whatever range is asked for.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from src.core.domain.candles import Candles, SeriesInfo
from src.core.domain.time import BAR_15M, HOUR, Millis, format_jst
from src.core.exceptions import ConfigError

Floats = npt.NDArray[np.float64]

FIRST: Final = Millis(1_577_836_800_000)  # 2020-01-01 00:00 UTC, when the first bar opens
LAST: Final = Millis(2_208_988_800_000)  # 2040-01-01 00:00 UTC: later bars would take minutes to draw
FIRST_PRICE: Final = 3_000_000.0  # JPY
STEPS: Final = 15  # of the walk inside a bar
CALM: Final = 0.0015  # median deviation of a bar's log return
HOURLY: Final = np.array(
    [
        *(1.17, 1.02, 0.93, 0.86, 0.83, 0.84, 0.85, 0.88, 0.95, 0.94, 0.92, 0.93),
        *(1.07, 1.13, 1.21, 1.15, 1.16, 1.02, 1.00, 1.01, 1.07, 1.02, 1.04, 1.00),
    ]
)
"""Mean absolute 15-minute return by UTC hour of the open, relative to the day's: real candles of 2017 to 2024."""


class _Noise(NamedTuple):
    """A part of log volatility."""

    bars: int  # distance of the independent values between which it runs in straight lines
    deviation: float


NOISES: Final = (_Noise(1, 0.38), _Noise(6, 0.38), _Noise(48, 0.34), _Noise(288, 0.38), _Noise(2_016, 0.30))
SEASON: Final = _Noise(96 * 180, 0.065)  # how far each hour's usual level wanders from `HOURLY` over half a year
MEDIAN_VOLUME: Final = 20_000.0  # lots (2 BTC)
VOLUME_NOISE: Final = 0.8  # deviation of log volume that movement does not explain

INFO: Final = SeriesInfo("sample", "BTC/JPY", BAR_15M, True, "sample market: computed, no real trade in it")


def sample_candles(start: Millis, end: Millis, seed: int = 7) -> Candles:
    """Return the sample market's 15-minute bars that closed in (start, end].

    Parameters
    ----------
    start, end
        Not before 2020-01-01 UTC and not after 2040-01-01 UTC.
    seed
        Which of the possible markets; not negative.

    Returns
    -------
    Candles
        Without gaps. The same bar for the same time and seed, whatever the range.

    Raises
    ------
    ConfigError
        If the range is empty or outside the market's time, or the seed negative.
    """
    _check(start, end, seed)
    bars = -(-(end - FIRST) // BAR_15M)
    opened_at = FIRST + BAR_15M * np.arange(bars, dtype=np.int64)
    volatility = _volatility(opened_at, seed)
    steps = np.random.default_rng([seed, 0]).standard_normal((bars, STEPS))
    path = _price_path(volatility, steps)
    close = path[:, -1]
    opening = np.concatenate(([round(FIRST_PRICE)], close[:-1]))
    return Candles(
        opened_at + BAR_15M,
        opening,
        np.maximum(opening, path.max(axis=1)),
        np.minimum(opening, path.min(axis=1)),
        close,
        _volume(volatility, np.abs(steps.sum(axis=1)) / np.sqrt(STEPS), seed),
    ).between(start, end)


def _check(start: Millis, end: Millis, seed: int) -> None:
    if not FIRST <= start < end <= LAST:
        raise ConfigError(
            f"the sample market has no bars from {format_jst(start)} to {format_jst(end)}",
            remedy=f"ask for a range inside {format_jst(FIRST)} to {format_jst(LAST)}",
        )
    if seed < 0:
        raise ConfigError(f"the sample market's seed is {seed}", remedy="use a whole number from 0 on")


def _volatility(opened_at: npt.NDArray[np.int64], seed: int) -> Floats:
    """Return the deviation of each bar's log return."""
    hour = opened_at // HOUR % len(HOURLY)
    log = np.log(CALM * HOURLY[hour]) + SEASON.deviation * _running_noise(hour, SEASON.bars, [seed, 1])
    same = np.zeros_like(hour)
    for stream, noise in enumerate(NOISES, start=3):
        log += noise.deviation * _running_noise(same, noise.bars, [seed, stream])
    volatility: Floats = np.exp(log)
    return volatility


def _running_noise(which: npt.NDArray[np.int64], distance: int, stream: list[int]) -> Floats:
    """Return for each bar the value of one of several noises, `which`.

    Each has standard normal values every `distance` bars, joined by straight lines and kept at deviation 1.
    """
    rows, columns = len(which) // distance + 2, int(which.max()) + 1
    knots = np.random.default_rng(stream).standard_normal((rows, columns))
    knot, rest = np.divmod(np.arange(len(which)), distance)
    weight = rest / distance
    joined = (1 - weight) * knots[knot, which] + weight * knots[knot + 1, which]
    noise: Floats = joined / np.sqrt((1 - weight) ** 2 + weight**2)
    return noise


def _price_path(volatility: Floats, steps: Floats) -> npt.NDArray[np.int64]:
    """Return the price after each step, in ticks, one row per bar.

    The log of the price loses half its variance at each step: then the price itself has no drift.
    """
    deviation = (volatility / np.sqrt(STEPS))[:, None]
    log = np.cumsum((deviation * steps - deviation**2 / 2).ravel()).reshape(steps.shape)
    ticks: npt.NDArray[np.int64] = np.maximum(np.rint(FIRST_PRICE * np.exp(log)), 1).astype(np.int64)
    return ticks


def _volume(volatility: Floats, move: Floats, seed: int) -> npt.NDArray[np.int64]:
    """Return lots: more in restless times, and more when the price moved (`move` in deviations)."""
    noise = np.random.default_rng([seed, 2]).standard_normal(len(move))
    lots = MEDIAN_VOLUME * (volatility / CALM) * np.exp(0.5 * (move - 0.67) + VOLUME_NOISE * noise)
    return np.maximum(np.rint(lots), 1).astype(np.int64)
