"""Inputs without a scale: the same question in every year and on both sides, the same bits one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from src.core.orchestration.wiring import core_params
from src.features.row import COLUMNS, MANAGED_FEATURES
from src.ml.dataset import rows_of
from src.ml.transform import DEFINITIONS, INPUTS, Costs, Proposals, finite, model_inputs, proposals_at, transform_hash
from src.ml.votes import proposing
from tests.core.config.busy_market import busy_tape
from tests.ml.made_model import COSTS, busy_votes, settings
from tests.strategies.made_rows import PRICE, mirrored, row

PRICES = {"open", "high", "low", "close", "macd", "macd_signal", "atr_14", "ema_20", "ema_50"}


def proposal(side: int = 1, **changed: object) -> Proposals:
    whole = {"leader": 2, "stop": 150_000, "target": 300_000, "trail": 0, "hold": 86_400_000, "side": side}
    real = {"strength": 0.7, "confidence": 0.6, "support": 0.5}
    values = {**whole, **real, **changed}
    return Proposals(
        **{name: np.array([values[name]], np.int64 if name in whole else np.float64) for name in Proposals._fields}
    )


def inputs_of(one, asked, costs=COSTS):
    return model_inputs(np.array([one[2:]]), asked, costs)


def test_there_are_the_twelve_of_both_views_and_the_proposal():
    assert INPUTS[:12] == MANAGED_FEATURES
    assert INPUTS[12:24] == tuple(f"{name}_4h" for name in MANAGED_FEATURES)
    assert len(INPUTS) == len(set(INPUTS)) == 35
    assert all(DEFINITIONS.values())
    assert len(transform_hash()) == 64


def test_a_single_row_has_the_bits_of_the_batch():
    tape, params = busy_tape(), core_params(settings())
    votes = busy_votes(params)
    bars = proposing(votes, tape.quality, params.vote.min_confidence)
    batch = model_inputs(rows_of(tape, bars), proposals_at(votes, bars), COSTS)
    assert batch.dtype == np.float32
    assert len(bars) > 300
    for n, bar in enumerate(bars.tolist()):
        here = np.array([bar])
        one = model_inputs(rows_of(tape, here), proposals_at(votes, here), COSTS)
        assert one.tobytes() == batch[n].tobytes()


@given(st.sampled_from([0.125, 0.5, 2.0, 16.0]))
def test_prices_of_another_scale_ask_the_same_question(factor):
    one = row(ema_50=PRICE + 90_000, ema_20=PRICE + 40_000, macd=-3_000.0, macd_4h=5_000.0, ema_50_4h=PRICE - 200_000)
    scaled = one._replace(
        **{name: getattr(one, name) * factor for name in COLUMNS if name.removesuffix("_4h") in PRICES}
    )
    asked = proposal()
    grown = proposal(stop=int(150_000 * factor), target=int(300_000 * factor))
    assert inputs_of(scaled, grown).tobytes() == inputs_of(one, asked).tobytes()


def test_a_short_in_the_mirrored_market_is_the_same_question_as_the_long():
    one = row(ema_50=PRICE + 90_000, rsi_14=27.0, zscore=-1.5, returns_1=-0.002, bb_position=0.1, macd=-900.0)
    up, down = inputs_of(one, proposal(1))[0], inputs_of(mirrored(one), proposal(-1))[0]
    differs = {name for name, a, b in zip(INPUTS, up.tolist(), down.tolist(), strict=True) if abs(a - b) > 1e-6}
    assert differs == {"side"}


def test_near_fifteen_million_yen_no_fraction_is_lost():
    price = 15_000_000.0
    base = dict.fromkeys(("close", "open", "high", "low", "ema_20", "ema_50"), price)
    near = [inputs_of(row(**{**base, "ema_50": price + step * 0.25}), proposal())[0, 0] for step in range(8)]
    assert len(set(near)) == 8  # as a float32 price all eight would be one or two numbers
    assert len({np.float32(price + step * 0.25) for step in range(8)}) < 8


def test_what_has_no_value_is_not_finite_and_warns_nobody():
    for broken in ({"atr_14": 0.0}, {"volume_4h": 0.0}, {"rsi_14": float("nan")}, {"volume_ratio_4h": 0.0}):
        assert not finite(inputs_of(row(**broken), proposal()))[0]
    assert finite(inputs_of(row(), proposal()))[0]
    assert not finite(inputs_of(row(), proposal(stop=0)))[0]


def test_the_share_of_costs_is_the_round_trip_over_the_stop():
    found = inputs_of(row(), proposal(), Costs(1_000, 500, 1.0))[0, INPUTS.index("cost_share")]
    assert found == np.float32(PRICE * 0.003 / 150_000)
