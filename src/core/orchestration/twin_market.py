"""The market of a twin: candles that are replayed after their past, or nobody but the accounts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from src.backtest.exchange.market_replay import MarketReplay
from src.backtest.simulated_exchange import SimulatedExchange
from src.core.config import load_config
from src.core.domain.candles import Candles
from src.core.domain.market import BTC_JPY
from src.core.domain.time import DAY, Millis
from src.core.exceptions import ConfigError, StoreDamaged
from src.core.orchestration.stored_candles import SAMPLE, CandleStock, open_stock
from src.data.sample_market import LAST, sample_candles
from src.twin.venue import Driver

NOBODY: Final = "none"
PAST: Final = 60 * DAY  # of the sample market, for candle files to show
FUTURE: Final = 400 * DAY  # of the sample market


class TwinMarket(NamedTuple):
    """Where a twin's market begins, and who moves it."""

    start: Millis
    make_driver: Callable[[SimulatedExchange, str | None], Driver | None]


class CandleDriver:
    """A replay that remembers which candles it was given.

    Parameters
    ----------
    replay
        Of candles that closed in (`first`, `last`].
    """

    def __init__(self, replay: MarketReplay, first: Millis, last: Millis) -> None:
        self._replay = replay
        self._range = first, last

    def advance(self, to: Millis) -> None:
        """Trade up to `to`, and take the exchange's time there."""
        self._replay.advance(to)

    def next_due(self) -> Millis | None:
        """Return when it will trade next; None after the last candle."""
        return self._replay.next_due()

    def snapshot(self) -> bytes:
        """Return the range of candles and the replay's state."""
        return json.dumps([*self._range, self._replay.snapshot().decode()]).encode()


def twin_market(data: str, config: Path, now: Millis, start: Millis | None, seed: int) -> TwinMarket:
    """Return the market that `data` names.

    Parameters
    ----------
    data
        "none", "sample", the path of a candle file, or the name of a stored series.
    now
        The machine's time, at which the sample market and an empty one begin.
    start
        Where to begin instead. A file or series begins by itself after its first sixth, at most 60 days.
    seed
        Of the path inside the bars.

    Raises
    ------
    NoCandles
        If there are none of that name.
    ConfigError
        If they do not reach beyond `start`.
    """
    if data == NOBODY:
        return TwinMarket(now if start is None else start, lambda _exchange, _saved: None)
    if data == SAMPLE:
        begin = now if start is None else start
        return _market(sample_candles, begin, Millis(begin - PAST), Millis(min(begin + FUTURE, LAST)), seed)
    stock = open_stock(load_config(config), data)
    begin = Millis(stock.first + min(PAST, (stock.last - stock.first) // 6)) if start is None else start
    return _market(lambda first, last: _stored(stock, first, last), begin, Millis(stock.first - 1), stock.last, seed)


def _stored(stock: CandleStock, first: Millis, last: Millis) -> Candles:
    return stock.read(first, last).between(first, last)


def _market(
    read: Callable[[Millis, Millis], Candles], start: Millis, first: Millis, last: Millis, seed: int
) -> TwinMarket:
    def make(exchange: SimulatedExchange, saved: str | None) -> Driver:
        if saved is None:
            candles = read(first, last)
            replay = MarketReplay(exchange, BTC_JPY.pair, candles, _period(candles), seed=seed)
            replay.open()
            return CandleDriver(replay, first, last)
        try:
            was_first, was_last, content = json.loads(saved)
        except (ValueError, TypeError) as e:
            raise StoreDamaged("the saved twin has no market in it", remedy="name another file, or remove it") from e
        candles = read(Millis(was_first), Millis(was_last))
        return CandleDriver(MarketReplay.restore(exchange, candles, content.encode()), was_first, was_last)

    return TwinMarket(start, make)


def _period(candles: Candles) -> int:
    """Return the shortest distance of two bars."""
    if len(candles) < 2:
        raise ConfigError("there are not two candles to replay", remedy="give more of them, or an earlier --start")
    return int((candles.closed_at[1:] - candles.closed_at[:-1]).min())
