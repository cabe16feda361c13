"""Whatever a notice holds, the message is one that Discord takes."""

from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market import BTC_JPY
from src.core.domain.notices import Notice, Tier, Topic
from src.core.domain.time import Millis
from src.core.logger import Redactor
from src.monitoring.discord_message import Look, message, plain_message
from src.monitoring.outbox import Parcel
from tests.monitoring.fake_discord import fault_of

repeated = st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=2), st.integers(300, 1_500))
texts = st.text(max_size=12) | repeated | st.just("🚀" * 2_000) | st.just("\ud83d")
notices = st.builds(
    Notice,
    st.sampled_from(Tier),
    st.sampled_from(Topic),
    st.integers(0, 2**41).map(Millis),
    st.dictionaries(texts, texts, max_size=14),
)
parcels = st.lists(
    st.builds(Parcel, notices, st.integers(1, 10**6), st.integers(0, 2**41).map(Millis)), min_size=1, max_size=12
)


def look(language: str) -> Look:
    return Look(language, "live BTC/JPY", BTC_JPY, str)


@given(parcels=parcels, language=st.sampled_from(["ja", "en"]))
def test_any_notices_fit_discords_limits_and_none_is_skipped(parcels, language):
    left = parcels
    while left:
        body, count = message(left, look(language))
        assert not fault_of(body)
        assert 1 <= count == len(body["embeds"])
        left = left[count:]
        assert not fault_of(plain_message(parcels, look(language)))


def test_nobody_is_pinged_by_what_a_value_says():
    notice = Notice(Tier.INFO, Topic.CLOSED, Millis(0), {"what": "@everyone"})
    for body in (message([Parcel(notice)], look("en"))[0], plain_message([Parcel(notice)], look("en"))):
        assert body["allowed_mentions"] == {"parse": []}


def test_a_secret_in_a_value_or_a_name_is_blanked_out_before_anything_is_cut():
    secret = "canary-key-4711-abcdef"
    clean = Redactor([secret]).text
    values = {"what": "x" * 990 + secret, secret: "y"}
    parcel = Parcel(Notice(Tier.CRITICAL, Topic.REFUSED, Millis(0), values))
    hidden = Look("ja", f"live {secret}", BTC_JPY, clean)
    told = str(message([parcel], hidden)) + str(plain_message([parcel], hidden))
    assert "canary-key" not in told
    assert "[redacted]" in told


def test_a_merged_notice_says_how_often_and_in_how_long_it_was_said():
    parcel = Parcel(Notice(Tier.WARNING, Topic.STREAM, Millis(61_500)), 12, Millis(1_000))
    body, _ = message([parcel], look("en"))
    assert "×12" in body["content"]
    assert "12 times in 61 s" in body["embeds"][0]["description"]


def test_values_are_shown_in_their_units_with_embeds_and_without():
    parcel = Parcel(Notice(Tier.INFO, Topic.CLOSED, Millis(0), {"net": "-123456789", "lots": "25", "why": "STOP"}))
    body, _ = message([parcel], look("ja"))
    assert [field["value"] for field in body["embeds"][0]["fields"]] == ["-12,346円", "0.0025 BTC", "損切り"]
    assert "損益(費用込み): -12,346円" in plain_message([parcel], look("ja"))["content"]
