"""Settings in layers: a file over its base, the environment on top, one value out."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from src.core.config import load_config
from src.core.config.document import plain_value
from src.core.domain.market import BTC_JPY
from src.core.exceptions import ConfigError
from src.data.data_cache import MIN_RETENTION_DAYS
from src.data.data_pipeline import series_name
from tests.core.config.written_settings import HEAD, ROOT, SHIPPED, leaves, load, refused, write


@pytest.mark.parametrize(("name", "mode"), [("backtest", "backtest"), ("paper", "paper"), ("production", "live")])
def test_the_shipped_files_load_each_in_its_mode(name, mode):
    assert load_config(SHIPPED[name], {}).mode == mode


def test_the_defaults_alone_are_no_mode():
    with pytest.raises(ConfigError, match="`mode` is missing"):
        load_config(ROOT / "config/core/base.yaml", {})


def test_production_differs_from_backtest_in_its_mode_and_in_needing_a_model_and_in_nothing_else():
    backtest, production = (leaves(load_config(SHIPPED[name], {})) for name in ("backtest", "production"))
    different = {key: (backtest[key], production[key]) for key in backtest if backtest[key] != production[key]}
    assert different == {"mode": ("backtest", "live"), "model.used": (False, True)}


def test_paper_trading_decides_as_live_trading_does():
    paper, production = (leaves(load_config(SHIPPED[name], {})) for name in ("paper", "production"))
    assert {key for key in paper if paper[key] != production[key]} == {"mode"}


@pytest.mark.parametrize("name", ["paper", "production"])
def test_without_a_model_neither_paper_nor_live_trading_enters(name):
    model = load_config(SHIPPED[name], {}).model
    assert (model.used, model.hold_without) == (True, True)


def test_the_default_series_is_the_one_that_a_download_stores():
    assert load_config(SHIPPED["backtest"], {}).data.series == series_name(BTC_JPY)


def test_the_least_retention_is_the_stores_own(tmp_path):
    assert load(tmp_path, f"data:\n  retention_days: {MIN_RETENTION_DAYS}\n").data.retention_days == 200
    assert "line 4" in refused(tmp_path, f"data:\n  retention_days: {MIN_RETENTION_DAYS - 1}\n")


def test_every_default_is_explained_in_its_line():
    text = (ROOT / "config/core/base.yaml").read_text(encoding="utf-8")
    bare = [line for line in text.splitlines() if line.strip() and not line.endswith(":") and "#" not in line]
    assert [line.split(":")[0].strip() for line in bare] == [
        "atr_based",
        "mochipoy_alert",
        "multi_timeframe",
        "fibonacci_retracement",
    ]  # their meaning stands above them


def test_a_file_changes_what_it_names_and_keeps_the_rest(tmp_path):
    plain, changed = load(tmp_path, ""), load(tmp_path, "costs:\n  slippage: 0.001\n")
    assert leaves(changed) == leaves(plain) | {"costs.slippage": 0.001}


def test_the_nearer_of_two_files_wins(tmp_path):
    write(tmp_path, "extends: core.yaml\ncosts:\n  slippage: 0.001\n  interest_hour_jst: 9\n", "middle.yaml")
    path = write(tmp_path, "extends: middle.yaml\nmode: backtest\ncosts:\n  slippage: 0.002\n")
    costs = load_config(path, {}).costs
    assert (costs.slippage, costs.interest_hour_jst) == (0.002, 9)


def test_a_variable_wins_over_every_file(tmp_path):
    changed = load(tmp_path, "costs:\n  slippage: 0.001\n", TRADER__COSTS__SLIPPAGE="0.002")
    assert changed.costs.slippage == 0.002


def test_variables_set_text_truth_null_and_a_strategys_parameters(tmp_path):
    changed = load(
        tmp_path,
        "data:\n  base_url: http://127.0.0.1:80\n",
        TRADER__DATA__BASE_URL="null",
        TRADER__DATA__SERIES="mine",
        TRADER__MODEL__USED="true",
        TRADER__STRATEGIES__ATR_BASED__PARAMS__STRETCH="2",
    )
    assert (changed.data.base_url, changed.data.series, changed.model.used) == (None, "mine", True)
    assert changed.strategies["atr_based"].params["stretch"] == 2.0


def test_variables_of_others_are_not_ours(tmp_path):
    assert load(tmp_path, "", TRADER="1", TRADER_HOME="/", HOME="/root").hash() == load(tmp_path, "").hash()


def test_the_processs_own_environment_counts_when_none_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("TRADER__COSTS__SLIPPAGE", "0.002")
    assert load_config(write(tmp_path, HEAD)).costs.slippage == 0.002


def test_a_strategy_is_left_out_with_null_and_the_others_stand_in_the_order_of_their_names(tmp_path):
    settings = load(tmp_path, "strategies:\n  atr_based: null\n  mochipoy_alert: {weight: 0.6}\n")
    assert list(settings.strategies) == ["fibonacci_retracement", "mochipoy_alert", "multi_timeframe"]


def test_a_strategy_is_added_with_a_line_that_names_its_weight_alone(tmp_path):
    core = (ROOT / "config/core/base.yaml").read_text(encoding="utf-8")
    without = core.replace("  atr_based: { weight: 0.3, params: {} }\n", "")
    assert without != core
    write(tmp_path, "", "unused.yaml")
    (tmp_path / "small.yaml").write_text(without, encoding="utf-8")
    path = write(tmp_path, "extends: small.yaml\nmode: backtest\nstrategies:\n  atr_based: {weight: 0.3}\n")
    assert load_config(path, {}) == load(tmp_path, "")


def test_settings_hold_every_parameter_of_a_strategy_so_that_their_hash_covers_them(tmp_path):
    settings = load(tmp_path, "strategies:\n  atr_based: {params: {stretch: 1}}\n")
    assert settings.strategies["atr_based"].params["stop"] == 1.5
    assert settings.hash() == load(tmp_path, "").hash()  # 1 is that parameter's own default
    assert load(tmp_path, "strategies:\n  atr_based: {params: {stretch: 1.1}}\n").hash() != settings.hash()


def test_the_hash_is_of_the_values_and_not_of_how_they_are_written(tmp_path):
    plain = load(tmp_path, "").hash()
    written = "# other words\ncosts: {slippage: 5.0e-4}\ndata:\n  timeout_s: 10.0\n"
    assert load(tmp_path, written).hash() == plain
    assert load(tmp_path, "", TRADER__COSTS__SLIPPAGE="0.00050").hash() == plain
    assert len(plain) == 64
    assert int(plain, 16) > 0


def test_settings_cannot_be_changed_once_loaded():
    settings = load_config(SHIPPED["backtest"], {})
    with pytest.raises(ValidationError, match="frozen"):
        settings.costs.slippage = 0.0


@given(st.text(max_size=12) | st.from_regex(r"[-+]?[0-9._eExo:]{1,12}", fullmatch=True))
def test_a_bare_value_is_what_yaml_calls_it_or_text_and_never_another_number(text):
    value = plain_value(text)
    if value is not text and value is not None:
        assert yaml.safe_load(text) == value or float(text) == value
        assert type(value) is not str


@given(
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15) | st.integers(-(10**15), 10**15)
)
def test_every_number_comes_back_as_it_was_written(number):
    assert plain_value(json.dumps(number)) == number
    assert type(plain_value(json.dumps(number))) is type(number)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    path = write(tmp_path, "")
    path.write_bytes(b"\xef\xbb\xbf" + HEAD.encode())
    assert load_config(Path(path), {}) == load(tmp_path, "")


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080", "https://Public.Bitbank.cc/", "http://[::1]:80"])
def test_another_public_server_can_be_named(tmp_path, address):
    assert load(tmp_path, f'data:\n  base_url: "{address}"\n').data.base_url == address
