"""Where notices go: webhook addresses, from the environment alone. Each is a secret: whoever knows it can post."""

import ipaddress
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from src.core.domain.notices import Tier
from src.core.exceptions import ConfigError

ALL: Final = "DISCORD_WEBHOOK_URL"
BY_TIER: Final = {tier: f"DISCORD_WEBHOOK_{tier.name}" for tier in Tier}


class Webhooks(NamedTuple):
    """The address of each tier; "" where none is set."""

    info: str = ""
    warning: str = ""
    critical: str = ""

    def of(self, tier: Tier) -> str:
        """Return the address of a tier."""
        return self[tier]


def webhooks(environ: Mapping[str, str]) -> Webhooks:
    """Return the tiers' addresses: a tier's own, else the one for all.

    A critical notice goes to any address there is, when neither is set.

    Raises
    ------
    ConfigError
        If a variable holds no address; it names the variable and not what it holds.
    """
    common = _address(environ, ALL)
    own = [_address(environ, BY_TIER[tier]) or common for tier in Tier]
    info, warning, critical = own
    return Webhooks(info, warning, critical or warning or info)


def _address(environ: Mapping[str, str], name: str) -> str:
    given = environ.get(name, "").strip()  # a secret store may add a line break
    if not given:
        return ""
    try:
        parts = urlsplit(given)
        sound = bool(parts.hostname) and (
            parts.scheme == "https" or (parts.scheme == "http" and _is_near(parts.netloc))
        )
    except ValueError:
        sound = False
    if not sound or not given.isascii() or any(c.isspace() for c in given):
        raise ConfigError(
            f"{name} is not the address of a webhook",
            remedy="copy it from Discord (channel settings, Integrations, Webhooks): https://discord.com/api/webhooks/…",
        )
    return given


def _is_near(netloc: str) -> bool:
    """Return whether the address is of this machine: nothing is overheard on the way there."""
    host = urlsplit(f"//{netloc}").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
