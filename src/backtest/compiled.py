"""The decision core compiled from its own source: one function, `compiled`, rebuilds what floor 1 wrote.

The trading code is plain Python. `compiled(f)` makes a twin of `f` whose world holds only the names that
`f` uses, with every function among them a twin too, and gives it to numba. Nothing of the core is
decorated, nothing is written twice, and live trading never imports this module.

Two functions of `strategy_manager` dispatch on a strategy's class, which numba cannot: `propose_all` and
`leader_holds` are linked anew for each set of strategies, as a chain in which every link knows the methods
of one class. Parameters stay arguments, so other values never compile again. `row_at`, which also reads lists,
is replaced by its form for matrices, and a place in arrays becomes unsigned: of a signed one numba asks at every
access whether it counts from the end.

numba's disk cache does not see an edit in another file; its folder is therefore named by a hash of all
sources that are compiled, of the strategies wherever they are written, and of the versions of numba and llvmlite.
One folder holds the code of one set of strategies: numba numbers its files, and two processes that wrote different
code at the same time could take the same number.

Every twin but the outermost is drawn into its caller: the world and a row are tuples of dozens of numbers, and
handing them from function to function through memory took four times as long as the decisions themselves.
"""

import builtins
import hashlib
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NewType

import llvmlite
import numba
import numpy as np
from numba.core.errors import NumbaError, UnsupportedBytecodeError
from numba.core.imputils import lower_cast

from src.backtest.fold import place
from src.features.feature_matrix import row_at, row_of_matrix
from src.strategies.base.strategy_base import Strategy
from src.strategies.base.strategy_manager import leader_holds, propose_all

_SOURCE: Final = Path(__file__).resolve().parents[1]
_COMPILED: Final = (
    *("core/domain", "features", "strategies", "trading"),
    *("backtest/f*.py", "backtest/compiled.py", "ml/votes.py", "ml/labels.py"),
)
"""Where what is compiled stands, below `src`: whole folders, the fold with its fills, votes and labels."""

_INNER: Final[dict[str, Any]] = {
    "error_model": "python",
    "forceinline": True,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}

Twin = Callable[..., Any]

UNCOMPILABLE: Final = (NumbaError, UnsupportedBytecodeError)
"""What a twin raises on its first call when numba cannot compile it; the second is not a `NumbaError`."""


@lower_cast(numba.types.IntEnumMember, numba.types.Float)  # type: ignore[no-untyped-call, untyped-decorator]
def _enum_as_float(context: Any, builder: Any, given: Any, wanted: Any, value: Any) -> Any:
    """Let a `Side` multiply a float, as in Python; numba itself knows only the step to an integer."""
    return context.cast(builder, value, given.dtype, wanted)


def cache_name(strategies: tuple[type[Strategy], ...]) -> str:
    """Return the name of the cache folder that belongs to the present sources, these strategies and the compiler."""
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for kind in strategies:
        digest.update(f"{kind.__module__} {kind.__qualname__}".encode())
        written_in = getattr(sys.modules.get(kind.__module__), "__file__", None)
        digest.update(Path(written_in).read_bytes() if written_in else b"")
    for part in _COMPILED:
        for path in sorted(_SOURCE.glob(part if part.endswith(".py") else f"{part}/**/*.py")):
            digest.update(path.relative_to(_SOURCE).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def compiled(function: Callable[..., Any], strategies: tuple[type[Strategy], ...], cache: Path | None) -> Twin:
    """Return `function` compiled, together with everything it calls, for this set of strategies.

    Parameters
    ----------
    function
        A floor 1 function of scalars, NamedTuples and arrays.
    strategies
        The classes of the strategies, in the order in which their parameters will be passed.
    cache
        Folder that keeps compiled code between processes; None to keep none.

    Returns
    -------
    Twin
        Compiles on its first call. A strategy that cannot be compiled raises one of `UNCOMPILABLE` there.
    """
    if cache is not None:
        numba.config.CACHE_DIR = str(cache / cache_name(strategies))  # type: ignore[attr-defined]
    return _Workshop(strategies).entrance(function, cache is not None)


class _Workshop:
    """The twins made so far, for one set of strategies."""

    def __init__(self, strategies: tuple[type[Strategy], ...]) -> None:
        self._made: dict[object, Twin] = {}
        self._made[row_at] = self.twin(row_of_matrix)
        self._made[place] = self._jit(_place, {"unsigned": np.uint64})
        self._made[propose_all] = self._chain(_first_signal, _next_signals, [vars(s)["propose"] for s in strategies])
        self._made[leader_holds] = self._chain(_last_holds, _one_holds, [vars(s)["holds"] for s in strategies])

    def entrance(self, function: Callable[..., Any], keep: bool) -> Twin:
        """Return the twin that Python calls; while it runs, other threads run too."""
        rebuilt = _rebuilt(function, self._world(_plain(function)))
        return _Entrance(numba.njit(rebuilt, cache=keep, error_model="python", nogil=True))

    def twin(self, function: object) -> Twin:
        if function not in self._made:
            if isinstance(function, types.FunctionType):
                self._made[function] = self._jit(function, self._world(function))
            else:
                self._made[function] = self._jit(_same, {})
        return self._made[function]

    def _world(self, function: types.FunctionType) -> dict[str, Any]:
        known = function.__globals__
        named = {name: known[name] for name in _names(function.__code__) if name in known}
        return {name: self.twin(value) if _is_rebuilt(value) else value for name, value in named.items()}

    def _jit(self, function: Callable[..., Any], world: dict[str, Any]) -> Twin:
        """Return the inner twin of `function`; Python never calls it, so it has no entrance of its own."""
        made: Twin = numba.njit(_rebuilt(function, world), **_INNER)
        return made

    def _chain(self, last: Twin, link: Twin, methods: list[Twin]) -> Twin:
        """Return the function that applies each method to its own strategy; the classes are part of its signature."""
        chain = self._jit(last, {"method": self.twin(methods[-1])})
        for method in reversed(methods[:-1]):
            chain = self._jit(link, {"method": self.twin(method), "rest": chain})
        return chain


class _Entrance:
    """The way from Python into a twin: numba finds out its types once, and again when anything of another kind comes.

    numba does so at every call, which for a world of nested tuples takes a quarter of a member of a sweep. The kinds
    of all numbers, arrays and tuples are compared here too, for compiled code believes what it is told.
    """

    def __init__(self, dispatcher: Any) -> None:
        self._dispatcher = dispatcher
        self._known: dict[object, Twin] = {}

    def __call__(self, *given: Any) -> Any:
        """Call the code compiled for arguments of these kinds, which is compiled first if need be."""
        kinds = _kind(given)
        entry = self._known.get(kinds)
        if entry is not None:
            return entry(*given)
        made = self._dispatcher(*given)
        signature = tuple(numba.typeof(one) for one in given)  # type: ignore[no-untyped-call]
        code = getattr(self._dispatcher, "overloads", {}).get(signature)  # NUMBA_DISABLE_JIT leaves a plain function
        if code is not None:
            self._known[kinds] = code.entry_point
        return made


def _kind(value: Any) -> object:
    """Return everything about a value that numba's type of it depends on."""
    kind = type(value)
    if kind is int or kind is float:  # most are; a whole number that does not fit is refused by compiled code itself
        return kind
    if isinstance(value, tuple):
        return (kind, *map(_kind, value))
    if isinstance(value, np.ndarray):
        return value.dtype, value.ndim, value.flags.num
    return kind


def _plain(function: Callable[..., Any]) -> types.FunctionType:
    if not isinstance(function, types.FunctionType):
        raise TypeError(f"{function!r} is not a plain Python function")
    return function


def _rebuilt(function: Callable[..., Any], world: dict[str, Any]) -> types.FunctionType:
    """Return `function` with nothing but `world` around it."""
    plain = _plain(function)
    world = {"__builtins__": builtins, "__name__": plain.__module__, **world}
    rebuilt = types.FunctionType(plain.__code__, world, plain.__name__, plain.__defaults__)
    rebuilt.__qualname__ = plain.__qualname__
    return rebuilt


def _names(code: types.CodeType) -> set[str]:
    nested = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*(_names(c) for c in nested))


def _is_rebuilt(value: object) -> bool:
    return isinstance(value, types.FunctionType | NewType)


def _same(value: Any) -> Any:
    return value


# What follows runs only compiled, where these names stand for something else.
method: Twin = _same
rest: Twin = _same
unsigned: Twin = _same


def _place(k: int) -> Any:
    return unsigned(k)


def _first_signal(strategies: Any, row: Any) -> Any:
    return (method(strategies[0], row),)


def _next_signals(strategies: Any, row: Any) -> Any:
    return (method(strategies[0], row), *rest(strategies[1:], row))


def _last_holds(strategies: Any, leader: int, row: Any, side: Any) -> Any:
    return method(strategies[0], row, side)


def _one_holds(strategies: Any, leader: int, row: Any, side: Any) -> Any:
    if leader == 0:
        return method(strategies[0], row, side)
    return rest(strategies[1:], leader - 1, row, side)
