"""A pair is data: grids, limits, fees, margin terms and flags, as `GET /spot/pairs` has them."""

from typing import Final, NamedTuple

from src.core.domain.market import Lots, Ticks


class PairFees(NamedTuple):
    """Rates in parts per million of the notional; a negative one is a rebate."""

    maker_ppm: int
    taker_ppm: int
    open_maker_ppm: int = 0  # of margin orders that open; 0 for a pair without margin
    open_taker_ppm: int = 0
    close_maker_ppm: int = 0
    close_taker_ppm: int = 0


class MarginTerms(NamedTuple):
    """What margin on a pair requires and costs during one week."""

    long_interest_ppm: int  # of the entry notional, per day
    short_interest_ppm: int
    individual_ratio_ppm: int  # required collateral, of the notional
    company_ratio_ppm: int


class Flags(NamedTuple):
    """What is stopped on a pair. The last two are not on the wire: margin business that is closed for all."""

    stop_order: bool = False
    stop_order_and_cancel: bool = False
    stop_market_order: bool = False
    stop_stop_order: bool = False
    stop_stop_limit_order: bool = False
    stop_margin_long_order: bool = False
    stop_margin_short_order: bool = False
    stop_buy_order: bool = False
    stop_sell_order: bool = False
    margin_open_closed: bool = False  # 50059
    margin_close_closed: bool = False  # 50060


NO_FLAGS: Final = Flags()


class PairRules(NamedTuple):
    """One traded pair against JPY.

    The product of one tick and one lot is `10**-(price_digits + amount_digits)` JPY. Sums of money are held in
    0.0001 JPY; where the product is finer, a fill's notional is rounded down to that, for both of its sides alike.
    """

    pair: str  # "btc_jpy"
    base_asset: str
    quote_asset: str
    price_digits: int
    amount_digits: int
    base_precision: int  # digits of the base asset's balances, at least `amount_digits`
    min_lots: Lots  # unit_amount
    limit_max_lots: Lots
    market_max_lots: Lots
    market_allowance_ppm: int
    fees: PairFees
    margin: MarginTerms | None  # None: spot only
    next_margin: MarginTerms | None = None  # of the week after; None: as now
    buy_credit: int = 30_000_000  # JPY: largest sum of long positions and orders
    sell_credit: int = 30_000_000
    collateral_ppm: int = 500_000  # what the base asset counts as collateral, of its value
    price_floor: Ticks = Ticks(1)
    price_cap: Ticks = Ticks(1_000_000_000)
    band_ppm: int = 200_000  # the circuit breaker's distance from the close of ten minutes earlier
    flags: Flags = NO_FLAGS

    def lots_of(self, amount_units: int) -> int:
        """Return how many whole lots a balance of the base asset, in its own units, holds."""
        return amount_units // self.units_per_lot

    @property
    def units_per_lot(self) -> int:
        """Units of the base asset's balance in one lot."""
        return int(10 ** (self.base_precision - self.amount_digits))


BTC_JPY_RULES: Final = PairRules(
    pair="btc_jpy",
    base_asset="btc",
    quote_asset="jpy",
    price_digits=0,
    amount_digits=4,
    base_precision=8,
    min_lots=Lots(1),
    limit_max_lots=Lots(10_000_000),
    market_max_lots=Lots(100_000),
    market_allowance_ppm=200_000,
    fees=PairFees(0, 1_000, 0, 1_000, 0, 1_000),
    margin=MarginTerms(400, 400, 500_000, 81_800),
)
"""bitbank's BTC/JPY as captured on 2026-09-23."""

SPOT_ONLY_RULES: Final = PairRules(
    pair="mona_jpy",
    base_asset="mona",
    quote_asset="jpy",
    price_digits=3,
    amount_digits=4,
    base_precision=8,
    min_lots=Lots(1),
    limit_max_lots=Lots(1_000_000_000),
    market_max_lots=Lots(100_000_000),
    market_allowance_ppm=200_000,
    fees=PairFees(-200, 1_200),
    margin=None,
    price_cap=Ticks(1_000_000),
)
"""An example of a pair without margin and with finer prices; its limits are made up."""

DEFAULT_PAIRS: Final = {rules.pair: rules for rules in (BTC_JPY_RULES, SPOT_ONLY_RULES)}
