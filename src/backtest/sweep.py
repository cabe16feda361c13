"""The sweep: many parameter sets over the same candles, on every core, a line of figures for each.

The candles are read and their rows computed once; every process gets the same tape. Parameters are arguments of
the fold, so a set costs what the fold costs. Sets are worked on in any order and written in theirs: processes,
scheduling, a kill in between and a cluster do not change a byte of the results.
"""

import hashlib
import importlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Final, NamedTuple

from src.backtest.fold import MarketParams, Tape, brief_output
from src.backtest.independent_trials import independent_trials
from src.backtest.parameter_space import Axis, SettingsOfSets, Value, read_axes, value_in, value_sets
from src.backtest.playback import Player, Progress, compiled_player, interpreted_player, is_compiled, silent
from src.backtest.preparation import (
    Stretch,
    chosen_params,
    chosen_strategies,
    fee_rates,
    parameters_hash,
    read_stretch,
    run_hash,
    starting_cash,
    trial_family,
)
from src.backtest.set_figures import Floats, SetFigures, daily_returns, day_ends, set_figures
from src.backtest.sharpe import Moments
from src.backtest.sweep_store import ResultWriter, open_results, read_results, read_returns
from src.backtest.tape import build_tape, frozen
from src.backtest.trial_chain import Trial, TrialKind
from src.backtest.trial_ledger import Finding, TrialLedger
from src.core.allocator import keep_freed_memory
from src.core.config import Settings
from src.core.domain.market import Instrument, Money
from src.core.domain.time import BAR_15M, Millis, format_jst
from src.core.exceptions import ConfigError
from src.core.machine import core_count
from src.core.orchestration.cluster import connected, other_program
from src.core.orchestration.wiring import feature_settings, instrument, market_params
from src.trading.columns_read import columns_of
from src.trading.decision import Params

_AHEAD: Final = 4  # sets in the queue for each process
_WORTH_PROCESSES_S: Final = 10.0  # work that others are started for: each takes seconds until it begins
_FOLDER_OF_SETTINGS: Final = Path("config/backtest/base.yaml")


class Member(NamedTuple):
    """One set, ready to run."""

    number: int  # from 0
    values: tuple[Value, ...]  # in the order of the axes
    parameters_hash: str  # of the strategies
    config_hash: str  # of everything beside the candles
    cash: Money
    params: Params
    market: MarketParams


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What all sets share; it travels once to every process."""

    key: str  # of the sweep
    program: str  # hash of the sources it belongs to
    tape: Tape
    unit: Instrument
    compiled: bool
    cache: Path


class Measured(NamedTuple):
    """What one set left."""

    figures: SetFigures
    returns: Floats  # of its days; empty if there are none on such an account


class Sweep(NamedTuple):
    """A sweep that is ready to run: every set went through the loader of the settings."""

    manifest: dict[str, Any]  # what is tried on what, plain JSON values
    axes: tuple[Axis, ...]
    members: list[Member]
    stretch: Stretch
    job: Job

    @property
    def name(self) -> str:
        """Of its folder: the same for the same sweep."""
        return f"{self.stretch.info.name}-{self.job.key[:12]}"

    @property
    def family(self) -> str:
        """What its sets are counted under."""
        return trial_family(self.stretch.info)


class Request(NamedTuple):
    """What to try, as a person writes it."""

    grids: Sequence[str] = ()
    ranges: Sequence[str] = ()
    random: int | None = None
    seed: int = 0
    data: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    days: int | None = None
    strategies: Sequence[str] | None = None


def prepare_sweep(
    request: Request,
    config: Path = _FOLDER_OF_SETTINGS,
    environ: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Sweep:
    """Return the sweep that `request` describes; nothing has run yet, everything has been checked.

    Raises
    ------
    ConfigError
        If a parameter, a value or a combination is not possible; the text names it and the reason.
    NoCandles
        If there are no candles for the range.
    """
    loader = SettingsOfSets(config, dict(os.environ if environ is None else environ))
    settings = loader.of((), ())
    names = chosen_strategies(settings, request.strategies)
    axes = read_axes(request.grids, request.ranges, settings)
    _refuse_idle(axes, names)
    values = value_sets(axes, request.random, request.seed)
    members = []
    for number, given in enumerate(values):
        members.append(_member(number, axes, loader.of(axes, given), names))
        progress("checking", number + 1, len(values))
    _refuse_model(members)
    stretch = read_stretch(settings, request.data, request.start, request.end, request.days)
    progress("features", 0, len(stretch.candles))
    rates = fee_rates(settings, stretch.candles.closed_at)
    columns = columns_of(members[0].params)  # strategies and model are the same in all
    tape = build_tape(stretch.candles, stretch.first, *rates, feature_settings(settings), columns)
    program = _program(members[0].params)
    manifest = _manifest(request, axes, len(members), stretch, settings, names, program)
    key = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    compiled = is_compiled(settings.backtest, len(tape.closed_at) * len(members))
    job = Job(key, program, tape, instrument(settings), compiled, Path(settings.backtest.cache))
    return Sweep(manifest, axes, members, stretch, job)


def run_sweep(
    sweep: Sweep,
    folder: Path,
    ledger: TrialLedger,
    *,
    resume: bool = False,
    processes: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
) -> Finding:
    """Run the sets that `folder` does not hold yet, and return what was found in the ledger that counts them.

    Parameters
    ----------
    ledger
        Counts every set that was written, also when the sweep is stopped before its end.
    processes
        How many to work in; one is this process itself. None is one for each core this process may use, as soon as
        there is work for more than ten seconds.
    cluster
        Address of a dask.distributed scheduler that is to do the work instead.
    progress
        Told "sets" as they are written.

    Raises
    ------
    ConfigError
        If the folder holds another sweep, or this one and `resume` is not set; if the cluster cannot be used; if
        a process was ended from outside.
    """
    if processes is not None and processes < 1:
        raise ConfigError(f"{processes} processes cannot work", remedy="give --processes a number from 1 on")
    with open_results(folder, sweep.manifest, resume=resume) as results:
        todo = sweep.members[results.count :]
        try:
            if todo:
                _run(sweep, todo, results, (processes, cluster), progress)
        finally:
            finding = ledger.append(trials_of(sweep, folder))
        return finding


def trials_of(sweep: Sweep, folder: Path) -> list[Trial]:
    """Return the sets that `folder` holds as trials for the ledger.

    Each is the same share of an independent try: sets that resemble one another are many sets, but few tries.
    """
    lines, closed_at = read_results(folder), sweep.job.tape.closed_at
    after, until = Millis(int(closed_at[0]) - BAR_15M), Millis(int(closed_at[-1]))
    data, sets = sweep.manifest["data_hash"], len(lines)
    share = independent_trials(read_returns(folder, sweep.manifest["days"], sets)) / sets if sets else 1.0
    return [
        Trial(
            TrialKind.SWEEP,
            sweep.family,
            sweep.members[line["set"]].parameters_hash,
            sweep.members[line["set"]].config_hash,
            data,
            after,
            until,
            moments_in(line),
            min(share, 1.0),
        )
        for line in lines
    ]


def moments_in(line: Mapping[str, Any]) -> Moments | None:
    """Return the moments of a set's daily returns; None if there is no Sharpe ratio."""
    if line["sharpe_daily"] is None:
        return None
    return Moments(line["days"], line["sharpe_daily"], line["skew"], line["kurtosis"])


def _run(
    sweep: Sweep,
    todo: Sequence[Member],
    results: ResultWriter,
    where: tuple[int | None, str | None],
    progress: Progress,
) -> None:
    job = _compiled_once(sweep.job, todo[0], progress)
    progress("sets", results.count, len(sweep.members))
    with closing(_figures(job, todo, *where)) as found:
        for member, measured in _in_order(found, todo):
            results.append(_line(sweep.axes, member, measured.figures), measured.returns)
            progress("sets", results.count, len(sweep.members))


def _refuse_idle(axes: Sequence[Axis], names: Sequence[str]) -> None:
    """Refuse to vary a strategy that does not run: all of its sets would be the same."""
    for axis in axes:
        if axis.key[0] == "strategies" and axis.key[1] not in names:
            raise ConfigError(
                f"{axis.name} belongs to a strategy that does not run",
                remedy=f"add {axis.key[1]} to --strategies, or leave the parameter out",
            )


def _refuse_model(members: Sequence[Member]) -> None:
    """Refuse sets in which a model is to judge: it knows the trades of one set alone, and would hold in all others."""
    if any(member.params.model.used for member in members):
        raise ConfigError(
            "a sweep cannot ask a model: it was trained for the trades of one set of parameters",
            remedy="write model.used: false for a sweep; `backtest` runs one set with its model",
        )


def _member(number: int, axes: Sequence[Axis], settings: Settings, names: tuple[str, ...]) -> Member:
    params, cash = chosen_params(settings, names), starting_cash(settings)
    values = tuple(value_in(settings, axis.key) for axis in axes)
    config_hash = run_hash(settings, cash, names, params.costs.slippage_ppm, None)
    return Member(number, values, parameters_hash(params), config_hash, cash, params, market_params(settings))


def _manifest(
    request: Request,
    axes: Sequence[Axis],
    sets: int,
    stretch: Stretch,
    settings: Settings,
    names: Sequence[str],
    program: str,
) -> dict[str, Any]:
    info, candles, first = stretch
    return {
        "sets": sets,
        "grids": {axis.name: axis.text for axis in axes if not axis.drawn},
        "ranges": {axis.name: axis.text for axis in axes if axis.drawn},
        "random": request.random,
        "seed": request.seed if request.random is not None else None,
        "series": info.name,
        "source": info.source,
        "synthetic": info.synthetic,
        "symbol": info.symbol,
        "from": format_jst(Millis(int(candles.closed_at[first]) - BAR_15M)),
        "to": format_jst(Millis(int(candles.closed_at[-1]))),
        "bars": len(candles) - first,
        "bars_warmup": first,
        "days": day_ends(candles.closed_at[first:]).days,
        "strategies": list(names),
        "data_hash": candles.sha256(),
        "config_hash": settings.hash(),
        "program": program,
    }


def _program(params: Params) -> str:
    """Return the hash of the sources, numba's version included: another program is another sweep."""
    module = importlib.import_module("src.backtest.compiled")
    name: str = module.cache_name(tuple(type(strategy) for strategy in params.strategies))
    return name


def _line(axes: Sequence[Axis], member: Member, figures: SetFigures) -> dict[str, Any]:
    names = (axis.name for axis in axes)
    return {"set": member.number, **dict(zip(names, member.values, strict=True)), **figures._asdict()}


# ------------------------------------------------------------------------------------------------- one set, anywhere


class _Station:
    """A place where sets are worked on, one after the other, over the same arrays."""

    def __init__(self, job: Job, strategies: int, member: Member, progress: Progress = silent) -> None:
        tape = frozen(job.tape)  # what travelled between processes is writable again: other types, another compilation
        self.key = job.key
        self._player: Player = (
            compiled_player(tape, member.params, member.market, job.cache, progress)
            if job.compiled
            else interpreted_player(tape)
        )
        self.compiled = self._player.compiled
        self._output = brief_output(len(tape.closed_at), strategies)
        self._ends = day_ends(tape.closed_at)
        self._unit = job.unit
        self._alone = threading.Lock()  # a cluster's process may work in several threads

    def measure(self, member: Member) -> Measured:
        """Return what one set left; whatever the arrays held before is written over."""
        with self._alone:
            played = self._player.play(member.cash, member.params, member.market, self._output)
            world, trades = self._player.closed(played, member.params, self._output)
            final, days = world.book.cash, self._ends.days
            returns = daily_returns(self._output.equity, member.cash, final, self._ends)
            return Measured(set_figures(member.cash, final, self._output, trades, returns, days, self._unit), returns)


_here: dict[str, Any] = {}
"""What this process works with: its job and its station, made with the first set."""
_making: Final = threading.Lock()


def _station_for(job: Job, member: Member) -> _Station:
    with _making:
        station: _Station | None = _here.get("station")
        if station is None or station.key != job.key:
            station = _Station(job, len(member.params.strategies), member)
            _here["station"] = station
        return station


def _begin(job: Job) -> None:
    """Prepare a process of the pool: it knows its job, leaves Ctrl-C to its parent and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _here["job"] = job


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _measure_here(member: Member) -> Measured:
    return _station_for(_here["job"], member).measure(member)


def _measure_there(job: Job, member: Member) -> Measured | None:
    """Return what one set left; None where the program is another one."""
    return _station_for(job, member).measure(member) if job.program == _program(member.params) else None


# ------------------------------------------------------------------------------------------------ all sets, in order


def _compiled_once(job: Job, member: Member, progress: Progress) -> Job:
    """Compile into the cache before many processes would, and learn whether it can be done at all."""
    if not job.compiled:
        return job
    tape = frozen(job.tape)
    player = compiled_player(tape, member.params, member.market, job.cache, progress)
    return Job(job.key, job.program, job.tape, job.unit, player.compiled, job.cache)


def _figures(
    job: Job, members: Sequence[Member], processes: int | None, cluster: str | None
) -> Generator[tuple[int, Measured], None, None]:
    """Yield the sets' numbers and figures as they are finished."""
    if cluster is not None:
        with _cluster(cluster, job) as (executor, there, width):
            yield from _stream(executor, lambda run, m: run.submit(_measure_there, there, m), members, width)
        return
    wanted = min(processes or core_count(), len(members))
    if wanted == 1 or processes is None:
        alone = 0
        for number, measured in _alone(job, members, not_longer_than=None if wanted == 1 else _WORTH_PROCESSES_S):
            alone += 1
            yield number, measured
        members = members[alone:]
    if members:
        yield from _pooled(job, members, wanted)


def _alone(job: Job, members: Sequence[Member], not_longer_than: float | None) -> Iterator[tuple[int, Measured]]:
    """Yield figures worked out in this process; stop once what is left would take longer, in seconds."""
    station = _Station(job, len(members[0].params.strategies), members[0])
    begun = time.perf_counter()
    for done, member in enumerate(members, start=1):
        yield member.number, station.measure(member)
        left = (time.perf_counter() - begun) / done * (len(members) - done)
        if not_longer_than is not None and left > not_longer_than:
            return


def _pooled(job: Job, members: Sequence[Member], wanted: int) -> Iterator[tuple[int, Measured]]:
    """Yield figures as the processes of a pool finish them."""
    pool = ProcessPoolExecutor(wanted, get_context("spawn"), _begin, (job,))
    try:
        yield from _stream(pool, lambda run, m: run.submit(_measure_here, m), members, wanted)
    except BrokenExecutor as e:
        raise ConfigError(
            "a process of the sweep was ended from outside, perhaps for want of memory",
            remedy="go on with --resume and fewer --processes; what was written is kept",
        ) from e
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _stream(
    executor: Executor,
    submit: Callable[[Executor, Member], "Future[Measured | None]"],
    members: Sequence[Member],
    width: int,
) -> Iterator[tuple[int, Measured]]:
    """Yield figures as they come, with only a few sets in the queue at a time."""
    waiting: dict[Future[Measured | None], int] = {}
    rest = iter(members)
    while True:
        for member in rest:
            waiting[submit(executor, member)] = member.number
            if len(waiting) >= _AHEAD * width:
                break
        if not waiting:
            return
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            number, measured = waiting.pop(future), future.result()
            if measured is None:
                raise other_program()
            yield number, measured


def _in_order(found: Iterator[tuple[int, Measured]], members: Sequence[Member]) -> Iterator[tuple[Member, Measured]]:
    """Yield the sets in their order; what comes early waits."""
    early: dict[int, Measured] = {}
    rest = iter(members)
    due = next(rest)
    for number, measured in found:
        early[number] = measured
        while due.number in early:
            yield due, early.pop(due.number)
            following = next(rest, None)
            if following is None:
                return
            due = following


@contextmanager
def _cluster(address: str, job: Job) -> Iterator[tuple[Executor, Any, int]]:
    """Yield the cluster as an executor, the job on its way to every worker, and the number of its threads."""
    with connected(address) as (client, width):
        try:
            there = client.scatter(job, broadcast=True, hash=False)
            yield client.get_executor(pure=False), there, width
        except ModuleNotFoundError as e:
            raise other_program() from e
