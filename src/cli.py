"""The command line: arguments in, text and an exit code out.

Exit codes: 0 done, 1 the data or the exchange did not allow it, 2 a wrong argument or setting, 130 stopped by Ctrl-C.
Commands import what they need when they run, so that `--help` answers at once.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from src.core.exceptions import ConfigError, DataError, NoCandles, TraderError
from src.questions_cli import questions

if TYPE_CHECKING:
    from datetime import datetime

    from structlog.stdlib import BoundLogger

    from src.backtest.engine import Progress
    from src.backtest.result import BacktestResult
    from src.core.config import Settings
    from src.core.domain.market import Instrument
    from src.core.domain.time import Millis
    from src.data.candle_file import CandleFile
    from src.data.data_cache import DataCache
    from src.data.data_pipeline import CrossCheck, DataPipeline, DownloadSummary
    from src.data.quality import QualityReport

app = typer.Typer(
    help="An automated trader for BTC/JPY margin on bitbank.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="Candles: fetch, import, check, list.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data, name="data")
suspicion = typer.Typer(help="Checks of the program against itself.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(suspicion, name="check")
models = typer.Typer(help="Trained models and the steps between stages.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(models, name="models")
journal = typer.Typer(help="What a trader has written down.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(journal, name="journal")
app.add_typer(questions)


LOG_FILE: Final = Path("logs/trader.log")
BACKTEST_CONFIG: Final = Path("config/backtest/base.yaml")


class Mode(StrEnum):
    """How the trader runs."""

    PAPER = "paper"
    LIVE = "live"


MODE_CONFIGS: Final = {Mode.PAPER: Path("config/paper/base.yaml"), Mode.LIVE: Path("config/production/base.yaml")}
TRADER_CONFIG: Final = Path("config/production/base.yaml")


class Store(StrEnum):
    """The two stores of candles."""

    HISTORY = "history"
    TRADING = "trading"


StoreOption = Annotated[Store, typer.Option(help="Long history for backtests, or the running trader's own store.")]
RootOption = Annotated[Path | None, typer.Option(help="Folder of the store. [default: as set]")]
ConfigOption = Annotated[Path, typer.Option(help="File of settings.")]
SymbolOption = Annotated[str, typer.Option(help="The traded pair.")]


def main() -> None:
    """Run the command line; errors of this program and of the disk become two lines and an exit code."""
    try:
        app()
    except TraderError as e:
        _tell(e.what, e.remedy)
        raise SystemExit(2 if isinstance(e, ConfigError) else 1) from e
    except OSError as e:
        where = f": {e.filename}" if e.filename else ""
        _tell(f"{e.strerror or e}{where}", _disk_remedy(e))
        raise SystemExit(1) from e


@app.callback(invoke_without_command=True)
def choose_mode(
    mode: Annotated[Mode | None, typer.Option(help="Run the trader: on a paper account, or with real money.")] = None,
    config: Annotated[Path | None, typer.Option(help="File of settings. [default: as the mode's own]")] = None,
    until: Annotated[str | None, typer.Option(help="Stop at this moment: for rehearsals.")] = None,
) -> None:
    """Trade BTC/JPY margin on bitbank; test, explain and report what would have been done."""
    if mode is not None:
        _trade(config or MODE_CONFIGS[mode], None if until is None else _moment(until, "--until"))


@app.command()
def backtest(
    days: Annotated[int | None, typer.Option(help="The last N days of the stored candles.")] = None,
    start: Annotated[str | None, typer.Option(help="First moment: 2023-01-01 or 2023-01-01T09:00 (JST).")] = None,
    end: Annotated[str | None, typer.Option(help="Last moment, written the same way.")] = None,
    symbol: SymbolOption = "BTC/JPY",
    data: Annotated[str | None, typer.Option(help="A stored series, a candle file, or `sample`.")] = None,
    config: ConfigOption = BACKTEST_CONFIG,
    strategies: Annotated[str | None, typer.Option(help="Only these, with commas between them.")] = None,
    initial_balance: Annotated[float | None, typer.Option(help="JPY to start with.")] = None,
    slippage_rate: Annotated[float | None, typer.Option(help="0.0005 is 0.05 % of the price.")] = None,
    commission_rate: Annotated[float | None, typer.Option(help="Replaces the fee table: 0.001 is 0.1 %.")] = None,
    allow_in_sample: Annotated[
        bool, typer.Option("--allow-in-sample", help="Run on what the model has learnt from; the report says so.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show every reason and every trade.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON and nothing else.")] = False,
    draw: Annotated[bool, typer.Option("--report", help="Draw the run's report as well: page, text, picture.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the run. [default: logs/backtests/<run>]")] = None,
) -> None:
    """Run the strategies over stored candles and say what became of the money, and why it did not trade."""
    import asyncio

    from src.backtest.engine import BacktestEngine
    from src.backtest.reporter import run_folder, summary_json, write_run
    from src.core.allocator import keep_freed_memory
    from src.core.clock import SystemClock
    from src.core.config import load_config
    from src.core.domain.time import to_datetime

    keep_freed_memory()
    settings = load_config(config)
    bounds = [
        None if text is None else to_datetime(_moment(text, name))
        for text, name in ((start, "--start"), (end, "--end"))
    ]
    chosen = None if strategies is None else [name.strip() for name in strategies.split(",") if name.strip()]
    with _progress_bar(as_json) as progress:
        engine = BacktestEngine(
            initial_balance,
            slippage_rate,
            commission_rate,
            config=settings,
            data=data,
            strategies=chosen,
            allow_in_sample=allow_in_sample,
            progress=progress,
        )
        result = asyncio.run(engine.run_backtest(bounds[0], bounds[1], symbol, days=days))
    folder = out or run_folder(Path(settings.backtest.output), SystemClock().now(), result)
    write_run(result, folder)
    kept = ("series", "from", "to", "bars", "trades", "final_balance", "data_hash", "config_hash")
    _log(settings).info("backtest finished", run=str(folder), **{name: result.summary[name] for name in kept})
    if result.summary["trial_ledger"]:
        typer.echo(f"trial ledger: {result.summary['trial_ledger']}", err=True)
    if draw:
        _draw_report(folder, settings.language)
    if as_json:
        typer.echo(summary_json(result.summary), nl=False)
        return
    _print_run(result, settings.language, verbose)
    typer.echo(str(folder / "report.html" if draw else folder))


@app.command()
def sweep(
    grid: Annotated[list[str] | None, typer.Option(help="NAME=VALUE,VALUE: atr_based.stretch=0.8,1.0,1.2")] = None,
    range_: Annotated[list[str] | None, typer.Option("--range", help="NAME=LOW:HIGH[:STEP], to draw from.")] = None,
    random: Annotated[int | None, typer.Option(help="Draw so many sets instead of trying every combination.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    days: Annotated[int | None, typer.Option(help="The last N days of the stored candles.")] = None,
    start: Annotated[str | None, typer.Option(help="First moment: 2023-01-01 or 2023-01-01T09:00 (JST).")] = None,
    end: Annotated[str | None, typer.Option(help="Last moment, written the same way.")] = None,
    data: Annotated[str | None, typer.Option(help="A stored series, a candle file, or `sample`.")] = None,
    config: ConfigOption = BACKTEST_CONFIG,
    strategies: Annotated[str | None, typer.Option(help="Only these, with commas between them.")] = None,
    processes: Annotated[int | None, typer.Option(help="How many work at once. [default: one a core]")] = None,
    cluster: Annotated[str | None, typer.Option(help="Address of a dask scheduler that is to do the work.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the same sweep was stopped.")] = False,
    by: Annotated[str, typer.Option(help="Figure by which sets are ranked.")] = "sharpe_daily",
    top: Annotated[int, typer.Option(help="How many of the best are shown.", min=1)] = 10,
    out: Annotated[Path | None, typer.Option(help="Folder of the sweep. [default: logs/sweeps/<sweep>]")] = None,
) -> None:
    """Try many parameter sets over the same candles, and say what the best of so many is worth."""
    from rich.console import Console

    from src.backtest.sweep import Request, prepare_sweep, run_sweep
    from src.backtest.sweep_report import check_figure, overfitting_of, sweep_summary
    from src.backtest.sweep_store import read_results, read_returns
    from src.backtest.trial_ledger import TrialLedger
    from src.core.allocator import keep_freed_memory
    from src.core.clock import SystemClock
    from src.core.config import load_config

    keep_freed_memory()
    check_figure(by)
    settings = load_config(config)
    first, last = _bounds(start, end)
    chosen = _names(strategies)
    request = Request(grid or (), range_ or (), random, seed, data, first, last, days, chosen)
    logs = Path(settings.backtest.output).parent
    try:
        with _stages() as progress:
            prepared = prepare_sweep(request, config, progress=progress)
            folder = out or logs / "sweeps" / prepared.name
            ledger = TrialLedger(Path(settings.backtest.trials), SystemClock())
            found = run_sweep(
                prepared, folder, ledger, resume=resume, processes=processes, cluster=cluster, progress=progress
            )
    except KeyboardInterrupt:
        typer.echo("stopped: every set finished so far is kept and counted; --resume goes on from there", err=True)
        raise typer.Exit(130) from None
    lines, counted = read_results(folder), ledger.summary(prepared.family)
    overfitting = overfitting_of(read_returns(folder, prepared.manifest["days"], len(lines)))
    synthetic = prepared.stretch.info.synthetic
    Console().print(sweep_summary(lines, by, top, counted, overfitting, synthetic, settings.language))
    if not found.harmless:
        typer.echo(f"trial ledger: {found.text}", err=True)
    typer.echo(str(folder))


ReasonOption = Annotated[str, typer.Option(help="Why; it is kept with the command.")]
TraderOption = Annotated[Path, typer.Option(help="File of settings the trader runs with.")]


@app.command()
def halt(reason: ReasonOption, config: TraderOption = TRADER_CONFIG) -> None:
    """Ask the running trader to open no new position; what protects an open one stays."""
    _leave("halt", reason, config)


@app.command()
def resume(reason: ReasonOption, config: TraderOption = TRADER_CONFIG) -> None:
    """Ask the running trader to lift every halt, the drawdown halt included."""
    _leave("resume", reason, config)


@app.command()
def flatten(reason: ReasonOption, config: TraderOption = TRADER_CONFIG) -> None:
    """Ask the running trader to close what is open, then to stay halted."""
    _leave("flatten", reason, config)


@journal.command("verify")
def verify_journal(config: TraderOption = TRADER_CONFIG) -> None:
    """Walk the journal's hash chain and name the first entry that is not as it was written."""
    import os

    from src.core.config import load_config
    from src.core.orchestration.operations import journal_url
    from src.trading.journal import JournalReader

    with JournalReader(journal_url(load_config(config), os.environ)) as reader:
        found = reader.verify()
    if found.broken is not None:
        typer.echo(f"{found.entries:,} entries are as they were written, then entry {found.broken:,} is not")
        raise DataError(
            found.why,
            remedy="keep the database as evidence; restore its latest copy, compare with the exchange",
        )
    typer.echo(f"all {found.entries:,} entries are as they were written; the last hash is {found.hash}")


@app.command()
def train(
    data: Annotated[str | None, typer.Option(help="A stored series, a candle file, or `sample`.")] = None,
    years: Annotated[float | None, typer.Option(help="Of the newest candles. [default: as set]")] = None,
    end: Annotated[str | None, typer.Option(help="Look at no candle after this: 2024-01-01 (JST).")] = None,
    trials: Annotated[int, typer.Option(help="Of a search for settings; the same command goes on.", min=0)] = 0,
    seed: Annotated[int, typer.Option(help="Of the models and of the search.", min=0)] = 0,
    processes: Annotated[int, typer.Option(help="How many tests are worked on at once.", min=1)] = 1,
    cluster: Annotated[str | None, typer.Option(help="Address of a dask scheduler that is to do the work.")] = None,
    config: ConfigOption = BACKTEST_CONFIG,
    out: Annotated[Path | None, typer.Option(help="Folder of the training. [default: logs/training/<version>]")] = None,
) -> None:
    """Train a model, judge it on what it never saw, register it, and say whether it may go on."""
    from src.core.config import load_config
    from src.core.orchestration.model_service import train_and_register
    from src.core.orchestration.model_training import Wanted
    from src.ml.gate_words import lines

    settings = load_config(config)
    until = None if end is None else _moment(end, "--end")
    wanted = Wanted(data, years, until, trials, seed, processes, cluster)
    try:
        with _stages() as progress:
            done = train_and_register(settings, wanted, out, progress)
    except KeyboardInterrupt:
        typer.echo("stopped: trials of the search that had ended are kept; the same command goes on", err=True)
        raise typer.Exit(130) from None
    for line in lines(done.training.judgement, settings.language):
        typer.echo(line)
    typer.echo(done.said)
    typer.echo(str(done.folder))


@app.command()
def drift(
    version: Annotated[
        str | None, typer.Option(help="A model's name. [default: the served one, or the shadow]")
    ] = None,
    data: Annotated[str | None, typer.Option(help="A stored series, a candle file, or `sample`.")] = None,
    config: ConfigOption = BACKTEST_CONFIG,
    out: Annotated[Path | None, typer.Option(help="File of the page. [default: logs/training/drift.html]")] = None,
) -> None:
    """Say whether inputs, predictions or realised calibration have moved away from what the model was taught in."""
    from src.core.config import load_config
    from src.core.orchestration.model_drift import watched
    from src.data.atomic_file import write_atomically
    from src.ml.drift_words import watch_lines, watch_page

    settings = load_config(config)
    with _stages() as progress:
        found = watched(settings, version, data, progress=progress)
    for line in watch_lines(found, settings.language):
        typer.echo(line)
    page = out or Path(settings.training.output) / "drift.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(page, watch_page(found, settings.language).encode())
    typer.echo(str(page))


@models.command("list")
def list_models(config: ConfigOption = BACKTEST_CONFIG) -> None:
    """List every registered model, its stage and why it is there."""
    from src.core.config import load_config
    from src.core.domain.time import format_jst
    from src.core.orchestration.model_service import manager_of

    entries = manager_of(load_config(config)).stages().entries
    if not entries:
        typer.echo("no model is registered; `python main.py train` makes one")
    for entry in reversed(entries.values()):
        typer.echo(f"{entry.version} {entry.stage.value:<10} since {format_jst(entry.since)}  {entry.why}")


@models.command("show")
def show_model(
    version: Annotated[str, typer.Argument(help="Name of the model.")],
    data: Annotated[str | None, typer.Option(help="Candles that show its record. [default: as set]")] = None,
    config: ConfigOption = BACKTEST_CONFIG,
) -> None:
    """Show what a model is and what it has shown in its stage."""
    from src.core.config import load_config
    from src.core.domain.time import format_jst
    from src.core.orchestration.model_service import manager_of, served_lines, served_record

    settings = load_config(config)
    manager = manager_of(settings)
    artefact = manager.artefact(version)
    manifest, entry = artefact.manifest, manager.stages().entries[version]
    typer.echo(f"model {version}, trained until {format_jst(manifest.trained_until)} on {manifest.lines:,} proposals")
    for name, value in manifest.metrics.items():
        typer.echo(f"  {name}: {value}")
    try:
        served = served_record(settings, entry, artefact, data)
    except NoCandles as e:
        typer.echo(f"no record of its stage yet: {e.what}")
        return
    for line in served_lines(entry, served):
        typer.echo(line)


@models.command("compare")
def compare_models(
    one: Annotated[str, typer.Argument(help="Name of a model.")],
    other: Annotated[str, typer.Argument(help="Name of another.")],
    data: Annotated[str | None, typer.Option(help="Candles to compare on. [default: as set]")] = None,
    config: ConfigOption = BACKTEST_CONFIG,
) -> None:
    """Set two models side by side on candles that neither has learnt from."""
    from src.core.config import load_config
    from src.core.orchestration.model_service import compared

    for line in compared(load_config(config), (one, other), data):
        typer.echo(line)


@models.command("promote")
def promote_model(
    version: Annotated[str, typer.Argument(help="Name of the model.")],
    data: Annotated[str | None, typer.Option(help="Candles that show its record. [default: as set]")] = None,
    config: ConfigOption = BACKTEST_CONFIG,
) -> None:
    """Take a model one step up, if its record asks for it: shadow, canary, production."""
    from src.core.config import load_config
    from src.core.orchestration.model_service import manager_of, promote

    settings = load_config(config)
    entry = promote(settings, manager_of(settings), version, data)
    typer.echo(f"{entry.version}: {entry.stage.value} ({entry.why})")


@models.command("rollback")
def rollback_model(
    why: Annotated[str, typer.Option(help="Why, for the record.")] = "a person took it back",
    config: ConfigOption = BACKTEST_CONFIG,
) -> None:
    """Serve the model that was served before this one."""
    from src.core.config import load_config
    from src.core.orchestration.model_service import follow_stages, manager_of

    settings = load_config(config)
    manager = manager_of(settings)
    entry = manager.rollback(why)
    follow_stages(settings, manager)
    typer.echo(f"{entry.version}: {entry.stage.value} ({entry.why})")


@models.command("demote")
def demote_model(
    version: Annotated[str, typer.Argument(help="Name of the model.")],
    why: Annotated[str, typer.Option(help="Why, for the record.")] = "a person took it down",
    config: ConfigOption = BACKTEST_CONFIG,
) -> None:
    """Retire a model; if it is the served one, the trader holds until another is promoted."""
    from src.core.config import load_config
    from src.core.orchestration.model_service import follow_stages, manager_of
    from src.ml.stage import Stage

    settings = load_config(config)
    manager = manager_of(settings)
    entry = manager.demote(version, Stage.RETIRED, why)
    follow_stages(settings, manager)
    typer.echo(f"{entry.version}: {entry.stage.value} ({entry.why})")


@models.command("review")
def review_models(
    data: Annotated[str | None, typer.Option(help="Candles that show their record. [default: as set]")] = None,
    config: ConfigOption = BACKTEST_CONFIG,
) -> None:
    """Take down whichever served model its own record speaks against; nothing is promoted."""
    from src.core.config import load_config
    from src.core.orchestration.model_service import manager_of, review

    settings = load_config(config)
    for line in review(settings, manager_of(settings), data):
        typer.echo(line)


@suspicion.command()
def lookahead(
    data: Annotated[str | None, typer.Option(help="A stored series, a candle file, or `sample`.")] = None,
    bars: Annotated[int | None, typer.Option(help="Only the last N bars, and 160 days before them.", min=2)] = None,
    strategies: Annotated[str | None, typer.Option(help="Only these, with commas between them.")] = None,
    cuts: Annotated[int, typer.Option(help="At how many places the future is hidden.", min=1)] = 24,
    seed: Annotated[int, typer.Option(help="Of the places.", min=0)] = 0,
    config: ConfigOption = BACKTEST_CONFIG,
) -> None:
    """Hide the future, then make it absurd: no row and no decision before it may change."""
    _suspect("lookahead", data, bars, strategies, cuts, seed, config)


@suspicion.command()
def warmup(
    data: Annotated[str | None, typer.Option(help="A stored series, a candle file, or `sample`.")] = None,
    bars: Annotated[int | None, typer.Option(help="Only the last N bars, and 160 days before them.", min=2)] = None,
    strategies: Annotated[str | None, typer.Option(help="Only these, with commas between them.")] = None,
    beginnings: Annotated[int, typer.Option(help="At how many later bars the history begins.", min=1)] = 24,
    seed: Annotated[int, typer.Option(help="Of the places.", min=0)] = 0,
    config: ConfigOption = BACKTEST_CONFIG,
) -> None:
    """Let the history begin later: no warm row and no decision on one may change."""
    _suspect("warmup", data, bars, strategies, beginnings, seed, config)


@app.command()
def twin(
    data: Annotated[
        str, typer.Option(help="Market to replay: a stored series, a candle file, `sample`, or `none`.")
    ] = "sample",
    speed: Annotated[float, typer.Option(help="How many times as fast the market runs; 0 stands still.", min=0)] = 60.0,
    lock_step: Annotated[bool, typer.Option("--lock-step", help="Time moves only when the client waits.")] = False,
    bars: Annotated[
        bool, typer.Option("--bars", help="Fill by candles alone, exactly as a backtest; with --lock-step.")
    ] = False,
    port: Annotated[int, typer.Option(help="0 is any free one.", min=0, max=65_535)] = 0,
    host: Annotated[
        str, typer.Option(help="Address to listen on; only this machine can reach the default.")
    ] = "127.0.0.1",
    faults: Annotated[Path | None, typer.Option(help="Fault plan (YAML).")] = None,
    accounts: Annotated[int, typer.Option(help="How many users there are at the start.", min=1, max=1_000)] = 1,
    state: Annotated[Path | None, typer.Option(help="File that keeps the exchange over restarts.")] = None,
    save_every: Annotated[
        int, typer.Option(help="Milliseconds between saves; 0 saves before each answer.", min=0)
    ] = 1_000,
    start: Annotated[str | None, typer.Option(help="First moment of the market: 2023-01-01T09:00 (JST).")] = None,
    seed: Annotated[int, typer.Option(help="Of the market inside the bars and of ids.", min=0)] = 0,
    set_: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE of a switch.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print addresses and keys as one line of JSON.")] = False,
    config: ConfigOption = BACKTEST_CONFIG,
) -> None:
    """Run an exchange on this machine that speaks bitbank's protocol. It is not bitbank; no order in it is real."""
    import asyncio

    from src.core.clock import SystemClock
    from src.core.orchestration.twin_market import bar_market, twin_market
    from src.twin.fault_plan import read_plan
    from src.twin.launch import NO_PLAN, Options, announcement_json, announcement_lines, read_switches, run_twin

    plan = NO_PLAN if faults is None else read_plan(faults)
    clock = SystemClock()
    begin = None if start is None else _moment(start, "--start")
    if bars and not lock_step:
        raise ConfigError(
            "--bars needs --lock-step", remedy="add it: clients must be waited for between a bar's phases"
        )
    market = (
        bar_market(data, config, clock.now(), begin) if bars else twin_market(data, config, clock.now(), begin, seed)
    )
    options = Options(
        start=market.start,
        host=host,
        port=port,
        speed=speed,
        lock_step=lock_step,
        accounts=accounts,
        plan=plan,
        state=state,
        save_every=save_every,
        seed=seed,
        pairs=market.pairs,
        switches={**market.switches, **read_switches(set_ or ())},
    )

    def announce(what: "dict[str, Any]") -> None:
        for line in [announcement_json(what)] if as_json else announcement_lines(what):
            typer.echo(line)

    asyncio.run(run_twin(options, clock, market.make_driver, announce))


@app.command()
def drill(
    whole: Annotated[bool, typer.Option("--all", help="Run the whole matrix instead of a sample.")] = False,
    cells: Annotated[int, typer.Option(help="Size of the sample.", min=5)] = 200,
    seed: Annotated[int, typer.Option(help="Which sample.", min=0)] = 0,
    processes: Annotated[
        int | None, typer.Option(help="How many work at once. [default: one; with --all, one a core]", min=1)
    ] = None,
) -> None:
    """Kill the order engine at every step under every fault, on a simulated exchange, and check what it recovers to."""
    import asyncio

    from src.core.machine import core_count
    from src.core.orchestration.drill.matrix import Drilled
    from src.core.orchestration.drill.matrix import drill as run_drill
    from src.core.orchestration.drill.report import failures, summary, table

    async def run() -> list[Drilled]:
        drilled: list[Drilled] = []
        with _progress_bar(silent=False) as proceed:
            worlds: list[int] = []
            found = run_drill(sample=0 if whole else cells, seed=seed, processes=workers, on_plan=worlds.append)
            async for cell in found:
                drilled.append(cell)
                if cell.ends_world:
                    proceed("worlds drilled", sum(one.ends_world for one in drilled), worlds[0])
        return drilled

    workers = processes or (core_count() if whole else 1)
    drilled = asyncio.run(run())
    for line in (*table(drilled), "", *failures(drilled), summary(drilled)):
        typer.echo(line)
    if failures(drilled):
        raise typer.Exit(1)


@data.command()
def download(
    start: Annotated[str, typer.Option(help="First moment: 2024-01-01 or 2024-01-01T09:00 (JST), or with an offset.")],
    end: Annotated[str | None, typer.Option(help="Last moment, written the same way. [default: now]")] = None,
    symbol: SymbolOption = "BTC/JPY",
    timeframe: Annotated[str, typer.Option(help="1m, 5m, 15m, 30m or 1h; 4h is made from 15m.")] = "15m",
    store: StoreOption = Store.HISTORY,
    root: RootOption = None,
    base_url: Annotated[str | None, typer.Option(help="Another public server. [default: as set]")] = None,
    pace: Annotated[float | None, typer.Option(help="Least seconds between requests. [default: as set]")] = None,
    attempts: Annotated[int | None, typer.Option(help="How often a file is asked for. [default: as set]")] = None,
    config: ConfigOption = BACKTEST_CONFIG,
    cross_check: Annotated[bool, typer.Option(help="Compare with the exchange's own 4-hour candles.")] = True,
) -> None:
    """Fetch candles from bitbank, day by day; what is complete is not fetched again."""
    import asyncio

    from src.core.clock import SystemClock
    from src.core.config import load_config
    from src.core.domain.time import BAR_15M
    from src.data.data_cache import DataCache
    from src.data.data_pipeline import DataPipeline, utc_days
    from src.data.timeframes import parse_timeframe

    instrument, length, clock = _instrument(symbol), parse_timeframe(timeframe), SystemClock()
    span = _moment(start, "--start"), _moment(end, "--end") if end else clock.now()
    utc_days(*span, clock.now())  # a wrong range is told at once, not after a second of imports
    settings = load_config(config)
    cache, log = DataCache(_root(store, root, config)), _log(settings)

    async def run() -> None:
        from src.core.orchestration.wiring import bitbank_client

        async with bitbank_client(settings, clock, base_url, pace, attempts) as client:
            parts = settings.data.min_parts_4h
            pipeline = DataPipeline(client, cache, clock, instrument=instrument, timeframe=length, min_parts=parts)
            log.info("download started", symbol=symbol, timeframe=timeframe, start=start, end=end, store=store.value)
            summary = await _download_with_bar(pipeline, *span)
            log.info(
                "download finished",
                new_bars=summary.new_bars,
                days=summary.fetched,
                missing_days=len(summary.missing_days),
            )
            _print_summary(summary)
            if cross_check and length == BAR_15M:
                await _print_cross_checks(pipeline, summary)

    try:
        asyncio.run(run())
        if store is Store.TRADING and root is None:
            _trim(settings)
    except KeyboardInterrupt:
        typer.echo("stopped: every day finished so far is kept; the same command goes on from there", err=True)
        raise typer.Exit(130) from None


@data.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A .csv or .parquet file: timestamp (open time), open … volume.")],
    name: Annotated[str | None, typer.Option(help="Name of the series. [default: the file's]")] = None,
    symbol: SymbolOption = "BTC/JPY",
    store: StoreOption = Store.HISTORY,
    root: RootOption = None,
    replace: Annotated[bool, typer.Option("--replace", help="Let the file win over stored bars that differ.")] = False,
    naive_utc: Annotated[bool, typer.Option("--naive-utc", help="Times without an offset are UTC, not JST.")] = False,
    config: ConfigOption = BACKTEST_CONFIG,
) -> None:
    """Check a file of candles and store it; one bad row and nothing is stored."""
    from src.core.domain.candles import SeriesInfo
    from src.data.candle_file import read_candles
    from src.data.data_cache import DataCache

    instrument = _instrument(symbol)
    given = read_candles(file, naive_utc=naive_utc)
    series = name or file.stem.lower()
    info = SeriesInfo(series, instrument.symbol, given.timeframe, False, f"file {file.name}")
    new = DataCache(_root(store, root, config)).append(series, given.candles, info, replace=replace)
    _print_file(given)
    typer.echo(f"stored as {series!r}: {new:,} new bars, {len(given.candles) - new:,} were there already")


@data.command()
def check(
    what: Annotated[str | None, typer.Argument(help="A stored series or a file. [default: every series]")] = None,
    store: StoreOption = Store.HISTORY,
    root: RootOption = None,
    naive_utc: Annotated[bool, typer.Option("--naive-utc", help="Times without an offset are UTC, not JST.")] = False,
    config: ConfigOption = BACKTEST_CONFIG,
) -> None:
    """Report gaps, impossible bars, stretches without trades and extreme moves; nothing is changed."""
    from src.data.candle_file import read_candles
    from src.data.data_cache import DataCache

    if what is not None and (Path(what).is_file() or Path(what).suffix in {".csv", ".parquet"}):
        _print_file(read_candles(what, naive_utc=naive_utc))
        return
    cache = DataCache(_root(store, root, config), read_only=True)
    sound = [_check_series(cache, name) for name in ([what] if what else _stored_names(cache))]
    if not all(sound):
        raise typer.Exit(1)


@data.command("list")
def list_series(
    store: StoreOption = Store.HISTORY, root: RootOption = None, config: ConfigOption = BACKTEST_CONFIG
) -> None:
    """List the stored series."""
    from src.core.domain.time import format_jst
    from src.data.data_cache import DataCache
    from src.data.timeframes import label

    cache = DataCache(_root(store, root, config), read_only=True)
    damaged = 0
    for name in _stored_names(cache):
        try:
            info, extent = cache.open_series(name), cache.extent(name)
        except DataError as e:
            _tell(f"{name}: {e.what}", e.remedy)
            damaged += 1
            continue
        span = f"{format_jst(extent.first)} to {format_jst(extent.last)}" if extent.first and extent.last else "no bars"
        kind = "synthetic" if info.synthetic else "real"
        typer.echo(f"{name}: {info.symbol} {label(info.timeframe)}, {kind}, {extent.bars:,} bars, {span}")
        typer.echo(f"  from {info.source}")
    if damaged:
        raise typer.Exit(1)


def _draw_report(folder: Path, language: str) -> None:
    from src.backtest.report import write_report

    write_report(folder, language)


def _trade(config: Path, until: "Millis | None") -> None:
    """Run the trader until a moment, or SIGINT or SIGTERM."""
    import asyncio

    from src.core.config import load_config
    from src.core.orchestration.orchestrator import Orchestrator

    settings = load_config(config)
    log = _log(settings)
    log.info("trader starts", mode=settings.mode, config=str(config))

    async def run() -> None:
        import signal

        orchestrator = Orchestrator(settings)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, orchestrator.stop)
        try:
            await (orchestrator.run() if until is None else orchestrator.run_until(until))
        finally:
            left.extend(task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task())

    left: list[str] = []  # tasks that nobody ended: work that would be cut off wherever it stands
    asyncio.run(run())
    if left:
        log.error("tasks were left", tasks=left)
        raise typer.Exit(1)
    log.info("trader stopped")


def _leave(verb: str, reason: str, config: Path) -> None:
    """Leave a command in the trader's journal and say who will do it."""
    import os

    from src.core.clock import SystemClock
    from src.core.config import load_config
    from src.core.domain.journal import Verb
    from src.core.domain.time import format_jst
    from src.core.orchestration.operations import journal_url
    from src.trading.journal import CommandDesk

    settings, now = load_config(config), SystemClock().now()
    with CommandDesk(journal_url(settings, os.environ)) as desk:
        left, until = desk.leave(Verb(verb), reason, now), desk.trader_until()
    japanese = settings.language == "ja"
    if until is not None and until > now:
        who = "稼働中のトレーダーが次の周期で実行する" if japanese else "the running trader does it in its next cycle"
    else:
        who = (
            "トレーダーは稼働していない。次に起動したときに実行する"
            if japanese
            else "no trader is running: the next one that starts does it"
        )
    number = f"コマンド{left.number}" if japanese else f"command {left.number}"
    typer.echo(f"{number}: {verb} ({format_jst(now)}) {left.reason}\n{who}")


def _log(settings: "Settings") -> "BoundLogger":
    """Open the program's log, as detailed as the settings say: JSON lines stamped in Japan's time."""
    from src.core.clock import SystemClock
    from src.core.logger import configure_logging, get_logger

    configure_logging(settings.logging.level, SystemClock(), LOG_FILE)
    return get_logger("cli")


def _trim(settings: "Settings") -> None:
    from src.core.orchestration.wiring import trim_trading_store

    dropped = trim_trading_store(settings)
    if dropped:
        typer.echo(f"dropped {dropped:,} bars older than {settings.data.retention_days} days")


@contextmanager
def _progress_bar(silent: bool) -> "Iterator[Progress]":
    """Yield what the engine calls as it proceeds: a bar on the terminal's error stream, or nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=silent) as bar:
        task = bar.add_task("candles", total=None)
        yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of)


def _suspect(
    check: str, data: str | None, bars: int | None, strategies: str | None, places: int, seed: int, config: Path
) -> None:
    from rich.console import Console

    from src.backtest.suspicion import examine
    from src.backtest.suspicion_report import suspicion_report
    from src.core.allocator import keep_freed_memory
    from src.core.config import load_config

    keep_freed_memory()
    settings = load_config(config)
    with _stages() as progress:
        found = examine(
            check, settings, data, bars=bars, strategies=_names(strategies), places=places, seed=seed, progress=progress
        )
    Console().print(suspicion_report(found, check, settings.language))
    if found.differences:
        raise typer.Exit(1)


@contextmanager
def _stages() -> "Iterator[Progress]":
    """Yield what is called as a sweep or a check proceeds: one bar a stage, with the time it still takes."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    names = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*names, *times, console=Console(stderr=True), transient=True) as bar:
        tasks = {"": bar.add_task("candles", total=None)}

        def proceed(what: str, done: int, of: int) -> None:
            if what not in tasks:
                for task in tasks.values():
                    bar.update(task, visible=False)
                tasks[what] = bar.add_task(what, total=of)
            bar.update(tasks[what], completed=done, total=of)

        yield proceed


def _bounds(start: str | None, end: str | None) -> "tuple[datetime | None, datetime | None]":
    from src.core.domain.time import to_datetime

    first = None if start is None else to_datetime(_moment(start, "--start"))
    return first, None if end is None else to_datetime(_moment(end, "--end"))


def _names(strategies: str | None) -> list[str] | None:
    return None if strategies is None else [name.strip() for name in strategies.split(",") if name.strip()]


def _print_run(result: "BacktestResult", language: str, verbose: bool) -> None:
    from rich.console import Console

    from src.backtest.reporter import reasons_table, summary_table, trades_table

    console = Console()
    console.print(summary_table(result.summary, language))
    if verbose:
        console.print(reasons_table(result.summary, language))
        console.print(trades_table(result, language))


def _tell(what: str, remedy: str) -> None:
    typer.echo(f"error: {what}\nwhat to do: {remedy}", err=True)


def _disk_remedy(error: OSError) -> str:
    known = {
        errno.ENOSPC: "free some space on the disk",
        errno.EDQUOT: "free some space: the quota is used up",
        errno.EFBIG: "raise the limit on file sizes (`ulimit -f`)",
        errno.EACCES: "give this user the right to read and write there, or choose another folder with --root",
        errno.EROFS: "choose a folder that can be written to with --root",
    }
    remedy = known.get(error.errno or 0, "look at the disk and the folder's rights")
    return f"{remedy}, then repeat the command; what was stored before is unharmed"


def _instrument(symbol: str) -> "Instrument":
    from src.core.domain.market import INSTRUMENTS

    if symbol not in INSTRUMENTS:
        raise ConfigError(f"{symbol!r} is not a pair this program trades", remedy=f"write {' or '.join(INSTRUMENTS)}")
    return INSTRUMENTS[symbol]


def _moment(text: str, option: str) -> "Millis":
    from src.core.domain.time import parse_time

    try:
        return parse_time(text)
    except ValueError as e:
        what, _, form = str(e).partition("; ")
        raise ConfigError(f"{option}: {what}", remedy=form) from e


def _root(store: Store, root: Path | None, config: Path) -> Path:
    from src.core.config import load_config

    if root is not None:
        return root
    data_settings = load_config(config).data
    return Path(data_settings.history if store is Store.HISTORY else data_settings.trading)


def _stored_names(cache: "DataCache") -> list[str]:
    names = cache.names()
    if not names:
        raise NoCandles(
            f"nothing is stored in {cache.root}",
            remedy="fetch candles with `python main.py data download` or `python main.py data import FILE`",
        )
    return names


async def _download_with_bar(pipeline: "DataPipeline", start: "Millis", end: "Millis") -> "DownloadSummary":
    """Download with a progress bar on a terminal, silently into a pipe."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(pipeline.info.name, total=None)
        return await pipeline.download(
            start,
            end,
            lambda p: bar.update(task, total=p.days, completed=p.done, description=f"{p.day} {p.new_bars:,} new bars"),
        )


def _print_summary(summary: "DownloadSummary") -> None:
    if not summary.quality.bars:
        raise NoCandles(
            f"the exchange has no candles for these {summary.days} days", remedy="check the dates, or try again later"
        )
    typer.echo(
        f"{summary.series}: {summary.days:,} days, {summary.fetched:,} fetched, {summary.skipped:,} were complete; "
        f"{summary.new_bars:,} new bars"
    )
    if summary.revised_bars:
        typer.echo(f"{summary.revised_bars:,} stored bars were corrected by the exchange")
    if summary.missing_days:
        days = ", ".join(str(day) for day in summary.missing_days[:10])
        more = f" and {len(summary.missing_days) - 10} more" if len(summary.missing_days) > 10 else ""
        typer.echo(f"the exchange has no file for {len(summary.missing_days):,} days (UTC): {days}{more}")
    if summary.not_yet:
        typer.echo("today's file (UTC) is not published yet; repeat the command in half an hour")
    _print_quality(summary.quality)


async def _print_cross_checks(pipeline: "DataPipeline", summary: "DownloadSummary") -> None:
    from src.core.domain.time import Millis, utc_date

    first, last = summary.quality.first, summary.quality.last
    if first is None or last is None:
        return
    for year in range(utc_date(Millis(first - 1)).year, utc_date(Millis(last - 1)).year + 1):
        typer.echo(_cross_check_line(await pipeline.cross_check(year)))


def _cross_check_line(result: "CrossCheck") -> str:
    from src.core.domain.time import format_jst

    if not result.compared:
        return f"cross-check {result.year}: the exchange has no 4-hour candles to compare with"
    line = f"cross-check {result.year}: {result.compared:,} 4-hour candles compared, {len(result.different):,} differ"
    if result.different:
        line += f" (the first closed {format_jst(result.different[0])})"
    if result.only_exchange or result.only_stored:
        line += f"; only at the exchange {result.only_exchange:,}, only here {result.only_stored:,}"
    return line


def _print_file(given: "CandleFile") -> None:
    from src.core.domain.time import format_jst
    from src.data.quality import assess
    from src.data.timeframes import label

    typer.echo(f"{given.path}: {given.rows:,} rows of {label(given.file_timeframe)}")
    if given.file_timeframe < given.timeframe:
        typer.echo(f"put together to {len(given.candles):,} bars of {label(given.timeframe)}")
    for closed_at in given.incomplete:
        typer.echo(f"left out: the bar closing {format_jst(closed_at)}, of which the file may not have all rows")
    if given.extra_columns:
        typer.echo(f"columns not read: {', '.join(given.extra_columns)}")
    if given.naive_as:
        typer.echo(f"times without an offset were read as {given.naive_as}")
    if given.timeframe not in {900_000}:
        typer.echo(f"{label(given.timeframe)} bars cannot be split into 15m: a backtest will refuse this series")
    _print_quality(assess(given.candles, given.timeframe, given.intake))


def _check_series(cache: "DataCache", name: str) -> bool:
    """Print the report of one series; return whether every bar is possible."""
    from src.core.domain.time import Millis
    from src.data.quality import assess

    info = cache.open_series(name)
    typer.echo(f"{name} ({'synthetic' if info.synthetic else 'real'}, from {info.source})")
    report = assess(cache.read(name, Millis(0), Millis(2**62)), info.timeframe)
    _print_quality(report)
    return not (report.impossible or report.off_grid_times)


def _print_quality(report: "QualityReport") -> None:
    from src.data.quality import describe

    for line in describe(report):
        typer.echo(f"  {line}")
