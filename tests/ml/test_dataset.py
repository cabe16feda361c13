"""Lines to learn from: known when their label is known, weighed among themselves, blind to what comes later."""

import numpy as np
import pytest

from src.core.domain.candles import Candles
from src.core.domain.time import DAY, parse_time
from src.core.orchestration.training_data import study
from src.core.orchestration.wiring import core_params
from src.data.sample_market import sample_candles
from src.features.row import COLUMNS, Quality
from src.ml.dataset import rows_of
from src.ml.labels import uniqueness
from src.ml.transform import INPUTS, finite
from tests.compiled_code import COMPILED
from tests.core.config.busy_market import busy_tape
from tests.ml.made_model import busy_dataset, settings

START, END, WARM = parse_time("2023-03-01"), parse_time("2023-05-01"), 160 * DAY


@pytest.fixture(scope="module")
def candles():
    return sample_candles(START - WARM, END)


def studied(candles, **environment):
    first = int(np.searchsorted(candles.closed_at, START, side="right"))
    return study(settings(backtest__compile="never", **environment), candles, first)


@pytest.fixture(scope="module")
def made(candles):
    return studied(candles)


def test_lines_stand_in_order_and_end_after_they_were_decided(made):
    lines = made.dataset
    assert len(lines.won) > 200
    assert (np.diff(lines.decided_at) > 0).all()
    assert (lines.ended_at > lines.decided_at).all()
    assert (lines.entered == lines.bar + 1).all()
    assert (lines.left >= lines.entered).all()
    assert (made.tape.closed_at[lines.left] == lines.ended_at).all()
    assert (made.tape.quality[lines.bar] == Quality.GOOD).all()


def test_a_line_won_exactly_if_something_was_left_after_costs(made):
    lines = made.dataset
    assert (lines.won == (lines.net > 0)).all()
    assert (np.sign(lines.net_bps) == np.sign(lines.net)).all()
    assert (np.sign(lines.net_r) == np.sign(lines.net)).all()
    assert 0.05 < lines.won.mean() < 0.95
    assert lines.inputs.shape == (len(lines.won), len(INPUTS))
    assert finite(lines.inputs).all()


def test_a_trade_that_is_still_open_at_the_end_is_no_line(made):
    open_ = made.labels.bar[made.labels.resolved == 0]
    assert len(open_) > 0
    assert not set(open_.tolist()) & set(made.dataset.bar.tolist())
    assert made.dataset.ended_at.max() <= made.tape.closed_at[-1]


def test_lines_that_are_taken_are_weighed_among_themselves(made):
    lines = made.dataset
    assert lines.weight == pytest.approx(uniqueness(lines.entered, lines.left))
    few = lines.take(np.arange(0, len(lines.won), 9))
    assert few.weight == pytest.approx(uniqueness(few.entered, few.left))
    assert few.weight.mean() > lines.weight.mean()
    assert (few.bar == lines.bar[::9]).all()


def test_the_hash_sees_every_line_and_every_column(made):
    lines = made.dataset
    assert lines.sha256() == lines.take(np.arange(len(lines.won))).sha256()
    assert lines.sha256() != lines.take(np.arange(1, len(lines.won))).sha256()
    for name in lines._fields:
        changed = getattr(lines, name).copy()
        changed.flat[-1] = changed.flat[-1] + 1
        assert lines._replace(**{name: changed}).sha256() != lines.sha256()


@pytest.mark.no_cover
def test_a_poisoned_future_changes_no_line_that_was_known_before(candles, made):
    cut = int(made.tape.closed_at[len(made.tape.closed_at) // 2])
    later = candles.closed_at > cut
    absurd = (np.where(later, column * 3, column) for column in candles.columns[1:5])
    poisoned = studied(Candles(candles.closed_at, *absurd, candles.volume)).dataset
    known = [np.flatnonzero(lines.ended_at <= cut) for lines in (made.dataset, poisoned)]
    assert len(known[0]) > 80
    assert made.dataset.take(known[0]).sha256() == poisoned.take(known[1]).sha256()
    assert poisoned.sha256() != made.dataset.sha256()


def test_labels_that_are_shifted_by_one_line_are_found_by_reckoning_one_anew(made):
    """The check: a line's result is that of the trade its own bar proposes; a shifted table fails it at once."""
    lines, trades = made.dataset, made.labels.trades
    place = {int(bar): n for n, bar in enumerate(made.labels.bar.tolist())}

    def own(net) -> bool:
        return all(trades[place[int(bar)], 10] == value for bar, value in zip(lines.bar, net, strict=True))

    assert own(lines.net)
    assert not own(np.roll(lines.net, 1))


@pytest.mark.no_cover
def test_compiled_lines_are_the_same(candles, made):
    machine = study(
        settings(backtest__compile="always", backtest__cache=str(COMPILED)),
        candles,
        int(np.searchsorted(candles.closed_at, START, side="right")),
    )
    assert machine.dataset.sha256() == made.dataset.sha256()
    assert machine.terms == made.terms


@pytest.mark.no_cover
def test_costs_are_todays_whatever_the_schedule_of_the_run(candles, made):
    dated = studied(candles, costs__schedule="dated")
    assert dated.dataset.sha256() == made.dataset.sha256()
    assert set(made.tape.taker_fee_ppm.tolist()) == {1_000}


def test_rows_have_every_column_in_its_place():
    tape = busy_tape()
    rows = rows_of(tape, np.array([3, 5]))
    assert rows.shape == (2, len(COLUMNS))
    assert rows.tolist() == tape.rows[[3, 5]].tolist()
    assert len(busy_dataset(core_params(settings())).won) > 300
