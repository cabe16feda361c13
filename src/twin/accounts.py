"""Users of the twin and their API keys."""

import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from src.backtest.simulated_exchange import SimulatedExchange, UserId
from src.core.exceptions import ConfigError
from src.twin.authentication import ApiKey


class Accounts:
    """Names, user ids and keys. What the users own is the exchange's matter.

    Parameters
    ----------
    exchange
        Where accounts are opened.
    """

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange
        self._users: dict[str, UserId] = {}
        self.keys: dict[str, ApiKey] = {}

    def names(self) -> tuple[str, ...]:
        """Return the users' names in the order they came."""
        return tuple(self._users)

    def user(self, name: str) -> UserId:
        """Return a user's id.

        Raises
        ------
        ConfigError
            If there is no user of that name.
        """
        if name not in self._users:
            known = ", ".join(self._users) or "none yet"
            raise ConfigError(f"the twin has no user {name!r}", remedy=f"open the account first; there are: {known}")
        return self._users[name]

    def has(self, name: str) -> bool:
        """Return whether there is a user of that name."""
        return name in self._users

    def open(self, name: str, assets: Mapping[str, Decimal], *, margin_enabled: bool = True) -> UserId:
        """Open an account.

        Raises
        ------
        ConfigError
            If the name is taken.
        """
        if name in self._users:
            raise ConfigError(f"the twin already has a user {name!r}", remedy="choose another name")
        self._users[name] = self._exchange.add_user(name, assets, margin_enabled=margin_enabled)
        return self._users[name]

    def add_key(self, name: str, key: str | None = None, secret: str | None = None) -> ApiKey:
        """Return a new key of a user, drawn unless given.

        Raises
        ------
        ConfigError
            If there is no such user, or the key is another's.
        """
        new = ApiKey(key or secrets.token_hex(18), secret or secrets.token_hex(32), self.user(name))
        if new.key in self.keys:
            raise ConfigError("the twin already has this key", remedy="give another one, or none")
        self.keys[new.key] = new
        return new

    def revoke(self, name: str, *, revoked: bool = True) -> None:
        """Withdraw all keys of a user, or give them back."""
        user = self.user(name)
        for key in self.keys.values():
            if key.user == user:
                key.revoked = revoked

    def first_key(self, name: str) -> ApiKey:
        """Return a user's oldest key."""
        user = self.user(name)
        return next(key for key in self.keys.values() if key.user == user)

    def dump(self) -> dict[str, Any]:
        """Return names and keys, secrets included."""
        rows = [[key.key, key.secret, key.user, key.last_nonce, key.revoked] for key in self.keys.values()]
        return {"users": dict(self._users), "keys": rows}

    def load(self, dumped: Mapping[str, Any]) -> None:
        """Take over what `dump` returned."""
        self._users = {name: UserId(int(user)) for name, user in dumped["users"].items()}
        self.keys = {
            row[0]: ApiKey(row[0], row[1], UserId(int(row[2])), int(row[3]), bool(row[4])) for row in dumped["keys"]
        }
