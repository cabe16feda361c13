#!/usr/bin/env python3
"""Make docs/evidence.md: every year of the candles, walked forward with the whole system, against what it has to beat.

Without arguments it reads the real files in MARKET_DATA_DIR (a proxy of the market before 2021-04-16, GMO Coin's own
candles after). Who has no such files downloads bitbank's own candles and names the series:

    python main.py data download --start 2018-01-01
    python scripts/ml/evidence.py --data bitbank_btc_jpy_15m --out evidence
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from src.backtest.preparation import read_stretch
from src.core.config import Settings, load_config
from src.core.domain.candles import Candles, SeriesInfo
from src.core.domain.time import BAR_15M, Millis, format_jst
from src.core.orchestration.model_evidence import EARLIER_LOOKS, TRAIN_YEARS, Evidence, Line, figures, gather
from src.data.candle_file import read_candles

mpl.use("Agg")
FILES: Final = ("btcjpy_proxy_15m.parquet", "btcjpy_gmo_spot_15m.parquet")
THRESHOLDS: Final = (0.55, 0.50, 0.45)
COLOURS: Final = ("#1b3a57", "#c4682b", "#2f7d4f", "#8a5fa8", "#7d8b97")


def main() -> None:
    """Read candles, measure, write page and pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a stored series or a file, instead of MARKET_DATA_DIR")
    parser.add_argument("--first", type=int, default=2019, help="first year that is tested")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    given = parser.parse_args()
    settings = load_config("config/backtest/base.yaml")
    info, candles = _stored(settings, given.data) if given.data else _spliced()
    sections = []
    for name, chosen in (("All strategies", settings), ("The slow strategy alone", _slow_alone(settings))):
        found = gather(chosen, info, candles, given.first, THRESHOLDS, given.processes, _told)
        picture = given.out / "evidence" / f"{'all' if chosen is settings else 'slow'}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        _draw(found, picture)
        sections += [f"## {name}", "", *_section(found), f"![{name}](evidence/{picture.name})", ""]
    head = _head(info, candles, "--data " + given.data if given.data else "")
    (given.out / "evidence.md").write_text("\n".join([head, *sections]), encoding="utf-8")
    print(given.out / "evidence.md")


def _told(what: str, done: int, of: int) -> None:
    if what == "tests":
        print(f"{what} {done} of {of}", file=sys.stderr, flush=True)


def _spliced() -> tuple[SeriesInfo, Candles]:
    """Return the real files as one series: the proxy until the traded market's own candles begin."""
    folder = os.environ.get("MARKET_DATA_DIR")
    if not folder:
        raise SystemExit("set MARKET_DATA_DIR, or name a stored series with --data")
    proxy, own = (read_candles(Path(folder) / name).candles for name in FILES)
    before = int(np.searchsorted(proxy.closed_at, own.closed_at[0]))
    columns = [np.concatenate((a[:before], b)) for a, b in zip(proxy.columns, own.columns, strict=True)]
    name = f"{FILES[0]} until {format_jst(Millis(int(own.closed_at[0])))}, {FILES[1]} after"
    return SeriesInfo("spliced", "BTC/JPY", BAR_15M, False, name), Candles(*columns)


def _stored(settings: Settings, data: str) -> tuple[SeriesInfo, Candles]:
    stretch = read_stretch(settings, data, None, None)
    return stretch.info, stretch.candles


def _slow_alone(settings: Settings) -> Settings:
    only = {"multi_timeframe": settings.strategies["multi_timeframe"].model_copy(update={"weight": 1.0})}
    return settings.model_copy(update={"strategies": only})


_HEAD: Final = """# Evidence

What the whole system (strategies, model, risk rules, costs) would have made of every year, walked forward: each quarter
is judged by models taught by at most the {years} years before it, and only by labels that had ended before it. It is
what came out; nothing was chosen by it. Written by:

    {command}

Candles: {source}; {bars:,} bars, sha256 `{digest}`, {first} to {last}.{synthetic}

Every year starts with a fresh account of 1,000,000 JPY and a fresh risk state. Costs are today's (0.10 % taker, 0.05 %
slippage, 0.04 % interest a day) on all years; the column *dated* pays what was due on the day. The plain blend is 5-,
20- and 60-day momentum at 4-hour closes, scaled to 40 % yearly volatility, at most 1x, paying 0.10 % of what it trades
and 0.04 % a day; buying and holding pays 0.10 % each way and no interest. Sharpe ratios are of daily returns, yearly,
with a 90 % block-bootstrap interval. *By value* lets a trade through if its probability is at least its own break-even
and an allowance (`model.rule: value` at its defaults: 5 % of the stop; a trade without a target is taken to gain twice
its stop). The deflated Sharpe ratio is the probability that the true ratio is above 0 given
everything that was tried: what the trial ledger counts, and {looks} looks before there was one.

The proxy is no traded market: years before 2021-04 say less than those after.
"""


def _head(info: SeriesInfo, candles: Candles, arguments: str) -> str:
    return _HEAD.format(
        years=TRAIN_YEARS,
        command=f"python scripts/ml/evidence.py {arguments}".strip(),
        source=info.source,
        bars=len(candles),
        digest=candles.sha256()[:16],
        first=format_jst(Millis(int(candles.closed_at[0]))),
        last=format_jst(Millis(int(candles.closed_at[-1]))),
        synthetic=" **Synthetic.**" if info.synthetic else "",
        looks=EARLIER_LOOKS,
    )


def _section(found: Evidence) -> list[str]:
    rows = [*_scores(found), "", "### In total", ""]
    rows += ["| system | net JPY | trades | Sharpe | 90 % interval | deflated | drawdown | dated net JPY |"]
    rows += ["|---|---:|---:|---:|---|---:|---:|---:|"]
    dated = {line.system: line for line in found.dated}
    for line in found.lines:
        rows.append(f"| {line.system} | {_figures(found, line, None)} | {_dated(dated, line, None)} |")
    heads = "| year | system | net JPY | trades | Sharpe | 90 % interval | drawdown | dated net JPY |"
    rows += ["", "### Year by year", "", heads]
    rows += ["|---|---|---:|---:|---:|---|---:|---:|"]
    for year in found.years:
        for line in found.lines:
            if line.system == "whole system" or not line.system.startswith("whole"):
                number = _figures(found, line, year.year)
                rows.append(f"| {year.year} | {line.system} | {number} | {_dated(dated, line, year.year)} |")
    tried = ", ".join(f"{threshold:.0%}" for threshold in THRESHOLDS)
    said = f"Tried beside the default: thresholds of {tried} in place of 65 %, and the rule `value` (table above)."
    return [*rows, "", said, f"Trials counted against every figure here: {found.trials.tried}.", ""]


def _scores(found: Evidence) -> list[str]:
    if found.scores is None or found.prior is None:
        return ["No proposal was judged."]
    own, prior = found.scores, found.prior
    scored = (
        f"Log-loss {own.log_loss:.4f} (class prior {prior.log_loss:.4f}), Brier {own.brier:.4f} ({prior.brier:.4f})"
    )
    spread = f"probabilities {own.mean_probability:.3f} ± {own.deviation:.3f}"
    return [
        f"Judged proposals: {own.rows:,}; {own.base_rate:.1%} gained after costs.",
        f"{scored}, calibration error {own.calibration_error:.3f}, {spread}.",
    ]


def _figures(found: Evidence, line: Line, year: int | None) -> str:
    one = figures(line, found.trials, year)
    ratio = "–" if one.sharpe is None else f"{one.sharpe:.2f}"
    between = "–"
    if one.interval is not None:
        high = "∞" if one.interval.high is None else f"{one.interval.high:.2f}"
        between = f"{one.interval.low:.2f} … {high}"
    deflated = "–" if one.deflated is None else f"{one.deflated:.3f}"
    middle = f"{between} | {deflated} |" if year is None else f"{between} |"
    return f"{one.net_jpy:,.0f} | {one.trades:,} | {ratio} | {middle} {one.drawdown:.1%}"


def _dated(dated: dict[str, Line], line: Line, year: int | None) -> str:
    if line.system not in dated:
        return "–"
    other = dated[line.system]
    return f"{other.net_jpy() if year is None else float(other.daily[year][0].sum()):,.0f}"


def _draw(found: Evidence, path: Path) -> None:
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = figure.subplots()
    tried = [line.system for line in found.lines if line.system.startswith("whole system,")]
    shown = [line for line in found.lines if line.system not in {*tried, "doing nothing"}]
    for line, colour in zip(shown, COLOURS, strict=True):
        net = np.concatenate([daily for daily, _ in line.daily.values()])
        axes.plot(
            np.linspace(found.years[0].year, found.years[0].year + len(net) / 365.25, len(net)),
            np.cumsum(net),
            color=colour,
            linewidth=1.6 if line.system == "whole system" else 1,
            label=line.system,
        )
    axes.axhline(0, color="#b8c4ce")
    axes.set_ylabel("net JPY so far, 1,000,000 each year")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
