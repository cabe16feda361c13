"""What a model learns from: one line for each proposed trade whose end is known.

    dataset = make_dataset(tape, votes, labels, costs)
    past = dataset.take(np.flatnonzero(dataset.ended_at < cut))

A line is decided at `decided_at` and known at `ended_at`; whoever splits must keep the label's whole span out of the
other side. Weights are the uniqueness of a label among the lines of the very same set, so `take` weighs anew.
"""

import hashlib
from typing import NamedTuple

import numpy as np

from src.backtest.fold import TRADE_FIELDS, Floats, Ints, Tape
from src.ml.labels import Labels, uniqueness
from src.ml.transform import INPUTS, Costs, Inputs, finite, model_inputs, proposals_at
from src.ml.votes import Votes


class Dataset(NamedTuple):
    """Lines in order of time."""

    bar: Ints  # number of the proposing bar in its tape
    decided_at: Ints  # its close, ms UTC
    entered: Ints  # number of the bar of the fill
    left: Ints  # number of the bar in which the trade ended
    ended_at: Ints  # close of that bar, ms UTC: from then on the label is known
    side: Ints
    leader: Ints
    inputs: Inputs  # (n, len(INPUTS)), see ml/transform.py
    won: Ints  # 1 if the trade ended in profit after all costs, else 0
    net: Ints  # money units for `LABEL_LOTS`
    net_bps: Floats  # net result, 1/10,000 of the entry notional
    net_r: Floats  # net result over the planned loss at the stop
    exit_reason: Ints
    weight: Floats  # average uniqueness among these lines, 0..1

    def take(self, lines: Ints) -> "Dataset":
        """Return the lines whose numbers are given, in order, weighed among themselves."""
        kept = Dataset._make(column[lines] for column in self)
        return kept._replace(weight=uniqueness(kept.entered, kept.left))

    def sha256(self) -> str:
        """Return the hash of every line and of the inputs' names, 64 hexadecimal digits."""
        digest = hashlib.sha256(repr((self._fields, INPUTS)).encode())
        for column in self:
            digest.update(repr((column.dtype.str, column.shape)).encode())
            digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()


def rows_of(tape: Tape, bars: Ints) -> Floats:
    """Return the rows of some bars with every column of `COLUMNS`; those the tape does not know are NaN."""
    found: Floats = tape.rows[bars][:, list(tape.places)]
    return found


def make_dataset(tape: Tape, votes: Votes, labels: Labels, costs: Costs) -> Dataset:
    """Return the lines of all labels that are resolved and whose inputs are numbers."""
    inputs = model_inputs(rows_of(tape, labels.bar), proposals_at(votes, labels.bar), costs)
    kept = np.flatnonzero((labels.resolved == 1) & finite(inputs))
    bar, entered, left = labels.bar[kept], labels.entered[kept], labels.left[kept]
    trade = {name: labels.trades[kept, k] for k, name in enumerate(TRADE_FIELDS)}
    net = trade["net"]
    return Dataset(
        bar=bar,
        decided_at=tape.closed_at[bar],
        entered=entered,
        left=left,
        ended_at=tape.closed_at[left],
        side=trade["side"],
        leader=trade["leader"],
        inputs=np.ascontiguousarray(inputs[kept]),
        won=(net > 0).astype(np.int64),
        net=net,
        net_bps=net / (trade["entry"] * trade["lots"]) * 1e4,
        net_r=net / trade["risk"],
        exit_reason=trade["exit_reason"],
        weight=uniqueness(entered, left),
    )
