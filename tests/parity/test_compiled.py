"""Compiled and interpreted are the same numbers, bit for bit; what cannot compile says so."""

import itertools
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from src.backtest.compiled import UNCOMPILABLE, cache_name, compiled
from src.backtest.fold import empty_output, fold, fresh_world
from src.backtest.playback import Player, run_beside
from src.core.domain.account import PredictionStatus
from src.core.domain.market import Side
from src.core.exceptions import BadCandles
from src.features.feature_generator import row_at
from src.features.row import Row
from src.strategies.base.strategy_manager import propose_all
from src.strategies.utils.constants import NO_SIGNAL, Signal
from src.trading.risk import ModelParams
from tests.backtest.made_worlds import KINDS, Made, Run, made_world, run_fold
from tests.compiled_code import COMPILED
from tests.parity.test_oracle import real_year

SOURCE = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture(scope="module")
def compiled_fold():
    """The fold compiled for the four strategies."""
    return compiled(fold, KINDS, COMPILED)


def assert_same(one: Run, other: Run) -> None:
    for name, left, right in zip(one.output._fields, one.output, other.output, strict=True):
        assert left.dtype == right.dtype
        assert left.tobytes() == right.tobytes(), f"{name} differs first at {np.argwhere(left != right)[:1]}"
    assert one.trades == other.trades
    assert one.world == other.world


def test_made_worlds_are_the_same_compiled(compiled_fold):
    trades = 0
    for seed, limit in itertools.product((1, 2, 5, 10), (False, True)):
        made = made_world(seed, bars=3_000, limit=limit)
        interpreted = run_fold(made)
        assert_same(interpreted, run_fold(made, run=compiled_fold, lists=False))
        trades += len(interpreted.trades)
    assert trades > 200


def test_a_model_judged_by_value_is_the_same_compiled(compiled_fold):
    made = made_world(1, bars=3_000)
    bars = len(made.tape.closed_at)
    said = np.random.default_rng(1).random(bars)
    good = np.full(bars, int(PredictionStatus.GOOD))
    made = made._replace(tape=made.tape._replace(prediction_status=good, prediction=said))
    trades = set()
    for model in (ModelParams(used=True, min_probability=0.5), ModelParams(used=True, by_value=True)):
        judged = made._replace(params=made.params._replace(model=model))
        interpreted = run_fold(judged)
        assert_same(interpreted, run_fold(judged, run=compiled_fold, lists=False))
        trades.add(len(interpreted.trades))
    assert len(trades) == 2
    assert min(trades) > 20


def test_a_real_year_is_the_same_compiled(compiled_fold, market_data_dir):
    year = real_year(market_data_dir / "btcjpy_gmo_spot_15m.parquet", 2022)
    for limit in (False, True):
        made = Made(year.tape, year.params, year.market._replace(entry=int(limit)), year.cash)
        interpreted = run_fold(made)
        assert_same(interpreted, run_fold(made, run=compiled_fold, lists=False))
        assert len(interpreted.trades) > 100


@pytest.mark.parametrize("chunk", [1, 7, 299])
def test_chunks_do_not_change_a_run(chunk):
    for seed in (3, 5):
        made = made_world(seed)
        assert_same(run_fold(made), run_fold(made, chunk=chunk))


@pytest.mark.parametrize(("worth", "cores"), [(1, 2), (1, 1), (3_001, 2)])
@pytest.mark.parametrize("steps", [[], [3_000], [1, 2, 3, 1_000, 2_999], [2_999, 3_000, 3_000], [5_000]])
def test_what_is_run_while_its_tape_grows_is_the_same(compiled_fold, steps, worth, cores, monkeypatch):
    monkeypatch.setattr("src.backtest.playback._WORTH_A_THREAD", worth)
    monkeypatch.setattr("src.backtest.playback.core_count", lambda: cores)
    made = made_world(2, bars=3_000)
    player, whole, grown = Player(made.tape, True, made.tape, compiled_fold), *(empty_output(3_000, 4) for _ in "wg")
    played = player.play(made.cash, made.params, made.market, whole)
    beside = player.play(made.cash, made.params, made.market, grown, growth=iter(steps))
    assert beside == played
    assert played.trades > 10
    for one, other in zip(whole, grown, strict=True):
        assert one.tobytes() == other.tobytes()


def test_a_tape_that_stops_growing_stops_the_run_and_its_thread():
    made = made_world(2, bars=300)
    threads, ran = threading.active_count(), []

    def growth():
        yield 100
        raise BadCandles("bar 200 is none", remedy="store it again")

    def run(reached, stop):
        ran.append(stop)
        return stop, *reached[1:]

    with pytest.raises(BadCandles, match="bar 200"):
        run_beside(growth(), run, (0, fresh_world(made.cash), 0))
    assert (threading.active_count(), ran) == (threads, [100])


def test_arrays_and_lists_give_the_same_run():
    made = made_world(4)
    assert_same(run_fold(made, lists=True), run_fold(made, lists=False))


class Sorted(NamedTuple):
    """A strategy that sorts numbers of two kinds, which numba does not."""

    stop: float = 1.0

    def propose(self, row: Row) -> Signal:
        order = sorted([row.close, row.closed_at], key=str)
        return Signal(Side.BUY, 1.0, float(order[0]), 0.0, 0.0, 0) if order else NO_SIGNAL

    def holds(self, row: Row, side: Side) -> bool:
        return True


class Formatted(NamedTuple):
    """A strategy that reads a number through text, which numba cannot."""

    stop: float = 1.0

    def propose(self, row: Row) -> Signal:
        return Signal(Side.BUY, 1.0, float(f"{row.close:.0f}"), 0.0, 0.0, 0) if row.close > 0 else NO_SIGNAL

    def holds(self, row: Row, side: Side) -> bool:
        return True


@pytest.mark.parametrize("kind", [Sorted, Formatted])
def test_a_strategy_that_cannot_be_compiled_runs_interpreted_and_says_so_compiled(kind):
    tape = made_world(1, bars=10).tape
    row = row_at(int(tape.closed_at[0]), 0, tape.rows, tape.places, 0)
    assert propose_all((kind(),), row)[0].side == Side.BUY
    with pytest.raises(UNCOMPILABLE):
        compiled(propose_all, (kind,), None)((kind(),), row)


def test_the_cache_has_another_name_when_a_source_changes(tmp_path):
    shutil.copytree(SOURCE, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    assert name_of(tmp_path) == cache_name(())
    edited = tmp_path / "src" / "trading" / "ledger.py"
    edited.write_text(edited.read_text().replace("one fee and interest function", "one function"))
    assert name_of(tmp_path) != cache_name(())


def name_of(root: Path) -> str:
    program = "from src.backtest.compiled import cache_name; print(cache_name(()))"
    ran = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def doubled(pair: tuple[object, object], column: object) -> object:
    return (pair[0] * 2, pair[1] * 2, column[0] * 2)  # type: ignore[index, operator]


class Pair(NamedTuple):
    one: object
    other: object


def test_compiled_code_is_never_given_a_kind_it_was_not_made_for():
    twin = compiled(doubled, (Formatted,), None)
    column = np.arange(1, 7)
    given = [
        (Pair(1, 2.5), column),
        (Pair(1, 2), column),
        (Pair(1.5, 2), column),
        (Pair(True, 2.5), column),
        (Pair(Side.SELL, 2.5), column),
        ((1, 2.5), column),
        (Pair(1, 2.5), column.astype(np.float64) / 4),
        (Pair(1, 2.5), column[::2]),
        (Pair(1, 2.5), column.astype(np.int8)),
    ]
    for _ in range(3):
        for pair, numbers in given:
            got = twin(pair, numbers)
            assert got == doubled(pair, numbers)
            assert [type(x) for x in got[:2]] == [type(x * 2) for x in pair]
    with pytest.raises(OverflowError):
        twin(Pair(2**64, 2.5), column)
