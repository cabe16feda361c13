"""Values that no careful client sends: wrong types, wrong digits, too long, too deep."""

import math
from typing import Any, Final

from tests.fuzz.budget import Dice

WORDS: Final = [
    "btc_jpy",
    "BTC_JPY",
    "mona_jpy",
    "long",
    "short",
    "buy",
    "sell",
    "limit",
    "market",
    "stop",
    "stop_limit",
    "take_profit",
    "stop_loss",
    "losscut",
    "asc",
    "desc",
    "null",
    "true",
    "0",
    "-0",
    "-1",
    "+1",
    "1e400",
    "1E5",
    "NaN",
    "Infinity",
    "0x10",
    "1_000",
    "1.2.3",
    ".5",
    "5.",
    "00000001",
    "0.0001",
    "0.00001",
    "10000000",
    "9999999.5",
]
ODD_TEXTS: Final = (
    *WORDS,
    *("", " ", "\n", "btc_jpy\x00", "../../etc", "%00", "'; DROP TABLE", "\ud800", "\U0001f4a5"),
    *("\uff11\uff12\uff13", "\u0663", "\u00b2"),  # digits to Unicode, not to the exchange
    *("9" * 19, "9" * 20, "9" * 400, "0." + "0" * 30 + "1", "a" * 5_000),
)
ODD_NUMBERS: Final = (
    *(0, 1, -1, 7, 0.5, -0.0, 1e308, math.nan, math.inf, -math.inf),
    *(2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30, 10**400, -(10**30)),
)
DEEP: Final = ("[" * 5_000 + "]" * 5_000, '{"a":' * 5_000 + "1" + "}" * 5_000, "[" * 50_000)
PIECES: Final = ("", "\x00", ",", '"', "{", "}", "1e400", "NaN", "-", ".", ":", "\n", "\uff11", "\ud800")


def odd_text(dice: Dice) -> str:
    """Return one of the odd texts, or letters at random."""
    if dice.random() < 0.7:
        return dice.choice(ODD_TEXTS)
    return "".join(chr(dice.choice((dice.randrange(128), dice.randrange(0x3000)))) for _ in range(dice.randrange(9)))


def odd_value(dice: Dice, depth: int = 2) -> Any:
    """Return any value that JSON, or what Python takes for it, can hold."""
    kind = dice.randrange(8 if depth else 6)
    if kind < 3:
        return odd_text(dice)
    if kind == 3:
        return dice.choice(ODD_NUMBERS)
    if kind == 4:
        return dice.randint(-5, 100_000_000)
    if kind == 5:
        return dice.choice((None, True, False))
    inner = [odd_value(dice, depth - 1) for _ in range(dice.randrange(4))]
    return inner if kind == 6 else {odd_text(dice): value for value in inner}


def broken(dice: Dice, text: str) -> str:
    """Return a text with some pieces cut out, doubled, or replaced."""
    for _ in range(dice.randint(1, 3)):
        start = dice.randint(0, len(text))
        end = min(len(text), start + dice.choice((0, 1, 2, 9, len(text))))
        text = text[:start] + dice.choice((*PIECES, text[start:end] * 2)) + text[end:]
    return text


def broken_bytes(dice: Dice, content: bytes) -> bytes:
    """Return bytes of which some are changed, missing or doubled."""
    for _ in range(dice.randint(1, 4)):
        start = dice.randint(0, len(content))
        end = min(len(content), start + dice.choice((0, 1, 2, 8, 64, len(content))))
        middle = dice.choice(
            (b"", dice.randbytes(dice.randint(1, 4)), content[start:end] * 2, b"\x00", b"\xff\xff\xff\xff")
        )
        content = content[:start] + middle + content[end:]
    return content
