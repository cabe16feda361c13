"""What a sweep and a check print."""

import io
import math

import numpy as np
import pytest
from rich.console import Console, RenderableType

from src.backtest.set_figures import SetFigures
from src.backtest.sharpe import Moments, Trials, deflated_sharpe, expected_maximum
from src.backtest.suspicion import DECISION, ROW, Difference, Examination
from src.backtest.suspicion_report import suspicion_report
from src.backtest.sweep_report import RANKED, check_figure, overfitting_of, ranked, sweep_summary
from src.core.domain.time import Millis
from src.core.exceptions import ConfigError
from tests.features.made_bars import at

NOTHING = SetFigures(1e6, 0.0, 0.0, None, 365, None, None, 0, None, 0.0, 0.0, 0.0, 0)


def line(number: int, **figures: object) -> dict[str, object]:
    parameters = {"a.stop": 0.5 * number, "b.stop": 1.0, "sizing.risk_per_trade": 0.005}
    return {"set": number, **parameters, **NOTHING._replace(**figures)._asdict()}


LINES = [
    line(0, sharpe_daily=0.01, skew=0.0, kurtosis=3.0, max_drawdown_pct=9.0),
    line(1),
    line(2, sharpe_daily=0.05, skew=-1.0, kurtosis=9.0, max_drawdown_pct=20.0),
    line(3, sharpe_daily=0.05, skew=0.5, kurtosis=4.0, max_drawdown_pct=3.0),
]


def shown(what: RenderableType) -> str:
    console = Console(width=80, file=io.StringIO())
    console.print(what)
    return " ".join(console.file.getvalue().replace("┃", " ").split())


def test_the_best_comes_first_equals_in_their_order_and_the_unmeasured_last():
    assert [one["set"] for one in ranked(LINES, "sharpe_daily")] == [2, 3, 0, 1]


def test_of_drawdowns_and_costs_the_lowest_is_the_best():
    assert [one["set"] for one in ranked(LINES, "max_drawdown_pct")] == [1, 3, 0, 2]


def test_sets_are_ranked_by_figures_and_by_nothing_else():
    for name in RANKED:
        check_figure(name)
    for name in ("kurtosis", "days", "a.stop"):
        with pytest.raises(ConfigError, match="not ranked"):
            check_figure(name)


def test_the_warning_deflates_by_everything_that_was_counted():
    counted = Trials(5_000, 0.004)
    text = shown(sweep_summary(LINES, "sharpe_daily", 2, counted, None, False, "en"))
    chance = expected_maximum(5_000, 0.004)
    probability = deflated_sharpe(Moments(365, 0.05, -1.0, 9.0), counted)
    assert probability is not None
    assert "4 SETS WERE TRIED" in text
    assert "Tried on this market so far, by the trial ledger: 5,000" in text
    assert f"of 5,000 independent tries would be about {chance:.4f} ({chance * math.sqrt(365):.2f} a year)" in text
    assert f"after deflating for the tries: {probability:.0%} - no evidence" in text


@pytest.mark.parametrize(("language", "words"), [("en", "12 independent tries"), ("ja", "約12回分")])
def test_sets_that_resemble_one_another_deflate_by_fewer_tries_and_it_is_said(language: str, words: str):
    counted = Trials(5_000, 0.004, 11.2)
    text = shown(sweep_summary(LINES, "sharpe_daily", 2, counted, None, False, language))
    assert words in text.replace("\n", "")
    assert f"{expected_maximum(12, 0.004):.4f}" in text


@pytest.mark.parametrize(("language", "words"), [("en", "Probability of overfitting"), ("ja", "過剰適合の確率")])
def test_the_probability_of_overfitting_is_told_when_there_is_one(language: str, words: str):
    noise = np.random.default_rng(1).standard_normal((100, 12))
    found = overfitting_of(np.hstack([noise, np.full((100, 1), np.nan)]))
    assert found.trials == 12
    text = shown(sweep_summary(LINES, "sharpe_daily", 2, Trials(4, 0.1), found, False, language))
    assert f"{found.probability:.0%}" in text
    assert words in text
    assert overfitting_of(noise[:, :9]) is None


def test_parameters_that_end_alike_keep_their_whole_names():
    text = shown(sweep_summary(LINES, "trades", 1, Trials(4, 0.1), None, False, "en"))
    assert "a.stop 0.0" in text
    assert "b.stop 1.0" in text
    assert " risk_per_trade 0.005" in text


def test_a_good_looking_set_is_sent_to_a_period_nobody_has_looked_at():
    good = [line(0, sharpe_daily=0.4, skew=0.0, kurtosis=3.0), line(1, sharpe_daily=0.38, skew=0.0, kurtosis=3.0)]
    text = shown(sweep_summary(good, "sharpe_daily", 1, Trials(2, 0.0001), None, False, "en"))
    assert "confirm it on a period nobody has looked at" in text


def test_one_set_was_not_chosen_and_a_market_without_trades_says_so():
    text = shown(sweep_summary([LINES[1]], "sharpe_daily", 5, Trials(1, None), None, True, "en"))
    assert "One set was tried; nothing was chosen." in text
    assert "No set has a Sharpe ratio." in text
    assert "SYNTHETIC" in text


def test_it_is_said_in_japanese_too():
    text = shown(sweep_summary(LINES, "return_pct", 3, Trials(4, 0.0004), None, True, "ja"))
    for words in ("4組を試しました", "上位3組", "証拠なし", "合成データ"):
        assert words in text


@pytest.mark.parametrize(("language", "words"), [("en", "at least"), ("ja", "少なくとも")])
def test_a_difference_is_told_by_column_bar_and_reach(language: str, words: str):
    first, place = at(2023, 4, 30, 15), at(2023, 5, 1)
    differences = (
        Difference(ROW, "ema_20", first, place, 36, 3, 40),
        Difference(DECISION, "vote_atr_based", place, place, 1, 1, 1),
        *(Difference(DECISION, f"field_{k}", place, place, 1, 1, 1) for k in range(30)),
    )
    found = Examination(20_000, 38, 15, 24, 1_000_000, 960, Millis(at(2023, 5, 1)), differences)
    text = shown(suspicion_report(found, "lookahead", language))
    for part in (
        "ema_20",
        "2023-05-01 00:00 JST",
        "2023-05-01 09:00 JST",
        "36",
        "vote_atr_based",
        words,
        "2023-05",
        "12",
    ):
        assert part in text
    assert "No difference." not in text


def test_a_history_that_is_never_warm_is_said_to_prove_little():
    found = Examination(500, 38, 15, 6, 10_000, 500, None, ())
    text = shown(suspicion_report(found, "lookahead", "en"))
    assert "no month is warm" in text
    assert "No difference." in text
