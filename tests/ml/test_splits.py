"""No training label is open while a test's is; every row is tested; scikit-learn takes the splitters as its own."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from src.core.domain.time import DAY, HOUR, Millis
from src.ml import splits
from src.ml.splits import CombinatorialPurged, Spans, WalkForward, groups_of, held_back, overlapping


@st.composite
def made_spans(draw, least=0):
    steps = draw(st.lists(st.integers(0, 3 * DAY), min_size=least, max_size=80))
    holds = draw(st.lists(st.integers(0, 5 * DAY), min_size=len(steps), max_size=len(steps)))
    decided = np.cumsum(np.array(steps, np.int64)) if steps else np.empty(0, np.int64)
    return Spans(decided, decided + np.array(holds, np.int64))


def naive_overlap(train, test):
    return [
        i
        for i, (a, b) in enumerate(zip(*train, strict=True))
        if any(a <= d and c <= b for c, d in zip(*test, strict=True))
    ]


@given(train=made_spans(), test=made_spans())
def test_overlapping_finds_what_comparing_every_pair_finds(train, test):
    assert overlapping(train, test).tolist() == naive_overlap(train, test)


@given(
    spans=made_spans(), extra=st.integers(0, 2 * DAY), tests=st.integers(1, 6), window=st.none() | st.integers(1, 99)
)
def test_a_walk_forward_trains_only_on_labels_that_ended_before_its_test(spans, extra, tests, window):
    embargo = spans.longest() + extra
    edges = splits.equal_boundaries(Millis(10 * DAY), Millis(100 * DAY), tests)
    split = WalkForward(edges, None if window is None else embargo + window * DAY, embargo)
    for k, (train, test) in enumerate(split.split(None, groups=groups_of(spans))):
        assert np.all(spans.ended_at[train] < edges[k])
        assert np.all(spans.decided_at[train] < edges[k] - embargo)
        assert not len(overlapping(spans.at(train), spans.at(test)))
        if window is not None:
            assert np.all(spans.decided_at[train] >= edges[k] - embargo - window * DAY)


@given(spans=made_spans(), tests=st.integers(1, 6))
def test_a_walk_forward_tests_each_row_between_its_boundaries_once_and_in_order(spans, tests):
    edges = splits.equal_boundaries(Millis(10 * DAY), Millis(60 * DAY), tests)
    split = WalkForward(edges, None, spans.longest())
    found = [test for _, test in split.split(None, groups=groups_of(spans))]
    assert len(found) == split.get_n_splits() == tests
    tested = np.concatenate(found)
    inside = (spans.decided_at >= edges[0]) & (spans.decided_at < edges[-1])
    assert tested.tolist() == np.flatnonzero(inside).tolist()


@given(spans=made_spans(), extra=st.integers(0, DAY))
def test_a_walk_forward_drops_no_row_that_it_need_not(spans, extra):
    embargo = spans.longest() + extra
    split = WalkForward((Millis(40 * DAY), Millis(80 * DAY)), None, embargo)
    [(train, _)] = split.split(None, groups=groups_of(spans))
    assert train.tolist() == [i for i, at in enumerate(spans.decided_at) if at < 40 * DAY - embargo]


@given(spans=made_spans(least=6), blocks=st.integers(2, 6), data=st.data())
def test_a_combination_trains_on_no_label_that_overlaps_its_tests(spans, blocks, data):
    tested = data.draw(st.integers(1, blocks - 1))
    split = CombinatorialPurged(blocks, tested, spans.longest())
    found = list(split.split(None, groups=groups_of(spans)))
    assert len(found) == split.get_n_splits() == math.comb(blocks, tested)
    for train, test in found:
        assert not set(train) & set(test)
        assert not len(overlapping(spans.at(train), spans.at(test)))


@given(spans=made_spans(least=6), blocks=st.integers(2, 6), data=st.data())
def test_every_path_of_a_combinatorial_split_tests_every_row_once(spans, blocks, data):
    tested = data.draw(st.integers(1, blocks - 1))
    split = CombinatorialPurged(blocks, tested, spans.longest())
    found = list(split.split(None, groups=groups_of(spans)))
    paths = split.path_splits()
    assert paths.shape == (split.paths, blocks)
    parts = np.array_split(np.arange(len(spans.decided_at)), blocks)
    for path in paths:
        assert all(set(part) <= set(found[number][1]) for part, number in zip(parts, path, strict=True))
    used = {(int(number), k) for path in paths for k, number in enumerate(path)}
    assert len(used) == split.paths * blocks  # no test is on two paths
    assert {number for number, _ in used} == set(range(len(list(combinations(range(blocks), tested)))))


@given(spans=made_spans(least=1), share=st.floats(0.05, 0.9), extra=st.integers(0, DAY))
def test_what_is_held_back_is_the_end_and_overlaps_nothing_fitted_on(spans, share, extra):
    fit, held = held_back(spans, share, spans.longest() + extra)
    assert held.tolist() == list(range(len(spans.decided_at) - len(held), len(spans.decided_at)))
    assert len(held) >= 1
    assert not len(overlapping(spans.at(fit), spans.at(held)))


def test_scikit_learn_scores_a_model_with_the_splitters():
    random = np.random.default_rng(3)
    decided = np.arange(400, dtype=np.int64) * 6 * HOUR
    spans = Spans(decided, decided + random.integers(HOUR, 3 * DAY, 400))
    x = random.standard_normal((400, 2))
    y = (x[:, 0] + 0.3 * random.standard_normal(400) > 0).astype(int)
    edges = splits.equal_boundaries(Millis(40 * DAY), Millis(100 * DAY), 3)
    for split in (WalkForward(edges, None, 3 * DAY), CombinatorialPurged(5, 2, 3 * DAY)):
        scores = cross_val_score(LogisticRegression(), x, y, groups=groups_of(spans), cv=split)
        assert len(scores) == split.get_n_splits()
        assert np.all(scores > 0.8)


@pytest.mark.parametrize("split", [WalkForward((Millis(0), Millis(9)), None, 5), CombinatorialPurged(2, 1, 5)])
def test_a_label_longer_than_the_embargo_is_refused(split):
    groups = groups_of(Spans(np.array([0, 1]), np.array([6, 7])))
    with pytest.raises(ValueError, match="longer than the embargo"):
        list(split.split(None, groups=groups))
    with pytest.raises(ValueError, match="needs the labels' spans"):
        list(split.split(None))


def test_impossible_splits_are_refused():
    with pytest.raises(ValueError, match="in order"):
        WalkForward((Millis(3), Millis(3)), None, 0)
    with pytest.raises(ValueError, match="in order"):
        WalkForward((Millis(3),), None, 0)
    with pytest.raises(ValueError, match="leave nothing"):
        WalkForward((Millis(3), Millis(5)), 10, 10)
    with pytest.raises(ValueError, match="at least one must train"):
        CombinatorialPurged(3, 3, 0)
    with pytest.raises(ValueError, match="cannot be cut"):
        list(
            CombinatorialPurged(3, 1, 0).split(
                None, groups=groups_of(Spans(np.zeros(2, np.int64), np.zeros(2, np.int64)))
            )
        )
    with pytest.raises(ValueError, match="in order of their decision"):
        groups_of(Spans(np.array([2, 1]), np.array([3, 3])))
    with pytest.raises(ValueError, match="ends before"):
        groups_of(Spans(np.array([2]), np.array([1])))
    with pytest.raises(ValueError, match="one decision and one end"):
        groups_of(Spans(np.array([2]), np.array([1, 2])))
    with pytest.raises(ValueError, match="cannot be held back"):
        held_back(Spans(np.array([2]), np.array([2])), 1.0, 0)
    with pytest.raises(ValueError, match="no 3 tests fit"):
        splits.equal_boundaries(Millis(0), Millis(2), 3)
