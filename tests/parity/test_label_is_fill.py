"""The label of a bar is the trade that the backtest makes when it enters there, to the unit; compiled or not."""

import itertools

import numpy as np
import pytest

from src.backtest.fold import TRADE_FIELDS
from src.backtest.tape import as_lists
from src.core.domain.market import Side
from src.core.domain.orders import ExitReason, Reason
from src.core.orchestration.labelling import Compiled, label_all, vote_all
from src.ml.labels import label_at
from src.ml.votes import Votes
from tests.backtest.made_worlds import Made, made_world, run_fold
from tests.compiled_code import COMPILED
from tests.parity.test_oracle import real_year

OF_THE_MARKET = {
    *(ExitReason.STOP, ExitReason.TRAIL, ExitReason.TARGET),
    *(ExitReason.MAX_HOLD, ExitReason.REASON_ENDED, ExitReason.OPPOSITE),
}
OF_THE_ACCOUNT = {ExitReason.LOSSCUT, ExitReason.HALT, ExitReason.END_OF_DATA}
"""Exits that are not the market's word on the trade: a label knows none of them."""


def compare(made: Made) -> list[ExitReason]:
    """Hold every trade of the backtest against the label of its bar; return how the trades ended."""
    votes = vote_all(made.tape, made.params)
    said = Votes(*(column.tolist() for column in votes))
    tape, run = as_lists(made.tape), run_fold(made)
    decided = np.flatnonzero(run.output.reason == Reason.ENTER)
    ends = []
    for trade in run.trades:
        at = int(np.searchsorted(made.tape.closed_at, trade.opened_at, side="right"))  # the bar of the fill
        i = int(decided[decided < at][-1])
        assert votes.leader[i] == trade.leader
        if trade.exit_reason in OF_THE_ACCOUNT:
            continue
        resolved, entered, left, label = label_at(tape, said, i, int(trade.lots), made.params, made.market)
        assert resolved
        assert entered == at
        assert made.tape.closed_at[left] > trade.closed_at >= made.tape.closed_at[left] - made.market.bar_ms
        assert label == trade
        ends.append(trade.exit_reason)
    return ends


def test_every_trade_of_made_worlds_is_the_label_of_its_bar():
    ends = [
        end
        for seed, limit in itertools.product(range(1, 30), (False, True))
        for end in compare(made_world(seed, 600, limit))
    ]
    assert set(ends) == OF_THE_MARKET
    assert len(ends) > 800


@pytest.mark.parametrize("year", [2022, 2023])
def test_every_trade_of_a_real_year_is_the_label_of_its_bar(market_data_dir, year):
    assert len(compare(real_year(market_data_dir / "btcjpy_gmo_spot_15m.parquet", year))) > 60


HOW = Compiled(COMPILED)


def assert_same_compiled(made: Made, step: int) -> int:
    votes = vote_all(made.tape, made.params)
    machine = vote_all(made.tape, made.params, HOW)
    for name, left, right in zip(Votes._fields, votes, machine, strict=True):
        assert left.tobytes() == right.tobytes(), name
    bars = np.flatnonzero(votes.side != int(Side.NONE))[::step]
    labels = label_all(made.tape, votes, bars, made.params, made.market, 10_000)
    compiled = label_all(made.tape, votes, bars, made.params, made.market, 10_000, HOW)
    for name, left, right in zip(labels._fields, labels, compiled, strict=True):
        assert left.tobytes() == right.tobytes(), name
    return int(labels.resolved.sum())


def test_votes_and_labels_are_the_same_compiled():
    resolved = [assert_same_compiled(made_world(seed, 800, limit), 7) for seed in (1, 2, 5) for limit in (False, True)]
    assert min(resolved) > 0
    assert sum(resolved) > 200


def test_votes_and_labels_of_a_real_year_are_the_same_compiled(market_data_dir):
    assert assert_same_compiled(real_year(market_data_dir / "btcjpy_gmo_spot_15m.parquet", 2023), 31) > 70


def test_a_trade_the_tape_does_not_see_to_its_end_has_no_label():
    made = made_world(2, 300, False)
    votes = vote_all(made.tape, made.params)
    last = np.flatnonzero(votes.side != int(Side.NONE))[-1:]
    labels = label_all(made.tape, votes, np.append(last, len(made.tape.closed_at) - 1), made.params, made.market, 1)
    assert labels.resolved.tolist() == [0, 0]
    assert not labels.trades.any()
    assert labels.left[-1] == len(made.tape.closed_at) - 1


def test_a_label_knows_what_the_future_holds_only_up_to_its_end():
    made = made_world(3, 600, False)
    votes = vote_all(made.tape, made.params)
    bars = np.flatnonzero(votes.side != int(Side.NONE))
    labels = label_all(made.tape, votes, bars, made.params, made.market, 10_000)
    n = int(np.flatnonzero(labels.resolved)[5])
    cut = int(labels.left[n]) + 1
    tape = made.tape._replace(
        **{
            name: np.concatenate((getattr(made.tape, name)[:cut], getattr(made.tape, name)[cut:] * 3))
            for name in ("open", "high", "low", "close")
        }
    )
    again = label_all(tape, votes, bars[n : n + 1], made.params, made.market, 10_000)
    assert again.trades[0].tolist() == labels.trades[n].tolist()
    assert dict(zip(TRADE_FIELDS, again.trades[0].tolist(), strict=True))["net"] != 0
