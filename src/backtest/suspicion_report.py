"""What the self-suspicion commands print: what was compared, and what was found."""

from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from src.backtest.suspicion import Difference, Examination
from src.core.domain.time import format_jst, utc_date

_SHOWN: Final = 20
_WORDS: Final = {
    "ja": {
        "lookahead": "先読み検査",
        "warmup": "助走検査",
        "bars": "15分足",
        "cold": "うち準備不足(判断なし)",
        "warm": "準備が整う最初の月(UTC)",
        "never": "なし",
        "columns": "行の列 / 判断の項目",
        "cuts": "未来を隠した箇所(各2通り: 切り落とし、でたらめ)",
        "beginnings": "始まりを遅らせた箇所",
        "compared": "比べた数値",
        "found": "違った列",
        "none": "違いはありません。",
        "heads": ("種類", "列", "最初に違う足", "少なくとも", "箇所", "足"),
        "row": "行",
        "decision": "判断",
        "reach": "{n}本",
        "more": "ほか{n}列",
        "strategies": "戦略は1行しか受け取らないため、単独では先読みできません。",
        "cold_only": "判断は一度も比べていません。暖まった月がないためです。",
    },
    "en": {
        "lookahead": "Look-ahead check",
        "warmup": "Warm-up check",
        "bars": "Bars",
        "cold": "of which cold (nothing is decided)",
        "warm": "First warm month (UTC)",
        "never": "none",
        "columns": "Columns of a row / fields of a decision",
        "cuts": "Places at which the future was hidden (each cut off, and absurd)",
        "beginnings": "Later beginnings of the history",
        "compared": "Numbers compared",
        "found": "Columns that differ",
        "none": "No difference.",
        "heads": ("kind", "column", "first bar", "at least", "places", "bars"),
        "row": "row",
        "decision": "decision",
        "reach": "{n} bars",
        "more": "and {n} more columns",
        "strategies": "A strategy is given one row and no history: it cannot look ahead by itself.",
        "cold_only": "No decision was compared that could differ: no month is warm.",
    },
}


def suspicion_report(found: Examination, check: str, language: str) -> RenderableType:
    """Return what is printed.

    Parameters
    ----------
    check
        "lookahead" or "warmup".
    """
    words = _WORDS[language]
    table = Table(title=str(words[check]), show_header=False, title_justify="left", box=box.SIMPLE)
    table.add_column()
    table.add_column()
    warm = f"{utc_date(found.warm_from):%Y-%m}" if found.warm_from is not None else str(words["never"])
    for name, value in (
        ("bars", f"{found.bars:,}"),
        ("cold", f"{found.cold:,}"),
        ("warm", warm),
        ("columns", f"{found.columns} / {found.fields}"),
        ("cuts" if check == "lookahead" else "beginnings", f"{found.places:,}"),
        ("compared", f"{found.compared:,}"),
        ("found", f"{len(found.differences)}"),
    ):
        table.add_row(str(words[name]), value)
    notes = [str(words["strategies"])] if check == "lookahead" else []
    notes += [str(words["cold_only"])] if found.warm_from is None else []
    parts: list[RenderableType] = [table, *(Text(note) for note in notes)]
    if not found.differences:
        return Group(*parts, Text(str(words["none"]), style="bold green"))
    return Group(*parts, _differences(found.differences, language))


def _differences(found: tuple[Difference, ...], language: str) -> RenderableType:
    words = _WORDS[language]
    table = Table(box=box.SIMPLE_HEAD, title_justify="left")
    for head in words["heads"]:
        table.add_column(head, no_wrap=head in words["heads"][1:3])
    for one in found[:_SHOWN]:
        table.add_row(
            str(words[one.kind]),
            Text(one.name, style="bold red"),
            format_jst(one.first),
            str(words["reach"]).format(n=f"{one.reach:,}"),
            f"{one.places:,}",
            f"{one.bars:,}",
        )
    more = len(found) - _SHOWN
    return Group(table, Text(str(words["more"]).format(n=more))) if more > 0 else table
