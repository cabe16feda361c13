import io
import json
import logging
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from src.core.clock import ManualClock
from src.core.domain.market import Side
from src.core.domain.time import parse_time
from src.core.exceptions import ConfigError
from src.core.logger import REDACTED, Redactor, configure_logging, get_logger, is_secret_name

CANARY = "c4n4ry/with+odd\"chars\\and'quotes"
NOW = parse_time("2024-03-31T23:59:59.042+09:00")


class Order(NamedTuple):
    side: Side
    api_key: str


class Leaky:
    def __repr__(self) -> str:
        return f"Leaky({CANARY!r})"


class Log:
    """What was written, as text and as events."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    for handler in [h for h in root.handlers if h not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@pytest.fixture
def log() -> Log:
    written = Log()
    configure_logging("debug", ManualClock(NOW), written.stream, [CANARY, ""])
    return written


def traces(written: str) -> list[str]:
    """The canary's recognisable parts that are still in what was written."""
    return [part for part in ("c4n4ry", "with+odd", "with%2Bodd", "chars", "quotes") if part in written]


def test_a_line_is_one_json_object_stamped_in_japans_time_by_the_injected_clock(log):
    get_logger("src.data").info("bar closed", close=9_500_000, ratio=0.5, gap=None, late=False)
    (event,) = log.events
    assert list(event)[:4] == ["timestamp", "level", "logger", "event"]
    assert event == {
        "timestamp": "2024-03-31T23:59:59.042+09:00",
        "level": "info",
        "logger": "src.data",
        "event": "bar closed",
        "close": 9_500_000,
        "ratio": 0.5,
        "gap": None,
        "late": False,
    }


def test_the_stamp_is_the_time_of_the_line_not_of_the_configuration():
    written, clock = Log(), ManualClock(NOW)
    configure_logging("info", clock, written.stream)
    clock.advance_to(parse_time("2024-04-01T00:00:00.000+09:00"))
    get_logger("x").info("midnight")
    assert written.events[0]["timestamp"] == "2024-04-01T00:00:00.000+09:00"


def test_lines_below_the_level_are_not_written():
    written = Log()
    configure_logging("WARNING", ManualClock(NOW), written.stream)
    get_logger("x").info("quiet")
    get_logger("x").error("loud")
    assert [event["event"] for event in written.events] == ["loud"]


PLACES: dict[str, Callable[[str], object]] = {
    "the value itself": lambda s: s,
    "inside a sentence": lambda s: f"GET /?a={s}&b=1",
    "a nested dict": lambda s: {"reply": {"headers": [{"x": s}]}},
    "a dict's key": lambda s: {s: 1},
    "a tuple": lambda s: (1, s),
    "a set": lambda s: {s},
    "bytes": lambda s: s.encode(),
    "an object's repr": lambda _: Leaky(),
    "an error": lambda s: ValueError(f"refused: {s}"),
    "an error's repr": lambda s: repr(ValueError(s)),
    "JSON inside text": lambda s: json.dumps({"x": s}),
    "JSON inside JSON": lambda s: json.dumps({"x": json.dumps({"y": s})}),
    "a path": Path,
    "deep nesting": lambda s: {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": [s]}}}}}}}}},
}


@pytest.mark.parametrize("place", PLACES)
def test_a_registered_secret_is_written_nowhere(log, place):
    get_logger("x").info("sent", detail=PLACES[place](CANARY))
    get_logger("x").info(str(PLACES[place](CANARY)))
    assert len(log.events) == 2
    assert traces(log.text) == []
    assert REDACTED in log.text


def test_a_registered_secret_is_not_written_with_an_exceptions_trace_or_its_causes(log):
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as e:
            raise ConfigError(f"no reply with {CANARY}", remedy=f"do not print {CANARY}") from e
    except ConfigError:
        get_logger("x").exception("cycle failed")
        logging.getLogger("library").exception("cycle failed in %s", "library")
    ours, theirs = log.events
    for event in (ours, theirs):
        assert "what to do" in str(event["exception"])
        assert "KeyError" in str(event["exception"])
    assert traces(log.text) == []


def test_lines_of_libraries_are_stamped_and_redacted_too(log):
    logging.getLogger("aiohttp.access").warning("slow reply from %s", {"headers": CANARY, "n": 1})
    (event,) = log.events
    assert event["timestamp"] == "2024-03-31T23:59:59.042+09:00"
    assert event["logger"] == "aiohttp.access"
    assert event["level"] == "warning"
    assert traces(log.text) == []


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda s: s,
    "repr": lambda s: repr(s)[1:-1],
    "ascii": lambda s: ascii(s)[1:-1],
    "JSON": lambda s: json.dumps(s)[1:-1],
    "JSON twice": lambda s: json.dumps(json.dumps(s))[3:-3],
    "repr of JSON": lambda s: repr(json.dumps(s))[2:-2],
    "JSON in UTF-8": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "URL": lambda s: quote(s, safe=""),
    "path of a URL": quote,
    "form": quote_plus,
}


@given(
    st.text(min_size=8, max_size=30, alphabet=st.characters(exclude_categories=["Cs"])),
    st.sampled_from(sorted(SPELLINGS)),
)
@example("0000000%", "URL")
@example("https://x.test/?q=ü&r= ", "JSON")
@example("\\\\\\\\\\\\\\\\", "JSON twice")
@example("\"'\"'\"'\"'\\n\n", "repr of JSON")
def test_no_spelling_of_a_secret_survives_in_a_text(secret, spelling):
    written = f"before|{SPELLINGS[spelling](secret)}|after"
    assert Redactor([secret]).text(written) == f"before|{REDACTED}|after"


def test_of_two_secrets_where_one_contains_the_other_nothing_is_left():
    assert Redactor(["longsecret", "longsecret-and-more"]).text("longsecret-and-more") == REDACTED


def test_a_number_that_is_a_secret_is_not_written():
    written = Log()
    configure_logging("info", ManualClock(NOW), written.stream, ["1234567890"])
    get_logger("x").info("account", number=1234567890, other=12)
    assert written.events[0]["number"] == REDACTED
    assert written.events[0]["other"] == 12


@pytest.mark.parametrize(
    "name",
    [
        "key", "api_key", "apiKey", "APIKEY", "ACCESS-KEY", "ACCESS-SIGNATURE", "secret", "api_secret", "accessToken",
        "discord_webhook_url", "Authorization", "keys", "password", "X-Api-Key", "HMACSignature",
    ],
)  # fmt: skip
def test_what_is_named_like_a_secret_is_not_written_though_nobody_registered_it(log, name):
    assert is_secret_name(name)
    get_logger("x").info("headers", **{name: "shown-1"}, nested=[{name: {"deep": "shown-2"}}], digits={name: 12345})
    assert "shown" not in log.text
    assert "12345" not in log.text


@pytest.mark.parametrize("name", ["close", "monkey", "keyboard", "sign", "design", "tick", "reason", "config_hash"])
def test_ordinary_names_are_not_mistaken_for_secrets(name):
    assert not is_secret_name(name)


def test_whether_a_secret_is_set_may_be_written(log):
    get_logger("x").info("start", api_key=None, webhook=False)
    assert log.events[0]["api_key"] is None
    assert log.events[0]["webhook"] is False


def test_a_secret_in_a_named_tuple_is_known_by_its_field(log):
    get_logger("x").info("order", order=Order(Side.BUY, "shown"))
    assert log.events[0]["order"] == {"side": "BUY", "api_key": REDACTED}


@pytest.mark.parametrize(
    "text",
    [
        "POST https://discord.com/api/webhooks/123/shown-AbC failed",
        "headers {'ACCESS-KEY': 'shown', 'ACCESS-SIGNATURE': 'shown'}",
        '{"api_secret": "shown"}',
        "Authorization: Bearer shown",
        "token=shown&pair=btc_jpy",
        '"{\\"access_token\\": \\"shown\\"}"',
    ],
)
def test_what_a_text_names_as_a_secret_is_blanked_out(log, text):
    get_logger("x").info(text)
    assert "shown" not in log.text


def test_ordinary_sentences_are_written_as_they_are(log):
    text = "unknown key: risk.max_drawdown; the token bucket holds 6 (limit 10), see https://bitbank.cc/docs"
    get_logger("x").info(text)
    assert log.events[0]["event"] == text


def test_values_json_does_not_know_are_written_as_text(log):
    get_logger("x").info(
        "odd", nan=float("nan"), tiny=Decimal("0.0001"), huge=10**400, side=Side.SELL, path=Path("a/b")
    )
    event = log.events[0]
    assert event["nan"] == "nan"
    assert event["tiny"] == "0.0001"
    assert event["huge"] == 10**400
    assert event["side"] == "SELL"
    assert event["path"] == "a/b"


def test_a_value_that_contains_itself_does_not_stop_the_logger(log):
    loop: dict[str, object] = {"secret": CANARY}
    loop["self"] = loop
    get_logger("x").info("loop", value=loop)
    assert len(log.events) == 1
    assert traces(log.text) == []


def test_a_field_named_like_the_stamp_is_kept_beside_it(log):
    get_logger("x").info("support", level=9_500_000)
    assert log.events[0]["level"] == "info"
    assert log.events[0]["level_"] == 9_500_000


def test_a_text_of_any_length_is_searched_in_reasonable_time(log):
    get_logger("x").info("token" * 20_000 + "A" * 100_000)
    assert len(log.events) == 1


def test_a_line_that_cannot_be_written_is_reported_without_what_it_said(capsys):
    stream = io.StringIO()
    configure_logging("info", ManualClock(NOW), stream, [CANARY])
    stream.close()
    get_logger("src.x").info("lost", detail=CANARY)
    assert capsys.readouterr().err == "a log line of src.x was lost: ValueError\n"


def test_configuring_again_replaces_the_destination(log):
    second = Log()
    configure_logging("info", ManualClock(NOW), second.stream)
    get_logger("x").info("once")
    assert log.text == ""
    assert len(second.events) == 1


def test_a_log_file_gets_its_folder_and_survives_rotation(tmp_path):
    path = tmp_path / "logs" / "trader.jsonl"
    configure_logging("info", ManualClock(NOW), path, [CANARY])
    get_logger("x").info("first")
    path.rename(tmp_path / "logs" / "trader.jsonl.1")
    get_logger("x").info("second")
    assert json.loads(path.read_text(encoding="utf-8"))["event"] == "second"


def test_a_log_file_that_cannot_be_opened_says_what_to_do(tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(ConfigError, match="what to do"):
        configure_logging("info", ManualClock(NOW), tmp_path / "taken" / "trader.jsonl")


def test_an_unknown_level_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="debug, info, warning, error, critical"):
        configure_logging("loud", ManualClock(NOW), io.StringIO())


def test_a_secret_too_short_to_be_one_is_refused_without_being_shown():
    with pytest.raises(ConfigError, match="fewer than 8 characters") as refused:
        configure_logging("info", ManualClock(NOW), io.StringIO(), ["hunter2"])
    assert "hunter2" not in str(refused.value)
