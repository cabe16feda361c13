"""A finished sweep on the terminal: the best sets, and loudly what "best" is worth."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from src.backtest.overfitting import Overfitting, probability_of_overfitting
from src.backtest.set_figures import SetFigures
from src.backtest.sharpe import Moments, Trials, deflated_sharpe, expected_maximum, trial_variance
from src.core.exceptions import ConfigError

Line = Mapping[str, Any]
Floats = npt.NDArray[np.float64]

LOWER_IS_BETTER: Final = frozenset({"max_drawdown_pct", "fees_jpy", "interest_jpy", "slippage_jpy", "bars_halted"})
_NOT_RANKED: Final = frozenset({"days", "skew", "kurtosis"})
RANKED: Final = tuple(name for name in SetFigures._fields if name not in _NOT_RANKED)
_YEAR: Final = math.sqrt(365)
_HEADS: Final = {
    "final_balance_jpy": ("残高(円)", "balance (JPY)"),
    "return_pct": ("損益 %", "return %"),
    "max_drawdown_pct": ("最大DD %", "max DD %"),
    "sharpe_daily": ("日次シャープ", "daily Sharpe"),
    "trades": ("取引数", "trades"),
    "win_rate_pct": ("勝率 %", "win %"),
    "fees_jpy": ("手数料(円)", "fees (JPY)"),
    "interest_jpy": ("金利(円)", "interest (JPY)"),
    "slippage_jpy": ("スリッページ(円)", "slippage (JPY)"),
    "bars_halted": ("停止中の足", "bars halted"),
}
_FORMS: Final = {
    "return_pct": "{:.2f}",
    "max_drawdown_pct": "{:.2f}",
    "sharpe_daily": "{:.4f}",
    "trades": "{:,}",
    "win_rate_pct": "{:.1f}",
}
_OTHER_FORM: Final = "{:,.0f}"
_ALWAYS: Final = ("return_pct", "max_drawdown_pct", "sharpe_daily", "trades")
_TITLE: Final = {"ja": "上位{shown}組({by}順)", "en": "Best {shown} by {by}"}
_PARAMETERS: Final = {"ja": "パラメータ", "en": "parameters"}
_WORDS: Final = {
    "ja": {
        "tried": "{sets:,}組を試しました。最良の1組は「選ばれた」数字で、良すぎる方へ偏っています。",
        "one": "1組だけを試しました。何も選んでいません。",
        "counted": "この市場でこれまでに試した数(台帳): {count:,}",
        "alike": "互いに似た設定が多く、独立した試行としては約{count:,}回分です(平均相関による)。",
        "overfitting": "過剰適合の確率(CSCV、{halvings:,}通りの二分割): {probability:.0%}"
        "(片方の期間で最良の組がもう片方で中央値以下になる割合)。そこで損失になる割合: {loss:.0%}",
        "chance": "実力がまったくなくても、独立に{count:,}回試せば最良の日次シャープは約{daily:.4f}"
        "(年率{yearly:.2f})になります。",
        "best": "最良の組: 日次シャープ {daily:.4f}(年率{yearly:.2f})、{days:,}日",
        "deflated": "試行数で割り引いた後に本物である確率: {probability:.0%}{verdict}",
        "no_evidence": " — 証拠なし",
        "some": " — 95 %以上。未使用の期間で確かめてください",
        "none": "どの組にもシャープレシオがありません。",
        "synthetic": "合成データです(実在の市場ではありません)。",
    },
    "en": {
        "tried": "{sets:,} SETS WERE TRIED. The best of them was chosen for looking good: its figures are too good.",
        "one": "One set was tried; nothing was chosen.",
        "counted": "Tried on this market so far, by the trial ledger: {count:,}",
        "alike": "Many resemble one another: by their average correlation they amount to {count:,} independent tries.",
        "overfitting": "Probability of overfitting (CSCV, {halvings:,} halvings): {probability:.0%} - how often the "
        "best of one half of the time was no better than the median in the other. It lost money there in {loss:.0%}.",
        "chance": "Without any skill, the best daily Sharpe of {count:,} independent tries would be about {daily:.4f} "
        "({yearly:.2f} a year).",
        "best": "The best here: daily Sharpe {daily:.4f} ({yearly:.2f} a year) over {days:,} days.",
        "deflated": "Probability that it is real after deflating for the tries: {probability:.0%}{verdict}",
        "no_evidence": " - no evidence",
        "some": " - 95 % or more: confirm it on a period nobody has looked at",
        "none": "No set has a Sharpe ratio.",
        "synthetic": "SYNTHETIC data, not a real market.",
    },
}


def check_figure(by: str) -> None:
    """Refuse a figure that sets cannot be ranked by.

    Raises
    ------
    ConfigError
        It names those there are.
    """
    if by not in RANKED:
        raise ConfigError(f"--by: sets are not ranked by {by!r}", remedy=f"choose one of {', '.join(RANKED)}")


def ranked(lines: Sequence[Line], by: str) -> list[Line]:
    """Return the sets, the best by figure `by` first; without that figure last, equals in their own order."""
    sign = 1 if by in LOWER_IS_BETTER else -1
    return sorted(lines, key=lambda line: (line[by] is None, sign * (line[by] or 0), line["set"]))


def best_by_sharpe(lines: Sequence[Line]) -> Moments | None:
    """Return the moments of the set with the highest Sharpe ratio; None if no set has one."""
    found = ranked(lines, "sharpe_daily")[0]
    if found["sharpe_daily"] is None:
        return None
    return Moments(found["days"], found["sharpe_daily"], found["skew"], found["kurtosis"])


def best_table(lines: Sequence[Line], by: str, top: int, language: str) -> Table:
    """Return the best `top` sets as a table: parameters, then figures."""
    best, word = ranked(lines, by)[:top], language == "en"
    title = _TITLE[language].format(shown=len(best), by=_HEADS[by][word])
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    table.add_column("#", justify="right")
    table.add_column(_PARAMETERS[language], style="cyan", overflow="fold", min_width=22)
    figures = _ALWAYS if by in _ALWAYS else (*_ALWAYS[1:], by)
    for name in figures:
        table.add_column(_HEADS[name][word], justify="right", no_wrap=True, style="bold" if name == by else "")
    names = _short_names(lines[0])
    for line in best:
        given = "\n".join(f"{short} {line[name]}" for name, short in names.items())
        table.add_row(str(line["set"]), given, *(_cell(line[name], name) for name in figures))
    return table


def warning(
    lines: Sequence[Line], counted: Trials, overfitting: Overfitting | None, synthetic: bool, language: str
) -> Panel:
    """Return what the best of so many tries is worth.

    Parameters
    ----------
    counted
        What the trial ledger knows of this market, these sets included.
    overfitting
        Of these sets; None if they are too few.
    """
    words, sets = _WORDS[language], len(lines)
    said = [words["tried"].format(sets=sets) if sets > 1 else words["one"]]
    if counted.tried > sets:
        said.append(words["counted"].format(count=counted.tried))
    if counted.deflating < counted.tried:
        said.append(words["alike"].format(count=counted.deflating))
    said += _worth(lines, counted, words)
    if overfitting is not None:
        said.append(words["overfitting"].format(**overfitting._asdict()))
    if synthetic:
        said.append(words["synthetic"])
    first = Text(said[0], style="bold")
    return Panel(Group(first, *(Text(text) for text in said[1:])), border_style="red", box=box.HEAVY)


def overfitting_of(returns: Floats) -> Overfitting | None:
    """Return the probability of overfitting of sets by their daily returns, shape (days, sets), NaN where lost."""
    return probability_of_overfitting(returns[:, np.isfinite(returns).all(axis=0)])


def sweep_summary(
    lines: Sequence[Line],
    by: str,
    top: int,
    counted: Trials,
    overfitting: Overfitting | None,
    synthetic: bool,
    language: str,
) -> RenderableType:
    """Return what is printed at the end of a sweep."""
    return Group(best_table(lines, by, top, language), warning(lines, counted, overfitting, synthetic, language))


def _worth(lines: Sequence[Line], trials: Trials, words: Mapping[str, str]) -> list[str]:
    best = best_by_sharpe(lines)
    if best is None:
        return [words["none"]]
    chance = expected_maximum(trials.deflating, trial_variance(trials, best.observations))
    probability = deflated_sharpe(best, trials)
    said = [
        words["chance"].format(count=trials.deflating, daily=chance, yearly=chance * _YEAR),
        words["best"].format(daily=best.sharpe, yearly=best.sharpe * _YEAR, days=best.observations),
    ]
    if probability is not None:
        verdict = words["some"] if probability >= 0.95 else words["no_evidence"]
        said.append(words["deflated"].format(probability=probability, verdict=verdict))
    return said


def _short_names(line: Line) -> dict[str, str]:
    """Return for each parameter its last part, or its whole name where two end alike."""
    names = [name for name in line if name != "set" and name not in SetFigures._fields]
    last = [name.rpartition(".")[2] for name in names]
    return {name: short if last.count(short) == 1 else name for name, short in zip(names, last, strict=True)}


def _cell(value: float | None, name: str) -> str:
    return "–" if value is None else _FORMS.get(name, _OTHER_FORM).format(value)
