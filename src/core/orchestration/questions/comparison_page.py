"""A trader beside the backtest of the same hours on a terminal, in the trader's language."""

from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from src.core.domain.market import Instrument, Money
from src.core.domain.time import BAR_15M, Millis, format_jst
from src.core.orchestration.questions.accounting import jpy
from src.core.orchestration.questions.comparing import Comparison, decision_text
from src.core.orchestration.questions.divergence import Cause

SHOWN: Final = 12
"""Divergences on the terminal, the oldest; `--json` has all."""

CAUSE_WORDS: Final = {
    Cause.SKIPPED: ("足が来なかった・使えなかった", "the bar did not come, or could not be used"),
    Cause.ABSENT: ("トレーダーが動いていなかった", "no trader decided on the bar"),
    Cause.BARS: ("足の値が違う", "the bar itself is another"),
    Cause.FEATURES: ("足は同じで特徴量が違う", "the bar is the same, its history another"),
    Cause.MARKET: ("実測のスプレッド・遅延", "spread or latency as measured"),
    Cause.RATES: ("手数料率が違う", "fee rates"),
    Cause.UNREAD: ("口座を読めなかった", "the account was not known"),
    Cause.NOT_SENT: ("新規注文を出さなかった", "the entry was not begun"),
    Cause.REFUSED: ("取引所が拒否した", "refused by the exchange"),
    Cause.NOT_FILLED: ("約定しなかった", "not filled"),
    Cause.PARTIAL: ("一部だけ約定した", "filled in part"),
    Cause.FILLED: ("実際だけ約定した", "filled here alone"),
    Cause.EXIT: ("足の中で片方だけ決済した", "a stop or target was met in one alone"),
    Cause.COMMAND: ("人の指示", "a person's command"),
    Cause.FORCED: ("取引所か他者が決済した", "closed by the exchange or by somebody else"),
    Cause.FLOW: ("入出金", "a deposit or withdrawal"),
    Cause.FILL_PRICE: ("約定価格が違う", "another fill price"),
    Cause.FEES: ("手数料が違う", "other fees"),
    Cause.INTEREST: ("金利が違う", "other interest"),
    Cause.OTHER: ("同じ入力で違う結果(別の版のプログラム)", "equal inputs, another result: another program"),
}
PART_WORDS: Final = {
    "size": ("数量", "size"),
    "path": ("判断時の価格(時点・水準)", "price path: prices at the decisions"),
    "slippage": ("判断価格と約定価格の差(遅延・板)", "latency and slippage: decision against fill"),
    "fee": ("手数料(メイカー/テイカー、料率)", "fee role and schedule"),
    "interest": ("金利(日数)", "interest: started days"),
    "rounding": ("約定ごとの端数", "rounding, fill by fill"),
    "billed_alone": ("実際だけの取引", "trades of the trader alone"),
    "supposed_alone": ("バックテストだけの取引", "trades of the backtest alone"),
    "unexplained": ("説明できない差", "UNEXPLAINED"),
}
_WORDS: Final = {
    "ja": {
        "title": "バックテストとの比較({} 〜 {}、足 {:,}本、判断 {:,}件)",
        "result": ("", "円"),
        "billed": "実際の損益",
        "supposed": "同じ足のバックテスト",
        "gap": "差",
        "whole": "差の内訳の合計",
        "same": "記録した入力からのやり直し: {:,}件中 {:,}件が同じ判断",
        "alike": "バックテストと違う判断はない",
        "causes": ("違う判断の最初の原因", "足", "最初"),
        "lines": ("足", "実際", "バックテスト", "最初の原因", "その時点"),
        "none": "判断なし",
        "more": "ほか {:,}件は --json で",
        "others": "別の設定の判断 {:,}件はこの期間の前にあり、比べていない",
        "flows": "入出金 {} 円は損益に数えない",
        "open": "期間の終わりに残る建玉は最後の終値で評価した",
    },
    "en": {
        "title": "Beside the backtest ({} to {}, {:,} bars, {:,} decisions)",
        "result": ("", "JPY"),
        "billed": "result of the trader",
        "supposed": "backtest of the same bars",
        "gap": "difference",
        "whole": "sum of the parts",
        "same": "made again from what was written down: {1:,} of {0:,} decisions are the same",
        "alike": "no decision differs from the backtest",
        "causes": ("first cause of a decision that differs", "bars", "first"),
        "lines": ("bar", "trader", "backtest", "first cause", "since"),
        "none": "no decision",
        "more": "{:,} more with --json",
        "others": "{:,} decisions of other settings lie before this stretch and are not compared",
        "flows": "deposits less withdrawals of {} JPY are no result",
        "open": "what is still open at the end is valued at the last close",
    },
}


def comparison_tables(found: Comparison, pair: Instrument, language: str) -> Group:
    """Return the difference in parts, the decisions by first cause, and the oldest of them."""
    words = _WORDS[language]
    begin, end = format_jst(Millis(found.first - BAR_15M)), format_jst(found.last)
    title = str(words["title"]).format(begin, end, found.bars, found.decided)
    parts: list[RenderableType] = [Text(title, style="italic"), _sums(found, pair, language)]
    same = str(words["same"]).format(found.decided, found.refolded)
    parts.append(Text(same, style="" if found.decided == found.refolded else "bold red"))
    if found.divergences:
        parts += [_causes(found, language), _lines(found, language)]
        if len(found.divergences) > SHOWN:
            parts.append(Text(str(words["more"]).format(len(found.divergences) - SHOWN)))
    else:
        parts.append(Text(str(words["alike"])))
    if found.left_out:
        parts.append(Text(str(words["others"]).format(found.left_out)))
    if found.flows:
        parts.append(Text(str(words["flows"]).format(jpy(found.flows, pair))))
    if any(one.billed is not None and one.billed.ended_at == found.last for one in found.pairs):
        parts.append(Text(str(words["open"])))
    return Group(*parts)


def _sums(found: Comparison, pair: Instrument, language: str) -> Table:
    words, place = _WORDS[language], 0 if language == "ja" else 1
    table = Table(box=box.SIMPLE)
    table.add_column(words["result"][0], overflow="fold")
    table.add_column(words["result"][1], justify="right", no_wrap=True)
    table.add_row(str(words["billed"]), jpy(found.billed, pair))
    table.add_row(str(words["supposed"]), jpy(found.supposed, pair))
    table.add_row(str(words["gap"]), jpy(Money(found.billed - found.supposed), pair), style="bold")
    table.add_section()
    for name, value in found.parts._asdict().items():
        if name != "unexplained" or value:
            table.add_row(f"  {PART_WORDS[name][place]}", jpy(value, pair), style="bold red" * (name == "unexplained"))
    table.add_row(str(words["whole"]), jpy(found.parts.total, pair), style="bold")
    return table


def _causes(found: Comparison, language: str) -> Table:
    place = 0 if language == "ja" else 1
    table = Table(box=box.SIMPLE)
    for number, head in enumerate(_WORDS[language]["causes"]):
        table.add_column(head, justify="right" if number == 1 else "left")
    for cause in Cause:
        bars = [each for each in found.divergences if each.origin.cause is cause]
        if bars:
            table.add_row(CAUSE_WORDS[cause][place], f"{len(bars):,}", format_jst(bars[0].closed_at))
    return table


def _lines(found: Comparison, language: str) -> Table:
    words, place = _WORDS[language], 0 if language == "ja" else 1
    table = Table(box=box.SIMPLE)
    for head in words["lines"]:
        table.add_column(head, overflow="fold")
    for each in found.divergences[:SHOWN]:
        why = CAUSE_WORDS[each.origin.cause][place]
        table.add_row(
            format_jst(each.closed_at),
            str(words["none"]) if each.billed is None else decision_text(each.billed),
            decision_text(each.supposed),
            f"{why} ({each.origin.detail})" if each.origin.detail else why,
            format_jst(each.origin.at),
        )
    return table
