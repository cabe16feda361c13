"""A model's stage reaches the decision: a canary trades a part of the size, a shadow is asked and changes nothing."""

import pytest

from src.core.clock import ManualClock
from src.core.domain.account import Account, Prediction, PredictionStatus
from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.time import DAY, Millis
from src.core.orchestration.cycle import TradingCycle, decision_body
from src.core.orchestration.model_stage import live_params, models_folder, shadow_adapter, size_bps
from src.core.orchestration.wiring import core_params, feature_settings
from src.features.feature_stream import FeatureStream
from src.ml.model_manager import ModelManager
from src.ml.stage import Served, Stage
from src.trading.decision import fresh_state
from src.trading.position_sizing import size_position
from tests.core.config.busy_market import busy_rows
from tests.ml.made_model import busy_artefact, settings

RICH = Account(
    True, Money(10**10), Ticks(5_000_000), Side.NONE, Lots(0), Ticks(0), Millis(0), False, 100, 200, 0, 1_000
)
GOOD = Served(60 * DAY, 100, 0.01, 1.0, 40, 5.0)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return settings(model__used="true")


def manager_of(here):
    return ModelManager(models_folder(here), ManualClock(Millis(0)))


def test_without_a_model_of_a_stage_nothing_is_scaled(here):
    assert size_bps(here) == 10_000
    assert shadow_adapter(here, core_params(here)) is None


def test_a_canary_trades_a_part_and_a_production_model_the_whole(here):
    manager = manager_of(here)
    version = manager.register(busy_artefact(), True, "passed").version
    assert manager.promote(version, GOOD).stage is Stage.CANARY
    params = live_params(here, core_params(here))
    assert params.size.share_bps == 2_500
    manager.promote(version, GOOD)
    assert live_params(here, core_params(here)) == core_params(here)


def test_a_part_of_the_size_is_never_more_than_that_part_and_may_be_too_small(here):
    params = core_params(here)
    whole = RICH
    arguments = (whole.equity, whole.mark, whole.mark // 50, 0.01, whole.taker_fee_ppm, fresh_state(whole.equity).risk)
    full = size_position(*arguments, params.size, params.costs)
    assert full.lots > 0
    for share in (1, 2_500, 5_000, 9_999):
        part = size_position(*arguments, params.size._replace(share_bps=share), params.costs)
        assert part.lots == full.lots * share // 10_000
        assert part.risk * full.lots == full.risk * part.lots


class Always:
    """A predictor that says one thing, and remembers that it was asked."""

    text = "made"

    def __init__(self, probability):
        self.prediction = Prediction(int(PredictionStatus.GOOD), probability)
        self.asked = 0

    def predict(self, row):
        self.asked += 1
        return self.prediction

    def explain(self, row):
        return ()


def test_a_shadow_is_asked_and_written_down_and_changes_no_decision(here):
    params = core_params(here)
    features = FeatureStream(feature_settings(here))
    shadow = Always(0.99)
    alone, beside = (TradingCycle(features, Always(0.1), params, s) for s in (None, shadow))
    rows = busy_rows()[:300]
    whole = RICH
    for row in rows:
        one, other = (cycle.judge(row, whole, fresh_state(whole.equity)) for cycle in (alone, beside))
        assert (one.decision, one.after) == (other.decision, other.after)
        body = decision_body(other)
        assert body["shadow"] != body["prediction"]
        assert "shadow" not in decision_body(one)
    assert shadow.asked == len(rows)


def test_the_shadow_lies_in_a_folder_of_its_own(here):
    version = manager_of(here).register(busy_artefact(), True, "passed").version
    adapter = shadow_adapter(here, core_params(here))
    assert adapter is not None
    assert adapter.version == version
    assert adapter.status is PredictionStatus.GOOD
