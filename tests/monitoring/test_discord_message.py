"""Whatever a notice holds, the message is one that Discord takes."""

from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.notices import Notice, Tier, Topic
from src.core.domain.time import Millis
from src.core.logger import Redactor
from src.monitoring.discord_message import message, plain_message
from src.monitoring.outbox import Parcel
from tests.monitoring.fake_discord import fault_of

texts = st.text(max_size=60) | st.text(min_size=900, max_size=3_000) | st.just("🚀" * 2_000) | st.just("\ud83d")
notices = st.builds(
    Notice,
    st.sampled_from(Tier),
    st.sampled_from(Topic),
    st.integers(0, 2**41).map(Millis),
    st.dictionaries(texts, texts, max_size=30),
)
parcels = st.lists(
    st.builds(Parcel, notices, st.integers(1, 10**6), st.integers(0, 2**41).map(Millis)), min_size=1, max_size=14
)


@given(parcels=parcels, language=st.sampled_from(["ja", "en"]))
def test_any_notices_fit_discords_limits_and_none_is_skipped(parcels, language):
    left = parcels
    while left:
        body, count = message(left, language, "live BTC/JPY", str)
        assert not fault_of(body)
        assert 1 <= count == len(body["embeds"])
        left = left[count:]
        assert not fault_of(plain_message(parcels, language, "live BTC/JPY", str))


def test_nobody_is_pinged_by_what_a_value_says():
    notice = Notice(Tier.INFO, Topic.CLOSED, Millis(0), {"what": "@everyone"})
    for body in (message([Parcel(notice)], "en", "live", str)[0], plain_message([Parcel(notice)], "en", "live", str)):
        assert body["allowed_mentions"] == {"parse": []}


def test_a_secret_in_a_value_or_a_name_is_blanked_out_before_anything_is_cut():
    secret = "canary-key-4711-abcdef"
    clean = Redactor([secret]).text
    values = {"what": "x" * 990 + secret, secret: "y"}
    parcel = Parcel(Notice(Tier.CRITICAL, Topic.REFUSED, Millis(0), values))
    told = str(message([parcel], "ja", f"live {secret}", clean)) + str(plain_message([parcel], "ja", "live", clean))
    assert "canary-key" not in told
    assert "[redacted]" in told


def test_a_merged_notice_says_how_often_and_in_how_long_it_was_said():
    parcel = Parcel(Notice(Tier.WARNING, Topic.STREAM, Millis(61_500)), 12, Millis(1_000))
    body, _ = message([parcel], "en", "live", str)
    assert "×12" in body["content"]
    assert "12 times in 61 s" in body["embeds"][0]["description"]
