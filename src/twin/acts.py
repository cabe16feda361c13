"""What a plan or the control endpoint can do to the exchange, to an account, or to the twin itself."""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from src.backtest.exchange.codes import CANCEL_PENDING
from src.backtest.simulated_exchange import (
    CircuitMode,
    FeeType,
    MarginTerms,
    OrderFilter,
    OrderStatus,
    OrderView,
    PairRules,
    PairStatus,
    Refused,
    UserId,
)
from src.core.domain.market import PPM, Lots, Side, Ticks
from src.core.domain.time import DAY, Millis
from src.core.exceptions import ConfigError
from src.core.logger import get_logger
from src.twin import wire
from src.twin.body import order_request
from src.twin.fault_rules import Sendable
from src.twin.refusal import CallRefused
from src.twin.service import Service
from src.twin.switches import TwinSwitches

BUYER: Final = "twin-buyer"
SELLER: Final = "twin-seller"
HOUSE_ASSETS: Final = {"jpy": Decimal(10**11), "btc": Decimal(100_000)}
LONGEST_SKIP: Final = 3_700 * DAY

Done = dict[str, Any]

log = get_logger(__name__)


Number = Annotated[str, Field(pattern=r"^[0-9]{1,20}(\.[0-9]{1,20})?$")]
"""A price or an amount, as text."""


class _Act(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SetFlags(_Act):
    """Set or lift a pair's restrictions; those not named stay."""

    act: Literal["flags"]
    pair: str = "btc_jpy"
    flags: dict[str, bool]


class SetMode(_Act):
    """Start or end the circuit breaker's modes."""

    act: Literal["mode"]
    pair: str = "btc_jpy"
    mode: Literal["NONE", "CIRCUIT_BREAK", "FULL_RANGE_CIRCUIT_BREAK", "RESUMPTION", "LISTING"]
    fee_type: Literal["NORMAL", "SELL_MAKER", "BUY_MAKER", "DYNAMIC"] = "NORMAL"
    itayose_upper: int | None = None
    """Ticks, as `itayose_lower`."""
    itayose_lower: int | None = None
    reopen_in: int | None = None
    """Milliseconds."""


class SetStatus(_Act):
    """Set how busy a pair is, and its smallest order."""

    act: Literal["status"]
    pair: str = "btc_jpy"
    status: Literal["NORMAL", "BUSY", "VERY_BUSY", "HALT"]
    min_lots: int | None = None


class SetFees(_Act):
    """Change fee rates, in parts per million; those not named stay."""

    act: Literal["fees"]
    pair: str = "btc_jpy"
    fees: dict[str, int]


class SetNextMargin(_Act):
    """Announce next week's margin terms; those not named are as now."""

    act: Literal["next_margin"]
    pair: str = "btc_jpy"
    terms: dict[str, int]


class Order(_Act):
    """Let a user order something, with the fields of the REST interface."""

    act: Literal["order"]
    user: str
    order: dict[str, Any]


class Cancel(_Act):
    """Cancel a user's orders on a pair: one, or all."""

    act: Literal["cancel"]
    user: str
    pair: str = "btc_jpy"
    order_id: int | None = None


class Trade(_Act):
    """Make the last trade of a pair happen at a price: two house accounts meet there.

    What others have in the book up to that price is traded through on the way.
    """

    act: Literal["trade"]
    pair: str = "btc_jpy"
    price: Number | None = None
    move_ppm: Annotated[int, Field(gt=-PPM)] = 0
    """Instead of a price: the change from the last trade, in parts per million."""
    amount: Number = "0.0001"


class Fill(_Act):
    """Trade against a user's newest resting order: a tenth of it in one or more pieces, or all of it."""

    act: Literal["fill"]
    user: str
    pair: str = "btc_jpy"
    pieces: Annotated[int, Field(ge=1, le=1_000)] = 1
    all: bool = False


class Cross(_Act):
    """Let the best price of the other side be just what an order will ask for: a post_only order is cancelled."""

    act: Literal["cross"]
    pair: str = "btc_jpy"
    side: Literal["buy", "sell"]
    price: Number


class Sweep(_Act):
    """Take everything that an order on a side could meet: a market order is rejected."""

    act: Literal["sweep"]
    pair: str = "btc_jpy"
    side: Literal["buy", "sell"]


class Skip(_Act):
    """Let the market's time jump ahead; what falls due on the way happens."""

    act: Literal["skip"]
    ms: Annotated[int, Field(ge=0, le=LONGEST_SKIP)]


class ShiftClock(_Act):
    """Let the server's clock be wrong by so many milliseconds more."""

    act: Literal["clock"]
    ms: Annotated[int, Field(ge=-DAY, le=DAY)]


class Revoke(_Act):
    """Withdraw a user's keys, or give them back."""

    act: Literal["revoke"]
    user: str
    revoked: bool = True


class Margin(_Act):
    """Pass or withdraw a user's margin review."""

    act: Literal["margin"]
    user: str
    enabled: bool


class Deposit(_Act):
    """Pay something in for a user."""

    act: Literal["deposit"]
    user: str
    asset: str
    amount: Number


class Switch(_Act):
    """Change switches of the protocol; those not named stay."""

    act: Literal["switches"]
    switches: dict[str, Any]


class Publish(_Act):
    """Send a user a private message that nothing caused."""

    act: Literal["publish"]
    user: str
    message: Sendable


class Invalidate(_Act):
    """Drop a user's resting orders as the engine does for lack of assets: cancelled, and told as an invalidation."""

    act: Literal["invalidate"]
    user: str
    pair: str = "btc_jpy"


class JumpSequence(_Act):
    """Let the public stream's sequence numbers jump ahead."""

    act: Literal["sequence"]
    by: Annotated[int, Field(ge=1)]


class ExpireTokens(_Act):
    """Let a user's private stream tokens expire."""

    act: Literal["expire_tokens"]
    user: str


class CloseStreams(_Act):
    """Cut every connection of the public stream."""

    act: Literal["close_streams"]


AnyAct = Annotated[
    SetFlags
    | SetMode
    | SetStatus
    | SetFees
    | SetNextMargin
    | Order
    | Cancel
    | Trade
    | Fill
    | Cross
    | Sweep
    | Skip
    | ShiftClock
    | Revoke
    | Margin
    | Deposit
    | Switch
    | Publish
    | Invalidate
    | JumpSequence
    | ExpireTokens
    | CloseStreams,
    Field(discriminator="act"),
]
_READER: Final[TypeAdapter[AnyAct]] = TypeAdapter(AnyAct)


def read_act(content: object) -> AnyAct:
    """Return the act that a mapping describes.

    Raises
    ------
    ConfigError
        If there is no such act or a field is wrong.
    """
    try:
        return _READER.validate_python(content)
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"the act {content!r} is wrong at {where}: {first['msg']}", remedy=_REMEDY) from e


def perform(service: Service, act: AnyAct) -> Done:
    """Carry out one act and return what became of it.

    Raises
    ------
    ConfigError
        If it names something the twin has not.
    Refused
        If the exchange refuses an order or a cancel of it.
    """
    pair = getattr(act, "pair", None)
    if pair is not None and pair not in service.venue.rules:
        raise ConfigError(f"the twin has no pair {pair!r}", remedy=f"it has {', '.join(service.venue.rules)}")
    done = _DO[type(act)](service, act)
    service.tell()
    return done


def perform_planned(service: Service, content: object) -> None:
    """Carry out an act of a fault plan; one that is not possible now is logged, and nothing happens."""
    try:
        perform(service, read_act(content))
    except (Refused, CallRefused, ConfigError) as e:
        log.warning("an act of the fault plan was not possible", act=content, why=str(e))


def perform_due(service: Service) -> None:
    """Carry out the acts of faults whose time has come."""
    for action in service.faults.due(service.now):
        for act in action.acts:
            perform_planned(service, act)


def _flags(service: Service, act: SetFlags) -> Done:
    present = _rules(service, act.pair).flags
    service.venue.exchange.set_flags(act.pair, _replaced(present, act.flags))
    return {}


def _mode(service: Service, act: SetMode) -> Done:
    service.venue.exchange.set_mode(
        act.pair,
        CircuitMode(act.mode),
        fee_type=FeeType(act.fee_type),
        itayose_upper=None if act.itayose_upper is None else Ticks(act.itayose_upper),
        itayose_lower=None if act.itayose_lower is None else Ticks(act.itayose_lower),
        reopen_at=None if act.reopen_in is None else Millis(service.venue.exchange.now + act.reopen_in),
    )
    return {}


def _status(service: Service, act: SetStatus) -> Done:
    least = None if act.min_lots is None else Lots(act.min_lots)
    service.venue.exchange.set_status(act.pair, PairStatus(act.status), least)
    return {}


def _fees(service: Service, act: SetFees) -> Done:
    service.venue.exchange.set_fees(act.pair, _replaced(_rules(service, act.pair).fees, act.fees))
    return {}


def _next_margin(service: Service, act: SetNextMargin) -> Done:
    present = _rules(service, act.pair).margin
    if present is None:
        raise ConfigError(f"{act.pair} has no margin trading", remedy="name a pair that has, such as btc_jpy")
    terms: MarginTerms = _replaced(present, act.terms)
    service.venue.exchange.set_next_margin(act.pair, terms)
    return {}


def _order(service: Service, act: Order) -> Done:
    view = _submit(service, service.accounts.user(act.user), act.order)
    return {"order": wire.order(view, service.venue.rules[view.pair])}


def _cancel(service: Service, act: Cancel) -> Done:
    return {"canceled": _cancel_all(service, act.user, act.pair, act.order_id)}


def _trade(service: Service, act: Trade) -> Done:
    """Post the price from one side, after everything in front of it is gone, and take it from the other."""
    exchange, rules = service.venue.exchange, _rules(service, act.pair)
    price = _price(service, act)
    book = exchange.depth(act.pair)
    falling = bool(book.bids) and book.bids[0][0] >= price
    in_front = sum(
        lots for at, lots in (book.bids if falling else book.asks) if (at >= price if falling else at <= price)
    )
    first, second = (SELLER, BUYER) if falling else (BUYER, SELLER)
    extra = Decimal(in_front).scaleb(-rules.amount_digits)
    text = wire.fixed(price, rules.price_digits)
    _quote(service, first, act.pair, text, Decimal(act.amount) + extra)
    _quote(service, second, act.pair, text, Decimal(act.amount))
    _withdraw_quotes(service, act.pair)
    return {"last": text}


def _price(service: Service, act: Trade) -> int:
    if act.price is not None:
        return int(Decimal(act.price).scaleb(_rules(service, act.pair).price_digits))
    last = service.venue.exchange.ticker(act.pair).last
    if last is None:
        raise ConfigError(f"{act.pair} has not traded yet: nothing to move from", remedy="give the price")
    return last + last * act.move_ppm // PPM


def _fill(service: Service, act: Fill) -> Done:
    exchange, rules = service.venue.exchange, _rules(service, act.pair)
    active = exchange.active_orders(service.accounts.user(act.user), OrderFilter(pair=act.pair))
    resting = [view for view in active if view.price is not None and view.status is not OrderStatus.INACTIVE]
    if not resting:
        return {"filled": 0}
    order = max(resting, key=lambda view: view.order_id)
    left = order.remaining_lots or 0
    part = left if act.all else max(1, left // (10 * act.pieces))
    house = SELLER if order.side is Side.BUY else BUYER
    for _ in range(1 if act.all else act.pieces):
        amount = Decimal(part).scaleb(-rules.amount_digits)
        _quote(service, house, act.pair, wire.fixed(order.price or 0, rules.price_digits), amount)
    _withdraw_quotes(service, act.pair)
    return {"filled": order.order_id}


def _cross(service: Service, act: Cross) -> Done:
    _withdraw_quotes(service, act.pair)
    _quote(service, SELLER if act.side == "buy" else BUYER, act.pair, act.price, Decimal("0.0001"))
    return {}


def _sweep(service: Service, act: Sweep) -> Done:
    book, rules = service.venue.exchange.depth(act.pair), _rules(service, act.pair)
    side, beyond = (book.asks, book.asks_over) if act.side == "buy" else (book.bids, book.bids_under)
    if side:
        lots = sum(lots for _, lots in side) + beyond
        edge = rules.price_cap if act.side == "buy" else rules.price_floor
        price = wire.fixed(edge if beyond else side[-1][0], rules.price_digits)
        amount = Decimal(lots).scaleb(-rules.amount_digits)
        _quote(service, BUYER if act.side == "buy" else SELLER, act.pair, price, amount)
        _withdraw_quotes(service, act.pair)
    return {}


def _quote(service: Service, name: str, pair: str, price: str, amount: Decimal) -> None:
    """Let a house account order at a price; what it meets it takes."""
    side = "buy" if name == BUYER else "sell"
    fields = {"pair": pair, "type": "limit", "side": side, "price": price, "amount": str(amount)}
    _submit(service, _house(service, name), fields)


def _withdraw_quotes(service: Service, pair: str) -> None:
    for name in (BUYER, SELLER):
        _house(service, name)
        _cancel_all(service, name, pair, None)


def _skip(service: Service, act: Skip) -> Done:
    service.venue.clock.skip(act.ms)
    service.catch_up()
    return {"now": service.venue.exchange.now}


def _clock(service: Service, act: ShiftClock) -> Done:
    service.venue.clock.shift_service(act.ms)
    return {"service": service.now}


def _revoke(service: Service, act: Revoke) -> Done:
    service.accounts.revoke(act.user, revoked=act.revoked)
    return {}


def _margin(service: Service, act: Margin) -> Done:
    service.venue.exchange.set_margin_enabled(service.accounts.user(act.user), act.enabled)
    return {}


def _deposit(service: Service, act: Deposit) -> Done:
    service.venue.exchange.deposit(service.accounts.user(act.user), act.asset, Decimal(act.amount))
    return {}


def _switches(service: Service, act: Switch) -> Done:
    try:
        changed = TwinSwitches.model_validate(service.switches.model_dump() | act.switches)
    except ValidationError as e:
        raise ConfigError(f"wrong switches: {e.errors()[0]['msg']}", remedy=_REMEDY) from e
    service.switch(changed)
    return {"switches": changed.model_dump()}


def _publish(service: Service, act: Publish) -> Done:
    service.publish(service.accounts.user(act.user), act.message)
    return {}


def _invalidate(service: Service, act: Invalidate) -> Done:
    user = service.accounts.user(act.user)
    service.tell()
    ids = _cancel_all(service, act.user, act.pair, None)
    service.venue.drain()  # an invalidation is told as such, not as cancels
    service.publish(user, {"method": "spot_order_invalidation", "params": {"order_id": ids}})
    return {"order_id": ids}


def _sequence(service: Service, act: JumpSequence) -> Done:
    service.rooms.sequence_jump += act.by
    return {}


def _expire(service: Service, act: ExpireTokens) -> Done:
    service.private.expire(service.accounts.user(act.user), service.now)
    return {}


def _close(service: Service, _act: CloseStreams) -> Done:
    service.public.close()
    return {}


_REMEDY: Final = "docs/twin.md lists the acts and their fields"
_DO: Final[dict[type[BaseModel], Callable[[Service, Any], Done]]] = {
    SetFlags: _flags,
    SetMode: _mode,
    SetStatus: _status,
    SetFees: _fees,
    SetNextMargin: _next_margin,
    Order: _order,
    Cancel: _cancel,
    Trade: _trade,
    Fill: _fill,
    Cross: _cross,
    Sweep: _sweep,
    Skip: _skip,
    ShiftClock: _clock,
    Revoke: _revoke,
    Margin: _margin,
    Deposit: _deposit,
    Switch: _switches,
    Publish: _publish,
    Invalidate: _invalidate,
    JumpSequence: _sequence,
    ExpireTokens: _expire,
    CloseStreams: _close,
}


def _rules(service: Service, pair: str) -> PairRules:
    return next(view.rules for view in service.venue.exchange.pairs() if view.rules.pair == pair)


def _replaced(value: Any, changes: dict[str, Any]) -> Any:
    unknown = sorted(set(changes) - set(value._fields))
    if unknown:
        raise ConfigError(f"there is no {', '.join(unknown)}", remedy=f"there are {', '.join(value._fields)}")
    return value._replace(**changes)


def _house(service: Service, name: str) -> UserId:
    if not service.accounts.has(name):
        service.accounts.open(name, HOUSE_ASSETS)
    return service.accounts.user(name)


def _submit(service: Service, user: UserId, fields: dict[str, Any]) -> OrderView:
    numbers: dict[str, Any] = {
        name: str(fields[name]) for name in ("amount", "price", "trigger_price") if name in fields
    }
    asked = order_request({**fields, **numbers}, null_amount=True)
    return service.venue.exchange.submit(user, asked)


def _cancel_all(service: Service, name: str, pair: str, order_id: int | None) -> list[int]:
    user = service.accounts.user(name)
    active = service.venue.exchange.active_orders(user, OrderFilter(pair=pair))
    ids = [view.order_id for view in active if order_id in {None, view.order_id}]
    for one in ids:
        try:
            service.venue.exchange.cancel(user, pair, one)
        except Refused as e:
            if e.code != CANCEL_PENDING:  # where cancels take their time, the one before is still under way
                raise
    return ids
