"""Public REST data, behind what a content network does to it: copies that are a second or two old."""

import re
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from src.backtest.simulated_exchange import Refused
from src.core.domain.time import DAY, Millis, utc_date
from src.twin.reply import Reply, failure, success, unknown_url
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
        fresh = self._fresh(path, market)
        if not lag or fresh.status != 200:
            return fresh
        if len(self._copies) >= KEPT_COPIES:
            self._copies.clear()
        self._copies[path] = _Copy(fresh, now)
        # A network in front of a server answers with the old copy while it fetches the new one.
        return copy.reply if copy is not None and 0 <= now - copy.made_at < 2 * lag else fresh

    def _fresh(self, path: str, market: Millis) -> Reply:
        parts = unquote(path).strip("/").split("/")
        try:
            return success(self._content(parts))
        except Refused as e:
            # A file that will exist but is not there yet is a plain failure; one that never will is not found.
            return failure(e.code) if _due_today(parts, market) else unknown_url()

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
        raise Refused(10000)


def _due_today(parts: list[str], market: Millis) -> bool:
    """Return whether a candle file is the running day's (or year's) and in the right form."""
    if len(parts) != 4 or parts[1] != "candlestick":
        return False
    today = utc_date(market)
    by_day = parts[2] in {"1min", "5min", "15min", "30min", "1hour"}
    by_year = parts[2] in {"4hour", "8hour", "12hour", "1day", "1week", "1month"}
    new_year = utc_date(Millis(market - DAY)).year != today.year
    return (by_day and parts[3] == f"{today:%Y%m%d}") or (by_year and new_year and parts[3] == f"{today:%Y}")
