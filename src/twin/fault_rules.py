"""Rules of a fault plan: where a fault strikes, when, and what it does. Seeded, so a run can be repeated."""

import random
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from src.core.domain.time import Millis
from src.twin.reply import encoded

REPEAT: Final = 50  # milliseconds between two strikes of a `time` rule that may strike again
HTML: Final = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>\n"


def _sendable(value: Any) -> Any:
    encoded(value)  # NaN, and half a letter, are no JSON: a ValueError here and not when it is sent
    return value


Sendable = Annotated[dict[str, Any], AfterValidator(_sendable)]
"""What can be written as JSON."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Answer(_Strict):
    """Reply with this instead of the exchange's own answer."""

    do: Literal["answer"]
    status: Annotated[int, Field(ge=200, le=599)] = 200
    code: int | None = None
    """Of the failure envelope; None: `body`, or else a page of HTML."""
    body: str | None = None
    processed: bool = False
    """Whether the exchange carries out the call all the same."""


class Silence(_Strict):
    """Never answer: the client's own deadline must end the call."""

    do: Literal["silence"]
    processed: bool = True


class Reset(_Strict):
    """Cut the connection instead of answering."""

    do: Literal["reset"]
    processed: bool = True


class Delay(_Strict):
    """Wait before the call is carried out, or before its answer is sent."""

    do: Literal["delay"]
    ms: Annotated[int, Field(ge=0, le=3_600_000)]
    before: bool = False


class Truncate(_Strict):
    """Send only the first bytes of the answer."""

    do: Literal["truncate"]
    keep: Annotated[int, Field(ge=0)]
    announce_all: bool = False
    """Whether Content-Length tells the whole length; then the connection is cut."""


class Edit(_Strict):
    """Change the JSON of an answer or message; a path is keys and indices with dots between them."""

    do: Literal["edit"]
    set: Sendable = Field(default_factory=dict)
    drop: tuple[str, ...] = ()
    duplicate: tuple[str, ...] = ()
    """Paths of list elements that appear twice."""


class Stale(_Strict):
    """Give the previous answer to the same call once more (the fresh one if there was none)."""

    do: Literal["stale"]


class Hide(_Strict):
    """Leave out of a list the rows that are younger than so many milliseconds of the exchange's time."""

    do: Literal["hide"]
    list: str
    """Path of the list."""
    by: str = "ordered_at"
    younger_than: int = 3_000


class Lose(_Strict):
    """Do not send a message (or do not heed a join)."""

    do: Literal["lose"]


class Duplicate(_Strict):
    """Send a message twice."""

    do: Literal["duplicate"]


class Swap(_Strict):
    """Hold a message back until the next one was sent."""

    do: Literal["swap"]


class Pause(_Strict):
    """Hold every message of the room or user for a while, then send them in a burst."""

    do: Literal["pause"]
    ms: Annotated[int, Field(ge=0, le=3_600_000)]


class Disconnect(_Strict):
    """Cut a stream's connection."""

    do: Literal["disconnect"]


class HalfOpen(_Strict):
    """Keep a stream's connection open and send nothing on it any more, pings included."""

    do: Literal["half_open"]


class Act(_Strict):
    """Change the exchange, an account or the twin: the same acts as the control endpoint's."""

    do: Literal["act"]
    acts: tuple[dict[str, Any], ...]


Action = Annotated[
    Answer
    | Silence
    | Reset
    | Delay
    | Truncate
    | Edit
    | Stale
    | Hide
    | Lose
    | Duplicate
    | Swap
    | Pause
    | Disconnect
    | HalfOpen
    | Act,
    Field(discriminator="do"),
]


class Rule(_Strict):
    """One fault: where, when, what."""

    where: Literal["call", "poll", "room", "join", "message", "time"]
    match: str = "*"
    """With wildcards: `POST /v1/user/spot/order`, a room's name, or a private message's method."""
    calls: tuple[int, ...] = ()
    """Which of the matching occurrences (the first is 1); empty: any."""
    after: Annotated[int, Field(ge=0)] = 0
    """Milliseconds from arming the rule until it can strike; for `time`, when it strikes."""
    lasts: Annotated[int, Field(ge=1)] | None = None
    """Milliseconds for which it can strike; None: for ever."""
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0
    times: Annotated[int, Field(ge=0)] = 1
    """How often it may strike; 0: any number."""
    action: Action
    fault: int | None = None
    """Number in the catalogue it came from."""


class ArmedRule:
    """A rule with its memory of occurrences."""

    def __init__(self, rule: Rule, armed_at: Millis) -> None:
        self.rule = rule
        self.struck = 0
        self._from = armed_at + rule.after
        self._until = None if rule.lasts is None else self._from + rule.lasts
        self._seen = 0

    @property
    def spent(self) -> bool:
        """Whether it can never strike again."""
        return bool(self.rule.times) and self.struck >= self.rule.times

    def next_at(self, now: Millis) -> Millis | None:
        """Return when a `time` rule strikes next; None if never again. One that repeats does so every `REPEAT`."""
        if self.rule.where != "time" or self.spent or (self._until is not None and now >= self._until):
            return None
        return Millis(self._from if now < self._from else now + REPEAT)

    def strikes(self, where: str, what: str, now: Millis, dice: random.Random) -> bool:
        """Return whether this occurrence is hit; it is counted either way."""
        rule = self.rule
        if rule.where != where or self.spent or not fnmatchcase(what, rule.match) or now < self._from:
            return False
        if self._until is not None and now >= self._until:
            return False
        self._seen += 1
        if rule.calls and self._seen not in rule.calls:
            return False
        if rule.probability < 1 and dice.random() >= rule.probability:
            return False
        self.struck += 1
        return True


class FaultPlan:
    """The armed rules of a twin."""

    def __init__(self, seed: int = 0) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._armed: list[ArmedRule] = []

    def arm(self, rules: Sequence[Rule], now: Millis) -> None:
        """Add rules; their times count from `now`."""
        self._armed.extend(ArmedRule(rule, now) for rule in rules)

    def clear(self) -> None:
        """Forget every rule."""
        self._armed.clear()

    def strike(self, where: str, what: str, now: Millis) -> list[Any]:
        """Return the actions that hit this occurrence, in the order in which their rules were armed."""
        if not self._armed:
            return []
        hits = [armed.rule.action for armed in self._armed if armed.strikes(where, what, now, self._dice)]
        if hits:
            self._armed = [armed for armed in self._armed if not armed.spent]
        return hits

    def due(self, now: Millis) -> list[Any]:
        """Return the actions of `time` rules whose moment has come."""
        return self.strike("time", "", now)

    def next_due(self, now: Millis) -> Millis | None:
        """Return when `due` will have something after `now`; None if never again."""
        return min((at for armed in self._armed if (at := armed.next_at(now)) is not None), default=None)

    def report(self) -> list[dict[str, Any]]:
        """Return the rules that can still strike, with how often they did."""
        return [{"struck": armed.struck, **armed.rule.model_dump(mode="json")} for armed in self._armed]
