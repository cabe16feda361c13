"""Every candle file of the real market goes in, is checked and comes out as it was."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from src.core.domain.candles import SeriesInfo
from src.core.domain.time import BAR_15M, Millis
from src.core.exceptions import BadCandles
from src.data.candle_file import NEEDED, CandleFile, read_candles
from src.data.data_cache import DataCache
from src.data.quality import assess, describe

ALWAYS = (Millis(0), Millis(2**62))


def candle_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.parquet")) if set(NEEDED) <= set(pq.read_schema(path).names)]


def test_every_candle_file_is_imported_whole_and_sound(market_data_dir: Path, tmp_path: Path):
    files = candle_files(market_data_dir)
    assert len(files) >= 7
    for path in files:
        given = read_candles(path)
        cache = DataCache(tmp_path)
        info = SeriesInfo(path.stem.lower(), "BTC/JPY", given.timeframe, False, f"file {path.name}")
        assert cache.append(info.name, given.candles, info) == len(given.candles)
        assert DataCache(tmp_path).read(info.name, *ALWAYS) == given.candles
        report = assess(given.candles, given.timeframe, given.intake)
        assert (report.impossible, report.off_grid_times) == (0, 0), describe(report)
        assert report.coverage > 0.98, describe(report)


def test_files_of_trades_and_quotes_are_refused_as_candles(market_data_dir: Path):
    others = sorted(set(market_data_dir.glob("*.parquet")) - set(candle_files(market_data_dir)))
    assert others
    for path in others:
        with pytest.raises(BadCandles, match="the column 'open' is missing"):
            read_candles(path)


@pytest.mark.parametrize(
    ("minutes", "quarters"),
    [
        ("btcjpy_gmo_spot_1m.parquet", "btcjpy_gmo_spot_15m.parquet"),
        ("btcjpy_bitbank_1m_2018.parquet", "btcjpy_bitbank_15m_2018.parquet"),
    ],
)
def test_quarter_hours_made_of_real_minutes_equal_the_real_quarter_hours(
    market_data_dir: Path, minutes: str, quarters: str
):
    made, real = read_candles(market_data_dir / minutes), read_candles(market_data_dir / quarters)
    first = max(made.candles.bar(0).closed_at, real.candles.bar(0).closed_at)
    last = min(made.candles.bar(-1).closed_at, real.candles.bar(-1).closed_at)
    ours, theirs = (each.candles.between(Millis(first - 1), last) for each in (made, real))
    assert len(theirs) > 30_000
    assert ours == theirs, f"{sum(a != b for a, b in zip(ours, theirs, strict=False))} bars differ"


def test_the_crash_of_january_2018_is_reported_and_kept(market_data_dir: Path):
    given: CandleFile = read_candles(market_data_dir / "btcjpy_bitbank_15m_2018.parquet")
    report = assess(given.candles, BAR_15M)
    assert any("2018-01-17" in line for line in describe(report))
    assert report.bars == given.rows
