"""Every real candle file, every calendar year in it: imported, checked, run, and recomputed by other arithmetic."""

import asyncio
import csv
import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from src.backtest import BacktestEngine
from src.backtest.reporter import decisions_table, trades_csv, write_run
from src.backtest.result import BacktestResult
from src.core.config import Settings, load_config
from src.core.domain.candles import SeriesInfo
from src.core.domain.time import to_datetime
from src.data.candle_file import read_candles
from src.data.data_cache import DataCache
from src.data.quality import assess
from tests.compiled_code import COMPILED

CONFIG = Path(__file__).resolve().parents[2] / "config/backtest/base.yaml"
NEEDED = {
    "bars", "trades", "initial_balance", "final_balance", "return_pct", "buy_and_hold_pct", "max_drawdown_pct",
    "fees_jpy", "interest_jpy", "slippage_jpy", "reasons", "bars_halted", "bars_cold", "data_hash", "config_hash",
    "synthetic",
}  # fmt: skip
GMO = "btcjpy_gmo_spot_15m.parquet"


def candle_files() -> list[Path]:
    """Return the candle files there are, or none; which tests exist is decided before fixtures run."""
    folder = Path(os.environ.get("MARKET_DATA_DIR") or ".")
    return [
        path
        for path in sorted(folder.glob("*.parquet"))
        if {"open", "high", "low", "close"} <= set(pq.read_schema(path).names)
    ]


def runs() -> Iterator[Any]:
    for path in candle_files():
        times = pq.read_table(path, columns=["timestamp"])["timestamp"]
        for year in range(times[0].as_py().year, times[-1].as_py().year + 1):
            yield pytest.param(path, year, id=f"{path.stem}-{year}")


@lru_cache(maxsize=2)
def known(path: Path, year: int) -> BacktestResult:
    """Return a year's run; several tests look at the same one."""
    return backtest(path, year)


def compiling() -> Settings:
    """Return the settings of a run of any length as machine code, which gives the same bits sooner."""
    settings = load_config(CONFIG)
    how = settings.backtest.model_copy(update={"compile": "always", "cache": str(COMPILED)})
    return settings.model_copy(update={"backtest": how})


def backtest(path: Path, year: int, **given: Any) -> BacktestResult:
    # a few strategies alone would be compiled for one run each
    engine = BacktestEngine(config=CONFIG if given else compiling(), data=str(path), **given)
    return asyncio.run(engine.run_backtest(datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize(("path", "year"), [*runs()])
def test_a_year_runs_and_adds_up(market_data_dir: Path, path: Path, year: int) -> None:
    result = known(path, year)
    summary = result.summary
    assert set(summary) >= NEEDED
    assert sum(summary["reasons"].values()) == summary["bars"]
    assert summary["synthetic"] is False
    trades = [*csv.DictReader(io.StringIO(trades_csv(result)))]
    assert len(trades) == summary["trades"]
    total = sum((Fraction(trade["net_jpy"]) for trade in trades), Fraction(str(summary["initial_balance"])))
    assert total == Fraction(str(summary["final_balance"]))
    for trade in trades:
        recompute(trade)


def recompute(trade: dict[str, str]) -> None:
    """Check one line of trades.csv from its prices, amount and times alone, with today's rates."""
    amount, entry, exit_ = (Fraction(trade[name]) for name in ("amount_btc", "entry", "exit"))
    sign = {"BUY": 1, "SELL": -1}[trade["side"]]
    fee = up(amount * entry * Fraction("0.001")) + up(amount * exit_ * Fraction("0.001"))
    opened, closed = (japanese_day(int(trade[name])) for name in ("opened_at_ms", "closed_at_ms"))
    interest = ((closed - opened).days + 1) * up(amount * entry * Fraction("0.0004"))
    gross = amount * (exit_ - entry) * sign
    assert Fraction(trade["gross_jpy"]) == gross
    assert Fraction(trade["fee_jpy"]) == fee
    assert Fraction(trade["interest_jpy"]) == interest
    assert Fraction(trade["net_jpy"]) == gross - fee - interest


def up(jpy: Fraction) -> Fraction:
    """Round up to 0.0001 JPY."""
    return Fraction(ceil(jpy * 10_000), 10_000)


def japanese_day(at: int) -> datetime:
    moment = to_datetime(at) + timedelta(hours=9)  # type: ignore[arg-type]  # a plain number from the file
    return datetime(moment.year, moment.month, moment.day)


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in candle_files()])
def test_a_file_is_stored_checked_and_read_back_whole(market_data_dir: Path, tmp_path: Path, path: Path) -> None:
    given = read_candles(path)
    store = DataCache(tmp_path)
    store.append("series", given.candles, SeriesInfo("series", "BTC/JPY", given.timeframe, False, path.name))
    kept = DataCache(tmp_path, read_only=True).read(
        "series", given.candles.closed_at[0] - 1, given.candles.closed_at[-1]
    )
    assert kept == given.candles
    report = assess(kept, given.timeframe)
    assert report.impossible == 0
    assert report.bars == len(kept)


@pytest.mark.parametrize("year", [2022, 2023])
def test_gmo_years_trade_both_sides_and_no_refusal_dominates(market_data_dir: Path, year: int) -> None:
    summary = known(market_data_dir / GMO, year).summary
    assert summary["trades"] >= 100
    assert min(summary["trades_by_side"].values()) >= 20
    acted = {"ENTER", "HOLD_POSITION", "EXIT_POSITION", "ENTRY_WAITING"}
    refusals = {name: bars for name, bars in summary["reasons"].items() if name not in acted}
    assert max(refusals.values()) <= 0.8 * summary["bars"]


@pytest.mark.parametrize("year", [2022, 2023])
@pytest.mark.parametrize("strategy", ["atr_based", "mochipoy_alert", "multi_timeframe", "fibonacci_retracement"])
def test_each_strategy_alone_trades_in_a_gmo_year(market_data_dir: Path, strategy: str, year: int) -> None:
    assert backtest(market_data_dir / GMO, year, strategies=[strategy]).summary["trades"] >= 20


def test_two_runs_write_the_same_bytes(market_data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADER__BACKTEST__TRIALS", str(tmp_path / "trials"))  # others count theirs meanwhile
    for name in ("first", "second"):
        write_run(backtest(market_data_dir / GMO, 2022), tmp_path / name)
    for file in ("summary.json", "trades.csv", "decisions.parquet", "candles.parquet"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


@pytest.mark.parametrize("share", [0.2, 0.55, 0.93])
def test_a_year_decides_alike_whether_its_file_ends_or_goes_on(
    market_data_dir: Path, tmp_path: Path, share: float
) -> None:
    table = pq.read_table(market_data_dir / GMO)
    whole = decisions_table(known(market_data_dir / GMO, 2022))
    last = whole["closed_at"][int(share * len(whole))].as_py()
    opened = [moment.as_py() for moment in table["timestamp"]]
    cut = table.slice(0, next(i for i, moment in enumerate(opened) if moment >= last))
    pq.write_table(cut, tmp_path / "cut.parquet")
    short = decisions_table(backtest(tmp_path / "cut.parquet", 2022))
    assert short.equals(whole.slice(0, len(short)))
    assert short["closed_at"][-1].as_py() == last
