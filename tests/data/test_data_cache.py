import fcntl
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.core.domain.candles import Candles
from src.core.domain.market import Ticks
from src.core.domain.time import DAY, Millis
from src.core.exceptions import BadCandles, ConfigError, DataError, NoCandles, StoreDamaged
from src.data.data_cache import DataCache
from src.data.merge import merge
from tests.data.bars import INFO, START, bar, quarter_hours, some_bars

ALWAYS = (Millis(0), Millis(2**62))


def stored(root: Path, name: str = "tested") -> Candles:
    """Read with a store that remembers nothing."""
    return DataCache(root).read(name, *ALWAYS)


@settings(max_examples=25)
@given(st.lists(some_bars(), min_size=1, max_size=4))
def test_bars_given_in_any_pieces_come_back_as_one_series(pieces: list[Candles]):
    with tempfile.TemporaryDirectory() as folder:
        cache, whole = DataCache(folder), Candles.empty()
        for piece in pieces:
            new = cache.append("tested", piece, INFO)
            assert new == len(merge(whole, piece)) - len(whole)
            whole = merge(whole, piece)
        if len(whole):
            assert cache.read("tested", *ALWAYS) == stored(Path(folder)) == whole
            assert cache.extent("tested") == (len(whole), whole.bar(0).closed_at, whole.bar(-1).closed_at)


def test_a_range_is_read_across_months(tmp_path: Path):
    whole = quarter_hours(0, 96 * 70)
    DataCache(tmp_path).append("tested", whole, INFO)
    start, end = Millis(START + 20 * DAY), Millis(START + 65 * DAY)
    assert DataCache(tmp_path).read("tested", start, end) == whole.between(start, end)
    assert len(DataCache(tmp_path).read("tested", Millis(0), START)) == 0


def test_a_segment_is_one_utc_month_with_its_hash_in_its_name(tmp_path: Path):
    DataCache(tmp_path).append("tested", quarter_hours(0, 96 * 40), INFO)
    segments = sorted((tmp_path / "tested").glob("*.parquet"))
    assert [path.name[:7] for path in segments] == ["2024-01", "2024-02"]
    for path in segments:
        assert path.stem[8:] == hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def test_the_same_bars_again_change_nothing_on_the_disk(tmp_path: Path):
    cache = DataCache(tmp_path)
    cache.append("tested", quarter_hours(0, 300), INFO)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert cache.append("tested", quarter_hours(100, 100), INFO) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_conflict_is_refused_whole_and_replace_lets_the_new_bar_win(tmp_path: Path):
    cache = DataCache(tmp_path)
    cache.append("tested", quarter_hours(0, 10), INFO)
    given_bars = Candles.of([bar(9, 1_000), bar(10)])
    with pytest.raises(BadCandles, match="2024-01-01 11:30 JST"):
        cache.append("tested", given_bars, INFO)
    assert stored(tmp_path) == quarter_hours(0, 10)
    assert cache.append("tested", given_bars, INFO, replace=True) == 1
    assert stored(tmp_path).bar(9) == bar(9, 1_000)


def test_another_market_is_not_mixed_in(tmp_path: Path):
    cache = DataCache(tmp_path)
    cache.append("tested", quarter_hours(0, 10), INFO)
    for other in (INFO._replace(synthetic=True), INFO._replace(symbol="ETH/JPY"), INFO._replace(timeframe=1_800_000)):
        with pytest.raises(BadCandles, match="the series 'tested' is real BTC/JPY of 15 minutes"):
            cache.append("tested", Candles.of([bar(11)]), other)


def test_every_source_of_a_series_stays_named(tmp_path: Path):
    cache = DataCache(tmp_path)
    for source in ("one", "two", "one"):
        cache.append("tested", quarter_hours(0, 10), INFO._replace(source=source))
    assert cache.open_series("tested").source == "one; two"


def test_impossible_bars_are_never_stored(tmp_path: Path):
    with pytest.raises(BadCandles, match="cannot be"):
        DataCache(tmp_path).append("tested", Candles.of([bar(0)._replace(high=Ticks(1))]), INFO)
    assert DataCache(tmp_path).names() == []


def test_complete_days_are_remembered(tmp_path: Path):
    days = [date(2024, 1, 1) + timedelta(days=i) for i in (0, 1, 2, 5, 40)]
    for day in days:
        DataCache(tmp_path).append("tested", quarter_hours(0, 3), INFO, complete_days=[day])
    assert DataCache(tmp_path).complete_days("tested") == frozenset(days)
    manifest = json.loads((tmp_path / "tested" / "manifest.json").read_text())
    assert manifest["complete_days"][0] == ["2024-01-01", "2024-01-03"]
    assert DataCache(tmp_path).complete_days("unknown") == frozenset()


def test_an_unknown_series_is_named_with_the_way_to_get_it(tmp_path: Path):
    DataCache(tmp_path).append("tested", quarter_hours(0, 3), INFO)
    with pytest.raises(NoCandles, match="stored: tested") as caught:
        DataCache(tmp_path).read("other", *ALWAYS)
    assert "data download" in caught.value.remedy


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", ".hidden", "x" * 65, "-a", "a\n"])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path: Path, name: str):
    with pytest.raises(ConfigError, match="cannot be the name"):
        DataCache(tmp_path).append(name, quarter_hours(0, 3), INFO)
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_store_is_never_written_to(tmp_path: Path):
    cache = DataCache(tmp_path / "nowhere", read_only=True)
    with pytest.raises(ConfigError, match="read-only"):
        cache.append("tested", quarter_hours(0, 3), INFO)
    with pytest.raises(ConfigError, match="read-only"):
        cache.apply_retention("tested", 200)
    assert cache.series() == []
    assert not (tmp_path / "nowhere").exists()


# What the disk does.


@pytest.mark.parametrize("damage", [b"", b"x", None], ids=["emptied", "overwritten", "removed"])
def test_a_damaged_segment_is_noticed_by_every_fresh_read(tmp_path: Path, damage: bytes | None):
    DataCache(tmp_path).append("tested", quarter_hours(0, 96 * 40), INFO)
    segment = min((tmp_path / "tested").glob("*.parquet"))
    if damage is None:
        segment.unlink()
    else:
        segment.write_bytes(damage)
    with pytest.raises(StoreDamaged, match="2024-01-") as caught:
        stored(tmp_path)
    assert str(tmp_path / "tested") in caught.value.remedy
    february = Millis(START + 32 * DAY)
    assert len(DataCache(tmp_path).read("tested", february, ALWAYS[1])) > 0  # the other month is still good


def test_one_flipped_bit_is_noticed(tmp_path: Path):
    DataCache(tmp_path).append("tested", quarter_hours(0, 100), INFO)
    (segment,) = (tmp_path / "tested").glob("*.parquet")
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    with pytest.raises(StoreDamaged, match="not what was written"):
        stored(tmp_path)


@pytest.mark.parametrize("edit", [lambda t: t[: len(t) // 2], lambda t: t.replace("100", "101"), lambda t: "[]"])
def test_a_damaged_manifest_is_noticed(tmp_path: Path, edit):
    DataCache(tmp_path).append("tested", quarter_hours(0, 100), INFO)
    manifest = tmp_path / "tested" / "manifest.json"
    manifest.write_text(edit(manifest.read_text()))
    with pytest.raises(StoreDamaged, match="not readable as a series"):
        DataCache(tmp_path).open_series("tested")


def test_what_an_interrupted_write_left_is_swept_by_the_next(tmp_path: Path):
    cache = DataCache(tmp_path)
    cache.append("tested", quarter_hours(0, 10), INFO)
    folder = tmp_path / "tested"
    orphans = [
        folder / f"2023-05-{'0' * 16}.parquet",
        folder / f"2024-01-{'1' * 16}.parquet.tmp",
        folder / "manifest.json.tmp",
    ]
    foreign = folder / "notes.txt"
    for path in (*orphans, foreign):
        path.write_bytes(b"?")
    cache.append("tested", quarter_hours(10, 10), INFO)
    assert not any(path.exists() for path in orphans)
    assert foreign.exists()
    assert stored(tmp_path) == quarter_hours(0, 20)


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path: Path):
    cache = DataCache(tmp_path)
    cache.append("tested", quarter_hours(0, 10), INFO)
    code = (
        "import sys; from src.data.data_cache import DataCache; from tests.data.bars import INFO, quarter_hours\n"
        "DataCache(sys.argv[1]).append('tested', quarter_hours(0, 2900), INFO)"
    )
    limits = (2_000, 2_000)  # bytes: enough for the manifest, not for the segment
    run = subprocess.run(
        [sys.executable, "-B", "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits),
    )
    assert "File too large" in run.stderr
    assert stored(tmp_path) == quarter_hours(0, 10)
    assert not list(tmp_path.rglob("*.tmp"))
    assert cache.append("tested", quarter_hours(0, 2_900), INFO) == 2_890


WRITER = """
import sys
from src.data.data_cache import DataCache
from tests.data.bars import INFO, quarter_hours
cache = DataCache(sys.argv[1])
print("ready", flush=True)
for i in range(0, 100_000, 40):
    cache.append("tested", quarter_hours(i, 40), INFO)
"""


@pytest.mark.parametrize("after_s", [0.0, 0.011, 0.023, 0.037, 0.052, 0.071, 0.1, 0.19])
def test_a_writer_killed_at_any_instant_leaves_a_whole_prefix(tmp_path: Path, after_s: float):
    with subprocess.Popen([sys.executable, "-B", "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(after_s)
        writer.send_signal(signal.SIGKILL)
    bars = stored(tmp_path) if DataCache(tmp_path).names() else Candles.empty()
    assert len(bars) % 40 == 0
    assert bars == quarter_hours(0, len(bars))
    assert DataCache(tmp_path).append("tested", quarter_hours(len(bars), 40), INFO) == 40
    assert stored(tmp_path) == quarter_hours(0, len(bars) + 40)
    assert not list(tmp_path.rglob("*.tmp"))


def test_readers_see_whole_states_while_a_writer_writes(tmp_path: Path):
    DataCache(tmp_path).append("tested", quarter_hours(0, 40), INFO)

    def write() -> None:
        cache = DataCache(tmp_path)
        for i in range(40, 1_600, 40):
            cache.append("tested", quarter_hours(i, 40), INFO)

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while writer.is_alive():
        bars = stored(tmp_path)
        assert bars == quarter_hours(0, len(bars))
        seen.add(len(bars))
    writer.join()
    assert len(stored(tmp_path)) == 1_600
    assert all(length % 40 == 0 for length in seen)


def test_two_writers_lose_nothing(tmp_path: Path):
    def write(first: int) -> None:
        cache = DataCache(tmp_path)
        for i in range(first, 1_000, 100):
            cache.append("tested", quarter_hours(i, 50), INFO)

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 50)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert stored(tmp_path) == quarter_hours(0, 1_000)


def test_a_writer_that_never_ends_is_named_instead_of_waited_for(tmp_path: Path):
    DataCache(tmp_path).append("tested", quarter_hours(0, 10), INFO)
    with (tmp_path / ".writer.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another process has been writing"):
            DataCache(tmp_path, lock_wait_s=0.1).append("tested", quarter_hours(10, 10), INFO)
    assert DataCache(tmp_path).append("tested", quarter_hours(10, 10), INFO) == 10


def test_a_folder_without_rights_is_an_error_of_the_disk(tmp_path: Path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        DataCache(tmp_path).append("tested", quarter_hours(0, 10), INFO)


# Memory and retention.


def test_no_more_months_stay_in_memory_than_allowed(tmp_path: Path):
    DataCache(tmp_path).append("tested", quarter_hours(0, 96 * 100), INFO)
    small = DataCache(tmp_path, segments_in_memory=1)
    small.read("tested", *ALWAYS)
    first, *_, last = sorted((tmp_path / "tested").glob("*.parquet"))
    first.unlink()
    last.unlink()
    assert len(small.read("tested", Millis(START + 95 * DAY), ALWAYS[1])) == 5 * 96  # the last month is remembered
    with pytest.raises(StoreDamaged, match="is missing"):
        small.read("tested", *ALWAYS)


def test_retention_keeps_whole_days_back_from_the_newest_bar(tmp_path: Path):
    cache = DataCache(tmp_path)
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(300)]
    cache.append("tested", quarter_hours(0, 96 * 300), INFO, complete_days=days)
    assert cache.apply_retention("tested", 210) == 90 * 96
    assert stored(tmp_path) == quarter_hours(90 * 96, 210 * 96)
    assert cache.complete_days("tested") == frozenset(days[90:])
    assert cache.apply_retention("tested", 210) == 0


def test_retention_below_what_the_features_need_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="199 days") as caught:
        DataCache(tmp_path).apply_retention("tested", 199)
    assert "200" in caught.value.remedy
