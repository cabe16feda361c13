"""The order engine's process is killed by SIGKILL, another takes over, and a third compares twin and journal."""

import multiprocessing
import os
import random
import signal
from pathlib import Path

import pytest

from src.core.domain.journal import Kind
from src.core.domain.time import SECOND
from src.core.orchestration.drill.lives import LOTS
from src.trading.journal import JournalReader, database_url
from tests.contracts.bitbank.desk import Desk
from tests.e2e.engine_process import PRICE, Job, run

CELLS = int(os.environ.get("KILL_CELLS", "60"))
SEED = int(os.environ.get("KILL_SEED", "0"))
MONEY = 10_000
PATIENCE_S = 120
STEPS = 60  # of an undisturbed life, about
FAULTS = [
    None, (1, None), (2, None), (3, "502"), (4, None), (5, None), (6, None), (7, "created"), (7, "not_created"),
    (9, "truncated"), (9, "empty"), (9, "no_data"), (10, None), (11, "slow"), (16, "70011"), (24, None), (27, None),
    (28, None), (30, "hidden"), (22, "canceled"), (22, "not_canceled"), (17, "70004"), (8, "json"), (39, "code"),
]  # fmt: skip

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.e2e.engine_process"])


class Place:
    """A twin with a market and a new account for each cell."""

    def __init__(self, twin) -> None:
        self.twin = twin
        self.rival = twin.open_account("rival", jpy="100000000000", btc="100000")
        self.number = 0

    def cell(self, folder: Path, fault, kill_at: int, kill_after: bool) -> tuple[Job, Desk]:
        twin, self.number = self.twin, self.number + 1
        twin.control("DELETE", "/faults")
        twin.act("cancel", user="rival")
        twin.act("trade", price=str(PRICE))
        for side, price in (("buy", PRICE - 500), ("sell", PRICE + 500)):
            order = {"pair": "btc_jpy", "side": side, "type": "limit", "price": str(price), "amount": "100"}
            twin.act("order", user="rival", order=order)
        account = twin.open_account(f"ours{self.number}", jpy="1000000")
        if fault is not None:
            number, variant = fault
            twin.arm({"fault": number, "user": account.user, **({"variant": variant} if variant else {})})
        said = twin.announced
        begin = twin.control("GET", "/state")["market"]
        job = Job(
            str(folder / "journal.db"), said["control"], said["control_token"], twin.rest,
            (said["private_stream"], said["public_stream"]), account.key, account.secret, begin, kill_at, kill_after,
            str(folder / "steps"),
        )  # fmt: skip
        return job, Desk(twin, account, clock=lambda: twin.control("GET", "/state")["service"])


@pytest.fixture(scope="module")
def place(shared_twin):
    return Place(shared_twin(lock_step=True, queries_per_second=0, updates_per_second=0))


def be(job: Job) -> int:
    """Be one process; return its exit code."""
    process = FORKS.Process(target=run, args=(job,))
    process.start()
    process.join(PATIENCE_S)
    if process.is_alive():
        process.kill()
        process.join()
        raise AssertionError("it did not end")
    return process.exitcode


def wrong(desk: Desk, file: str) -> list[str]:
    """What twin and journal do not agree on."""
    with JournalReader(database_url(Path(file), {})) as journal:
        entries = list(journal.entries())
    bodies = {kind: [s.entry.body for s in entries if s.entry.kind is kind] for kind in Kind}
    trades, found = desk.trades(order="asc"), []
    booked = [body["trade_id"] for body in bodies[Kind.FILL]]
    if [row["trade_id"] for row in trades] != booked:
        found.append(f"twin's trades {[row['trade_id'] for row in trades]}, journal's {booked}")
    opened = sum(float(row["amount"]) for row in trades if row["side"] == "buy")
    if opened not in {0.0, LOTS / MONEY}:
        found.append(f"{opened} BTC were opened")
    known = {order for body in bodies[Kind.OUTCOME] for order in [body.get("order_id"), *body.get("orders", [])]}
    if not {row["order_id"] for row in trades} <= known:
        found.append("an order that traded is unknown to the journal")
    if desk.active():
        found.append(f"orders still rest: {desk.active()}")
    if any(float(desk.position(side)["open_amount"]) for side in ("long", "short")):
        found.append("a position is still open")
    cash = 1_000_000 * MONEY + sum(body["net"] for body in bodies[Kind.TRADE])
    if round(float(desk.assets()["jpy"]["onhand_amount"]) * MONEY) != cash:
        found.append(f"cash is {desk.assets()['jpy']['onhand_amount']}, the journal's {cash / MONEY}")
    entries_sent = [body for body in bodies[Kind.INTENT] if body["purpose"] == 1]
    if len(entries_sent) > 1:
        found.append("the entry was sent twice")
    return found


@pytest.mark.parametrize("number", range(CELLS))
def test_a_killed_process_leaves_nothing_that_the_next_does_not_put_right(number, place, tmp_path):
    chance = random.Random(SEED * 1_000 + number)
    fault = FAULTS[number % len(FAULTS)]
    job, desk = place.cell(tmp_path, fault, chance.randint(1, STEPS), chance.random() < 0.5)
    first = be(job)
    assert first in {0, -signal.SIGKILL}  # a fault may make a life shorter than its step
    if first:
        begin = place.twin.control("GET", "/state")["market"]
        assert be(job._replace(kill_at=0, begin=begin - 10 * SECOND)) == 0
    assert wrong(desk, job.file) == []


@pytest.mark.parametrize("fault", FAULTS[1:], ids=str)
def test_every_fault_strikes_the_process(fault, place, tmp_path):
    job, desk = place.cell(tmp_path, fault, 0, False)
    assert be(job) == 0
    assert wrong(desk, job.file) == []
    assert all(rule["struck"] for rule in place.twin.control("GET", "/state")["faults"])  # those that are over are gone


def test_the_steps_that_are_drawn_are_those_of_a_life(place, tmp_path):
    job, desk = place.cell(tmp_path, None, 0, False)
    assert be(job) == 0
    assert wrong(desk, job.file) == []
    steps = Path(job.steps_file).read_text(encoding="utf-8").splitlines()
    assert STEPS <= len(steps) < 2 * STEPS
    assert {"submit entry", "submit stop", "submit close", "cancel", "write intent", "write outcome"} <= set(steps)


def test_a_process_can_be_killed_before_and_after_its_order_is_sent(place, tmp_path):
    for after in (False, True):
        folder = tmp_path / str(after)
        folder.mkdir()
        job, desk = place.cell(folder, None, 0, False)
        assert be(job) == 0
        steps = Path(job.steps_file).read_text(encoding="utf-8").splitlines()
        Path(job.file).unlink()
        job, desk = place.cell(folder, None, steps.index("submit entry") + 1, after)
        assert be(job) == -signal.SIGKILL
        assert len(desk.trades()) == (1 if after else 0)
