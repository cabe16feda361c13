"""Which parameters a sweep varies, over what, and which sets that makes.

    atr_based.stretch=0.8,1.0,1.2       a strategy's own parameter, three values
    sizing.risk_per_trade=0.0025,0.005  a key of the settings
    multi_timeframe.trend=0.1:0.5       a range to draw from; a third number is its step

Every set goes through the loader of the settings before anything runs: what a settings file could not say, a
sweep cannot try.
"""

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple, overload

import numpy as np

from src.core.config import Settings
from src.core.config.document import Layer, plain_value
from src.core.config.finding import Key, Place, suggestion
from src.core.config.layers import environment_layer, merged, read_layers, refuse_secrets
from src.core.config.schema import field_of, names_beside, unit_of
from src.core.config.settings import Section
from src.core.config.units import written
from src.core.config.validation import validated
from src.core.exceptions import ConfigError

Value = bool | int | float | str

MOST_SETS: Final = 100_000
STEPS: Final = 1_000  # places of a range that has no step of its own
_MOST_PLACES: Final = 10**12
_LONGEST_SEARCH: Final = 1_000  # draws in a row that were there already
_FORM: Final = "write NAME=VALUE,VALUE,… for a grid and NAME=LOW:HIGH or NAME=LOW:HIGH:STEP for a range"
_ONCE: Final = "the candles and their rows are computed once for all sets: run one sweep for each value"
_NO_EFFECT: Final = "it does not change the result of a backtest: leave it out"
_FIXED: Final = {
    ("market",): _ONCE,
    ("data",): _ONCE,
    ("costs", "schedule"): _ONCE,
    ("model",): "a model knows the trades of one set alone, so a sweep asks none: leave it out",
    ("mode",): _NO_EFFECT,
    ("language",): _NO_EFFECT,
    ("logging",): _NO_EFFECT,
    ("backtest", "compile"): _NO_EFFECT,
    ("backtest", "compile_from_bars"): _NO_EFFECT,
    ("backtest", "output"): _NO_EFFECT,
    ("backtest", "trials"): _NO_EFFECT,
    ("backtest", "cache"): _NO_EFFECT,
}


class Axis(NamedTuple):
    """One parameter and the values it may take."""

    name: str  # as it was written: atr_based.stretch
    key: Key  # where it stands in the settings
    values: Sequence[Value]
    text: str  # the values as they were written
    drawn: bool  # a range, of which only draws are made


class Places(Sequence[Value]):
    """The values of a range: `low`, and on in equal steps, exactly."""

    def __init__(self, low: Decimal, step: Decimal, count: int, whole: bool) -> None:
        self._low, self._step, self._count, self._whole = low, step, count, whole

    def __len__(self) -> int:
        """Return the number of values."""
        return self._count

    @overload
    def __getitem__(self, k: int) -> Value: ...
    @overload
    def __getitem__(self, k: slice) -> Sequence[Value]: ...
    def __getitem__(self, k: int | slice) -> Value | Sequence[Value]:
        """Return value number `k`, counted from 0."""
        if isinstance(k, slice):
            return [self[i] for i in range(*k.indices(self._count))]
        if not 0 <= k < self._count:
            raise IndexError(k)
        exact = self._low + k * self._step
        return int(exact) if self._whole and exact == int(exact) else float(exact)


def read_axes(grids: Sequence[str], ranges: Sequence[str], settings: Settings) -> tuple[Axis, ...]:
    """Return the axes that the texts describe, grids first.

    Raises
    ------
    ConfigError
        If a text is not of the form, names nothing or something a sweep cannot vary, or a name or value is repeated.
    """
    axes = tuple(
        [_grid(*_split(text, "--grid"), settings) for text in grids]
        + [_range(*_split(text, "--range"), settings) for text in ranges]
    )
    if not axes:
        raise ConfigError("nothing to vary", remedy="name at least one parameter with --grid or --range")
    names = [axis.key for axis in axes]
    for axis in axes:
        if names.count(axis.key) > 1:
            raise ConfigError(f"{axis.name} is given twice", remedy="keep one of the two")
    return axes


def value_sets(axes: Sequence[Axis], random: int | None, seed: int) -> list[tuple[Value, ...]]:
    """Return the sets to try, one value an axis: every combination of the grids, or `random` different draws.

    Parameters
    ----------
    random
        How many sets to draw, each axis for itself and every value equally likely; None for all combinations, of
        which ranges have no end.
    seed
        Of the draws; the same seed gives the same sets.

    Raises
    ------
    ConfigError
        If the numbers do not go together.
    """
    total = math.prod(len(axis.values) for axis in axes)
    count = total if random is None else random
    if random is None and any(axis.drawn for axis in axes):
        raise ConfigError("a range has no end of values", remedy="say how many sets to draw with --random N")
    if not 1 <= count <= MOST_SETS:
        raise ConfigError(
            f"{count:,} sets are not between 1 and {MOST_SETS:,}",
            remedy="give fewer values, or draw some with --random N",
        )
    if count > total:
        raise ConfigError(
            f"there are only {total:,} different sets, {count:,} were asked for",
            remedy="leave --random out to try all of them, or draw fewer",
        )
    if seed < 0:
        raise ConfigError(f"the seed is {seed}", remedy="use a whole number from 0 on")
    places = product(*(range(len(axis.values)) for axis in axes)) if random is None else _draws(axes, count, seed)
    return [tuple(axis.values[k] for axis, k in zip(axes, place, strict=True)) for place in places]


class SettingsOfSets:
    """Turns sets of values into settings, through the loader.

    Parameters
    ----------
    config
        The file of settings under the sets; the environment's variables stand between the two.
    environ
        Those variables.
    """

    def __init__(self, config: Path, environ: dict[str, str]) -> None:
        variables = environment_layer(environ)
        refuse_secrets(variables)
        self._base = merged(read_layers(config), variables)

    def of(self, axes: Sequence[Axis], values: Sequence[Value]) -> Settings:
        """Return the settings with the axes at `values`.

        Raises
        ------
        ConfigError
            If they are not settings the program can run with; the text names the axis, the value and the reason.
        """
        over = Layer({}, {})
        for axis, value in zip(axes, values, strict=True):
            _put(over, axis, value)
        return validated(merged(self._base, over))


def value_in(settings: Settings, key: Key) -> Value:
    """Return the value that stands at `key`."""
    found: Any = settings
    for name in key:
        found = getattr(found, name) if isinstance(found, Section) else found[name]
    return found  # type: ignore[no-any-return]  # the key led through the models


def _split(text: str, option: str) -> tuple[str, str, str]:
    name, equals, values = (part.strip() for part in text.partition("="))
    if not (name and equals and values):
        raise ConfigError(f"{option} {text!r} is not NAME=VALUES", remedy=_FORM)
    return name, values, option


def _grid(name: str, text: str, option: str, settings: Settings) -> Axis:
    parts = [part.strip() for part in text.split(",")]
    values = [plain_value(part) for part in parts]
    for k, value in enumerate(values):
        if not isinstance(value, bool | int | float | str):
            raise ConfigError(f"{option} {name}: value {k + 1} is empty", remedy=_FORM)
        if any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in values[:k]):
            raise ConfigError(f"{option} {name}: {parts[k]} is given twice", remedy="keep one of the two")
    return Axis(name, _key(name, option, settings), tuple(values), ",".join(parts), False)  # type: ignore[arg-type]


def _range(name: str, text: str, option: str, settings: Settings) -> Axis:
    key = _key(name, option, settings)
    try:
        low, high, *steps = (Decimal(part) for part in text.split(":"))
    except (InvalidOperation, ValueError) as e:
        raise ConfigError(f"{option} {name}={text} is not a range", remedy=_FORM) from e
    whole, step = _kind_of_range(name, key, option, settings)
    given = steps[0] if len(steps) == 1 else step or (high - low) / STEPS
    if len(steps) > 1 or not all(x.is_finite() for x in (low, high, given)) or not low < high or not given > 0:
        raise ConfigError(f"{option} {name}={text} is not a range from a lower to a higher number", remedy=_FORM)
    places = int((high - low) / given) + 1
    if places > _MOST_PLACES:
        raise ConfigError(f"{option} {name}={text} has {places:,} values", remedy="give it a larger step")
    return Axis(name, key, Places(low, given, places, whole), text, True)


def _kind_of_range(name: str, key: Key, option: str, settings: Settings) -> tuple[bool, Decimal | None]:
    """Return whether a parameter is counted in whole numbers, and the step it is counted in, if any."""
    field = field_of(key)
    if field is None and key[0] != "strategies":
        raise ConfigError(f"{option} {name}: there is no such key", remedy=suggestion(key[-1], names_beside(key)))
    kind: object = field.annotation if field is not None else type(_known(name, key, option, settings))
    if kind not in {int, float}:
        raise ConfigError(f"{option} {name}: only numbers have ranges", remedy="give its values with --grid")
    unit = unit_of(field) if field is not None else None
    if kind is int:
        return True, Decimal(1)
    return False, Decimal(1) / unit.per if unit is not None and unit.per is not None else None


def _known(name: str, key: Key, option: str, settings: Settings) -> object:
    """Return the present value of a strategy's parameter; `key` begins with "strategies".

    Raises
    ------
    ConfigError
        If there is none; the remedy names the nearest.
    """
    params = settings.strategies[key[1]].params if len(key) > 1 and key[1] in settings.strategies else {}
    if len(key) != 4 or key[3] not in params:
        raise ConfigError(f"{option} {name}: there is no such parameter", remedy=suggestion(key[-1], list(params)))
    return params[key[3]]


def _key(name: str, option: str, settings: Settings) -> Key:
    """Return where the parameter `name` stands in the settings."""
    key = tuple(name.split("."))
    first, sections, strategies = key[0], list(Settings.model_fields), list(settings.strategies)
    if first in strategies and first not in sections:
        own = settings.strategies[first]
        inside = key[1:] == ("weight",) and "weight" not in own.params
        key = ("strategies", first, "weight") if inside else ("strategies", first, "params", *key[1:])
    elif first not in sections:
        raise ConfigError(f"{option} {name}: there is no `{first}`", remedy=suggestion(first, sections + strategies))
    if key[:1] == ("strategies",) and key[2:3] == ("params",):
        _known(name, key, option, settings)
    for fixed, reason in _FIXED.items():
        if key[: len(fixed)] == fixed:
            raise ConfigError(f"{option} {name}: a sweep cannot vary `{'.'.join(fixed)}`", remedy=reason)
    return key


def _draws(axes: Sequence[Axis], count: int, seed: int) -> Iterator[tuple[int, ...]]:
    """Yield `count` different places, each axis drawn for itself."""
    generator = np.random.default_rng(seed)
    seen: set[tuple[int, ...]] = set()
    misses = 0
    while len(seen) < count:
        place = tuple(int(generator.integers(len(axis.values))) for axis in axes)
        if place not in seen:
            seen.add(place)
            misses = 0
            yield place
        elif (misses := misses + 1) > _LONGEST_SEARCH:
            raise ConfigError(
                f"after {len(seen):,} sets hardly any draw is new",
                remedy="draw fewer, or give all as grids without --random",
            )


def _put(layer: Layer, axis: Axis, value: Value) -> None:
    shown = written(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value).lower()
    at = Place(f"--{'range' if axis.drawn else 'grid'} {axis.name} at {shown}", None)
    tree = layer.tree
    for depth, name in enumerate(axis.key[:-1], start=1):
        layer.places.setdefault(axis.key[:depth], at)
        tree = tree.setdefault(name, {})
    tree[axis.key[-1]] = value
    layer.places[axis.key] = at
