"""One bar of an account: what went into its decision and what came out, whoever kept the account."""

from collections.abc import Sequence
from typing import NamedTuple

from src.core.domain.account import Account, Prediction
from src.core.domain.market import Ticks
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.time import Millis
from src.features.row import Row
from src.trading.decision import Decision, State, entered


class Step(NamedTuple):
    """A bar that was decided on."""

    row: Row
    prediction: Prediction
    account: Account
    before: State
    after: State
    decision: Decision

    @property
    def closed_at(self) -> Millis:
        """Close of the bar."""
        return self.row.closed_at


def deciding(steps: Sequence[Step], at: Millis) -> Step | None:
    """Return the newest step that decided an entry at `at` or before."""
    found = (step for step in reversed(steps) if step.closed_at <= at and step.decision.reason == Reason.ENTER)
    return next(found, None)


def asked_out(steps: Sequence[Step], at: Millis, why: ExitReason, entry: Ticks) -> Ticks:
    """Return the price that an exit at `at` was decided at: the level of a stop or target, or the last close.

    Parameters
    ----------
    steps
        Up to the exit or beyond; they begin at or before the entry.
    entry
        The average price the position was entered at: levels hang on it.
    """
    last = next(step for step in reversed(steps) if step.closed_at <= at)
    plan = last.after.plan
    if plan.stop == 0 and last.decision.reason == Reason.ENTER:  # it ended before the next close
        plan = entered(last.after, last.decision.verdict, entry, last.closed_at).plan
    level = {ExitReason.STOP: plan.stop, ExitReason.TRAIL: plan.stop, ExitReason.TARGET: plan.target}.get(why)
    return level or last.account.mark


def key_of(decision: Decision) -> tuple[object, ...]:
    """Return what two decisions must have alike to be the same: reasons, and the entry in every detail."""
    return decision.reason, decision.exit_reason, decision.verdict if decision.reason == Reason.ENTER else None
