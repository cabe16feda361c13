"""The page: one file, both languages inside, nothing fetched."""

import json
from html import escape
from pathlib import Path
from typing import Final

from plotly.offline import get_plotlyjs

from src.backtest.report.charts import chart_data
from src.backtest.report.figures import Figure, figures
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
from src.backtest.report.words import CHARTS, LABELS, PAGE, SECTIONS, Text
from src.core.domain.reason_words import LANGUAGES
from src.ml.drift_words import Watched, watch_lines

_HERE: Final = Path(__file__).parent
_TILES: Final = ("return_pct", "buy_and_hold_pct", "max_drawdown_pct", "sharpe", "trades", "win_rate_pct")
_NAMES: Final = {"ja": "日本語", "en": "English"}

# The page may run its own script and style and show its own pictures; it can reach no network.
_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def page(run: Run, language: str, other: Run | None, watch: Watched | None = None) -> str:
    """Return the report as one HTML document that opens in `language`.

    Parameters
    ----------
    other
        A second run to set beside the first; None for none.
    watch
        What has moved under the model that the run asked; None if nobody looked.
    """
    title = Text(*(f"{PAGE['report'].in_language(lang)} {_subject(run)}" for lang in LANGUAGES))
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    body = "".join((_top(run), "<main>", *_sections(run, other, watch), "</main>", _foot(run)))
    return (
        f'<!doctype html>\n<html lang="{language}" data-title-ja="{escape(title.ja)}" '
        f'data-title-en="{escape(title.en)}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(title.in_language(language))}</title><style>{style}</style></head>\n<body>{body}\n"
        f'<script type="application/json" id="run-data">{script_json(chart_data(run, other))}</script>\n'
        f"<script>{get_plotlyjs()}</script>\n<script>{script}</script></body></html>\n"
    )


def script_json(data: object) -> str:
    """Return JSON that no HTML parser can mistake for the end of its script element."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for risky in "<>&\u2028\u2029":
        text = text.replace(risky, f"\\u{ord(risky):04x}")
    return text


def _subject(run: Run) -> str:
    return f"{run.summary['symbol']} {run.summary['series']}"


def _both(text: Text, tag: str = "span") -> str:
    """Return a text in both languages; the style shows the one that is chosen."""
    if text.ja == text.en:
        return f"<{tag}>{escape(text.en)}</{tag}>"
    return "".join(f'<{tag} class="t" lang="{lang}">{escape(text.in_language(lang))}</{tag}>' for lang in LANGUAGES)


def _top(run: Run) -> str:
    switch = "".join(
        f'<button type="button" data-language="{lang}" lang="{lang}">{_NAMES[lang]}</button>' for lang in LANGUAGES
    )
    summary = run.summary
    loud = f'<p class="synthetic" role="alert">{_both(PAGE["synthetic"])}</p>' if summary["synthetic"] else ""
    return (
        f'<header><div class="bar"><p class="kind">{_both(PAGE[kind(summary)])}</p>'
        f'<div class="switch" role="group" aria-label="言語 / Language">{switch}</div></div>{loud}'
        f"<h1>{escape(_subject(run))}</h1>"
        f'<p class="period">{escape(summary["from"])} – {escape(summary["to"])}</p></header>'
    )


def _sections(run: Run, other: Run | None, watch: Watched | None) -> list[str]:
    return [
        _verdict(run),
        _section("market", _market()),
        _section("figures", table_html(figures_table(run), "figures")),
        _section("returns", _grid("monthly") + _grid("daily", "results") + _grid("sharpe")),
        _section("trades_chart", _grid("excursion", "duration")),
        _section("breakdown", _grid("strategy", "side", "hour", "exit")),
        _section("reasons", _grid("reasons") + table_html(reasons_table(run), "reasons")),
        _section("costs", _costs(run)),
        *([] if watch is None else [_section("drift", _watch(watch))]),
        *([] if other is None else [_section("comparison", _comparison(run, other))]),
        _section("trades", '<div id="trade-table" class="scroll tall" tabindex="0" role="region"></div>'),
    ]


def _section(name: str, content: str) -> str:
    return f'<section id="{name}"><h2>{_both(SECTIONS[name])}</h2>{content}</section>'


def _verdict(run: Run) -> str:
    spoken = "".join(f'<p class="headline">{_both(text)}</p>' for text in headline(run))
    shown = [f for key in _TILES for f in figures(run) if f.key == key]
    tiles = "".join(_tile(f) for f in shown)
    said = "".join(f"<li>{_both(text)}</li>" for text in remarks(run))
    assumed = "".join(f"<li>{_both(text)}</li>" for text in assumptions(run))
    return (
        f'<section id="verdict">{spoken}<ul class="remarks">{said}</ul>'
        f'<dl class="tiles">{tiles}</dl><noscript><p class="notice">{_both(PAGE["script"])}</p></noscript>'
        f"<details open><summary>{_both(SECTIONS['assumed'])}</summary><ul>{assumed}</ul></details></section>"
    )


def _tile(figure: Figure) -> str:
    interval = "" if figure.interval is None else f'<dd class="interval">{_both(figure.interval)}</dd>'
    return f"<div><dt>{_both(figure.name)}</dt><dd>{_both(figure.value)}</dd>{interval}</div>"


def _market() -> str:
    windows = "".join(
        f'<button type="button" data-days="{days}">{_both(LABELS[name])}</button>'
        for name, days in (("all", 0), ("days_90", 90), ("days_30", 30), ("days_14", 14), ("days_3", 3))
    )
    moves = "".join(
        f'<button type="button" data-move="{move}">{_both(LABELS[move])}</button>'
        for move in ("earlier", "later", "previous_trade", "next_trade")
    )
    hold = f'<button type="button" id="with-hold" aria-pressed="true">{_both(LABELS["with_hold"])}</button>'
    return (
        f'<div class="controls">{windows}{moves}{hold}</div><p id="shown" class="hint" aria-live="polite"></p>'
        '<div id="market-chart" class="chart market" role="img"></div>'
        f'<p class="hint fine">{_both(LABELS["zoom_hint"])}</p><p class="hint coarse">{_both(LABELS["touch_hint"])}</p>'
    )


def _grid(*names: str) -> str:
    return f'<div class="grid">{"".join(_figure(name) for name in names)}</div>'


def _figure(name: str) -> str:
    return (
        f"<figure><figcaption>{_both(CHARTS[name])}</figcaption>"
        f'<div id="chart-{name}" class="chart" role="img" data-ja="{escape(CHARTS[name].ja)}" '
        f'data-en="{escape(CHARTS[name].en)}"></div></figure>'
    )


def _costs(run: Run) -> str:
    note = Text(
        "コストを変えた場合:同じ取引のまま手数料・金利・スリッページを一律に増減した計算です。"
        "コストが変われば実際には建てる取引や数量も変わります。",
        "At other costs: fees, interest and slippage scaled together with the trades held fixed. Really different "
        "costs would also change which trades are made and how large.",
    )
    return (
        f'<div class="grid">{_figure("costs")}<div>{table_html(costs_table(run), "costs")}</div></div>'
        f"<p>{_both(note)}</p>{table_html(what_if_table(run), 'what-if')}"
    )


def _comparison(run: Run, other: Run) -> str:
    names = Text(f"この実行:{run.name} 比較対象:{other.name}", f"This run: {run.name}; compared with: {other.name}")
    return (
        f"<p>{_both(names)}</p>{_grid('equities')}"
        f'<div class="grid"><div>{table_html(compared_figures(run, other), "compared")}</div>'
        f"<div>{table_html(compared_settings(run, other), 'settings')}</div></div>"
    )


def _watch(watch: Watched) -> str:
    first, *rest = (Text(*lines) for lines in zip(*(watch_lines(watch, lang) for lang in LANGUAGES), strict=True))
    return f"<p>{_both(first)}</p><ul>{''.join(f'<li>{_both(text)}</li>' for text in rest)}</ul>"


def _foot(run: Run) -> str:
    summary = run.summary
    lines = (
        (PAGE["run"], run.name),
        (PAGE["data"], f"{summary['source']} ({summary['data_hash'][:12]}…)"),
        (PAGE["settings"], f"{summary['config_hash'][:12]}…"),
    )
    facts = "".join(f"<div><dt>{_both(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in lines)
    return f"<footer><dl>{facts}</dl><p>{_both(PAGE['times'])} {_both(PAGE['offline'])}</p></footer>"


def table_html(table: Table, name: str) -> str:
    """Return a table that scrolls inside itself where the screen is narrow."""
    head = "".join(f'<th scope="col">{_both(text)}</th>' for text in table.head)
    rows = "".join(f"<tr>{_cells(row, table.left)}</tr>" for row in table.rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table class="{name} left-{table.left}">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cells(row: tuple[Text, ...], left: int) -> str:
    first, *rest = row
    cells = "".join(f"<td{'' if k < left - 1 else ' class=n'}>{_both(text)}</td>" for k, text in enumerate(rest))
    return f'<th scope="row">{_both(first)}</th>{cells}'
