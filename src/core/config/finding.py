"""What is wrong with a setting, where it stands, and what to write instead."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

from src.core.exceptions import ConfigError

Key = tuple[str, ...]
"""The names that lead to a setting: ("sizing", "risk_per_trade")."""


class Place(NamedTuple):
    """Where a setting was written."""

    origin: str  # a file, or the name of an environment variable
    line: int | None  # counted from 1; None for an environment variable

    def __str__(self) -> str:
        return self.origin if self.line is None else f"{self.origin}, line {self.line}"


class Finding(NamedTuple):
    """One reason to refuse a configuration."""

    place: Place
    what: str
    remedy: str


def refusal(findings: Sequence[Finding]) -> ConfigError:
    """Return the error that names every finding, the first place first."""
    if len(findings) == 1:
        only = findings[0]
        return ConfigError(f"{only.place}: {only.what}", remedy=only.remedy)
    ordered = sorted(findings, key=lambda f: (f.place.origin, f.place.line or 0))
    lines = [f"{f.place}: {f.what}\n    {f.remedy}" for f in ordered]
    return ConfigError(
        f"{len(lines)} settings cannot be used\n  " + "\n  ".join(lines), remedy="correct the lines named above"
    )


def dotted(key: Key) -> str:
    """Return a key as people write it: sizing.risk_per_trade."""
    return ".".join(key)


def suggestion(name: str, known: Sequence[str]) -> str:
    """Return "did you mean …?" for a misspelt name, or what there is to choose from."""
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(known))}"
