import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from src.backtest.report.figures import figures, interval_text
from src.backtest.report.run_folder import Run, read_run
from src.backtest.report.tables import (
    compared_figures,
    compared_settings,
    costs_table,
    figures_table,
    reasons_table,
    what_if_table,
)
from src.backtest.report.verdict import assumptions, headline, remarks
from src.core.domain.orders import Reason

INTERVAL = {"low": -0.5, "high": 1.25, "level": 0.9, "observations": 90, "block": 1.0, "resamples": 1000}


def told(run: Run, **changes: Any) -> Run:
    return replace(run, summary=run.summary | changes)


@pytest.mark.parametrize(
    ("total", "hold", "words"),
    [
        (-3.0, 5.0, "It lost 3.00 % after all costs. Buying and holding would have made +5.00 %."),
        (3.0, 5.0, "It made 3.00 % after all costs, less than buying and holding (+5.00 %)."),
        (3.0, -5.0, "It made 3.00 % after all costs. Buying and holding would have made -5.00 %."),
    ],
)
def test_the_headline_says_what_happened_and_what_doing_nothing_would_have_made(run, total, hold, words):
    assert headline(told(run, return_pct=total, buy_and_hold_pct=hold))[-1].en == words


def test_without_trades_nothing_is_judged(idle):
    assert [t.en for t in headline(read_run(idle))] == ["There were no trades: nothing can be judged."]


def test_the_verdict_of_the_statistics_comes_before_everything_else(run):
    stated = {"verdicts": {"ja": ["証拠なし。", "あと10件。"], "en": ["No evidence.", "10 more."]}}
    judged = told(run, statistics=stated)
    assert headline(judged)[0] == ("証拠なし。", "No evidence.")
    assert remarks(judged)[0] == ("あと10件。", "10 more.")


def test_verdicts_that_do_not_pair_up_are_still_all_said(run):
    judged = told(run, statistics={"verdicts": {"ja": ["一", "二"], "en": ["one"]}})
    assert headline(judged)[0] == ("一二", "one")


def test_without_statistics_it_says_that_luck_was_not_ruled_out(run):
    assert "do not tell skill from luck" in remarks(told(run, statistics=None))[0].en


def test_a_gain_that_hangs_on_three_trades_is_called_that(run):
    net = np.full(len(run.trades), -10_000)
    net[:3] = 10**8
    lucky = replace(run, trades=replace(run.trades, net=net))
    assert any("hangs on a few trades" in text.en for text in remarks(lucky))
    steady = replace(run, trades=replace(run.trades, net=np.full(len(run.trades), 10_000)))
    assert not any("hangs on a few trades" in text.en for text in remarks(steady))


def test_a_curve_that_is_flat_because_positions_shrank_is_called_that(run):
    risk = np.full(len(run.trades), 10**7)
    even = replace(run, trades=replace(run.trades, risk=risk))
    shrunk = replace(run, trades=replace(run.trades, risk=np.where(np.arange(len(risk)) > 5, risk // 100, risk)))
    shrunk = replace(shrunk, trades=replace(shrunk.trades, risk=np.linspace(10**7, 10**4, len(risk)).astype(np.int64)))
    assert any("positions were small" in text.en for text in remarks(shrunk))
    assert not any("positions were small" in text.en for text in remarks(even))


def test_halted_and_cold_bars_are_named_and_never_rounded_to_nothing(run):
    said = [text.en for text in remarks(told(run, bars_halted=1, bars_cold=run.summary["bars"] // 2))]
    assert any(re.search(r"halt was on during < 0\.1 %", text) for text in said)
    assert any(re.search(r"On 50\.0 % of all bars history was too short", text) for text in said)


def test_both_languages_say_the_same_numbers(run):
    texts = [*headline(run), *remarks(run), *assumptions(run)]
    assert len(texts) > 6
    for text in texts:
        numbers = [re.findall(r"\d[\d,.]*\d|\d", words) for words in text]
        assert set(numbers[0]) == set(numbers[1]), text


@pytest.mark.parametrize(
    ("schedule", "ja", "en"),
    [
        ("today", "全期間に現在の料率を適用", "today's rates on all years"),
        ("dated", "各日に実際に適用されていた料率", "as they were on each day"),
        ("argument", "料率表の代わりに引数で指定", "by argument instead of the fee table"),
        ("something_new", "something_new", "something_new"),
    ],
)
def test_the_fees_assumed_are_said_with_where_they_came_from(run, schedule, ja, en):
    dated = told(run, fee_schedule=schedule, maker_fee_rate=[-0.0002, 0.0], taker_fee_rate=[0.001, 0.0012])
    said = assumptions(dated)[0]
    assert said.ja == f"手数料:{ja}、メイカー -0.020 % / 0.000 %、テイカー 0.100 % / 0.120 %。"
    assert said.en == f"Fees: {en}, maker -0.020 % / 0.000 %, taker 0.100 % / 0.120 %."


def test_the_slippage_assumed_is_said(run):
    assert "0.050 % of the price" in assumptions(run)[1].en


def test_a_figure_without_an_interval_shows_none(run):
    without = told(run, statistics=None)
    assert len(figures_table(without).head) == 2
    assert all(f.interval is None for f in figures(without))


def test_a_figure_with_an_interval_shows_it_beside_its_value(run):
    judged = told(run, statistics={"intervals": {"sharpe": INTERVAL, "win_rate_pct": None}})
    found = {f.key: f.interval for f in figures(judged)}
    assert found["sharpe"] == ("90 %: -0.50 ~ 1.25", "90 %: -0.50 to 1.25")
    assert found["win_rate_pct"] is None
    assert len(figures_table(judged).head) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"high": None}, "90 %: -0.50 or more"),
        ({"low": None}, "90 %: up to 1.25"),
        ({"low": None, "high": None}, None),
        ({"level": None}, None),
    ],
)
def test_a_bound_that_does_not_exist_is_not_a_number(change, words):
    text = interval_text(INTERVAL | change, 2, "")
    assert (text.en if text else None) == words


def test_what_the_statistics_state_is_shown_and_what_they_do_not_is_left_out(run):
    stated = {"sharpe_tests": {"deflated": 0.425, "tried": None}, "drawdowns": {"longest": None}}
    found = {f.key: f.value.en for f in figures(told(run, statistics=stated))}
    assert found["deflated"] == "42.5 %"
    assert "tried" not in found
    assert "duration_ms" not in found


def test_the_table_of_reasons_accounts_for_every_bar_and_puts_refusals_first(run):
    rows = reasons_table(run).rows
    assert sum(int(row[2].en.replace(",", "")) for row in rows) == len(run.candles)
    assert rows[-1][0].en in {Reason.ENTER.name, Reason.EXIT_POSITION.name, Reason.HOLD_POSITION.name}
    assert Reason.HOLD_POSITION.name not in rows[0][0].en


def test_the_cost_table_adds_up(run):
    amounts = [int(row[1].en.replace(",", "")) for row in costs_table(run).rows]
    assert abs(sum(amounts[:-1]) - amounts[-1]) <= 2  # each is rounded to a yen


def test_the_row_of_single_costs_is_the_run_itself(run):
    row = next(row for row in what_if_table(run).rows if row[0].en == "× 1")
    assert row[1].en == f"{run.summary['final_balance']:,.0f}"
    assert row[2].en == f"{run.summary['return_pct']:+.2f} %"


def test_only_what_differs_between_two_runs_is_listed(run, other):
    second = read_run(other)
    names = [row[0].en for row in compared_settings(run, second).rows]
    assert {"to", "strategies", "config_hash", "data_hash"} <= set(names)
    assert "symbol" not in names
    assert "initial_balance" not in names
    assert compared_settings(run, run).rows == []
    assert compared_figures(run, second).rows[0][2].en == f"{second.summary['return_pct']:+.2f} %"


def test_settings_in_the_summary_are_compared_one_by_one(run):
    ours = told(run, settings={"costs": {"slippage": 0.0005, "schedule": "today"}})
    theirs = told(run, settings={"costs": {"slippage": 0.001, "schedule": "today"}, "vote": {"min": 0.5}})
    rows = [[text.en for text in row] for row in compared_settings(ours, theirs).rows]
    assert rows == [["costs.slippage", "0.0005", "0.001"], ["vote.min", "none", "0.5"]]
