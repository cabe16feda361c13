"""The sweep: same bytes whatever the processes, the kills and the compiler; every set counted."""

import asyncio
import json
import os
import signal
import sys
from datetime import datetime
from multiprocessing import active_children
from pathlib import Path
from typing import NamedTuple

import pytest

from src.backtest import BacktestEngine
from src.backtest.fold import empty_output
from src.backtest.playback import compiled_player
from src.backtest.sweep import Request, Sweep, prepare_sweep, run_sweep
from src.backtest.sweep_store import RESULTS, RETURNS, UNFINISHED, read_results, read_returns
from src.backtest.tape import frozen
from src.backtest.trial_ledger import TrialLedger
from src.core.clock import ManualClock
from src.core.config import load_config
from src.core.domain.market import Money, Side
from src.core.domain.time import Millis
from src.core.exceptions import ConfigError, DataError, StoreDamaged
from src.features.row import Row
from src.strategies.utils.constants import NO_SIGNAL, Signal
from tests.backtest.made_worlds import made_world
from tests.compiled_code import COMPILED

CONFIG = Path(__file__).resolve().parents[2] / "config/backtest/base.yaml"
FEBRUARY = datetime(2021, 2, 1), datetime(2021, 2, 11)
REQUEST = Request(
    grids=("atr_based.stop=0.5,1.0,2.0", "sizing.risk_per_trade=0.0025,0.005"),
    data="sample",
    start=FEBRUARY[0],
    end=FEBRUARY[1],
)
INTERPRETED = {"TRADER__BACKTEST__COMPILE": "never"}


def prepared(request: Request = REQUEST, **environ: str) -> Sweep:
    return prepare_sweep(request, CONFIG, {**INTERPRETED, **environ})


def ledger_in(folder: Path) -> TrialLedger:
    return TrialLedger(folder / "trials", ManualClock(Millis(1_700_000_000_000)))


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    return prepared()


@pytest.fixture(scope="module")
def undisturbed(sweep: Sweep, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep in one process that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    run_sweep(sweep, folder, ledger_in(folder), processes=1)
    return folder


@pytest.fixture(scope="module")
def whole(undisturbed: Path) -> bytes:
    """Its results."""
    return (undisturbed / RESULTS).read_bytes()


def is_same(folder: Path, other: Path) -> bool:
    """Whether two sweeps wrote the same lines and the same returns."""
    return all((folder / name).read_bytes() == (other / name).read_bytes() for name in (RESULTS, RETURNS))


class Stop:
    """Progress that interrupts a sweep after so many sets, as Ctrl-C does."""

    def __init__(self, after: int) -> None:
        self.after = after

    def __call__(self, what: str, done: int, of: int) -> None:
        if what == "sets" and done >= self.after:
            raise KeyboardInterrupt


def stopped(sweep: Sweep, folder: Path, after: int, processes: int = 1) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_sweep(sweep, folder, ledger_in(folder), resume=True, processes=processes, progress=Stop(after))


def test_each_set_gives_what_a_backtest_with_its_parameters_gives(whole: bytes, tmp_path: Path):
    lines = [json.loads(line) for line in whole.splitlines()]
    assert [line["set"] for line in lines] == list(range(6))
    assert len({line["final_balance_jpy"] for line in lines}) > 3
    for line in lines:
        params = {
            "TRADER__BACKTEST__TRIALS": str(tmp_path / "trials"),
            "TRADER__STRATEGIES__ATR_BASED__PARAMS__STOP": str(line["atr_based.stop"]),
            "TRADER__SIZING__RISK_PER_TRADE": str(line["sizing.risk_per_trade"]),
        }
        engine = BacktestEngine(config=load_config(CONFIG, {**INTERPRETED, **params}), data="sample")
        summary = asyncio.run(engine.run_backtest(*FEBRUARY)).summary
        assert line["final_balance_jpy"] == summary["final_balance"]
        for name in ("return_pct", "max_drawdown_pct", "trades", "fees_jpy", "interest_jpy", "slippage_jpy"):
            assert line[name] == pytest.approx(summary[name], rel=1e-12), name


def test_two_processes_write_the_bytes_of_one(sweep: Sweep, undisturbed: Path, tmp_path: Path):
    run_sweep(sweep, tmp_path, ledger_in(tmp_path), processes=2)
    assert is_same(tmp_path, undisturbed)


@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_stopped_sweep_resumes_to_the_same_bytes(sweep: Sweep, undisturbed: Path, tmp_path: Path, after: int):
    stopped(sweep, tmp_path, after)
    assert not (tmp_path / RESULTS).exists()
    assert len(read_results(tmp_path)) == after
    run_sweep(sweep, tmp_path, ledger_in(tmp_path), resume=True, processes=1)
    assert is_same(tmp_path, undisturbed)
    assert not (tmp_path / UNFINISHED).exists()


def test_what_a_kill_left_of_a_line_is_written_anew(sweep: Sweep, whole: bytes, tmp_path: Path):
    stopped(sweep, tmp_path, 2)
    lines = whole.splitlines(keepends=True)
    (tmp_path / UNFINISHED).write_bytes(b"".join(lines[:2]) + lines[2][:40])
    run_sweep(sweep, tmp_path, ledger_in(tmp_path), resume=True, processes=1)
    assert (tmp_path / RESULTS).read_bytes() == whole


def test_a_finished_sweep_is_not_run_again(sweep: Sweep, undisturbed: Path, whole: bytes, tmp_path: Path):
    stopped(sweep, tmp_path, 0)
    (tmp_path / UNFINISHED).write_bytes(whole)
    (tmp_path / RETURNS).write_bytes((undisturbed / RETURNS).read_bytes())
    run_sweep(sweep, tmp_path, ledger_in(tmp_path), resume=True, progress=Stop(7))
    assert (tmp_path / RESULTS).read_bytes() == whole


def test_returns_a_kill_left_without_a_line_are_written_anew_and_missing_ones_are_damage(
    sweep: Sweep, undisturbed: Path, tmp_path: Path
):
    stopped(sweep, tmp_path, 3)
    with (tmp_path / RETURNS).open("ab") as file:
        file.write(bytes(100))
    stopped(sweep, tmp_path, 4)
    assert (tmp_path / RETURNS).stat().st_size == 4 * 8 * sweep.manifest["days"]
    os.truncate(tmp_path / RETURNS, 30)
    with pytest.raises(StoreDamaged, match="lacks the returns"):
        run_sweep(sweep, tmp_path, ledger_in(tmp_path), resume=True)
    with pytest.raises(StoreDamaged, match="lacks the returns"):
        read_returns(tmp_path, sweep.manifest["days"], 4)


def test_the_returns_of_each_set_are_those_of_its_line(sweep: Sweep, undisturbed: Path):
    lines = read_results(undisturbed)
    returns = read_returns(undisturbed, sweep.manifest["days"], len(lines))
    assert returns.shape == (11, 6)
    for line, series in zip(lines, returns.T, strict=True):
        assert line["sharpe_daily"] == pytest.approx(series.mean() / series.std(ddof=1))


def test_a_line_that_is_not_the_next_set_is_damage(sweep: Sweep, whole: bytes, tmp_path: Path):
    stopped(sweep, tmp_path, 0)
    lines = whole.splitlines(keepends=True)
    (tmp_path / UNFINISHED).write_bytes(lines[0] + lines[2])
    with pytest.raises(StoreDamaged, match="line 2 is not the result of set 1"):
        run_sweep(sweep, tmp_path, ledger_in(tmp_path), resume=True)


def test_a_folder_with_a_sweep_is_not_written_to_without_being_asked(sweep: Sweep, tmp_path: Path):
    stopped(sweep, tmp_path, 1)
    before = (tmp_path / UNFINISHED).read_bytes()
    with pytest.raises(ConfigError, match="holds a sweep already"):
        run_sweep(sweep, tmp_path, ledger_in(tmp_path))
    assert (tmp_path / UNFINISHED).read_bytes() == before


def test_another_sweep_is_not_resumed_and_what_changed_is_named(sweep: Sweep, tmp_path: Path):
    stopped(sweep, tmp_path, 1)
    other = prepared(REQUEST._replace(grids=("atr_based.stretch=0.5,1.0",)), TRADER__COSTS__SLIPPAGE="0.001")
    with pytest.raises(ConfigError, match="holds another sweep: sets, grids, config_hash changed"):
        run_sweep(other, tmp_path, ledger_in(tmp_path), resume=True)


def test_one_process_writes_to_a_folder(sweep: Sweep, tmp_path: Path):
    def second(what: str, done: int, of: int) -> None:
        run_sweep(sweep, tmp_path, ledger_in(tmp_path), resume=True)

    with pytest.raises(DataError, match="another process"):
        run_sweep(sweep, tmp_path, ledger_in(tmp_path), progress=second)


def test_every_set_is_counted_once_however_often_the_sweep_was_stopped(sweep: Sweep, tmp_path: Path):
    stopped(sweep, tmp_path, 2)
    assert ledger_in(tmp_path).summary(sweep.family).tried == 2
    run_sweep(sweep, tmp_path, ledger_in(tmp_path), resume=True, processes=1)
    counted = ledger_in(tmp_path).summary(sweep.family)
    sharpes = [line["sharpe_daily"] for line in read_results(tmp_path)]
    mean = sum(sharpes) / len(sharpes)
    assert counted.tried == 6
    assert 1.0 < counted.independent < 6.0  # the sets resemble one another
    assert counted.variance == pytest.approx(sum((x - mean) ** 2 for x in sharpes) / 5)
    assert ledger_in(tmp_path).verify().harmless


def test_the_sample_market_is_not_counted_with_the_real_one(sweep: Sweep):
    assert sweep.family == "BTC/JPY synthetic"


def test_random_sets_are_the_same_in_any_number_of_processes(tmp_path: Path):
    request = REQUEST._replace(ranges=("multi_timeframe.trend=0.1:0.5",), random=5, seed=3, strategies=None)
    for name, processes in (("one", 1), ("two", 2)):
        run_sweep(prepared(request), tmp_path / name, ledger_in(tmp_path), processes=processes)
    assert (tmp_path / "one" / RESULTS).read_bytes() == (tmp_path / "two" / RESULTS).read_bytes()


@pytest.mark.no_cover
def test_a_long_sweep_moves_to_processes_and_a_short_one_does_not(sweep: Sweep, whole: bytes, tmp_path: Path):
    helpers: list[int] = []

    class Counting(Stop):
        def __call__(self, what: str, done: int, of: int) -> None:
            helpers.append(len(active_children()))
            super().__call__(what, done, of)

    run_sweep(sweep, tmp_path / "short", ledger_in(tmp_path), progress=Counting(7))
    assert max(helpers) == 0
    assert (tmp_path / "short" / RESULTS).read_bytes() == whole
    long = prepared(REQUEST._replace(grids=(), ranges=("atr_based.stop=0.5:2",), random=1_000, days=None))
    for name, processes in (("long", None), ("alone", 1)):
        with pytest.raises(KeyboardInterrupt):
            run_sweep(long, tmp_path / name, ledger_in(tmp_path), processes=processes, progress=Counting(30))
    assert (max(helpers) > 0) == (len(os.sched_getaffinity(0)) > 1)
    assert (tmp_path / "long" / UNFINISHED).read_bytes() == (tmp_path / "alone" / UNFINISHED).read_bytes()


@pytest.mark.no_cover
def test_a_process_that_is_killed_is_told_and_the_sweep_resumes_to_the_same_bytes(tmp_path: Path):
    request = REQUEST._replace(grids=(), ranges=("atr_based.stop=0.5:2",), random=60)
    sweep = prepared(request)

    def kill_one(what: str, done: int, of: int) -> None:
        if what == "sets" and done == 5:
            os.kill(active_children()[0].pid or 0, signal.SIGKILL)

    with pytest.raises(ConfigError, match="ended from outside"):
        run_sweep(sweep, tmp_path / "s", ledger_in(tmp_path), processes=2, progress=kill_one)
    run_sweep(sweep, tmp_path / "s", ledger_in(tmp_path), resume=True, processes=1)
    run_sweep(sweep, tmp_path / "whole", ledger_in(tmp_path), processes=1)
    assert (tmp_path / "s" / RESULTS).read_bytes() == (tmp_path / "whole" / RESULTS).read_bytes()


def test_a_strategy_that_cannot_be_compiled_is_played_interpreted_and_that_is_told():
    made = made_world(1, bars=50)
    params = made.params._replace(strategies=(Formatted(),), weights=(1.0,))
    told: list[str] = []
    player = compiled_player(frozen(made.tape), params, made.market, None, lambda what, done, of: told.append(what))
    assert told == ["compiling", "interpreted"]
    assert not player.compiled
    assert player.play(Money(made.cash), params, made.market, empty_output(50, 1)).world.book.cash > 0


class Formatted(NamedTuple):
    """A strategy that reads a number through text, which numba cannot."""

    stop: float = 1.0

    def propose(self, row: Row) -> Signal:
        return Signal(Side.BUY, 1.0, float(f"{row.close:.0f}"), 0.0, 0.0, 0) if row.close > 0 else NO_SIGNAL

    def holds(self, row: Row, side: Side) -> bool:
        return True


def test_an_impossible_set_is_refused_before_anything_runs(tmp_path: Path):
    with pytest.raises(ConfigError, match="max_risk_per_trade") as caught:
        prepared(REQUEST._replace(grids=("sizing.risk_per_trade=0.005,0.02",), data=str(tmp_path / "none.csv")))
    assert "--grid sizing.risk_per_trade at 0.02" in str(caught.value)


def test_a_sweep_with_a_model_is_refused_for_it_would_hold_in_every_set_but_one():
    with pytest.raises(ConfigError, match="cannot ask a model"):
        prepare_sweep(REQUEST, environ={"TRADER__MODEL__USED": "true"})


def test_a_parameter_of_a_strategy_that_does_not_run_is_refused():
    with pytest.raises(ConfigError, match="does not run"):
        prepared(REQUEST._replace(strategies=("mochipoy_alert",)))


@pytest.mark.parametrize("processes", [0, -1])
def test_less_than_one_process_is_refused(sweep: Sweep, tmp_path: Path, processes: int):
    with pytest.raises(ConfigError, match="cannot work"):
        run_sweep(sweep, tmp_path, ledger_in(tmp_path), processes=processes)


def test_compiled_sets_have_the_bytes_of_interpreted_ones(whole: bytes, tmp_path: Path):
    cache = {"TRADER__BACKTEST__COMPILE": "always", "TRADER__BACKTEST__CACHE": str(COMPILED)}
    sweep = prepared(**cache)
    assert sweep.job.compiled
    told: list[str] = []
    folder = tmp_path / "sweep"
    run_sweep(sweep, folder, ledger_in(tmp_path), processes=2, progress=lambda what, done, of: told.append(what))
    assert (folder / RESULTS).read_bytes() == whole
    assert "compiling" in told
    assert "interpreted" not in told


def test_a_cluster_without_dask_is_told_how_to_get_it(sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "distributed", None)  # as on a machine where it is not installed
    with pytest.raises(ConfigError, match=r"pip install 'dask\[distributed\]'"):
        run_sweep(sweep, tmp_path, ledger_in(tmp_path), cluster="tcp://127.0.0.1:8786")
