"""Moves a pair of the simulated exchange along stored bars, as if the others had traded them again.

Without users' trades, the candles of the replayed trades are the bars. Users' orders trade in addition: an order of
theirs that the path goes through is filled at its own price, whatever its size; one at the price of a trade is
filled when its place in the queue comes; a market order walks the book of the moment. So with users, a candle's
volume is the bar's plus theirs, and their prints at the edges may move its open, high, low or close.
"""

import json
from collections.abc import Sequence
from typing import Protocol

from src.backtest.exchange.bar_path import Path, bar_path
from src.backtest.exchange.ladder import best_size, ladder
from src.backtest.exchange.market_shape import BITBANK_2026, MarketShape
from src.backtest.exchange.outside import Step
from src.core.domain.candles import Candles
from src.core.domain.market import Side
from src.core.domain.time import Millis, format_jst
from src.core.exceptions import ConfigError, StoreDamaged


class Movable(Protocol):
    """The part of a simulated exchange that a market moves."""

    @property
    def now(self) -> Millis:
        """The exchange's clock."""
        ...

    def advance(self, to: Millis) -> None:
        """Move the clock."""
        ...

    def load_history(self, pair: str, candles: Candles, period: int) -> None:
        """Give a pair its past."""
        ...

    def move_market(self, pair: str, step: Step) -> None:
        """Let the others quote and trade."""
        ...


class MarketReplay:
    """The others in one pair.

    Parameters
    ----------
    exchange
        What is moved.
    pair
        Name of the pair; the bars are on its grids.
    candles
        Bars of one period. Those that opened before the exchange's present become its past; the others are played.
    period
        Of the bars, milliseconds.
    shape
        Spread, depth and number of trades.
    seed
        Which of the possible paths.

    Raises
    ------
    ConfigError
        If no bar is left to be played.
    """

    def __init__(
        self,
        exchange: Movable,
        pair: str,
        candles: Candles,
        period: int,
        *,
        shape: MarketShape = BITBANK_2026,
        seed: int = 0,
    ) -> None:
        self._exchange = exchange
        self._pair = pair
        self._candles = candles
        self._period = period
        self._shape = shape
        self._seed = seed
        self._bar = int((candles.closed_at < exchange.now + period).sum())
        self._step = 0
        self._path: Path | None = None
        if self._bar == len(candles):
            raise ConfigError(
                f"{pair} has no bar that opens at or after {format_jst(exchange.now)}",
                remedy="start the exchange earlier, or load later candles",
            )

    def open(self) -> None:
        """Give the pair its past and its first book; once, before anything trades.

        Raises
        ------
        BadCandles
            If the exchange has begun to trade.
        """
        past = self._candles.rows(slice(0, self._bar))
        inside = past.closed_at <= self._exchange.now  # a bar that is open at the start has no known close yet
        self._exchange.load_history(self._pair, past.rows(inside), self._period)
        first = self._candles.bar(self._bar)
        self._exchange.move_market(self._pair, self._quotes(first.open, 1, Side.NONE, 0))

    def next_due(self) -> Millis | None:
        """Return when the market moves next; None after the last bar."""
        path = self._present()
        return None if path is None else Millis(int(path.at[self._step]))

    def advance(self, to: Millis) -> None:
        """Move market and exchange to `to`."""
        advance_markets(self._exchange, [self], to)

    def move(self) -> None:
        """Do the next move, which is due now."""
        path = self._present()
        if path is None:
            return
        i = self._step
        price, spread, side = int(path.price[i]), int(path.spread[i]), Side(int(path.side[i]))
        self._exchange.move_market(self._pair, self._quotes(price, spread, side, int(path.lots[i])))
        self._step += 1

    def _present(self) -> Path | None:
        """Return the path that is being played, with a step left; bars without trades are passed over."""
        while self._path is None or self._step == len(self._path.at):
            if self._path is not None:
                self._bar, self._step, self._path = self._bar + 1, 0, None
            if self._bar == len(self._candles):
                return None
            bar = self._candles.bar(self._bar)
            self._path = bar_path(bar, self._period, self._shape, (self._seed, bar.closed_at))
        return self._path

    def _quotes(self, price: int, spread: int, side: Side, lots: int) -> Step:
        """Return the quotes around a trade at `price`: the taker meets it, the other side is a spread away."""
        bid = price if side is not Side.BUY else max(price - spread, 1)
        ask = bid + spread if side is not Side.BUY else max(price, bid + 1)
        numbers = (self._seed, self._bar, self._step)
        bid_lots = best_size(self._shape, *numbers, 0) + (lots if side is Side.SELL else 0)
        ask_lots = best_size(self._shape, *numbers, 1) + (lots if side is Side.BUY else 0)
        return Step(
            ladder(bid, bid_lots, Side.BUY, self._shape, self._seed),
            ladder(ask, ask_lots, Side.SELL, self._shape, self._seed),
            side,
            lots,
        )

    # ---- state

    def snapshot(self) -> bytes:
        """Return where the replay is; the bars are not in it, only their hash."""
        present = [self._pair, self._period, self._seed, self._bar, self._step, self._candles.sha256()]
        return json.dumps(present, separators=(",", ":")).encode()

    @classmethod
    def restore(
        cls, exchange: Movable, candles: Candles, content: bytes, *, shape: MarketShape = BITBANK_2026
    ) -> "MarketReplay":
        """Go on where `snapshot` was taken, with the restored exchange and the same bars.

        Raises
        ------
        StoreDamaged
            If `content` is not a replay's state, or was taken with other bars.
        """
        try:
            pair, period, seed, bar, step, digest = json.loads(content)
        except (ValueError, TypeError) as e:
            raise StoreDamaged("this is not the state of a replay", remedy="start a new one") from e
        if digest != candles.sha256():
            raise StoreDamaged(
                "the replay was stopped with other candles", remedy="give it the candles it was started with"
            )
        replay = cls.__new__(cls)
        replay._exchange, replay._pair, replay._candles = exchange, pair, candles
        replay._period, replay._shape, replay._seed = period, shape, seed
        replay._bar, replay._step, replay._path = bar, step, None
        if step:
            found = candles.bar(bar)
            replay._path = bar_path(found, period, shape, (seed, found.closed_at))
        return replay


def advance_markets(exchange: Movable, markets: Sequence[MarketReplay], to: Millis) -> None:
    """Move several markets and the exchange to `to`, every move at its own instant (in the order given, if equal).

    Raises
    ------
    ValueError
        If `to` is before the exchange's present.
    """
    while True:
        due = [(at, i) for i, market in enumerate(markets) if (at := market.next_due()) is not None and at <= to]
        if not due:
            break
        at, i = min(due)
        exchange.advance(max(at, exchange.now))
        markets[i].move()
    exchange.advance(to)
