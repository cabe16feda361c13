"""Each cause of a difference, from what the journal says happened between two decisions."""

from types import SimpleNamespace

import pytest

from src.backtest.gap import Deal, Leg
from src.core.domain.account import Account
from src.core.domain.journal import Entry, Kind, Stored
from src.core.domain.market import Side
from src.core.domain.orders import ExitReason
from src.core.orchestration.questions.divergence import Cause, Interval, Origin, money_event, position_event
from src.core.orchestration.questions.step import Step

AT = 900_000
FLAT = Account(True, 1_000, 100, Side.NONE, 0, 0, 0, False, 10, 5, 0, 0)
LONG = FLAT._replace(side=Side.BUY, lots=7, entry=100)


def step(account: Account) -> Step:
    return Step(SimpleNamespace(closed_at=AT), None, account, None, None, None)


def happened(*lines: tuple[Kind, dict[str, object]], billed=(), supposed=()) -> Interval:
    stored = [Stored(number, Entry(kind, AT, body), "") for number, (kind, body) in enumerate(lines, 1)]
    return Interval(stored, tuple(billed), tuple(supposed))


def entered(ours: Account, theirs: Account, between: Interval) -> Origin:
    return position_event(step(ours), step(theirs), (step(FLAT), step(FLAT)), between)


def outcome(**body: object) -> tuple[Kind, dict[str, object]]:
    return Kind.OUTCOME, body


@pytest.mark.parametrize(
    ("between", "cause", "detail"),
    [
        (happened(outcome(outcome="refused", code=50009)), Cause.REFUSED, "50009"),
        (happened(outcome(entry=True, outcome="stale")), Cause.NOT_SENT, "stale"),
        (happened(outcome(entry=True, outcome="sent")), Cause.NOT_FILLED, ""),
        (happened(), Cause.NOT_SENT, "the process ended before it was begun"),
        (happened((Kind.COMMAND, {"verb": "halt"})), Cause.COMMAND, "halt"),
    ],
)
def test_why_the_trader_holds_nothing_where_it_should_have_entered(between, cause, detail):
    assert entered(FLAT, LONG, between) == Origin(cause, AT, detail)


def test_an_entry_that_was_filled_for_the_trader_alone():
    assert entered(LONG, FLAT, happened()) == Origin(Cause.FILLED, AT)


def test_an_entry_that_was_filled_in_part():
    assert entered(LONG._replace(lots=3), LONG, happened()) == Origin(Cause.PARTIAL, AT, "3 lots, supposed 7")


def test_an_account_that_could_not_be_read():
    assert entered(LONG._replace(known=False), FLAT, happened()) == Origin(Cause.UNREAD, AT)


@pytest.mark.parametrize("reason", [ExitReason.LOSSCUT, ExitReason.FOREIGN])
def test_a_position_that_somebody_else_closed(reason):
    between = happened((Kind.TRADE, {"exit_reason": int(reason)}))
    assert position_event(step(FLAT), step(LONG), (step(LONG), step(LONG)), between) == Origin(
        Cause.FORCED, AT, reason.name
    )


def test_a_stop_that_only_one_of_the_two_met():
    between = happened((Kind.TRADE, {"exit_reason": int(ExitReason.STOP)}))
    held = (step(LONG), step(LONG))
    assert position_event(step(FLAT), step(LONG), held, between) == Origin(Cause.EXIT, AT, "STOP")
    assert position_event(step(LONG), step(FLAT), held, happened()) == Origin(Cause.EXIT, AT)


def deal(exit_: int, fee: int, interest: int) -> Deal:
    return Deal(0, AT, Side.BUY, 7, *(Leg(price, 7 * price, 0, 1) for price in (100, exit_)), 1, 400, fee, interest, 0)


@pytest.mark.parametrize(
    ("ours", "theirs", "cause"),
    [
        (deal(120, 3, 2), SimpleNamespace(gross=140, fee=4), Cause.FEES),
        (deal(120, 3, 2), SimpleNamespace(gross=140, fee=3), Cause.INTEREST),
        (deal(119, 3, 2), SimpleNamespace(gross=140, fee=3), Cause.FILL_PRICE),
    ],
)
def test_what_made_the_sums_differ_after_both_have_left(ours, theirs, cause):
    found = money_event(step(FLAT), step(FLAT._replace(equity=9)), happened(billed=[ours], supposed=[theirs]))
    assert found == Origin(cause, AT)


def test_what_made_the_sums_differ_while_both_hold_or_neither_does():
    dearer = LONG._replace(entry=101)
    assert money_event(step(dearer), step(LONG), happened()).cause is Cause.FILL_PRICE
    assert money_event(step(LONG), step(LONG._replace(equity=9)), happened()).cause is Cause.FILL_PRICE
    assert money_event(step(FLAT), step(FLAT._replace(equity=9)), happened()).cause is Cause.OTHER
    flow = happened((Kind.ALARM, {"what": "cash", "flow": "-5000"}))
    assert money_event(step(dearer), step(LONG), flow) == Origin(Cause.FLOW, AT, "-5000")
