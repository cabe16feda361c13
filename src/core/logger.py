"""Logs: one JSON object a line, stamped in Japan's time by the injected clock, without secrets.

`get_logger` gives a logger for a module to keep; the app calls `configure_logging` once at start, and until then only
warnings and errors appear, on stderr as they are. Lines of libraries that use the standard `logging` go the same way
as ours, redaction included.
"""

import json
import logging
import math
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from collections.abc import Set as AbstractSet
from enum import Enum
from itertools import groupby
from logging.handlers import WatchedFileHandler
from numbers import Integral
from pathlib import Path
from typing import Any, Final, TextIO, cast
from urllib.parse import quote, quote_plus

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter

from src.core.domain.time import JST, to_datetime
from src.core.exceptions import ConfigError
from src.core.protocols import Clock

REDACTED: Final = "[redacted]"
LEVELS: Final = ("debug", "info", "warning", "error", "critical")
SHORTEST_SECRET: Final = 8
"""Characters. Blanking out anything shorter would take ordinary words and numbers with it."""

DEEPEST: Final = 8
"""Levels of nesting written as JSON; what lies deeper, or contains itself, is written as text."""

_SECRET_PARTS: Final = (
    "secret",
    "token",
    "signature",
    "webhook",
    "authorization",
    "password",
    "passphrase",
    "credential",
    "apikey",
    "accesskey",
)
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# What a text may carry without the value ever having been registered: a webhook's address, a header, a setting.
_SECRET_TEXT: Final = re.compile(
    r"(?P<name>/api/webhooks/"
    r"|\bbearer\s+"
    r"|(?:secret|token|signature|webhook|authorization|password|passphrase|credential|api[_-]?key|access[_-]?key)"
    r"[\w-]{0,40}\\*[\"']?\s*[:=]\s*\\*[\"']?(?:bearer\s+|basic\s+)?)"
    r"(?P<value>[^\s\"',;}\])\\]+)",
    re.IGNORECASE,
)

Event = MutableMapping[str, Any]


class Redactor:
    """A processor that turns an event into plain JSON values with every secret blanked out.

    Parameters
    ----------
    secrets
        Values that must never appear, however text spells them (quoted for a URL, escaped for JSON or Python, twice).
        Empty ones are secrets that are not set.

    Raises
    ------
    ConfigError
        If a secret is shorter than `SHORTEST_SECRET`.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        present = [secret for secret in secrets if secret]
        if any(len(secret) < SHORTEST_SECRET for secret in present):
            raise ConfigError(
                f"a secret has fewer than {SHORTEST_SECRET} characters",
                remedy="check the keys and webhook addresses in the environment: one of them is not a real one",
            )
        longest_first = sorted(set(present), key=len, reverse=True)  # a secret may contain another
        self._known = re.compile("|".join(map(_pattern, longest_first))) if present else None

    def __call__(self, logger: object, method: str, event: Event) -> Event:
        """Return the event without secrets."""
        return self._mapping(event, 0)

    def text(self, text: str) -> str:
        """Return `text` with known secrets, and what is named like one, blanked out."""
        known = self._known.sub(REDACTED, text) if self._known else text
        return _SECRET_TEXT.sub(rf"\g<name>{REDACTED}", known)

    def _mapping(self, values: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        return {
            self.text(str(name)): REDACTED
            if is_secret_name(str(name)) and value is not None and not isinstance(value, bool)
            else self._plain(value, depth + 1)
            for name, value in values.items()
        }

    def _plain(self, value: object, depth: int) -> object:
        """Return `value` as JSON has it; anything JSON does not know becomes text, so that it is searched too."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            return self.text(value.name)
        if isinstance(value, float | Integral):
            return self._number(value)
        if isinstance(value, str):
            return self.text(value)
        if depth < DEEPEST:
            if isinstance(value, Mapping):
                return self._mapping(value, depth)
            if hasattr(value, "_asdict"):  # a NamedTuple
                return self._mapping(value._asdict(), depth)
            if isinstance(value, list | tuple | AbstractSet):
                return [self._plain(item, depth + 1) for item in value]
        return self.text(str(value))

    def _number(self, value: float | Integral) -> object:
        number = value if isinstance(value, float) else int(value)
        written = str(number)
        if self.text(written) != written:
            return REDACTED
        return number if isinstance(number, int) or math.isfinite(number) else written  # JSON has no NaN


def is_secret_name(name: str) -> bool:
    """Return whether what is called `name` should not be written: it speaks of a key, a token and the like."""
    words = [word.lower() for word in _WORDS.findall(name)]
    return "key" in words or "keys" in words or any(part in "".join(words) for part in _SECRET_PARTS)


def _pattern(secret: str) -> str:
    """Return a regular expression for every way `secret` may be spelled, quoted and escaped however often."""
    runs = (("".join(run), slash) for slash, run in groupby(secret, key=lambda character: character == "\\"))
    return "".join(
        rf"(?:\\{{{len(run)},}}|(?:%5[Cc]){{{len(run)}}})" if slash else _spellings(run) for run, slash in runs
    )


def _spellings(text: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else _spelling(c) for c in text)


def _spelling(character: str) -> str:
    """Return a regular expression for one character: itself, or as JSON, Python or a URL has it."""
    escaped = {json.dumps(character)[1:-1], ascii(character)[1:-1], repr(character)[1:-1]}
    quoted = {quote(character, safe="", errors="surrogatepass"), quote_plus(character, errors="surrogatepass")}
    longest_first = sorted(escaped | quoted, key=len, reverse=True)  # of %25, a plain % would leave a part
    forms = "|".join(re.escape(form).replace(r"\\", r"\\+") for form in longest_first)
    return rf"(?:(?i:{forms})|\\*{re.escape(character)})"


class _Stamp:
    """A processor that puts time, level and origin in front of an event."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, logger: object, method: str, event: Event) -> Event:
        record: logging.LogRecord = event["_record"]
        stamped: dict[str, Any] = {
            "timestamp": to_datetime(self._clock.now()).astimezone(JST).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": event.pop("event", ""),
        }
        return stamped | {f"{name}_" if name in stamped else name: value for name, value in event.items()}


class _NoEcho(logging.Handler):
    """A handler whose failure is reported without the line that failed: that line is not redacted yet."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        reason = sys.exc_info()[0]
        if sys.stderr is not None:
            sys.stderr.write(f"a log line of {record.name} was lost: {reason.__name__ if reason else 'unknown'}\n")


class _StreamLines(_NoEcho, logging.StreamHandler[TextIO]):
    """Lines to an open stream."""


class _FileLines(_NoEcho, WatchedFileHandler):
    """Lines to a file; when it is rotated away from outside, the next line opens a new one."""


def configure_logging(level: str, clock: Clock, stream: TextIO | Path, secrets: Iterable[str] = ()) -> None:
    """Send every log line of this process to one place. A later call replaces the earlier one.

    Parameters
    ----------
    level
        One of `LEVELS`: the least severe level that is written.
    clock
        Stamps the lines; in a simulation they carry the simulation's time.
    stream
        An open text stream such as `sys.stderr`, or the path of a file to append to; its folder is created.
    secrets
        Values that must never be written. Empty ones are ignored.

    Raises
    ------
    ConfigError
        If the level is unknown, a secret is too short to be one, or the file cannot be opened.
    """
    if level.lower() not in LEVELS:
        raise ConfigError(f"unknown log level {level!r}", remedy=f"write one of {', '.join(LEVELS)}")
    formatter = ProcessorFormatter(
        processors=[
            _Stamp(clock),
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            Redactor(secrets),
            structlog.processors.JSONRenderer(),
        ]
    )
    handler = _open(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for earlier in [h for h in root.handlers if isinstance(h, _NoEcho)]:
        root.removeHandler(earlier)
        earlier.close()
    root.addHandler(handler)
    root.setLevel(level.upper())


def get_logger(name: str) -> BoundLogger:
    """Return the logger called `name`, usually the module's; events are words, numbers go into named fields."""
    return cast(
        "BoundLogger",
        structlog.wrap_logger(
            logging.getLogger(name),
            wrapper_class=BoundLogger,
            context_class=dict,
            processors=[structlog.stdlib.filter_by_level, ProcessorFormatter.wrap_for_formatter],
        ),
    )


def _open(stream: TextIO | Path) -> logging.Handler:
    if not isinstance(stream, Path):
        return _StreamLines(stream)
    try:
        stream.parent.mkdir(parents=True, exist_ok=True)
        return _FileLines(stream, encoding="utf-8")
    except OSError as e:
        raise ConfigError(
            f"the log file {stream} cannot be opened: {e.strerror}",
            remedy="give this user a folder it may write to, or log to stderr",
        ) from e
