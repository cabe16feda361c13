"""A running trader and its model: doubt is told once, ended doubt too; a decision carries what moved the model."""

import numpy as np
import pytest

from src.core.domain.account import PredictionStatus
from src.core.domain.journal import Kind
from src.core.domain.notices import Tier, Topic
from src.core.orchestration.cycle import TradingCycle, decision_body
from src.core.orchestration.wiring import core_params, model_adapter
from src.features.feature_stream import FeatureStream
from src.ml.model_folder import write_artefact
from src.trading.decision import fresh_state
from src.trading.journal import database_url, open_journal
from src.trading.risk import ModelParams
from tests.backtest.made_worlds import made_world
from tests.core.config.busy_market import busy_rows
from tests.ml.made_model import busy_artefact, first_half, settings
from tests.parity.test_live_engine import LiveDesk
from tests.trading.situations import EQUITY, FLAT_ACCOUNT

GOOD, STALE, FAR, NOT_ASKED = (int(PredictionStatus[name]) for name in ("GOOD", "STALE", "FAR", "NOT_ASKED"))


def world(states: list[int]):
    """A made world whose model says these things, the last one to the end."""
    made = made_world(1, bars=30)
    status = np.array(states + [states[-1]] * (30 - len(states)), np.int64)
    tape = made.tape._replace(prediction_status=status, prediction=np.where(status == GOOD, 0.9, np.nan))
    return made._replace(tape=tape, params=made.params._replace(model=ModelParams(used=True)))


async def told(made, folder):
    desk = LiveDesk(made, folder)
    await desk.run()
    journal = await open_journal(database_url(folder / "journal.db", {}), desk.clock)
    alarms = [stored.entry.body for stored in await journal.entries([Kind.ALARM])]
    await journal.close()
    notices = [notice for notice in desk.listener.told if notice.topic == Topic.MODEL]
    return notices, [body for body in alarms if body.get("topic") == "model"]


async def test_doubt_is_told_when_it_begins_changes_and_ends_and_not_bar_after_bar(tmp_path):
    notices, alarms = await told(world([GOOD, NOT_ASKED, STALE, NOT_ASKED, STALE, FAR, FAR, GOOD]), tmp_path)
    assert [notice.values["state"] for notice in notices] == ["STALE", "FAR", "GOOD"]
    assert [notice.tier for notice in notices] == [Tier.WARNING, Tier.WARNING, Tier.INFO]
    assert [body["state"] for body in alarms] == ["STALE", "FAR", "GOOD"]


async def test_a_model_that_is_absent_from_the_start_is_told_on_the_first_bar(tmp_path):
    notices, alarms = await told(world([int(PredictionStatus.NONE)]), tmp_path)
    assert [notice.values["state"] for notice in notices] == ["NONE"]
    assert len(alarms) == 1


async def test_where_no_model_is_used_nothing_is_told(tmp_path):
    made = world([STALE])
    notices, _ = await told(made._replace(params=made.params._replace(model=ModelParams(used=False))), tmp_path)
    assert notices == []


@pytest.fixture
def cycle(tmp_path):
    write_artefact(tmp_path, busy_artefact())
    shipped = settings(model__used="true", model__path=str(tmp_path), model__max_age_days="3650")
    return TradingCycle(FeatureStream(), model_adapter(shipped), core_params(shipped))


def test_a_judged_bar_carries_the_part_of_every_input_into_the_journal(cycle):
    row = busy_rows()[int(first_half().bar[0])]
    judged = cycle.judge(row, FLAT_ACCOUNT, fresh_state(EQUITY))
    body = decision_body(judged)
    assert judged.prediction.status == GOOD
    assert busy_artefact().version in judged.model
    assert len(body["explained"]) == 35
    assert sum(abs(part) for part in body["explained"].values()) > 0.05


def test_a_bar_without_a_proposal_has_nothing_to_explain(cycle):
    silent = next(
        row for row in busy_rows() if cycle.judge(row, FLAT_ACCOUNT, fresh_state(EQUITY)).prediction.status == NOT_ASKED
    )
    judged = cycle.judge(silent, FLAT_ACCOUNT, fresh_state(EQUITY))
    assert judged.explained == ()
    assert "explained" not in decision_body(judged)
