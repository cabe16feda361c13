"""What a set of strategies reads of a row is found in their code; whatever cannot be followed reads everything."""

from types import FunctionType
from typing import NamedTuple

import pytest

from src.core.domain.market import Side
from src.features.columns import ALL_COLUMNS
from src.features.row import COLUMNS, MANAGED_FEATURES, Row
from src.strategies.implementations.atr_based import AtrBased
from src.strategies.implementations.fibonacci_retracement import FibonacciRetracement
from src.strategies.implementations.mochipoy_alert import MochipoyAlert
from src.strategies.implementations.multi_timeframe import MultiTimeframe
from src.strategies.utils.constants import NO_SIGNAL, Signal
from src.trading.columns_read import columns_read

CORE = {"high", "low", "close_before", "atr_14", "volume_ratio", "volatility_4h"}
"""Gates and sizing read these whoever trades."""


def read(*strategies, model_used=False) -> set[str]:
    return set(columns_read(strategies, model_used).names)


class Silent(NamedTuple):
    """Reads nothing."""

    def propose(self, row: Row) -> Signal:
        return NO_SIGNAL

    def holds(self, row: Row, side: Side) -> bool:
        return True


def mean(row: Row, weight: float) -> float:
    return weight * row.ema_20 + rest(1.0 - weight, of=row)


def rest(weight: float, of: Row) -> float:
    return weight * of.ema_50 if weight > 0 else of.zscore


class Handing(NamedTuple):
    """Hands its row on, by position and by name, and under other names."""

    def propose(self, row: Row) -> Signal:
        return Signal(Side.BUY, mean(row, 0.5), 1.0, 0.0, 0.0, 0)

    def holds(self, anything: Row, side: Side) -> bool:
        return anything.rci_9 > 0


def test_gates_and_sizing_are_read_whoever_trades():
    assert read(Silent) == CORE


def test_the_shipped_strategies_read_what_their_code_names():
    assert read(AtrBased) == CORE | {"atr_14", "atr_mean_96", "close", "ema_50", "atr_14_4h", "rsi_14"}
    assert read(FibonacciRetracement) == CORE | {
        *("swing_high_4h", "swing_low_4h", "swing_turn_4h", "atr_14_4h", "open", "close")
    }
    assert read(MochipoyAlert) == CORE | {
        *("ema_20_4h", "ema_50_4h", "macd_4h", "macd_signal_4h", "rci_9", "rci_9_before", "atr_14_4h")
    }
    assert read(MultiTimeframe) == CORE | {
        *("slow_momentum_4h", "close_before", "close", "ema_20", "ema_20_before", "atr_14_4h")
    }
    together = read(AtrBased, FibonacciRetracement, MochipoyAlert, MultiTimeframe)
    assert together == read(AtrBased) | read(FibonacciRetracement) | read(MochipoyAlert) | read(MultiTimeframe)


def test_a_row_is_followed_into_the_functions_it_is_handed_to():
    assert read(Handing) == CORE | {"ema_20", "ema_50", "zscore", "rci_9"}


def test_a_model_reads_every_managed_feature_of_both_views():
    wanted = {*MANAGED_FEATURES, *(f"{name}_4h" for name in MANAGED_FEATURES)}
    assert read(Silent, model_used=True) == CORE | wanted


class Indexing(Silent):
    def propose(self, row: Row) -> Signal:
        return Signal(Side.BUY, float(row[5] > 0), 1.0, 0.0, 0.0, 0)

    holds = Silent.holds


class Renaming(Silent):
    def propose(self, row: Row) -> Signal:
        again = row
        return Signal(Side.BUY, float(again.close > 0), 1.0, 0.0, 0.0, 0)

    holds = Silent.holds


class Unpacking(Silent):
    def propose(self, row: Row) -> Signal:
        return Signal(Side.BUY, float(max(*row) > 0), 1.0, 0.0, 0.0, 0)

    holds = Silent.holds


class Asking(Silent):
    def propose(self, row: Row) -> Signal:
        return Signal(Side.BUY, float(getattr(row, "clo" + "se") > 0), 1.0, 0.0, 0.0, 0)

    holds = Silent.holds


class AsDictionary(Silent):
    def propose(self, row: Row) -> Signal:
        return Signal(Side.BUY, float(row._asdict()["close"] > 0), 1.0, 0.0, 0.0, 0)

    holds = Silent.holds


class OwnMethod(Silent):
    def propose(self, row: Row) -> Signal:
        return Signal(Side.BUY, float(self.high(row)), 1.0, 0.0, 0.0, 0)

    def high(self, row: Row) -> bool:
        return row.rsi_14 > 70

    holds = Silent.holds


class Shadowing(Silent):
    def propose(self, row: Row) -> Signal:
        rest = max
        return Signal(Side.BUY, float(rest(row)), 1.0, 0.0, 0.0, 0)

    holds = Silent.holds


class Written(Silent):
    """Its methods have no source: they were made by a program."""

    propose = FunctionType(Silent.propose.__code__.replace(co_filename="nowhere.py"), {"NO_SIGNAL": NO_SIGNAL})
    holds = Silent.holds


@pytest.mark.parametrize(
    "strategy", [Indexing, Renaming, Unpacking, Asking, AsDictionary, OwnMethod, Shadowing, Written]
)
def test_a_row_that_goes_where_it_cannot_be_followed_counts_as_read_whole(strategy):
    assert columns_read((Silent, strategy), False) is ALL_COLUMNS
    assert read(strategy) == set(COLUMNS)
