"""A tape is the market with what belongs to each bar beside it, and nothing of what came later."""

import numpy as np
import pytest

from src.backtest.tape import as_lists, build_tape, column
from src.core.domain.candles import Candles
from src.features.feature_generator import COLUMNS, FeatureSettings, feature_matrix
from tests.features.made_bars import random_bars

BARS = random_bars(2_000, 7)
CANDLES = Candles(*BARS)
MAKER, TAKER = np.arange(2_000), np.arange(2_000) + 5


def tape(first=100):
    return build_tape(CANDLES, first, MAKER, TAKER, FeatureSettings())


def test_every_column_starts_at_the_first_bar_and_the_bars_before_it_warm_the_rows():
    made, matrix = tape(), feature_matrix(BARS)
    for name in ("closed_at", "open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(made, name), getattr(BARS, name)[100:])
    for k, name in enumerate(COLUMNS):
        np.testing.assert_array_equal(column(made, name), matrix.values[100:, k])
    np.testing.assert_array_equal(made.quality, matrix.quality[100:])
    np.testing.assert_array_equal(made.maker_fee_ppm, MAKER[100:])
    np.testing.assert_array_equal(made.taker_fee_ppm, TAKER[100:])


def test_without_a_model_every_prediction_is_absent():
    assert not tape().prediction_status.any()
    assert np.isnan(tape().prediction).all()


def test_nobody_can_write_on_a_tape():
    for part in tape()._replace(places=()):
        if isinstance(part, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                part[0] = 0


def test_lists_hold_the_same_numbers():
    made = tape(first=1_990)
    for part, numbers in zip(made, as_lists(made), strict=True):
        assert isinstance(numbers, list | tuple)
        np.testing.assert_array_equal(part, np.array(numbers))
