"""The list of trades lags behind the orders, or shows an earlier trade after a later one."""

from src.core.domain.journal import Kind
from src.core.domain.orders import EntryKind, ExitReason
from src.core.domain.time import SECOND
from src.core.orchestration.drill.lives import LOTS, STOP
from src.core.orchestration.drill.venue import PRICE, SPREAD
from src.trading.executor import Outcome
from tests.scenarios.made_trader import Trader

ASK = PRICE + SPREAD // 2


def hide_trades(trader, is_shown):
    """Show only those trades."""
    plain = trader.port.fills

    async def some(after, since):
        return tuple(fill for fill in await plain(after, since) if is_shown(fill))

    trader.port.fills = some


async def test_a_position_is_protected_before_its_trade_is_listed(tmp_path):
    trader = await Trader(tmp_path).start()
    shown = []
    hide_trades(trader, shown.__contains__)
    assert await trader.enter() is Outcome.SENT
    assert (trader.held(), trader.engine.book.holding.lots) == (LOTS, 0)
    assert trader.stops() == [(LOTS, ASK + 1 - STOP)]
    assert trader.venue.watch.longest < 2 * SECOND
    assert not trader.engine.account(PRICE, trader.venue.now()).known
    assert await trader.enter() is Outcome.NOT_FLAT
    await trader.restart()
    await trader.live(20)
    assert trader.stops() == [(LOTS, ASK + 1 - STOP)]
    del trader.port.fills
    await trader.live(2)
    assert trader.engine.book.holding.lots == LOTS
    assert trader.stops() == [(LOTS, ASK + 1 - STOP)]
    assert len(await trader.entries(Kind.INTENT)) == 2
    (naked,) = await trader.entries(Kind.NAKED)
    assert naked["ms"] < 2 * SECOND
    await trader.engine.leave(ExitReason.COMMAND)
    await trader.live(2)
    assert (trader.held(), trader.resting()) == (0, ())
    assert "foreign" not in trader.listener.topics()


async def test_a_stop_that_fires_before_any_trade_is_listed_is_booked_once(tmp_path):
    trader = await Trader(tmp_path).start()
    hide_trades(trader, lambda fill: False)
    await trader.enter()
    trader.venue.trade(PRICE - 2 * STOP)
    assert trader.held() == 0
    await trader.live(10)
    assert trader.resting() == ()
    del trader.port.fills
    await trader.live(3)
    (trade,) = await trader.entries(Kind.TRADE)
    assert (trade["exit_reason"], trade["lots"]) == (ExitReason.STOP, LOTS)
    assert trader.engine.book.cash == trader.venue.cash()
    assert await trader.enter() is Outcome.SENT


async def test_a_trade_that_is_listed_after_a_later_one_is_booked(tmp_path):
    trader = await Trader(tmp_path, kind=EntryKind.MAKER).start()
    await trader.enter()
    trader.venue.fill(5)
    trader.venue.fill(5)
    first, second = trader.venue.exchange.trade_history(trader.venue.user)[::-1][-2:]
    hide_trades(trader, lambda fill: fill.trade_id != first.trade_id)
    await trader.live(2)
    assert trader.engine.book.last_trade == second.trade_id
    assert sum(lots for lots, _ in trader.stops()) == trader.held() > 0
    await trader.restart()
    del trader.port.fills
    await trader.live(2)
    assert trader.engine.book.holding.lots == trader.held() >= 10
    booked = [fill["trade_id"] for fill in await trader.entries(Kind.FILL)]
    assert booked[:2] == [second.trade_id, first.trade_id]
    assert len(set(booked)) == len(booked)
