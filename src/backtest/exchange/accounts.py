"""Opening an exchange and its accounts, and the sum of everything."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from src.backtest.exchange.account import Balance, Position, User
from src.backtest.exchange.kinds import PositionSide
from src.backtest.exchange.market import Market
from src.backtest.exchange.rules import PairRules
from src.backtest.exchange.schedule import next_hour, week_end
from src.backtest.exchange.state import JPY, JPY_DIGITS, State
from src.backtest.exchange.switches import Switches
from src.backtest.exchange.views import UserId
from src.core.domain.market import PPM, SAFE
from src.core.domain.time import Millis
from src.core.exceptions import ConfigError

FIRST_ORDER_ID = 40_000_000_000


class BalanceSheet(NamedTuple):
    """Who holds how much of each asset, in the asset's own units: users, other traders and house make `paid_in`."""

    users: dict[str, int]
    outside: dict[str, int]
    house: dict[str, int]
    paid_in: dict[str, int]
    payables: int  # money units users owe the house; not an asset of anybody until paid

    @property
    def balanced(self) -> bool:
        """Whether nothing was lost or made."""
        return all(self.users[a] + self.outside.get(a, 0) + self.house[a] == paid for a, paid in self.paid_in.items())


def new_state(pairs: Mapping[str, PairRules], switches: Switches, start: Millis, seed: int) -> State:
    """Return an exchange without users.

    Raises
    ------
    ConfigError
        If a pair's rules contradict each other or its numbers could leave 62 bits.
    """
    markets = {pair: _new_market(pair, rules, start) for pair, rules in pairs.items()}
    state = State(start, switches, markets, next_hour(start, switches.interest_hour), FIRST_ORDER_ID + seed)
    if switches.call_hour >= 0:
        state.calls_at = next_hour(start, switches.call_hour)
    state.terms[JPY] = (JPY_DIGITS, PPM)
    for rules in pairs.values():
        state.terms[rules.base_asset] = (rules.base_precision, rules.collateral_ppm)
    for asset in [JPY, *(m.rules.base_asset for m in markets.values())]:
        state.house[asset] = state.outside[asset] = state.paid_in[asset] = 0
    return state


def _new_market(pair: str, rules: PairRules, start: Millis) -> Market:
    largest = rules.price_cap * max(rules.limit_max_lots, rules.market_max_lots)
    if rules.pair != pair or rules.quote_asset != JPY or rules.base_precision < rules.amount_digits:
        raise ConfigError(
            f"the rules of {pair} contradict each other",
            remedy="name the pair as in its rules, quote it in jpy, give its asset at least the digits of its amounts",
        )
    if largest >= SAFE:
        raise ConfigError(
            f"the largest order of {pair} would be worth {largest} steps, more than can be counted",
            remedy="lower price_cap or the largest amounts of the pair",
        )
    until = week_end(start) if rules.margin is not None else None
    return Market(
        rules,
        rules.next_margin,
        until,
        min_lots=rules.min_lots,
        band_ppm=rules.band_ppm,
        safe_low=-1,
        safe_high=SAFE,
    )


def add_user(state: State, name: str, assets: Mapping[str, Decimal], *, margin_enabled: bool, company: bool) -> User:
    """Open an account; see `SimulatedExchange.add_user`."""
    user = User(
        UserId(len(state.users) + 1),
        name,
        margin_enabled,
        company,
        {asset: Balance() for asset in state.paid_in},
        {
            pair: {side: Position(pair, side) for side in PositionSide}
            for pair, market in state.markets.items()
            if market.rules.margin is not None
        },
    )
    units = {asset: _units(state, asset, amount) for asset, amount in assets.items()}
    state.users[user.id] = user
    for asset, amount in units.items():
        user.assets[asset].onhand += amount
        state.paid_in[asset] += amount
    return user


def deposit(state: State, user: User, asset: str, amount: Decimal) -> None:
    """Pay in; see `SimulatedExchange.deposit`."""
    units = _units(state, asset, amount)
    user.assets[asset].onhand += units
    state.paid_in[asset] += units
    state.assets_moved(user.id, asset)


def _units(state: State, asset: str, amount: Decimal) -> int:
    if asset not in state.paid_in:
        raise ConfigError(f"there is no asset {asset}", remedy=f"use one of {', '.join(state.paid_in)}")
    digits = state.asset_terms(asset)[0]
    if not amount.is_finite() or amount < 0 or amount.adjusted() >= 15 or amount.scaleb(digits) % 1:
        raise ConfigError(
            f"{amount} is not an amount of {asset}", remedy=f"use 0 or more, with at most {digits} decimals"
        )
    return int(amount.scaleb(digits))


def balance_sheet(state: State) -> BalanceSheet:
    """Return who holds what."""
    users = {asset: sum(u.assets[asset].onhand for u in state.users.values()) for asset in state.paid_in}
    payables = sum(u.payable for u in state.users.values())
    return BalanceSheet(users, dict(state.outside), dict(state.house), dict(state.paid_in), payables)
