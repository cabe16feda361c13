import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from src.backtest.report import write_report
from src.backtest.report.markdown import markdown
from src.backtest.report.page import script_json
from src.backtest.report.quantities import jpy, number, percent
from src.backtest.report.run_folder import read_run
from src.core.domain.market import BTC_JPY, Money
from src.core.exceptions import ConfigError

HOSTILE = "</script><img src=x onerror=alert(1)>&\u2028`|"
MEGABYTE = 1_000_000
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Outline(HTMLParser):
    """Elements of a page, and whether each is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


def outline(path: Path) -> Outline:
    found = Outline()
    found.feed(path.read_text(encoding="utf-8"))
    found.close()
    assert found.open == []
    return found


def spoil(folder: Path, **changes: object) -> None:
    path = folder / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_the_three_files_stand_in_the_runs_folder_and_nothing_else_is_left(folder):
    before = {path.name for path in folder.iterdir()}
    paths = write_report(folder, "ja")
    assert paths == (folder / "report.html", folder / "report.md", folder / "chart.png")
    assert {path.name for path in folder.iterdir()} == before | {"report.html", "report.md", "chart.png"}


def test_the_same_run_gives_the_same_bytes_and_replaces_an_older_report(folder):
    first = [path.read_bytes() for path in write_report(folder, "en")]
    (folder / "report.html").write_text("old", encoding="utf-8")
    assert [path.read_bytes() for path in write_report(folder, "en")] == first


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_page_opens_in_the_language_asked_for_and_holds_both(folder, language):
    page = outline(write_report(folder, language).html)
    assert page.tags[0] == ("html", {**page.tags[0][1], "lang": language})
    switch = [attrs["data-language"] for tag, attrs in page.tags if tag == "button" and "data-language" in attrs]
    assert switch == ["ja", "en"]
    spoken = [attrs["lang"] for tag, attrs in page.tags if attrs.get("class") == "t"]
    assert spoken.count("ja") == spoken.count("en") > 40


def test_the_page_fetches_nothing_and_forbids_itself_to(folder):
    page = outline(write_report(folder, "ja").html)
    for tag, attrs in page.tags:
        assert "src" not in attrs, tag
        assert tag != "link" or attrs["href"] == "data:,"
    policy = next(attrs["content"] for tag, attrs in page.tags if "http-equiv" in attrs)
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_names_cannot_become_markup_or_script(folder):
    spoil(folder, series=HOSTILE, source=HOSTILE, fee_schedule=HOSTILE)
    trades = folder / "trades.csv"
    trades.write_text(trades.read_text(encoding="utf-8").replace("atr_based", "<b>atr</b></script>"), encoding="utf-8")
    paths = write_report(folder, "en")
    page = outline(paths.html)
    assert "img" not in {tag for tag, _ in page.tags}
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 3
    data = json.loads(page.scripts[0])
    assert "<b>atr</b></script>" in data["trades"]["strategies"]
    assert "<img" not in paths.text.read_text(encoding="utf-8").replace("\\<img", "")


@pytest.mark.parametrize("text", ["</script>", "<!--", "\u2028", "&amp;"])
def test_json_in_the_page_reads_back_and_ends_no_script(text):
    written = script_json({"a": text})
    assert json.loads(written) == {"a": text}
    assert not set("<>&\u2028") & set(written)


def test_made_up_data_are_called_so_in_every_file(folder):
    paths = write_report(folder, "ja")
    assert any(attrs.get("class") == "synthetic" for _, attrs in outline(paths.html).tags)
    assert "合成データ" in paths.text.read_text(encoding="utf-8")
    spoil(folder, synthetic=False)
    real = write_report(folder, "ja")
    assert not any(attrs.get("class") == "synthetic" for _, attrs in outline(real.html).tags)
    assert "合成データ" not in real.text.read_text(encoding="utf-8")


def test_the_text_is_a_document_of_whole_tables(run):
    text = markdown(run, "en", None)
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    assert len(blocks) == 4
    for block in blocks:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1
    assert "![" in text
    assert "(chart.png)" in text


def test_a_run_without_trades_has_a_report_too(idle):
    paths = write_report(idle, "en")
    assert "nothing can be judged" in paths.text.read_text(encoding="utf-8")
    outline(paths.html)


def test_two_runs_are_set_side_by_side(folder, other):
    paths = write_report(folder, "en", other)
    page = outline(paths.html)
    assert any(attrs.get("id") == "chart-equities" for _, attrs in page.tags)
    assert len(json.loads(page.scripts[0])["comparison"]) == 2
    assert "one-strategy" in paths.text.read_text(encoding="utf-8").replace("\\", "")


def test_the_picture_is_a_png_of_the_stated_size(folder):
    picture = write_report(folder, "en").picture.read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])) == (1200, 800)


def test_another_language_is_refused_before_anything_is_written(folder):
    with pytest.raises(ConfigError, match="'fr'"):
        write_report(folder, "fr")
    assert not (folder / "report.html").exists()


def test_a_second_run_that_cannot_be_read_leaves_the_old_report_alone(folder, tmp_path):
    old = [path.read_bytes() for path in write_report(folder, "en")]
    with pytest.raises(ConfigError, match="holds no"):
        write_report(folder, "en", tmp_path / "nowhere")
    assert [(folder / name).read_bytes() for name in ("report.html", "report.md", "chart.png")] == old


@pytest.mark.parametrize("year", [2022, 2023])
@pytest.mark.no_cover
def test_the_page_of_a_real_year_is_under_six_megabytes(gmo_year, year):
    paths = write_report(gmo_year(year), "ja")
    assert paths.html.stat().st_size < 6 * MEGABYTE
    assert read_run(paths.html.parent).summary["synthetic"] is False


def test_numbers_that_do_not_exist_are_dashes_and_nothing_is_never_negative():
    assert number(None) == number(float("nan")) == percent(None) == "–"
    assert number(-0.001) == "0.00"
    assert percent(-0.001, signed=True) == "0.00 %"
    assert jpy(Money(-4_000), BTC_JPY, signed=True) == "0"
    assert jpy(Money(12_345_678_900), BTC_JPY, signed=True) == "+1,234,568"
