"""The sample market against the real one: what must be alike is measured on real candles, year by year."""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.core.domain.candles import Candles
from src.core.domain.time import BAR_15M, DAY, HOUR, Millis, parse_time
from src.core.exceptions import ConfigError
from src.data.candle_file import read_candles
from src.data.quality import ROBUST, assess, describe
from src.data.sample_market import FIRST, HOURLY, INFO, LAST, sample_candles

Floats = npt.NDArray[np.float64]

REAL = (
    "btcjpy_gmo_spot_15m.parquet",
    "btcjpy_gmo_lev_15m_2021_2022.parquet",
    "btcjpy_bitbank_15m_2018.parquet",
    "btcjpy_proxy_15m.parquet",
)
SEVEN_YEARS = (FIRST, parse_time("2027-01-01T00:00+00:00"))


class Facts(NamedTuple):
    """The stylised facts of one calendar year of quarter hours."""

    kurtosis: float  # of log returns
    next_bar: float  # autocorrelation of absolute returns at lag 1
    next_day: float  # at lag 96
    daily_ratio: float  # largest over smallest hourly mean of absolute returns
    daily_likeness: float  # correlation of the 24 hourly means with the usual profile
    jump_rate: float  # share of absolute returns above 5 robust deviations


def returns(candles: Candles) -> Floats:
    """Return log returns on the full time grid; NaN where a bar or the one before it is missing."""
    grid = (candles.closed_at - candles.closed_at[0]) // BAR_15M
    price = np.full(int(grid[-1]) + 1, np.nan)
    price[grid] = np.log(candles.close)
    return np.diff(price, prepend=np.nan)


def autocorrelation(values: Floats, lag: int) -> float:
    a, b = values[:-lag], values[lag:]
    both = np.isfinite(a) & np.isfinite(b)
    return float(np.corrcoef(a[both], b[both])[0, 1])


def facts(candles: Candles) -> Facts:
    change = returns(candles)
    hour = (candles.closed_at[0] - BAR_15M + BAR_15M * np.arange(len(change))) // HOUR % 24
    profile = np.array([np.nanmean(np.abs(change[hour == h])) for h in range(24)])
    known = change[np.isfinite(change)]
    spread = ROBUST * np.median(np.abs(known - np.median(known)))
    return Facts(
        kurtosis=float(np.mean((known - known.mean()) ** 4) / known.var() ** 2),
        next_bar=autocorrelation(np.abs(change), 1),
        next_day=autocorrelation(np.abs(change), 96),
        daily_ratio=float(profile.max() / profile.min()),
        daily_likeness=float(np.corrcoef(profile, HOURLY)[0, 1]),
        jump_rate=float(np.mean(np.abs(known) > 5 * spread)),
    )


def years(candles: Candles) -> list[Candles]:
    """Return the calendar years (UTC) of a series, none shorter than two months."""
    of = (candles.closed_at - 1).astype("datetime64[ms]").astype("datetime64[Y]")
    parts = [candles.rows(of == year) for year in np.unique(of)]
    return [part for part in parts if len(part) > 60 * 96]


@pytest.fixture(scope="module")
def sample() -> Candles:
    return sample_candles(*SEVEN_YEARS)


@pytest.mark.parametrize("fact", Facts._fields)
def test_every_year_of_the_sample_lies_in_the_range_of_the_real_years(
    market_data_dir: Path, sample: Candles, fact: str
):
    real = [getattr(facts(year), fact) for name in REAL for year in years(read_candles(market_data_dir / name).candles)]
    assert len(real) >= 14
    made = [getattr(facts(year), fact) for year in years(sample)]
    assert len(made) == 7
    assert min(real) <= min(made), f"{fact}: sample {min(made):.4g} to {max(made):.4g}, real from {min(real):.4g}"
    assert max(made) <= max(real), f"{fact}: sample {min(made):.4g} to {max(made):.4g}, real to {max(real):.4g}"


def test_no_edge_is_planted():
    """Neither the mean nor yesterday's direction says anything, over many markets."""
    drift, echo = [], []
    for seed in range(100, 124):
        close = sample_candles(*(FIRST, parse_time("2022-01-01T00:00+00:00")), seed=seed).close
        change = np.diff(close) / close[:-1]
        drift.append(change.mean() / change.std() * np.sqrt(len(change)))
        sign = np.sign(change)
        echo.append(np.mean(sign[1:] * sign[:-1]) * np.sqrt(len(sign)))
    for scores in (drift, echo):  # each is near standard normal if there is no edge; 4 of their mean's deviations
        assert abs(np.mean(scores)) < 4 / np.sqrt(len(scores))


@settings(max_examples=15)
@given(st.integers(0, 900), st.integers(1, 40), st.integers(0, 3))
def test_a_bar_is_the_same_whatever_range_is_asked_for(first: int, days: int, seed: int):
    start, end = Millis(FIRST + first * DAY + 12_345), Millis(FIRST + (first + days) * DAY)
    wide = sample_candles(FIRST, Millis(end + 400 * DAY), seed)
    assert sample_candles(start, end, seed) == wide.between(start, end)


def test_seeds_are_different_markets():
    span = (FIRST, Millis(FIRST + 30 * DAY))
    assert sample_candles(*span, seed=1) != sample_candles(*span, seed=2)
    assert sample_candles(*span) == sample_candles(*span, seed=7)


def test_its_candles_are_whole_sound_and_plausible(sample: Candles):
    report = assess(sample, BAR_15M)
    assert (report.missing, report.impossible, report.off_grid_times, report.flat_runs) == (0, 0, 0, 0), describe(
        report
    )
    assert sample.bar(0).closed_at == FIRST + BAR_15M
    assert sample.open[0] == 3_000_000
    assert (sample.open[1:] == sample.close[:-1]).all()
    assert sample.low.min() > 500_000
    assert sample.high.max() < 50_000_000
    assert sample.volume.min() > 0


def test_volume_comes_with_movement(sample: Candles):
    move = np.abs(np.log(sample.close / sample.open))
    assert np.corrcoef(move, np.log(sample.volume))[0, 1] > 0.3


def test_two_years_take_less_than_two_seconds():
    before = time.perf_counter()
    assert len(sample_candles(FIRST, Millis(FIRST + 730 * DAY))) == 730 * 96
    assert time.perf_counter() - before < 2.0


@pytest.mark.parametrize(("start", "end"), [(FIRST - 1, FIRST + DAY), (FIRST, LAST + 1), (FIRST + DAY, FIRST + DAY)])
def test_a_range_outside_its_time_is_a_wrong_argument(start: int, end: int):
    with pytest.raises(ConfigError, match="the sample market has no bars"):
        sample_candles(Millis(start), Millis(end))


def test_it_says_that_it_is_made_up():
    assert INFO.synthetic
    assert INFO.name == "sample"
