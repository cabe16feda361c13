"""The figures of a run, each with its interval where one was computed."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from src.backtest.report.quantities import jpy, number, percent
from src.backtest.report.run_folder import Run
from src.backtest.report.words import Text, same
from src.backtest.trade_figures import longest_run
from src.core.domain.market import Money
from src.core.domain.time import DAY


class Figure(NamedTuple):
    """One line of the table of figures."""

    key: str  # as in summary.json, where it is there
    name: Text
    value: Text
    interval: Text | None  # None: none was computed


def figures(run: Run) -> list[Figure]:
    """Return the figures, the most telling first."""
    summary, statistics = run.summary, interval_table(run.summary)

    def figure(key: str, name: Text, value: str | Text, digits: int = 2, unit: str = "") -> Figure:
        shown = same(value) if isinstance(value, str) else value
        return Figure(key, name, shown, interval_text(statistics.get(key), digits, unit))

    hours = summary["average_hours"]
    return [
        figure("return_pct", Text("損益率", "Return"), percent(summary["return_pct"], signed=True), 2, " %"),
        figure(
            "buy_and_hold_pct",
            Text("買い持ちの損益率", "Buy and hold"),
            percent(summary["buy_and_hold_pct"], signed=True),
            2,
            " %",
        ),
        figure(
            "max_drawdown_pct", Text("最大ドローダウン", "Max drawdown"), percent(summary["max_drawdown_pct"]), 2, " %"
        ),
        figure("sharpe", Text("シャープレシオ(日次、年率)", "Sharpe (daily, yearly)"), number(summary["sharpe"])),
        figure("trades", Text("取引数", "Trades"), f"{len(run.trades):,}", 0),
        figure("win_rate_pct", Text("勝率", "Win rate"), percent(summary["win_rate_pct"], 1), 1, " %"),
        figure("profit_factor", Text("プロフィットファクター", "Profit factor"), number(summary["profit_factor"])),
        figure("expectancy_r", Text("期待値(R)", "Expectancy (R)"), number(summary["expectancy_r"], 3, signed=True), 3),
        figure(
            "exposure_pct", Text("建玉保有の割合", "Time in position"), percent(summary["exposure_pct"], 1), 1, " %"
        ),
        figure("average_hours", Text("平均保有時間", "Average holding"), _with_unit(hours, Text("時間", "hours")), 1),
        *_of_trades(run),
        *_of_statistics(run),
    ]


def _with_unit(value: float | None, unit: Text) -> Text:
    shown = number(value, 1)
    return same(shown) if value is None else Text(f"{shown} {unit.ja}", f"{shown} {unit.en}")


def _of_trades(run: Run) -> list[Figure]:
    net, unit = run.trades.net, run.instrument
    if not len(net):
        return []
    best, worst = (jpy(Money(int(v)), unit, signed=True) for v in (net.max(), net.min()))
    streak = longest_run(net < 0)
    return [
        Figure("best_trade", Text("最良の取引(円)", "Best trade (JPY)"), same(best), None),
        Figure("worst_trade", Text("最悪の取引(円)", "Worst trade (JPY)"), same(worst), None),
        Figure("losing_streak", Text("最長の連敗", "Longest losing streak"), same(f"{streak}"), None),
    ]


_STATISTICS: Final[tuple[tuple[str, Text, float, int, str], ...]] = (
    # where it stands in the statistics, what it is called, by what it is multiplied, digits, unit
    ("balance.cagr_pct", Text("年率リターン(CAGR)", "Yearly growth (CAGR)"), 1, 2, " %"),
    ("ratios.annual_volatility", Text("年率ボラティリティ", "Yearly volatility"), 100, 1, " %"),
    ("ratios.sortino", Text("ソルティノレシオ(年率)", "Sortino (yearly)"), 1, 2, ""),
    ("balance.calmar", Text("カルマーレシオ", "Calmar"), 1, 2, ""),
    ("trades.expectancy_jpy", Text("期待値(円)", "Expectancy (JPY)"), 1, 0, ""),
    ("trades.payoff", Text("ペイオフレシオ", "Payoff"), 1, 2, ""),
    ("ratios.value_at_risk_95", Text("日次VaR(95 %)", "Daily value at risk (95 %)"), 100, 2, " %"),
    ("ratios.expected_shortfall_95", Text("日次期待ショートフォール(95 %)", "Daily shortfall (95 %)"), 100, 2, " %"),
    ("drawdowns.longest.duration_ms", Text("最長ドローダウン(日)", "Longest drawdown (days)"), 1 / DAY, 1, ""),
    ("drawdowns.underwater_share", Text("高値を下回った割合", "Time under water"), 100, 1, " %"),
    ("costs.turnover_a_year", Text("年間回転率(倍)", "Turnover a year (times equity)"), 1, 1, ""),
    ("costs.cost_bps", Text("コスト(回転代金比、bp)", "Costs (bp of turnover)"), 1, 1, ""),
    ("sharpe_tests.probabilistic", Text("確率的シャープレシオ", "Probabilistic Sharpe"), 100, 1, " %"),
    ("sharpe_tests.deflated", Text("デフレーテッド・シャープレシオ", "Deflated Sharpe"), 100, 1, " %"),
    ("sharpe_tests.tried", Text("数えた試行", "Trials counted"), 1, 0, ""),
    (
        "sharpe_tests.minimum_track_record_days",
        Text("必要な最短の実績(日)", "Minimum track record (days)"),
        1,
        0,
        "",
    ),
)


def _of_statistics(run: Run) -> list[Figure]:
    """Return what the statistics know beyond the summary; what they do not state is left out."""
    statistics, intervals = run.summary.get("statistics"), interval_table(run.summary)
    found = []
    for path, name, scale, digits, unit in _STATISTICS:
        value = _at(statistics, path)
        if isinstance(value, int | float):
            key = path.rsplit(".", 1)[1]
            shown = same(f"{number(value * scale, digits)}{unit}")
            found.append(Figure(key, name, shown, interval_text(intervals.get(key), digits, unit)))
    return found


def _at(values: object, path: str) -> object:
    for name in path.split("."):
        values = values.get(name) if isinstance(values, Mapping) else None
    return values


def interval_table(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the intervals of the summary by figure; empty where none were computed."""
    statistics = summary.get("statistics")
    if not isinstance(statistics, Mapping):
        return {}
    intervals = statistics.get("intervals", statistics)
    return intervals if isinstance(intervals, Mapping) else {}


def interval_text(interval: object, digits: int, unit: str) -> Text | None:
    """Return an interval with its level in words; None where there is none. A missing bound is said to be missing."""
    if not isinstance(interval, Mapping) or not {"low", "high", "level"} <= interval.keys():
        return None
    low, high, level = interval["low"], interval["high"], interval["level"]
    if not isinstance(level, int | float) or (low is None and high is None):
        return None
    share = f"{100 * level:.0f} %"
    if low is None:
        return Text(f"{share}: {number(high, digits)}{unit} 以下", f"{share}: up to {number(high, digits)}{unit}")
    if high is None:
        return Text(f"{share}: {number(low, digits)}{unit} 以上", f"{share}: {number(low, digits)}{unit} or more")
    return Text(
        f"{share}: {number(low, digits)} ~ {number(high, digits)}{unit}",
        f"{share}: {number(low, digits)} to {number(high, digits)}{unit}",
    )
