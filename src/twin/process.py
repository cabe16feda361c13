"""A twin as a process of its own, for tests and programs: started, talked to over 127.0.0.1, and stopped."""

import json
import os
import select
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE: Final = 60.0  # seconds until it must listen


class Account(NamedTuple):
    """A user of the twin with a key."""

    user: str
    key: str
    secret: str


class RunningTwin(NamedTuple):
    """A started twin."""

    process: "subprocess.Popen[str]"
    announced: dict[str, Any]

    @property
    def rest(self) -> str:
        """The base of every REST address, public and (with /v1) private."""
        return str(self.announced["rest"])

    @property
    def accounts(self) -> list[Account]:
        """The accounts it was started with."""
        return [Account(**row) for row in self.announced["accounts"]]

    def trader_environment(self, folder: Path, *, exported_settings: bool = False) -> dict[str, str]:
        """Return what a user exports to point a trader at this twin, with all that it keeps below `folder`.

        In lock-step it lets the trader drive the twin's time. A database named for another trader is left out, and so
        are settings that were exported before, unless they are asked for. The trader looks at the market once a candle,
        needs no model, and its lease outlasts the pauses of a busy machine.
        """
        account = self.accounts[0]
        others = ("DATABASE_URL",) if exported_settings else ("DATABASE_URL", "TRADER__")
        return {name: value for name, value in os.environ.items() if not name.startswith(others)} | {
            "TWIN_CONTROL_URL": str(self.announced["control"]),
            "TWIN_CONTROL_TOKEN": str(self.announced["control_token"]),
            "BITBANK_API_KEY": account.key,
            "BITBANK_API_SECRET": account.secret,
            "TRADER__EXCHANGE__PRIVATE_URL": self.rest,
            "TRADER__EXCHANGE__PUBLIC_URL": self.rest,
            "TRADER__EXCHANGE__PRIVATE_STREAM": str(self.announced["private_stream"]),
            "TRADER__EXCHANGE__PUBLIC_STREAM": str(self.announced["public_stream"]),
            "TRADER__DATA__BASE_URL": self.rest,
            "TRADER__DATA__TRADING": str(folder / "candles"),
            "TRADER__JOURNAL__FOLDER": str(folder / "state"),
            "TRADER__JOURNAL__LEASE_S": "300",
            "TRADER__EXECUTION__WATCH_SECONDS": "900",
            "TRADER__MODEL__USED": "false",
            "TRADER__MONITORING__PORT": "0",
        }

    def control(self, method: str, path: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the control endpoint.

        Raises
        ------
        RuntimeError
            If it refuses; with its reasons.
        """
        request = urllib.request.Request(  # noqa: S310 - the address is the twin's own
            f"{self.announced['control']}{path}",
            data=None if content is None else json.dumps(content).encode(),
            method=method,
            headers={"X-Twin-Token": str(self.announced["control_token"])},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310 - as above
                answer: dict[str, Any] = json.load(reply)
        except urllib.error.HTTPError as e:
            with e:
                raise RuntimeError(f"{method} {path} was refused: {e.read().decode(errors='replace')}") from e
        return answer

    def act(self, act: str, **fields: Any) -> dict[str, Any]:
        """Do something to the exchange, an account or the twin."""
        return self.control("POST", "/act", {"act": act, **fields})

    def arm(self, *faults: dict[str, Any]) -> None:
        """Arm faults: references into the catalogue, or rules."""
        self.control("POST", "/faults", {"faults": list(faults)})

    def open_account(self, user: str, *, margin_enabled: bool = True, **assets: str) -> Account:
        """Open an account that holds `assets`."""
        content = {"name": user, "assets": assets, "margin_enabled": margin_enabled}
        return Account(**self.control("POST", "/accounts", content))


@contextmanager
def started_twin(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[RunningTwin]:
    """Start `main.py twin` with more arguments; it is stopped at the end.

    Raises
    ------
    RuntimeError
        If it does not listen in time; with what it said.
    """
    command: Sequence[str] = [sys.executable, str(ROOT / "main.py"), "twin", "--json", *arguments]
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as said:  # a pipe that nobody reads would fill up
        process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        try:
            yield RunningTwin(process, json.loads(_first_line(process, said)))
        finally:
            process.terminate()
            try:
                process.communicate(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def _first_line(process: "subprocess.Popen[str]", said: IO[str]) -> str:
    ends = time.monotonic() + PATIENCE
    if process.stdout is None:
        raise RuntimeError("the twin was started without a pipe")
    while time.monotonic() < ends and process.poll() is None:
        ready, _, _ = select.select([process.stdout], [], [], 0.2)
        if ready and (line := process.stdout.readline()):
            return line
    process.kill()
    process.wait()
    said.seek(0)
    raise RuntimeError(f"the twin did not start: {said.read().strip()[-2_000:]}")
