"""Everything else that reads what others wrote: a value, or one of the program's own errors, whatever the input."""

import asyncio
import hashlib
import json
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from src.core.config import load_config
from src.core.domain.market import BTC_JPY
from src.core.domain.time import BAR_15M, DAY, HOUR, MINUTE
from src.core.exceptions import TraderError
from src.data.candle_file import read_candles
from src.data.exchange_files import day_file, parse_reply, year_file
from src.ml.artefact import NODES_FILE, manifest_bytes, read_manifest
from src.ml.members.forest_member import read_nodes
from src.ml.transform import INPUTS
from src.twin.fault_plan import read_plan
from src.twin.keeper import saved_exchange, state_of, take_over
from src.twin.process import ROOT
from src.twin.state_file import read_state
from tests.fuzz.budget import Dice, fuzz
from tests.fuzz.odd_values import broken, broken_bytes, odd_text, odd_value
from tests.ml.made_model import busy_artefact
from tests.twin.made_services import still_service

COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")
DAY_START = 1_704_067_200_000  # 2024-01-01 UTC


def cell(dice: Dice) -> str:
    odd = str(odd_value(dice)) if dice.random() < 0.5 else dice.choice(("", "-1", "1e9", "1e400", "nan", "inf", "1_0"))
    return odd.replace("\n", " ")


def rows(dice: Dice) -> list[list[str]]:
    """Return a table of candles with something wrong in it, more often than not."""
    step = dice.choice((MINUTE, BAR_15M, BAR_15M, HOUR, 7))
    table = [[str(DAY_START + i * step), "100", "110", "90", "105", "1.5"] for i in range(dice.randint(1, 40))]
    for _ in range(dice.choice((0, 1, 1, 3))):
        row = dice.choice(table)
        row[dice.randrange(len(COLUMNS))] = cell(dice)
    if dice.random() < 0.2:
        dice.shuffle(table)
    if dice.random() < 0.2:
        dice.choice(table).append(cell(dice))
    return table


def candle_csv(dice: Dice) -> bytes:
    header = list(COLUMNS)
    for _ in range(dice.choice((0, 0, 0, 1))):
        header[dice.randrange(6)] = odd_text(dice)
    text = "\n".join(",".join(row) for row in [header, *rows(dice)])
    text = broken(dice, text) if dice.random() < 0.3 else text
    content = text.encode("utf-8", "surrogatepass")
    return broken_bytes(dice, content) if dice.random() < 0.1 else content


def read_or_refuse(read: Any, *arguments: Any) -> None:
    with suppress(TraderError):
        read(*arguments)


def test_a_candle_table_is_read_or_refused(tmp_path: Path):
    path = tmp_path / "candles.csv"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        read_or_refuse(read_candles, path)

    assert fuzz("candle tables", candle_csv, check)


def test_the_bytes_of_a_candle_file_are_read_or_refused(tmp_path: Path):
    good, path = tmp_path / "good.parquet", tmp_path / "candles.parquet"
    columns = {name: pa.array([100.0] * 40) for name in COLUMNS[1:]}
    pq.write_table(pa.table({"timestamp": [DAY_START + i * BAR_15M for i in range(40)], **columns}), good)
    content = good.read_bytes()

    def check(changed: bytes) -> None:
        path.write_bytes(changed)
        read_or_refuse(read_candles, path)

    assert fuzz("candle bytes", lambda dice: broken_bytes(dice, content), check)


def exchange_file(dice: Dice) -> object:
    def bar(i: int) -> list[Any]:
        return ["100", "110", "90", "105", "1.5000", DAY_START + i * BAR_15M]

    bars = [bar(i) for i in range(dice.randint(0, 96))]
    for _ in range(dice.choice((0, 1, 1, 2))):
        if bars:
            dice.choice(bars)[dice.randrange(6)] = odd_value(dice)
    element = {"type": "15min", "ohlcv": bars if dice.random() < 0.9 else odd_value(dice)}
    data = {"candlestick": [element] if dice.random() < 0.9 else odd_value(dice), "timestamp": odd_value(dice)}
    reply = {
        "success": dice.choice((1, 1, 1, 0, odd_value(dice))),
        "data": data if dice.random() < 0.9 else odd_value(dice),
    }
    return reply if dice.random() < 0.95 else odd_value(dice)


def test_the_exchanges_candle_files_are_read_or_refused():
    files = (day_file(BTC_JPY, BAR_15M, date(2024, 1, 1)), year_file(BTC_JPY, 4 * HOUR, 2024))

    def check(given: tuple[object, int, int]) -> None:
        reply, which, closed_by = given
        read_or_refuse(parse_reply, reply, files[which], closed_by)

    def make(dice: Dice) -> tuple[object, int, int]:
        return exchange_file(dice), dice.randrange(2), dice.choice((0, DAY_START + DAY, DAY_START + 5 * HOUR))

    assert fuzz("exchange files", make, check)


SETTINGS = (ROOT / "config" / "core" / "base.yaml").read_text(encoding="utf-8")


def test_settings_are_read_or_refused(tmp_path: Path):
    path = tmp_path / "core" / "base.yaml"
    path.parent.mkdir()
    lines = SETTINGS.splitlines()

    def make(dice: Dice) -> bytes:
        found = list(lines)
        for _ in range(dice.randint(1, 3)):
            i = dice.randrange(len(found))
            key, colon, _ = found[i].partition(":")
            odd = f"{key}{colon} {dice.choice((odd_text(dice), json.dumps(odd_value(dice))))}"
            found[i] = dice.choice((odd, "", found[i] * 2, broken(dice, found[i]), found[dice.randrange(len(found))]))
        content = "\n".join(found).encode("utf-8", "surrogatepass")
        return broken_bytes(dice, content) if dice.random() < 0.1 else content

    def check(content: bytes) -> None:
        path.write_bytes(content)
        read_or_refuse(load_config, path, {})

    assert fuzz("settings", make, check)


PLAN = "seed: 7\nfaults:\n  - {fault: 1, calls: [3]}\n  - {fault: 8, variant: burst, after: 60000}\n  - {where: room, match: a, action: {do: edit, set: {a.b: 1}}}\n"  # noqa: E501
PLAN_KEYS = (
    "fault",
    "variant",
    "user",
    "match",
    "calls",
    "after",
    "lasts",
    "probability",
    "times",
    "ms",
    "where",
    "action",
)


def test_fault_plans_are_read_or_refused(tmp_path: Path):
    path = tmp_path / "plan.yaml"

    def make(dice: Dice) -> bytes:
        if dice.random() < 0.3:
            return broken(dice, PLAN).encode("utf-8", "surrogatepass")
        some = {dice.choice(PLAN_KEYS): dice.choice((dice.randint(-1, 47), odd_value(dice))) for _ in range(4)}
        one = {"fault": dice.randint(1, 46), **some} if dice.random() < 0.8 else odd_value(dice)
        return json.dumps({"seed": dice.choice((1, odd_value(dice))), "faults": [one]}).encode("utf-8", "surrogatepass")

    def check(content: bytes) -> None:
        path.write_bytes(content)
        read_or_refuse(read_plan, path)

    assert fuzz("fault plans", make, check)


def saved(service: Any) -> dict[str, Any]:
    return {"format": 1, **state_of(service)}


def test_saved_states_are_read_or_refused(tmp_path: Path):
    path = tmp_path / "twin.json"
    service = still_service()
    service.accounts.open("one", {"jpy": Decimal(1_000_000)})
    service.accounts.add_key("one", "key", "secret")
    asyncio.run(_subscribed(service))
    content = saved(service)
    exchange = json.loads(content["exchange"])

    def changed(dice: Dice, value: Any) -> Any:
        """Return a JSON value with one place in it replaced."""
        if isinstance(value, dict) and value and dice.random() < 0.9:
            key = dice.choice(list(value))
            return {**value, key: changed(dice, value[key])}
        if isinstance(value, list) and value and dice.random() < 0.9:
            i = dice.randrange(len(value))
            return [*value[:i], changed(dice, value[i]), *value[i + 1 :]]
        return odd_value(dice)

    def make(dice: Dice) -> bytes:
        kind = dice.random()
        inside = kind < 0.5
        whole = {**content, "exchange": json.dumps(changed(dice, exchange))} if inside else changed(dice, content)
        text = json.dumps(whole).encode()
        return broken_bytes(dice, text) if kind > 0.9 else text

    def check(text: bytes) -> None:
        path.write_bytes(text)
        read_or_refuse(restored, path)

    assert fuzz("saved states", make, check)


async def _subscribed(service: Any) -> None:
    service.private.subscribe(service.accounts.user("one"), service.now, 1_000)


def restored(path: Path) -> None:
    state = read_state(path)
    if state is not None:
        saved_exchange(state)
        take_over(still_service(), state)


def test_manifests_of_models_are_read_or_refused():
    made = busy_artefact().manifest
    document = json.loads(manifest_bytes(made))

    def make(dice: Dice) -> bytes:
        if dice.random() < 0.3:
            return broken_bytes(dice, manifest_bytes(made))
        found = dict(document)
        for _ in range(dice.randint(1, 3)):
            found[dice.choice(list(document))] = odd_value(dice)
        unsigned = {name: value for name, value in found.items() if name != "hash"}
        with suppress(ValueError):  # a hash that is right for what it says, so that the reading goes on
            text = json.dumps(unsigned, sort_keys=True, separators=(",", ":"), allow_nan=False)
            found["hash"] = hashlib.sha256(text.encode("ascii")).hexdigest()
        return json.dumps(found).encode("ascii")

    assert fuzz("manifests of models", make, lambda content: read_or_refuse(read_manifest, content))


def test_the_nodes_of_a_forest_are_read_or_refused():
    content = busy_artefact().files[NODES_FILE]
    assert fuzz(
        "nodes of a forest",
        lambda dice: broken_bytes(dice, content),
        lambda changed: read_or_refuse(read_nodes, changed, len(INPUTS)),
    )
