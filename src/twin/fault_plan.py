"""Reading fault plans: a YAML file, or what the control endpoint was given."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from src.core.exceptions import ConfigError
from src.twin.fault_catalogue import CATALOGUE
from src.twin.fault_rules import Rule

FIRST_USER = "trader"
_REMEDY = "docs/twin.md shows how a plan is written"


class Reference(BaseModel):
    """A fault by its number; what is given beside it replaces the catalogue's trigger."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    fault: int
    variant: str | None = None
    user: str = FIRST_USER
    match: str | None = None
    calls: tuple[int, ...] | None = None
    after: Annotated[int, Field(ge=0)] | None = None
    lasts: Annotated[int, Field(ge=1)] | None = None
    probability: Annotated[float, Field(gt=0, le=1)] | None = None
    times: Annotated[int, Field(ge=0)] | None = None
    ms: Annotated[int, Field(ge=0, le=3_600_000)] | None = None
    """How long a fault that waits shall wait."""


class Plan(NamedTuple):
    """The rules of a plan and the seed of its chances."""

    seed: int
    rules: tuple[Rule, ...]


def read_plan(path: Path) -> Plan:
    """Return the plan in a YAML file: `seed`, and `faults` as a list of references and rules.

    Raises
    ------
    ConfigError
        If the file is missing or anything in it is unknown or wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise ConfigError(f"the fault plan {path} cannot be read: {e}", remedy=_REMEDY) from e
    if not isinstance(content, dict):
        raise ConfigError(f"the fault plan {path} is no mapping", remedy=_REMEDY)
    seed = content.pop("seed", 0)
    if not isinstance(seed, int):
        raise ConfigError(f"the fault plan's seed is {seed!r}", remedy="write a whole number")
    return Plan(seed, read_rules(content))


def read_rules(content: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Return the rules of a mapping whose only key is `faults`.

    Raises
    ------
    ConfigError
        If anything in it is unknown or wrong.
    """
    if set(content) != {"faults"} or not isinstance(content["faults"], list):
        raise ConfigError(f"a plan has `faults`, a list; this one has {sorted(content)}", remedy=_REMEDY)
    rules: list[Rule] = []
    for item in content["faults"]:
        try:
            is_reference = isinstance(item, dict) and "fault" in item and "action" not in item
            if is_reference:
                rules += _referred(Reference.model_validate(_tupled(item)))
            else:
                rules.append(Rule.model_validate(_tupled(item)))
        except ValidationError as e:
            first = e.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigError(f"the fault {item!r} is wrong at {where}: {first['msg']}", remedy=_REMEDY) from e
    return tuple(rules)


def _tupled(value: Any) -> Any:
    """Return lists as tuples: strict models take nothing else."""
    if isinstance(value, dict):
        return {key: _tupled(inner) for key, inner in value.items()}
    return tuple(_tupled(inner) for inner in value) if isinstance(value, list) else value


def _referred(reference: Reference) -> list[Rule]:
    entry = CATALOGUE.get(reference.fault)
    if entry is None:
        raise ConfigError(f"there is no fault {reference.fault}", remedy=f"there are 1 to {max(CATALOGUE)}")
    name = reference.variant or next(iter(entry.variants))
    if name not in entry.variants:
        known = ", ".join(entry.variants)
        raise ConfigError(f"fault {reference.fault} has no variant {name!r}", remedy=f"it has {known}")
    trigger = reference.model_dump(exclude_none=True, exclude={"fault", "variant", "user", "ms"})
    named = [_named(template, reference.user) for template in entry.variants[name]]
    if reference.ms is not None:
        named = [_waiting(template, reference) for template in named]
    return [Rule.model_validate({**template, **trigger, "fault": reference.fault}) for template in named]


def _waiting(template: dict[str, Any], reference: Reference) -> dict[str, Any]:
    action = template["action"]
    if "ms" not in action:
        raise ConfigError(f"fault {reference.fault} does not wait: it has no `ms`", remedy="leave `ms` out")
    return {**template, "action": {**action, "ms": reference.ms}}


def _named(template: Any, user: str) -> Any:
    if isinstance(template, dict):
        return {key: _named(value, user) for key, value in template.items()}
    if isinstance(template, tuple):
        return tuple(_named(value, user) for value in template)
    return user if template == "{user}" else template
