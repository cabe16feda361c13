"""The engine as a user calls it, on the sample market and on hand-made stores."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from numba.core.errors import NumbaError

from src.backtest import BacktestEngine
from src.backtest.result import BacktestResult
from src.core.config import load_config
from src.core.domain.market import BTC_JPY
from src.core.domain.orders import Reason
from src.core.domain.time import to_millis
from src.core.exceptions import ConfigError, NoCandles
from src.data.data_cache import DataCache
from src.data.sample_market import INFO, sample_candles
from tests.compiled_code import COMPILED

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config/backtest/base.yaml"
MARCH = datetime(2023, 3, 1), datetime(2023, 4, 1)


def run(
    start: datetime | None = MARCH[0], end: datetime | None = MARCH[1], days: int | None = None, **given: object
) -> BacktestResult:
    engine = BacktestEngine(**{"config": CONFIG, "data": "sample", **given})  # type: ignore[arg-type]
    return asyncio.run(engine.run_backtest(start_date=start, end_date=end, symbol="BTC/JPY", days=days))


@pytest.fixture(scope="module")
def march() -> BacktestResult:
    return run()


def test_the_seeds_own_call_works_as_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    engine = BacktestEngine(initial_balance=1000000, slippage_rate=0.0005, commission_rate=0.0012, data="sample")
    results = asyncio.run(
        engine.run_backtest(start_date=datetime(2024, 8, 1), end_date=datetime(2024, 9, 1), symbol="BTC/JPY")
    )
    assert results.summary["bars"] == 31 * 96
    assert results.summary["initial_balance"] == 1_000_000
    assert results.summary["taker_fee_rate"] == results.summary["maker_fee_rate"] == [0.0012]


def test_a_naive_date_is_japans(march: BacktestResult) -> None:
    assert march.summary["from"] == "2023-03-01 00:00 JST"
    assert march.tape.closed_at[0] == to_millis(datetime(2023, 2, 28, 15, 15, tzinfo=UTC))


def test_every_bar_has_one_reason(march: BacktestResult) -> None:
    assert sum(march.summary["reasons"].values()) == march.summary["bars"] == len(march.tape.closed_at)
    assert set(march.summary["reasons"]) == {reason.name for reason in Reason}


def test_the_trades_lead_from_the_first_balance_to_the_last(march: BacktestResult) -> None:
    first, last = (BTC_JPY.money(Decimal(str(march.summary[name]))) for name in ("initial_balance", "final_balance"))
    assert march.trades
    assert first + sum(trade.net for trade in march.trades) == last


def test_nothing_stays_open_at_the_end(march: BacktestResult) -> None:
    assert march.trades[-1].closed_at <= march.tape.closed_at[-1]
    held = march.output.position[-1] != 0
    assert held == (march.trades[-1].exit_reason.name == "END_OF_DATA")


def test_days_are_the_last_days_of_the_stored_candles() -> None:
    result = run(start=None, end=None, days=30)
    assert result.summary["bars"] == 30 * 96
    assert result.summary["to"] == "2026-01-01 09:00 JST"


def test_the_warm_up_comes_from_before_the_window(march: BacktestResult) -> None:
    assert march.summary["bars_cold"] == 0
    assert march.summary["bars_warmup"] > 120 * 96


def test_a_window_without_history_before_it_is_cold_and_says_so() -> None:
    result = run(start=None, end=datetime(2020, 2, 1))
    assert result.summary["bars_cold"] == result.summary["bars"] == result.summary["reasons"]["COLD"]
    assert result.summary["trades"] == 0


def test_synthetic_candles_are_marked_in_the_summary(march: BacktestResult) -> None:
    assert march.summary["synthetic"] is True


def test_the_commission_rate_replaces_the_fees_of_both_roles() -> None:
    free = run(commission_rate=0.0)
    assert free.summary["fees_jpy"] == 0
    assert free.summary["fee_schedule"] == "argument"


def test_dated_fees_charge_what_was_charged_on_the_day() -> None:
    settings = load_config(CONFIG)
    dated = settings.model_copy(update={"costs": settings.costs.model_copy(update={"schedule": "dated"})})
    before = run(config=dated)
    assert set(before.tape.taker_fee_ppm.tolist()) == {1200}
    assert set(run().tape.taker_fee_ppm.tolist()) == {1000}


def test_one_strategy_runs_alone(march: BacktestResult) -> None:
    alone = run(strategies=["atr_based"])
    assert alone.strategies == ("atr_based",)
    assert alone.output.votes.shape[1] == 1
    assert len(march.strategies) == 4


@pytest.mark.no_cover
def test_a_compiled_run_is_the_interpreted_one(march: BacktestResult) -> None:
    settings = load_config(CONFIG)
    always = settings.backtest.model_copy(update={"compile": "always", "cache": str(COMPILED)})
    compiled = run(config=settings.model_copy(update={"backtest": always}))
    assert compiled.trades == march.trades
    for fast, slow in zip(compiled.output, march.output, strict=True):
        assert fast.tobytes() == slow.tobytes()


def test_a_run_that_was_to_be_compiled_and_cannot_be_is_the_interpreted_one(march: BacktestResult, monkeypatch) -> None:
    def uncompilable(*_: object) -> None:
        raise NumbaError("a strategy of words")

    monkeypatch.setattr("src.backtest.compiled.compiled", lambda *_: uncompilable)
    settings = load_config(CONFIG)
    always = settings.backtest.model_copy(update={"compile": "always"})
    said: list[str] = []
    made = run(config=settings.model_copy(update={"backtest": always}), progress=lambda what, *_: said.append(what))
    assert "interpreted" in said
    assert made.trades == march.trades
    for one, other in zip(made.output, march.output, strict=True):
        assert one.tobytes() == other.tobytes()


def test_the_hash_of_a_run_knows_every_argument() -> None:
    day = {"start": datetime(2023, 3, 1), "end": datetime(2023, 3, 2)}
    hashes = {
        run(**day, **given).summary["config_hash"]  # type: ignore[arg-type]
        for given in (
            {},
            {"initial_balance": 2_000_000},
            {"slippage_rate": 0.001},
            {"commission_rate": 0.001},
            {"strategies": ["atr_based"]},
        )
    }
    assert len(hashes) == 5


def test_a_repeat_in_another_language_or_folder_is_no_new_try(tmp_path: Path) -> None:
    settings = load_config(CONFIG)
    elsewhere = settings.backtest.model_copy(
        update={"output": str(tmp_path), "trials": str(tmp_path / "trials"), "cache": str(tmp_path)}
    )
    counted = [
        run(config=settings.model_copy(update={"language": language, "backtest": elsewhere})).summary["trials_counted"]
        for language in ("ja", "en")
    ]
    changed = settings.model_copy(update={"backtest": elsewhere.model_copy(update={"latency_ms": 201})})
    assert [*counted, run(config=changed).summary["trials_counted"]] == [1, 1, 2]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"initial_balance": 0}, "initial balance"),
        ({"initial_balance": float("nan")}, "initial balance"),
        ({"initial_balance": 1.00001}, "initial balance"),
        ({"slippage_rate": 5}, "0.0005"),
        ({"slippage_rate": -0.1}, "slippage_rate"),
        ({"commission_rate": 0.00000001}, "commission_rate"),
        ({"strategies": ["atr_base"]}, "atr_based"),
        ({"strategies": []}, "no strategy"),
        ({"days": 0, "start": None}, "at least 1"),
        ({"days": 3}, "no start"),
        ({"start": MARCH[1], "end": MARCH[0]}, "before the end"),
    ],
)
def test_an_impossible_argument_is_refused_with_what_to_write(given: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        run(**given)  # type: ignore[arg-type]
    assert says in str(refused.value)


def test_another_symbol_is_refused() -> None:
    engine = BacktestEngine(config=CONFIG, data="sample")
    with pytest.raises(ConfigError, match="ETH/JPY"):
        asyncio.run(engine.run_backtest(*MARCH, symbol="ETH/JPY"))


def test_no_stored_candles_names_the_command_that_gets_them(tmp_path: Path) -> None:
    settings = load_config(CONFIG)
    empty = settings.model_copy(update={"data": settings.data.model_copy(update={"history": str(tmp_path)})})
    with pytest.raises(NoCandles, match=r"main\.py data download"):
        run(config=empty, data=None)


def test_a_range_without_candles_names_what_is_there(tmp_path: Path) -> None:
    candles = sample_candles(to_millis(datetime(2023, 3, 1)), to_millis(datetime(2023, 3, 2)))
    DataCache(tmp_path).append("kept", candles, INFO)
    settings = load_config(CONFIG)
    stored = settings.model_copy(update={"data": settings.data.model_copy(update={"history": str(tmp_path)})})
    with pytest.raises(NoCandles, match="2023-03-01 00:15 JST to 2023-03-02 00:00 JST"):
        run(start=datetime(2031, 1, 1), end=datetime(2031, 2, 1), data="kept", config=stored)


def test_decisions_do_not_depend_on_whether_the_candles_go_on(march: BacktestResult) -> None:
    shorter = run(end=datetime(2023, 3, 20))
    bars = len(shorter.tape.closed_at)
    for short, long in zip(shorter.output[:-1], march.output[:-1], strict=True):
        assert short.tobytes() == long[:bars].tobytes()
