"""The main picture of a run, for notices: price with trades, equity, drawdown. Drawn without a browser or a display."""

import io
from collections.abc import Callable
from typing import Final, NamedTuple

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FuncFormatter

from src.backtest.report.quantities import percent
from src.backtest.report.run_folder import Run
from src.backtest.report.words import LABELS, PAGE, Text
from src.core.domain.time import DAY, JST_OFFSET

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Said = Callable[[Text], str]

_JAPANESE_FONTS: Final = (
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "Hiragino Sans",
    "Yu Gothic",
    "Meiryo",
    "IPAexGothic",
    "IPAGothic",
    "TakaoGothic",
    "VL Gothic",
)
_FALLBACK: Final = "DejaVu Sans"  # comes with matplotlib
_DATES: Final = ["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%S"]  # years, months, days …: the same in both languages
_MOST_POINTS: Final = 4_000  # more than the picture is wide
_PRICE, _EQUITY, _HOLD, _CASH, _LOSS, _LONG, _SHORT = (
    "#57606a",
    "#0072b2",
    "#b87a00",
    "#8c959f",
    "#d55e00",
    "#009e73",
    "#b0508a",
)


class _Curves(NamedTuple):
    """One point for each of so many bars, never more than the picture can show."""

    at: Floats  # matplotlib days of Japan's time
    low: Floats
    high: Floats
    close: Floats
    equity: Floats
    hold: Floats
    drawdown: Floats  # percent, the deepest of the bars


def chart_png(run: Run, language: str) -> bytes:
    """Return the picture as PNG, 1200 x 800 points. Without a Japanese font on the machine its words are English."""
    font = _japanese_font() if language == "ja" else _FALLBACK
    spoken = language if font is not None else "en"

    def said(text: Text) -> str:
        return text.in_language(spoken)

    with mpl.rc_context({"font.family": [font or _FALLBACK, _FALLBACK], "font.size": 10, "axes.unicode_minus": False}):
        figure = Figure(figsize=(12, 8), dpi=100, layout="constrained")
        FigureCanvasAgg(figure)
        top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(5, 3, 1.5))
        curves = _curves(run)
        _draw_price(top, run, curves, said)
        _draw_equity(middle, run, curves, said)
        _draw_drawdown(bottom, curves, said)
        locator = AutoDateLocator(minticks=4, maxticks=12)  # type: ignore[no-untyped-call]
        bottom.xaxis.set_major_locator(locator)
        bottom.xaxis.set_major_formatter(ConciseDateFormatter(locator, formats=_DATES))  # type: ignore[no-untyped-call]
        figure.suptitle(_title(run, said), fontsize=12, x=0.01, ha="left", parse_math=False)
        picture = io.BytesIO()
        figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def _japanese_font() -> str | None:
    installed = {font.name for font in fontManager.ttflist}
    return next((name for name in _JAPANESE_FONTS if name in installed), None)


def _title(run: Run, said: Said) -> str:
    summary = run.summary
    loud = f"{said(Text('【合成データ】', 'SYNTHETIC DATA  '))}" if summary["synthetic"] else ""
    made = f"{percent(summary['return_pct'], signed=True)} ({said(LABELS['hold'])} "
    made += f"{percent(summary['buy_and_hold_pct'], signed=True)}), {len(run.trades):,} {said(PAGE['trades'])}"
    return f"{loud}{summary['symbol']} {summary['series']}\n{summary['from']} – {summary['to']}   {made}"


def _curves(run: Run) -> _Curves:
    """Return the run's curves, several bars to a point where there are too many."""
    candles, equity = run.candles, run.decisions.equity
    starts = np.arange(0, len(candles), max(-(-len(candles) // _MOST_POINTS), 1))
    last = np.append(starts[1:], len(candles)) - 1
    peak = np.maximum(np.maximum.accumulate(equity), run.initial)
    to_jpy = float(run.instrument.money_unit)
    close = candles.close[last].astype(np.float64)
    return _Curves(
        at=_days(candles.closed_at[last]),
        low=np.minimum.reduceat(candles.low, starts) * float(run.instrument.tick_size),
        high=np.maximum.reduceat(candles.high, starts) * float(run.instrument.tick_size),
        close=close * float(run.instrument.tick_size),
        equity=equity[last] * to_jpy,
        hold=run.initial * to_jpy * close / float(candles.open[0]),
        drawdown=100 * np.minimum.reduceat((equity - peak) / peak, starts),
    )


def _days(at: Ints) -> Floats:
    """Return times as the axis counts them: days since 1970, Japan's time."""
    return (at + JST_OFFSET) / DAY


def _draw_price(axes: Axes, run: Run, curves: _Curves, said: Said) -> None:
    trades, tick = run.trades, float(run.instrument.tick_size)
    axes.fill_between(curves.at, curves.low, curves.high, color=_PRICE, alpha=0.25, linewidth=0)
    axes.plot(curves.at, curves.close, color=_PRICE, linewidth=0.8)
    kinds = (
        ("entry_long", "^", _LONG, trades.side > 0, trades.opened_at, trades.entry),
        ("entry_short", "v", _SHORT, trades.side < 0, trades.opened_at, trades.entry),
        ("exit_gain", "o", _EQUITY, trades.net > 0, trades.closed_at, trades.exit),
        ("exit_loss", "x", _LOSS, trades.net <= 0, trades.closed_at, trades.exit),
    )
    for name, marker, colour, which, at, price in kinds:
        axes.scatter(
            _days(at[which]), price[which] * tick, s=22, marker=marker, color=colour, label=said(LABELS[name]), zorder=3
        )
    _finish(axes, said(LABELS["price_axis"]))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, borderaxespad=0.2)


def _draw_equity(axes: Axes, run: Run, curves: _Curves, said: Said) -> None:
    cash = float(run.instrument.jpy(run.initial))
    axes.plot(curves.at, curves.equity, color=_EQUITY, linewidth=1.4, label=said(LABELS["equity"]))
    axes.plot(curves.at, curves.hold, color=_HOLD, linewidth=1.0, label=said(LABELS["hold"]))
    axes.axhline(cash, color=_CASH, linewidth=1.0, linestyle="--", label=said(LABELS["cash"]))
    _finish(axes, said(LABELS["equity_axis"]))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, borderaxespad=0.2)


def _draw_drawdown(axes: Axes, curves: _Curves, said: Said) -> None:
    axes.fill_between(curves.at, curves.drawdown, 0, color=_LOSS, alpha=0.4, linewidth=0)
    _finish(axes, said(LABELS["drawdown_axis"]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _finish(axes: Axes, name: str) -> None:
    axes.set_ylabel(name)
    axes.margins(x=0.01)
    axes.grid(color="#e4e8ec", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
