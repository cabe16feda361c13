"""A call that is refused before it reaches the exchange: bad signature, bad body, unknown filter, too many calls."""

from typing import Final

from src.core.exceptions import TraderError

REFUSED_FOR: Final = "docs/twin.md lists the codes and the order of the checks"


class CallRefused(TraderError):
    """One of bitbank's codes, found by the protocol; nothing was done.

    Attributes
    ----------
    code
        bitbank's number.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"the call was refused with code {code}", remedy=REFUSED_FOR)
        self.code = code
