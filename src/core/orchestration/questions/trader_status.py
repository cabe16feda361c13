"""How the trader is: read from its journal alone, so that it can be asked from another machine and after a crash.

"Today" and "the last day" end with the last line that was written: of a trader that died on Friday they speak of
Friday, and the status says how long ago that is.
"""

from typing import Any, Final, NamedTuple

from src.core.domain.account import Trade
from src.core.domain.journal import Json, Kind, Stored
from src.core.domain.market import Instrument, Money, Side
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import DAY, HOUR, JST_OFFSET, Millis, format_jst
from src.trading.book import Book, Intent
from src.trading.book_record import read_book
from src.trading.decision_record import Recorded, read_decision
from src.trading.journal import JournalReader
from src.trading.outgoing import Purpose

RUNNING: Final = "running"
OVERDUE: Final = "overdue"  # the lease was not given back and has ended: killed, or cut off
STOPPED: Final = "stopped"


class Status(NamedTuple):
    """A trader at the last line of its journal."""

    mode: str
    now: Millis
    running: str  # RUNNING, OVERDUE or STOPPED
    lease_until: Millis | None
    written_at: Millis | None  # of the last line; None: the journal is empty
    lines: int
    started: dict[str, Json]  # what the last process said of itself
    skipped: str  # why the newest bar was not traded on; "" if it was
    decision: Recorded | None
    book: Book | None
    trades: tuple[Trade, ...]  # closed on the day of the last line
    unknown: int  # orders of the last day whose outcome was not known at first
    naked_ms: tuple[int, ...]  # lengths of the last day's intervals without full protection
    alarms: tuple[tuple[Millis, str], ...]  # of the last day
    waiting: tuple[str, ...]  # commands that are not yet carried out


def read_status(reader: JournalReader, mode: str, now: Millis) -> Status:
    """Return how the trader of a journal is.

    Raises
    ------
    StoreDamaged
        If a line was written by another version.
    """
    end = reader.end()
    at = Millis(0) if end is None else end.entry.at
    until = reader.trader_until()
    state, decision = reader.newest(Kind.STATE), reader.newest(Kind.DECISION)
    bar, started = reader.newest(Kind.BAR), reader.newest(Kind.STARTED)
    day, yesterday = Millis((at + JST_OFFSET) // DAY * DAY - JST_OFFSET), Millis(at - DAY)
    outcomes = reader.between(Kind.OUTCOME, yesterday, at)
    return Status(
        mode=mode,
        now=now,
        running=STOPPED if until is None else RUNNING if until > now else OVERDUE,
        lease_until=until,
        written_at=None if end is None else at,
        lines=0 if end is None else end.number,
        started={} if started is None else dict(started.entry.body),
        skipped="" if bar is None else str(bar.entry.body.get("skipped", "")),
        decision=None if decision is None else read_decision(decision),
        book=None if state is None else read_book(state),
        trades=tuple(trade_in(each) for each in reader.between(Kind.TRADE, day, at)),
        unknown=sum(each.entry.body.get("outcome") == "unknown" for each in outcomes),
        naked_ms=tuple(whole(each, "ms") for each in reader.naked(yesterday)),
        alarms=tuple((each.entry.at, alarm_text(each)) for each in reader.alarms(yesterday)),
        waiting=tuple(f"{command.verb.value} ({command.reason})" for command in reader.commands()),
    )


def whole(line: Stored, name: str) -> int:
    """Return a whole number of a line; 0 where there is none."""
    value = line.entry.body.get(name, 0)
    return value if isinstance(value, int) else 0


def trade_in(line: Stored) -> Trade:
    """Return the closed position that a line of `Kind.TRADE` holds."""
    values: dict[str, Any] = {name: line.entry.body[name] for name in Trade._fields}
    return Trade(**values)._replace(exit_reason=ExitReason(values["exit_reason"]), side=Side(values["side"]))


def alarm_text(line: Stored) -> str:
    """Return an alarm in one line, as it was written down: what it is about first."""
    body = dict(line.entry.body)
    topic, tier = body.pop("topic", ""), body.pop("tier", "")
    about = " ".join(str(part) for part in (tier, topic) if part)
    said = ", ".join(str(value) if name == "what" else f"{name} {value}" for name, value in body.items())
    return f"{about}: {said}" if about else said


def halts(status: Status) -> list[tuple[str, str]]:
    """Return what forbids new positions now: its name (person, drawdown, streak, cooldown, doubt) and until when."""
    book, at = status.book, status.written_at
    if book is None or at is None:
        return []
    risk, found = book.state.risk, []
    if book.halted:
        found.append(("person", ""))
    if risk.halted:
        found.append(("drawdown", ""))
    if at < risk.streak_until:
        found.append(("streak", format_jst(risk.streak_until)))
    if at < risk.cooldown_until:
        found.append(("cooldown", format_jst(risk.cooldown_until)))
    if book.pending is not None:
        found.append(("doubt", ""))
    return found


def as_plain(status: Status, pair: Instrument) -> dict[str, Any]:
    """Return the status in JSON's types; prices and sums in JPY as exact texts, times in Japan's."""
    decision, book = status.decision, status.book
    return {
        "mode": status.mode,
        "trader": status.running,
        "lease_until": _time(status.lease_until),
        "last_line": _time(status.written_at),
        "lines": status.lines,
        "process": status.started,
        "last_bar": None if decision is None else _time(decision.row.closed_at),
        "skipped": status.skipped,
        "decision": None if decision is None else Reason(decision.decision.reason).name,
        "equity_jpy": equity_text(status, pair),
        "cash_jpy": None if book is None else str(pair.jpy(book.cash)),
        "position": None if book is None else _position(book, pair),
        "orders": [] if book is None else [_order(order, pair) for order in book.orders],
        "unresolved": [] if book is None else [_intent(each, pair) for each in _open(book)],
        "halts": [{"why": why, "until": until} for why, until in halts(status)],
        "trades_today": len(status.trades),
        "net_today_jpy": str(pair.jpy(Money(sum(trade.net for trade in status.trades)))),
        "unknown_outcomes_last_day": status.unknown,
        "naked_last_day_ms": list(status.naked_ms),
        "alarms_last_day": [{"at": _time(at), "what": what} for at, what in status.alarms],
        "commands_waiting": list(status.waiting),
    }


def equity_text(status: Status, pair: Instrument) -> str | None:
    """Return the equity that the last decision saw, in JPY; None if the account could not be read."""
    seen = None if status.decision is None else status.decision.account
    return None if seen is None or not seen.known else str(pair.jpy(seen.equity))


def _position(book: Book, pair: Instrument) -> dict[str, Any] | None:
    held, plan = book.holding, book.state.plan
    if held.lots == 0:
        return None
    return {
        "side": held.side.name,
        "btc": str(pair.amount(held.lots)),
        "entry": str(pair.price(average_entry(book))),
        "opened_at": format_jst(held.opened_at),
        "stop": str(pair.price(plan.stop)),
        "target": str(pair.price(plan.target)) if plan.target else None,
        "until": format_jst(plan.expires_at) if plan.expires_at else None,
        "naked_since": format_jst(book.naked_since) if book.naked_since else None,
        "leaving": book.leaving.reason.name if book.leaving.reason != ExitReason.NONE else None,
    }


def average_entry(book: Book) -> Any:
    """Return the average price that the open position was entered at, ticks; it must not be flat."""
    return book.holding.paid // book.holding.entered


def _order(order: Any, pair: Instrument) -> dict[str, Any]:
    return {
        "id": order.order_id,
        "for": Purpose(order.purpose).name.lower(),
        "position": order.position.value,
        "btc": str(pair.amount(order.lots)),
        "executed_btc": str(pair.amount(order.executed)),
        "price": None if order.price is None else str(pair.price(order.price)),
        "trigger": None if order.trigger is None else str(pair.price(order.trigger)),
    }


def _open(book: Book) -> tuple[Intent, ...]:
    return (*(() if book.pending is None else (book.pending,)), *book.ghosts)


def _intent(intent: Intent, pair: Instrument) -> dict[str, Any]:
    return {
        "number": intent.number,
        "for": Purpose(intent.purpose).name.lower(),
        "btc": str(pair.amount(intent.lots)),
        "sent_at": format_jst(intent.sent_at),
        "doubt": intent.doubt,
    }


def _time(at: Millis | None) -> str | None:
    return None if at is None else format_jst(at)


def ago(ms: int, language: str) -> str:
    """Return a length of time in the two units that matter."""
    minutes = max(ms, 0) // 60_000
    days, hours, rest = minutes // 1_440, minutes // 60 % 24, minutes % 60
    if language == "ja":
        return f"{days}日{hours}時間" if days else f"{hours}時間{rest}分" if ms >= HOUR else f"{rest}分"
    return f"{days} d {hours} h" if days else f"{hours} h {rest} min" if ms >= HOUR else f"{rest} min"
