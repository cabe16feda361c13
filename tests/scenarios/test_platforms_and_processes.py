"""A program that ran elsewhere than where it was written: clocks, clients and alarms that nobody had asked for."""

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

from src.core.config import load_config
from src.core.domain.time import BAR_15M, HOUR, bar_open, format_jst, jst_day, parse_time, utc_date
from src.core.exceptions import ConfigError
from src.core.orchestration.live_wiring import live_parts
from src.data.api_keys import keys_from_environment

SOURCE = Path(__file__).resolve().parents[2] / "src"


def calls(path: Path) -> set[str]:
    nodes = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    return {ast.unparse(node.func) for node in nodes}


def test_an_alarm_that_was_left_over_kills_the_process_every_quarter_hour():
    forbidden = {"signal.alarm", "signal.setitimer"}
    found = {str(path.relative_to(SOURCE)): calls(path) & forbidden for path in SOURCE.rglob("*.py")}
    assert {name: ends for name, ends in found.items() if ends} == {}


async def test_a_client_made_by_default_makes_tests_call_the_real_service(tmp_path):
    own = {"TRADER__DATA__TRADING": str(tmp_path / "candles"), "TRADER__JOURNAL__FOLDER": str(tmp_path / "state")}
    settings = load_config("config/production/base.yaml", own)
    with pytest.raises(ConfigError, match="BITBANK_API_KEY is not set"):
        await live_parts(settings, own)


@pytest.mark.parametrize("secret", ["", " ", "changed later\n", "秘密"])
def test_a_placeholder_for_a_secret_is_sent_for_hours(secret):
    with pytest.raises(ConfigError, match="BITBANK_API_SECRET"):
        keys_from_environment({"BITBANK_API_KEY": "0123456789abcdef", "BITBANK_API_SECRET": secret})


def test_utc_and_japans_time_are_confused_in_logs_limits_and_candle_days():
    midnight = parse_time("2023-05-01")  # a naive time is Japan's
    assert datetime.fromtimestamp(midnight / 1_000, UTC) == datetime(2023, 4, 30, 15, tzinfo=UTC)
    assert format_jst(midnight) == "2023-05-01 00:00 JST"
    assert parse_time("2023-04-30T15:00+00:00") == midnight
    assert jst_day(midnight) == jst_day(midnight - 1) + 1  # interest and daily results turn at Japan's midnight
    assert utc_date(midnight).isoformat() == "2023-04-30"  # a candle file at UTC's
    assert utc_date(midnight + 9 * HOUR).isoformat() == "2023-05-01"
    assert bar_open(midnight + BAR_15M - 1) == midnight
