"""Calibration: a rising map from votes to probabilities, the same one by one, kept as numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.ml.calibrating import fit_calibration
from src.ml.calibration import (
    IDENTITY,
    ISOTONIC,
    KINDS,
    SIGMOID,
    UNCHANGED,
    Calibration,
    calibrated,
    calibrated_all,
    is_calibration,
    log_odds,
    sigmoid,
)

votes = st.floats(0.0, 1.0)


def drawn(slope: float, intercept: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Votes whose true probability is a sigmoid of their log-odds."""
    rng = np.random.default_rng(5)
    vote = rng.uniform(0.05, 0.95, n)
    true = np.array([sigmoid(slope * log_odds(v) + intercept) for v in vote])
    return vote, (rng.random(n) < true).astype(np.int64)


@pytest.mark.parametrize(("slope", "intercept"), [(0.4, -0.7), (1.0, 0.0), (2.0, 0.5)])
def test_a_sigmoid_finds_the_odds_the_outcomes_were_drawn_from(slope, intercept):
    vote, won = drawn(slope, intercept)
    found = fit_calibration(SIGMOID, vote, won, np.ones(len(vote)))
    assert found.at[0] == pytest.approx(slope, abs=0.08)
    assert found.value[0] == pytest.approx(intercept, abs=0.08)


def test_an_isotonic_map_brings_every_tenth_of_votes_to_its_share_of_wins():
    vote, won = drawn(0.5, -0.4)
    found = fit_calibration(ISOTONIC, vote, won, np.ones(len(vote)))
    said = calibrated_all(vote, found)
    for part in np.array_split(np.argsort(vote), 10):
        assert said[part].mean() == pytest.approx(won[part].mean(), abs=0.02)
    assert is_calibration(found)


def test_weights_count():
    vote, won = drawn(1.0, 0.0, 4_000)
    heavy = np.where(won == 1, 3.0, 1.0)
    light = fit_calibration(SIGMOID, vote, won, np.ones(len(won)))
    assert fit_calibration(SIGMOID, vote, won, heavy).value[0] > light.value[0] + 0.5


def test_votes_that_are_worse_than_guessing_become_a_constant():
    vote, won = drawn(-1.0, 0.0)
    found = fit_calibration(SIGMOID, vote, won, np.ones(len(vote)))
    assert found.at == (0.0,)
    assert set(calibrated_all(vote, found)) == {calibrated(0.3, found)}
    assert calibrated(0.3, found) == pytest.approx(won.mean(), abs=1e-9)


@pytest.mark.parametrize("kind", [SIGMOID, ISOTONIC])
def test_outcomes_of_one_kind_teach_nothing(kind):
    with pytest.raises(ValueError, match="won and lines that lost"):
        fit_calibration(kind, np.array([0.2, 0.8]), np.array([1, 1]), np.ones(2))


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="unknown calibration 'beta'"):
        fit_calibration("beta", np.array([0.2, 0.8]), np.array([1, 0]), np.ones(2))
    assert fit_calibration(IDENTITY, np.array([0.2]), np.array([1]), np.ones(1)) == UNCHANGED


MAPS = [
    UNCHANGED,
    Calibration(SIGMOID, (0.7,), (-0.4,)),
    Calibration(SIGMOID, (0.0,), (0.1,)),
    Calibration(ISOTONIC, (0.2, 0.5, 0.8), (0.1, 0.1, 0.9)),
    Calibration(ISOTONIC, (0.5,), (0.3,)),
]


@pytest.mark.parametrize("found", MAPS)
@given(a=votes, b=votes)
def test_a_map_never_falls_and_stays_a_probability(found, a, b):
    low, high = calibrated(min(a, b), found), calibrated(max(a, b), found)
    assert 0.0 <= low <= high <= 1.0
    assert calibrated_all(np.array([a, b]), found).tolist() == [calibrated(a, found), calibrated(b, found)]


@pytest.mark.parametrize("found", MAPS)
def test_no_number_stays_none(found):
    assert math.isnan(calibrated(float("nan"), found))
    assert is_calibration(found)


@pytest.mark.parametrize(
    "found",
    [
        Calibration("beta", (1.0,), (0.0,)),
        Calibration(SIGMOID, (-1.0,), (0.0,)),
        Calibration(SIGMOID, (1.0, 2.0), (0.0,)),
        Calibration(SIGMOID, (math.nan,), (0.0,)),
        Calibration(ISOTONIC, (), ()),
        Calibration(ISOTONIC, (0.5, 0.2), (0.1, 0.2)),
        Calibration(ISOTONIC, (0.2, 0.5), (0.4, 0.2)),
        Calibration(ISOTONIC, (0.2, 0.5), (0.4, 1.2)),
        Calibration(IDENTITY, (1.0,), ()),
    ],
)
def test_what_is_no_rising_map_is_found_out(found):
    assert not is_calibration(found)
    assert set(KINDS) == {SIGMOID, ISOTONIC, IDENTITY}
