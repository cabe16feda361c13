"""What a running trader is made of: ports, and the pure parts between them."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from src.core.domain.health import Health
from src.core.domain.journal import Json
from src.core.orchestration.cycle import TradingCycle
from src.core.protocols import BarSource, Clock, ExchangePort, Journal, Notifier
from src.trading.decision import Params
from src.trading.executor import ExecutorParams
from src.trading.fact_table import Facts


class Parts(NamedTuple):
    """Everything `Orchestrator` drives."""

    clock: Clock
    exchange: ExchangePort
    bars: BarSource
    journal: Journal
    notifier: Notifier
    cycle: TradingCycle
    params: Params
    execution: ExecutorParams
    watch_ms: int  # between two looks at lease, commands and account
    lease_ms: int  # how long the lease lasts; it is renewed four times in that
    drive: Callable[[], Awaitable[None]] | None  # moves a simulated exchange's time beside everything else
    open_page: Callable[[Callable[[], Health]], Awaitable[Callable[[], Awaitable[None]]]]  # the health page; its end
    close: Callable[[], Awaitable[None]]  # ends connections that none of the ports owns
    identity: dict[str, Json]  # of this process, for the journal: versions, model, mode
    facts: Facts  # what is taken for granted about the pair
    clock_skew: Callable[[], int]  # how far the exchange's clock is ahead for certain, ms
    most_skew_ms: int  # beyond which nothing new is opened
