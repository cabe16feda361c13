"""bitbank's answers as values: parsed strictly, or refused as broken.

Unknown keys are ignored and unknown words become None, since the exchange adds both; everything else must be as
documented, for what is misread here is money.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar

from src.core.domain.exchange import (
    CircuitMode,
    FillReport,
    MarginState,
    OrderReport,
    OrderStatus,
    OrderType,
    PairReport,
    PairStatus,
    PositionReport,
    PositionSide,
)
from src.core.domain.market import PPM, Instrument, Lots, Money, Side, Ticks
from src.core.domain.time import Millis
from src.data.wire_fields import BrokenReply, Fields

BPS: Final = 10_000
CASH: Final = "jpy"
MOST_DIGITS: Final = 12
PRICED: Final = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
TRIGGERED: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.STOP_LOSS})
WHOLE_POSITION: Final = frozenset({OrderType.TAKE_PROFIT, OrderType.STOP_LOSS, None})  # may come without an amount
SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}
FLAGS: Final = (
    "stop_order",
    "stop_order_and_cancel",
    "stop_market_order",
    "stop_stop_order",
    "stop_stop_limit_order",
    "stop_margin_long_order",
    "stop_margin_short_order",
    "stop_buy_order",
    "stop_sell_order",
)
"""Those that every pair must show; others of the form `stop_…` count too."""

Word = TypeVar("Word", bound=StrEnum)
Data = Mapping[str, Any]


class MarginFigures(NamedTuple):
    """The answer of the margin status endpoint, as far as it is used."""

    state: MarginState | None
    balance: Money
    requirement: Money
    level_bps: int | None
    call_bps: int | None
    losscut_bps: int | None
    capacity_long: Money
    capacity_short: Money


class Holdings(NamedTuple):
    """The answer of the margin positions endpoint, as far as it is used."""

    long: PositionReport
    short: PositionReport
    notice: str | None
    payable: Money


class TopOfBook(NamedTuple):
    """The ticker, as far as it is used."""

    bid: Ticks | None
    ask: Ticks | None
    last: Ticks | None


def order_of(data: object, instrument: Instrument, where: str = "order") -> OrderReport:
    """Return an order.

    Raises
    ------
    BrokenReply
        If it is not one of the pair, or a field is missing, of another type or off the grid.
    """
    row = Fields(data, where, instrument)
    _of_pair(row, instrument, where)
    kind = _word(row, "type", OrderType)
    start, remaining = (row.size(n) if row.has(n) else None for n in ("start_amount", "remaining_amount"))
    if (start is None or remaining is None) and kind not in WHOLE_POSITION:
        raise BrokenReply(f"{where} is a {kind} order without an amount")
    executed = row.size("executed_amount")
    if start is not None and executed > start:
        raise BrokenReply(f"{where} executed more than it was for")
    return OrderReport(
        order_id=row.whole("order_id", 1),
        side=_side(row, where),
        position=_position_side(row, where),
        type=kind,
        status=_word(row, "status", OrderStatus),
        start=start,
        remaining=remaining,
        executed=executed,
        price=row.price("price") if kind in PRICED or row.has("price") else None,
        trigger=row.price("trigger_price") if kind in TRIGGERED or row.has("trigger_price") else None,
        post_only=row.flag("post_only") if row.has("post_only") else False,
        ordered_at=row.moment("ordered_at"),
        expire_at=row.moment("expire_at") if row.has("expire_at") else None,
    )


def orders_of(data: Data, instrument: Instrument) -> list[OrderReport]:
    """Return a list of orders, as listed."""
    return _list_of(data, "orders", instrument, order_of)


def fill_of(data: object, instrument: Instrument, where: str = "trade") -> FillReport:
    """Return one trade of ours.

    Raises
    ------
    BrokenReply
        As `order_of`; and if its role or, on a margin row, its result is missing.
    """
    row = Fields(data, where, instrument)
    _of_pair(row, instrument, where)
    position = _position_side(row, where)
    role = row.text("maker_taker")
    if role not in {"maker", "taker"}:
        raise BrokenReply(f"{where}.maker_taker is neither maker nor taker")
    return FillReport(
        trade_id=row.whole("trade_id", 1),
        order_id=row.whole("order_id", 1),
        side=_side(row, where),
        position=position,
        type=_word(row, "type", OrderType),
        price=row.price("price"),
        lots=row.size("amount", least=1),
        maker=role == "maker",
        fee=row.money("fee_amount_quote"),
        fee_occurred=row.money("fee_occurred_amount_quote"),
        interest=Money(0) if position is None else row.money("interest"),
        profit=None if position is None else row.money("profit_loss"),
        executed_at=row.moment("executed_at"),
    )


def fills_of(data: Data, instrument: Instrument) -> list[FillReport]:
    """Return a list of trades, as listed."""
    return _list_of(data, "trades", instrument, fill_of)


def cash_of(data: Data, instrument: Instrument) -> Money:
    """Return the JPY on hand, what orders lock included."""
    rows = [row for row in Fields(data, "assets", instrument).rows("assets") if row.text("asset") == CASH]
    if len(rows) != 1:
        raise BrokenReply(f"the assets list {CASH} {len(rows)} times")
    return rows[0].money("onhand_amount")


def holdings_of(data: Data, instrument: Instrument) -> Holdings:
    """Return both positions of the pair, and what the exchange demands."""
    answer = Fields(data, "positions", instrument)
    found: dict[PositionSide, PositionReport] = {}
    for row in answer.rows("positions"):
        if row.text("pair") != instrument.pair:
            continue
        report = _position_report(row)
        if report.position in found:
            raise BrokenReply(f"the {report.position} position is listed twice")
        found[report.position] = report
    if len(found) != len(PositionSide):
        raise BrokenReply(f"of the two positions of {instrument.pair} {len(found)} are listed")
    notice = answer.inner("notice")
    what = notice.text("what") if notice.has("what") else None
    payable = answer.inner("payables").money("amount")
    return Holdings(found[PositionSide.LONG], found[PositionSide.SHORT], what, payable)


def _position_report(row: Fields) -> PositionReport:
    side = _position_side(row, "positions")
    if side is None:
        raise BrokenReply("a position is listed without its side")
    report = PositionReport(
        position=side,
        lots=row.size("open_amount"),
        product=row.money("product"),
        average=row.average("average_price"),
        fee_due=row.money("unrealized_fee_amount"),
        interest_due=row.money("unrealized_interest_amount"),
    )
    if (report.lots > 0) != (report.product > 0):
        raise BrokenReply(f"the {side} position's amount and product do not go together")
    return report


def margin_of(data: Data, instrument: Instrument) -> MarginFigures:
    """Return the margin's figures."""
    row = Fields(data, "margin status", instrument)
    free = [r for r in row.rows("available_balances") if r.text("pair") == instrument.pair]
    if len(free) != 1:
        raise BrokenReply(f"the margin status lists {instrument.pair} {len(free)} times")
    held, ordered = (row.money(f"total_{what}_maintenance_margin") for what in ("position", "open_order"))
    return MarginFigures(
        state=_word(row, "status", MarginState),
        balance=row.money("total_margin_balance"),
        requirement=Money(held + ordered),
        level_bps=_percentage(row, "total_margin_balance_percentage"),
        call_bps=_percentage(row, "margin_call_percentage"),
        losscut_bps=_percentage(row, "losscut_percentage"),
        capacity_long=free[0].money("long"),
        capacity_short=free[0].money("short"),
    )


def ticker_of(data: Data, instrument: Instrument) -> TopOfBook:
    """Return best prices and last price; None where the exchange has none."""
    row = Fields(data, "ticker", instrument)
    for name in ("buy", "sell", "last"):
        if name not in row.names():
            raise BrokenReply(f"ticker.{name} is missing")
    bid, ask, last = (row.price(name) if row.has(name) else None for name in ("buy", "sell", "last"))
    return TopOfBook(bid, ask, last)


def mode_of(data: Data, instrument: Instrument) -> CircuitMode | None:
    """Return the circuit breaker's mode; None if it is a new one."""
    return _word(Fields(data, "circuit_break_info", instrument), "mode", CircuitMode)


def pair_of(pairs: Data, statuses: Data, instrument: Instrument, read_at: Millis) -> PairReport:
    """Return the pair's rules as they are now; its grids are those that the exchange names.

    Parameters
    ----------
    pairs, statuses
        Answers of the two endpoints.
    instrument
        Which pair.
    """
    row = _row_of(Fields(pairs, "pairs", instrument).rows("pairs"), "name", instrument.pair)
    listed = _listed_instrument(row, instrument)
    state = _row_of(Fields(statuses, "statuses", listed).rows("statuses"), "pair", instrument.pair)

    def fee(name: str) -> int:
        return row.parts(f"margin_{name}_fee_rate_quote", PPM)

    announced = "margin_next_individual_ratio"
    return PairReport(
        instrument=listed,
        min_lots=Lots(max(listed.min_lots, state.size("min_amount"))),
        status=_word(state, "status", PairStatus),
        flags=_flags(row),
        enabled=row.flag("is_enabled"),
        open_maker_ppm=fee("open_maker"),
        open_taker_ppm=fee("open_taker"),
        close_maker_ppm=fee("close_maker"),
        close_taker_ppm=fee("close_taker"),
        long_interest_ppm=row.parts("margin_long_interest", PPM),
        short_interest_ppm=row.parts("margin_short_interest", PPM),
        requirement_bps=row.parts("margin_current_individual_ratio", BPS),
        next_requirement_bps=row.parts(announced, BPS) if row.has(announced) else None,
        read_at=read_at,
    )


def _listed_instrument(row: Fields, asked: Instrument) -> Instrument:
    prices, amounts = (row.whole(name) for name in ("price_digits", "amount_digits"))
    if prices > MOST_DIGITS or amounts > MOST_DIGITS:
        raise BrokenReply(f"{asked.pair} has {prices} and {amounts} digits, which cannot be")
    lot = Decimal(1).scaleb(-amounts)
    least, most = (row.number(name) / lot for name in ("unit_amount", "market_max_amount"))
    if least != int(least) or most != int(most) or not 0 < least <= most:
        raise BrokenReply(f"the size limits of {asked.pair} are not on its own grid")
    return Instrument(asked.symbol, asked.pair, Decimal(1).scaleb(-prices), lot, Lots(int(least)), Lots(int(most)))


def _flags(row: Fields) -> frozenset[str]:
    raised = {name: row.flag(name) for name in (*FLAGS, *(n for n in row.names() if n.startswith("stop_")))}
    return frozenset(name for name, value in raised.items() if value)


def _row_of(rows: list[Fields], name: str, value: str) -> Fields:
    found = [row for row in rows if row.text(name) == value]
    if len(found) != 1:
        raise BrokenReply(f"{value} is listed {len(found)} times")
    return found[0]


Parsed = TypeVar("Parsed")


def _list_of(
    data: Data, name: str, instrument: Instrument, parse: Callable[[object, Instrument, str], Parsed]
) -> list[Parsed]:
    rows = Fields(data, "reply", instrument).listed(name)
    return [parse(row, instrument, f"{name}[{i}]") for i, row in enumerate(rows)]


def _of_pair(row: Fields, instrument: Instrument, where: str) -> None:
    if row.text("pair") != instrument.pair:
        raise BrokenReply(f"{where} is of another pair than {instrument.pair}")


def _word(row: Fields, name: str, words: type[Word]) -> Word | None:
    text = row.text(name)
    return next((word for word in words if word.value == text), None)


def _side(row: Fields, where: str) -> Side:
    side = SIDES.get(row.text("side"))
    if side is None:
        raise BrokenReply(f"{where}.side is neither buy nor sell")
    return side


def _position_side(row: Fields, where: str) -> PositionSide | None:
    """Return the position of a margin row; None for a spot row. A new word is neither."""
    if not row.has("position_side"):
        return None
    side = _word(row, "position_side", PositionSide)
    if side is None:
        raise BrokenReply(f"{where}.position_side is neither long nor short")
    return side


def _percentage(row: Fields, name: str) -> int | None:
    if name not in row.names():
        raise BrokenReply(f"margin status.{name} is missing")
    return row.parts(name, BPS // 100) if row.has(name) else None
