"""Which parameters a sweep may vary, and which sets that makes."""

from pathlib import Path

import pytest

from src.backtest.parameter_space import SettingsOfSets, read_axes, value_in, value_sets
from src.core.config import load_config
from src.core.exceptions import ConfigError

CONFIG = Path(__file__).resolve().parents[2] / "config/backtest/base.yaml"
SETTINGS = load_config(CONFIG, {})


def axes_of(*grids: str, ranges: tuple[str, ...] = ()):
    return read_axes(grids, ranges, SETTINGS)


def refused(*grids: str, ranges: tuple[str, ...] = ()) -> str:
    with pytest.raises(ConfigError) as caught:
        load_all(grids, ranges)
    return str(caught.value)


def load_all(grids: tuple[str, ...], ranges: tuple[str, ...]) -> None:
    axes = axes_of(*grids, ranges=ranges)
    for values in value_sets(axes, 3 if ranges else None, 1):
        SettingsOfSets(CONFIG, {}).of(axes, values)


def test_a_grid_is_every_combination_in_the_order_it_was_written():
    axes = axes_of("atr_based.stretch=0.8,1,1.2", "execution.entry=market,limit")
    assert value_sets(axes, None, 0) == [(stretch, entry) for stretch in (0.8, 1, 1.2) for entry in ("market", "limit")]


def test_values_arrive_in_the_type_of_their_parameter():
    axes = axes_of("atr_based.stretch=1", "sizing.method=fixed_fraction", "exits.when_opposite=false")
    settings = SettingsOfSets(CONFIG, {}).of(axes, value_sets(axes, None, 0)[0])
    found = [value_in(settings, axis.key) for axis in axes]
    assert found == [1.0, "fixed_fraction", False]
    assert [type(value) for value in found] == [float, str, bool]


def test_a_set_changes_nothing_else():
    axes = axes_of("mochipoy_alert.stop=2.5")
    settings = SettingsOfSets(CONFIG, {}).of(axes, (2.5,))
    strategies = dict(SETTINGS.strategies)
    mochipoy = strategies["mochipoy_alert"]
    strategies["mochipoy_alert"] = mochipoy.model_copy(update={"params": {**mochipoy.params, "stop": 2.5}})
    assert settings == SETTINGS.model_copy(update={"strategies": strategies})


def test_a_set_stands_over_the_environment_and_the_environment_over_the_file():
    axes = axes_of("risk.max_losses=7")
    settings = SettingsOfSets(CONFIG, {"TRADER__RISK__MAX_LOSSES": "6", "TRADER__RISK__COOLDOWN_MINUTES": "15"}).of(
        axes, (7,)
    )
    assert (settings.risk.max_losses, settings.risk.cooldown_minutes) == (7, 15)


def test_draws_are_different_inside_their_ranges_and_the_same_for_the_same_seed():
    axes = axes_of("atr_based.stretch=0.8,1.2", ranges=("multi_timeframe.trend=0.1:0.5", "risk.max_losses=2:9"))
    drawn = value_sets(axes, 200, 7)
    assert len(set(drawn)) == 200
    assert {stretch for stretch, _, _ in drawn} == {0.8, 1.2}
    assert all(0.1 <= trend <= 0.5 and losses in range(2, 10) for _, trend, losses in drawn)
    assert {losses for _, _, losses in drawn} == set(range(2, 10))
    assert drawn == value_sets(axes, 200, 7)
    assert drawn != value_sets(axes, 200, 8)


def test_a_range_is_cut_into_the_steps_the_core_counts_or_those_given():
    (parts,) = axes_of(ranges=("sizing.risk_per_trade=0.001:0.001003",))
    assert list(parts.values) == [0.001, 0.001001, 0.001002, 0.001003]
    (steps,) = axes_of(ranges=("atr_based.stop=1:2:0.25",))
    assert list(steps.values) == [1.0, 1.25, 1.5, 1.75, 2.0]
    (default,) = axes_of(ranges=("atr_based.stop=1:2",))
    assert len(default.values) == 1_001
    assert default.values[1] == 1.001


def test_both_ends_of_a_range_are_drawn():
    axes = axes_of(ranges=("risk.max_losses=3:5",))
    assert sorted(value_sets(axes, 3, 0)) == [(3,), (4,), (5,)]


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ("atr_based.strech=1", "did you mean `stretch`?"),
        ("atr_base.stretch=1", "did you mean `atr_based`?"),
        ("sizing.risk_per_trad=0.01", "did you mean `risk_per_trade`?"),
        ("atr_based=1", "there is no such parameter"),
        ("sizing=1", "write its keys below it"),
        ("sizing.risk_per_trade=5", "--grid sizing.risk_per_trade at 5"),
        ("sizing.risk_per_trade=0.00250001", "finer than this setting is counted"),
        ("sizing.risk_per_trade=0.01,0.02", "sizing.max_risk_per_trade (0.01) is below"),
        ("atr_based.stretch=wide", "write a number"),
        ("risk.max_losses=2.5", "a whole number"),
        ("atr_based.weight=0.5", "the weights sum to 1.2"),
        ("atr_based.stretch=1,1.0", "1.0 is given twice"),
        ("atr_based.stretch=1,,2", "value 2 is empty"),
        ("atr_based.stretch", "is not NAME=VALUES"),
        ("data.min_parts_4h=8,12", "computed once for all sets"),
        ("costs.schedule=today,dated", "computed once for all sets"),
        ("market.symbol=BTC/JPY", "computed once for all sets"),
        ("model.min_probability=0.5", "a sweep asks none"),
        ("language=ja,en", "does not change the result"),
        ("backtest.compile=never,always", "does not change the result"),
    ],
)
def test_what_cannot_be_tried_is_refused_with_the_reason(grid: str, said: str):
    assert said in refused(grid)


@pytest.mark.parametrize(
    ("range_", "said"),
    [
        ("atr_based.stretch=1", "is not a range"),
        ("atr_based.stretch=2:1", "from a lower to a higher"),
        ("atr_based.stretch=1:2:0", "from a lower to a higher"),
        ("atr_based.stretch=1:2:3:4", "from a lower to a higher"),
        ("atr_based.stretch=1:nan", "from a lower to a higher"),
        ("exits.when_opposite=0:1", "only numbers have ranges"),
        ("execution.entry=0:1", "only numbers have ranges"),
        ("sizing.risk_per_trad=0.1:0.2", "did you mean `risk_per_trade`?"),
        ("atr_based.strech=1:2", "did you mean `stretch`?"),
        ("sizing.kelly_multiple=0.5:1.5:0.5", "--range sizing.kelly_multiple at 1.5"),
        ("atr_based.stretch=0:1:0.0000000000001", "give it a larger step"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_reason(range_: str, said: str):
    assert said in refused(ranges=(range_,))


def test_a_parameter_is_given_once():
    assert "given twice" in refused("atr_based.stretch=1", "strategies.atr_based.params.stretch=2")


@pytest.mark.parametrize(
    ("grids", "ranges", "random", "seed", "said"),
    [
        (("risk.max_losses=1,2",), (), 3, 0, "there are only 2 different sets"),
        ((), ("atr_based.stop=1:2",), None, 0, "a range has no end"),
        (("risk.max_losses=1,2",), (), 0, 0, "not between 1 and"),
        ((), ("backtest.initial_balance_jpy=1000:1000000",), 200_000, 0, "not between 1 and"),
        (("risk.max_losses=1,2",), (), 1, -1, "the seed is -1"),
    ],
)
def test_numbers_of_sets_that_do_not_go_together_are_refused(grids, ranges, random, seed, said):
    with pytest.raises(ConfigError, match=said):
        value_sets(read_axes(grids, ranges, SETTINGS), random, seed)


def test_nothing_to_vary_is_refused():
    with pytest.raises(ConfigError, match="nothing to vary"):
        axes_of()
