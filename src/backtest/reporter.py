"""A finished run on disk and on the terminal.

`write_run` leaves `summary.json`, `trades.csv`, `decisions.parquet` and `candles.parquet` in one folder, and
`judged.parquet` where a model was asked; all or none: the files are written beside it and the folder gets its name
last. Same run, same bytes.
"""

import csv
import io
import json
import shutil
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.table import Table
from rich.text import Text

from src.backtest.fold import Codes, Output
from src.backtest.result import BacktestResult, Judged
from src.core.domain.account import Trade
from src.core.domain.market import Instrument, Money
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.reason_words import LANGUAGES, REASON_WORDS
from src.core.domain.time import JST, Millis, format_jst, to_datetime
from src.core.exceptions import ConfigError

Column = Any  # pyarrow.Array of one of several types

TRADE_COLUMNS: Final = (
    "number",
    "strategy",
    "side",
    "opened_at",
    "closed_at",
    "amount_btc",
    "entry",
    "exit",
    "exit_reason",
    "gross_jpy",
    "fee_jpy",
    "interest_jpy",
    "slippage_jpy",
    "net_jpy",
    "planned_risk_jpy",
    "result_r",
    "worst_move",
    "best_move",
    "opened_at_ms",
    "closed_at_ms",
)
"""Of `trades.csv`. `net = gross - fee - interest`; slippage is already inside `gross`. Prices in JPY."""


def write_run(result: BacktestResult, folder: Path) -> None:
    """Write the run's files to `folder`, which must not exist yet.

    Raises
    ------
    ConfigError
        If the folder is already there; nothing is overwritten.
    OSError
        If the file system refuses; nothing is left behind.
    """
    if folder.exists():
        raise ConfigError(f"{folder} exists already", remedy="choose another folder with --out, or remove this one")
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        (unfinished / "summary.json").write_text(summary_json(result.summary), encoding="utf-8")
        (unfinished / "trades.csv").write_text(trades_csv(result), encoding="utf-8")
        pq.write_table(decisions_table(result), unfinished / "decisions.parquet", compression="zstd")
        pq.write_table(candles_table(result), unfinished / "candles.parquet", compression="zstd")
        if result.judged is not None:
            pq.write_table(judged_table(result, result.judged), unfinished / "judged.parquet", compression="zstd")
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def summary_json(summary: dict[str, Any]) -> str:
    """Return the summary as JSON text; a figure that does not exist is null."""
    return json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def trades_csv(result: BacktestResult) -> str:
    """Return the trades as CSV text, one line each."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(TRADE_COLUMNS)
    for number, trade in enumerate(result.trades, start=1):
        lines.writerow(_trade_line(number, trade, result.strategies[trade.leader], result.instrument))
    return text.getvalue()


def _trade_line(number: int, trade: Trade, strategy: str, unit: Instrument) -> list[object]:
    def jpy(sum_: Money) -> Decimal:
        return unit.jpy(sum_)

    return [
        number,
        strategy,
        trade.side.name,
        format_jst(trade.opened_at),
        format_jst(trade.closed_at),
        unit.amount(trade.lots),
        unit.price(trade.entry),
        unit.price(trade.exit),
        trade.exit_reason.name,
        jpy(trade.gross),
        jpy(trade.fee),
        jpy(trade.interest),
        jpy(trade.slippage),
        jpy(trade.net),
        jpy(trade.risk),
        f"{trade.net / trade.risk:.4f}" if trade.risk > 0 else "",
        unit.price(trade.worst),
        unit.price(trade.best),
        trade.opened_at,
        trade.closed_at,
    ]


def decisions_table(result: BacktestResult) -> pa.Table:
    """Return one row a bar: when, why, and what was planned. Levels and predictions that do not exist are null."""
    out, tape = result.output, result.tape
    planned = out.lots > 0
    columns: dict[str, Column] = {
        "closed_at": pa.array(tape.closed_at, pa.timestamp("ms", "UTC")),
        "reason": _names(out.reason, {int(r): r.name for r in Reason}),
        "side": pa.array(out.side),
        "lots": pa.array(out.lots),
        "entry": pa.array(tape.close, mask=~planned),
        "stop": pa.array(out.stop, mask=~planned),
        "target": pa.array(out.target, mask=out.target == 0),
        "confidence": pa.array(out.confidence),
        **_votes(out, result.strategies),
        "prediction": pa.array(tape.prediction, mask=np.isnan(tape.prediction)),
        "exit_reason": _names(out.exit_reason, {int(r): r.name for r in ExitReason}),
        "position_lots": pa.array(out.position),
        "equity": pa.array(out.equity),
    }
    return pa.table(columns)


def candles_table(result: BacktestResult) -> pa.Table:
    """Return the run's candles on the exchange's grids, so that a report needs nothing but the run's folder."""
    tape = result.tape
    prices = {name: pa.array(getattr(tape, name)) for name in ("open", "high", "low", "close", "volume")}
    return pa.table({"closed_at": pa.array(tape.closed_at, pa.timestamp("ms", "UTC")), **prices})


def judged_table(result: BacktestResult, judged: Judged) -> pa.Table:
    """Return what the model was asked, a line for each bar that proposed something: `why` takes it apart."""
    closed_at = pa.array(result.tape.closed_at[judged.bars], pa.timestamp("ms", "UTC"))
    inputs = {name: pa.array(judged.inputs[:, k]) for k, name in enumerate(judged.names)}
    return pa.table({"closed_at": closed_at, **inputs})


def _votes(out: Output, strategies: tuple[str, ...]) -> dict[str, Column]:
    return {f"vote_{name}": pa.array(np.ascontiguousarray(out.votes[:, k])) for k, name in enumerate(strategies)}


def _names(codes: Codes, names: dict[int, str]) -> Column:
    """Return codes as a dictionary column of their names, in the order of the codes."""
    order = sorted(names)
    places = np.searchsorted(order, codes).astype(np.int8)
    return pa.DictionaryArray.from_arrays(places, pa.array([names[code] for code in order]))


_WORDS: Final = {
    "ja": {
        "title": "バックテスト",
        "synthetic": "合成データ(実在の市場ではありません)",
        "model": "モデル",
        "no_model": "使わない(戦略だけで判断)",
        "in_sample": "学習に使った期間での実行です:成績の根拠にはなりません",
        "period": "期間",
        "data": "データ",
        "fees": "手数料の条件",
        "fees_today": "全期間に現在の料率",
        "fees_dated": "当時の料率",
        "fees_argument": "引数で指定した料率(料率表は使わない)",
        "fees_billed": "取引所の料率、請求どおり",
        "maker": "メイカー",
        "taker": "テイカー",
        "bars": "15分足",
        "cold": "うち特徴量の準備不足",
        "halted": "うちドローダウン停止中",
        "balance": "残高",
        "return": "損益率",
        "hold": "買い持ちの場合",
        "drawdown": "最大ドローダウン",
        "sharpe": "シャープレシオ(日次、年率)",
        "trades": "取引数(買い/売り)",
        "win": "勝率",
        "factor": "プロフィットファクター",
        "expectancy": "期待値(R)",
        "held": "平均保有時間",
        "costs": "手数料 / 金利 / スリッページ",
        "by_strategy": "戦略別取引数",
        "exits": "決済理由",
        "why": "取引しなかった主な理由",
        "none": "なし",
        "interval": "区間",
        "verdict": "判定",
        "tried": "この市場で試した数",
        "hours": "時間",
        "reasons": "各15分足の判定",
        "reason": "理由",
        "trade_list": "取引一覧",
    },
    "en": {
        "title": "Backtest",
        "synthetic": "SYNTHETIC data, not a real market",
        "model": "Model",
        "no_model": "not used: the strategies alone decide",
        "in_sample": "IN SAMPLE: the model has learnt from these very bars; nothing here is evidence",
        "period": "Period",
        "data": "Data",
        "fees": "Fees",
        "fees_today": "today's on all years",
        "fees_dated": "as they were on each day",
        "fees_argument": "by argument instead of the fee table",
        "fees_billed": "as the exchange stated and billed them",
        "maker": "maker",
        "taker": "taker",
        "bars": "15-minute bars",
        "cold": "features not warm",
        "halted": "halted by drawdown",
        "balance": "Balance",
        "return": "Return",
        "hold": "Buy and hold",
        "drawdown": "Max drawdown",
        "sharpe": "Sharpe (daily, yearly)",
        "trades": "Trades (long/short)",
        "win": "Win rate",
        "factor": "Profit factor",
        "expectancy": "Expectancy (R)",
        "held": "Average holding",
        "costs": "Fees / interest / slippage",
        "by_strategy": "Trades by strategy",
        "exits": "Exits",
        "why": "Why it did not trade",
        "none": "none",
        "interval": "interval",
        "verdict": "Verdict",
        "tried": "Tried on this market",
        "hours": "hours",
        "reasons": "What became of each bar",
        "reason": "Reason",
        "trade_list": "Trades",
    },
}

_NOT_REFUSALS: Final = {
    Reason.ENTER.name,
    Reason.HOLD_POSITION.name,
    Reason.EXIT_POSITION.name,
    Reason.ENTRY_WAITING.name,
}
_SHOWN_REASONS: Final = 6


def summary_table(summary: dict[str, Any], language: str) -> Table:
    """Return the summary as a table for the terminal, in Japanese (`ja`) or English (`en`)."""
    words = _WORDS[language]
    heading = f"{words['title']}: {summary['symbol']} {summary['series']}"
    table = Table(title=Text(heading), show_header=False, title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    if summary["synthetic"]:
        table.add_row("", Text(words["synthetic"], style="bold yellow"))
    if summary["model"].get("in_sample"):
        table.add_row("", Text(words["in_sample"], style="bold yellow"))
    for name, value in _lines(summary, words):
        table.add_row(name, Text(value))
    for text in summary["statistics"]["verdicts"][language]:
        table.add_row(words["verdict"], Text(text, style="bold"))
    table.add_row(words["tried"], f"{summary['trials_counted']:,}")
    return table


def reasons_table(summary: dict[str, Any], language: str) -> Table:
    """Return how many bars ended with each reason, in words."""
    table = Table(title=_WORDS[language]["reasons"], title_justify="left")
    table.add_column(_WORDS[language]["reason"], no_wrap=True)
    table.add_column("")
    table.add_column(_WORDS[language]["bars"], justify="right")
    table.add_column("%", justify="right")
    for name, bars in sorted(summary["reasons"].items(), key=lambda item: -item[1]):
        if bars:
            words = REASON_WORDS[Reason[name]][LANGUAGES.index(language)]
            table.add_row(name, words, f"{bars:,}", f"{100 * bars / summary['bars']:.2f}")
    return table


def trades_table(result: BacktestResult, language: str) -> Table:
    """Return every trade of a run, one line each."""
    table = Table(title=_WORDS[language]["trade_list"], title_justify="left")
    shown = ("strategy", "side", "opened_at", "closed_at", "amount_btc", "entry", "exit", "exit_reason", "net_jpy")
    for name in shown:
        table.add_column(name, no_wrap=True, justify="right" if name in {"entry", "exit", "net_jpy"} else "left")
    places = [TRADE_COLUMNS.index(name) for name in shown]
    for number, trade in enumerate(result.trades, start=1):
        line = _trade_line(number, trade, result.strategies[trade.leader], result.instrument)
        table.add_row(*(str(line[place]) for place in places))
    return table


def _lines(summary: dict[str, Any], words: dict[str, str]) -> list[tuple[str, str]]:
    none = words["none"]
    sides = summary["trades_by_side"]
    costs = (summary["fees_jpy"], summary["interest_jpy"], summary["slippage_jpy"])
    return [
        (words["period"], f"{summary['from']} – {summary['to']}"),
        (words["data"], summary["source"]),
        (words["fees"], _fee_text(summary, words)),
        (words["model"], summary["model"]["text"] if summary["model"]["used"] else words["no_model"]),
        (words["bars"], f"{summary['bars']:,}"),
        (words["cold"], f"{summary['bars_cold']:,}"),
        (words["halted"], f"{summary['bars_halted']:,}"),
        (words["balance"], f"{summary['initial_balance']:,.0f} → {summary['final_balance']:,.0f} JPY"),
        (words["return"], f"{summary['return_pct']:+.2f} %{_between(summary, 'return_pct', words)}"),
        (words["hold"], f"{summary['buy_and_hold_pct']:+.2f} %"),
        (words["drawdown"], f"{summary['max_drawdown_pct']:.2f} %"),
        (words["sharpe"], _number(summary["sharpe"], none) + _between(summary, "sharpe", words)),
        (words["trades"], f"{summary['trades']} ({sides['long']}/{sides['short']})"),
        (words["win"], _number(summary["win_rate_pct"], none, " %")),
        (words["factor"], _number(summary["profit_factor"], none)),
        (words["expectancy"], _number(summary["expectancy_r"], none) + _between(summary, "expectancy_r", words)),
        (words["held"], _number(summary["average_hours"], none, f" {words['hours']}")),
        (words["costs"], " / ".join(f"{cost:,.0f}" for cost in costs) + " JPY"),
        (words["by_strategy"], _counts(summary["trades_by_strategy"], none)),
        (words["exits"], _counts(summary["exits"], none)),
        (words["why"], _refusals(summary, none)),
    ]


def _fee_text(summary: dict[str, Any], words: dict[str, str]) -> str:
    roles = [
        f"{words[role]} {' / '.join(f'{rate:.2%}' for rate in summary[f'{role}_fee_rate'])}"
        for role in ("maker", "taker")
    ]
    return f"{words['fees_' + summary['fee_schedule']]}: {', '.join(roles)}"


def _between(summary: dict[str, Any], figure: str, words: dict[str, str]) -> str:
    """Return a figure's interval in words, or nothing where there is none."""
    found = summary["statistics"]["intervals"].get(figure)
    if found is None:
        return ""
    high = "∞" if found["high"] is None else f"{found['high']:+.2f}"
    return f"  ({found['level']:.0%} {words['interval']} {found['low']:+.2f} … {high})"


def _number(value: float | None, none: str, unit: str = "") -> str:
    return none if value is None else f"{value:.2f}{unit}"


def _counts(counts: dict[str, int], none: str) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items(), key=lambda item: -item[1])) or none


def _refusals(summary: dict[str, Any], none: str) -> str:
    found = {name: n for name, n in summary["reasons"].items() if n and name not in _NOT_REFUSALS}
    largest = sorted(found.items(), key=lambda item: -item[1])[:_SHOWN_REASONS]
    return ", ".join(f"{name} {100 * n / summary['bars']:.1f} %" for name, n in largest) or none


def run_folder(parent: Path, at: Millis, result: BacktestResult) -> Path:
    """Return where in `parent` a run that finished at `at` belongs; nobody has that folder yet.

    Its name says when it ran, on what and over which days, and ends in a part of its settings' hash. Runs that would
    share a name (the same again within a second) are numbered.
    """
    days = "-".join(result.summary[end][:10].replace("-", "") for end in ("from", "to"))
    stamp = to_datetime(at).astimezone(JST).strftime("%Y%m%d-%H%M%S")
    name = f"{stamp}-{result.series.name}-{days}-{result.summary['config_hash'][:8]}"
    free = (parent / (name if number == 1 else f"{name}-{number}") for number in count(1))
    return next(folder for folder in free if not folder.exists())
