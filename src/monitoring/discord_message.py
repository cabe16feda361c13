"""Notices as one message of Discord, inside its limits. Pure.

Limits (Discord's documentation, "Execute Webhook" and "Embed Limits"): 2,000 characters of content, 10 embeds,
together 6,000 characters; a title 256, a field's name 256, its value 1,024, 25 fields.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from src.core.domain.market import Instrument
from src.core.domain.notices import Tier
from src.core.domain.time import SECOND, to_datetime
from src.monitoring.notice_values import shown
from src.monitoring.notice_words import label, meaning, tier_word, times, title
from src.monitoring.outbox import Parcel

MAX_EMBEDS: Final = 10
MAX_CONTENT: Final = 2_000
MAX_TOTAL: Final = 6_000
MAX_ONE: Final = 2_000
"""Characters of one notice: three long ones fit a message."""

_MAX_TITLE: Final = 256
_MAX_NAME: Final = 256
_MAX_VALUE: Final = 1_000
_MAX_FIELDS: Final = 12
_COLOURS: Final = {Tier.INFO: 0x3498DB, Tier.WARNING: 0xF39C12, Tier.CRITICAL: 0xE74C3C}
_SIGNS: Final = {Tier.INFO: "🔵", Tier.WARNING: "🟠", Tier.CRITICAL: "🔴"}

Clean = Callable[[str], str]


class Look(NamedTuple):
    """How notices look."""

    language: str  # "ja" or "en"
    where: str  # which trader speaks, such as "live BTC/JPY"
    pair: Instrument  # in whose units values are
    clean: Clean  # blanks out secrets


def message(parcels: Sequence[Parcel], look: Look) -> tuple[dict[str, Any], int]:
    """Return a message of as many parcels as fit, and how many those are (at least one)."""
    embeds: list[dict[str, Any]] = []
    total = 0
    for parcel in parcels[:MAX_EMBEDS]:
        embed = _embed(parcel, look)
        total += _length(embed)
        if embeds and total > MAX_TOTAL:
            break
        embeds.append(embed)
    told = parcels[: len(embeds)]
    lines = [headline(parcel, look) for parcel in told]
    content = _cut(look.clean("\n".join(dict.fromkeys(lines))), MAX_CONTENT)
    return {"content": content, "embeds": embeds, "allowed_mentions": {"parse": []}}, len(embeds)


def plain_message(parcels: Sequence[Parcel], look: Look) -> dict[str, Any]:
    """Return the barest message of the parcels: for a server that does not take the one with embeds."""
    lines = []
    for parcel in parcels:
        lines.append(headline(parcel, look))
        for name, value in parcel.notice.values.items():
            lines.append(f"{label(name, look.language)}: {shown(name, value, look.language, look.pair)}")
    return {"content": _cut(look.clean("\n".join(lines)), MAX_CONTENT), "allowed_mentions": {"parse": []}}


def headline(parcel: Parcel, look: Look) -> str:
    """Return a notice as one line."""
    notice = parcel.notice
    count = f" ×{parcel.said}" if parcel.said > 1 else ""
    return f"{_SIGNS[notice.tier]} [{look.where}] {title(notice.topic, look.language)}{count}"


def _embed(parcel: Parcel, look: Look) -> dict[str, Any]:
    notice = parcel.notice
    description = meaning(notice.topic, look.language)
    if parcel.said > 1:
        seconds = -(-(notice.at - parcel.first) // SECOND)
        description = f"{description}\n{times(parcel.said, seconds, look.language)}".strip()
    embed: dict[str, Any] = {
        "title": _cut(title(notice.topic, look.language), _MAX_TITLE),
        "color": _COLOURS[notice.tier],
        "timestamp": to_datetime(notice.at).isoformat(),
        "footer": {"text": _cut(look.clean(f"{look.where} · {tier_word(notice.tier, look.language)}"), _MAX_NAME)},
        "fields": [],
    }
    if description:
        embed["description"] = description
    left = MAX_ONE - _length(embed)
    for name, value in list(notice.values.items())[:_MAX_FIELDS]:
        heading = _cut(look.clean(label(name, look.language)), _MAX_NAME)
        text = look.clean(shown(name, value, look.language, look.pair))
        room = min(left - _units(heading), _MAX_VALUE)
        if room < 1:
            break
        # An empty name or value is refused by Discord.
        field: dict[str, Any] = {
            "name": heading or "-",
            "value": _cut(text, room) or "-",
            "inline": len(text) <= 40,
        }
        left -= _units(field["name"]) + _units(field["value"])
        embed["fields"].append(field)
    return embed


def _length(embed: dict[str, Any]) -> int:
    texts: list[str] = [embed["title"], embed.get("description", ""), embed["footer"]["text"]]
    return sum(map(_units, texts)) + sum(_units(f["name"]) + _units(f["value"]) for f in embed["fields"])


def _units(text: str) -> int:
    """Return the length as Discord counts it: a character beyond the basic plane is two."""
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, most: int) -> str:
    """Return at most `most` units of `text`, half characters replaced."""
    sound = text.strip().encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if _units(sound) <= most:
        return sound
    return sound.encode("utf-16-le")[: 2 * (most - 1)].decode("utf-16-le", "ignore") + "…"
