"""Who may ask a page that is for this machine alone.

A page of another site can make a visitor's browser ask pages on the visitor's own machine, under a name of its own
(DNS rebinding). So such a page answers only requests that name this machine.
"""

import ipaddress
from urllib.parse import urlsplit

from aiohttp import web


def is_near(host: str) -> bool:
    """Return whether `host` is an address of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_of(request: web.Request) -> str:
    """Return the host that a request names, without its port; "" if it names none."""
    try:
        return urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    except ValueError:
        return ""
