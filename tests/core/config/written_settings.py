"""Settings files for tests, beside a copy of the shipped defaults."""

from pathlib import Path

import pytest

from src.core.config import Settings, load_config
from src.core.exceptions import ConfigError

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = {name: ROOT / "config" / name / "base.yaml" for name in ("backtest", "paper", "production")}
HEAD = "extends: core.yaml\nmode: backtest\n"  # two lines: what a test adds begins in line 3


def write(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    """Write a settings file beside the defaults that it may extend."""
    (folder / "core.yaml").write_bytes((ROOT / "config/core/base.yaml").read_bytes())
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str, **environ: str) -> Settings:
    """Load HEAD and `text`, with no environment but `environ`."""
    return load_config(write(folder, HEAD + text), environ)


def refused(folder: Path, text: str, **environ: str) -> str:
    """Return the message with which HEAD and `text` is refused."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **environ)
    return str(caught.value)


def leaves(settings: Settings) -> dict[str, object]:
    """Return every setting by its dotted key."""
    found: dict[str, object] = {}

    def walk(prefix: str, value: object) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{prefix}.{name}" if prefix else name, inner)
        else:
            found[prefix] = value

    walk("", settings.model_dump())
    return found
