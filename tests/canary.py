"""A key that no one may ever read again: the tests trade with it, and at their end all that was written is searched.

tests/conftest.py loads this as a plugin. Key and secret are drawn anew for each run and shared by all its processes
through the environment. What is searched: the run's temporary folders (journals, logs, spools, dumps, reports), what
tests printed or logged, and files that appeared below the repository meanwhile. Finding one fails the run.
"""

import base64
import mmap
import os
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
MARK = os.environ.setdefault("CANARY_MARK", secrets.token_hex(16))
KEY, SECRET = f"{MARK}0123", f"5ec7{MARK}5ec7{MARK}"
OUTPUT = ("logs", "state", "cache", "models")
KEPT = Path(os.environ.setdefault("CANARY_KEPT", f"{tempfile.gettempdir()}/kept-of-{secrets.token_hex(8)}"))
"""Names, line by line, the files that may hold the key: every process of a run adds to it."""


class Found(NamedTuple):
    """A place where the canary was found, and in which form."""

    where: str
    form: str


def forms(mark: str) -> dict[str, bytes]:
    """Return the forms in which a text that contains the mark could be written: as it is, coded, or as a HMAC's key."""
    plain = mark.encode()
    found = {"plain": plain, "hex": plain.hex().encode(), "HEX": plain.hex().upper().encode()}
    for shift in range(3):  # of the mark inside what was coded: the whole groups of three are the same wherever it ends
        skipped = -shift % 3
        whole = plain[skipped : skipped + (len(plain) - skipped) // 3 * 3]
        found[f"base64 {shift}"] = base64.b64encode(whole)
    found["HMAC inner"] = bytes(each ^ 0x36 for each in plain)
    found["HMAC outer"] = bytes(each ^ 0x5C for each in plain)
    found["utf-16"] = mark.encode("utf-16-le")
    return found


def search(folders: Iterable[Path], mark: str, since: float = 0.0, kept: Iterable[Path] = ()) -> Iterator[Found]:
    """Yield every file below the folders, written `since` or later, in which a form of the mark is found.

    Parameters
    ----------
    kept
        Files whose purpose is to hold it: what a simulated exchange keeps of its own users.
    """
    wanted, apart = forms(mark), {each.resolve() for each in kept}
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_symlink() or not path.is_file() or path.stat().st_mtime < since or path.resolve() in apart:
                continue
            yield from _in_file(path, wanted)


def _in_file(path: Path, wanted: dict[str, bytes]) -> Iterator[Found]:
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for form, pattern in wanted.items():
            if content.find(pattern) >= 0:
                yield Found(str(path), form)


class Watch:
    """Searches at the end of a run; with several processes, in the one that gathers their results."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._began = time.time()
        self._took = 0.0
        self.found: list[Found] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Search what a test printed and logged."""
        for name, text in report.sections:
            told = text.encode(errors="replace")
            self.found += [
                Found(f"{report.nodeid}: {name}", form) for form, each in forms(MARK).items() if each in told
            ]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Search what was written, and fail the run if anything was found."""
        began = time.perf_counter()
        base = self._config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        kept = [Path(line) for line in KEPT.read_text().splitlines()] if KEPT.is_file() else []
        own = Path(os.environ.get("TRADER__BACKTEST__TRIALS", base))
        self.found += search([base, own], MARK, kept=kept)
        self.found += search([ROOT / name for name in OUTPUT], MARK, since=self._began)
        KEPT.unlink(missing_ok=True)
        self._took = time.perf_counter() - began
        if self.found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name what was found, and say how long it took."""
        for place in self.found:
            terminalreporter.write_line(f"CANARY KEY in {place.where} ({place.form})", red=True)
        said = "found, see above" if self.found else "nowhere"
        terminalreporter.write_line(f"canary key: {said} ({self._took:.1f} s)")


def keep(path: Path) -> None:
    """Leave a file out of the search: it is the exchange's own."""
    with KEPT.open("a") as file:
        file.write(f"{path}\n")


def pytest_configure(config: pytest.Config) -> None:
    """Trade with the canary in every process, and watch in the one that gathers results."""
    os.environ["BITBANK_API_KEY"], os.environ["BITBANK_API_SECRET"] = KEY, SECRET
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Watch(config), "canary watch")
