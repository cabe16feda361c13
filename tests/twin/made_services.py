"""A twin's service without its sockets, on a clock that stands still until it is moved."""

from src.backtest.simulated_exchange import SimulatedExchange, Switches
from src.core.domain.time import Millis
from src.twin.listing import LISTED
from src.twin.service import Service
from src.twin.switches import TwinSwitches
from src.twin.twin_clock import LockStepClock
from src.twin.venue import Driver, Venue

START = Millis(1_772_593_650_000)  # 2026-03-04 03:07:30 UTC


def still_service(
    seed: int = 0, driver: Driver | None = None, engine: Switches = Switches(), **switches: object
) -> Service:
    """Return a service whose rates are not limited unless a switch says so.

    Parameters
    ----------
    seed
        Of the faults' chances.
    """
    unhurried = {"queries_per_second": 0, "updates_per_second": 0, "public_lag": 0}
    exchange = SimulatedExchange(LISTED, engine, start=START, seed=1)
    chosen = TwinSwitches.model_validate({**unhurried, **switches})
    return Service(Venue(exchange, LockStepClock(START), driver), chosen, seed)
