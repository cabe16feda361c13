"""The text of the trial ledger: lines that name the one before them, and the anchor that remembers the last. Pure.

A line is a JSON object with its number `n`, the SHA-256 of the line before it (`prev`), the time `at`, and either a
trial or a *break*: the note that an earlier file was lost or changed, with the counts that go on from it. The anchor
is a small file of its own: how many lines there were, the last one's hash, and the counts.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple

from src.backtest.sharpe import Moments, Trials
from src.core.domain.time import Millis

GENESIS: Final = "0" * 64
"""What the first line names as the line before it."""

_BREAK: Final = "break"
_VERSION: Final = 1
_NOT_OURS: Final = (AttributeError, KeyError, OverflowError, TypeError, ValueError)
"""What reading an object raises that is not one of those written here."""


class TrialKind(Enum):
    """How a run came about."""

    BACKTEST = "backtest"
    SWEEP = "sweep"
    SEARCH = "search"
    WALK_FORWARD = "walk_forward"


class Trial(NamedTuple):
    """One run that somebody looked at, or could have."""

    kind: TrialKind
    family: str  # what is tried on the same market: trials of one family deflate each other
    parameters_hash: str
    config_hash: str
    data_hash: str
    from_ms: Millis
    to_ms: Millis
    found: Moments | None  # of its daily returns; None: too few, or no variation
    share: float = 1.0  # of an independent try, above 0: less for one of several that resemble one another

    @property
    def key(self) -> bytes:
        """What makes two trials the same one, as a hash: a ledger may hold very many."""
        same = f"{self.data_hash} {self.config_hash} {self.parameters_hash} {self.from_ms} {self.to_ms} {self.family}"
        return hashlib.blake2b(same.encode(errors="surrogatepass"), digest_size=16).digest()


class Tally(NamedTuple):
    """Different trials of one family, counted one by one (Welford 1962)."""

    tried: int = 0
    measured: int = 0  # of them with a Sharpe ratio
    mean: float = 0.0  # of the per-observation Sharpe ratios
    squares: float = 0.0  # sum of squared distances from the mean
    independent: float = 0.0  # sum of the trials' shares

    def with_trial(self, sharpe: float | None, share: float = 1.0) -> "Tally":
        """Return the tally after one more trial."""
        more = self._replace(tried=self.tried + 1, independent=self.independent + share)
        if sharpe is None:
            return more
        measured = self.measured + 1
        step = sharpe - self.mean
        mean = self.mean + step / measured
        return more._replace(measured=measured, mean=mean, squares=self.squares + step * (sharpe - mean))

    def joined(self, other: "Tally") -> "Tally":
        """Return the tally of both, which share no trial (Chan, Golub and LeVeque 1979)."""
        measured, step = self.measured + other.measured, other.mean - self.mean
        tried, independent = self.tried + other.tried, self.independent + other.independent
        if not measured:
            return Tally(tried, independent=independent)
        return Tally(
            tried,
            measured,
            self.mean + step * other.measured / measured,
            self.squares + other.squares + step**2 * self.measured * other.measured / measured,
            independent,
        )

    def trials(self) -> Trials:
        """Return the counts and the sample variance of the Sharpe ratios."""
        variance = self.squares / (self.measured - 1) if self.measured > 1 else None
        return Trials(self.tried, variance, self.independent)


class Break(NamedTuple):
    """An earlier loss or change that the ledger itself remembers."""

    line: int  # number of the line that notes it
    at: Millis
    finding: str


class Anchor(NamedTuple):
    """What is remembered apart from the ledger."""

    length: int  # number of the last line
    head: str  # its hash
    before: str  # the hash it names as the line before it
    tallies: dict[str, Tally]
    breaks: tuple[Break, ...]


@dataclass
class Chain:
    """What a ledger's text says, read line by line."""

    mark: int = 0  # number of the line to remember the hashes of
    marked: tuple[str, str] | None = None  # its own, and the one it names; None: there is no such good line
    start: int = 0  # number of the line before the first
    length: int = 0  # number of the last good line
    head: str = GENESIS  # its hash
    before: str = ""  # the hash it names
    tallies: dict[str, Tally] = field(default_factory=dict)  # of every readable trial, good or not
    breaks: tuple[Break, ...] = ()
    broken_at: int | None = None  # number of the first line that does not follow from the one before it
    trials: int = 0  # readable ones, repeats included
    torn: int = 0  # bytes behind the last line end
    keys: set[bytes] = field(default_factory=set)

    def begin(self, start: int, origin: str) -> None:
        """Start behind line `start` with the hash `origin`; what that line names went with its file."""
        self.start = self.length = start
        self.head, self.before = origin, ""
        self._remember()

    def count(self, trial: Trial) -> None:
        """Count one trial; a repeat is no new try."""
        self.trials += 1
        if trial.key in self.keys:
            return
        self.keys.add(trial.key)
        before = self.tallies.get(trial.family, Tally())
        self.tallies[trial.family] = before.with_trial(trial.found.sharpe if trial.found else None, trial.share)

    def follow(self, line: bytes) -> None:
        """Take a line that has just been written behind the last."""
        self.before, self.head = self.head, sha256(line)
        self.length += 1
        self._remember()

    def _remember(self) -> None:
        if self.length == self.mark:
            self.marked = (self.head, self.before)


def read_chain(text: bytes, mark: int = 0) -> Chain:
    """Return what `text` says; never fails: what does not hold together is in `broken_at` and `torn`."""
    chain = Chain(mark)
    chain.begin(0, GENESIS)
    *lines, rest = text.split(b"\n")
    chain.torn = len(rest)
    for place, line in enumerate(lines):
        values = _object(line)
        found = _break(values)
        if found is not None and place == 0:
            chain.begin(found.line - 1, found.before)
            chain.tallies = found.tallies
        trial = _trial(values)
        if chain.broken_at is None:
            follows = values is not None and values.get("n") == chain.length + 1 and values.get("prev") == chain.head
            if follows and (trial is not None or found is not None):
                chain.follow(line)
                chain.breaks = found.breaks if found is not None else chain.breaks
            else:
                chain.broken_at = chain.length + 1
        if trial is not None:
            chain.count(trial)
    return chain


class _Resumed(NamedTuple):
    """What a break carries."""

    line: int
    before: str
    tallies: dict[str, Tally]
    breaks: tuple[Break, ...]


def _break(values: Mapping[str, Any] | None) -> _Resumed | None:
    if values is None or values.get("kind") != _BREAK:
        return None
    try:
        found = _Resumed(int(values["n"]), str(values["prev"]), _tallies(values["families"]), _breaks(values["breaks"]))
    except _NOT_OURS:
        return None
    return found if found.line > 0 else None


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):  # also bytes that are no text, and brackets without end
        return None
    return values if isinstance(values, dict) else None


def _trial(values: Mapping[str, Any] | None) -> Trial | None:
    try:
        return None if values is None or values.get("kind") == _BREAK else _trial_of(values)
    except _NOT_OURS:
        return None


def _trial_of(values: Mapping[str, Any]) -> Trial:
    found = None
    if values["sharpe"] is not None:
        found = Moments(
            int(values["observations"]), float(values["sharpe"]), float(values["skew"]), float(values["kurtosis"])
        )
        if not all(math.isfinite(number) for number in found):
            raise ValueError("a moment was not finite")
    share = float(values.get("share", 1.0))  # lines written before there were shares count in full
    if not 0 < share <= 1:
        raise ValueError("a share of a try was not above 0 and at most 1")
    return Trial(
        TrialKind(values["kind"]),
        str(values["family"]),
        str(values["parameters_hash"]),
        str(values["config_hash"]),
        str(values["data_hash"]),
        Millis(int(values["from_ms"])),
        Millis(int(values["to_ms"])),
        found,
        share,
    )


def trial_line(trial: Trial, number: int, before: str, at: Millis) -> bytes:
    """Return the line of `trial`, without its end.

    Raises
    ------
    ValueError
        If a moment is not finite, or the share is not above 0 and at most 1.
    """
    found = trial.found
    if not 0 < trial.share <= 1:
        raise ValueError(f"a share of {trial.share} tries was not above 0 and at most 1")
    values = {
        "n": number,
        "prev": before,
        "at": at,
        "kind": trial.kind.value,
        "family": trial.family,
        "parameters_hash": trial.parameters_hash,
        "config_hash": trial.config_hash,
        "data_hash": trial.data_hash,
        "from_ms": trial.from_ms,
        "to_ms": trial.to_ms,
        "observations": found.observations if found else None,
        "sharpe": found.sharpe if found else None,
        "skew": found.skew if found else None,
        "kurtosis": found.kurtosis if found else None,
        "share": trial.share,
    }
    return _encoded(values)


def break_line(number: int, before: str, at: Millis, tallies: Mapping[str, Tally], breaks: Iterable[Break]) -> bytes:
    """Return the line that notes a loss or change and carries the counts over it, without its end."""
    return _encoded(
        {
            "n": number,
            "prev": before,
            "at": at,
            "kind": _BREAK,
            "families": {name: list(tally) for name, tally in tallies.items()},
            "breaks": [list(b) for b in breaks],
        }
    )


def anchor_text(anchor: Anchor) -> bytes:
    """Return the anchor as the text of its file."""
    values = {
        "version": _VERSION,
        "length": anchor.length,
        "head": anchor.head,
        "before": anchor.before,
        "families": {name: list(tally) for name, tally in anchor.tallies.items()},
        "breaks": [list(b) for b in anchor.breaks],
    }
    return _encoded({**values, "check": sha256(_encoded(values))}) + b"\n"


def read_anchor(text: bytes) -> Anchor | None:
    """Return the anchor that `text` holds; None if it is not one, or not as it was written."""
    values = _object(text)
    try:
        if values is None or values.pop("check", None) != sha256(_encoded(values)) or values["version"] != _VERSION:
            return None
        return Anchor(
            int(values["length"]),
            str(values["head"]),
            str(values["before"]),
            _tallies(values["families"]),
            _breaks(values["breaks"]),
        )
    except _NOT_OURS:
        return None


def larger(one: Mapping[str, Tally], other: Mapping[str, Tally]) -> dict[str, Tally]:
    """Return, family by family, the tally that counts more: what was tried once is never forgotten."""
    names = sorted({*one, *other})
    return {name: max(one.get(name, Tally()), other.get(name, Tally()), key=lambda t: t.tried) for name in names}


def sha256(text: bytes) -> str:
    """Return the hash in hexadecimal."""
    return hashlib.sha256(text).hexdigest()


def _encoded(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


def _tallies(families: Mapping[str, Any]) -> dict[str, Tally]:
    return {str(name): _tally(*parts) for name, parts in families.items()}


def _tally(tried: int, measured: int, mean: float, squares: float, independent: float | None = None) -> Tally:
    alone = float(tried) if independent is None else float(independent)
    tally = Tally(int(tried), int(measured), float(mean), float(squares), alone)
    sums = math.isfinite(tally.mean) and 0 <= tally.squares < math.inf and 0 <= alone < math.inf
    if not 0 <= tally.measured <= tally.tried or not sums:
        raise ValueError(f"{tally} was not a tally")
    return tally


def _breaks(values: Iterable[Any]) -> tuple[Break, ...]:
    return tuple(Break(int(line), Millis(int(at)), str(finding)) for line, at, finding in values)
