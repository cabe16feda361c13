import numpy as np

from src.core.domain.time import BAR_15M, DAY
from src.features.anchors import SPAN_4H, SPAN_15M, Block, anchor, is_warm, month_blocks
from tests.features.made_bars import at


def test_a_bar_closed_at_the_turn_of_the_month_belongs_to_the_new_one():
    turn = at(2023, 2, 1)
    closed_at = np.array([turn - BAR_15M, turn, turn + BAR_15M], dtype=np.int64)
    assert list(month_blocks(closed_at)) == [Block(at(2023, 1, 1), 0, 1), Block(turn, 1, 3)]


def test_months_without_bars_have_no_block():
    closed_at = np.array([at(2023, 1, 5), at(2023, 12, 31), at(2024, 1, 1)], dtype=np.int64)
    months = [block.month for block in month_blocks(closed_at)]
    assert months == [at(2023, 1, 1), at(2023, 12, 1), at(2024, 1, 1)]


def test_no_bars_have_no_blocks():
    assert list(month_blocks(np.empty(0, dtype=np.int64))) == []


def test_the_anchors_lie_eight_and_a_hundred_and_twenty_days_before_the_month():
    month = at(2023, 5, 1)
    assert anchor(month, SPAN_15M) == month - 8 * DAY
    assert anchor(month, SPAN_4H) == at(2023, 1, 1)


def test_a_history_is_warm_from_the_anchor_on_and_not_a_bar_later():
    assert is_warm(at(2023, 1, 1), at(2023, 5, 1))
    assert not is_warm(at(2023, 1, 1, 0, 15), at(2023, 5, 1))


def test_the_seed_of_the_slowest_average_has_faded_within_the_spans():
    forgotten = (49 / 51) ** (SPAN_15M // BAR_15M)
    assert forgotten < 1e-9
    assert (49 / 51) ** (SPAN_4H // (16 * BAR_15M)) < 1e-9
