import itertools

import numpy as np

from src.core.domain.time import BAR_4H, BAR_15M
from src.features.quality import NO_VIEW, bars_since_gap, is_stale, quality_code, quality_codes
from src.features.row import Quality


def test_the_worst_finding_wins_in_both_forms():
    for cold in (False, True):
        cases = list(itertools.product((False, True), repeat=4))
        names = ("finite", "stale", "after_gap", "quiet")
        one = [quality_code(cold=cold, **dict(zip(names, case, strict=True))) for case in cases]
        flags = {name: np.array(flag) for name, flag in zip(names, zip(*cases, strict=True), strict=True)}
        assert quality_codes(cold=cold, **flags).tolist() == one
    assert quality_code(cold=False, finite=True, stale=False, after_gap=True, quiet=True) == Quality.AFTER_GAP
    assert quality_code(cold=False, finite=True, stale=True, after_gap=True, quiet=True) == Quality.STALE_VIEW
    assert quality_code(cold=False, finite=False, stale=True, after_gap=True, quiet=True) == Quality.NOT_FINITE
    assert quality_code(cold=True, finite=False, stale=True, after_gap=True, quiet=True) == Quality.COLD
    assert quality_code(cold=False, finite=True, stale=False, after_gap=False, quiet=True) == Quality.QUIET
    assert quality_code(cold=False, finite=True, stale=False, after_gap=False, quiet=False) == Quality.GOOD


def test_bars_are_numbered_from_the_last_gap():
    places = np.array([1, 2, 3, 5, 6, 40, 41, 42, 43], dtype=np.int64)
    assert bars_since_gap(places * BAR_15M).tolist() == [1, 2, 3, 1, 2, 1, 2, 3, 4]
    assert bars_since_gap(places[:0]).tolist() == []


def test_a_view_is_stale_when_a_whole_bar_has_passed_since_its_newest():
    assert not is_stale(BAR_4H + BAR_4H - BAR_15M, BAR_4H, BAR_4H)
    assert is_stale(BAR_4H + BAR_4H, BAR_4H, BAR_4H)
    assert is_stale(BAR_4H, NO_VIEW, BAR_4H)
