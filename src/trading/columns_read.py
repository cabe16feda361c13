"""Which columns of a row the decisions of a set of strategies read: found in their own code, declared nowhere.

A declaration can forget a column, and a strategy would then see "unknown" for ever. So the row is followed from
`decide`, `propose` and `holds` into every function it is handed to, and the fields that are asked for are noted,
whether or not a branch is ever taken. Where a row goes a way that cannot be followed (it is indexed, unpacked, kept
under another name, handed to something that is no plain function of a module), every column counts as read.
"""

import ast
import inspect
import textwrap
from functools import lru_cache
from types import FunctionType
from typing import Final

from src.features.columns import ALL_COLUMNS, SLOW, ColumnSet, column_set
from src.features.row import COLUMNS, MANAGED_FEATURES, Row
from src.strategies.base.strategy_base import Strategy
from src.trading.decision import Params, decide

_METHODS: Final = ("propose", "holds")
"""What is called on strategies; each strategy's own are followed from the start."""

MODEL_COLUMNS: Final = frozenset((*MANAGED_FEATURES, *(f"{name}{SLOW}" for name in MANAGED_FEATURES)))
"""What every model reads: the managed features of both views."""


def columns_of(params: Params) -> ColumnSet:
    """Return the columns of a row that decisions under `params` can depend on: of the classes, not of the values."""
    return columns_read(tuple(type(strategy) for strategy in params.strategies), params.model.used)


@lru_cache(maxsize=64)
def columns_read(strategies: tuple[type[Strategy], ...], model_used: bool) -> ColumnSet:
    """Return the columns of a row that decisions with these strategies can depend on.

    Parameters
    ----------
    strategies
        The classes of those that run.
    model_used
        Whether a model judges proposals: it reads all managed features of both views.
    """
    walk = _Walk()
    try:
        walk.follow(decide, "row")
        for strategy in strategies:
            for method in _METHODS:
                function = vars(strategy)[method]
                walk.follow(function, _parameter(function, 1))
    except _OutOfSightError:
        return ALL_COLUMNS
    return column_set(walk.columns | (MODEL_COLUMNS if model_used else frozenset()))


class _OutOfSightError(Exception):
    """A row went where it cannot be followed."""


class _Walk:
    """Follows a row through functions."""

    def __init__(self) -> None:
        self.columns: set[str] = set()
        self._seen: set[tuple[object, str]] = set()

    def follow(self, function: object, parameter: str) -> None:
        """Note the columns that `function` reads of its `parameter`, and whatever it hands it to."""
        if (function, parameter) in self._seen:
            return
        self._seen.add((function, parameter))
        plain = _plain(function)
        definition = _definition(plain)
        parents = {child: node for node in ast.walk(definition) for child in ast.iter_child_nodes(node)}
        for node in ast.walk(definition):
            if isinstance(node, ast.Name) and node.id == parameter:
                self._use(plain, node, parents)

    def _use(self, function: FunctionType, name: ast.Name, parents: dict[ast.AST, ast.AST]) -> None:
        use = parents[name]
        if isinstance(use, ast.Attribute) and isinstance(use.ctx, ast.Load):
            if use.attr not in Row._fields:
                raise _OutOfSightError
            self.columns |= {use.attr} & set(COLUMNS)
            return
        call, keyword = use, None
        if isinstance(use, ast.keyword) and use.arg is not None:
            call, keyword = parents[use], use.arg
        if not isinstance(call, ast.Call) or name is call.func or any(isinstance(a, ast.Starred) for a in call.args):
            raise _OutOfSightError
        if isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS:
            return
        known = function.__code__.co_varnames + function.__code__.co_cellvars + function.__code__.co_freevars
        if not isinstance(call.func, ast.Name) or call.func.id in known:
            raise _OutOfSightError
        target = function.__globals__.get(call.func.id)
        self.follow(target, _parameter(target, call.args.index(name)) if keyword is None else keyword)


def _plain(function: object) -> FunctionType:
    if not isinstance(function, FunctionType) or hasattr(function, "__wrapped__"):
        raise _OutOfSightError
    return function


def _definition(function: FunctionType) -> ast.FunctionDef:
    """Return the source of a function, as a tree."""
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, SyntaxError, ValueError) as e:
        raise _OutOfSightError from e
    if not isinstance(definition, ast.FunctionDef):
        raise _OutOfSightError
    return definition


def _parameter(function: object, place: int) -> str:
    """Return the name of a function's parameter number `place`."""
    code = _plain(function).__code__
    if place >= code.co_argcount:
        raise _OutOfSightError
    return code.co_varnames[place]
