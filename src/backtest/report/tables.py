"""The report's tables, as rows of texts; page and text file write the same rows in their own way."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from src.backtest.report.charts import is_trading, reason_words
from src.backtest.report.costs import at_costs, cost_split
from src.backtest.report.figures import figures
from src.backtest.report.quantities import jpy, number, percent
from src.backtest.report.run_folder import Run
from src.backtest.report.words import LABELS, PAGE, Text, same
from src.core.domain.market import Money

_COSTS = ("fee_schedule", "maker_fee_rate", "taker_fee_rate", "slippage_rate")
LEVELS = (0, 50, 100, 200)
"""Costs tried on the same trades, in percent of the run's."""


class Table(NamedTuple):
    """Texts in rows; `left` columns are words, the others numbers."""

    head: tuple[Text, ...]
    rows: Sequence[tuple[Text, ...]]
    left: int = 1


def figures_table(run: Run) -> Table:
    """Return figures and intervals; the column of intervals is there only if there is one."""
    found = figures(run)
    none = same("")
    if not any(f.interval for f in found):
        return Table((PAGE["figure"], PAGE["value"]), [(f.name, f.value) for f in found])
    return Table(
        (PAGE["figure"], PAGE["value"], PAGE["interval"]),
        [(f.name, f.value, f.interval or none) for f in found],
    )


def reasons_table(run: Run) -> Table:
    """Return every reason that ended a bar, refusals first, the most frequent on top."""
    counts = {name: n for name, n in run.summary["reasons"].items() if n}
    order = sorted(counts, key=lambda name: (is_trading(name), -counts[name]))
    bars = max(sum(counts.values()), 1)
    rows = [
        (same(name), reason_words(name), same(f"{counts[name]:,}"), same(percent(100 * counts[name] / bars)))
        for name in order
    ]
    return Table((PAGE["reason"], PAGE["meaning"], PAGE["bars"], PAGE["share"]), rows, left=2)


def costs_table(run: Run) -> Table:
    """Return the way from the price moves to the net result."""
    split, unit = cost_split(run.trades), run.instrument
    parts = (("before", 1, split.before), ("fee", -1, split.fee), ("interest", -1, split.interest))
    rows = [
        (LABELS[name], same(jpy(Money(sign * sum_), unit, signed=True)))
        for name, sign, sum_ in (*parts, ("slippage", -1, split.slippage), ("net", 1, split.net))
    ]
    return Table((PAGE["figure"], Text("円", "JPY")), rows)


def what_if_table(run: Run) -> Table:
    """Return the same trades at no, half, the run's own and double costs."""
    rows = []
    count = len(run.trades)
    for level in LEVELS:
        scaled = at_costs(run.trades, level)
        change = 100 * scaled.net / run.initial
        rows.append(
            (
                same(f"× {level / 100:g}"),
                same(jpy(Money(run.initial + scaled.net), run.instrument)),
                same(percent(change, signed=True)),
                same(percent(100 * scaled.wins / count if count else None, 1)),
                same(number(scaled.profit_factor)),
            )
        )
    head = (PAGE["level"], PAGE["final"], PAGE["return"], PAGE["win_rate"], PAGE["profit_factor"])
    return Table(head, rows)


def compared_figures(run: Run, other: Run) -> Table:
    """Return the figures of two runs side by side."""
    theirs = {f.key: f.value for f in figures(other)}
    rows = [(f.name, f.value, theirs.get(f.key, PAGE["none"])) for f in figures(run)]
    return Table((PAGE["figure"], PAGE["this_run"], PAGE["other_run"]), rows)


def compared_settings(run: Run, other: Run) -> Table:
    """Return what was different about two runs; without their settings, as far as their summaries tell."""
    ours, theirs = _settings(run), _settings(other)
    names = [*ours, *(name for name in theirs if name not in ours)]
    none = PAGE["none"]
    rows = [
        (same(name), _shown(ours[name]) if name in ours else none, _shown(theirs[name]) if name in theirs else none)
        for name in names
        if ours.get(name, none) != theirs.get(name, none)
    ]
    return Table((PAGE["setting"], PAGE["this_run"], PAGE["other_run"]), rows, left=3)


def _settings(run: Run) -> dict[str, Any]:
    """Return by dotted name what defines a run."""
    named = ("series", "source", "from", "to", *_COSTS, "initial_balance", "data_hash", "config_hash")
    found: dict[str, Any] = {name: run.summary[name] for name in named}
    found["strategies"] = ", ".join(run.summary["strategies"])
    found.update(_flat("", run.summary.get("settings") or {}))
    return found


def _flat(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{prefix}.{name}" if prefix else str(name)
        flat.update(_flat(path, value) if isinstance(value, dict) else {path: value})
    return flat


def _shown(value: object) -> Text:
    text = str(value)
    return same(text[:12] + "…" if len(text) == 64 and text.isalnum() else text)
