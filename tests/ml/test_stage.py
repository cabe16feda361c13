"""Every step between stages has its rule; steps down need no person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.time import DAY
from src.ml.stage import Rules, Served, Stage, next_step

ORDER = [Stage.RETIRED, Stage.CANDIDATE, Stage.SHADOW, Stage.CANARY, Stage.PRODUCTION]
GOOD = Served(60 * DAY, 100, 0.01, 1.0, 40, 5.0)


def test_a_record_that_holds_takes_a_model_one_step_up():
    assert next_step(Stage.SHADOW, GOOD).to is Stage.CANARY
    assert next_step(Stage.CANARY, GOOD).to is Stage.PRODUCTION
    assert next_step(Stage.PRODUCTION, GOOD).to is Stage.PRODUCTION
    assert next_step(Stage.CANDIDATE, GOOD).to is Stage.CANDIDATE  # the gate alone lets it out


@pytest.mark.parametrize(
    ("stage", "served"),
    [
        (Stage.SHADOW, GOOD._replace(since_ms=13 * DAY)),
        (Stage.SHADOW, GOOD._replace(labels=19)),
        (Stage.SHADOW, GOOD._replace(log_loss_gain=0.0)),
        (Stage.SHADOW, GOOD._replace(log_loss_gain=float("nan"))),
        (Stage.CANARY, GOOD._replace(since_ms=27 * DAY)),
        (Stage.CANARY, GOOD._replace(trades=9)),
        (Stage.CANARY, GOOD._replace(net_r=0.0)),
    ],
)
def test_what_is_missing_keeps_a_model_where_it_is_and_says_so(stage, served):
    step = next_step(stage, served)
    assert step.to is stage
    assert step.why


@pytest.mark.parametrize("stage", [Stage.CANARY, Stage.PRODUCTION])
def test_a_trading_model_that_does_harm_trades_no_longer(stage):
    assert next_step(stage, GOOD._replace(calibration_wealth=20.0)).to is Stage.SHADOW
    assert next_step(stage, GOOD._replace(net_r=-8.0)).to is Stage.SHADOW


def test_a_refuted_shadow_is_retired():
    assert next_step(Stage.SHADOW, GOOD._replace(calibration_wealth=25.0)).to is Stage.RETIRED


@given(
    st.sampled_from(Stage),
    st.builds(
        Served,
        st.integers(0, 100 * DAY),
        st.integers(0, 200),
        st.floats(-1, 1),
        st.floats(0, 100),
        st.integers(0, 100),
        st.floats(-20, 20),
    ),
)
def test_no_record_skips_a_stage_upward_or_trades_out_of_the_gate(stage, served):
    to = next_step(stage, served, Rules()).to
    assert ORDER.index(to) <= ORDER.index(stage) + 1
    if not stage.trades and stage is not Stage.SHADOW:
        assert not to.trades


def test_only_canary_and_production_trade_and_the_canary_a_fraction():
    assert {s for s in Stage if s.trades} == {Stage.CANARY, Stage.PRODUCTION}
    assert [s.size_bps(2_500) for s in (Stage.SHADOW, Stage.CANARY, Stage.PRODUCTION)] == [0, 2_500, 10_000]
