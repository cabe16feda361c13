"""Print the files of floors 0 and 1 as coverage patterns, comma-separated, from the floors in pyproject.toml."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PURE_FLOORS = 2  # the lowest two layers of the contract


def floors(pyproject: Path) -> list[list[str]]:
    """Return the modules of each floor, from the app down to the ground."""
    settings = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    contract = next(c for c in settings["tool"]["importlinter"]["contracts"] if c["id"] == "floors")
    return [re.findall(r"[\w.]+", layer) for layer in contract["layers"]]


def patterns(modules: list[str]) -> list[str]:
    """Return what `coverage report --include` needs to see each module, be it a file or a package."""
    paths = [module.replace(".", "/") for module in modules]
    return [pattern for path in paths for pattern in (f"{path}.py", f"{path}/*")]


if __name__ == "__main__":
    pure = [module for floor in floors(ROOT / "pyproject.toml")[-PURE_FLOORS:] for module in floor]
    print(",".join(patterns(pure)))
