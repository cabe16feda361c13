"""The report as text: what a notice, a terminal or a code review can show."""

from src.backtest.report.run_folder import Run
from src.backtest.report.tables import (
    Table,
    compared_figures,
    compared_settings,
    costs_table,
    figures_table,
    reasons_table,
    what_if_table,
)
from src.backtest.report.verdict import assumptions, headline, kind, remarks
from src.backtest.report.words import PAGE, SECTIONS, Text
from src.ml.drift_words import Watched, watch_lines

_SPECIAL = "\\`*_[]<>|#"


def markdown(run: Run, language: str, other: Run | None, watch: Watched | None = None) -> str:
    """Return the report as Markdown in one language; the picture stands beside it as `chart.png`."""

    def said(text: Text) -> str:
        return _escaped(text.in_language(language))

    summary = run.summary
    title = f"{said(PAGE[kind(summary)])}: {_escaped(summary['symbol'])} {_escaped(summary['series'])}"
    lines = [f"# {title}", "", f"{_escaped(summary['from'])} – {_escaped(summary['to'])}", ""]
    if summary["synthetic"]:
        lines += [f"> **{said(PAGE['synthetic'])}**", ""]
    lines += [*(f"**{said(text)}**\n" for text in headline(run)), *(f"- {said(text)}" for text in remarks(run)), ""]
    lines += [f"![{said(SECTIONS['market'])}](chart.png)", ""]
    sections = [("figures", figures_table(run)), ("costs", costs_table(run)), (None, what_if_table(run))]
    for name, table in (*sections, ("reasons", reasons_table(run))):
        lines += ([f"## {said(SECTIONS[name])}", ""] if name else []) + [_table(table, language), ""]
    if watch is not None:
        lines += [
            f"## {said(SECTIONS['drift'])}",
            "",
            *(f"- {_escaped(line)}" for line in watch_lines(watch, language)),
            "",
        ]
    if other is not None:
        lines += [f"## {said(SECTIONS['comparison'])}: {_escaped(run.name)} / {_escaped(other.name)}", ""]
        lines += [
            _table(compared_figures(run, other), language),
            "",
            _table(compared_settings(run, other), language),
            "",
        ]
    lines += [f"## {said(SECTIONS['assumed'])}", "", *(f"- {said(text)}" for text in assumptions(run)), ""]
    lines += [f"{said(PAGE['data'])}: {_escaped(summary['source'])} `{summary['data_hash'][:12]}`"]
    return "\n".join(lines) + "\n"


def _table(table: Table, language: str) -> str:
    head = " | ".join(_escaped(text.in_language(language)) for text in table.head)
    rule = " | ".join("---" if k < table.left else "---:" for k in range(len(table.head)))
    rows = (" | ".join(_escaped(text.in_language(language)) for text in row) for row in table.rows)
    return "\n".join(f"| {line} |" for line in (head, rule, *rows))


def _escaped(text: str) -> str:
    """Return text that Markdown shows as it is, in one line."""
    flat = " ".join(text.split())
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in flat)
