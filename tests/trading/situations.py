"""A situation in which everything speaks for an entry, and how to change one thing in it."""

from typing import NamedTuple

from src.core.domain.account import NO_PREDICTION, Account, Prediction
from src.core.domain.market import Lots, Money, Side, Ticks
from src.core.domain.time import HOUR, Millis
from src.features.row import Row
from src.trading.decision import Decision, Params, State, decide, fresh_state
from src.trading.exits import plan_from_fill
from tests.backtest.made_worlds import default_params
from tests.strategies.made_rows import AT, PRICE, row

EQUITY = Money(10**10)  # 1,000,000 JPY


class Situation(NamedTuple):
    """What `decide` is given."""

    state: State
    row: Row
    prediction: Prediction
    account: Account
    params: Params


FLAT_ACCOUNT = Account(
    known=True,
    equity=EQUITY,
    mark=Ticks(int(PRICE)),
    side=Side.NONE,
    lots=Lots(0),
    entry=Ticks(0),
    opened_at=Millis(0),
    waiting=False,
    spread_ppm=100,
    latency_ms=200,
    maker_fee_ppm=0,
    taker_fee_ppm=1_000,
)

WILLING = Situation(
    fresh_state(EQUITY),
    row(ema_50=PRICE + 150_000, rsi_14=25.0),  # a fade to the long side
    NO_PREDICTION,
    FLAT_ACCOUNT,
    default_params(),
)


def changed(situation: Situation, changes: dict[str, object]) -> Situation:
    """Return `situation` with the values at dotted paths such as "params.size.max_lots" replaced."""
    for path, value in changes.items():
        situation = _replaced(situation, path.split("."), value)
    return situation


def decided(situation: Situation, **changes: object) -> tuple[State, Decision]:
    """Return what the core makes of it; `a__b=1` changes "a.b"."""
    return decide(*changed(situation, {path.replace("__", "."): value for path, value in changes.items()}))


def holding(side: Side = Side.BUY, leader: int = 0, trail: int = 0, hold: int = 0) -> Situation:
    """Return the situation with a position of the fade opened an hour ago at the close, target 2 %."""
    fill, at = Ticks(int(PRICE)), Millis(AT - HOUR)
    plan = plan_from_fill(side, fill, at, leader, Ticks(150_000), Ticks(200_000), Ticks(trail), hold, Money(10**6))
    account = FLAT_ACCOUNT._replace(side=side, lots=Lots(10), entry=fill, opened_at=at)
    state = WILLING.state._replace(plan=plan)
    return WILLING._replace(state=state, account=account)


def _replaced(value: NamedTuple, names: list[str], new: object) -> NamedTuple:
    first, *rest = names
    return value._replace(**{first: _replaced(getattr(value, first), rest, new) if rest else new})
