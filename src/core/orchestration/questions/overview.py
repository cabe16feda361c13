"""What a page about a trader shows: how it is, what it decided on its last bars, price, trades and equity.

It is read from the journal alone, like everything that is asked about a trader.
"""

from collections import Counter
from typing import Any, Final

from src.core.config import Settings
from src.core.domain.account import Trade
from src.core.domain.journal import Kind
from src.core.domain.market import Instrument, Money, Side
from src.core.domain.orders import Reason
from src.core.domain.reason_words import EXIT_REASON_WORDS, LANGUAGES, REASON_WORDS
from src.core.domain.time import DAY, Millis, format_jst
from src.core.orchestration.questions.status_page import status_lines
from src.core.orchestration.questions.trader_status import read_status, trade_in
from src.core.orchestration.wiring import instrument
from src.trading.decision_record import Recorded, read_decision
from src.trading.journal import JournalReader

WINDOWS: Final = (1, 7, 30)
"""Days that can be looked at."""

_SIDES: Final = {Side.BUY: ("買い", "long"), Side.SELL: ("売り", "short"), Side.NONE: ("", "")}


class Overview:
    """Reads a journal for a page that asks again and again: what has not changed is not read twice.

    Parameters
    ----------
    settings
        Those the trader runs with.
    """

    def __init__(self, reader: JournalReader, settings: Settings) -> None:
        self._reader = reader
        self._settings = settings
        self._pair = instrument(settings)
        self._kept: dict[int, tuple[int, dict[str, Any]]] = {}  # by days: up to which line, and what was read

    def read(self, now: Millis, days: int) -> dict[str, Any]:
        """Return in JSON's types how the trader is, and its last `days` days up to its last line.

        Raises
        ------
        StoreDamaged
            If a line was written by another version.
        """
        status = read_status(self._reader, self._settings.mode, now)
        lines = status_lines(status, self._pair, self._settings.language)
        said = [{"name": name, "said": text, "alarming": alarming} for name, text, alarming in lines]
        if status.written_at is None:
            return {"status": said, "line": 0, **self._window(Millis(0), Millis(-1))}
        line, window = self._kept.get(days, (-1, {}))
        if line != status.lines:
            window = self._window(Millis(status.written_at - days * DAY), status.written_at)
            self._kept[days] = (status.lines, window)
        return {"status": said, "line": status.lines, **window}

    def _window(self, first: Millis, last: Millis) -> dict[str, Any]:
        decided = {}  # of each bar the last: a bar that was caught up was decided on once more
        for stored in self._reader.decisions(first, last):
            recorded = read_decision(stored)
            decided[recorded.row.closed_at] = recorded
        decisions = [decided[at] for at in sorted(decided)]
        trades = [trade_in(stored) for stored in self._reader.between(Kind.TRADE, first, last)]
        language = LANGUAGES.index(self._settings.language)
        reasons = Counter(each.decision.reason for each in decisions)
        return {
            "decisions": [_decision(each, self._pair, language) for each in reversed(decisions)],
            "reasons": [_reason(reason, count, language) for reason, count in reasons.most_common()],
            "bars": _bars(decisions, self._pair),
            "trades": [_trade(each, self._pair, self._settings, language) for each in reversed(trades)],
        }


def _decision(recorded: Recorded, pair: Instrument, language: int) -> dict[str, Any]:
    decision, account = recorded.decision, recorded.account
    reason = Reason(decision.reason)
    side = Side(decision.verdict.side if decision.verdict.lots else account.side)
    lots = decision.verdict.lots or account.lots
    return {
        "at": recorded.row.closed_at,
        "time": format_jst(recorded.row.closed_at),
        "reason": reason.name,
        "words": REASON_WORDS[reason][language],
        "side": _SIDES[side][language],
        "btc": f"{pair.amount(lots):f}" if lots else "",
        "equity_jpy": f"{pair.jpy(account.equity):,.0f}" if account.known else "",
    }


def _reason(code: int, count: int, language: int) -> dict[str, Any]:
    reason = Reason(code)
    return {"reason": reason.name, "words": REASON_WORDS[reason][language], "bars": count}


def _bars(decisions: list[Recorded], pair: Instrument) -> dict[str, list[Any]]:
    """Return the candles the trader decided on and its equity at each, JPY; null where the account was not known."""
    rows = [recorded.row for recorded in decisions]
    return {
        "at": [row.closed_at for row in rows],
        "open": [row.open for row in rows],
        "high": [row.high for row in rows],
        "low": [row.low for row in rows],
        "close": [row.close for row in rows],
        "equity": [float(pair.jpy(each.account.equity)) if each.account.known else None for each in decisions],
    }


def _trade(trade: Trade, pair: Instrument, settings: Settings, language: int) -> dict[str, Any]:
    names = tuple(settings.strategies)
    return {
        "opened_at": trade.opened_at,
        "closed_at": trade.closed_at,
        "opened": format_jst(trade.opened_at),
        "closed": format_jst(trade.closed_at),
        "side": _SIDES[Side(trade.side)][language],
        "long": trade.side == Side.BUY,
        "btc": f"{pair.amount(trade.lots):f}",
        "entry": float(pair.price(trade.entry)),
        "exit": float(pair.price(trade.exit)),
        "why": EXIT_REASON_WORDS[trade.exit_reason][language],
        "strategy": names[trade.leader] if 0 <= trade.leader < len(names) else "",
        "net_jpy": float(pair.jpy(Money(trade.net))),
    }
