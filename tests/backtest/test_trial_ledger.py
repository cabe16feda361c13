"""The trial ledger: what is counted, and that nobody resets it quietly."""

import fcntl
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from src.backtest.sharpe import Moments, Trials
from src.backtest.trial_chain import Anchor, Trial, TrialKind, anchor_text, read_anchor, read_chain, sha256, trial_line
from src.backtest.trial_ledger import ANCHOR_FILE, HARMLESS, LEDGER_FILE, LedgerState, TrialLedger
from src.core.clock import ManualClock
from src.core.domain.time import Millis
from src.core.exceptions import DataError

ROOT = Path(__file__).resolve().parents[2]
NOW = Millis(1_700_000_000_000)


def made_trial(k: int, *, sharpe: float | None = None, family: str = "gmo", **fields) -> Trial:
    value = k / 1_000 if sharpe is None else sharpe
    made = Trial(
        TrialKind.SWEEP,
        family,
        f"parameters-{k}",
        "config",
        "data",
        Millis(0),
        Millis(1_000),
        Moments(365, value, -0.5, 7.0),
    )
    return made._replace(**fields)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "trials"


@pytest.fixture
def ledger(folder):
    return TrialLedger(folder, ManualClock(NOW))


def lines(folder: Path) -> list[bytes]:
    return (folder / LEDGER_FILE).read_bytes().splitlines()


def write(folder: Path, some: list[bytes]) -> None:
    (folder / LEDGER_FILE).write_bytes(b"".join(line + b"\n" for line in some))


def test_where_nothing_was_counted_nothing_is_found_and_nothing_is_made(ledger, folder):
    assert ledger.verify().state is LedgerState.EMPTY
    assert ledger.verify().harmless
    assert ledger.summary() == Trials(0, None, 0.0)
    assert not folder.exists()


def test_every_run_is_counted_with_the_variance_of_its_kind(ledger):
    values = [0.01, -0.03, 0.02, 0.07]
    for k, value in enumerate(values):
        assert ledger.append([made_trial(k, sharpe=value)]).state in HARMLESS
    assert ledger.summary("gmo").tried == 4
    assert ledger.summary("gmo").variance == pytest.approx(np.var(values, ddof=1))
    found = ledger.verify()
    assert (found.state, found.lines, found.trials, found.harmless) == (LedgerState.WHOLE, 4, 4, True)


def test_families_are_counted_apart_and_together(ledger):
    ledger.append([made_trial(k, family="gmo") for k in range(3)])
    ledger.append([made_trial(k, family="sample") for k in range(5)])
    assert ledger.summary("gmo").tried == 3
    assert ledger.summary("sample").tried == 5
    both = [k / 1_000 for k in (*range(3), *range(5))]
    assert ledger.summary().tried == 8
    assert ledger.summary().variance == pytest.approx(np.var(both, ddof=1))
    assert ledger.summary("never tried") == Trials(0, None, 0.0)


def test_an_identical_repeat_is_recorded_and_counts_once(ledger, folder):
    ledger.append([made_trial(1), made_trial(2)])
    ledger.append([made_trial(1), made_trial(1)])
    assert ledger.summary("gmo").tried == 2
    assert ledger.verify().trials == 4
    assert len(lines(folder)) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"parameters_hash": "other"},
        {"config_hash": "other"},
        {"data_hash": "other"},
        {"from_ms": Millis(1)},
        {"to_ms": Millis(2)},
        {"family": "other"},
    ],
)
def test_another_setting_market_or_window_is_another_try(ledger, change):
    ledger.append([made_trial(1), made_trial(1)._replace(**change)])
    assert ledger.summary().tried == 2


def test_a_run_without_a_sharpe_ratio_is_a_try_like_any_other(ledger):
    ledger.append([made_trial(1, sharpe=0.1), made_trial(2, found=None), made_trial(3, sharpe=0.3)])
    assert ledger.summary("gmo") == Trials(3, pytest.approx(0.02), 3.0)


def test_a_line_says_what_was_run_when_and_after_what(ledger, folder):
    ledger.append([made_trial(1), made_trial(2)])
    first, second = lines(folder)
    assert json.loads(second) == {
        "n": 2,
        "prev": sha256(first),
        "at": NOW,
        "kind": "sweep",
        "family": "gmo",
        "parameters_hash": "parameters-2",
        "config_hash": "config",
        "data_hash": "data",
        "from_ms": 0,
        "to_ms": 1_000,
        "observations": 365,
        "sharpe": 0.002,
        "skew": -0.5,
        "kurtosis": 7.0,
        "share": 1.0,
    }


def test_sets_that_resemble_one_another_are_many_runs_and_few_independent_tries(ledger, folder):
    ledger.append([made_trial(k)._replace(share=0.05) for k in range(40)])
    ledger.append([made_trial(k) for k in range(38, 41)])
    counted = ledger.summary("gmo")
    assert (counted.tried, counted.independent) == (41, pytest.approx(3.0))
    assert counted.deflating == 3
    (folder / "trials.jsonl").unlink()
    assert ledger.summary("gmo").independent == pytest.approx(3.0)


def test_what_was_counted_before_there_were_shares_counts_in_full(ledger, folder):
    ledger.append([made_trial(1), made_trial(2)])
    first, second = (json.loads(line) for line in lines(folder))
    assert first.pop("share") == second.pop("share") == 1.0
    one = json.dumps(first, separators=(",", ":")).encode()
    two = json.dumps({**second, "prev": sha256(one)}, separators=(",", ":")).encode()
    old = read_chain(one + b"\n" + two + b"\n")
    assert (old.length, old.broken_at) == (2, None)
    assert old.tallies["gmo"].trials().independent == 2.0


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(ledger, share):
    with pytest.raises(ValueError, match="share"):
        ledger.append([made_trial(1)._replace(share=share)])
    assert ledger.verify().state is LedgerState.EMPTY


def test_nothing_that_is_no_number_is_counted(ledger):
    ledger.append([made_trial(1)])
    with pytest.raises(ValueError, match="not JSON compliant"):
        ledger.append([made_trial(2), made_trial(3, sharpe=float("nan"))])
    assert ledger.verify().state is LedgerState.WHOLE
    assert ledger.summary().tried == 1


# ------------------------------------------------------------------------------------------------- tampering


def drop_a_line(folder):
    some = lines(folder)
    write(folder, some[:3] + some[4:])


def change_a_number(folder):
    some = lines(folder)
    some[4] = some[4].replace(b'"sharpe":0.005', b'"sharpe":0.001')
    write(folder, some)


def change_the_last_line(folder):
    some = lines(folder)
    some[-1] = some[-1].replace(b'"sharpe":0.01', b'"sharpe":0.00')
    write(folder, some)


def swap_two_lines(folder):
    some = lines(folder)
    some[2], some[3] = some[3], some[2]
    write(folder, some)


def write_rubbish(folder):
    some = lines(folder)
    some[6] = b"\xff\x00 {]"
    write(folder, some)


def cut_the_end(folder):
    write(folder, lines(folder)[:7])


def cut_inside_a_line(folder):
    path = folder / LEDGER_FILE
    path.write_bytes(path.read_bytes()[:-5])


def empty_the_file(folder):
    (folder / LEDGER_FILE).write_bytes(b"")


def delete_the_file(folder):
    (folder / LEDGER_FILE).unlink()


def forge_a_chain(folder):
    head, forged = "0" * 64, []
    for n in range(1, 11):
        forged.append(trial_line(made_trial(1), n, head, NOW))
        head = sha256(forged[-1])
    write(folder, forged)


def put_an_empty_break_in_its_place(folder):
    values = {"n": 1, "prev": "0" * 64, "at": NOW, "kind": "break", "families": {}, "breaks": []}
    write(folder, [json.dumps(values).encode()])


TAMPERING = {
    drop_a_line: (LedgerState.EDITED, 4),
    change_a_number: (LedgerState.EDITED, 6),  # line 5 is no longer what line 6 names
    change_the_last_line: (LedgerState.EDITED, 10),
    swap_two_lines: (LedgerState.EDITED, 3),
    write_rubbish: (LedgerState.EDITED, 7),
    cut_the_end: (LedgerState.TRUNCATED, 8),
    cut_inside_a_line: (LedgerState.TRUNCATED, 10),
    empty_the_file: (LedgerState.TRUNCATED, 1),
    delete_the_file: (LedgerState.LEDGER_MISSING, 1),
    forge_a_chain: (LedgerState.REPLACED, None),
    put_an_empty_break_in_its_place: (LedgerState.TRUNCATED, 2),
}


@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda f: f.__name__)
def test_each_way_of_tampering_is_found_and_the_count_goes_on(ledger, folder, tamper):
    ledger.append([made_trial(k) for k in range(1, 11)])
    before = ledger.summary("gmo")
    tamper(folder)

    found = ledger.verify()
    assert (found.state, found.line) == TAMPERING[tamper]
    assert not found.harmless
    assert found.text
    assert ledger.summary("gmo") == before  # the anchor remembers

    assert ledger.append([made_trial(11)]).state is TAMPERING[tamper][0]
    after = ledger.verify()
    assert after.state is LedgerState.WHOLE
    assert [b.finding for b in after.breaks] == [TAMPERING[tamper][0].value]
    assert not after.harmless  # for good
    assert ledger.summary("gmo").tried == 11
    assert ledger.summary("gmo").variance == pytest.approx(np.var(np.arange(1, 12) / 1_000, ddof=1))


def test_a_file_that_was_changed_is_set_aside_as_it_is(ledger, folder):
    for k in range(2):
        ledger.append([made_trial(n) for n in range(10 * k, 10 * k + 10)])
        empty = (folder / LEDGER_FILE).read_bytes()[:-1] + b"X\n"
        (folder / LEDGER_FILE).write_bytes(empty)
        ledger.append([])
        assert (folder / f"trials.damaged-{k + 1}.jsonl").read_bytes() == empty
    assert len(ledger.verify().breaks) == 2
    assert ledger.summary().tried == 20


def test_losing_the_file_again_and_again_never_lowers_the_count(ledger, folder):
    for k in range(5):
        ledger.append([made_trial(k)])
        delete_the_file(folder)
    assert ledger.summary().tried == 5
    ledger.append([made_trial(99)])
    assert ledger.summary().tried == 6
    assert [b.finding for b in ledger.verify().breaks] == ["ledger_missing"] * 5


@pytest.mark.parametrize(
    ("damage", "state"),
    [
        (lambda path: path.unlink(), LedgerState.ANCHOR_MISSING),
        (lambda path: path.write_bytes(b""), LedgerState.ANCHOR_DAMAGED),
        (
            lambda path: path.write_bytes(path.read_bytes().replace(b'"length":4', b'"length":2')),
            LedgerState.ANCHOR_DAMAGED,
        ),
    ],
    ids=["deleted", "emptied", "edited"],
)
def test_an_anchor_that_is_lost_or_edited_is_found_and_the_ledger_goes_on_in_place(ledger, folder, damage, state):
    ledger.append([made_trial(k) for k in range(4)])
    damage(folder / ANCHOR_FILE)
    assert ledger.verify().state is state
    assert ledger.append([made_trial(1), made_trial(9)]).state is state
    found = ledger.verify()
    assert found.state is LedgerState.WHOLE
    assert [(b.line, b.finding) for b in found.breaks] == [(5, state.value)]
    assert ledger.summary().tried == 5  # the repeat is still known
    assert found.trials == 6


def test_a_ledger_lost_together_with_its_anchors_sense_starts_again_and_says_so(ledger, folder):
    ledger.append([made_trial(k) for k in range(4)])
    (folder / ANCHOR_FILE).write_bytes(b"nothing")
    delete_the_file(folder)
    assert ledger.verify().state is LedgerState.ANCHOR_DAMAGED
    ledger.append([made_trial(1)])
    found = ledger.verify()
    assert found.state is LedgerState.WHOLE
    assert [b.finding for b in found.breaks] == ["anchor_damaged"]
    assert not found.harmless


def test_appending_nothing_writes_nothing(ledger, folder):
    ledger.append([])
    assert not (folder / LEDGER_FILE).exists()
    ledger.append([made_trial(1)])
    before = (folder / LEDGER_FILE).read_bytes()
    ledger.append([])
    assert (folder / LEDGER_FILE).read_bytes() == before


def test_an_anchor_of_another_ledger_does_not_fit(ledger, folder, tmp_path):
    ledger.append([made_trial(k) for k in range(4)])
    other = TrialLedger(tmp_path / "other", ManualClock(NOW))
    other.append([made_trial(k) for k in range(10, 14)])
    (folder / ANCHOR_FILE).write_bytes((tmp_path / "other" / ANCHOR_FILE).read_bytes())
    assert ledger.verify().state is LedgerState.REPLACED


def test_an_anchor_kept_elsewhere_survives_the_loss_of_the_folder(tmp_path):
    kept = TrialLedger(tmp_path / "trials", ManualClock(NOW), anchor=tmp_path / "home" / "anchor.json")
    kept.append([made_trial(k) for k in range(4)])
    for path in (tmp_path / "trials").iterdir():
        path.unlink()
    (tmp_path / "trials").rmdir()
    assert kept.verify().state is LedgerState.LEDGER_MISSING
    assert kept.summary().tried == 4


def test_who_deletes_both_files_starts_at_zero_as_the_documentation_says(ledger, folder):
    ledger.append([made_trial(1)])
    delete_the_file(folder)
    (folder / ANCHOR_FILE).unlink()
    assert ledger.verify().state is LedgerState.EMPTY
    assert "Whoever deletes both files" in (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")


# ---------------------------------------------------------------------------------------- crashes and company


@pytest.mark.parametrize("kept", [1, 40, 200])
def test_an_incomplete_last_line_after_a_crash_is_removed_and_nothing_else(ledger, folder, kept):
    ledger.append([made_trial(k) for k in range(3)])
    whole = (folder / LEDGER_FILE).read_bytes()
    torn = trial_line(made_trial(4), 4, sha256(lines(folder)[-1]), NOW)[:kept]
    (folder / LEDGER_FILE).write_bytes(whole + torn)
    assert ledger.verify().state is LedgerState.TORN
    assert ledger.verify().harmless
    assert ledger.append([made_trial(7)]).state is LedgerState.TORN
    assert (folder / LEDGER_FILE).read_bytes().startswith(whole)
    assert ledger.verify().state is LedgerState.WHOLE
    assert ledger.summary().tried == 4


def test_a_crash_between_ledger_and_anchor_loses_nothing_and_accuses_nobody(ledger, folder):
    ledger.append([made_trial(k) for k in range(3)])
    early = (folder / ANCHOR_FILE).read_bytes()
    ledger.append([made_trial(k) for k in range(3, 6)])
    (folder / ANCHOR_FILE).write_bytes(early)
    assert ledger.verify().state is LedgerState.AHEAD
    assert ledger.verify().harmless
    assert ledger.summary().tried == 6
    ledger.append([made_trial(6)])
    assert ledger.verify().state is LedgerState.WHOLE
    assert ledger.summary().tried == 7


def test_a_crash_during_the_very_first_append_accuses_nobody(ledger, folder):
    ledger.append([made_trial(1), made_trial(2)])
    start = anchor_text(read_anchor((folder / ANCHOR_FILE).read_bytes())._replace(length=0, head="0" * 64, tallies={}))
    (folder / ANCHOR_FILE).write_bytes(start)
    for keep in (None, 1, 0):
        if keep is not None:
            write(folder, lines(folder)[:keep])
        assert ledger.verify().harmless
    empty_the_file(folder)
    (folder / ANCHOR_FILE).unlink()
    assert ledger.verify().state is LedgerState.EMPTY


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to let any file of this process grow beyond `size`, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_first_write_that_the_disk_refuses_halfway_accuses_nobody(ledger, folder):
    with files_of_at_most(600), pytest.raises(OSError, match="File too large"):
        ledger.append([made_trial(k) for k in range(5)])
    assert ledger.verify().state is LedgerState.TORN
    assert ledger.verify().harmless
    assert 0 < ledger.verify().lines < 5  # these are on the disk
    ledger.append([made_trial(k) for k in range(5)])
    assert ledger.verify().state is LedgerState.WHOLE
    assert ledger.verify().harmless
    assert ledger.summary().tried == 5


def test_a_disk_that_is_full_before_the_first_line_accuses_nobody(ledger, folder):
    size = len(anchor_text(Anchor(0, "0" * 64, "", {}, ())))  # a line is longer
    with files_of_at_most(size), pytest.raises(OSError, match="File too large"):
        ledger.append([made_trial(1)])
    assert ledger.verify().state is LedgerState.TORN
    delete_the_file(folder)
    assert ledger.verify().state is LedgerState.EMPTY


KILLED = """
import sys
from pathlib import Path
from src.backtest.trial_ledger import TrialLedger
from src.core.clock import ManualClock
from tests.backtest.test_trial_ledger import made_trial
ledger = TrialLedger(Path(sys.argv[1]), ManualClock(1))
k = 0
while True:
    ledger.append([made_trial(n) for n in range(k, k + 50)])
    k += 50
    print(k, flush=True)
"""


def test_a_process_killed_at_any_moment_leaves_a_ledger_that_goes_on(ledger, folder):
    confirmed = 0
    for attempt in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            for _ in range(2 + attempt):
                confirmed = max(confirmed, int(process.stdout.readline()))
            time.sleep(0.003 * attempt)
            os.kill(process.pid, signal.SIGKILL)
        found = ledger.verify()
        assert found.harmless
        assert ledger.summary().tried >= confirmed
    ledger.append([made_trial(10**6)])
    assert ledger.verify().state is LedgerState.WHOLE
    assert ledger.verify().harmless


def test_a_ledger_that_another_holds_is_waited_for_and_then_said_to_be_held(ledger, folder):
    ledger.append([made_trial(1)])
    hasty = TrialLedger(folder, ManualClock(NOW), wait_s=0.05)
    with (folder / ".trials.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(DataError, match=r"has held .* for over 0\.05 s"):
            hasty.append([made_trial(2)])
        with pytest.raises(DataError):
            hasty.summary()
    hasty.append([made_trial(2)])
    assert ledger.summary().tried == 2


def _append_some(folder: Path, first: int) -> None:
    ledger = TrialLedger(folder, ManualClock(NOW))
    for k in range(first, first + 20):
        ledger.append([made_trial(k)])


def test_two_processes_append_without_losing_a_line(ledger, folder):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_some, args=(folder, first)) for first in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    found = ledger.verify()
    assert (found.state, found.lines, found.harmless) == (LedgerState.WHOLE, 40, True)
    assert ledger.summary().tried == 40


def test_a_sweep_of_thousands_is_one_quick_write(ledger):
    began = time.process_time()
    ledger.append([made_trial(k) for k in range(5_000)])
    assert time.process_time() - began < 2
    assert ledger.summary().tried == 5_000
