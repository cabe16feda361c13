"""Fixtures that run a twin as a process of its own; tests/conftest.py makes them known everywhere.

`start_twin(...)` starts one that ends with the test; `shared_twin(...)` gives the same one to everybody who asks with
the same options, until the tests end. Both take the options of `twin_arguments` and return a `RunningTwin`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

from src.twin.process import RunningTwin, started_twin
from tests import canary

TwinMaker = Callable[..., RunningTwin]
Fault = Mapping[str, Any]


def twin_arguments(
    *,
    data: str = "none",
    speed: float = 0,
    lock_step: bool = False,
    bars: bool = False,
    start: str | None = None,
    state: Path | None = None,
    save_every: int | None = None,
    faults: Path | Sequence[Fault] | None = None,
    fault_seed: int = 0,
    accounts: int = 1,
    seed: int = 0,
    folder: Path | None = None,
    **switches: object,
) -> tuple[str, ...]:
    """Return the command line of a twin.

    Parameters
    ----------
    data
        "none" (a market that stands still until somebody trades), "sample", a candle file, a stored series.
    speed
        Of the market's time; 0 stands still but for `skip` acts.
    lock_step
        One time, which moves when the client waits.
    bars
        Bar mode.
    faults
        A plan's file, or a list of faults that is written to `folder`.
    switches
        Of the protocol and of the exchange, by name.
    """
    given: list[tuple[str, object]] = [("--data", data), ("--speed", speed), ("--accounts", accounts), ("--seed", seed)]
    given += [
        (name, value)
        for name, value in (("--start", start), ("--state", state), ("--save-every", save_every))
        if value is not None
    ]
    if faults is not None:
        given.append(("--faults", faults if isinstance(faults, Path) else _written(faults, fault_seed, folder)))
    parts = [part for name, value in given for part in (name, str(value))]
    parts += ["--lock-step"] if lock_step else []
    parts += ["--bars"] if bars else []
    return (*parts, *(part for name, value in switches.items() for part in ("--set", f"{name}={value}")))


def _written(faults: Sequence[Fault], seed: int, folder: Path | None) -> Path:
    if folder is None:
        raise ValueError("a list of faults needs a folder to be written to")
    path = folder / "faults.yaml"
    path.write_text(json.dumps({"seed": seed, "faults": list(faults)}))  # JSON is YAML
    return path


@pytest.fixture
def start_twin(tmp_path: Path) -> Iterator[TwinMaker]:
    """Start twins that end with the test."""
    with ExitStack() as stack:
        started: list[RunningTwin] = []

        def start(**options: Any) -> RunningTwin:
            options.setdefault("folder", tmp_path)
            twin = stack.enter_context(started_twin(*twin_arguments(**options)))
            started.append(twin)
            return with_canary(twin, options.get("state"))

        yield start
        _end(started)


@pytest.fixture(scope="session")
def shared_twin() -> Iterator[TwinMaker]:
    """Give the same twin to everybody who asks with the same options."""
    with ExitStack() as stack:
        running: dict[tuple[str, ...], RunningTwin] = {}

        def share(**options: Any) -> RunningTwin:
            arguments = twin_arguments(**options)
            if arguments not in running:
                twin = stack.enter_context(started_twin(*arguments))
                running[arguments] = with_canary(twin, options.get("state"))
            return running[arguments]

        yield share
        _end(running.values())


def with_canary(twin: RunningTwin, state: Path | None) -> RunningTwin:
    """Return a twin whose first user's key is the one that the tests' end looks for; its own files may hold it."""
    if state is not None:
        canary.keep(state)
    accounts = twin.announced["accounts"]
    if not accounts:
        return twin
    key = {"user": accounts[0]["user"], "key": canary.KEY, "secret": canary.SECRET}
    with suppress(RuntimeError) if state is not None else nullcontext():  # it remembers the key from before
        twin.control("POST", "/keys", key)
    return twin._replace(announced=twin.announced | {"accounts": [key, *accounts[1:]]})


def _end(twins: Any) -> None:
    for twin in twins:  # all at once: each takes a while to end
        twin.process.terminate()
