"""The commands that ask: how is the trader, why did it do that, does the journal hold, does the exchange agree."""

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from src.core.exceptions import ConfigError

if TYPE_CHECKING:
    from src.core.config import Settings
    from src.core.domain.time import Millis
    from src.trading.journal import JournalReader

questions = typer.Typer(rich_markup_mode=None)


class Trading(StrEnum):
    """Whose journal is asked."""

    PAPER = "paper"
    LIVE = "live"


CONFIGS: Final = {Trading.PAPER: Path("config/paper/base.yaml"), Trading.LIVE: Path("config/production/base.yaml")}
_COLOURS: Final = {"OK": "green", "WARN": "yellow", "FAIL": "red"}
BACKTEST_CONFIG: Final = Path("config/backtest/base.yaml")
ModeOption = Annotated[Trading, typer.Option(help="Which trader is asked.")]
ConfigOption = Annotated[
    Path | None, typer.Option(help="File of settings the trader runs with. [default: the mode's own]")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@questions.command()
def status(mode: ModeOption = Trading.LIVE, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say how the trader is: its last decision, position and protection, orders, halts, alarms, today's result."""
    from rich.console import Console

    from src.core.clock import SystemClock
    from src.core.domain.market import INSTRUMENTS
    from src.core.orchestration.questions.status_page import status_table
    from src.core.orchestration.questions.trader_status import as_plain, read_status

    settings = settings_of(mode, config)
    pair = INSTRUMENTS[settings.market.symbol]
    with journal_of(settings) as reader:
        found = read_status(reader, settings.mode, SystemClock().now())
    if as_json:
        print_json(as_plain(found, pair))
        return
    Console().print(status_table(found, pair, settings.language))


@questions.command()
def why(
    at: Annotated[str, typer.Option(help="The moment asked about: 2023-05-01T14:15 (JST).")],
    run: Annotated[
        Path | None, typer.Argument(help="Folder of a finished backtest. [default: the journal of the trader]")
    ] = None,
    mode: ModeOption = Trading.LIVE,
    config: ConfigOption = None,
) -> None:
    """Say what was decided at one moment and why: its gates in order, and the nearest change that would have traded."""
    from src.core.config import load_config

    moment = moment_of(at, "--at", 0)
    if run is not None:
        from src.backtest.explain import explain
        from src.core.orchestration.model_reasons import model_reasons

        settings = load_config(config or BACKTEST_CONFIG)
        lines = [*explain(run, moment, settings.language), *model_reasons(run, moment, settings)]
    else:
        from src.core.orchestration.questions.explanation import explain_line

        settings = settings_of(mode, config)
        with journal_of(settings) as reader:
            lines = explain_line(reader, moment, settings)
    for line in lines:
        typer.echo(line)


@questions.command()
def replay(mode: ModeOption = Trading.LIVE, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Verify the journal's chain and make every decision again: the same hash, or the first that differs."""
    from rich.console import Console
    from rich.progress import Progress

    from src.core.orchestration.questions.replaying import replay as replay_journal
    from src.core.orchestration.questions.replaying import replay_lines, replay_plain

    settings = settings_of(mode, config)
    with journal_of(settings) as reader, Progress(console=Console(stderr=True), transient=True, disable=as_json) as bar:
        task = bar.add_task("decisions", total=None)
        found = replay_journal(reader, settings, lambda done: bar.update(task, completed=done))
    if as_json:
        print_json(replay_plain(found))
    else:
        for line in replay_lines(found, settings.language):
            typer.echo(line)
    if not found.holds:
        raise typer.Exit(1)


@questions.command()
def account(mode: ModeOption = Trading.LIVE, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Set the journal's ledger beside the exchange's: results, fees and interest by day, and any difference by name."""
    import asyncio

    from rich.console import Console

    from src.core.domain.market import INSTRUMENTS
    from src.core.orchestration.questions.account_page import account_tables
    from src.core.orchestration.questions.accounting import Accounts, accounts_plain, compare_accounts
    from src.core.orchestration.questions.exchange_reading import exchange_of

    settings = settings_of(mode, config)
    pair = INSTRUMENTS[settings.market.symbol]

    async def compare() -> Accounts:
        with journal_of(settings) as reader:
            async with exchange_of(settings) as opened:
                return await compare_accounts(reader, opened.port, settings.mode, pair)

    found = asyncio.run(compare())
    if as_json:
        print_json(accounts_plain(found, pair))
    else:
        Console().print(account_tables(found, pair, settings.language))
    if not found.agree:
        raise typer.Exit(1)


@questions.command()
def compare(
    mode: ModeOption = Trading.LIVE,
    config: ConfigOption = None,
    start: Annotated[
        str | None, typer.Option(help="First moment: 2023-05-01 (JST). [default: the journal's first flat close]")
    ] = None,
    end: Annotated[str | None, typer.Option(help="Last moment. [default: the journal's end]")] = None,
    data: Annotated[
        str | None, typer.Option(help="Stored series, candle file, or sample. [default: the trader's own candles]")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Set the trader beside the backtest of the same hours: which decisions differ, why, and what each part cost."""
    from rich.console import Console

    from src.core.domain.market import INSTRUMENTS
    from src.core.orchestration.questions.comparing import compare_journal, comparison_plain
    from src.core.orchestration.questions.comparison_page import comparison_tables

    settings = settings_of(mode, config)
    pair = INSTRUMENTS[settings.market.symbol]
    after, until = moment_of(start, "--start", 0), moment_of(end, "--end", 2**62)
    with journal_of(settings) as reader:
        found = compare_journal(reader, settings, data, after, until)
    if as_json:
        print_json(comparison_plain(found, pair))
    else:
        Console().print(comparison_tables(found, pair, settings.language))
    if not found.holds:
        raise typer.Exit(1)


@questions.command()
def doctor(mode: ModeOption = Trading.LIVE, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say whether a trader could trade now, and what to do about what is in its way; nothing is traded."""
    import asyncio

    from src.core.domain.reason_words import LANGUAGES
    from src.core.orchestration.questions.diagnosis import NAMES, Finding, Level, diagnose

    settings = settings_of(mode, config)
    place = LANGUAGES.index(settings.language)

    async def ask() -> list[Finding]:
        found = []
        async for finding in diagnose(settings):
            found.append(finding)
            if not as_json:
                typer.secho(f"{finding.level.value:<5}", nl=False, fg=_COLOURS[finding.level.value])
                typer.echo(f"{NAMES[finding.what][place]}: {finding.said}")
                if finding.remedy:
                    typer.echo(f"      → {finding.remedy}")
        return found

    found = asyncio.run(ask())
    if as_json:
        print_json([finding._asdict() for finding in found])
    if any(finding.level is Level.FAIL for finding in found):
        raise typer.Exit(1)


@questions.command()
def report(
    run: Annotated[Path | None, typer.Argument(help="Folder of a finished run.")] = None,
    compare: Annotated[Path | None, typer.Option(help="A second run to set beside it.")] = None,
    journal: Annotated[
        bool, typer.Option("--journal", help="Make the run from a trader's journal; RUN is then where to.")
    ] = False,
    drift: Annotated[
        bool, typer.Option("--drift", help="Say what has moved under the run's model, too: about half a minute.")
    ] = False,
    mode: ModeOption = Trading.LIVE,
    config: ConfigOption = None,
) -> None:
    """Draw report.html, report.md and chart.png into the folder of a run; with --journal, of what a trader did."""
    from src.backtest.report import write_report
    from src.core.config import load_config

    if journal:
        from src.backtest.reporter import run_folder, write_run
        from src.core.clock import SystemClock
        from src.core.orchestration.questions.journal_run import journal_run

        settings = settings_of(mode, config)
        with journal_of(settings) as reader:
            result = journal_run(reader, settings)
        run = run or run_folder(Path(settings.backtest.output), SystemClock().now(), result)
        write_run(result, run)
    else:
        settings = load_config(config or BACKTEST_CONFIG)
    if run is None:
        raise ConfigError("which run is to be drawn?", remedy="give its folder, or --journal for a trader's journal")
    watch = None
    if drift:
        from src.backtest.report.run_folder import read_run
        from src.core.orchestration.model_drift import watched_of_run

        watch = watched_of_run(settings, read_run(run).summary)
    for path in write_report(run, settings.language, compare, watch):
        typer.echo(path)


@questions.command()
def dashboard(
    mode: ModeOption = Trading.LIVE,
    config: ConfigOption = None,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Where it listens on this machine; 0: any that is free.")
    ] = 8300,
) -> None:
    """Show the trader in a browser on this machine: state, the reason of every bar, market, trades and equity."""
    import asyncio
    import secrets
    import signal

    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError as e:
        raise ConfigError(
            "the dashboard is drawn by plotly, which is not installed",
            remedy="install the packages of research: bash scripts/setup_venv.sh research",
        ) from e

    from src.core.clock import SystemClock
    from src.core.orchestration.questions.explanation import explain_line
    from src.core.orchestration.questions.overview import WINDOWS, Overview
    from src.monitoring.dashboard import ADDRESS, Dashboard

    settings = settings_of(mode, config)
    token = secrets.token_urlsafe(32)

    async def serve() -> None:
        with journal_of(settings) as reader:
            overview, clock = Overview(reader, settings), SystemClock()
            page = Dashboard(
                f"{settings.mode} {settings.market.symbol}",
                settings.language,
                lambda days: overview.read(clock.now(), days),
                lambda at: explain_line(reader, at, settings),
                windows=WINDOWS,
                token=token,
                charts=get_plotlyjs(),
            )
            ended = asyncio.Event()
            for each in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(each, ended.set)
            listening = await page.start(port)
            typer.echo(f"http://{ADDRESS}:{listening}/enter?token={token}")
            typer.echo("open this address in a browser on this machine; Ctrl-C ends the page, not the trader", err=True)
            await ended.wait()
            await page.close()

    asyncio.run(serve())


def moment_of(text: str | None, option: str, otherwise: int) -> "Millis":
    """Return the moment that an option names, or another one where it is not given.

    Raises
    ------
    ConfigError
        If it is no time.
    """
    from src.core.domain.time import Millis, parse_time

    if text is None:
        return Millis(otherwise)
    try:
        return parse_time(text)
    except ValueError as e:
        what, _, form = str(e).partition("; ")
        raise ConfigError(f"{option}: {what}", remedy=form) from e


def settings_of(mode: Trading, config: Path | None) -> "Settings":
    """Return the settings of the trader that is asked.

    Raises
    ------
    ConfigError
        If they are those of a backtest, which keeps no journal.
    """
    from src.core.config import load_config

    settings = load_config(CONFIGS[mode] if config is None else config)
    if settings.mode == "backtest":
        raise ConfigError(
            f"{config} is for backtests, which keep no journal",
            remedy="give --mode paper, --mode live or their settings",
        )
    return settings


def journal_of(settings: "Settings") -> "JournalReader":
    """Return the journal of the trader with these settings, to be closed."""
    from src.core.orchestration.operations import journal_url
    from src.trading.journal import JournalReader

    return JournalReader(journal_url(settings, os.environ))


def print_json(value: Any) -> None:
    """Print a value of JSON's types."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
