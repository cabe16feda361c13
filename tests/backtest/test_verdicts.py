"""Verdicts: when which word may be used, and how it reads."""

import re

import pytest

from src.backtest.bootstrap import Interval
from src.backtest.verdicts import OUT_OF_REACH, Evidence, Measured, Verdict, judge, more_needed, text


def interval(low, high, observations=100):
    return Interval(low, high, 0.90, observations, 1.0, 2_000)


ABOVE, BELOW, AROUND = (Measured(v, interval(v - 1, v + 1)) for v in (2.0, -2.0, 0.5))
UNKNOWN = Measured(1.0, None)


@pytest.mark.parametrize(
    ("expectancy", "sharpe", "tried", "deflated", "evidence"),
    [
        (ABOVE, ABOVE, 5, 0.95, Evidence.PROFIT),
        (ABOVE, ABOVE, 5, 0.9499, Evidence.LUCK),
        (ABOVE, ABOVE, 5, None, Evidence.UNCOUNTED),
        (ABOVE, ABOVE, None, None, Evidence.UNCOUNTED),
        (AROUND, ABOVE, 1, 0.99, Evidence.NO_EVIDENCE),
        (ABOVE, AROUND, 1, 0.99, Evidence.NO_EVIDENCE),
        (BELOW, AROUND, 1, 0.99, Evidence.LOSS),
        (ABOVE, BELOW, 1, 0.99, Evidence.LOSS),
        (UNKNOWN, ABOVE, 1, 0.99, Evidence.TOO_FEW),
        (ABOVE, UNKNOWN, 1, 0.99, Evidence.TOO_FEW),
        (UNKNOWN, BELOW, 1, 0.99, Evidence.TOO_FEW),
    ],
)
def test_praise_needs_both_intervals_above_zero_and_a_convincing_deflated_sharpe(
    expectancy, sharpe, tried, deflated, evidence
):
    assert judge(False, 100, 365, expectancy, sharpe, tried, deflated).evidence is evidence


def test_ruin_and_silence_come_before_everything_else():
    assert judge(True, 100, 365, ABOVE, ABOVE, 1, 0.99).evidence is Evidence.RUINED
    assert judge(False, 0, 365, ABOVE, ABOVE, 1, 0.99).evidence is Evidence.NO_TRADES


def test_an_interval_without_an_upper_bound_is_no_evidence_of_a_loss():
    open_ended = Measured(-2.0, Interval(-3.0, None, 0.9, 100, 1.0, 2_000))
    assert judge(False, 100, 365, open_ended, AROUND, 1, 0.9).evidence is Evidence.NO_EVIDENCE
    assert more_needed(open_ended) is None


def test_as_many_more_are_needed_as_shrink_the_interval_to_zero():
    # reach 1.55 against a value of 1: (1.55)^2 = 2.4 times the 100 there are
    assert more_needed(Measured(1.0, interval(-0.55, 3.0))) == 141
    assert more_needed(Measured(-1.0, interval(-9.0, 0.55))) == 141
    assert more_needed(Measured(1.0, interval(0.1, 3.0))) == 0
    assert more_needed(Measured(0.0, interval(-1.0, 1.0))) is None
    assert more_needed(Measured(None, None)) is None


def verdict(evidence, **fields):
    return Verdict(evidence, 52, 365, 137, 400, 12, 0.61)._replace(**fields)


def test_it_says_how_many_more_trades_are_needed():
    english = " ".join(text(verdict(Evidence.NO_EVIDENCE), "en"))
    assert "About 140 more trades needed to tell this from zero" in english
    assert "あと約140件の取引" in " ".join(text(verdict(Evidence.NO_EVIDENCE), "ja"))


def test_when_only_the_days_are_in_doubt_it_says_how_many_more_days():
    assert "About 400 more days" in " ".join(text(verdict(Evidence.NO_EVIDENCE, more_trades=0), "en"))
    assert "あと約400日" in " ".join(text(verdict(Evidence.NO_EVIDENCE, more_trades=0), "ja"))


@pytest.mark.parametrize("more", [None, OUT_OF_REACH + 1])
def test_a_number_beyond_reach_is_not_called_a_plan(more):
    shown = text(verdict(Evidence.NO_EVIDENCE, more_trades=more), "en")
    assert "No number of trades within reach would tell this from zero." in shown


@pytest.mark.parametrize("evidence", Evidence)
@pytest.mark.parametrize("tried", [None, 1, 12_345])
@pytest.mark.parametrize("deflated", [None, 0.0, 0.9499, 1.0])
def test_every_verdict_reads_in_both_languages_and_alike(evidence, tried, deflated):
    said = verdict(evidence, tried=tried, deflated_sharpe=deflated)
    english, japanese = text(said, "en"), text(said, "ja")
    assert len(english) == len(japanese) >= 1
    assert all(sentence.endswith((".", ")")) for sentence in english)
    assert all(sentence.endswith("。") for sentence in japanese)
    numbers = [sorted(re.findall(r"\d[\d,.]*", " ".join(s).replace(". ", " "))) for s in (english, japanese)]
    assert [n.rstrip(".,") for n in numbers[0]] == [n.rstrip(".,") for n in numbers[1]]


@pytest.mark.parametrize(
    ("trades", "days", "said"), [(0, 900, "per trade, in"), (40, 0, "account's daily"), (0, 0, None)]
)
def test_a_loss_says_which_of_the_two_figures_shows_it(trades, days, said):
    sentences = text(verdict(Evidence.LOSS, more_trades=trades, more_days=days), "en")
    assert (said is not None) == (len(sentences) == 3)
    assert said is None or said in sentences[1]


def test_the_threshold_is_not_reached_by_rounding():
    assert "94.9 %" in " ".join(text(verdict(Evidence.LUCK, deflated_sharpe=0.9499), "en"))


def test_only_one_verdict_speaks_of_profit():
    assert [e for e in Evidence if "profit" in text(verdict(e), "en")[0]] == [Evidence.PROFIT]


def test_another_language_is_refused():
    with pytest.raises(KeyError):
        text(verdict(Evidence.LOSS), "fr")
