"""What a sweep can keep of every run, by the names that results have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.sweep.solvers import Facts

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Observable:
    """One array of every run.

    Attributes
    ----------
    dims
        Names of its dimensions within a run.
    units, description
        Attributes in the store.
    read
        From a result and the level of the learning times.
    """

    dims: tuple[str, ...]
    units: str
    description: str
    read: Callable[[Any, float], Any]


def lengths(facts: Facts) -> dict[str, int]:
    """How long each dimension is in a run at this point of the grid."""
    depth = len(facts.sizes) - 1
    own = {f"unit_{layer}": width for layer, width in enumerate(facts.sizes)}
    return own | {
        "time": len(facts.times),
        "mode": len(facts.modes["target"]),
        "input": facts.sizes[0],
        "output": facts.sizes[-1],
        "output_2": facts.sizes[-1],
        "layer": depth,
        "upper_layer": depth - 1,
        "hidden_layer": depth - 1,
        "singular_value": max(min(pair) for pair in zip(facts.sizes[1:], facts.sizes[:-1], strict=True)),
    }


def variables_of(solver: str, record: tuple[str, ...], depth: int) -> dict[str, Observable]:
    """Variables of the store by name; ``weights`` of matrices stand for one variable per layer, up to `depth`."""
    found: dict[str, Observable] = {}
    for name in record:
        if name == "weights" and solver != "solve_modes":
            found |= {f"W_{layer}": _weight(layer) for layer in range(1, depth + 1)}
        else:
            found[name] = OBSERVABLES[solver][name]
    return found


def coordinates_of(dims: Mapping[str, int]) -> dict[str, NDArray[np.int64]]:
    """Numbers of modes and layers, as the field counts them."""
    first = {"mode": 1, "layer": 1, "upper_layer": 2, "hidden_layer": 1, "singular_value": 1}
    return {name: np.arange(first[name], first[name] + size) for name, size in dims.items() if name in first}


def _weight(layer: int) -> Observable:
    def read(result: Any, level: float) -> Any:
        return result.weights[layer - 1]

    dims = ("time", f"unit_{layer}", f"unit_{layer - 1}")
    return Observable(dims, "output per input", f"weights W_{layer}", read)


def _rank_correlation(result: Any, level: float) -> float:
    found = result.order(level).rank_correlation
    return np.nan if found is None else float(found)


def _largest(name: str) -> Callable[[Any, float], Any]:
    def read(result: Any, level: float) -> Any:
        histories = list(getattr(result, name).values())
        return np.max(histories, axis=0) if histories else np.full(len(result.t), np.nan)

    return read


def _alignment_matrix(result: Any, level: float) -> Array:
    return np.stack([result.alignment_matrix(layer) for layer in range(1, result.depth + 1)], axis=1)


def _singular_values(result: Any, level: float) -> Array:
    layers = [result.singular_values(layer) for layer in range(1, result.depth + 1)]
    table = np.full((len(result.t), len(layers), max(values.shape[1] for values in layers)), np.nan)
    for layer, values in enumerate(layers):
        table[:, layer, : values.shape[1]] = values
    return table


def _named(name: str) -> Callable[[Any, float], Any]:
    return lambda result, level: getattr(result, name)


LEARNING_TIMES = Observable(
    ("mode",),
    "1 / curvature",
    "earliest time after which |p - s| <= (1 - level) |s| for good; inf if not by the end of the run",
    lambda result, level: result.learning_times(level),
)
RANK_CORRELATION = Observable(
    (), "dimensionless", "rank correlation of |target| and learning time; nan if undefined", _rank_correlation
)
OF_RUNS = {
    "learning_times": LEARNING_TIMES,
    "rank_correlation": RANK_CORRELATION,
    "mode_strength": Observable(("time", "mode"), "output per input", "mode strength p", _named("mode_strength")),
    "loss": Observable(("time",), "output squared", "loss 1/2 E|y - P x|^2", _named("loss")),
    "share_outside_modes": Observable(
        ("time",), "dimensionless", "share of the map outside of the modes", _named("share_outside_modes")
    ),
    "weight_alignment": Observable(
        ("time", "upper_layer"), "dimensionless", "cos(W_l^T, what stands in its place)", _named("weight_alignment")
    ),
    "update_alignment": Observable(
        ("time", "layer"), "dimensionless", "cos(update, true gradient step)", _named("update_alignment")
    ),
    "interlayer_alignment": Observable(
        ("time", "hidden_layer"),
        "dimensionless",
        "1 - commutator defect of W_l, W_{l+1}",
        _named("interlayer_alignment"),
    ),
    "balancedness": Observable(
        ("time", "hidden_layer"), "weights squared", "|W_{l+1}^T W_{l+1} - W_l W_l^T|", _named("balancedness")
    ),
    "effective_rank": Observable(("time",), "dimensionless", "effective rank of the map", _named("effective_rank")),
    "invariant_drift": Observable(
        ("time",),
        "dimensionless",
        "largest relative drift of a first integral; nan if there is none",
        _largest("invariant_drift"),
    ),
    "unexplained_drift": Observable(
        ("time",),
        "dimensionless",
        "largest relative drift of a first integral that steps do not explain; nan for flows",
        _largest("unexplained_drift"),
    ),
    "end_to_end": Observable(("time", "output", "input"), "output per input", "P = W_L..W_1", _named("end_to_end")),
    "alignment_matrix": Observable(
        ("time", "layer", "output", "output_2"),
        "weights to the power 2 (L - layer)",
        "A_l = W_L..W_{l+1} C_l",
        _alignment_matrix,
    ),
    "singular_values": Observable(
        ("time", "layer", "singular_value"), "output per input", "singular values of the layers", _singular_values
    ),
    "weights": _weight(1),
}
OF_MODES = {
    "learning_times": LEARNING_TIMES,
    "rank_correlation": RANK_CORRELATION,
    "strength": Observable(("time", "mode"), "output per input", "mode strength p", _named("strength")),
    "error": Observable(("time", "mode"), "output per input", "bound on the error of strength", _named("error")),
    "limit": Observable(("mode",), "output per input", "p for t to infinity", _named("limit")),
    "weights": Observable(("layer", "time", "mode"), "dimensionless", "theta_l of the chain", _named("weights")),
}
BETWEEN_STEPS = frozenset({"learning_times", "rank_correlation"})
"""Observables that are found between the steps of a run: it is told to watch them, not to be integrated again."""

OBSERVABLES: dict[str, dict[str, Observable]] = {"simulate": OF_RUNS, "iterate": OF_RUNS, "solve_modes": OF_MODES}
"""Observables of the result of every solver."""
