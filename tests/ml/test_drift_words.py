"""What the watch over a model says, in both languages."""

import pytest

from src.core.domain.time import DAY, Millis
from src.ml.drift import CalibrationDrift, Moved, WindowDrift
from src.ml.drift_words import Watched, watch_lines, watch_page

UNTIL = Millis(9 * DAY)
CALM = WindowDrift(30, 40, 0.4, False, (Moved("rsi_14", 1.2, -0.3),))
UNKNOWN = WindowDrift(3, 2, None, False, ())
BET = CalibrationDrift(12, 0.8, 1.4, False, 5.5, 5)


SAID = {"ja": ("変化なし", "判定不能"), "en": ("nothing moved", "cannot be told")}


@pytest.mark.parametrize(("language", "words"), SAID.items())
def test_what_is_calm_and_what_is_unknown_are_said_apart(language, words):
    lines = watch_lines(Watched("abc", 21, UNTIL, CALM, UNKNOWN, BET), language)
    assert words[0] in lines[2]
    assert "0.400" in lines[2]
    assert "rsi_14 +1.2/-0.3" in lines[3]
    assert words[1] in lines[4]
    assert "1970-01-10 09:00" in lines[0]


@pytest.mark.parametrize("place", range(3))
def test_each_alarm_is_an_alarm_of_the_whole(place):
    parts = [CALM, CALM, BET]
    parts[place] = parts[place]._replace(alarm=True)
    found = Watched("abc", 21, UNTIL, *parts)
    assert found.alarm
    assert "alarm: it moved" in "\n".join(watch_lines(found, "en"))
    assert "警報" in watch_page(found, "ja")


def test_the_page_says_that_nothing_stops_a_trade():
    assert "no alarm here stops a trade" in watch_page(Watched("abc", 21, UNTIL, CALM, CALM, BET), "en")


def test_what_cannot_be_told_is_not_called_calm():
    lines = watch_lines(Watched("abc", 21, UNTIL, UNKNOWN, None, BET._replace(bets=4)), "en")
    assert "walk-forward said is not in a folder of training.output" in lines[3]
    assert "too few outcomes" in lines[4]
    assert not any("nothing moved" in line for line in lines)
