"""Faults of one HTTP call: what happens before it is carried out, to its answer, and to its connection."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from src.twin.edits import edited, without_young
from src.twin.fault_rules import HTML, Act, Answer, Delay, Edit, Hide, Reset, Silence, Stale, Truncate
from src.twin.reply import Reply, encoded, failure

_REASONS = {409: "409 Conflict", 429: "429 Too Many Requests", 502: "502 Bad Gateway", 503: "503 Service Unavailable"}


class CallFaults:
    """The faults that hit one call, in the order of their effect.

    Parameters
    ----------
    actions
        As the plan gave them.
    """

    def __init__(self, actions: Sequence[Any]) -> None:
        self._actions = actions

    def acts(self) -> list[dict[str, Any]]:
        """Return what is done to the exchange before the call arrives."""
        return [act for action in self._actions if isinstance(action, Act) for act in action.acts]

    def delay(self, *, before: bool) -> int:
        """Return how long to wait, in milliseconds, before the call is carried out or after it."""
        return sum(a.ms for a in self._actions if isinstance(a, Delay) and a.before is before)

    @property
    def processed(self) -> bool:
        """Whether the exchange carries out the call."""
        return all(a.processed for a in self._actions if isinstance(a, Answer | Silence | Reset))

    @property
    def stale(self) -> bool:
        """Whether the previous answer is repeated: the fresh one is then not the one to repeat next."""
        return any(isinstance(a, Stale) for a in self._actions)

    def connection(self) -> Silence | Reset | None:
        """Return what happens to the connection instead of an answer."""
        return next((a for a in self._actions if isinstance(a, Silence | Reset)), None)

    def truncation(self) -> Truncate | None:
        """Return how much of the answer arrives."""
        return next((a for a in self._actions if isinstance(a, Truncate)), None)

    def changed(self, reply: Reply, previous: Reply | None, now: int) -> Reply:
        """Return the answer as the client gets to see it.

        Parameters
        ----------
        previous
            The last answer to the same call.
        now
            The exchange's time, for the age of rows.
        """
        for action in self._actions:
            if isinstance(action, Answer):
                reply = _instead(action)
            elif isinstance(action, Stale) and previous is not None:
                reply = previous
            elif isinstance(action, Edit):
                reply = _changed_body(reply, partial(edited, edit=action))
            elif isinstance(action, Hide):
                reply = _changed_body(reply, partial(without_young, hide=action, now=now))
        return reply


def filled(act: dict[str, Any], body: bytes) -> dict[str, Any]:
    """Return an act whose texts like `$price` are replaced by what the call's body says there."""
    if not any(isinstance(value, str) and value.startswith("$") for value in act.values()):
        return act
    try:
        order = json.loads(body)
    except ValueError:
        order = {}
    fields = order if isinstance(order, dict) else {}
    filled_in = {name: fields.get(value[1:]) if str(value).startswith("$") else value for name, value in act.items()}
    # a client may have sent a price as a number: acts take texts
    return {name: str(v) if v is not act[name] else v for name, v in filled_in.items() if v is not None}


def _changed_body(reply: Reply, change: Callable[[Any], Any]) -> Reply:
    """Return an answer with other JSON in it; one that another fault has made a page of HTML stays as it is."""
    try:
        value = json.loads(reply.body)
    except ValueError:
        return reply
    return reply._replace(body=encoded(change(value)))


def _instead(action: Answer) -> Reply:
    if action.code is not None:
        return failure(action.code)._replace(status=action.status)
    if action.body is not None:
        return Reply(action.status, action.body.encode())
    title = _REASONS.get(action.status, f"{action.status} Error" if action.status >= 400 else "Welcome")
    return Reply(action.status, HTML.format(title).encode(), "text/html")
