"""The gate lets through what knows something, and each check fails alone when what it is about is broken."""

import numpy as np
import pytest

from src.backtest.sharpe import Trials
from src.ml.gate import Economy, Judged, Limits, State, Tried, judge
from src.ml.gate_words import NAMES, headline, lines

ROWS = 1_200


def knowing(seed=1, skill=1.0):
    """Return rows and money of a model whose probabilities are true, and whose choices earn."""
    random = np.random.default_rng(seed)
    logit = 1.2 * skill * random.standard_normal(ROWS)
    probability = 1 / (1 + np.exp(-logit))
    outcome = (random.random(ROWS) < probability).astype(np.int64)
    chosen = probability >= 0.65
    last = np.where(np.append(0, outcome[:-1]) == 1, 0.52, 0.48)
    judged = Judged(outcome, probability, chosen, np.full(ROWS, 0.5), last, None)
    alone = 1_000.0 * random.standard_normal(ROWS) - 300
    net = np.where(chosen, 1_500.0 * (2 * outcome - 1) - 100, 0.0)
    economy = Economy(net, net / 1e6, alone, None, int(chosen.sum()))
    return judged, economy


ONE = Tried(Trials(1, None), None, 1)
FAILING = {
    "deviation": lambda j, e: (j._replace(probability=np.full(ROWS, 0.5)), e),
    "class_mix": lambda j, e: (j._replace(probability=0.35 + 0.65 * j.probability), e),
    "calibration": lambda j, e: (j._replace(probability=(j.probability > 0.5) * 0.98 + 0.01), e),
    "log_loss_against_prior": lambda j, e: (j._replace(prior=j.probability), e),
    "brier_against_prior": lambda j, e: (j._replace(prior=j.probability), e),
    "log_loss_against_last_outcome": lambda j, e: (j._replace(last=j.probability), e),
    "brier_against_last_outcome": lambda j, e: (j._replace(last=j.probability), e),
    "coverage": lambda j, e: (j._replace(chosen=np.arange(ROWS) == int(np.argmax(j.probability))), e),
    "precision": lambda j, e: (j._replace(chosen=j.probability <= 0.3), e),
    "trades": lambda j, e: (j, e._replace(trades=29)),
    "net_jpy": lambda j, e: (j, e._replace(net_jpy=e.net_jpy - 2 * np.mean(e.net_jpy))),
    "net_jpy_against_strategies": lambda j, e: (j, e._replace(alone_jpy=e.net_jpy + 1.0)),
    "deflated_sharpe": lambda j, e: (j, e._replace(returns=-e.returns)),
}


def test_a_model_that_knows_something_and_earns_by_it_passes():
    found = judge(*knowing(), ONE)
    assert found.passed, lines(found, "en")
    assert headline(found, "en").startswith("passed")


@pytest.mark.parametrize("name", FAILING)
def test_what_breaks_one_promise_fails_the_check_about_it(name):
    found = judge(*FAILING[name](*knowing()), ONE)
    assert found.check(name).state is State.FAILED
    assert not found.passed
    assert headline(found, "en").startswith("no evidence")


def test_the_same_profit_is_luck_when_it_is_the_best_of_many():
    judged, economy = knowing()
    random = np.random.default_rng(5)
    weak = economy._replace(returns=0.0008 + 0.01 * random.standard_normal(ROWS))
    assert judge(judged, weak, ONE).check("deflated_sharpe").state is State.PASSED
    many = Tried(Trials(200, 0.03**2), None, 1)
    assert judge(judged, weak, many).check("deflated_sharpe").state is State.FAILED


def test_overfitting_is_asked_for_from_ten_recorded_trials_on():
    judged, economy = knowing()
    assert judge(judged, economy, ONE).check("overfitting").state is State.NOT_ASKED
    assert "it takes 10" in "\n".join(lines(judge(judged, economy, ONE), "en"))
    many = Tried(Trials(10, 1e-6), 0.7, 10)
    assert judge(judged, economy, many).check("overfitting").state is State.FAILED
    assert judge(judged, economy, many._replace(overfitting=0.1)).passed


def with_champion(champion, yen):
    judged, economy = knowing()
    return judge(judged._replace(champion=champion), economy._replace(champion_jpy=yen), ONE)


def test_a_champion_is_replaced_only_by_a_better_one():
    judged, economy = knowing()
    equal = with_champion(judged.probability, economy.net_jpy)
    assert equal.check("log_loss_against_champion").state is State.FAILED
    assert equal.check("net_jpy_against_champion").state is State.FAILED
    dull = 0.5 + 0.3 * (judged.probability - 0.5)
    assert with_champion(dull, economy.net_jpy / 2).passed
    sharper = np.clip(np.where(judged.outcome == 1, judged.probability + 0.1, judged.probability - 0.1), 0.01, 0.99)
    assert not with_champion(sharper, economy.net_jpy / 2).passed


def test_a_champion_that_cannot_be_compared_stays():
    _, economy = knowing()
    few = np.where(np.arange(ROWS) < 99, 0.5, np.nan)
    found = with_champion(few, economy.net_jpy / 2)
    assert found.check("log_loss_against_champion").state is State.UNKNOWN
    assert not found.passed


def test_too_few_days_or_rows_are_no_evidence():
    judged, economy = knowing()
    short = Economy(*(column[:59] for column in economy[:3]), None, economy.trades)
    found = judge(judged, short, ONE)
    assert {found.check(n).state for n in ("net_jpy", "deflated_sharpe")} == {State.UNKNOWN}
    few = Judged(*(column[:199] for column in judged[:5]), None)
    assert judge(few, economy, ONE).check("rows").state is State.FAILED
    none = Judged(*(column[:0] for column in judged[:5]), None)
    assert not judge(none, economy, ONE).passed


def test_nothing_chosen_is_no_precision():
    judged, economy = knowing()
    found = judge(judged._replace(chosen=np.zeros(ROWS, np.bool_)), economy, ONE)
    assert found.check("precision").state is State.UNKNOWN


def test_a_number_that_is_no_probability_is_refused_whole():
    judged, economy = knowing()
    broken = judged.probability.copy()
    broken[7] = np.nan
    with pytest.raises(ValueError, match="between 0 and 1"):
        judge(judged._replace(probability=broken), economy, ONE)


def test_the_same_input_is_judged_the_same_twice():
    assert judge(*knowing(), ONE, seed=3) == judge(*knowing(), ONE, seed=3)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_check_has_words_in_both_languages(language):
    judged, economy = knowing()
    found = with_champion(judged.probability, economy.net_jpy)
    assert {check.name for check in found.checks} == set(NAMES)
    text = lines(found, language)
    assert len(text) == len(NAMES) + 1
    assert all(NAMES[check.name][language != "ja"] in line for check, line in zip(found.checks, text[1:], strict=True))


def test_limits_can_be_set():
    assert not judge(*knowing(), ONE, Limits(trades=100_000)).passed
