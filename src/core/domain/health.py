"""How a running trader is: one value, made by the engine, shown by the health page and the metrics."""

from enum import StrEnum
from typing import NamedTuple

from src.core.domain.market import Lots, Money
from src.core.domain.time import Millis


class Phase(StrEnum):
    """What the engine is doing."""

    STARTING = "starting"  # reading account and journal
    WAITING = "waiting"  # another process holds the lease; this one takes over when that ends
    TRADING = "trading"
    HALTED = "halted"  # it watches and protects, and opens nothing
    STOPPING = "stopping"


class Health(NamedTuple):
    """A trader at one moment; times are stamps of its clock, None what is not known or has not been."""

    mode: str  # paper or live
    phase: Phase = Phase.STARTING
    last_beat: Millis | None = None  # the loop's last turn; between candles it turns every few seconds
    last_cycle: Millis | None = None  # the last decision was complete
    last_bar: Millis | None = None  # close of the newest bar
    lease: bool = False  # held
    streams: bool = False  # the exchange's private stream is connected
    halted: str = ""  # why nothing new is opened
    unresolved: int = 0  # orders sent whose outcome is not known
    naked_since: Millis | None = None  # a position has been without full protection since
    equity: Money | None = None
    position: Lots | None = None  # long above 0, short below
