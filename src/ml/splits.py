"""Splits for labels that last: no training label may still be open when its test begins.

A row is decided at one moment and its label is known only when the trade it stands for has ended, days later. Two rows
whose trades overlap share their outcome, so the usual folds test a model on what it was taught. Here every label's own
end counts (Lopez de Prado 2018, "Advances in financial machine learning", chapters 7 and 12): training rows whose label
overlaps a test's are dropped (*purged*), and so are those decided close to it (*embargo*).

The embargo must be at least the longest holding time. Purging alone would keep, of the last weeks before a test, only
those trades that ended early: the stopped ones.

The splitters keep scikit-learn's contract, `split(X, y, groups)` and `get_n_splits`; `groups` is what `groups_of` makes
of the labels' spans.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from src.core.domain.time import Millis

Ints = npt.NDArray[np.int64]
Split = tuple[Ints, Ints]
"""Positions of the training rows and of the test rows, ascending."""


class Spans(NamedTuple):
    """When each row was decided and when its label ended, ms UTC, shape (n,); in order of decision."""

    decided_at: Ints
    ended_at: Ints

    def longest(self) -> int:
        """Return the longest label, milliseconds; 0 without rows."""
        return int(np.max(self.ended_at - self.decided_at, initial=0))

    def at(self, where: Ints) -> "Spans":
        """Return the spans of the rows at `where`."""
        return Spans(self.decided_at[where], self.ended_at[where])


def groups_of(spans: Spans) -> Ints:
    """Return `spans` as the argument `groups` of a splitter, shape (n, 2).

    Raises
    ------
    ValueError
        If the rows are not in order of decision, or a label ends before it was decided.
    """
    decided, ended = spans
    if decided.ndim != 1 or decided.shape != ended.shape:
        raise ValueError("a span has one decision and one end")
    if np.any(np.diff(decided) < 0):
        raise ValueError("rows stand in order of their decision")
    if np.any(ended < decided):
        raise ValueError("no label ends before it was decided")
    return np.column_stack((decided, ended)).astype(np.int64)


@dataclass(frozen=True)
class WalkForward:
    """Train on the past, test on the stretch that follows, go on: the only split whose result is a headline.

    Parameters
    ----------
    boundaries
        Where the tests begin, and where the last one ends: a row belongs to the test in whose [begin, end) it was
        decided. Ascending, ms UTC.
    train_ms
        How far back a training set reaches from its test's begin; None: to the first row.
    embargo_ms
        Rows decided so shortly before a test are not trained on; at least the longest label.
    """

    boundaries: tuple[Millis, ...]
    train_ms: int | None
    embargo_ms: int

    def __post_init__(self) -> None:
        if len(self.boundaries) < 2 or any(b <= a for a, b in itertools.pairwise(self.boundaries)):
            raise ValueError("a walk-forward needs a begin and an end for every test, in order")
        if self.train_ms is not None and self.train_ms <= self.embargo_ms:
            raise ValueError("the embargo would leave nothing of the training window")

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:  # noqa: N803
        """Return how many splits `split` yields."""
        return len(self.boundaries) - 1

    def split(self, X: object, y: object = None, groups: Ints | None = None) -> Iterator[Split]:  # noqa: N803
        """Yield the rows of every fold, oldest test first. A fold may be empty on either side.

        Parameters
        ----------
        X, y
            Not looked at: where a row belongs is a matter of time alone.
        groups
            From `groups_of`.

        Raises
        ------
        ValueError
            Without `groups`, or when a label lasts longer than the embargo.
        """
        spans = _spans(groups, self.embargo_ms)
        for begin, end in itertools.pairwise(self.boundaries):
            earliest = -math.inf if self.train_ms is None else begin - self.train_ms
            early_enough = (spans.decided_at < begin - self.embargo_ms) & (spans.ended_at < begin)
            train = np.flatnonzero(early_enough & (spans.decided_at >= earliest))
            test = np.flatnonzero((spans.decided_at >= begin) & (spans.decided_at < end))
            yield train, test


@dataclass(frozen=True)
class CombinatorialPurged:
    """Every choice of `tested` out of `blocks` stretches as the test, all others to train (Lopez de Prado 2018, 12).

    It shows how far a score spreads over many paths, and feeds the probability of overfitting. Its paths train on data
    that came later than their tests, so no figure of it is ever the headline.
    """

    blocks: int
    tested: int
    embargo_ms: int

    def __post_init__(self) -> None:
        if not 1 <= self.tested < self.blocks:
            raise ValueError(f"{self.tested} of {self.blocks} blocks cannot be tested: at least one must train")

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:  # noqa: N803
        """Return how many splits `split` yields: "blocks over tested"."""
        return math.comb(self.blocks, self.tested)

    @property
    def paths(self) -> int:
        """How many times each row is tested, so how many whole paths the tests can be put together to."""
        return math.comb(self.blocks - 1, self.tested - 1)

    def split(self, X: object, y: object = None, groups: Ints | None = None) -> Iterator[Split]:  # noqa: N803
        """Yield the rows of every combination, in lexicographic order of its blocks; arguments as for `WalkForward`.

        Raises
        ------
        ValueError
            Without `groups`, with fewer rows than blocks, or when a label lasts longer than the embargo.
        """
        spans = _spans(groups, self.embargo_ms)
        rows = len(spans.decided_at)
        if rows < self.blocks:
            raise ValueError(f"{rows} rows cannot be cut into {self.blocks} blocks")
        parts = np.array_split(np.arange(rows), self.blocks)
        for chosen in itertools.combinations(range(self.blocks), self.tested):
            kept = np.ones(rows, np.bool_)
            for k in chosen:
                kept &= _apart(spans, parts[k], self.embargo_ms)
            yield np.flatnonzero(kept), np.concatenate([parts[k] for k in chosen])

    def path_splits(self) -> Ints:
        """Return which split tests each block on each path, shape (paths, blocks).

        Path p takes, for every block, the p-th split (in the order of `split`) that tests it.
        """
        tested_in: list[list[int]] = [[] for _ in range(self.blocks)]
        for number, chosen in enumerate(itertools.combinations(range(self.blocks), self.tested)):
            for k in chosen:
                tested_in[k].append(number)
        return np.array(tested_in, np.int64).T


def held_back(spans: Spans, share: float, embargo_ms: int) -> Split:
    """Return the rows to fit on and the last `share` of all rows, held back for calibration or the choice of settings.

    Purged like a test: none of the rows to fit on was decided within `embargo_ms` before the first one held back, and
    none of their labels is open when it is decided.

    Raises
    ------
    ValueError
        If the share is not between 0 and 1, or a label lasts longer than the embargo.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share of {share} of the rows cannot be held back")
    spans = _spans(groups_of(spans), embargo_ms)
    rows = len(spans.decided_at)
    first = rows - max(1, round(rows * share))
    if rows == 0 or first <= 0:
        return np.empty(0, np.int64), np.arange(rows)
    begin = spans.decided_at[first]
    fit = np.flatnonzero((spans.decided_at < begin - embargo_ms) & (spans.ended_at < begin))
    return fit, np.arange(first, rows)


def equal_boundaries(first: Millis, last: Millis, tests: int) -> tuple[Millis, ...]:
    """Return boundaries of `tests` equally long tests from `first` to `last`.

    Raises
    ------
    ValueError
        If there is no time between them for so many tests.
    """
    if tests < 1 or last - first < tests:
        raise ValueError(f"no {tests} tests fit between {first} and {last}")
    return tuple(Millis(first + (last - first) * k // tests) for k in range(tests + 1))


def overlapping(train: Spans, test: Spans) -> Ints:
    """Return the positions in `train` whose label is open at a moment at which one in `test` is: the leaks."""
    if not len(test.decided_at):
        return np.empty(0, np.int64)
    order = np.argsort(test.decided_at, kind="stable")
    begins, latest = test.decided_at[order], np.maximum.accumulate(test.ended_at[order])
    before = np.searchsorted(begins, train.ended_at, side="right") - 1  # the last test decided by the label's end
    return np.flatnonzero((before >= 0) & (latest[np.maximum(before, 0)] >= train.decided_at))


def _apart(spans: Spans, block: Ints, embargo_ms: int) -> npt.NDArray[np.bool_]:
    """Return which rows may train when the neighbouring rows `block` are tested."""
    begin, end = int(spans.decided_at[block[0]]), int(np.max(spans.ended_at[block]))
    before = (spans.decided_at < begin - embargo_ms) & (spans.ended_at < begin)
    after = spans.decided_at > end + embargo_ms
    inside = np.zeros(len(spans.decided_at), np.bool_)
    inside[block] = True
    apart: npt.NDArray[np.bool_] = (before | after) & ~inside
    return apart


def _spans(groups: Ints | Sequence[Sequence[int]] | None, embargo_ms: int) -> Spans:
    if groups is None:
        raise ValueError("a purged split needs the labels' spans: give groups=groups_of(spans)")
    given = np.asarray(groups, np.int64)
    spans = Spans(given[:, 0], given[:, 1])
    groups_of(spans)
    if spans.longest() > embargo_ms:
        raise ValueError(
            f"a label lasts {spans.longest()} ms, longer than the embargo of {embargo_ms} ms: rows shortly before a "
            "test would be there only if their trade ended early"
        )
    return spans
