"""A report that was asked to says what has moved under the model: in the page's both languages, and in the text."""

from html import escape

import pytest

from src.backtest.report import write_report
from src.core.domain.time import parse_time
from src.ml.drift import CalibrationDrift, Moved, WindowDrift
from src.ml.drift_words import Watched, watch_lines

WATCHED = Watched(
    "20260101-abcdef",
    21,
    parse_time("2026-11-01"),
    WindowDrift(30, 90, 0.01, True, (Moved("rsi_14", 2.5, 1.1),)),
    None,
    CalibrationDrift(12, 0.9, 1.4, False, 3.0, 2),
)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_section_is_there_in_page_and_text(folder, language):
    paths = write_report(folder, language, watch=WATCHED)
    page, text = paths.html.read_text(encoding="utf-8"), paths.text.read_text(encoding="utf-8")
    for lang in ("ja", "en"):
        for line in watch_lines(WATCHED, lang)[1:]:
            assert escape(line) in page
    heading = {"ja": "## モデルの監視", "en": "## Watch over the model"}[language]
    assert heading in text
    assert "2.5" in text


def test_a_report_that_was_not_asked_has_no_such_section(folder):
    paths = write_report(folder, "en")
    assert 'id="drift"' not in paths.html.read_text(encoding="utf-8")
    assert "Watch over the model" not in paths.text.read_text(encoding="utf-8")
