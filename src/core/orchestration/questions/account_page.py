"""Both ledgers on a terminal, in the trader's language."""

from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from src.core.domain.market import Instrument
from src.core.domain.time import format_jst
from src.core.orchestration.questions.accounting import Accounts, Day, jpy

_WORDS: Final = {
    "ja": {
        "title": "口座({}、{} に取引所を確認。円)",
        "heads": ("日", "決済", "約定", "費用前", "手数料", "金利", "損益", "メイカー"),
        "total": "合計",
        "sides": ("照合", "台帳", "取引所", ""),
        "same": "一致",
        "differs": "不一致",
        "agree": "台帳と取引所は最小単位まで一致",
        "differ": "台帳と取引所が食い違う: {}。取引所が正しい。原因が分かるまで停止を(python main.py halt)",
        "flows": "入出金(台帳が気づいたもの): {} 円",
    },
    "en": {
        "title": "Account ({}, exchange read at {}; JPY)",
        "heads": ("day", "closed", "fills", "gross", "fees", "interest", "net", "maker"),
        "total": "total",
        "sides": ("compared", "journal", "exchange", ""),
        "same": "agrees",
        "differs": "DIFFERS",
        "agree": "journal and exchange agree to the money unit",
        "differ": "journal and exchange differ: {}. The exchange is right; stop new positions until the reason is known"
        " (python main.py halt)",
        "flows": "deposits less withdrawals that the trader noticed: {} JPY",
    },
}
_NAMES: Final = {
    "cash": ("現金(円)", "cash (JPY)"),
    "long": ("買い建玉(BTC)", "long (BTC)"),
    "short": ("売り建玉(BTC)", "short (BTC)"),
    "orders": ("注文", "orders"),
    "trades": ("約定の数", "trades"),
    "net": ("請求された損益(円)", "net as billed (JPY)"),
    "fees": ("手数料(円)", "fees (JPY)"),
    "interest": ("金利(円)", "interest (JPY)"),
    "cash by its trades": ("台帳: 開始時の現金+約定+入出金 = 現金", "journal: first cash + trades + flows = cash"),
    "net by positions": ("台帳: 建玉ごとの損益 = 約定ごとの損益", "journal: net of positions = net of trades"),
}


def account_tables(found: Accounts, pair: Instrument, language: str) -> Group:
    """Return both ledgers, day by day and side by side; a difference is red."""
    words, place = _WORDS[language], 0 if language == "ja" else 1
    title = str(words["title"]).format(found.mode, format_jst(found.read_at))
    days = Table(title=title, title_justify="left", box=box.SIMPLE)
    for number, head in enumerate(words["heads"]):
        days.add_column(head, justify="left" if number == 0 else "right", no_wrap=True)
    for day in found.days:
        days.add_row(*_cells(day.day, day, pair))
    days.add_row(*_cells(str(words["total"]), found.total, pair), style="bold")
    sides = Table(box=box.SIMPLE)
    for number, head in enumerate(words["sides"]):
        sides.add_column(head, justify="right" if number in {1, 2} else "left", overflow="fold")
    for each in found.compared:
        name = _NAMES[each.what][place] if each.what in _NAMES else each.what
        said = str(words["same" if each.agrees else "differs"])
        sides.add_row(name, each.ours, each.theirs, said, style="" if each.agrees else "bold red")
    wrong = ", ".join(each.what for each in found.compared if not each.agrees)
    verdict = str(words["agree"]) if found.agree else str(words["differ"]).format(wrong)
    parts: list[RenderableType] = [days, sides, Text(verdict, style="bold" if found.agree else "bold red")]
    if found.flows:
        parts.append(Text(str(words["flows"]).format(jpy(found.flows, pair))))
    return Group(*parts)


def _cells(name: str, day: Day, pair: Instrument) -> list[str]:
    share = day.maker_share
    sums = [
        f"{pair.jpy(each):,.0f}" for each in (day.gross, day.fee, day.interest, day.net)
    ]  # exact below, and in JSON
    return [name, f"{day.closed:,}", f"{day.fills:,}", *sums, "-" if share is None else f"{share:.1%}"]
