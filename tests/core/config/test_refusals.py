"""What a settings file must not say, and the line it is told about."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from src.core.config import load_config
from src.core.config.document import read_document
from src.core.exceptions import ConfigError
from tests.core.config.written_settings import HEAD, ROOT, load, refused, write

ONE_BY_ONE = {
    "an unknown key": ("sizing:\n  risk_per_trad: 0.01\n", 4, "did you mean `risk_per_trade`?"),
    "an unknown section": ("sizng:\n  gap: 0.01\n", 3, "did you mean `sizing`?"),
    "an unknown key like no other": ("vote:\n  zebra: 1\n", 4, "known here: min_agreement, min_confidence"),
    "a key written twice": ("sizing:\n  gap: 0.01\n  gap: 0.02\n", 5, "first in line 4"),
    "a section written twice": ("sizing:\n  gap: 0.01\nvote: {}\nsizing: {}\n", 6, "first in line 3"),
    "a percentage": ("costs:\n  slippage: 0.05%\n", 4, "0.05 % is written 0.0005, allowed 0..0.01"),
    "a percentage without its sign": ("costs:\n  slippage: 5\n", 4, "0.05 % is written 0.0005, allowed 0..0.01"),
    "a percentage that fits": ("risk:\n  max_drawdown: 20\n", 4, "20 % is written 0.2, allowed 0.01..0.5"),
    "a fraction finer than it is counted": ("costs: {slippage: 0.0005001}\n", 3, "write 0.0005 or 0.000501"),
    "a number in quotes": ('costs:\n  slippage: "0.001"\n', 4, "without quotes"),
    "a decimal comma": ("costs:\n  slippage: 0,001\n", 4, "the decimal sign is a point"),
    "an infinite number": ("costs:\n  slippage: .inf\n", 4, "infinite and undefined numbers"),
    "a number beyond all floats": ("costs:\n  slippage: 1e999\n", 4, "allowed 0..0.01"),
    "not a number": ("vote:\n  min_confidence: .nan\n", 4, "infinite and undefined numbers"),
    "on for true": ("model:\n  used: on\n", 4, "write true or false"),
    "No for false": ("model:\n  used: No\n", 4, "write true or false"),
    "one for true": ("model:\n  used: 1\n", 4, "write true or false"),
    "truth in quotes": ('model:\n  used: "true"\n', 4, "write true or false, without quotes"),
    "truth for a number": ("data:\n  retries: true\n", 4, "a whole number, allowed 0..10"),
    "a number with underscores": ("data:\n  retention_days: 1_000\n", 4, "without underscores"),
    "a sexagesimal number": ("execution:\n  entry_wait_minutes: 1:30\n", 4, "not with a colon"),
    "a leading zero": ("data:\n  retries: 010\n", 4, "without leading zeros"),
    "a hexadecimal number": ("data:\n  retries: 0x8\n", 4, "numbers are decimal"),
    "a fraction for a whole number": ("data:\n  retries: 4.0\n", 4, "a whole number, allowed 0..10"),
    "a number for text": ("data:\n  series: 2024\n", 4, 'put it between quotes, "2024"'),
    "text without a character": ('data:\n  series: ""\n', 4, "write text"),
    "nothing for a number": ("data:\n  retries:\n", 4, "a whole number, allowed 0..10"),
    "a list for a number": ("data:\n  retries: [4]\n", 4, "`data.retries` is a list"),
    "a word that is no choice": ("execution:\n  entry: stop\n", 4, "one of market, limit"),
    "an empty section": ("sizing:\n", 3, "`sizing` is empty"),
    "a value for a section": ("sizing: 0.01\n", 3, "write its keys below it"),
    "a list for a section": ("sizing: [0.01]\n", 3, "write its keys below it"),
    "retention below what features need": ("data:\n  retention_days: 199\n", 4, "the slowest 4-hour feature needs"),
    "leverage above bitbank's": ("sizing:\n  max_leverage: 2.5\n", 4, "margin-call line"),
    "leverage below one": ("sizing:\n  max_leverage: 0.5\n", 4, "lower risk_per_trade"),
    "an entry that waits less than a bar": ("execution:\n  entry_wait_minutes: 14\n", 4, "one bar is the least"),
    "more than Kelly": ("sizing:\n  kelly_multiple: 1.01\n", 4, "risks more to grow less"),
    "no weight": ("strategies:\n  atr_based: {weight: 0}\n", 4, "leave a strategy out with `name: null`"),
    "an unknown strategy": ("strategies:\n  atr_base: {weight: 0.3}\n", 4, "did you mean `atr_based`?"),
    "a strategy's name that is none": ("strategies:\n  ../x: {weight: 0.3}\n", 4, "is not a strategy's name"),
    "a value for a strategy": ("strategies:\n  atr_based: 0.3\n", 4, "write its keys below it"),
    "an unknown parameter": (
        "strategies:\n  atr_based:\n    params:\n      strech: 1.5\n",
        6,
        "did you mean `stretch`?",
    ),
    "a mistyped parameter": ("strategies:\n  atr_based:\n    params: {stop: two}\n", 5, "write a number, as in 1.5"),
    "an infinite parameter": ("strategies:\n  atr_based:\n    params: {stop: 1e999}\n", 5, "write a number, as in 1.5"),
    "truth for a parameter": ("strategies:\n  atr_based:\n    params: {stop: true}\n", 5, "write a number, as in 1.5"),
    "parameters that are no mapping": ("strategies:\n  atr_based:\n    params: 3\n", 5, "is not a mapping"),
    "weights that do not sum to one": ("strategies:\n  atr_based: {weight: 0.4}\n", 4, "the weights sum to 1.1"),
    "a strategy left out without its weight": ("strategies:\n  atr_based: null\n", 4, "the weights sum to 0.7"),
    "less risk at most than at first": ("sizing:\n  risk_per_trade: 0.02\n", 4, "max_risk_per_trade (0.01) is below"),
    "leverage that the margin forbids": (
        "costs:\n  margin_requirement: 0.6\nsizing:\n  max_leverage: 1.8\n",
        6,
        "1.6667",
    ),
    "a forced close at the margin call": ("costs:\n  losscut_level: 1\n", 4, "bitbank's is 0.5"),
    "one folder for both stores": ("data:\n  trading: cache/history\n", 4, "one folder"),
    "a store inside the other": ("data:\n  history: cache/trading/../trading/long\n", 4, "one lies in the other"),
    "a folder of somebody's home": ("data:\n  history: ~/candles\n", 4, "nothing in it is expanded"),
    "an unknown pair": ("market:\n  symbol: ETH/JPY\n", 4, "write one of BTC/JPY"),
    "an exchange that is none": ("exchange:\n  public_url: bitbank\n", 4, "https://host"),
    "a key sent unencrypted": ("exchange:\n  private_url: http://bitbank.example\n", 4, "https://host"),
    "a token sent unencrypted": ("exchange:\n  private_stream: http://bitbank.example\n", 4, "https://host"),
    "a stream that is no websocket": ("exchange:\n  public_stream: https://bitbank.example\n", 4, "wss://host"),
    "a stream without a host": ("exchange:\n  public_stream: wss://\n", 4, "wss://host"),
    "an address that is none": ("data:\n  base_url: bitbank\n", 4, "http://host:port"),
    "an address with a password": ("data:\n  base_url: https://me:hunter2@bitbank\n", 4, "without user"),
    "an address without a host": ("data:\n  base_url: http://\n", 4, "http://host:port"),
    "an address with half an IPv6 host": ('data:\n  base_url: "http://[::1"\n', 4, "http://host:port"),
    "an address with a port that is none": ("data:\n  base_url: http://host:99999\n", 4, "http://host:port"),
    "an address with a path": ("data:\n  base_url: https://public.bitbank.cc/btc_jpy\n", 4, "path"),
    "a tab": ("data:\n\tretries: 3\n", 4, "begins with a tab"),
    "a bracket left open": ("data: {retries: 3\n", 4, "this is not YAML"),
    "a second colon": ("data: retries: 3\n", 3, "this is not YAML"),
    "an invisible character": ("data:\n  series: a\x07b\n", 4, "an invisible character"),
    "an anchor": ("data: &a {retries: 3}\n", 3, "uses an anchor"),
    "a merge key": ("data: {<<: {retries: 3}}\n", 3, "unknown key `data.<<`"),
    "a tag": ("data: !!python/object:os.system {}\n", 3, "has the tag"),
    "a second document": ("---\nmode: live\n", 3, "keep one document a file"),
    "a name that is a list": ("? [a]\n: 1\n", 3, "a name is expected here"),
    "nesting without end": (f"data: {'{a: ' * 500}\n", 3, "nested too deeply"),
}


@pytest.mark.parametrize(("text", "line", "says"), ONE_BY_ONE.values(), ids=ONE_BY_ONE.keys())
def test_it_is_refused_with_file_line_and_what_to_write(tmp_path, monkeypatch, text, line, says):
    monkeypatch.chdir(tmp_path)
    message = refused(tmp_path, text)
    assert f"{tmp_path / 'mine.yaml'}, line {line}:" in message
    assert says in message
    assert "what to do:" in message


WHOLE_FILES = {
    "an empty file": ("", 1, "the file is empty"),
    "a file of comments": ("# one\n\n  # two\n", 1, "the file is empty"),
    "a list": ("- a\n- b\n", 1, "does not hold settings"),
    "a word": ("\nhello\n", 2, "does not hold settings"),
    "a file that extends nothing": ("mode: backtest\nextends:\n", 2, "`extends` names no file"),
    "a file that extends a missing one": ("mode: backtest\nextends: gone.yaml\n", 2, "there is no file"),
    "a file that extends itself": ("extends: ./mine.yaml\n", 1, "extends itself"),
    "a file without mode": ("extends: core.yaml\n", 1, "`mode` is missing"),
    "a file on its own": ("mode: backtest\nsizing:\n  gap: 0.1\n", 1, "`market`, `data`"),
    "a half section on its own": (
        "mode: backtest\nvote:\n  min_agreement: 0.6\n",
        2,
        "`vote.min_confidence` is missing",
    ),
}


@pytest.mark.parametrize(("text", "line", "says"), WHOLE_FILES.values(), ids=WHOLE_FILES.keys())
def test_a_file_that_holds_no_settings_is_refused_with_its_line(tmp_path, text, line, says):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert f"{path}, line {line}:" in str(caught.value)
    assert says in str(caught.value)


def test_a_missing_file_is_refused_with_those_that_exist(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no file .*\n.*config/production/base.yaml"):
        load_config(tmp_path / "gone.yaml", {})


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path, {})


def test_text_that_is_not_utf_8_is_refused_with_its_line(tmp_path):
    path = tmp_path / "sjis.yaml"
    path.write_bytes(HEAD.encode() + "# 設定\n".encode("shift_jis"))
    with pytest.raises(ConfigError, match=r"sjis.yaml, line 3: this is not UTF-8"):
        load_config(path, {})


def test_a_file_whose_parent_leads_back_is_refused(tmp_path):
    write(tmp_path, "extends: mine.yaml\n", "other.yaml")
    with pytest.raises(ConfigError, match="extends itself"):
        load_config(write(tmp_path, "extends: other.yaml\nmode: backtest\n"), {})


def test_a_mistake_in_the_file_below_is_told_with_that_files_line(tmp_path):
    write(tmp_path, "extends: core.yaml\ncosts:\n  slippage: 5\n", "middle.yaml")
    with pytest.raises(ConfigError, match=r"middle.yaml, line 3: `costs.slippage` is 5"):
        load_config(write(tmp_path, "extends: middle.yaml\nmode: backtest\n"), {})


def test_every_mistake_is_told_at_once(tmp_path):
    message = refused(tmp_path, "costs:\n  slippage: 5\n  interest: 1\nmodel:\n  used: on\n")
    assert "3 settings cannot be used" in message
    assert [f"line {n}: " in message for n in (4, 5, 7)] == [True] * 3


@pytest.mark.parametrize("key", ["api_key", "API_SECRET", "token", "discord_webhook", "password", "bitbank_key"])
def test_a_key_that_looks_like_a_secret_is_refused_without_repeating_it(tmp_path, key):
    message = refused(tmp_path, f"data:\n  {key}: hunter2hunter2\n")
    assert "line 4: " in message
    assert "BITBANK_API_KEY" in message
    assert "hunter2" not in message


def test_a_secret_in_a_variable_of_ours_is_refused_without_repeating_it(tmp_path):
    message = refused(tmp_path, "", TRADER__DATA__API_KEY="hunter2hunter2")
    assert "TRADER__DATA__API_KEY" in message
    assert "hunter2" not in message


def test_live_trading_does_not_take_the_dated_fee_table(tmp_path):
    path = write(tmp_path, "extends: core.yaml\nmode: live\ncosts:\n  schedule: dated\n")
    with pytest.raises(ConfigError, match=r"line 4: costs\.schedule is dated in mode live"):
        load_config(path, {})


VARIABLES = {
    "an unknown key": ({"TRADER__SIZING__RISK_PER_TRAD": "0.01"}, "did you mean `risk_per_trade`?"),
    "an unknown section": ({"TRADER__SIZNG__GAP": "0.01"}, "did you mean `sizing`?"),
    "no key": ({"TRADER__": "1"}, "leads to no setting"),
    "three underscores": ({"TRADER__SIZING___GAP": "0.1"}, "did you mean `gap`?"),
    "an empty value": ({"TRADER__SIZING__GAP": " "}, "give it a value, or unset it"),
    "a percentage": ({"TRADER__COSTS__SLIPPAGE": "0.1%"}, "0.1 % is written 0.001"),
    "two spellings": ({"TRADER__SIZING__GAP": "0.1", "trader__sizing__gap": "0.1"}, "given twice"),
    "a key of a section and the section": ({"TRADER__SIZING__GAP": "0.1", "trader__sizing": "1"}, "in part"),
    "a section and a key of it": ({"TRADER__SIZING": "1", "TRADER__SIZING__GAP": "0.1"}, "already given"),
    "the mode": ({"TRADER__MODE": "live"}, "must not start live trading"),
    "another file": ({"TRADER__EXTENDS": "other.yaml"}, "cannot come from the environment"),
    "an impossible combination": ({"TRADER__SIZING__RISK_PER_TRADE": "0.02"}, "max_risk_per_trade (0.01) is below"),
}


@pytest.mark.parametrize(("environ", "says"), VARIABLES.values(), ids=VARIABLES.keys())
def test_a_variable_that_sets_nothing_right_is_refused_by_its_name(tmp_path, environ, says):
    message = refused(tmp_path, "", **environ)
    assert any(f"environment variable {name}: " in message for name in environ)
    assert says in message


def said_of(call: Callable[[], object]) -> str:
    """Return the refusal that `call` ends with, or "" when it is taken; any other error is the test's."""
    try:
        call()
    except ConfigError as e:
        return str(e)
    return ""


@settings(max_examples=200)
@given(st.text(max_size=80) | st.text(alphabet="a:-[]{}&*!|>'\"%@#? \n\t0.<,~", max_size=80))
@example("a: 1\n\x85b: 2")
@example("%YAML 9.9\n---\na: 1")
@example("a: 1\n...\nb")
def test_any_text_is_a_mapping_or_a_refusal_with_a_line(text):
    said = said_of(lambda: read_document(text, "any.yaml"))
    assert said == "" or "any.yaml, line " in said


ODD_VALUES = [
    *(" ", "~", "[]", "{}", "{a: 1}", "true", "1", "-1", "0.5", "1e999", "-.inf", "text", "'1'", "[[1]]", "0x1", "1:2"),
    *(
        "{weight: 0.3, params: {stop: []}}",
        "{weight: [], params: {a: {b: {}}}}",
        "null",
        "0.1.2",
        "1e",
        ".",
        "+",
        "50%",
    ),
    *("http://[", "http://h:99999999", r'"a\0b"'),
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    section=st.sampled_from(["data", "sizing", "strategies", "costs", "vote", "zebra"]),
    key=st.sampled_from(["retries", "gap", "atr_based", "slippage", "min_agreement", "history", "base_url", "zebra"]),
    value=st.sampled_from(ODD_VALUES),
)
def test_any_value_anywhere_is_taken_or_refused_with_a_line(tmp_path, section, key, value):
    said = said_of(lambda: load(tmp_path, f"{section}:\n  {key}: {value}\n"))
    assert said == "" or ", line " in said


def test_the_shipped_files_are_read_from_wherever_the_program_is_started(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_config(ROOT / "config/paper/base.yaml", {}).mode == "paper"
