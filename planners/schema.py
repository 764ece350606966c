"""Problems as JSON documents (CONTRACT, problems and planners), read with all faults at once."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from planners import foreign
from planners.errors import BadProblem
from planners.factors import (
    Categorical,
    Composition,
    Continuous,
    Discrete,
    Factor,
    FactorValue,
)
from planners.factors.held import held
from planners.faults import BOUNDED, NAMED, faults_of, has_key, near_word, unknown
from planners.goals import Constraint, FormulaConstraint, Response
from planners.problem import Problem

Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Text = Annotated[str, Field(strict=True, min_length=1, max_length=200)]
_T = TypeVar("_T")


class _Strict(BaseModel):
    """Reject unknown keys: a typo must not become a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _perhaps_held(factor: Factor, value: FactorValue | None) -> Factor:
    """Return the factor, held if there is a value; raise BadProblem when it is none of its own."""
    if value is None:
        return factor
    if fault := factor.fault(value):
        raise BadProblem([f"held: {fault}"])
    return held(factor, value)


class ContinuousModel(_Strict):
    """A number between two bounds."""

    name: Text
    kind: Literal["continuous"] = "continuous"
    low: Number
    high: Number
    unit: str = ""
    transform: Literal["none", "log", "reciprocal_kelvin"] = "none"
    held: Number | None = None

    def build(self) -> Factor:
        """Return the factor; raise BadProblem."""
        free = Continuous(self.name, self.low, self.high, self.unit, self.transform)
        return _perhaps_held(free, self.held)


class DiscreteModel(_Strict):
    """One of a few numbers."""

    name: Text
    kind: Literal["discrete"]
    values: list[Annotated[int, Field(strict=True)] | Number]
    unit: str = ""
    dropped: list[Annotated[int, Field(strict=True)] | Number] = Field(default_factory=list)
    held: Number | None = None

    def build(self) -> Factor:
        """Return the factor; raise BadProblem."""
        free = Discrete(self.name, tuple(self.values), self.unit, tuple(self.dropped))
        return _perhaps_held(free, self.held)


class CategoricalModel(_Strict):
    """One of a few names."""

    name: Text
    kind: Literal["categorical"]
    levels: list[Text]
    descriptors: dict[str, dict[str, Number]] = Field(default_factory=dict)
    dropped: list[Text] = Field(default_factory=list)
    held: Text | None = None

    def build(self) -> Factor:
        """Return the factor; raise BadProblem."""
        dropped = tuple(self.dropped)
        free = Categorical(self.name, tuple(self.levels), self.descriptors, dropped)
        return _perhaps_held(free, self.held)


class CompositionModel(_Strict):
    """Amounts of several components that add up to a total."""

    name: Text
    kind: Literal["composition"]
    components: list[Text]
    total: Number = 1.0
    max_components: Annotated[int, Field(strict=True)] | None = None
    held: dict[str, Number] | None = None

    def build(self) -> Factor:
        """Return the factor; raise BadProblem."""
        components = tuple(self.components)
        free = Composition(self.name, components, self.total, self.max_components)
        return _perhaps_held(free, self.held)


class ResponseModel(_Strict):
    """A measured outcome and its goal."""

    name: Text
    goal: Literal["maximise", "minimise", "target"] = "maximise"
    low: Number | None = None
    high: Number | None = None
    unit: str = ""

    def build(self) -> Response:
        """Return the response; raise BadProblem."""
        return Response(self.name, self.goal, self.low, self.high, self.unit)


class ConstraintModel(_Strict):
    """A bounded sum of factors, each times a number."""

    kind: Literal["linear"] = "linear"
    terms: dict[str, Number]
    at_most: Number | None = None
    at_least: Number | None = None

    def build(self) -> Constraint:
        """Return the constraint; raise BadProblem."""
        return Constraint(self.terms, self.at_most, self.at_least)


class FormulaModel(_Strict):
    """A bounded formula in factors' names, as ``flow_a * residence_time``."""

    kind: Literal["formula"]
    expression: Text
    at_most: Number | None = None
    at_least: Number | None = None

    def build(self) -> FormulaConstraint:
        """Return the constraint; raise BadProblem."""
        return FormulaConstraint(self.expression, self.at_most, self.at_least)


_FactorModel = ContinuousModel | DiscreteModel | CategoricalModel | CompositionModel
_FACTORS: dict[str, type[_FactorModel]] = {
    "continuous": ContinuousModel,
    "discrete": DiscreteModel,
    "categorical": CategoricalModel,
    "composition": CompositionModel,
}


class ProblemModel(_Strict):
    """A whole problem."""

    factors: Annotated[list[_FactorModel], Field(min_length=1)]
    responses: list[ResponseModel] = Field(default_factory=list)
    constraints: list[ConstraintModel | FormulaModel] = Field(default_factory=list)


def problem_schema() -> dict[str, Any]:
    """Return the JSON Schema of problems, for ``taylord schema problem``."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | TypeAdapter(
        ProblemModel
    ).json_schema()


def read_problem(document: object) -> Problem:
    """Return the problem of a parsed JSON document; raise BadProblem with every fault."""
    if not isinstance(document, Mapping):
        raise BadProblem([f"must be an object with factors and responses, got {document!r:.80}"])
    keys = tuple(ProblemModel.model_fields)
    faults = [unknown(str(key), str(key), None, keys) for key in document if key not in keys]
    said = {key: key for key in keys} | foreign.under_other_keys(document, keys)
    factors = _each(document, said["factors"], _factor, faults)
    responses = _each(document, said["responses"], _response, faults)
    constraints = _each(document, said["constraints"], _constraint, faults)
    if faults:
        raise BadProblem(faults)
    return Problem(tuple(factors), tuple(responses), tuple(constraints))


def _each(
    document: Mapping[str, Any], key: str, build: Callable[[object], _T], faults: list[str]
) -> list[_T]:
    items = document.get(key, [])
    if not isinstance(items, list):
        example = BOUNDED if build is _constraint else NAMED
        faults.append(f"{key}: must be a list, as [{example}], got {items!r:.80}")
        return []
    built: list[_T] = []
    for i, item in enumerate(items):
        try:
            built.append(build(item))
        except BadProblem as error:
            faults += [f"{key}.{i}{'.' if has_key(f) else ': '}{f}" for f in error.faults]
    return built


def _factor(item: object) -> Factor:
    kind = item.get("kind", _kind_meant(item)) if isinstance(item, Mapping) else "continuous"
    if not isinstance(kind, str) or kind not in _FACTORS:
        near = near_word("kind", kind, tuple(_FACTORS))
        raise BadProblem([f"kind: must be one of {', '.join(_FACTORS)}, got {kind!r}{near}"])
    return _validated(_FACTORS[kind], item).build()


def _kind_meant(item: Mapping[str, Any]) -> str:
    """Return the kind of a factor that says none: continuous, unless it says it in other words."""
    said = foreign.under_other_keys(item, ["kind"]).get("kind")
    return foreign.own_word("kind", item[said], _FACTORS) or "continuous" if said else "continuous"


def _response(item: object) -> Response:
    return _validated(ResponseModel, item).build()


def _constraint(item: object) -> Constraint | FormulaConstraint:
    kind = item.get("kind", _constraint_meant(item)) if isinstance(item, Mapping) else "linear"
    if kind == "formula":
        return _validated(FormulaModel, item).build()
    if kind != "linear":
        raise BadProblem([f"kind: must be linear or formula, got {kind!r:.80}"])
    return _validated(ConstraintModel, item).build()


def _constraint_meant(item: Mapping[str, Any]) -> str:
    """Return the kind of a constraint that says none: a formula has an expression."""
    said = {*item, *foreign.under_other_keys(item, ["expression"])}
    return "formula" if "expression" in said else "linear"


_Model = TypeVar("_Model", bound=BaseModel)


def _validated(model: type[_Model], item: object) -> _Model:
    try:
        return model.model_validate(item)
    except ValidationError as error:
        raise BadProblem(faults_of(error, item, tuple(model.model_fields))) from None
