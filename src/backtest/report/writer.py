"""Writes the report into the run's folder; each file gets its name only once it is whole."""

from pathlib import Path
from typing import NamedTuple

from src.backtest.report.markdown import markdown
from src.backtest.report.page import page
from src.backtest.report.png import chart_png
from src.backtest.report.run_folder import read_run
from src.core.domain.reason_words import LANGUAGES
from src.core.exceptions import ConfigError
from src.ml.drift_words import Watched


class ReportPaths(NamedTuple):
    """Where the report is."""

    html: Path
    text: Path
    picture: Path


def write_report(
    run_folder: Path, language: str = "ja", compare: Path | None = None, watch: Watched | None = None
) -> ReportPaths:
    """Write `report.html`, `report.md` and `chart.png` into the folder of a finished run; older ones are replaced.

    Parameters
    ----------
    run_folder
        As the backtest left it: summary.json, trades.csv, decisions.parquet, candles.parquet.
    language
        `ja` or `en`: of the text and the picture, and the one the page opens in (it holds both).
    compare
        The folder of a second run to set beside the first.
    watch
        What has moved under the model that the run asked; it gets a section of its own.

    Returns
    -------
    ReportPaths
        The three files. The same run gives the same bytes with the same libraries and fonts.

    Raises
    ------
    ConfigError
        If a folder is not that of a finished run, or the language is neither of the two; nothing was written.
    OSError
        If the file system refuses.
    """
    if language not in LANGUAGES:
        raise ConfigError(f"{language!r} is not a language of the report", remedy=f"write {' or '.join(LANGUAGES)}")
    run = read_run(run_folder)
    other = None if compare is None else read_run(compare)
    paths = ReportPaths(run_folder / "report.html", run_folder / "report.md", run_folder / "chart.png")
    contents = (
        page(run, language, other, watch).encode(),
        markdown(run, language, other, watch).encode(),
        chart_png(run, language),
    )
    for path, content in zip(paths, contents, strict=True):
        _replace(path, content)
    return paths


def _replace(path: Path, content: bytes) -> None:
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
