"""Lost protection, orphan orders and doubled positions: the largest losses with real money."""

from decimal import Decimal

import pytest

from src.backtest.simulated_exchange import OrderRequest
from src.core.domain.exchange import PairStatus
from src.core.domain.journal import Kind
from src.core.domain.market import Side, Ticks
from src.core.domain.orders import EntryKind, ExitReason
from src.core.domain.time import SECOND
from src.core.exceptions import LeaseLost
from src.core.orchestration.drill.lives import LOTS, STOP, TARGET
from src.core.orchestration.drill.venue import PRICE, SPREAD
from src.trading.executor import Outcome
from src.trading.journal import open_journal
from tests.scenarios.made_trader import Trader

ASK = PRICE + SPREAD // 2


async def holding(tmp_path, **more):
    """A trader with a protected long position."""
    trader = await Trader(tmp_path, **more).start()
    assert await trader.enter() is Outcome.SENT
    await trader.live()
    assert trader.held() == LOTS
    return trader


async def test_a_stop_from_the_signals_price_is_five_times_too_far(tmp_path):
    trader = await Trader(tmp_path).start()
    trader.venue.quote(Ticks(PRICE + 400_000))  # between decision and fill
    await trader.enter()
    held = trader.engine.book.holding
    assert held.paid // held.entered > PRICE + 400_000
    assert trader.stops() == [(LOTS, -(-held.paid // held.entered) - STOP)]


async def test_a_stop_is_hit_and_nothing_is_sold(tmp_path):
    trader = await holding(tmp_path)
    await trader.die()
    trader.venue.trade(Ticks(PRICE - 2 * STOP))
    assert trader.held() == 0  # by the exchange, while nobody was there
    await trader.start()
    (trade,) = await trader.entries(Kind.TRADE)
    assert trade["exit_reason"] == ExitReason.STOP
    assert trader.resting() == ()


async def test_several_exits_in_one_cycle_execute_one(tmp_path):
    trader = await holding(tmp_path)
    trader.venue.trade(Ticks(PRICE + TARGET + 5_000))
    await trader.engine.on_price(trader.venue.last())
    await trader.engine.leave(ExitReason.MAX_HOLD)
    await trader.live(3)
    assert trader.held() == 0
    assert len(await trader.entries(Kind.TRADE)) == 1
    assert trader.resting() == ()


@pytest.mark.parametrize("fault", ["stop: 60011", "stop: 60018", "stop: stops are stopped"])
async def test_a_stop_cannot_be_placed_and_the_position_stays_without(fault, tmp_path):
    trader = await Trader(tmp_path, fault=fault).start()
    await trader.enter()
    await trader.live(2)
    assert trader.held() == 0
    assert trader.venue.watch.longest < 2 * SECOND


async def test_a_clean_up_cancels_fresh_stops_and_strangers_orders(tmp_path):
    trader = await Trader(tmp_path, fault="close: a stranger's order").start()
    await trader.enter()
    await trader.live(2)
    await trader.engine.leave(ExitReason.REASON_ENDED)
    await trader.live(3)
    assert {order.order_id for order in trader.resting()} == trader.port.strangers
    assert "foreign" in trader.listener.topics()
    assert await trader.enter() is Outcome.FOREIGN


async def test_entries_without_a_stop_are_noticed_by_nobody(tmp_path):
    trader = await holding(tmp_path)
    (stop,) = trader.resting()
    trader.venue.exchange.cancel(trader.venue.user, "btc_jpy", stop.order_id)  # as the system may
    await trader.live()
    assert trader.stops() == [(LOTS, ASK + 1 - STOP)]
    assert trader.venue.watch.longest < 3 * SECOND
    assert (await trader.entries(Kind.NAKED))[-1]["ms"] > 0


@pytest.mark.parametrize("reserve", [True, False])
async def test_restored_positions_are_not_protected(reserve, tmp_path):
    trader = await holding(tmp_path, reserve=reserve)
    await trader.die()
    (stop,) = trader.resting()
    trader.venue.exchange.cancel(trader.venue.user, "btc_jpy", stop.order_id)
    await trader.start()
    assert trader.stops() == [(LOTS, ASK + 1 - STOP)]


async def test_a_restart_empties_the_tracker_and_more_positions_are_opened(tmp_path):
    trader = await holding(tmp_path)
    for _ in range(3):
        await trader.restart()
        assert await trader.enter() is Outcome.NOT_FLAT
    assert trader.held() == LOTS
    assert len(trader.stops()) == 1


async def test_a_new_entry_removes_the_stop_of_the_position(tmp_path):
    trader = await holding(tmp_path)
    before = trader.resting()
    assert await trader.enter(Side.SELL) is Outcome.NOT_FLAT
    assert trader.resting() == before


async def test_a_stop_is_moved_by_cancelling_first(tmp_path):
    trader = await holding(tmp_path, reserve=False)
    await move_stop(trader)
    gap = trader.venue.watch.longest
    await move_stop(trader)
    assert trader.venue.watch.longest == gap  # no further lot was without a stop
    assert len(trader.stops()) == 1


async def move_stop(trader):
    state = trader.engine.book.state
    plan = state.plan._replace(stop=Ticks(state.plan.stop + 5_000), moved=True)
    await trader.engine.record(state=state._replace(plan=plan))
    await trader.live(2)
    assert trader.stops() == [(LOTS, plan.stop)]


async def test_a_target_is_left_alive_after_another_exit(tmp_path):
    trader = await holding(tmp_path)
    await trader.engine.leave(ExitReason.MAX_HOLD)
    await trader.live(2)
    assert (trader.held(), trader.resting()) == (0, ())


async def test_timers_die_with_the_process(tmp_path):
    trader = await Trader(tmp_path, kind=EntryKind.LIMIT).start()
    trader.venue.quote(Ticks(PRICE + 5_000))
    await trader.enter()
    assert len(trader.resting()) == 1
    await trader.die()
    await trader.wait(60)
    await trader.start()
    await trader.live(2)
    assert trader.resting() == ()


async def test_a_market_leg_is_sent_an_hour_late_because_nobody_was_there(tmp_path):
    trader = await Trader(tmp_path, kind=EntryKind.MAKER_THEN_TAKER).start()
    trader.venue.quote(Ticks(PRICE + 5_000))
    await trader.enter()
    await trader.die()
    await trader.wait(3_600)
    await trader.start()
    await trader.live(2)
    assert (trader.held(), trader.resting()) == (0, ())


async def test_averaging_down_moves_the_risk(tmp_path):
    trader = await holding(tmp_path)
    trader.venue.trade(Ticks(PRICE - STOP // 2))
    assert await trader.enter() is Outcome.NOT_FLAT
    assert trader.held() == LOTS


async def test_dust_is_protected_and_blocks_entries_for_days(tmp_path):
    trader = await Trader(tmp_path, kind=EntryKind.MAKER).start()
    await trader.enter()
    trader.venue.fill(1)
    trader.venue.exchange.set_status("btc_jpy", PairStatus.BUSY, 5)
    await trader.live(3)
    trader.venue.exchange.set_status("btc_jpy", PairStatus.NORMAL)
    await trader.live(30)
    assert (trader.held(), trader.resting()) == (0, ())
    (trade,) = await trader.entries(Kind.TRADE)
    assert trade["exit_reason"] == ExitReason.DUST
    assert await trader.enter() is Outcome.SENT


@pytest.mark.parametrize("fault", ["entry: reply lost, reads broken", "entry: exchange down 30 s"])
async def test_a_failed_read_counts_as_flat_and_the_position_is_opened_twice(fault, tmp_path):
    trader = await Trader(tmp_path, fault=fault).start()
    await trader.enter(Side.SELL)
    assert not trader.engine.account(PRICE, trader.venue.now()).known
    assert await trader.enter(Side.SELL) is not Outcome.SENT
    await trader.restart()
    assert await trader.enter(Side.SELL) is not Outcome.SENT
    await trader.live(60)
    assert trader.held("short") in {0, LOTS}
    assert sum(order.purpose.name == "ENTRY" for order in trader.port.sent) == 1


async def test_a_rollback_cannot_undo_a_fill(tmp_path):
    trader = await Trader(tmp_path, fault="stop: 60011").start()
    await trader.enter()
    await trader.live(2)
    bought, sold = (
        trader.venue.exchange.trade_history(trader.venue.user)[::-1][0],
        trader.venue.exchange.trade_history(trader.venue.user)[0],
    )
    assert (bought.side, sold.side, trader.held()) == (Side.BUY, Side.SELL, 0)
    assert len(await trader.entries(Kind.TRADE)) == 1


async def test_a_flatten_command_is_lost_behind_a_target_that_is_given_up(tmp_path):
    trader = await holding(tmp_path)
    trader.venue.trade(Ticks(PRICE + TARGET + 5_000))
    trader.venue.at(trader.venue.now() + 60, lambda: fallen(trader))
    await trader.engine.on_price(trader.venue.last())
    await trader.engine.leave(ExitReason.COMMAND)
    await trader.live(10)
    assert trader.held() == 0


async def fallen(trader):
    trader.venue.quote(Ticks(PRICE))


async def test_a_program_that_ends_buys_what_its_maker_did_not_get(tmp_path):
    trader = await Trader(tmp_path, kind=EntryKind.MAKER_THEN_TAKER).start()
    trader.venue.quote(Ticks(PRICE + 5_000))
    await trader.enter()
    await trader.engine.withdraw()
    await trader.live(2)
    assert (trader.held(), trader.resting()) == (0, ())


async def test_an_instance_that_lost_its_lease_goes_on_sending(tmp_path):
    trader = await Trader(tmp_path).start()
    other = await open_journal(trader._url, trader.venue, owner="drill")  # takes over what has its own name
    assert await other.acquire()
    with pytest.raises(LeaseLost):
        await trader.enter()
    assert trader.port.sent == []
    await other.close()
    await trader.die()


async def test_the_closes_of_others_are_taken_for_ours(tmp_path):
    trader = await holding(tmp_path)
    (stop,) = trader.resting()
    trader.venue.exchange.cancel(trader.venue.user, "btc_jpy", stop.order_id)
    await close_by_hand(trader)
    await trader.live(3)
    (trade,) = await trader.entries(Kind.TRADE)
    assert trade["exit_reason"] == ExitReason.FOREIGN
    assert trader.engine.book.cash == trader.venue.cash()
    assert "foreign" in trader.listener.topics()


async def close_by_hand(trader):
    request = OrderRequest("btc_jpy", "sell", "market", Decimal("0.0020"), None, None, None, "long")
    trader.venue.exchange.submit(trader.venue.user, request)


async def test_a_program_that_ends_leaves_a_position_whose_stop_got_lost(tmp_path):
    trader = await Trader(tmp_path, fault="stop: not done, no answer").start()
    await trader.enter()
    tries = 1
    while not await trader.engine.withdraw():
        tries += 1
        await trader.wait()
    assert tries < 4
    assert not trader.engine.is_bare()
    assert [lots for lots, _ in trader.stops()] == [LOTS]
    assert trader.engine.left_behind() == {"position": LOTS, "protected": LOTS, "orders": [], "doubt": None}
