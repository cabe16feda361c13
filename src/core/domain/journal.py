"""What is written down: entries of the journal, and the commands people leave in it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from src.core.domain.time import Millis

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Kind(StrEnum):
    """What an entry records. Stored: never renamed, new ones are added at the end."""

    STARTED = "started"  # a process took over: versions, config and model hash, mode
    STOPPED = "stopped"
    BAR = "bar"  # a closed bar, and where it came from
    DECISION = "decision"  # one for every bar: row, account, votes, prediction, verdict, reason, state before
    INTENT = "intent"  # an order that will be sent, before it is sent
    OUTCOME = "outcome"  # what became of an intent: accepted, refused, unknown, adopted, absent
    ORDER = "order"  # an order as the exchange showed it, when it changed
    FILL = "fill"  # a trade of ours as billed
    TRADE = "trade"  # a closed position with everything it cost
    STATE = "state"  # the engine's whole durable state, after what was written with it
    NAKED = "naked"  # an interval without full protection, with its length
    ALARM = "alarm"  # something a person should know
    COMMAND = "command"  # a person's command was carried out
    ACCOUNT = "account"  # the account as the exchange showed it
    RULES = "rules"  # the pair's rules as the exchange showed them
    CANCEL = "cancel"  # a cancel that will be sent, and what became of it


class Entry(NamedTuple):
    """Something to be written down."""

    kind: Kind
    at: Millis
    body: Mapping[str, Json]


class Stored(NamedTuple):
    """An entry as it stands in the journal."""

    number: int  # from 1, without gaps
    entry: Entry
    hash: str  # of this entry and, through the one before, of all before it


class Verb(StrEnum):
    """What a person may ask of a running trader."""

    HALT = "halt"  # no new positions
    RESUME = "resume"  # lift every halt, the drawdown halt included
    FLATTEN = "flatten"  # close what is open, then stay halted


class Command(NamedTuple):
    """A person's wish, left by another process."""

    number: int
    verb: Verb
    at: Millis
    reason: str
