"""Values of notices as people read them: whole numbers of the core in JPY and BTC, names of closed lists in words."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from src.core.domain.market import Instrument, Lots, Money, Ticks
from src.core.domain.orders import ExitReason, Reason
from src.core.domain.reason_words import EXIT_REASON_WORDS, LANGUAGES, REASON_WORDS

MONEY: Final = frozenset({"net", "gross", "fees", "interest", "equity", "flow"})
PRICES: Final = frozenset({"price", "entry", "exit", "stop", "target"})
SIZES: Final = frozenset({"lots", "size", "position"})

_UNSIGNED: Final = frozenset({"equity", "fees", "interest"})
_JPY: Final = ("円", " JPY")

SIDES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {"BUY": ("買い", "buy"), "SELL": ("売り", "sell"), "LONG": ("買い", "long"), "SHORT": ("売り", "short")}
)
MODES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {"paper": ("ペーパー", "paper"), "live": ("本番", "live")}
)
REASONS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {reason.name: REASON_WORDS[reason] for reason in Reason}
    | {reason.name: EXIT_REASON_WORDS[reason] for reason in ExitReason}
)
OUTCOMES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "sent": ("送信した", "sent"),
        "stale": ("判断が古くなった", "the decision came too late"),
        "quarantined": ("結果不明の注文を確認中", "another order's fate is not known"),
        "halted": ("停止中", "halted by a person"),
        "foreign": ("ボットのものではない注文・建玉がある", "something on the account is not the bot's"),
        "circuit": ("サーキットブレーカー発動中", "the market does not trade continuously"),
        "restricted": ("取引所が注文を制限している", "the exchange restricts the order or its protection"),
        "margin": ("証拠金の不足または追証", "the exchange demands collateral, or has none to lend"),
        "not_flat": ("建玉が残っている", "a position is still open"),
        "clock": ("時計が取引所とずれている", "our clock and the exchange's differ"),
        "unknown_account": ("口座の状態を確認できない", "the account could not be read"),
    }
)
_WORDS: Final = {"side": SIDES, "mode": MODES, "why": REASONS, "reason": REASONS, "outcome": OUTCOMES}


def shown(name: str, text: str, language: str, pair: Instrument) -> str:
    """Return a value for people; what is neither a whole number nor a known name is shown as it is.

    Parameters
    ----------
    name, text
        The value as the engine gives it: money in `Money` units, prices in ticks, sizes in lots.
    """
    number = _whole(text)
    if number is not None and name in MONEY:
        sign = "" if name in _UNSIGNED else "+"
        return f"{pair.jpy(Money(number)):{sign},.0f}{_JPY[LANGUAGES.index(language)]}"
    if number is not None and name in PRICES:
        return f"{pair.price(Ticks(number)):,.0f}{_JPY[LANGUAGES.index(language)]}"
    if number is not None and name in SIZES:
        return f"{pair.amount(Lots(number))} {pair.symbol.partition('/')[0]}"
    words = _WORDS.get(name, {}).get(text)
    return text if words is None else words[LANGUAGES.index(language)]


def _whole(text: str) -> int | None:
    digits = text[1:] if text[:1] in {"+", "-"} else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 30 else None
