"""Each reason alone is the one a bar ends with; of two, the earlier gate is named."""

import itertools

import pytest

from src.core.domain.account import Prediction, PredictionStatus
from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import Millis
from src.features.row import Quality
from src.strategies.base.strategy_manager import VoteParams
from src.trading.exits import plan_from_fill
from src.trading.risk import ModelParams, data_gate
from tests.strategies.made_rows import AT, PRICE
from tests.trading.situations import EQUITY, WILLING, changed, decided

OPEN = {"account.side": Side.BUY, "account.lots": Lots(10), "account.entry": Ticks(10_000_000)}
PLAN = plan_from_fill(
    Side.BUY, Ticks(10_000_000), Millis(AT - 900_000), 0, Ticks(150_000), Ticks(0), Ticks(0), 0, Money(1)
)
RAN_OUT = PLAN._replace(expires_at=Millis(AT))
SELLER_TOO = {"row.slow_momentum_4h": -0.5, "row.close_before": PRICE + 1, "row.ema_20": PRICE + 1}

FORCED = {
    Reason.ENTER: {},
    Reason.HOLD_POSITION: {**OPEN, "state.plan": PLAN},
    Reason.EXIT_POSITION: {**OPEN, "state.plan": RAN_OUT},
    Reason.ENTRY_WAITING: {"account.waiting": True},
    Reason.COLD: {"row.quality": int(Quality.COLD)},
    Reason.AFTER_GAP: {"row.quality": int(Quality.AFTER_GAP)},
    Reason.STALE_VIEW: {"row.quality": int(Quality.STALE_VIEW)},
    Reason.NOT_FINITE: {"row.quality": int(Quality.NOT_FINITE)},
    Reason.QUIET_BAR: {"row.quality": int(Quality.QUIET)},
    Reason.ACCOUNT_UNKNOWN: {"account.known": False},
    Reason.DRAWDOWN_HALT: {"state.risk.halted": True},
    Reason.LOSS_STREAK: {"state.risk.streak_until": Millis(AT + 1)},
    Reason.COOLDOWN: {"state.risk.cooldown_until": Millis(AT + 1)},
    Reason.SPREAD: {"account.spread_ppm": 3_001},
    Reason.LATENCY: {"account.latency_ms": 3_001},
    Reason.PRICE_SPIKE: {"row.high": PRICE + 200_000},
    Reason.VOLUME_SPIKE: {"row.volume_ratio": 21.0},
    Reason.NO_SIGNAL: {"row.rsi_14": 50.0},
    Reason.CONFLICT: SELLER_TOO,
    Reason.LOW_CONFIDENCE: {"params.vote": VoteParams(min_confidence=0.9)},
    Reason.MODEL_ABSENT: {"params.model": ModelParams(used=True)},
    Reason.MODEL_STALE: {
        "params.model": ModelParams(used=True),
        "prediction": Prediction(int(PredictionStatus.STALE), 0.9),
    },
    Reason.MODEL_NOT_FINITE: {
        "params.model": ModelParams(used=True),
        "prediction": Prediction(int(PredictionStatus.NOT_FINITE), 0.9),
    },
    Reason.MODEL_REFUSES: {
        "params.model": ModelParams(used=True),
        "prediction": Prediction(int(PredictionStatus.GOOD), 0.64),
    },
    **{
        reason: {
            "params.model": ModelParams(used=True),
            "prediction": Prediction(int(status), 0.9),
        }
        for reason, status in (
            (Reason.MODEL_OTHER_FEATURES, PredictionStatus.OTHER_FEATURES),
            (Reason.MODEL_OTHER_BARRIERS, PredictionStatus.OTHER_BARRIERS),
            (Reason.MODEL_CONSTANT, PredictionStatus.CONSTANT),
            (Reason.MODEL_FAR, PredictionStatus.FAR),
            (Reason.MODEL_DAMAGED, PredictionStatus.REFUSED),
        )
    },
    Reason.COST_TOO_HIGH: {"account.taker_fee_ppm": 4_000},
    Reason.MARGIN: {"account.equity": Money(4_000_000), "state.risk.peak_equity": Money(4_000_000)},
    Reason.TOO_SMALL: {"account.equity": Money(10**7), "state.risk.peak_equity": Money(10**7)},
}
"""What alone leads to each reason, while everything else would enter. A new reason needs a line here."""

ORDER = [
    *(Reason.COLD, Reason.NOT_FINITE, Reason.STALE_VIEW, Reason.AFTER_GAP, Reason.QUIET_BAR),
    Reason.ACCOUNT_UNKNOWN,
    *(Reason.DRAWDOWN_HALT, Reason.LOSS_STREAK, Reason.COOLDOWN),
    *(Reason.SPREAD, Reason.LATENCY, Reason.PRICE_SPIKE, Reason.VOLUME_SPIKE),
    *(Reason.CONFLICT, Reason.NO_SIGNAL, Reason.LOW_CONFIDENCE),
    *(Reason.MODEL_ABSENT, Reason.MODEL_STALE, Reason.MODEL_NOT_FINITE, Reason.MODEL_REFUSES),
    *(Reason.MODEL_OTHER_FEATURES, Reason.MODEL_OTHER_BARRIERS, Reason.MODEL_CONSTANT, Reason.MODEL_FAR),
    Reason.MODEL_DAMAGED,
    *(Reason.COST_TOO_HIGH, Reason.MARGIN, Reason.TOO_SMALL),
]
PAIRS = [
    (first, second)
    for first, second in itertools.combinations(ORDER, 2)
    if not set(FORCED[first]) & set(FORCED[second]) and (first, second) != (Reason.CONFLICT, Reason.NO_SIGNAL)
]


def test_every_reason_has_a_situation_that_forces_it():
    assert set(FORCED) == set(Reason)
    assert set(ORDER) == {reason for reason in Reason if reason >= Reason.COLD}


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_is_forced_alone(reason):
    _, decision = decided(changed(WILLING, FORCED[reason]))
    assert decision.reason == reason
    entering = reason == Reason.ENTER
    assert (decision.verdict.lots > 0) == entering
    assert (decision.verdict.reason == Reason.ENTER) == entering
    assert (decision.exit_reason != ExitReason.NONE) == (reason == Reason.EXIT_POSITION)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_two_reasons_the_earlier_gate_is_named(first, second):
    _, decision = decided(changed(WILLING, {**FORCED[second], **FORCED[first]}))
    assert decision.reason == first


@pytest.mark.parametrize("reason", ORDER)
def test_an_open_position_comes_before_every_reason_not_to_enter(reason):
    if reason == Reason.ACCOUNT_UNKNOWN:
        return  # without the account there is no position to speak of
    situation = changed(WILLING, {**FORCED[reason], **FORCED[Reason.HOLD_POSITION]})
    _, decision = decided(situation, params__exits__when_halted=False)
    assert decision.reason == Reason.HOLD_POSITION


def test_a_refused_entry_names_the_side_it_was_for():
    _, decision = decided(changed(WILLING, FORCED[Reason.SPREAD]))
    assert decision.verdict.side == Side.BUY
    assert decided(changed(WILLING, FORCED[Reason.CONFLICT]))[1].verdict.side == Side.NONE


@pytest.mark.parametrize("quality", [-1, 6, 99])
def test_a_quality_nobody_defined_forbids_an_entry(quality):
    assert data_gate(quality) == Reason.NOT_FINITE
    assert decided(WILLING, row__quality=quality)[1].reason != Reason.ENTER


@pytest.mark.parametrize(
    ("status", "probability", "reason"),
    [
        (PredictionStatus.GOOD, 0.65, Reason.ENTER),
        (PredictionStatus.GOOD, 1.0, Reason.ENTER),
        (PredictionStatus.GOOD, float("nan"), Reason.MODEL_NOT_FINITE),
        (PredictionStatus.GOOD, 1.1, Reason.MODEL_NOT_FINITE),
        (PredictionStatus.GOOD, -0.1, Reason.MODEL_NOT_FINITE),
        (99, 0.9, Reason.MODEL_NOT_FINITE),
    ],
)
def test_what_a_model_says_is_believed_only_as_a_probability(status, probability, reason):
    used = changed(WILLING, {"params.model": ModelParams(used=True)})
    assert decided(used, prediction=Prediction(int(status), probability))[1].reason == reason


@pytest.mark.parametrize("status", sorted(set(PredictionStatus) - {PredictionStatus.GOOD}))
def test_a_doubtful_model_is_left_out_only_when_the_settings_say_so(status):
    allowed = changed(WILLING, {"params.model": ModelParams(used=True, hold_without=False)})
    assert decided(allowed, prediction=Prediction(int(status), float("nan")))[1].reason == Reason.ENTER


def test_pauses_end_at_their_instant():
    for name in ("streak_until", "cooldown_until"):
        assert decided(WILLING, **{f"state__risk__{name}": Millis(AT)})[1].reason == Reason.ENTER


def test_the_willing_situation_is_an_ordinary_entry():
    _, decision = decided(WILLING)
    verdict = decision.verdict
    assert (verdict.side, verdict.stop, verdict.target, verdict.trail) == (Side.BUY, 150_000, 200_000, 0)
    assert verdict.hold == 86_400_000
    assert verdict.leader == 0
    assert 0 < verdict.risk <= EQUITY * 5_000 // 1_000_000
