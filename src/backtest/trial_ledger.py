"""The trial ledger on disk: every run is counted, and the count cannot be reset quietly.

`trials.jsonl` holds one line a trial, each with the hash of the line before it; `trials.anchor.json` remembers how
many there were, the last hash and the counts. A file that is cut, edited, replaced or deleted no longer fits its
anchor: `verify` says how, the next append says so in the ledger itself, sets the old file aside and counts on from
whatever counts more. Who deletes both files starts at zero; that is in nobody's power to prevent on one's own machine.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from src.backtest.sharpe import Trials
from src.backtest.trial_chain import (
    GENESIS,
    Anchor,
    Break,
    Chain,
    Tally,
    Trial,
    anchor_text,
    break_line,
    larger,
    read_anchor,
    read_chain,
    sha256,
    trial_line,
)
from src.core.domain.time import Millis
from src.core.exceptions import DataError
from src.core.protocols import Clock

LEDGER_FILE: Final = "trials.jsonl"
ANCHOR_FILE: Final = "trials.anchor.json"
_LOCK_FILE: Final = ".trials.lock"
_STEP_S: Final = 0.02


class LedgerState(Enum):
    """Whether ledger and anchor agree."""

    EMPTY = "empty"  # neither exists: nothing was ever counted here
    WHOLE = "whole"
    AHEAD = "ahead"  # lines behind the anchor's: a program ended between the two writes; harmless
    TORN = "torn"  # an incomplete last line: a program ended while writing; the next append removes it
    LEDGER_MISSING = "ledger_missing"
    ANCHOR_MISSING = "anchor_missing"
    ANCHOR_DAMAGED = "anchor_damaged"
    EDITED = "edited"  # a line is not what it was
    TRUNCATED = "truncated"  # lines at the end are gone
    REPLACED = "replaced"  # a chain, but not the one the anchor knows


HARMLESS: Final = frozenset({LedgerState.EMPTY, LedgerState.WHOLE, LedgerState.AHEAD, LedgerState.TORN})


_ONLY_ANCHOR: Final = frozenset({LedgerState.ANCHOR_MISSING, LedgerState.ANCHOR_DAMAGED})


class Finding(NamedTuple):
    """What was found in a ledger."""

    state: LedgerState
    line: int | None  # first line concerned
    text: str  # what it means, for people
    lines: int  # number of the last good line
    trials: int  # in the file, repeats included
    breaks: tuple[Break, ...]  # earlier losses and changes, which the ledger remembers

    @property
    def harmless(self) -> bool:
        """Whether nothing that was counted has been lost or changed, now or earlier."""
        return self.state in HARMLESS and not self.breaks


class _Stored(NamedTuple):
    """Both files as they are."""

    text: bytes | None  # None: there is no such file
    chain: Chain
    anchored: bool  # there is an anchor file
    anchor: Anchor | None  # None: there is none that can be read


class TrialLedger:
    """Counts trials, durably, also from several processes.

    Parameters
    ----------
    folder
        Of the ledger; made at the first append.
    clock
        Says when a trial was counted.
    anchor
        File of the anchor; kept in another place, it also survives the loss of the folder. None: in the folder.
    wait_s
        How long to wait for another process that reads or appends. An append takes well under a second.
    """

    def __init__(self, folder: Path, clock: Clock, anchor: Path | None = None, wait_s: float = 30.0) -> None:
        self._folder = folder
        self._clock = clock
        self._wait_s = wait_s
        self._ledger = folder / LEDGER_FILE
        self._anchor = anchor if anchor is not None else folder / ANCHOR_FILE

    def append(self, trials: Sequence[Trial]) -> Finding:
        """Count `trials`, all in one durable write, and return what was found before it.

        Raises
        ------
        ValueError
            If a trial's moments are not finite; nothing was written.
        OSError
            If the disk refuses. What had been counted stays counted.
        DataError
            If another process holds the ledger for over `wait_s` seconds.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked(fcntl.LOCK_EX):
            stored, at = self._read(), self._clock.now()
            finding = _judge(stored)
            chain, note = _continued(stored, finding, at)
            lines = _lines(chain, trials, at)
            if not trials and not note:
                return finding
            if finding.state is LedgerState.EMPTY:
                self._write_anchor(Anchor(0, GENESIS, "", {}, ()))  # so that a crash below is not taken for a loss
            if chain is not stored.chain:
                self._set_aside()
            elif chain.torn:
                self._cut_torn_line(chain.torn)
            self._write([*note, *lines])
            self._write_anchor(_anchor_of(chain, trials, lines))
        return finding

    def verify(self) -> Finding:
        """Return whether ledger and anchor agree, and if not, where and how."""
        return _judge(self._read_locked())

    def summary(self, family: str | None = None) -> Trials:
        """Return how many different trials there were and the variance of their per-observation Sharpe ratios.

        Parameters
        ----------
        family
            Count only these; None counts all.

        Notes
        -----
        Never less than the anchor remembers, whatever became of the ledger. Equal trials (data, configuration,
        parameters, window) count once, except that a repeat of one that was counted before a break counts again.
        """
        tallies = _counted(self._read_locked())
        if family is not None:
            return tallies.get(family, Tally()).trials()
        whole = Tally()
        for tally in tallies.values():
            whole = whole.joined(tally)
        return whole.trials()

    def _read_locked(self) -> _Stored:
        if not self._folder.is_dir():
            return self._read()
        with self._locked(fcntl.LOCK_SH):
            return self._read()

    def _read(self) -> _Stored:
        text, kept = _content(self._ledger), _content(self._anchor)
        anchor = read_anchor(kept or b"")
        return _Stored(text, read_chain(text or b"", anchor.length if anchor else 0), kept is not None, anchor)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Hold the ledger's lock; the system gives it back when the process ends, however it ends."""
        with (self._folder / _LOCK_FILE).open("a") as file:
            for _ in range(max(1, round(self._wait_s / _STEP_S))):
                try:
                    fcntl.flock(file, how | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(_STEP_S)
            else:
                raise DataError(
                    f"another process has held {self._ledger} for over {self._wait_s:g} s",
                    remedy="wait until it has finished, or end it, then repeat the command; what is counted is safe",
                )
            yield

    def _set_aside(self) -> None:
        """Keep a file that no longer fits: it is evidence, and may be all that is left."""
        if not self._ledger.exists():
            return
        taken = {path.name for path in self._folder.iterdir()}
        names = (f"trials.damaged-{k}.jsonl" for k in range(1, len(taken) + 2))
        self._ledger.rename(self._folder / next(name for name in names if name not in taken))

    def _cut_torn_line(self, length: int) -> None:
        with self._ledger.open("r+b") as file:
            file.truncate(self._ledger.stat().st_size - length)
            os.fsync(file.fileno())

    def _write(self, lines: list[bytes]) -> None:
        fresh = not self._ledger.exists()
        with self._ledger.open("ab") as file:
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        if fresh:
            _sync_folder(self._folder)

    def _write_anchor(self, anchor: Anchor) -> None:
        self._anchor.parent.mkdir(parents=True, exist_ok=True)
        beside = self._anchor.with_name(self._anchor.name + ".tmp")
        with beside.open("wb") as file:
            file.write(anchor_text(anchor))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._anchor)
        _sync_folder(self._anchor.parent)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lines(chain: Chain, trials: Sequence[Trial], at: Millis) -> list[bytes]:
    """Return the lines of `trials` behind `chain`, which is left as it is."""
    lines, head = [], chain.head
    for number, trial in enumerate(trials, start=chain.length + 1):
        line = trial_line(trial, number, head, at)
        head = sha256(line)
        lines.append(line)
    return lines


def _anchor_of(chain: Chain, trials: Sequence[Trial], lines: list[bytes]) -> Anchor:
    """Return the anchor of `chain` once `lines`, those of `trials`, stand behind it."""
    for trial, line in zip(trials, lines, strict=True):
        chain.follow(line)
        chain.count(trial)
    return Anchor(chain.length, chain.head, chain.before, chain.tallies, chain.breaks)


def _continued(stored: _Stored, finding: Finding, at: Millis) -> tuple[Chain, list[bytes]]:
    """Return the chain to write behind, and the line that notes a loss or change if there was one.

    A chain that is whole goes on, even if its anchor was lost. Any other is left where it is, for a new one.
    """
    chain, anchor = stored.chain, stored.anchor
    if finding.state in HARMLESS:
        return chain, []
    if stored.text is None or finding.state not in _ONLY_ANCHOR:
        length, head = chain.length, chain.head
        if anchor is not None and anchor.length >= length:
            length, head = anchor.length, anchor.head
        chain = Chain(tallies=_counted(stored))
        chain.begin(length, head)
    chain.breaks = (*finding.breaks, Break(chain.length + 1, at, finding.state.value))
    line = break_line(chain.length + 1, chain.head, at, chain.tallies, chain.breaks)
    chain.follow(line)
    return chain, [line]


def _counted(stored: _Stored) -> dict[str, Tally]:
    return larger(stored.anchor.tallies if stored.anchor else {}, stored.chain.tallies)


def _judge(stored: _Stored) -> Finding:
    """Return what ledger and anchor, side by side, amount to."""
    chain, anchor = stored.chain, stored.anchor
    state, line, text = _state(stored)
    breaks = max(chain.breaks, anchor.breaks if anchor else (), key=len)
    return Finding(state, line, text, chain.length, chain.trials, breaks)


def _state(stored: _Stored) -> tuple[LedgerState, int | None, str]:
    chain, anchor = stored.chain, stored.anchor
    if stored.text is None:
        return _without_ledger(stored)
    if chain.broken_at is not None:
        n = chain.broken_at
        return LedgerState.EDITED, n, f"line {n} does not follow from the line before it: one of the two was changed"
    if anchor is None and not stored.anchored and not stored.text:
        return LedgerState.EMPTY, None, "nothing has been counted here"
    if anchor is None:
        return _without_anchor(stored.anchored, chain)
    if chain.length < anchor.length:
        gone = anchor.length - max(chain.length, chain.start)
        n = chain.length + 1
        return LedgerState.TRUNCATED, n, f"{gone} lines from line {n} on are gone; the anchor knows {anchor.length}"
    return _against_anchor(chain, anchor)


def _without_ledger(stored: _Stored) -> tuple[LedgerState, int | None, str]:
    anchor = stored.anchor
    if anchor is not None and anchor.length > 0:
        return (
            LedgerState.LEDGER_MISSING,
            1,
            f"the ledger file is gone; its anchor knows {anchor.length} lines, and counting goes on from there",
        )
    if stored.anchored and anchor is None:
        return LedgerState.ANCHOR_DAMAGED, None, "the ledger file is gone and its anchor cannot be read"
    return LedgerState.EMPTY, None, "nothing has been counted here"


def _without_anchor(anchored: bool, chain: Chain) -> tuple[LedgerState, int | None, str]:
    rest = f"the {chain.length} lines of the ledger agree with one another, but lines at its end may be missing"
    if anchored:
        return LedgerState.ANCHOR_DAMAGED, None, f"the anchor is not as it was written; {rest}"
    return LedgerState.ANCHOR_MISSING, None, f"the anchor is gone; {rest}"


def _against_anchor(chain: Chain, anchor: Anchor) -> tuple[LedgerState, int | None, str]:
    found = chain.marked
    if found is None or found[0] != anchor.head:
        n = anchor.length
        if found is not None and found[1] == anchor.before:
            return LedgerState.EDITED, n, f"line {n} is not the one that was written"
        return LedgerState.REPLACED, None, f"these lines agree with one another, but line {n} is not the anchor's"
    if chain.torn:
        return LedgerState.TORN, chain.length + 1, "the last line is incomplete; the next append removes it"
    if chain.length > anchor.length:
        n = anchor.length + 1
        return LedgerState.AHEAD, n, f"lines from {n} on were written without their anchor; nothing is lost"
    return LedgerState.WHOLE, None, f"all {chain.length} lines are as they were written"
