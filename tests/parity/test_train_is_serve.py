"""Train = serve on real candles: the inputs that were learnt are those that are asked, and so are the answers.

The model has the shipped sizes, is trained on the earlier part of the candles and judges the later part twice: as a
tape at once, and from a feature stream fed with one bar after the other.
"""

import numpy as np
import pyarrow.parquet as pq
import pytest

from src.backtest.tape import build_tape
from src.core.config.feature_manager import feature_hash
from src.core.domain.account import PredictionStatus
from src.core.domain.candles import Candles
from src.core.domain.market import Bar
from src.core.domain.time import BAR_15M, DAY, parse_time
from src.core.orchestration.labelling import vote_all
from src.core.orchestration.ml_loader import open_ensemble
from src.core.orchestration.training_data import study
from src.core.orchestration.wiring import core_params, feature_settings, model_adapter
from src.features.feature_generator import BarColumns, FeatureStream
from src.ml.ensemble import MEMBERS
from src.ml.model_folder import SERVING, TRAINING, versions, write_artefact
from src.ml.models import Recipe, train
from src.ml.packing import About, pack
from src.ml.splits import Spans, held_back
from src.trading.columns_read import columns_of
from tests.compiled_code import COMPILED
from tests.ml.made_model import settings

FIRST, CUT, LAST = parse_time("2022-04-01"), parse_time("2022-10-15"), parse_time("2022-12-01")
WARM = 160 * DAY
LIVE_BARS = 1_500


def real_candles(path) -> Candles:
    table = pq.read_table(path)
    opened_at = table["timestamp"].cast("int64").to_numpy()
    kept = (opened_at >= FIRST - WARM) & (opened_at < LAST)
    prices = (np.rint(table[k].to_numpy()[kept]).astype(np.int64) for k in ("open", "high", "low", "close"))
    return Candles(
        opened_at[kept] + BAR_15M, *prices, np.rint(table["volume"].to_numpy()[kept] * 10_000).astype(np.int64)
    )


@pytest.fixture(scope="module")
def studied(market_data_dir):
    candles = real_candles(market_data_dir / "btcjpy_gmo_spot_15m.parquet")
    first = int(np.searchsorted(candles.closed_at, FIRST, side="right"))
    return candles, study(settings(backtest__compile="always", backtest__cache=str(COMPILED)), candles, first)


@pytest.fixture(scope="module")
def trained(studied):
    _, made = studied
    past = made.dataset.take(np.flatnonzero(made.dataset.ended_at < CUT))
    spans = Spans(past.decided_at, past.ended_at)
    return past, train(past.inputs, past.won, past.weight, Recipe(), [held_back(spans, 0.25, spans.longest())])


@pytest.fixture(scope="module")
def artefact(studied, trained):
    past, models = trained
    about = About(feature_hash(), studied[1].terms, {}, {}, 0.65, versions(SERVING), versions(TRAINING))
    return pack(models, past, about)


@pytest.fixture
def used(artefact, tmp_path):
    write_artefact(tmp_path, artefact)
    return settings(model__used="true", model__path=str(tmp_path), model__max_age_days="3650", model__max_far="1")


@pytest.mark.parametrize("k", range(3), ids=MEMBERS)
def test_each_export_says_on_real_rows_what_its_library_says(studied, trained, artefact, k):
    rows = studied[1].dataset.inputs
    exported = open_ensemble(artefact).each(rows)[:, k]
    assert len(rows) > 3_000
    assert exported.std() > 0.01
    apart = np.abs(exported - trained[1].blend.each(rows)[:, k]).max()
    assert apart <= (1e-6 if MEMBERS[k] == "random_forest" else 0.0)


def test_the_ensemble_gives_real_rows_one_by_one_the_bits_of_the_batch(studied, artefact):
    ensemble, rows = open_ensemble(artefact), studied[1].dataset.inputs
    batch = ensemble.probabilities(rows)
    assert np.array([ensemble.probability(row) for row in rows]).tobytes() == batch.tobytes()


def test_what_was_learnt_is_what_is_asked(studied, used):
    """The lines of the dataset are the inputs of the answers, to the bit."""
    made = studied[1]
    answers = model_adapter(used).answers(made.tape, lambda: made.votes, None)
    place = {int(bar): n for n, bar in enumerate(answers.asked.tolist())}
    asked = answers.inputs[[place[int(bar)] for bar in made.dataset.bar]]
    assert asked.tobytes() == made.dataset.inputs.tobytes()


def test_a_feature_stream_and_a_tape_lead_to_the_same_predictions(studied, used):
    candles, params = studied[0], core_params(used)
    first = int(np.searchsorted(candles.closed_at, CUT, side="right"))
    columns = columns_of(params)
    part = Candles(*(column[: first + LIVE_BARS] for column in candles.columns))
    fees = (np.zeros(len(part), np.int64), np.full(len(part), 1_000, np.int64))
    tape = build_tape(part, first, *fees, feature_settings(used), columns)
    status, probability = model_adapter(used).predictions(tape, lambda: vote_all(tape, params), None)
    stream, live = FeatureStream(feature_settings(used), columns), model_adapter(used)
    stream.open(BarColumns(*(column[:first] for column in part.columns)))
    bars = [Bar(*line) for line in zip(*(column[first:].tolist() for column in part.columns), strict=True)]
    said = [live.predict(stream.update(bar)) for bar in bars]
    assert [each.status for each in said] == status.tolist()
    assert np.array([each.probability for each in said]).tobytes() == probability.tobytes()
    assert (status == PredictionStatus.GOOD).sum() > 100
