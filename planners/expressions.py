"""Formulas in factors' names, as constraints that are not linear use them.

``flow_a * residence_time``, ``exp(-60 / temperature)``, ``ratio.Pt ** 2``: numbers, names, + - * /
** and a few functions, nothing else. A text is parsed into a tree of Python's ``ast`` and the tree
is walked; no text is ever executed. What has no value (1 / 0, log(-1)) is not a number, and keeps
no constraint.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite

import numpy as np

from planners.errors import BadProblem
from planners.factors.common import Array

_LONGEST = 500  # characters
_DEEPEST = 40  # levels of the tree

_TWO: dict[type[ast.operator], Callable[[Array, Array], Array]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "abs": np.abs,
}
_FOLDS: dict[str, Callable[[Array, Array], Array]] = {"min": np.minimum, "max": np.maximum}
ALLOWED = "numbers, names of numeric factors, + - * / **, " + ", ".join((*_FUNCTIONS, *_FOLDS))


@dataclass(frozen=True)
class Formula:
    """A text as a function of named columns; checked at birth, faults as BadProblem."""

    text: str

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise BadProblem([f"expression: must be a formula, got {self.text!r:.80}"])
        if len(self.text) > _LONGEST:
            raise BadProblem([f"expression: at most {_LONGEST} characters, got {len(self.text)}"])
        _ = self.names
        if not self.names:
            raise BadProblem([f"expression: must name at least one factor, got {self.text!r:.80}"])

    @cached_property
    def _tree(self) -> ast.expr:
        try:
            return ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise BadProblem([f"expression: is no formula: {self.text!r:.80}"]) from None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the names it uses, each once; raise BadProblem for what is not allowed."""
        found: dict[str, None] = {}
        _walk(self._tree, found, 0)
        return tuple(found)

    def __call__(self, columns: Mapping[str, Array]) -> Array:
        """Return its value in every row, not a number where there is none."""
        with np.errstate(all="ignore"):
            value = np.asarray(_value(self._tree, columns), dtype=float)
        rows = len(next(iter(columns.values())))
        return np.where(np.isfinite(value), value, np.nan) * np.ones(rows)


def _dotted(node: ast.expr) -> str | None:
    """Return ``ratio.Pt`` of names and dots, None of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        whole = _dotted(node.value)
        return None if whole is None else f"{whole}.{node.attr}"
    return None


def _called(node: ast.Call) -> str | None:
    """Return the name of an allowed call, None of any other."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    plain = not node.keywords and not any(isinstance(a, ast.Starred) for a in node.args)
    if name in _FUNCTIONS and plain and len(node.args) == 1:
        return name
    return name if name in _FOLDS and plain and len(node.args) >= 2 else None


def _walk(node: ast.expr, found: dict[str, None], depth: int) -> None:
    """Gather the names below a node; raise BadProblem for what is not allowed."""
    name = _dotted(node)
    if depth > _DEEPEST:
        raise BadProblem(["expression: is nested too deeply"])
    if name is not None:
        found[name] = None
    elif isinstance(node, ast.BinOp) and type(node.op) in _TWO:
        _walk(node.left, found, depth + 1)
        _walk(node.right, found, depth + 1)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        _walk(node.operand, found, depth + 1)
    elif isinstance(node, ast.Call) and _called(node):
        for argument in node.args:
            _walk(argument, found, depth + 1)
    elif not _is_number(node):
        raise BadProblem([f"expression: {ast.unparse(node)!r:.80} is not allowed; {ALLOWED} are"])


def _is_number(node: ast.expr) -> bool:
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
        return False
    value = node.value
    if not isinstance(value, int | float) or abs(value) > 1e300:
        return False
    return isfinite(value)


def _value(node: ast.expr, columns: Mapping[str, Array]) -> Array:
    name = _dotted(node)
    if name is not None:
        return columns[name]
    if isinstance(node, ast.BinOp):
        return _TWO[type(node.op)](_value(node.left, columns), _value(node.right, columns))
    if isinstance(node, ast.UnaryOp):
        value = _value(node.operand, columns)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Call):
        called = _called(node) or ""
        values = [_value(argument, columns) for argument in node.args]
        return _FUNCTIONS[called](values[0]) if called in _FUNCTIONS else _fold(called, values)
    return np.asarray(ast.literal_eval(node), dtype=float)  # a number: walked at birth


def _fold(name: str, values: Sequence[Array]) -> Array:
    found = values[0]
    for value in values[1:]:
        found = _FOLDS[name](found, value)
    return found
