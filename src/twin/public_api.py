"""Public REST data, behind what a content network does to it: copies that are a second or two old."""

import re
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from src.backtest.simulated_exchange import Refused
from src.core.domain.time import DAY, Millis, to_millis
from src.twin.reply import NO_SUCH_URL, Reply, failure, success, unknown_url
from src.twin.switches import TwinSwitches
from src.twin.venue import PublicData

KEPT_COPIES: Final = 500
_DATE: Final = re.compile(r"[0-9]{4}(?:[0-9]{4})?")


class _Copy(NamedTuple):
    reply: Reply
    made_at: Millis


class PublicApi:
    """Answers GETs of public data.

    Parameters
    ----------
    data
        Where the content comes from.
    """

    def __init__(self, data: PublicData) -> None:
        self._data = data
        self._copies: dict[str, _Copy] = {}

    def answer(self, path: str, now: Millis, market: Millis, switches: TwinSwitches) -> Reply:
        """Return what the content network has for `path`.

        Parameters
        ----------
        now
            The service's time: copies age by it.
        market
            The market's time: which day is today.
        """
        lag = switches.public_lag
        copy = self._copies.get(path)
        if copy is not None and lag and 0 <= now - copy.made_at < lag:
            return copy.reply
        fresh = self._fresh(path, market, switches)
        if not lag or fresh.status != 200:
            return fresh
        if len(self._copies) >= KEPT_COPIES:
            self._copies.clear()
        self._copies[path] = _Copy(fresh, now)
        # A network in front of a server answers with the old copy while it fetches the new one.
        return copy.reply if copy is not None and 0 <= now - copy.made_at < 2 * lag else fresh

    def _fresh(self, path: str, market: Millis, switches: TwinSwitches) -> Reply:
        parts = unquote(path).strip("/").split("/")
        try:
            content = self._content(parts)
        except Refused:
            return unknown_url()
        age = _age(parts, market)
        if "transactions" in parts and age is not None and age < switches.archive_delay:
            return unknown_url()
        if "candlestick" in parts and age is not None and age < switches.candle_delay:
            return failure(NO_SUCH_URL)  # it will be there in minutes: not a 404, as seen live
        return success(content)

    def _content(self, parts: list[str]) -> Any:
        data = self._data
        match parts:
            case ["tickers"]:
                return data.tickers()
            case ["tickers_jpy"]:
                return [row for row in data.tickers() if row["pair"].endswith("_jpy")]
            case [pair, "ticker"]:
                return data.ticker(pair)
            case [pair, "depth"]:
                return data.depth(pair)
            case [pair, "transactions"]:
                return data.transactions(pair)
            case [pair, "transactions", day] if _DATE.fullmatch(day):
                return data.transactions(pair, day)
            case [pair, "candlestick", type_, date] if _DATE.fullmatch(date):
                return data.candles(pair, type_, date)
            case [pair, "circuit_break_info"]:
                return data.circuit_break_info(pair)
        raise Refused(NO_SUCH_URL)


def _age(parts: list[str], market: Millis) -> int | None:
    """Return how long ago a candle file's span began, or an archive's day ended; None for other content."""
    if len(parts) < 3 or not _DATE.fullmatch(parts[-1]):
        return None
    text = parts[-1]
    start = to_millis(datetime(int(text[:4]), int(text[4:6] or 1), int(text[6:8] or 1), tzinfo=UTC))
    return market - start - (DAY if parts[1] == "transactions" else 0)
