"""Values as people read them."""

import pytest

from src.core.domain.market import BTC_JPY
from src.core.domain.orders import ExitReason, Reason
from src.monitoring.notice_values import OUTCOMES, REASONS, shown
from src.monitoring.notice_words import LABELS
from src.trading.executor import Outcome


@pytest.mark.parametrize(
    ("name", "text", "ja", "en"),
    [
        ("net", "-123456789", "-12,346円", "-12,346 JPY"),
        ("net", "50000000", "+5,000円", "+5,000 JPY"),
        ("equity", "10000000000", "1,000,000円", "1,000,000 JPY"),
        ("price", "12345678", "12,345,678円", "12,345,678 JPY"),
        ("lots", "123", "0.0123 BTC", "0.0123 BTC"),
        ("position", "-5", "-0.0005 BTC", "-0.0005 BTC"),
        ("side", "SELL", "売り", "sell"),
        ("mode", "paper", "ペーパー", "paper"),
        ("why", "TRAIL", "トレール", "trailing stop"),
        ("outcome", "stale", "判断が古くなった", "the decision came too late"),
    ],
)
def test_whole_numbers_and_names_of_the_core_are_put_into_units_and_words(name, text, ja, en):
    assert shown(name, text, "ja", BTC_JPY) == ja
    assert shown(name, text, "en", BTC_JPY) == en


@pytest.mark.parametrize(
    ("name", "text"),
    [("net", "1,234 JPY"), ("net", ""), ("net", "-"), ("net", "²"), ("net", "9" * 31), ("what", "12"), ("why", "odd")],
)
def test_anything_else_is_shown_as_it_is(name, text):
    assert shown(name, text, "ja", BTC_JPY) == text


def test_every_reason_and_every_outcome_has_words():
    assert REASONS.keys() == {reason.name for reason in Reason} | {reason.name for reason in ExitReason}
    assert OUTCOMES.keys() == {outcome.value for outcome in Outcome}


def test_no_two_lists_of_reasons_share_a_name():
    assert not {reason.name for reason in Reason} & {reason.name for reason in ExitReason}


def test_every_value_that_is_put_into_units_has_a_label():
    assert {"net", "gross", "fees", "interest", "equity", "price", "lots", "side", "why", "outcome"} <= LABELS.keys()
