"""The engine's rules that no single fault of the drill shows: what comes late, twice, from outside, or not at all."""

from decimal import Decimal

import pytest

from src.backtest.simulated_exchange import Flags, OrderRequest
from src.core.domain.exchange import MarginState
from src.core.domain.journal import Entry, Kind
from src.core.domain.market import Side, Ticks
from src.core.domain.notices import Tier
from src.core.domain.orders import EntryKind, ExitReason
from src.core.domain.time import DAY, SECOND, Millis
from src.core.exceptions import HaltTrading, JournalFailed
from src.core.orchestration.drill.faults import Effect, Fault
from src.core.orchestration.drill.lives import LOTS, TARGET, verdict
from src.core.orchestration.drill.venue import PRICE
from src.trading.executor import Outcome
from src.trading.outgoing import Purpose
from tests.scenarios.made_trader import Trader


async def trader_under(tmp_path, fault, **more):
    trader = Trader(tmp_path, **more)
    trader.port._fault = fault
    return await trader.start()


async def holding(tmp_path, **more):
    trader = await Trader(tmp_path, **more).start()
    await trader.enter()
    await trader.live()
    assert trader.held() == LOTS
    return trader


def told(trader, tier=Tier.CRITICAL):
    return [notice.values.get("what", "") for notice in trader.listener.told if notice.tier is tier]


# ---- late and twice


async def test_an_entry_that_arrives_after_it_was_given_up_is_known_and_closed(tmp_path):
    trader = await trader_under(tmp_path, Fault("late", Effect.LATE, Purpose.ENTRY, 40 * SECOND))
    await trader.enter()
    while trader.engine.book.pending is not None:
        await trader.live()
    assert trader.engine.book.ghosts
    assert (trader.held(), trader.engine.book.entry.open) == (0, False)
    await trader.live(25)
    assert (trader.held(), trader.resting()) == (0, ())
    (trade,) = await trader.entries(Kind.TRADE)
    assert trade["exit_reason"] == ExitReason.NAKED
    assert trader.engine.book.cash == trader.venue.cash()
    assert trader.venue.watch.longest < 3 * SECOND


async def test_a_lost_intent_is_forgotten_in_the_end(tmp_path):
    trader = await trader_under(tmp_path, Fault("never", Effect.NOT_DONE, Purpose.ENTRY))
    await trader.enter()
    await trader.live(30)
    assert await trader.enter() is Outcome.SENT  # quarantine is over before the intent is forgotten
    await trader.live(70)
    assert trader.engine.book.ghosts == ()


async def test_an_order_that_was_accepted_twice_is_looked_after_twice_and_a_person_is_called(tmp_path):
    trader = await trader_under(tmp_path, Fault("blind", Effect.BLIND, Purpose.ENTRY, 2 * SECOND))
    request = OrderRequest("btc_jpy", "buy", "market", Decimal("0.0020"), None, None, None, "long")

    async def again():
        trader.venue.exchange.submit(trader.venue.user, request)

    trader.venue.at(Millis(trader.venue.now() + 500), again)
    await trader.enter()
    await trader.live(8)
    assert trader.held() == 2 * LOTS
    assert sum(lots for lots, _ in trader.stops()) == 2 * LOTS
    assert trader.engine.book.halted
    assert any("all answer intent" in what for what in told(trader))
    await trader.engine.leave(ExitReason.COMMAND)
    await trader.live(3)
    assert (trader.held(), trader.engine.book.cash) == (0, trader.venue.cash())
    assert await trader.enter() is Outcome.HALTED


# ---- gates outside the core


async def test_a_stale_decision_is_not_sent(tmp_path):
    trader = await Trader(tmp_path).start()
    decided = trader.venue.now()
    await trader.wait(61)
    assert await trader.engine.enter(verdict(Side.BUY), PRICE, decided) is Outcome.STALE
    assert trader.port.sent == []


@pytest.mark.parametrize("flags", [Flags(stop_stop_order=True), Flags(stop_margin_long_order=True)])
async def test_nothing_is_opened_while_the_pair_is_restricted(flags, tmp_path):
    trader = Trader(tmp_path)
    trader.venue.exchange.set_flags("btc_jpy", flags)
    await trader.start()
    assert await trader.enter() is Outcome.RESTRICTED


async def test_nothing_is_opened_beyond_the_capacity(tmp_path):
    trader = await Trader(tmp_path).start()
    assert (
        await trader.engine.enter(verdict(Side.BUY)._replace(lots=10_000), PRICE, trader.venue.now()) is Outcome.MARGIN
    )


async def test_a_halt_cancels_what_rests_and_outlives_a_restart(tmp_path):
    trader = await Trader(tmp_path, kind=EntryKind.LIMIT).start()
    trader.venue.quote(Ticks(PRICE + 5_000))
    await trader.enter()
    assert len(trader.resting()) == 1
    await trader.engine.halt(True)
    await trader.live()
    assert trader.resting() == ()
    await trader.restart()
    assert await trader.enter() is Outcome.HALTED
    await trader.engine.halt(False)
    assert await trader.enter() is Outcome.SENT


async def test_a_wish_to_leave_reaches_an_entry_whose_fate_is_not_known(tmp_path):
    trader = await trader_under(tmp_path, Fault("blind", Effect.BLIND, Purpose.ENTRY, 4 * SECOND))
    await trader.enter()
    await trader.engine.leave(ExitReason.COMMAND)
    await trader.live(10)
    assert trader.held() == 0
    (trade,) = await trader.entries(Kind.TRADE)
    assert trade["exit_reason"] == ExitReason.COMMAND


# ---- the account


async def test_a_margin_call_closes_the_position(tmp_path):
    trader = await holding(tmp_path)
    plain = trader.port.account

    async def called():
        return (await plain())._replace(margin=MarginState.CALL, notice="marginCall")

    trader.port.account = called
    await trader.live(3)
    assert trader.held() == 0
    (trade,) = await trader.entries(Kind.TRADE)
    assert trade["exit_reason"] == ExitReason.MARGIN_CALL
    assert await trader.enter() is Outcome.MARGIN


async def test_a_deposit_is_no_profit_and_moves_the_peak_with_it(tmp_path):
    trader = await Trader(tmp_path).start()
    peak = trader.engine.book.state.risk.peak_equity
    trader.venue.exchange.deposit(trader.venue.user, "jpy", Decimal(5_000))
    await trader.live(3)
    assert trader.engine.book.cash < trader.venue.cash()  # it may be a trade that is not shown yet
    await trader.live(5)
    assert trader.engine.book.cash == trader.venue.cash()
    assert trader.engine.book.state.risk.peak_equity == peak + 50_000_000
    assert any("no trade explains" in what for what in told(trader, Tier.WARNING))


async def test_a_position_of_somebody_else_forbids_entries_and_ours_is_closed_all_the_same(tmp_path):
    trader = await holding(tmp_path)
    request = OrderRequest("btc_jpy", "sell", "market", Decimal("0.0005"), None, None, None, "short")
    trader.venue.exchange.submit(trader.venue.user, request)
    await trader.live(8)
    assert trader.engine.foreign
    assert not trader.engine.account(PRICE, trader.venue.now()).known
    assert [lots for lots, _ in trader.stops()] == [LOTS]
    begun = trader.venue.now()
    await trader.engine.leave(ExitReason.COMMAND)
    assert trader.held() == 0
    assert trader.venue.now() - begun < 3 * SECOND  # a difference that is known is not waited out at each step
    await trader.live(3)
    assert trader.held("short") == 5
    assert len(await trader.entries(Kind.TRADE)) == 1
    assert await trader.enter() is Outcome.FOREIGN
    request = request._replace(side="buy")
    trader.venue.exchange.submit(trader.venue.user, request)
    await trader.live(8)
    assert not trader.engine.foreign
    assert await trader.enter() is Outcome.SENT


# ---- orders


async def test_a_stop_is_renewed_before_it_expires(tmp_path):
    trader = await holding(tmp_path)
    (old,) = trader.resting()
    await trader.venue.sleep_until(Millis(trader.venue.now() + 174 * DAY))
    await trader.live(3)
    (new,) = trader.resting()
    assert new.order_id != old.order_id
    assert new.expire_at > old.expire_at
    assert trader.venue.watch.longest < 3 * SECOND


async def test_a_word_for_an_orders_state_that_nobody_knows_stops_entries_and_not_protection(tmp_path):
    trader = await holding(tmp_path)
    plain = trader.port.active_orders

    async def odd():
        return tuple(order._replace(status=None) for order in await plain())

    trader.port.active_orders = odd
    await trader.live(2)
    assert len(trader.stops()) == 1
    assert trader.engine.foreign
    assert any("unknown status" in what for what in told(trader))
    await trader.engine.leave(ExitReason.COMMAND)
    await trader.live(3)
    assert trader.held() == 0


async def test_another_exit_replaces_the_targets_and_no_other(tmp_path):
    trader = await holding(tmp_path)
    trader.engine._want_out(ExitReason.TARGET, Ticks(PRICE + TARGET))
    await trader.engine.leave(ExitReason.HALT)
    assert trader.engine.book.holding.lots == 0
    (trade,) = await trader.entries(Kind.TRADE)
    assert trade["exit_reason"] == ExitReason.HALT


async def test_a_journal_that_takes_nothing_lets_nothing_be_sent(tmp_path):
    trader = await Trader(tmp_path).start()
    plain = trader.journal.append

    async def full(*entries: Entry):
        raise JournalFailed("the disk is full", remedy="free some space")

    trader.journal.append = full
    with pytest.raises(JournalFailed):
        await trader.enter()
    assert trader.port.sent == []
    trader.journal.append = plain
    await trader.restart()
    assert await trader.enter() is Outcome.SENT


async def test_a_refused_key_reaches_a_person_and_the_order_is_read_back_later(tmp_path):
    trader = await Trader(tmp_path).start()
    plain = trader.port.submit

    async def revoked(order):
        raise HaltTrading("the key was revoked", remedy="make a new one")

    trader.port.submit = revoked
    with pytest.raises(HaltTrading):
        await trader.enter()
    assert trader.engine.book.pending is not None
    trader.port.submit = plain
    await trader.engine.halt(True)  # does not raise again: it only writes
    await trader.live(40)
    assert trader.engine.book.pending is None
    assert trader.held() == 0


async def test_naked_time_is_written_down_from_the_fill_to_the_stop(tmp_path):
    trader = await Trader(tmp_path, fault="stop: 50062 three times").start()
    await trader.enter()
    await trader.live(5)
    (naked,) = await trader.entries(Kind.NAKED)
    (fill,) = (await trader.entries(Kind.FILL))[:1]
    assert naked["since"] == fill["executed_at"]
    assert trader.venue.watch.longest <= naked["ms"] < trader.venue.watch.longest + SECOND
