"""A signal is a trade in numbers one can act on, or nothing."""

import math

import pytest

from src.core.domain.market import Side
from src.strategies.utils.constants import NO_SIGNAL, Signal
from src.strategies.utils.risk_manager import Bracket, bracket
from src.strategies.utils.signal_builder import build_signal, is_proposal

NAN, INF = float("nan"), float("inf")
GOOD = Signal(Side.BUY, 0.5, 100.0, 200.0, 50.0, 900_000)
UNUSABLE = {"strength": (0.0, -0.1, NAN), "stop": (0.0, -1.0, NAN, INF), "target": (-1.0, NAN, INF)}


def test_a_side_with_a_bracket_becomes_a_signal():
    assert build_signal(Side.SELL, 0.7, Bracket(1.0, 2.0, 3.0), 5) == Signal(Side.SELL, 0.7, 1.0, 2.0, 3.0, 5)


def test_strength_is_clipped_at_one():
    assert build_signal(Side.BUY, 7.0, Bracket(1.0, 0.0, 0.0), 0).strength == 1.0


def test_no_side_is_no_signal():
    assert build_signal(Side.NONE, 1.0, Bracket(1.0, 2.0, 3.0), 5) == NO_SIGNAL


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in UNUSABLE.items() for v in vs])
def test_numbers_one_cannot_act_on_are_no_signal(name, value):
    bad = GOOD._replace(**{name: value})
    assert not is_proposal(bad)
    exits = Bracket(bad.stop, bad.target, bad.trail)
    assert build_signal(bad.side, bad.strength, exits, bad.hold) == NO_SIGNAL


@pytest.mark.parametrize("trail", [-1.0, NAN, INF])
def test_a_trail_that_is_no_distance_is_no_signal(trail):
    assert build_signal(Side.BUY, 1.0, Bracket(1.0, 1.0, trail), 0) == NO_SIGNAL


def test_a_negative_holding_time_is_no_signal():
    assert build_signal(Side.BUY, 1.0, Bracket(1.0, 1.0, 1.0), -1) == NO_SIGNAL


def test_a_bracket_is_multiples_of_the_atr():
    assert bracket(10.0, 1.5, 2.0, 0.0) == Bracket(15.0, 20.0, 0.0)


@pytest.mark.parametrize("atr", [0.0, -1.0, NAN, INF])
def test_a_bracket_of_an_unknown_atr_is_unknown(atr):
    assert all(math.isnan(distance) for distance in bracket(atr, 1.0, 2.0, 3.0))
