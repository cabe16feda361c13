"""The key to the exchange account: read from the environment, shown nowhere."""

import os
from collections.abc import Mapping
from typing import Final

from src.core.exceptions import ConfigError

KEY_VARIABLE: Final = "BITBANK_API_KEY"
SECRET_VARIABLE: Final = "BITBANK_API_SECRET"  # noqa: S105 - a name, not a secret


class ApiKeys:
    """A key and its secret. Neither appears in a text or a copy made of this object.

    Parameters
    ----------
    key, secret
        As bitbank issued them.
    """

    __slots__ = ("key", "secret")

    def __init__(self, key: str, secret: str) -> None:
        self.key = key
        self.secret = secret

    def __repr__(self) -> str:
        return "ApiKeys(not shown)"

    def __reduce__(self) -> str:
        raise TypeError("keys are not written anywhere")


def keys_from_environment(environment: Mapping[str, str] | None = None) -> ApiKeys:
    """Return the keys that the environment holds.

    Raises
    ------
    ConfigError
        If one is missing or empty, or holds white space (a line break at the end of a secret file, usually).
    """
    given = os.environ if environment is None else environment
    found: list[str] = []
    for name in (KEY_VARIABLE, SECRET_VARIABLE):
        value = given.get(name, "")
        if not value:
            raise ConfigError(
                f"{name} is not set",
                remedy=f"export {KEY_VARIABLE} and {SECRET_VARIABLE} of a key that may read and trade, not withdraw",
            )
        if not value.isascii() or any(c.isspace() for c in value):
            raise ConfigError(f"{name} holds characters that no key has", remedy="set it without line break or spaces")
        found.append(value)
    return ApiKeys(*found)
