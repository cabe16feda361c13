"""The journal's ledger against the exchange's: position, cash, orders and every billed trade, to the money unit."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from src.core.domain.exchange import FillReport
from src.core.domain.journal import Json, Kind, Stored
from src.core.domain.market import Instrument, Lots, Money
from src.core.domain.record import as_json
from src.core.domain.time import DAY, Millis, format_jst, jst_day
from src.core.exceptions import NoJournal
from src.core.protocols import ExchangePort
from src.trading.book import Book
from src.trading.book_record import read_book
from src.trading.journal import JournalReader
from src.trading.reconcile import foreign_lots

TRIES: Final = 5  # a running trader may book something between two readings
PAUSE_S: Final = 1.0


class Day(NamedTuple):
    """What was billed on one Japanese day, or in all."""

    day: str
    closed: int  # positions that ended
    fills: int
    gross: Money  # of the positions that ended, before costs
    fee: Money  # collected
    interest: Money  # collected
    net: Money  # of the closing trades, as the exchange billed them
    maker: Lots  # of `lots`, those that were billed as maker
    lots: Lots

    @property
    def maker_share(self) -> float | None:
        """Which part of what was traded was billed as maker; None if nothing was."""
        return self.maker / self.lots if self.lots else None


class Compared(NamedTuple):
    """One thing that both must know alike."""

    what: str
    ours: str
    theirs: str

    @property
    def agrees(self) -> bool:
        """Whether they do."""
        return self.ours == self.theirs


class Accounts(NamedTuple):
    """Both ledgers side by side."""

    mode: str
    read_at: Millis
    days: tuple[Day, ...]
    total: Day
    compared: tuple[Compared, ...]
    flows: Money  # deposits less withdrawals, as far as the trader noticed

    @property
    def agree(self) -> bool:
        """Whether there is no difference."""
        return all(each.agrees for each in self.compared)


class Books(NamedTuple):
    """The journal's side."""

    line: int  # of the newest state
    first: Book  # as the trader began
    book: Book
    fills: tuple[Stored, ...]
    trades: tuple[Stored, ...]
    flows: Money


def read_books(reader: JournalReader) -> Books:
    """Return the journal's ledger.

    Raises
    ------
    NoJournal
        If the trader has not yet read its account.
    """
    newest = reader.newest(Kind.STATE)
    first = reader.entries([Kind.STATE], limit=1)
    if newest is None or not first:
        raise NoJournal("the trader has not read its account yet", remedy="let it run for one candle, then ask again")
    flows = sum(whole(line, "flow") for line in reader.walk(Kind.ALARM) if line.entry.body.get("what") == "cash")
    return Books(
        newest.number,
        read_book(first[0]),
        read_book(newest),
        tuple(reader.walk(Kind.FILL)),
        tuple(reader.walk(Kind.TRADE)),
        Money(flows),
    )


async def compare_accounts(reader: JournalReader, port: ExchangePort, mode: str, pair: Instrument) -> Accounts:
    """Return both ledgers side by side; where a trader is at work, as they were at one moment.

    Raises
    ------
    Retryable
        If the exchange cannot be read.
    """
    for attempt in range(TRIES):
        books = read_books(reader)
        found = await _compare(books, port, mode, pair)
        newest = reader.newest(Kind.STATE)
        if found.agree or newest is None or newest.number == books.line:
            break
        if attempt < TRIES - 1:
            await asyncio.sleep(PAUSE_S)
    return found


async def _compare(books: Books, port: ExchangePort, mode: str, pair: Instrument) -> Accounts:
    book = books.book
    orders = await port.active_orders()
    account = await port.account()
    billed = await port.fills(books.first.last_trade, Millis(0))
    long, short = foreign_lots(book, account)
    ours = sorted(order.order_id for order in book.orders)
    theirs = sorted(order.order_id for order in orders if order.position is not None)
    compared = [
        Compared("cash", jpy(book.cash, pair), jpy(account.cash, pair)),
        Compared("long", _btc(account.long.lots - long, pair), _btc(account.long.lots, pair)),
        Compared("short", _btc(account.short.lots - short, pair), _btc(account.short.lots, pair)),
        Compared("orders", _ids(ours), _ids(theirs)),
        *_trades_alike(books, billed, pair),
        *_ledger_holds(books, pair),
    ]
    days = _days(books)
    total = _sum("", days)
    return Accounts(mode, account.read_at, days, total, tuple(compared), books.flows)


def _trades_alike(books: Books, billed: tuple[FillReport, ...], pair: Instrument) -> list[Compared]:
    """Compare every trade that the exchange billed since the trader began with what the journal wrote of it."""
    ours = {whole(line, "trade_id"): dict(line.entry.body) for line in books.fills}
    theirs = {fill.trade_id: as_json(fill) for fill in billed}
    found = [
        Compared("trades", str(len(ours)), str(len(theirs))),
        Compared("net", jpy(_over(ours.values(), "profit"), pair), jpy(_over(theirs.values(), "profit"), pair)),
        Compared("fees", jpy(_over(ours.values(), "fee"), pair), jpy(_over(theirs.values(), "fee"), pair)),
        Compared(
            "interest", jpy(_over(ours.values(), "interest"), pair), jpy(_over(theirs.values(), "interest"), pair)
        ),
    ]
    first = next((i for i in sorted(ours.keys() | theirs.keys()) if ours.get(i) != theirs.get(i)), None)
    if first is not None:
        found.append(Compared(f"trade {first}", *_differing(ours.get(first), theirs.get(first))))
    return found


def _differing(one: dict[str, Json] | None, other: dict[str, Json] | None) -> tuple[str, str]:
    if one is None or other is None:
        return ("-" if one is None else str(one)), ("-" if other is None else str(other))
    names = [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]
    return _named(one, names), _named(other, names)


def _named(body: dict[str, Json], names: list[str]) -> str:
    return ", ".join(f"{name} {body.get(name)}" for name in names)


def _ledger_holds(books: Books, pair: Instrument) -> list[Compared]:
    """Compare the journal with itself: cash is what it began with and what every trade and flow did to it."""
    bodies = [line.entry.body for line in books.fills]
    after = Money(books.first.cash + _over(bodies, "profit") + books.flows)
    closed = _over([line.entry.body for line in books.trades], "net") + books.book.holding.profit
    return [
        Compared("cash by its trades", jpy(after, pair), jpy(books.book.cash, pair)),
        Compared("net by positions", jpy(Money(closed), pair), jpy(_over(bodies, "profit"), pair)),
    ]


def _days(books: Books) -> tuple[Day, ...]:
    days: dict[int, Day] = {}
    for line in books.fills:
        number = jst_day(Millis(whole(line, "executed_at")))
        day = days.get(number, _empty(number))
        lots = whole(line, "lots")
        days[number] = day._replace(
            fills=day.fills + 1,
            fee=Money(day.fee + whole(line, "fee")),
            interest=Money(day.interest + whole(line, "interest")),
            net=Money(day.net + whole(line, "profit")),
            maker=Lots(day.maker + (lots if line.entry.body.get("maker") is True else 0)),
            lots=Lots(day.lots + lots),
        )
    for line in books.trades:
        number = jst_day(Millis(whole(line, "closed_at")))
        day = days.get(number, _empty(number))
        days[number] = day._replace(closed=day.closed + 1, gross=Money(day.gross + whole(line, "gross")))
    return tuple(days[number] for number in sorted(days))


def _empty(number: int) -> Day:
    name = format_jst(Millis(number * DAY))[:10]
    return Day(name, 0, 0, Money(0), Money(0), Money(0), Money(0), Lots(0), Lots(0))


def _sum(name: str, days: tuple[Day, ...]) -> Day:
    columns = list(zip(*(day[1:] for day in days), strict=True)) or [()] * 8
    sums: list[Any] = [sum(column) for column in columns]
    return Day(name, *sums)


def whole(line: Stored, name: str) -> int:
    """Return a whole number of a line; 0 where there is none."""
    value = line.entry.body.get(name)
    return value if isinstance(value, int) else 0


def _over(bodies: Iterable[Any], name: str) -> Money:
    return Money(sum(body.get(name) or 0 for body in bodies))


def jpy(sum_: Money, pair: Instrument) -> str:
    """Return a sum in JPY, to the money unit."""
    return f"{pair.jpy(sum_):,.4f}"


def _btc(lots: int, pair: Instrument) -> str:
    return f"{pair.amount(Lots(lots))}"


def _ids(ids: list[int]) -> str:
    return ", ".join(str(i) for i in ids) or "-"


def accounts_plain(found: Accounts, pair: Instrument) -> dict[str, Json]:
    """Return both ledgers in JSON's types; sums in JPY as exact texts."""
    return {
        "mode": found.mode,
        "read_at": format_jst(found.read_at),
        "agree": found.agree,
        "compared": [
            {"what": each.what, "journal": each.ours, "exchange": each.theirs, "agrees": each.agrees}
            for each in found.compared
        ],
        "days": [_day_plain(day, pair) for day in found.days],
        "total": _day_plain(found.total, pair),
        "flows_jpy": str(pair.jpy(found.flows)),
    }


def _day_plain(day: Day, pair: Instrument) -> dict[str, Json]:
    return {
        "day": day.day,
        "closed": day.closed,
        "fills": day.fills,
        "gross_jpy": str(pair.jpy(day.gross)),
        "fee_jpy": str(pair.jpy(day.fee)),
        "interest_jpy": str(pair.jpy(day.interest)),
        "net_jpy": str(pair.jpy(day.net)),
        "maker_share": day.maker_share,
    }
