"""docs/configuration.md says what the files and the models say, in both languages."""

import re
from typing import get_args

import pytest
import yaml

from src.core.config import load_config
from src.core.config.schema import bounds_of, field_of
from src.core.config.units import written
from src.core.exceptions import ConfigError
from tests.core.config.written_settings import ROOT, SHIPPED, leaves

PAGES = [ROOT / "docs/configuration.md", ROOT / "docs/configuration.ja.md"]
ROW = re.compile(r"^\| `([a-z_0-9.]+)` \| (\S.*?) \| (\S.*?) \| (\S.*) \|$", re.MULTILINE)
WEIGHT = re.compile(r"^\| `([a-z_]+)` \| ([0-9.]+) \|$", re.MULTILINE)


def shown(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return written(value) if isinstance(value, float) else str(value)


def allowed(key: str) -> str:
    field = field_of(tuple(key.split(".")))
    assert field is not None
    bounds, choices = bounds_of(field), get_args(field.annotation)
    if bounds is not None:
        return str(bounds)
    if field.annotation is bool:
        return "true, false"
    return ", ".join(choices) if choices and all(isinstance(choice, str) for choice in choices) else "-"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_lists_every_key_with_its_default_and_its_bounds(page):
    rows = {key: (default, bounds) for key, default, bounds, _ in ROW.findall(page.read_text(encoding="utf-8"))}
    settings = leaves(load_config(SHIPPED["production"], {}))
    keys = [key for key in settings if not key.startswith("strategies.")]
    expected = {key: ("-" if key == "mode" else shown(settings[key]), allowed(key)) for key in keys}
    assert rows == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_lists_every_strategy_with_its_weight(page):
    strategies = load_config(SHIPPED["production"], {}).strategies
    assert dict(WEIGHT.findall(page.read_text(encoding="utf-8"))) == {
        k: written(s.weight) for k, s in strategies.items()
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_the_page_do_what_it_says(page, tmp_path, monkeypatch):
    text = page.read_text(encoding="utf-8")
    right, wrong = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    answer = re.findall(r"```text\n(.*?)```", text, re.DOTALL)[0]
    monkeypatch.chdir(tmp_path)
    for name in ("core", "mine"):
        (tmp_path / "config" / name).mkdir(parents=True)
    (tmp_path / "config/core/base.yaml").write_bytes((ROOT / "config/core/base.yaml").read_bytes())
    mine = tmp_path / "config/mine/base.yaml"
    mine.write_text(right, encoding="utf-8")
    assert load_config("config/mine/base.yaml", {}).strategies["atr_based"].weight == 0.45
    mine.write_text(wrong, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config("config/mine/base.yaml", {})
    assert str(caught.value) == answer.strip()


def test_the_bounds_in_the_comments_of_the_defaults_are_those_of_the_models():
    lines = (ROOT / "config/core/base.yaml").read_text(encoding="utf-8").splitlines()
    checked, section = 0, ""
    for line in lines:
        if re.match(r"[a-z]+:", line):
            section = line.split(":")[0]
        found = re.match(r"  ([a-z_0-9]+): .*# .*?\b([0-9.]+\.\.[0-9.]+)\b", line)
        if found is not None:
            assert found[2] == allowed(f"{section}.{found[1]}"), line
            checked += 1
    assert checked > 30


def test_the_defaults_are_also_plain_yaml_for_other_programs():
    text = (ROOT / "config/core/base.yaml").read_text(encoding="utf-8")
    ours, theirs = leaves(load_config(SHIPPED["production"], {})), yaml.safe_load(text)
    for key, value in ours.items():
        if not key.startswith(("strategies.", "mode")):
            inner = theirs
            for part in key.split("."):
                inner = inner[part]
            assert inner == value, key
