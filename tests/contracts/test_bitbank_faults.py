"""The exchange's faults as bitbank's client reports them: nothing broken is believed, nothing is sent twice."""

import asyncio
import logging
import pickle
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from src.core.clock import SystemClock
from src.core.domain.exchange import CircuitMode, PositionSide
from src.core.domain.market import BTC_JPY, Side
from src.core.exceptions import HaltTrading, OrderRefused, OutcomeUnknown, Retryable, TraderError
from src.data.api_keys import ApiKeys
from src.data.bitbank_margin import BitbankMargin, Terms
from src.trading.error_codes import NOT_SENT
from tests.contracts.bitbank_world import UNHURRIED, TwinWorld, opened
from tests.contracts.exchange_contract import ASK, BID, EVER, LOTS, PRICE, closing, entry_of, quoted, stop_of
from tests.twin_process import TwinMaker

__all__ = ["quoted"]

ACTIVE = "GET /v1/user/spot/active_orders"
TRADES = "GET /v1/user/spot/trade_history"
ORDER = "GET /v1/user/spot/order"
ASSETS = "GET /v1/user/assets"
POSITIONS = "GET /v1/user/margin/positions"
MARGIN = "GET /v1/user/margin/status"
PAIRS = "GET /spot/pairs"
STATUS = "GET /v1/spot/status"
TICKER = "GET /btc_jpy/ticker"
CIRCUIT = "GET /btc_jpy/circuit_break_info"
SUBMIT = "POST /v1/user/spot/order"
CANCEL = "POST /v1/user/spot/cancel_order"
ALL_READS = [ACTIVE, TRADES, ORDER, ASSETS, POSITIONS, MARGIN, PAIRS, STATUS, TICKER, CIRCUIT]

HASTY = {"deadline_s": 1.0, "read_deadline_s": 0.1}  # no read is repeated
PATIENT = {"deadline_s": 1.0, "read_deadline_s": 8.0}


@pytest.fixture
async def world(shared_twin: TwinMaker) -> AsyncIterator[TwinWorld]:
    async with opened(shared_twin(**UNHURRIED), **HASTY) as world:
        yield world


@pytest.fixture
async def patient(shared_twin: TwinMaker) -> AsyncIterator[TwinWorld]:
    async with opened(shared_twin(**UNHURRIED), **PATIENT) as world:
        world.rest(Side.SELL, ASK, 10_000)
        world.rest(Side.BUY, BID, 10_000)
        yield world


def read_of(world: TwinWorld, match: str) -> Any:
    """The port's read that makes a call."""
    port = world.port
    return {
        ACTIVE: port.active_orders,
        TRADES: lambda: port.fills(0, EVER),
        ORDER: lambda: port.order(1),
        ASSETS: port.account,
        POSITIONS: port.account,
        MARGIN: port.account,
        PAIRS: port.pair,
        STATUS: port.pair,
        TICKER: port.market,
        CIRCUIT: port.market,
    }[match]()


def change(match: str, **action: Any) -> dict[str, Any]:
    return {"where": "call", "match": match, "action": action}


# ------------------------------------------------------------------------------------------------ what was sent


@pytest.mark.parametrize(
    ("fault", "variant", "created"),
    [
        (1, None, True),
        (2, None, True),
        (3, "502", True),
        (3, "504", True),
        (4, None, True),
        (5, None, False),
        (7, "created", True),
        (7, "not_created", False),
        (8, "json", False),
        (8, "html_429", False),
        (8, "html_409", False),
        (9, "truncated", True),
        (9, "empty", True),
        (9, "html", True),
        (9, "no_data", True),
        (10, None, True),
        (16, "10008", False),
        (16, "70011", False),
        (39, "code", False),
    ],
)
async def test_an_order_without_a_clear_answer_is_unknown_and_was_sent_once(
    quoted: TwinWorld, fault: int, variant: str | None, created: bool
):
    match = {"match": SUBMIT} if fault == 8 else {}
    quoted.arm(fault, variant, **match)
    with pytest.raises(OutcomeUnknown):
        await quoted.port.submit(entry_of(Side.BUY, LOTS, BID))
    orders = await quoted.port.active_orders()
    assert len(orders) == (1 if created else 0)


async def test_an_order_that_arrives_after_the_deadline_is_unknown_then_there(quoted: TwinWorld):
    quoted.arm(6, ms=2_000)
    with pytest.raises(OutcomeUnknown):
        await quoted.port.submit(entry_of(Side.BUY, LOTS, BID))
    assert await quoted.port.active_orders() == ()
    await asyncio.sleep(2)
    assert len(await quoted.port.active_orders()) == 1


@pytest.mark.parametrize(
    "edit",
    [
        {"set": {"data.order_id": "17"}},
        {"set": {"data.order_id": None}},
        {"set": {"data.start_amount": 0.01}},
        {"set": {"data.start_amount": "0.00015"}},
        {"set": {"data.start_amount": "NaN"}},
        {"set": {"data.side": "sell"}},
        {"set": {"data.position_side": "short"}},
        {"set": {"data.type": "market"}},
        {"set": {"data.price": "1e7"}},
        {"set": {"data.ordered_at": "yesterday"}},
        {"drop": ["data.status"]},
        {"drop": ["data.executed_amount"]},
        {"drop": ["data.pair"]},
        {"drop": ["success"]},
        {"set": {"success": True}},
        {"set": {"success": "1"}},
        {"set": {"data": []}},
    ],
    ids=str,
)
async def test_an_acceptance_that_is_not_whole_is_unknown(quoted: TwinWorld, edit: dict[str, Any]):
    quoted.twin.arm(change(SUBMIT, do="edit", **edit))
    with pytest.raises(OutcomeUnknown):
        await quoted.port.submit(entry_of(Side.BUY, LOTS, BID))
    assert len(await quoted.port.active_orders()) == 1


async def test_an_order_accepted_as_a_spot_order_is_unknown(quoted: TwinWorld):
    quoted.twin.arm(change(SUBMIT, do="edit", drop=["data.position_side"]))
    with pytest.raises(OutcomeUnknown, match="something else"):
        await quoted.port.submit(entry_of(Side.BUY, LOTS, BID))


@pytest.mark.parametrize(
    ("fault", "variant", "cancelled"),
    [(1, None, True), (2, None, True), (9, "html", True), (22, "canceled", True), (22, "not_canceled", False)],
)
async def test_a_cancel_without_a_clear_answer_is_unknown(
    quoted: TwinWorld, fault: int, variant: str | None, cancelled: bool
):
    resting = await quoted.port.submit(entry_of(Side.BUY, LOTS, BID))
    quoted.arm(fault, variant, match=CANCEL)
    with pytest.raises(OutcomeUnknown):
        await quoted.port.cancel(resting.order_id)
    assert len(await quoted.port.active_orders()) == (0 if cancelled else 1)


@pytest.mark.parametrize("code", [70004, 70013, 70018])
async def test_a_suspended_cancel_is_refused_for_certain_and_works_later(quoted: TwinWorld, code: int):
    resting = await quoted.port.submit(entry_of(Side.BUY, LOTS, BID))
    quoted.arm(17, str(code), times=1)
    with pytest.raises(OrderRefused) as caught:
        await quoted.port.cancel(resting.order_id)
    assert caught.value.code == code
    await quoted.port.cancel(resting.order_id)
    assert await quoted.port.active_orders() == ()


@pytest.mark.parametrize("variant", ["full", "part"])
async def test_a_fill_that_wins_against_a_cancel_is_seen(quoted: TwinWorld, variant: str):
    resting = await quoted.port.submit(entry_of(Side.BUY, LOTS, BID + 1))
    quoted.arm(21, variant)
    if variant == "full":
        with pytest.raises(OrderRefused) as caught:
            await quoted.port.cancel(resting.order_id)
        assert caught.value.code == 50027
    else:
        assert 0 < (await quoted.port.cancel(resting.order_id)).executed < LOTS
    assert (await quoted.port.order(resting.order_id)).executed > 0
    assert await quoted.port.fills(0, EVER) != ()


@pytest.mark.parametrize("code", ["50061", "50059", "50060", "60011"])
async def test_a_refusal_is_certain(quoted: TwinWorld, code: str):
    quoted.arm(29, code)
    with pytest.raises(OrderRefused) as caught:
        await quoted.port.submit(entry_of(Side.BUY, LOTS, BID))
    assert caught.value.code == int(code)
    assert await quoted.port.active_orders() == ()


async def test_a_close_refused_by_a_late_ledger_is_certain(quoted: TwinWorld):
    await quoted.port.submit(entry_of(Side.BUY, LOTS))
    quoted.arm(27)
    with pytest.raises(OrderRefused) as caught:
        await quoted.port.submit(closing(PositionSide.LONG, LOTS))
    assert caught.value.code == 50062
    assert (await quoted.port.account()).long.lots == LOTS


async def test_a_refusal_from_a_failing_server_is_no_refusal(quoted: TwinWorld):
    quoted.twin.arm(change(SUBMIT, do="answer", status=500, code=60001, processed=True))
    with pytest.raises(OutcomeUnknown):
        await quoted.port.submit(entry_of(Side.BUY, LOTS, BID))
    assert len(await quoted.port.active_orders()) == 1


async def test_without_a_connection_nothing_was_sent_for_certain():
    port = BitbankMargin(
        SystemClock(), ApiKeys("k", "s"), BTC_JPY, Terms("http://127.0.0.1:1", "http://127.0.0.1:1", **HASTY)
    )
    try:
        with pytest.raises(OrderRefused) as caught:
            await port.submit(entry_of(Side.BUY, LOTS, BID))
        assert caught.value.code == NOT_SENT
        with pytest.raises(Retryable):
            await port.account()
    finally:
        await port.close()


# ------------------------------------------------------------------------------------------------ what is read


BROKEN = (
    {"do": "truncate", "keep": 20},
    {"do": "truncate", "keep": 20, "announce_all": True},
    {"do": "answer", "body": ""},
    {"do": "answer"},
    {"do": "answer", "status": 502},
    {"do": "answer", "status": 500, "code": 70001},
    {"do": "answer", "code": 10007},
    {"do": "answer", "code": 79_999},
    {"do": "edit", "drop": ["data"]},
    {"do": "edit", "set": {"data": {}}},
    {"do": "edit", "set": {"data": []}},
    {"do": "reset"},
)


@pytest.mark.parametrize("match", ALL_READS)
async def test_no_broken_answer_reads_as_empty(world: TwinWorld, match: str):
    for action in BROKEN:
        world.twin.arm({**change(match, **action), "times": 2})  # a read that is cut off is sent again at once
        with pytest.raises(Retryable):
            await read_of(world, match)
        world.twin.control("DELETE", "/faults")


async def test_too_many_requests_are_no_answer_either(world: TwinWorld):
    for match in (ACTIVE, TRADES, POSITIONS):
        world.arm(8, "json", match=match)
        with pytest.raises(Retryable):
            await read_of(world, match)


async def test_reads_that_hang_end_at_their_deadline(world: TwinWorld):
    reads = [ACTIVE, TRADES, ORDER, ASSETS, PAIRS, TICKER]  # each method of the port once
    world.twin.arm(*(change(match, do="silence") for match in reads))
    begun = time.monotonic()
    ended = await asyncio.gather(*(read_of(world, match) for match in reads), return_exceptions=True)
    assert all(isinstance(end, Retryable) for end in ended)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("action", [{"do": "answer", "status": 503}, {"do": "answer", "body": ""}, {"do": "reset"}])
async def test_a_read_is_repeated_until_it_works_out(patient: TwinWorld, action: dict[str, Any]):
    reads = [match for match in ALL_READS if match != ORDER]
    patient.twin.arm(*({**change(match, **action), "times": 2} for match in reads))
    await asyncio.gather(*(read_of(patient, match) for match in reads))


@pytest.mark.parametrize(
    ("match", "edit"),
    [
        (ASSETS, {"drop": ["data.assets.0.onhand_amount"]}),
        (ASSETS, {"set": {"data.assets.0.onhand_amount": "12.34567"}}),
        (ASSETS, {"set": {"data.assets.0.onhand_amount": 5}}),
        (ASSETS, {"set": {"data.assets.0.asset": "usd"}}),
        (ASSETS, {"duplicate": ["data.assets.0"]}),
        (POSITIONS, {"drop": ["data.positions.0"]}),
        (POSITIONS, {"duplicate": ["data.positions.0"]}),
        (POSITIONS, {"set": {"data.positions": []}}),
        (POSITIONS, {"set": {"data.positions.0.open_amount": "Infinity"}}),
        (POSITIONS, {"set": {"data.positions.0.open_amount": "-0.0100"}}),
        (POSITIONS, {"set": {"data.positions.0.open_amount": "0.0100"}}),
        (POSITIONS, {"set": {"data.positions.0.position_side": "both"}}),
        (POSITIONS, {"drop": ["data.payables"]}),
        (POSITIONS, {"drop": ["data.notice"]}),
        (MARGIN, {"drop": ["data.total_margin_balance_percentage"]}),
        (MARGIN, {"set": {"data.available_balances": []}}),
        (MARGIN, {"set": {"data.total_margin_balance": "9" * 30}}),
        (STATUS, {"set": {"data.statuses": []}}),
        (TICKER, {"drop": ["data.sell"]}),
        (TICKER, {"set": {"data.last": "0"}}),
        (TICKER, {"set": {"data.last": "9999999.5"}}),
        (CIRCUIT, {"drop": ["data.mode"]}),
    ],
    ids=str,
)
async def test_a_field_that_is_missing_or_wrong_spoils_the_answer(world: TwinWorld, match: str, edit: dict[str, Any]):
    world.twin.arm(change(match, do="edit", **edit))
    with pytest.raises(Retryable):
        await read_of(world, match)


async def test_nulls_in_the_ticker_are_nobody_there(world: TwinWorld):
    world.arm(32, "null")
    market = await world.port.market()
    assert (market.bid, market.ask, market.last, market.mode) == (None, None, None, CircuitMode.NONE)


@pytest.mark.parametrize("field", ["unknown", "deep"])
async def test_new_fields_are_ignored(quoted: TwinWorld, field: str):
    quoted.twin.arm({**change("* /*", do="edit", set={f"data.{field}": {"deep": [1]}}), "times": 0})
    sent = await quoted.port.submit(entry_of(Side.BUY, LOTS, BID))
    assert await quoted.port.active_orders() == (await quoted.port.order(sent.order_id),)
    await quoted.port.account()
    await quoted.port.market()
    await quoted.port.pair()
    await quoted.port.cancel(sent.order_id)


async def test_new_words_are_unknown_and_no_error(quoted: TwinWorld):
    sent = await quoted.port.submit(entry_of(Side.BUY, LOTS, BID))
    quoted.arm(39, "status")
    assert (await quoted.port.order(sent.order_id)).status is None
    quoted.twin.arm(change(ORDER, do="edit", set={"data.type": "iceberg"}))
    assert (await quoted.port.order(sent.order_id)).type is None
    quoted.twin.arm(change(MARGIN, do="edit", set={"data.status": "WORRIED"}))
    assert (await quoted.port.account()).margin is None
    quoted.twin.arm(change(CIRCUIT, do="edit", set={"data.mode": "SIESTA"}))
    assert (await quoted.port.market()).mode is None
    quoted.twin.arm(change(STATUS, do="edit", set={"data.statuses.0.status": "ODD"}))
    assert (await quoted.port.pair()).status is None


async def test_what_the_exchange_demands_is_reported_in_whatever_words(world: TwinWorld):
    edit = {"data.notice.what": "additional_margin", "data.payables.amount": "12.0000"}
    world.twin.arm(change(POSITIONS, do="edit", set=edit))
    account = await world.port.account()
    assert (account.notice, account.payable) == ("additional_margin", 120_000)


async def test_an_order_hidden_from_a_list_is_there_by_its_id(quoted: TwinWorld):
    quoted.arm(30, "hidden", lasts=60_000)
    sent = await quoted.port.submit(entry_of(Side.BUY, LOTS, BID))
    assert (await quoted.port.order(sent.order_id)).order_id == sent.order_id


async def test_spot_orders_on_the_account_are_listed_as_such(quoted: TwinWorld):
    quoted.foreign(side="buy", type="limit", price="1000000", amount="0.0001")
    (order,) = await quoted.port.active_orders()
    assert order.position is None


# --------------------------------------------------------------------------------------------- lists of many pages


async def test_lists_longer_than_a_page_are_read_to_their_end(shared_twin: TwinMaker):
    async with opened(shared_twin(**UNHURRIED), limits={"page": 3}, **HASTY) as world:
        world.rest(Side.SELL, ASK, 10_000)
        sent = [await world.port.submit(entry_of(Side.BUY, 1, BID - i)) for i in range(8)]
        assert [order.order_id for order in await world.port.active_orders()] == [o.order_id for o in sent]
        for _ in range(8):
            await world.port.submit(entry_of(Side.BUY, 1))
        fills = await world.port.fills(0, EVER)
        assert len(fills) == 8
        assert await world.port.fills(fills[1].trade_id, EVER) == fills[2:]


async def test_a_list_that_does_not_go_on_is_no_list(shared_twin: TwinMaker):
    async with opened(shared_twin(**UNHURRIED), limits={"page": 3}, **HASTY) as world:
        for i in range(8):
            await world.port.submit(entry_of(Side.BUY, 1, BID - i))
        await world.port.active_orders()
        rows = [{**row, "order_id": 1} for row in [_as_wire(order) for order in await world.port.active_orders()][:3]]
        world.twin.arm({**change(ACTIVE, do="edit", set={"data.orders": rows}), "times": 0})
        with pytest.raises(Retryable, match="does not go on"):
            await world.port.active_orders()


def _as_wire(order: Any) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "pair": "btc_jpy",
        "side": "buy",
        "position_side": "long",
        "type": "limit",
        "start_amount": "0.0001",
        "remaining_amount": "0.0001",
        "executed_amount": "0.0000",
        "price": str(order.price),
        "post_only": False,
        "average_price": "0",
        "ordered_at": order.ordered_at,
        "expire_at": None,
        "status": "UNFILLED",
    }


# ------------------------------------------------------------------------------------------- limits, keys and clock


async def test_calls_stay_inside_the_exchanges_limits(shared_twin: TwinMaker):
    async with opened(shared_twin(public_lag=0)) as world:
        reads = [world.port.active_orders() for _ in range(25)]
        writes = [world.port.submit(entry_of(Side.BUY, 1, BID - i)) for i in range(14)]
        await asyncio.gather(*reads, *writes)
        orders = await world.port.active_orders()
        assert len(orders) == 14
        await asyncio.gather(*(world.port.cancel(order.order_id) for order in orders))


async def test_cancels_then_stops_go_before_entries(shared_twin: TwinMaker):
    async with opened(shared_twin(public_lag=0)) as world:
        world.rest(Side.SELL, ASK, 10_000)
        await world.port.submit(entry_of(Side.BUY, LOTS))
        resting = await world.port.submit(entry_of(Side.BUY, 1, BID))
        done: list[str] = []

        async def told(name: str, call: Any) -> None:
            await call
            done.append(name)

        entries = [told("entry", world.port.submit(entry_of(Side.BUY, 1, BID - 1 - i))) for i in range(8)]
        late = [
            told("stop", world.port.submit(stop_of(PositionSide.LONG, 1, PRICE - 50_000))),
            told("cancel", world.port.cancel(resting.order_id)),
        ]
        await asyncio.gather(*entries, *late)
        assert max(done.index("stop"), done.index("cancel")) < 6


@pytest.mark.parametrize(("variant", "limit"), [("ahead", 500), ("behind", 2_000), ("step", 2_000)])
async def test_a_wrong_clock_is_measured_requests_are_signed_anew_and_entries_stop(
    start_twin: TwinMaker, variant: str, limit: int
):
    async with opened(start_twin(**UNHURRIED), max_clock_skew_ms=limit, **HASTY) as world:
        await world.port.submit(entry_of(Side.BUY, 1, BID))
        world.arm(12, variant)
        await asyncio.sleep(0.2)
        for _ in range(3):
            await world.port.account()
        assert abs(world.port.clock_skew_ms) > limit
        with pytest.raises(HaltTrading, match="clock"):
            await world.port.submit(entry_of(Side.BUY, 1, BID - 1))
        assert len(await world.port.active_orders()) == 1


async def test_protection_is_sent_even_if_the_clocks_differ(start_twin: TwinMaker):
    async with opened(start_twin(**UNHURRIED), **HASTY) as world:
        world.rest(Side.SELL, ASK, 1_000)
        await world.port.submit(entry_of(Side.BUY, LOTS))
        world.arm(12, "step")
        await asyncio.sleep(0.2)
        stop = await world.port.submit(stop_of(PositionSide.LONG, LOTS, PRICE - 50_000))
        assert [order.order_id for order in await world.port.active_orders()] == [stop.order_id]


async def test_one_lost_race_of_signatures_is_no_revoked_key(quoted: TwinWorld):
    quoted.arm(13)
    await quoted.port.account()
    quoted.arm(13, match=SUBMIT)
    await quoted.port.submit(entry_of(Side.BUY, LOTS, BID))
    assert len(await quoted.port.active_orders()) == 1


async def test_a_revoked_key_needs_a_person(quoted: TwinWorld):
    quoted.arm(14, "revoked")
    await asyncio.sleep(0.2)
    for call in (
        quoted.port.account(),
        quoted.port.active_orders(),
        quoted.port.submit(entry_of(Side.BUY, LOTS, BID)),
        quoted.port.submit(stop_of(PositionSide.LONG, LOTS, PRICE)),
        quoted.port.cancel(1),
    ):
        with pytest.raises(HaltTrading):
            await call


@pytest.mark.parametrize("variant", ["20001", "50078"])
async def test_lost_permission_needs_a_person_and_created_nothing(quoted: TwinWorld, variant: str):
    quoted.arm(14, variant)
    with pytest.raises(HaltTrading):
        await quoted.port.submit(entry_of(Side.BUY, LOTS, BID))
    assert await quoted.port.active_orders() == ()


async def test_maintenance_is_survived(patient: TwinWorld):
    patient.twin.arm({"fault": 15, "times": 3, "match": ACTIVE})
    assert await patient.port.active_orders() == ()


# ------------------------------------------------------------------------------------------------------ secrets


async def test_the_key_leaks_into_no_log_error_or_text(
    shared_twin: TwinMaker, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    caplog.set_level(logging.DEBUG)
    async with opened(shared_twin(**UNHURRIED), **HASTY) as world:
        said: list[str] = [repr(world.port), str(vars(world.port)), repr(ApiKeys("a", "b"))]
        for fault, variant in ((1, None), (2, None), (3, "502"), (9, "html"), (9, "truncated"), (10, None)):
            for match in (SUBMIT, ASSETS):
                world.arm(fault, variant, match=match)
                try:
                    await world.port.submit(entry_of(Side.BUY, 1, BID))
                    await world.port.account()
                except TraderError as e:
                    said += _whole(e)
        world.arm(14, "revoked")
        await asyncio.sleep(0.2)
        try:
            await world.port.account()
        except HaltTrading as e:
            said += _whole(e)
        task = asyncio.create_task(world.port.next_event())
        await asyncio.sleep(0.5)
        said += [repr(task)]
        task.cancel()
        out = capfd.readouterr()
        text = "\n".join([*said, caplog.text, out.out, out.err])
        assert len(said) > 6
        assert world.account.secret not in text
        assert world.account.key not in text


def _whole(error: BaseException | None) -> list[str]:
    """Everything that an error and what caused it say of themselves."""
    said = []
    while error is not None:
        said += [repr(error), str(error), str(vars(error))]
        error = error.__cause__ or error.__context__
    return said


def test_keys_are_neither_shown_nor_written():
    keys = ApiKeys("canary-key", "canary-secret")
    assert "canary" not in f"{keys!r} {keys}"
    with pytest.raises(TypeError):
        pickle.dumps(keys)
