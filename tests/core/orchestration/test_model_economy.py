"""What the accounts of a training say of themselves: when they were halted, and when they shrank to nothing."""

import numpy as np
import pytest

from src.core.domain.market import Lots
from src.core.domain.time import DAY, parse_time
from src.core.orchestration.model_economy import Economist
from src.core.orchestration.model_training import still_of
from src.core.orchestration.training_data import study
from src.core.orchestration.wiring import instrument
from src.data.sample_market import sample_candles
from tests.ml.made_model import settings

START, END, WARM = parse_time("2023-04-01"), parse_time("2023-05-01"), 160 * DAY
SETTINGS = settings(backtest__compile="never")


@pytest.fixture(scope="module")
def made():
    candles = sample_candles(START - WARM, END)
    return study(SETTINGS, candles, int(np.searchsorted(candles.closed_at, START, side="right")))


def alone(made, **limits):
    """Return the strategies alone under other limits on the drawdown."""
    params = made.params._replace(risk=made.params.risk._replace(**limits))
    return Economist(SETTINGS, made._replace(params=params)).play(0, len(made.tape.closed_at))


@pytest.mark.no_cover
def test_an_account_says_when_it_was_halted_and_opens_nothing_after(made):
    free, halted = alone(made), alone(made, max_drawdown_bps=100)
    assert free.halted_from is None
    assert START < halted.halted_from < END
    assert 0 < halted.trades < free.trades
    assert max(trade.opened_at for trade in halted.record.trades) <= halted.halted_from
    equity = halted.record.equity[np.searchsorted(made.tape.closed_at, halted.halted_from)]
    assert equity < 0.99 * halted.record.equity.max()


@pytest.mark.parametrize(("lots", "count"), [((1, 9, 1, 1), 2), ((9, 1, 9), 0), ((1, 1), 2), ((), 0)])
def test_only_the_last_trades_count_as_of_the_smallest_order(made, lots, count):
    played = alone(made)
    trades = [t._replace(lots=Lots(n)) for t, n in zip(played.record.trades, lots, strict=False)]
    assert len(trades) == len(lots)
    found = still_of("alone", played._replace(record=played.record._replace(trades=trades)), instrument(SETTINGS))
    assert found.smallest == count
    assert found.smallest_from == (trades[-count].opened_at if count else None)
    assert (found.halted_from, found.smallest_btc) == (None, 0.0001)
