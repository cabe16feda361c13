"""Settings that are right one by one and impossible together."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from src.core.config.finding import Key
from src.core.config.settings import Settings
from src.core.config.units import written
from src.core.domain.market import INSTRUMENTS


class Conflict(NamedTuple):
    """One impossible combination, and the keys that make it."""

    keys: tuple[Key, ...]
    what: str
    remedy: str


_FOLDERS: Final = (
    ("data", "history"),
    ("data", "trading"),
    ("backtest", "output"),
    ("backtest", "cache"),
    ("model", "path"),
    ("model", "cache"),
    ("training", "output"),
    ("training", "registry"),
)


def find_conflicts(settings: Settings) -> Iterator[Conflict]:
    """Yield what cannot be, section by section."""
    yield from _market(settings)
    yield from _exchange(settings)
    yield from _folders(settings)
    yield from _weights(settings)
    yield from _sizes(settings)
    yield from _schedule(settings)


def _market(settings: Settings) -> Iterator[Conflict]:
    if settings.market.symbol not in INSTRUMENTS:
        what = f"market.symbol is {settings.market.symbol!r}, whose grids and rules this program does not know"
        yield Conflict((("market", "symbol"),), what, f"write one of {', '.join(INSTRUMENTS)}")
    url = settings.data.base_url
    if url is not None and not _is_server(url):
        what = "data.base_url is not the address of a server"
        remedy = "write null for bitbank's own, or http://host:port or https://host without user, path or query"
        yield Conflict((("data", "base_url"),), what, remedy)


def _exchange(settings: Settings) -> Iterator[Conflict]:
    exchange = settings.exchange
    for name in ("private_url", "public_url", "private_stream"):
        url = getattr(exchange, name)
        if not _is_server(url):
            remedy = "write https://host or http://127.0.0.1:port without user, path or query"
            yield Conflict((("exchange", name),), f"exchange.{name} is not the address of a server", remedy)
        elif name.startswith("private") and not _is_kept_from_others(url):
            remedy = "write https://host; http is for a simulated exchange on this machine (127.0.0.1)"
            yield Conflict((("exchange", name),), f"exchange.{name} would send the key unencrypted", remedy)
    if not _is_socket(exchange.public_stream):
        remedy = "write wss://host/socket.io/?EIO=4&transport=websocket, or what a simulated exchange announced"
        yield Conflict((("exchange", "public_stream"),), "exchange.public_stream is no websocket's address", remedy)


def _is_kept_from_others(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in {"127.0.0.1", "::1", "localhost"}


def _is_socket(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False
    return has_host and parts.scheme in {"ws", "wss"}


def _is_server(url: str) -> bool:
    """Return whether `url` is a scheme, a host and perhaps a port; a user's name or a password is none of ours."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:  # a port that is no port, half an IPv6 address
        return False
    return has_host and parts.scheme in {"http", "https"} and url.rstrip("/") == f"{parts.scheme}://{parts.netloc}"


def _folders(settings: Settings) -> Iterator[Conflict]:
    given = {key: getattr(getattr(settings, key[0]), key[1]) for key in _FOLDERS}
    for key, folder in given.items():
        if folder.startswith("~") or "\0" in folder or "$" in folder:
            what = f"{key[0]}.{key[1]} is {folder!r}: nothing in it is expanded"
            yield Conflict(
                (key,), what, "write the whole path, or one relative to the folder the program is started in"
            )
    history, trading = (Path(given["data", name].replace("\0", "")).resolve() for name in ("history", "trading"))
    if history == trading or history in trading.parents or trading in history.parents:
        what = f"data.trading ({trading}) and data.history ({history}) are one folder, or one lies in the other"
        remedy = "give them two folders side by side: live trading must never write into what backtests read"
        yield Conflict(_FOLDERS[:2], what, remedy)


def _weights(settings: Settings) -> Iterator[Conflict]:
    total = sum((Decimal(str(s.weight)) for s in settings.strategies.values()), Decimal(0))
    if total != 1:
        weights = ", ".join(f"{name} {written(s.weight)}" for name, s in settings.strategies.items())
        remedy = "change them so that they do; `name: null` leaves a strategy out"
        yield Conflict((("strategies",),), f"the weights sum to {written(total)}, not to 1 ({weights})", remedy)


def _sizes(settings: Settings) -> Iterator[Conflict]:
    sizing, costs = settings.sizing, settings.costs
    if sizing.max_risk_per_trade < sizing.risk_per_trade:
        what = (
            f"sizing.max_risk_per_trade ({written(sizing.max_risk_per_trade)}) is below "
            f"sizing.risk_per_trade ({written(sizing.risk_per_trade)})"
        )
        yield Conflict(
            (("sizing", "max_risk_per_trade"), ("sizing", "risk_per_trade")), what, "raise the one or lower the other"
        )
    if Decimal(str(sizing.max_leverage)) * Decimal(str(costs.margin_requirement)) > 1:
        what = (
            f"sizing.max_leverage {written(sizing.max_leverage)} cannot be reached with "
            f"costs.margin_requirement {written(costs.margin_requirement)}: the margin would exceed the equity"
        )
        remedy = f"write at most {written(round(1 / costs.margin_requirement, 4))} for the leverage"
        yield Conflict((("sizing", "max_leverage"), ("costs", "margin_requirement")), what, remedy)
    if costs.losscut_level >= 1:
        what = "costs.losscut_level 1 puts the forced close on the margin-call line, so that no position could move"
        yield Conflict(
            (("costs", "losscut_level"),), what, "write a share of the requirement below 1; bitbank's is 0.5"
        )


def _schedule(settings: Settings) -> Iterator[Conflict]:
    if settings.mode != "backtest" and settings.costs.schedule == "dated":
        what = f"costs.schedule is dated in mode {settings.mode}: past fees are not what an order pays now"
        yield Conflict((("costs", "schedule"),), what, "write `schedule: today`; the dated table is for backtests")
