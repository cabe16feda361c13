"""The contract of the managed features: what a model was trained on, and what it is served.

The code is the contract; `config/core/feature_order.json` is its copy for people and other programs,
written by `python -m src.core.config.feature_manager`. A model's manifest carries `feature_hash()`.
"""

import hashlib
import json
from pathlib import Path
from typing import Final, NamedTuple

from src.core.domain.time import BAR_4H, BAR_15M, DAY, MINUTE
from src.core.exceptions import ConfigError
from src.features.anchors import SPAN_4H, SPAN_15M

FEATURE_ORDER: Final = Path("config/core/feature_order.json")
_REWRITE: Final = "run `python -m src.core.config.feature_manager`, look at the difference and commit the file"


class ManagedFeature(NamedTuple):
    """One feature as every model artefact is checked against."""

    name: str
    category: str
    unit: str
    definition: str
    window: int  # bars the definition names
    warmup: int  # bars of a fold before the first value


class View(NamedTuple):
    """One time frame in which every managed feature exists."""

    name: str
    suffix: str  # behind a feature's name in a row
    bar_minutes: int
    anchor_days: int  # a month's fold begins this long before the month


FEATURES: Final = (
    ManagedFeature("close", "basic", "JPY", "close of the bar", 1, 0),
    ManagedFeature("volume", "basic", "BTC", "volume of the bar", 1, 0),
    ManagedFeature("returns_1", "basic", "ratio", "close / previous close - 1", 1, 1),
    ManagedFeature("rsi_14", "momentum", "0..100", "Wilder's RSI of close", 14, 14),
    ManagedFeature("macd", "momentum", "JPY", "EMA 12 - EMA 26 of close, known once its signal is", 26, 33),
    ManagedFeature("macd_signal", "momentum", "JPY", "EMA 9 of macd", 9, 33),
    ManagedFeature("atr_14", "volatility", "JPY", "Wilder's average true range", 14, 14),
    ManagedFeature(
        "bb_position",
        "volatility",
        "ratio",
        "(close - lower) / (upper - lower) of SMA 20 +- 2 population deviations; unknown in a flat window",
        20,
        19,
    ),
    ManagedFeature("ema_20", "trend", "JPY", "EMA of close, weight 2 / 21, seeded with the SMA", 20, 19),
    ManagedFeature("ema_50", "trend", "JPY", "EMA of close, weight 2 / 51, seeded with the SMA", 50, 49),
    ManagedFeature(
        "volume_ratio", "volume", "ratio", "volume / SMA 20 of volume; unknown in a window without a trade", 20, 19
    ),
    ManagedFeature(
        "zscore", "anomaly", "deviations", "(close - SMA 50) / population deviation; unknown in a flat window", 50, 49
    ),
)

VIEWS: Final = (
    View("15m", "", BAR_15M // MINUTE, SPAN_15M // DAY),
    View("4h", "_4h", BAR_4H // MINUTE, SPAN_4H // DAY),
)


def feature_contract() -> dict[str, object]:
    """Return the contract as plain JSON values."""
    return {
        "features": [feature._asdict() for feature in FEATURES],
        "views": [view._asdict() for view in VIEWS],
        "fold": "rows of a UTC month begin at the first bar opened at or after the month's start - anchor_days",
        "unknown": "NaN",
    }


def feature_hash() -> str:
    """Return the SHA-256 of the contract as canonical JSON, 64 hexadecimal digits."""
    text = json.dumps(feature_contract(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def write_feature_order(path: Path = FEATURE_ORDER) -> None:
    """Write the contract and its hash to `path`."""
    document = {**feature_contract(), "hash": feature_hash()}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def verify_feature_order(path: Path = FEATURE_ORDER) -> None:
    """Refuse a file that is not the contract of this code.

    Raises
    ------
    ConfigError
        The file cannot be read, is not JSON, or differs; the text names the part that does.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise ConfigError(f"the feature contract {path} cannot be read: {e}", remedy=_REWRITE) from e
    want = {**feature_contract(), "hash": feature_hash()}
    if found != want:
        raise ConfigError(f"{path} is not this code's contract: {_difference(found, want)}", remedy=_REWRITE)


def _difference(found: object, want: dict[str, object]) -> str:
    if not isinstance(found, dict):
        return "it is not a JSON object"
    names = sorted(name for name in {*found, *want} if found.get(name, ...) != want.get(name, ...))
    return f"{', '.join(names)} differ" if len(names) > 1 else f"{names[0]} differs"


if __name__ == "__main__":
    write_feature_order()
