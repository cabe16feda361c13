"""The store of closed candles: a folder per series, a file per UTC month, a manifest that names them.

    root/.writer.lock
    root/<series>/manifest.json               replaced as a whole: this rename is the commit
    root/<series>/2024-01-0123456789abcdef.parquet   never changed; the name holds its hash

A write puts new segments on the disk under new names, then replaces the manifest. Killed at any instant it
leaves the old state or the new one; segments that no manifest names are swept at the next write. Two stores
live at two roots: the trader's short one and the backtest's long one, which the backtest opens read-only.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from src.core.domain.candles import COLUMNS, Candles, SeriesInfo
from src.core.domain.time import DAY, Millis, to_datetime, utc_date
from src.core.exceptions import BadCandles, ConfigError, NoCandles, StoreDamaged
from src.data.atomic_file import TEMPORARY, sync_folder, write_atomically
from src.data.manifest import MANIFEST_FILE, Manifest, Segment, decode, encode, restore
from src.data.merge import by_month, day_of, merge, month_of
from src.data.quality import require_sound
from src.data.writer_lock import single_writer

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
SEGMENT_FILE: Final = re.compile(r"\d{4}-\d{2}-[0-9a-f]{16}\.parquet(\.tmp)?")
MIN_RETENTION_DAYS: Final = 200  # the slowest feature needs 120 days before the first of a month, and a margin
READ_ATTEMPTS: Final = 3  # a writer may replace segments between our reading the manifest and the segment
SCHEMA: Final = pa.schema([pa.field(name, pa.int64(), nullable=False) for name in COLUMNS])


class Extent(NamedTuple):
    """How much of a series is stored."""

    bars: int
    first: Millis | None  # closed_at; None when there are no bars
    last: Millis | None


class DataCache:
    """Series of candles under one root folder.

    Parameters
    ----------
    root
        The folder; made by the first write.
    read_only
        Refuse every write.
    segments_in_memory
        Most months kept in memory; the least recently used goes first.
    lock_wait_s
        How long a write waits for another writer.
    """

    def __init__(
        self, root: Path | str, *, read_only: bool = False, segments_in_memory: int = 48, lock_wait_s: float = 10.0
    ) -> None:
        self.root = Path(root)
        self._read_only = read_only
        self._memory = _SegmentMemory(segments_in_memory)
        self._lock_wait_s = lock_wait_s

    def series(self) -> list[SeriesInfo]:
        """Return what is stored, by name.

        Raises
        ------
        StoreDamaged
            If a series cannot be read; `names` still lists it.
        """
        return [self.open_series(name) for name in self.names()]

    def names(self) -> list[str]:
        """Return the names of the stored series, in order."""
        return sorted(path.parent.name for path in self.root.glob(f"*/{MANIFEST_FILE}"))

    def open_series(self, name: str) -> SeriesInfo:
        """Return what the series is.

        Raises
        ------
        NoCandles
            If there is none of that name.
        StoreDamaged
            If its manifest is not what was written.
        """
        return self._manifest(name).info

    def extent(self, name: str) -> Extent:
        """Return how much of the series is stored; errors as for `open_series`."""
        segments = self._manifest(name).segments
        if not segments:
            return Extent(0, None, None)
        return Extent(sum(s.bars for s in segments), Millis(segments[0].first), Millis(segments[-1].last))

    def complete_days(self, name: str) -> frozenset[date]:
        """Return the UTC days that need not be fetched again; none for a series that does not exist."""
        manifest = self._manifest_or_none(name)
        return manifest.complete_days if manifest else frozenset()

    def read(self, name: str, start: Millis, end: Millis) -> Candles:
        """Return the stored bars that closed after `start` and not after `end`; perhaps none.

        Raises
        ------
        NoCandles
            If there is no series of that name.
        StoreDamaged
            If a file is missing or is not what was written.
        """
        attempt = 1
        while True:
            wanted = [s for s in self._manifest(name).segments if s.last > start and s.first <= end]
            try:
                return Candles.joined(self._load(name, segment) for segment in wanted).between(start, end)
            except FileNotFoundError as e:
                if attempt == READ_ATTEMPTS:
                    raise StoreDamaged(f"{e.filename} is missing", remedy=restore(self.root / name)) from e
                attempt += 1

    def append(
        self,
        name: str,
        candles: Candles,
        info: SeriesInfo,
        *,
        replace: bool = False,
        complete_days: Iterable[date] = (),
    ) -> int:
        """Store bars, in one commit; bars that are already stored may be given again.

        Parameters
        ----------
        name
            Of the series; made when it does not exist.
        candles
            Bars of any time, before, after or between the stored ones.
        info
            What the series is; symbol, timeframe and `synthetic` must be those of the stored series. A new
            source is added to the known ones.
        replace
            Let given bars win over stored ones of the same time.
        complete_days
            UTC days to record as stored completely.

        Returns
        -------
        int
            Number of bars that were not stored before.

        Raises
        ------
        BadCandles
            If a bar is impossible or off the grid, or differs from the stored one of its time (the first is
            named), or the series is another market's. Nothing is stored.
        ConfigError
            If the store is read-only or the name unfit.
        OSError
            If the disk refuses. Nothing is stored.
        """
        folder = self._writable(name)
        complete_days = frozenset(complete_days)
        if not len(candles) and not complete_days:
            return 0
        require_sound(candles, info.timeframe, name)
        folder.mkdir(parents=True, exist_ok=True)
        with single_writer(self.root, self._lock_wait_s):
            old = self._manifest_or_none(name)
            _sweep(folder, old)
            info = _joint_info(old, info._replace(name=name))
            segments = {s.month: s for s in old.segments} if old else {}
            before = sum(s.bars for s in segments.values())
            for month, bars in self._changed_months(name, segments, candles, replace):
                segments[month] = self._store(folder, bars)
            days = (old.complete_days if old else frozenset()) | complete_days
            new = Manifest(info, tuple(segments[month] for month in sorted(segments)), days)
            _commit(folder, old, new)
            return sum(s.bars for s in new.segments) - before

    def apply_retention(self, name: str, days: int) -> int:
        """Keep the newest `days` UTC days of a series, counted back from its newest bar; drop older bars.

        Returns
        -------
        int
            Number of bars dropped.

        Raises
        ------
        ConfigError
            If `days` is below 200: the slowest feature could no longer be computed.
        """
        if days < MIN_RETENTION_DAYS:
            raise ConfigError(
                f"keeping {days} days of candles is too few",
                remedy=f"keep at least {MIN_RETENTION_DAYS}: the slowest 4-hour feature needs that much history",
            )
        folder = self._writable(name)
        self._manifest(name)  # an unknown series is an error before any lock is taken
        with single_writer(self.root, self._lock_wait_s):
            old = self._manifest(name)
            _sweep(folder, old)
            if not old.segments:
                return 0
            cut = Millis((day_of(Millis(old.segments[-1].last)) - days + 1) * DAY)
            kept = [s for s in old.segments if s.last > cut]
            first = self._load(name, kept[0]).between(cut, Millis(kept[0].last))
            if len(first) < kept[0].bars:
                kept[0] = self._store(folder, first)
            complete = frozenset(day for day in old.complete_days if day >= utc_date(cut))
            _commit(folder, old, Manifest(old.info, tuple(kept), complete))
            return sum(s.bars for s in old.segments) - sum(s.bars for s in kept)

    def _writable(self, name: str) -> Path:
        if self._read_only:
            raise ConfigError(
                f"the store {self.root} was opened read-only", remedy="write to it with `python main.py data …`"
            )
        return self._folder(name)

    def _folder(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise ConfigError(
                f"{name!r} cannot be the name of a series",
                remedy="use up to 64 small letters, digits, '_', '-' and '.', beginning with a letter or digit",
            )
        return self.root / name

    def _manifest(self, name: str) -> Manifest:
        manifest = self._manifest_or_none(name)
        if manifest is None:
            stored = ", ".join(self.names()) or "nothing yet"
            raise NoCandles(
                f"there is no series {name!r} in {self.root} (stored: {stored})",
                remedy="fetch it with `python main.py data download` or `python main.py data import FILE`",
            )
        return manifest

    def _manifest_or_none(self, name: str) -> Manifest | None:
        path = self._folder(name) / MANIFEST_FILE
        try:
            return decode(path.read_bytes(), path)
        except FileNotFoundError:
            return None

    def _changed_months(
        self, name: str, segments: Mapping[Millis, Segment], given: Candles, replace: bool
    ) -> list[tuple[Millis, Candles]]:
        """Return the months that are not stored as they should be once `given` is in them, with all their bars."""
        touched = {month for month, _ in by_month(given)} & segments.keys()
        stored = {month: self._load(name, segments[month]) for month in sorted(touched)}
        merged = by_month(merge(Candles.joined(stored.values()), given, replace=replace))
        return [(month, bars) for month, bars in merged if stored.get(month) != bars]

    def _load(self, name: str, segment: Segment) -> Candles:
        """Return the segment's bars; read from the disk, the file's hash is verified.

        Raises
        ------
        FileNotFoundError
            If the file is gone: a writer replaced it, or the store is damaged.
        """
        known = self._memory.get(segment.sha256)
        if known is not None:
            return known
        path = self.root / name / segment.file
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != segment.sha256:
            raise StoreDamaged(f"{path} is not what was written to it", remedy=restore(path.parent))
        candles = _from_parquet(content)
        self._memory.put(segment.sha256, candles)
        return candles

    def _store(self, folder: Path, month: Candles) -> Segment:
        content = _to_parquet(month)
        digest = hashlib.sha256(content).hexdigest()
        start = month_of(month.bar(0).closed_at)
        segment = Segment(
            file=f"{to_datetime(start):%Y-%m}-{digest[:16]}.parquet",
            sha256=digest,
            month=start,
            bars=len(month),
            first=month.bar(0).closed_at,
            last=month.bar(-1).closed_at,
        )
        write_atomically(folder / segment.file, content)
        self._memory.put(digest, month)
        return segment


class _SegmentMemory:
    """The most recently used segments, by the hash of their file: what is kept can never be out of date."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, Candles] = OrderedDict()
        self._lock = Lock()  # readers may run in threads beside the event loop

    def get(self, digest: str) -> Candles | None:
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
            return self._kept.get(digest)

    def put(self, digest: str, candles: Candles) -> None:
        with self._lock:
            self._kept[digest] = candles
            self._kept.move_to_end(digest)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


def _joint_info(old: Manifest | None, given: SeriesInfo) -> SeriesInfo:
    """Return what the series is after an append; refuse bars of another market."""
    if old is None:
        return given
    known = old.info
    if (known.symbol, known.timeframe, known.synthetic) != (given.symbol, given.timeframe, given.synthetic):
        raise BadCandles(
            f"the series {known.name!r} is {_kind(known)}; the given bars are {_kind(given)}",
            remedy="store them under another name",
        )
    sources = known.source.split("; ")
    return known if given.source in sources else known._replace(source="; ".join([*sources, given.source]))


def _kind(info: SeriesInfo) -> str:
    return f"{'synthetic' if info.synthetic else 'real'} {info.symbol} of {info.timeframe // 60_000} minutes"


def _commit(folder: Path, old: Manifest | None, new: Manifest) -> None:
    """Make `new` the truth."""
    if new == old:
        return
    sync_folder(folder)
    write_atomically(folder / MANIFEST_FILE, encode(new))
    sync_folder(folder.parent)


def _sweep(folder: Path, manifest: Manifest | None) -> None:
    """Remove what interrupted or earlier writes left: files of ours that the manifest does not name.

    One generation of replaced segments stays until the next write, for readers that are just at it.
    """
    named = {segment.file for segment in manifest.segments} if manifest else set()
    for path in folder.iterdir():
        left_over = SEGMENT_FILE.fullmatch(path.name) and path.name not in named
        if left_over or path.name == MANIFEST_FILE + TEMPORARY:
            path.unlink(missing_ok=True)


def _to_parquet(candles: Candles) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.Table.from_arrays([pa.array(column) for column in candles.columns], schema=SCHEMA)
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def _from_parquet(content: bytes) -> Candles:
    table = pq.read_table(pa.BufferReader(content), schema=SCHEMA, use_threads=False).combine_chunks()
    return Candles(*(table.column(name).to_numpy() for name in COLUMNS))
