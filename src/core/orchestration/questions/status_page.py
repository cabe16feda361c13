"""The status on a terminal, in the trader's language."""

from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from src.core.domain.market import Instrument, Money, Side
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.reason_words import EXIT_REASON_WORDS, LANGUAGES, REASON_WORDS
from src.core.domain.time import SECOND, format_jst
from src.core.orchestration.questions.trader_status import (
    OVERDUE,
    RUNNING,
    Status,
    ago,
    as_plain,
    average_entry,
    equity_text,
    halts,
)
from src.trading.book import Book
from src.trading.outgoing import Purpose

_WORDS: Final = {
    "ja": {
        "title": "トレーダーの状態",
        "mode": "モード",
        "trader": "トレーダー",
        "running": "稼働中({}まで占有)",
        "overdue": "占有期限({})を過ぎても更新がない:停止したか、つながらない",
        "stopped": "稼働していない",
        "line": "最後の記録",
        "ago": "{}({}前、{:,}行)",
        "empty": "記録はまだない",
        "bar": "最後の足の判断",
        "skipped": "この足は使えなかった: {}",
        "equity": "純資産",
        "unknown": "不明(口座を確認できない)",
        "position": "建玉",
        "flat": "なし",
        "held": "{} {} BTC 建値 {:,}({}から)",
        "protection": "保護",
        "levels": "逆指値 {}、利確 {}、期限 {}",
        "protected": "全量に逆指値あり",
        "naked": "{}から全量は保護されていない",
        "leaving": "決済中: {}",
        "orders": "注文",
        "none": "なし",
        "unresolved": "結果が不明の注文",
        "halts": "新規建ての停止",
        "person": "人の指示(再開: python main.py resume --reason …)",
        "drawdown": "ドローダウン上限(人による解除が必要)",
        "streak": "連続損失による休止({}まで)",
        "cooldown": "損失直後の休止({}まで)",
        "doubt": "結果が不明の注文がある",
        "today": "今日の取引",
        "net": "{}回、損益 {} 円(費用込み)",
        "doubts": "24時間の不明な結果",
        "bare": "24時間の無保護",
        "bare_sum": "{}回、最長 {:.1f} 秒",
        "alarms": "24時間の警告",
        "commands": "実行待ちのコマンド",
        "model": "モデル",
        "long": "買い",
        "short": "売り",
        "ENTRY": "新規",
        "STOP": "逆指値",
        "CLOSE": "決済",
    },
    "en": {
        "title": "Status of the trader",
        "mode": "Mode",
        "trader": "Trader",
        "running": "running (holds the lease until {})",
        "overdue": "its lease ended at {} and was not renewed: it was killed, or is cut off",
        "stopped": "not running",
        "line": "Last line written",
        "ago": "{} ({} ago, {:,} lines)",
        "empty": "nothing is written yet",
        "bar": "Last bar and decision",
        "skipped": "that bar could not be used: {}",
        "equity": "Equity",
        "unknown": "unknown (the account could not be read)",
        "position": "Position",
        "flat": "none",
        "held": "{} {} BTC from {:,} (since {})",
        "protection": "Protection",
        "levels": "stop {}, target {}, until {}",
        "protected": "a stop rests for the whole position",
        "naked": "not fully protected since {}",
        "leaving": "being closed: {}",
        "orders": "Orders",
        "none": "none",
        "unresolved": "Orders of unknown outcome",
        "halts": "No new positions because of",
        "person": "a person's command (python main.py resume --reason …)",
        "drawdown": "the drawdown limit (a person has to lift it)",
        "streak": "consecutive losses (until {})",
        "cooldown": "the last loss (until {})",
        "doubt": "an order whose outcome is not known",
        "today": "Trades today",
        "net": "{}, net {} JPY with all costs",
        "doubts": "Unknown outcomes, 24 h",
        "bare": "Unprotected, 24 h",
        "bare_sum": "{} times, longest {:.1f} s",
        "alarms": "Alarms, 24 h",
        "commands": "Commands waiting",
        "model": "Model",
        "long": "long",
        "short": "short",
        "ENTRY": "entry",
        "STOP": "stop",
        "CLOSE": "close",
    },
}


def status_table(status: Status, pair: Instrument, language: str) -> Table:
    """Return the status as a table of two columns; what asks for attention is red."""
    words = _WORDS[language]
    table = Table(title=words["title"], show_header=False, box=box.SIMPLE, title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value, alarming in status_lines(status, pair, language):
        table.add_row(name, Text(value, style="bold red" if alarming else ""))
    return table


def status_lines(status: Status, pair: Instrument, language: str) -> list[tuple[str, str, bool]]:
    """Return the status line by line: what it is about, what is to be said, and whether it asks for attention."""
    words = _WORDS[language]
    return [(words[name], said, alarming) for name, said, alarming in _lines(status, pair, language)]


def _lines(status: Status, pair: Instrument, language: str) -> list[tuple[str, str, bool]]:
    words = _WORDS[language]
    lines = [("mode", f"{status.mode} {pair.symbol}", False)]
    until = "" if status.lease_until is None else format_jst(status.lease_until)
    lines.append(("trader", words[status.running].format(until), status.running == OVERDUE))
    if status.written_at is None:
        return [*lines, ("line", words["empty"], False)]
    since = ago(status.now - status.written_at, language)
    late = status.running == RUNNING and status.now - status.written_at > 1_800 * SECOND
    lines.append(("line", words["ago"].format(format_jst(status.written_at), since, status.lines), late))
    lines.append(("model", str(status.started.get("model_state", "-")), False))
    lines.extend(_decision_lines(status, language))
    equity = equity_text(status, pair)
    lines.append(("equity", words["unknown"] if equity is None else f"{float(equity):,.4f} JPY", equity is None))
    if status.book is not None:
        lines.extend(_book_lines(status.book, status, pair, language))
    net = pair.jpy(Money(sum(trade.net for trade in status.trades)))
    lines.append(("today", words["net"].format(len(status.trades), f"{net:+,}"), False))
    if status.unknown:
        lines.append(("doubts", str(status.unknown), True))
    if status.naked_ms:
        longest = max(status.naked_ms) / SECOND
        lines.append(("bare", words["bare_sum"].format(len(status.naked_ms), longest), False))
    for at, what in status.alarms:
        lines.append(("alarms", f"{format_jst(at)} {what}", True))
    if not status.alarms:
        lines.append(("alarms", words["none"], False))
    lines.extend(("commands", command, True) for command in status.waiting)
    return lines


def _decision_lines(status: Status, language: str) -> list[tuple[str, str, bool]]:
    words, recorded = _WORDS[language], status.decision
    lines = []
    if recorded is not None:
        reason = Reason(recorded.decision.reason)
        said = REASON_WORDS[reason][LANGUAGES.index(language)]
        lines.append(("bar", f"{format_jst(recorded.row.closed_at)}: {reason.name} – {said}", False))
    if status.skipped:
        lines.append(("bar", words["skipped"].format(status.skipped), True))
    return lines


def _book_lines(book: Book, status: Status, pair: Instrument, language: str) -> list[tuple[str, str, bool]]:
    words, held, plan = _WORDS[language], book.holding, book.state.plan
    lines = []
    if held.lots == 0:
        lines.append(("position", words["flat"], False))
    else:
        side = words["long" if held.side == Side.BUY else "short"]
        entry = pair.price(average_entry(book))
        opened = format_jst(held.opened_at)
        lines.append(("position", words["held"].format(side, pair.amount(held.lots), entry, opened), False))
        target = f"{pair.price(plan.target):,}" if plan.target else "-"
        ends = format_jst(plan.expires_at) if plan.expires_at else "-"
        lines.append(("protection", words["levels"].format(f"{pair.price(plan.stop):,}", target, ends), False))
        naked = book.naked_since > 0
        said = words["naked"].format(format_jst(book.naked_since)) if naked else words["protected"]
        lines.append(("protection", said, naked))
    if book.leaving.reason != ExitReason.NONE:
        why = EXIT_REASON_WORDS[ExitReason(book.leaving.reason)][LANGUAGES.index(language)]
        lines.append(("position", words["leaving"].format(why), True))
    plain = as_plain(status, pair)
    for order in plain["orders"]:
        level = order["trigger"] or order["price"] or "-"
        kind = words[Purpose[order["for"].upper()].name]
        lines.append(("orders", f"{order['id']}: {kind} {order['btc']} BTC @ {level}", False))
    for each in plain["unresolved"]:
        kind = words[Purpose[each["for"].upper()].name]
        lines.append(
            ("unresolved", f"{each['number']}: {kind} {each['btc']} BTC {each['sent_at']} {each['doubt']}", True)
        )
    lines.extend(("halts", words[why].format(end), True) for why, end in halts(status))
    if not halts(status):
        lines.append(("halts", words["none"], False))
    return lines
