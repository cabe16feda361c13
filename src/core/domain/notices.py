"""What a person is told, before it is put into words."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import NamedTuple

from src.core.domain.time import Millis


class Tier(IntEnum):
    """How urgent a notice is."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2  # never lost, never merged away


class Topic(StrEnum):
    """What a notice is about; its words in both languages stand in monitoring."""

    STARTED = "started"
    STOPPED = "stopped"
    ENTERED = "entered"
    CLOSED = "closed"
    REFUSED = "refused"  # the exchange refused an order
    UNKNOWN_OUTCOME = "unknown_outcome"  # an order's fate is being read back
    SETTLED_OUTCOME = "settled_outcome"
    NAKED = "naked"  # a position is not fully protected
    PROTECTED = "protected"  # … and is again
    FOREIGN = "foreign"  # orders or positions on the account that are not ours
    DIFFERENCE = "difference"  # ledger and exchange differ
    HALTED = "halted"
    RESUMED = "resumed"
    MARGIN = "margin"  # the exchange demands collateral, or closed by force
    STREAM = "stream"
    EXCHANGE = "exchange"  # maintenance, circuit breaker, flags
    RULES = "rules"  # fees, interest or grids differ from the dated table
    DATA = "data"  # bars are missing, stale or disagree
    MODEL = "model"
    CLOCK = "clock"
    JOURNAL = "journal"  # its database does not take part, or does again
    DAILY = "daily"  # the day's summary


NOTHING: Mapping[str, str] = MappingProxyType({})


class Notice(NamedTuple):
    """One thing to tell. Values fill the words; none of them may be a secret."""

    tier: Tier
    topic: Topic
    at: Millis
    values: Mapping[str, str] = NOTHING
