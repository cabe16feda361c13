"""One request to bitbank and what its answer certifies: ccxt signs and carries it, what it means is decided here.

ccxt's own reading of an answer is switched off: it raises one error for most codes and none for a broken body.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

import aiohttp

from src.core.domain.time import Millis
from src.core.protocols import Clock
from src.data.api_keys import ApiKeys
from src.data.ccxt_parts import ccxt_parts
from src.data.clock_offset import ClockOffset
from src.data.wire_fields import BrokenReply

OK: Final = 200
SERVER_FAULT: Final = 500
TOO_MANY: Final = frozenset({429, 409})  # the gateway's page, without a code
TOO_MANY_REQUESTS: Final = 10009

Parameters = Mapping[str, object]


class CodeGiven(Exception):
    """The exchange answered with an error code.

    Attributes
    ----------
    code
        bitbank's number.
    certain
        Whether the answer is one in which the exchange's own word can be taken: not from a server that failed.
    """

    def __init__(self, code: int, *, certain: bool) -> None:
        super().__init__(f"code {code}")
        self.code = code
        self.certain = certain


class NoAnswer(Exception):
    """No whole answer came.

    Attributes
    ----------
    sent
        Whether the request may have left this machine.
    """

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


class Answer(NamedTuple):
    """One HTTP answer."""

    status: int
    date: str | None
    text: str


_ANSWER: Final[ContextVar[Answer | None]] = ContextVar("answer", default=None)
"""The answer to the request of this task: ccxt returns an answer's content alone."""


class BitbankCalls:
    """bitbank's private and public REST interface, one request at a time; nothing is repeated here.

    Parameters
    ----------
    clock
        Signs requests, and is compared with the exchange's.
    keys
        Of the account.
    private_url, public_url
        Bases without `/v1`: `https://api.bitbank.cc` and `https://public.bitbank.cc`.
    time_window_ms
        How old a request may be when the exchange looks at it.
    deadline_s
        After which an answer is no longer waited for, seconds on the machine's clock.
    """

    def __init__(
        self,
        clock: Clock,
        keys: ApiKeys,
        *,
        private_url: str,
        public_url: str,
        time_window_ms: int,
        deadline_s: float,
    ) -> None:
        self._clock = clock
        self._deadline_s = deadline_s
        self.offset = ClockOffset()
        self._shift = 0  # added to our time in signatures, once the exchange has refused it
        self._ccxt = ccxt_parts()  # loaded here: a backtest names this class, no more
        private = private_url.rstrip("/")
        self._api = self._ccxt.bitbank(
            {
                "apiKey": keys.key,
                "secret": keys.secret,
                "urls": {"api": {"private": private, "markets": private, "public": public_url.rstrip("/")}},
                "enableRateLimit": False,  # paced by the caller
                "timeout": int(deadline_s * 1_000) + 1_000,
                "options": {"authMethod": "timeWindow", "timeWindow": str(time_window_ms), "maxRetriesOnFailure": 0},
            }
        )
        self._api.milliseconds = self._signing_time
        self._api.handle_errors = self._keep
        self._api.logger = _silent_logger()  # ccxt logs headers, the key among them, at level debug

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def call(self, method: str, parameters: Parameters) -> Mapping[str, Any]:
        """Send one request and return the data of a successful envelope.

        Parameters
        ----------
        method
            Name of ccxt's raw method, or `subscribe`, which ccxt does not name.

        Raises
        ------
        CodeGiven
            The exchange answered with a code.
        NoAnswer
            It did not answer in time, or the connection broke.
        BrokenReply
            It answered with something that is no envelope.
        """
        _ANSWER.set(None)
        sent_at = self._clock.now()
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._send(method, dict(parameters))
        except self._ccxt.error as e:
            raise NoAnswer(_name(e), sent=not isinstance(e.__cause__, aiohttp.ClientConnectorError)) from None
        except TimeoutError:
            raise NoAnswer(f"no answer in {self._deadline_s:g} s", sent=True) from None
        answer = _ANSWER.get()
        if answer is None:
            raise NoAnswer("ccxt gave no answer", sent=True)
        if not method.startswith("public"):
            self.offset.observe(answer.date, sent_at, self._clock.now())
        return payload(answer)

    def set_clock(self) -> bool:
        """Sign with the exchange's time from now on, as its newest answer told it; return whether it told."""
        if self.offset.newest_low is None:
            return False
        self._shift = self.offset.newest_low  # the earliest it can be: a request from the future is refused at once
        self.offset.forget()
        return True

    async def _send(self, method: str, parameters: dict[str, object]) -> None:
        if method == "subscribe":
            await self._api.request("user/subscribe", ["private"], "GET", parameters)
        else:
            await getattr(self._api, method)(parameters)

    def _signing_time(self) -> Millis:
        return Millis(self._clock.now() + self._shift)

    def _keep(
        self, status: int, _reason: str, _url: str, _method: str, headers: Any, body: str, *_rest: object
    ) -> bool:
        """Take ccxt's place in judging an answer; True tells it that this was done."""
        date = next((value for name, value in headers.items() if name.lower() == "date"), None)
        _ANSWER.set(Answer(status, date, body))
        return True


def payload(answer: Answer) -> Mapping[str, Any]:
    """Return the data of a successful envelope.

    Raises
    ------
    CodeGiven
        The envelope of a failure, with any HTTP status; or a gateway's 429 or 409.
    BrokenReply
        Anything else.
    """
    envelope = _json(answer.text)
    success, data = envelope.get("success"), envelope.get("data")
    if isinstance(success, bool) or not isinstance(data, dict):
        success = None
    if success == 1 and answer.status == OK and isinstance(data, dict):
        return data
    if success == 0 and isinstance(data, dict):
        code = data.get("code")
        if isinstance(code, int) and not isinstance(code, bool) and code > 0:
            raise CodeGiven(code, certain=answer.status < SERVER_FAULT)
    if answer.status in TOO_MANY:
        raise CodeGiven(TOO_MANY_REQUESTS, certain=False)
    raise BrokenReply(f"HTTP {answer.status} with {len(answer.text)} characters that are no envelope")


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _name(error: Exception) -> str:
    """Return an error's kind and cause; its text holds the address, with query and all."""
    cause = error.__cause__
    return type(error).__name__ if cause is None else f"{type(error).__name__} ({type(cause).__name__})"


def _silent_logger() -> logging.Logger:
    logger = logging.Logger("ccxt, silent")  # noqa: LOG001 - hangs in no tree: nobody can turn it on
    logger.disabled = True
    return logger
