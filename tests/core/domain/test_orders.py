"""Codes that are stored never change their meaning."""

from src.core.domain.account import NO_PREDICTION, PredictionStatus, Trade
from src.core.domain.orders import EntryKind, ExitReason, Reason

STORED_REASONS = {
    "ENTER": 0,
    "HOLD_POSITION": 1,
    "EXIT_POSITION": 2,
    "ENTRY_WAITING": 3,
    "COLD": 10,
    "AFTER_GAP": 11,
    "STALE_VIEW": 12,
    "NOT_FINITE": 13,
    "QUIET_BAR": 14,
    "ACCOUNT_UNKNOWN": 20,
    "DRAWDOWN_HALT": 21,
    "LOSS_STREAK": 22,
    "COOLDOWN": 23,
    "SPREAD": 30,
    "LATENCY": 31,
    "PRICE_SPIKE": 32,
    "VOLUME_SPIKE": 33,
    "NO_SIGNAL": 40,
    "CONFLICT": 41,
    "LOW_CONFIDENCE": 42,
    "MODEL_ABSENT": 50,
    "MODEL_STALE": 51,
    "MODEL_NOT_FINITE": 52,
    "MODEL_REFUSES": 53,
    "MODEL_OTHER_FEATURES": 54,
    "MODEL_OTHER_BARRIERS": 55,
    "MODEL_CONSTANT": 56,
    "MODEL_FAR": 57,
    "MODEL_DAMAGED": 58,
    "COST_TOO_HIGH": 60,
    "MARGIN": 61,
    "TOO_SMALL": 62,
}
STORED_EXITS = {
    "NONE": 0,
    "STOP": 1,
    "TRAIL": 2,
    "TARGET": 3,
    "MAX_HOLD": 4,
    "REASON_ENDED": 5,
    "OPPOSITE": 6,
    "HALT": 7,
    "LOSSCUT": 8,
    "END_OF_DATA": 9,
}
STORED_TRADE = (
    *("opened_at", "closed_at", "side", "lots", "entry", "exit", "fee", "interest", "slippage", "gross", "net"),
    *("exit_reason", "leader", "risk", "worst", "best"),
)


def test_no_stored_code_was_renumbered():
    assert STORED_REASONS.items() <= {reason.name: int(reason) for reason in Reason}.items()
    assert STORED_EXITS.items() <= {why.name: int(why) for why in ExitReason}.items()
    assert [kind.name for kind in EntryKind] == ["MARKET", "LIMIT", "MAKER", "MAKER_THEN_TAKER"]
    assert [status.name for status in PredictionStatus] == [
        *("NONE", "GOOD", "STALE", "NOT_FINITE", "OTHER_FEATURES", "OTHER_BARRIERS", "CONSTANT", "FAR"),
        *("REFUSED", "NOT_ASKED"),
    ]


def test_the_columns_of_a_trade_keep_their_places():
    assert Trade._fields[: len(STORED_TRADE)] == STORED_TRADE


def test_no_prediction_has_no_probability():
    assert NO_PREDICTION.status == PredictionStatus.NONE
    assert NO_PREDICTION.probability != NO_PREDICTION.probability
