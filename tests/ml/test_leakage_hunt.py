"""The hunt: every way in which a test can get into its training is planted, and the check about it has to find it."""

from functools import partial

import numpy as np
import pytest

from src.core.config import load_config
from src.core.domain.account import Trade
from src.core.domain.candles import Candles
from src.core.domain.time import DAY, HOUR, Millis, parse_time
from src.core.orchestration.proposals import asked_of
from src.core.orchestration.training_data import study
from src.data.sample_market import sample_candles
from src.ml.labels import LABEL_LOTS, label_at
from src.ml.leaks import (
    Leak,
    changed_by_the_future,
    find_leaks,
    gain_on_prior,
    labels_that_differ,
    leaks_between,
    repeated,
    shuffled,
)
from src.ml.models import Recipe
from src.ml.noise_world import WorldShape, noise_world
from src.ml.splits import Spans, WalkForward, groups_of
from src.ml.teaching import Lesson, said, taught, teach
from src.ml.walk_forward import folds_of, walk, work_on

EDGE = noise_world(WorldShape(days=900, edge=0.02), 4)
START = Millis(int(EDGE.asked.decided_at[0]))
SPLIT = WalkForward(tuple(Millis(START + day * DAY) for day in (400, 650, 900)), None, 5 * DAY)
SMALL = Lesson(
    Recipe(
        lightgbm={"n_estimators": 20, "min_child_samples": 10, "num_leaves": 15},
        xgboost={"n_estimators": 20, "max_depth": 4},
        random_forest={"n_estimators": 20, "max_depth": 8},
    ),
    2,
)


@pytest.fixture(scope="module")
def real():
    """The sample market of some months as training reads it, with one price shifted bar of which nothing may change."""
    settings = load_config("config/backtest/base.yaml", {})
    candles = sample_candles(parse_time("2023-01-01"), parse_time("2023-07-01"))
    first = int(np.searchsorted(candles.closed_at, parse_time("2023-06-10")))
    return settings, candles, first, study(settings, candles, first)


def walked(dataset, teacher):
    told = [work_on(teacher, fold) for fold in folds_of(dataset, EDGE.asked, SPLIT)]
    return walk(dataset, EDGE.asked, SPLIT, told)


def test_a_sound_walk_forward_has_no_leak():
    assert find_leaks(EDGE.dataset, EDGE.asked, SPLIT) == []


@pytest.mark.no_cover
def test_labels_shifted_by_one_proposal_are_found_by_working_them_out_anew(real):
    settings, _, _, studied = real
    dataset = studied.dataset
    assert len(dataset.won) > 40

    def label(bar):
        params, market = studied.params, studied.market
        resolved, _, left, trade = label_at(studied.tape, studied.votes, bar, LABEL_LOTS, params, market)
        assert resolved
        assert isinstance(trade, Trade)
        return int(trade.net > 0), left

    lines = np.arange(0, len(dataset.won) - 1, max(len(dataset.won) // 30, 1))
    assert len(labels_that_differ(dataset, label, lines)) == 0
    moved = {name: np.roll(getattr(dataset, name), -1) for name in ("won", "left", "ended_at", "net")}
    assert len(labels_that_differ(dataset._replace(**moved), label, lines)) > len(lines) / 2
    assert settings.strategies


def poisoned(candles, cut):
    """The candles with everything from bar number `cut` on multiplied by ten."""
    columns = [column.copy() for column in candles.columns]
    for column in columns[1:]:
        column[cut:] *= 10
    return Candles(*columns)


@pytest.mark.no_cover
def test_a_poisoned_future_changes_no_input_and_is_found_where_an_input_peeks(real):
    settings, candles, first, studied = real
    whole = asked_of(studied)
    cuts = np.array([int(whole.bar[len(whole.bar) // 3]), int(whole.bar[-1])])

    def inputs(cut):
        found = asked_of(study(settings, poisoned(candles, first + cut), first))
        same = {int(bar): row for bar, row in zip(found.bar, found.inputs, strict=True)}
        nothing = np.full(whole.inputs.shape[1], np.nan, np.float32)
        return np.array([same.get(int(bar), nothing) for bar in whole.bar])

    assert changed_by_the_future(inputs, whole.inputs, whole.bar, cuts) == []

    def peeking(rows, of):
        ahead = np.minimum(of.bar + 1, len(studied.tape.close) - 1)
        return np.column_stack((rows, of.tape[ahead])).astype(np.float32)

    class Of:
        bar, tape = whole.bar, studied.tape.close.astype(np.float64)

    def poisoned_peek(cut):
        late = Of.tape.copy()
        late[cut:] *= 10

        class There:
            bar, tape = whole.bar, late

        return peeking(inputs(cut), There)

    at_a_row = np.array([int(whole.bar[len(whole.bar) // 3]) + 1])
    assert changed_by_the_future(poisoned_peek, peeking(whole.inputs, Of), whole.bar, at_a_row) == at_a_row.tolist()


def test_training_and_test_swapped_are_found():
    groups = groups_of(Spans(EDGE.dataset.decided_at, EDGE.dataset.ended_at))
    train, test = next(iter(SPLIT.split(None, groups=groups)))
    assert leaks_between(0, EDGE.dataset, train, test, EDGE.dataset.inputs[test]) == []
    swapped = leaks_between(0, EDGE.dataset, test, train, EDGE.dataset.inputs[train])
    assert Leak.LATER in [each.leak for each in swapped]


def test_labels_that_are_still_open_are_found():
    groups = groups_of(Spans(EDGE.dataset.decided_at, EDGE.dataset.ended_at))
    _, test = next(iter(SPLIT.split(None, groups=groups)))
    unpurged = np.arange(int(test[0]))
    found = leaks_between(0, EDGE.dataset, unpurged, test, EDGE.dataset.inputs[test])
    assert [each.leak for each in found] == [Leak.OVERLAP]


def test_rows_repeated_across_the_split_are_found():
    dataset, test = EDGE.dataset, np.flatnonzero(EDGE.dataset.decided_at >= SPLIT.boundaries[0])[:20]
    inputs = dataset.inputs.copy()
    inputs[:20] = inputs[test]
    copied = dataset._replace(inputs=inputs)
    found = find_leaks(copied, EDGE.asked, SPLIT)
    assert {each.leak for each in found} == {Leak.REPEATED}
    assert repeated(dataset.inputs[:100], dataset.inputs[100:]) == 0


def test_lines_out_of_order_and_labels_known_at_once_are_found():
    dataset = EDGE.dataset
    backwards = dataset._replace(decided_at=dataset.decided_at[::-1], ended_at=dataset.decided_at[::-1] + HOUR)
    assert [f.leak for f in find_leaks(backwards, EDGE.asked, SPLIT)] == [Leak.ORDER]
    known = dataset._replace(ended_at=dataset.decided_at)
    assert [f.leak for f in find_leaks(known, EDGE.asked, SPLIT)] == [Leak.BEFORE_ITS_END]


@pytest.mark.no_cover
def test_with_shuffled_labels_the_score_falls_to_chance():
    fair = walked(EDGE.dataset, partial(teach, SMALL))
    interval = gain_on_prior(EDGE.dataset.won, fair)
    assert interval is not None
    assert interval.above(0)
    for seed in range(3):
        dealt = shuffled(EDGE.dataset, seed)
        chance = gain_on_prior(dealt.won, walked(dealt, partial(teach, SMALL)))
        assert chance is not None
        assert not chance.above(0)


def test_a_model_that_has_seen_its_test_is_found_by_shuffled_labels():
    dealt = shuffled(EDGE.dataset, 1)

    def seen(fold):
        return said(taught(SMALL, dealt), fold.asked)  # taught by everything, its test included

    unfair = gain_on_prior(dealt.won, walked(dealt, seen))
    assert unfair is not None
    assert unfair.above(0)
