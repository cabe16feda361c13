"""What the measured lines amount to: medians, and ratios paired by round. Pure arithmetic."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, NamedTuple


class Case(NamedTuple):
    """One piece of work, as every peer gets it."""

    work: str  # "one" or "sweep"
    bars: int
    cores: int


class Line(NamedTuple):
    """What one process of one peer measured in one round."""

    case: Case
    peer: str
    round: int
    measured: dict[str, Any]  # see `benchmarks.measure.report`


class Row(NamedTuple):
    """One peer's figures for one case, over all rounds."""

    case: Case
    peer: str
    version: str
    rounds: int
    import_s: float
    cold_s: float
    first_cold_s: float  # of the first round: caches on disk are empty then
    warm_s: float
    best_s: float  # the fastest run of all: what is left when nothing else uses the machine
    ns_per_bar: float  # of warm_s; for the sweep, per bar and parameter set
    ratio: float | None  # to the base peer's warm time
    ratio_range: tuple[float, float] | None  # smallest and largest of the rounds
    trades: int
    match: float | None
    parts_s: dict[str, float]
    peak_mib: float
    first_peak_mib: float  # of the first round, which may have compiled


def tabulate(lines: Sequence[Line], base: str, sets: int) -> list[Row]:
    """Return a row for each case and peer, in order of first appearance.

    Parameters
    ----------
    base
        Peer that the ratios are against.
    sets
        Parameter sets in a sweep.
    """
    keys = dict.fromkeys((line.case, line.peer) for line in lines)
    return [_row(case, peer, lines, base, sets) for case, peer in keys]


def paired_ratios(lines: Iterable[Line], case: Case, peer: str, base: str) -> list[float]:
    """Return warm time over the base's warm time, for each round that has both: what drifts, drifts in both."""
    warm = {(line.peer, line.round): median(line.measured["warm_s"]) for line in lines if line.case == case}
    rounds = sorted({number for _, number in warm})
    return [warm[peer, k] / warm[base, k] for k in rounds if (peer, k) in warm and (base, k) in warm]


def _row(case: Case, peer: str, lines: Sequence[Line], base: str, sets: int) -> Row:
    own = [line for line in lines if (line.case, line.peer) == (case, peer)]
    measured = [line.measured for line in own]
    ratios = paired_ratios(lines, case, peer, base)
    warm = median(median(m["warm_s"]) for m in measured)
    parts = {name: median(median(m["parts_s"][name]) for m in measured) for name in measured[0]["parts_s"]}
    return Row(
        case=case,
        peer=peer,
        version=measured[0]["version"],
        rounds=len(own),
        import_s=median(m["import_s"] for m in measured),
        cold_s=median(m["cold_s"] for m in measured),
        first_cold_s=measured[0]["cold_s"],
        warm_s=warm,
        best_s=min(min(m["warm_s"]) for m in measured),
        ns_per_bar=warm / case.bars / (sets if case.work == "sweep" else 1) * 1e9,
        ratio=median(ratios) if ratios else None,
        ratio_range=(min(ratios), max(ratios)) if ratios else None,
        trades=measured[0]["trades"],
        match=measured[0]["match"],
        parts_s=parts,
        peak_mib=median(m["peak_mib"] for m in measured),
        first_peak_mib=measured[0]["peak_mib"],
    )


def as_table(rows: Sequence[Row]) -> list[str]:
    """Return the rows as lines of a Markdown table."""
    head = (
        "bars",
        "cores",
        "peer",
        "import s",
        "first s",
        "cold s",
        "warm ms",
        "best ms",
        "ns/bar",
        "ratio",
        "trades",
        "match",
        "MiB",
    )
    body = [_cells(row) for row in rows]
    return [_joined(head), _joined(["---", "---:", "---"] + ["---:"] * 10), *map(_joined, body)]


def _cells(row: Row) -> list[str]:
    ratio = "-"
    if row.ratio is not None and row.ratio_range is not None:
        ratio = f"{row.ratio:.3g} ({row.ratio_range[0]:.3g}–{row.ratio_range[1]:.3g})"
    return [
        f"{row.case.bars:,}" if row.case.work == "one" else f"{row.case.bars:,} × sweep",
        str(row.case.cores),
        row.peer,
        f"{row.import_s:.2f}",
        f"{row.first_cold_s:.3g}",
        f"{row.cold_s:.3g}",
        f"{row.warm_s * 1e3:,.1f}",
        f"{row.best_s * 1e3:,.1f}",
        f"{row.ns_per_bar:,.0f}",
        ratio,
        f"{row.trades:,}",
        "-" if row.match is None else f"{row.match:.4f}",
        f"{row.peak_mib:,.0f}",
    ]


def _joined(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
