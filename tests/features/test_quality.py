import itertools

import numpy as np

from src.core.domain.time import BAR_4H, BAR_15M
from src.features.quality import NO_VIEW, base_codes, gap_ends, is_stale, quality_code, worsen
from src.features.row import Quality


def test_the_worst_finding_wins_in_both_forms():
    for cold in (False, True):
        cases = list(itertools.product((False, True), repeat=4))
        names = ("finite", "stale", "after_gap", "quiet")
        one = [quality_code(cold=cold, **dict(zip(names, case, strict=True))) for case in cases]
        finite, stale, after_gap, quiet = (np.array(flag) for flag in zip(*cases, strict=True))
        codes = base_codes(np.where(quiet, 0, 5), np.flatnonzero(after_gap), 1)
        worsen(codes, cold=cold, finite=finite, stale=stale)
        assert codes.tolist() == one
    assert quality_code(cold=False, finite=True, stale=False, after_gap=True, quiet=True) == Quality.AFTER_GAP
    assert quality_code(cold=False, finite=True, stale=True, after_gap=True, quiet=True) == Quality.STALE_VIEW
    assert quality_code(cold=False, finite=False, stale=True, after_gap=True, quiet=True) == Quality.NOT_FINITE
    assert quality_code(cold=True, finite=False, stale=True, after_gap=True, quiet=True) == Quality.COLD
    assert quality_code(cold=False, finite=True, stale=False, after_gap=False, quiet=True) == Quality.QUIET
    assert quality_code(cold=False, finite=True, stale=False, after_gap=False, quiet=False) == Quality.GOOD


def test_gaps_end_where_bars_come_again_and_before_the_first_bar_there_is_one():
    places = np.array([1, 2, 3, 5, 6, 40, 41, 42, 43], dtype=np.int64)
    assert gap_ends(places * BAR_15M).tolist() == [0, 3, 5]
    assert gap_ends(places[:0]).tolist() == []


def test_the_bars_after_a_gap_carry_it_also_when_the_gap_lies_before_the_first_row():
    volume = np.full(8, 5)
    assert base_codes(volume, np.array([0, 6]), 3).tolist() == [2, 2, 2, 0, 0, 0, 2, 2]
    assert base_codes(volume, np.array([-9, -3, -1]), 3).tolist() == [2, 2, 0, 0, 0, 0, 0, 0]
    assert base_codes(volume, np.array([-3]), 3).tolist() == [0] * 8


def test_a_view_is_stale_when_a_whole_bar_has_passed_since_its_newest():
    assert not is_stale(BAR_4H + BAR_4H - BAR_15M, BAR_4H, BAR_4H)
    assert is_stale(BAR_4H + BAR_4H, BAR_4H, BAR_4H)
    assert is_stale(BAR_4H, NO_VIEW, BAR_4H)
