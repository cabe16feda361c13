"""What bitbank does not publish: one switch per unknown fact, each with the position thought most likely."""

from enum import StrEnum
from typing import NamedTuple

from src.core.domain.time import DAY, MINUTE


class Scope(StrEnum):
    """What a limit on the number of orders counts."""

    ACCOUNT = "account"
    PAIR = "pair"


class TriggerBasis(StrEnum):
    """Which price fires a waiting order."""

    LAST = "last"  # the last trade
    BEST = "best"  # what the order would get: the best ask for buys, the best bid for sells


class Valuation(StrEnum):
    """Which price positions and collateral are valued at."""

    LAST = "last"
    MID = "mid"  # of best bid and ask; the last trade while a side is empty


class RequirementBasis(StrEnum):
    """What the margin requirement of a position is a share of."""

    ENTRY = "entry"  # average price times amount
    VALUE = "value"  # present price times amount


class Switches(NamedTuple):
    """Settings of one exchange that hold for its whole life. Every position of every switch is tested."""

    waiting_stops_reserve: bool = True  # a waiting close reserves its part of the position, as a resting one does
    open_order_cap: int = 30
    cap_scope: Scope = Scope.PAIR
    waiting_counts: bool = True  # waiting (INACTIVE) orders count toward the cap
    position_delay: int = 0  # milliseconds from a fill until positions show it and closes may use it
    interest_hour: int = 0  # o'clock JST at which a day of interest starts
    first_day_charged: bool = True  # the day of opening costs interest
    amount_may_be_absent: bool = True  # take_profit and stop_loss without amount: the whole position; else 30001
    stop_types_open: bool = False  # a stop or stop_limit may open a position; else 40200
    oversized_limit_rejected: bool = False  # a limit order above the largest size ends REJECTED; else 60003
    cancel_batch_atomic: bool = False  # one bad id in cancel_many refuses all of it; else bad ids are left out
    foreign_pair_is_unknown: bool = True  # reading an order under another pair is 50009; else it is shown
    bounds_inclusive: bool = True  # time filters include their ends
    price_digits_code: int = 40020  # for a price off the grid
    amount_digits_code: int = 40001  # for an amount off the grid
    margin_orders_lock_cash: bool = False  # the margin of opening orders shows as locked JPY
    market_sweep_bounded: bool = False  # a market order may not sweep beyond the pair's market_allowance_rate
    far_price_ppm: int = 0  # a limit price further than this from the last trade is 70021; 0 is no limit
    self_trade: bool = True  # a user's orders may meet each other; else the resting one is cancelled first
    trigger_basis: TriggerBasis = TriggerBasis.LAST
    valuation: Valuation = Valuation.LAST
    requirement_basis: RequirementBasis = RequirementBasis.ENTRY
    losscut_ppm: int = 500_000  # forced close below this share of the requirement
    losscut_delay: int = 0  # milliseconds between noticing and sending a forced close, and between attempts
    call_hour: int = -1  # o'clock JST at which margin calls are made; -1: whenever the level falls
    call_grace: int = 2 * DAY  # milliseconds from a margin call to its due date
    cancel_delay: int = 0  # milliseconds a cancel of a resting order takes; a second cancel meanwhile is 70019
    breaker: bool = False  # the pair's own price band starts the circuit breaker
    breaker_pause: int = 10 * MINUTE  # milliseconds of each break
    events: bool = True  # keep events for `drain`; without a reader they would only pile up
