"""Every notice can be told in both languages."""

import pytest

from src.core.domain.market import BTC_JPY
from src.core.domain.notices import Notice, Tier, Topic
from src.core.domain.time import Millis
from src.monitoring.discord_message import Look, message
from src.monitoring.notice_words import LABELS, MEANINGS, TIERS, TITLES, label, meaning, tier_word, times, title
from src.monitoring.outbox import Parcel
from tests.monitoring.fake_discord import fault_of

KANA_OR_KANJI = range(0x3040, 0xA000)


def is_japanese(text: str) -> bool:
    return any(ord(character) in KANA_OR_KANJI for character in text)


def test_every_topic_and_tier_has_words_and_no_words_are_left_over():
    assert TITLES.keys() == MEANINGS.keys() == set(Topic)
    assert TIERS.keys() == set(Tier)


@pytest.mark.parametrize("topic", list(Topic))
def test_the_words_of_a_topic_are_in_their_language_and_hold_no_unfilled_place(topic):
    assert is_japanese(title(topic, "ja"))
    assert title(topic, "en").isascii()
    assert bool(meaning(topic, "ja")) == bool(meaning(topic, "en"))
    assert not is_japanese(meaning(topic, "en"))
    for language in ("ja", "en"):
        assert title(topic, language)
        assert "{" not in title(topic, language) + meaning(topic, language)


def test_titles_are_all_different():
    for language in (0, 1):
        assert len({words[language] for words in TITLES.values()}) == len(Topic)


@pytest.mark.parametrize("name", sorted(LABELS))
def test_the_label_of_a_value_is_there_in_both_languages(name):
    assert is_japanese(label(name, "ja"))
    assert label(name, "en").isascii()


def test_a_value_without_a_label_goes_by_its_own_name():
    assert label("surprise", "ja") == label("surprise", "en") == "surprise"


@pytest.mark.parametrize("language", ["ja", "en"])
def test_numbers_of_a_merged_notice_are_filled_in(language):
    text = times(7, 61, language)
    assert "7" in text
    assert "61" in text
    assert "{" not in text
    assert tier_word(Tier.CRITICAL, language)


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("topic", list(Topic))
def test_every_topic_makes_a_message_that_shows_each_of_its_values(topic, language):
    values = {name: f"value of {name}" for name in [*list(LABELS)[:10], "surprise"]}
    look = Look(language, "live BTC/JPY", BTC_JPY, str)
    body, count = message([Parcel(Notice(Tier.WARNING, topic, Millis(0), values))], look)
    assert count == 1
    assert not fault_of(body)
    (embed,) = body["embeds"]
    assert {f["value"] for f in embed["fields"]} == set(values.values())
    assert {f["name"] for f in embed["fields"]} == {label(name, language) for name in values}
    assert "live BTC/JPY" in body["content"]
    assert "live BTC/JPY" in embed["footer"]["text"]
