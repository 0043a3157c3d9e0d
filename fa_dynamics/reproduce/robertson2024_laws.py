"""robertson2024-laws: which activation and rule conserve what, in the flow and under finite steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from fa_dynamics.progress import Report
from fa_dynamics.reproduce.experiment import Experiment, Findings, Record
from fa_dynamics.reproduce.nonlinear_conservation import BOTTLENECK, HIDDEN, STEP, STEPS, Drifts, drifts
from fa_dynamics.reproduce.options import Allowed
from fa_dynamics.reproduce.tables import Table

if TYPE_CHECKING:
    import xarray

ACTIVATIONS = ("linear", "relu", "leaky-relu", "squared-relu", "tanh")
RULES = ("fa", "dfa", "sign", "kp", "bp")

ALLOWED = 300.0
"""A quantity counts as conserved below this many tolerances; a broken law of these flows moves by 0.001 to 1."""

RECORDED: dict[str, str] = {
    "relu fa matrix": ".3 to .4",
    "dfa bottleneck": ".75",
    "dfa wide": "5e-7",
}
"""Drifts of this project's notes; their networks, data and times were not written down."""

Key = tuple[str, str, bool]


def run(
    report: Report,
    *,
    t_end: Annotated[float, Allowed("a number from 0.1 to 3", lambda value: 0.1 <= value <= 3)] = 0.6,
    seed: Annotated[int, Allowed("a whole number >= 0", lambda value: value >= 0)] = 0,
) -> Findings:
    """Integrate and iterate every activation under every rule, with and without biases.

    Parameters
    ----------
    report
        Is told the fraction done.
    t_end
        Length of the flows, in units of 1 / curvature.
    seed
        Of data, weights and feedback.
    """
    keys = [(a, r, b) for a in ACTIVATIONS for r in RULES for b in (False, True)]
    found: dict[Key, Drifts] = {}
    for count, key in enumerate(keys, start=1):
        found[key] = drifts(*key, seed, t_end)
        report(count / (len(keys) + 1))
    narrow = drifts("linear", "dfa", False, seed, 5 * t_end, BOTTLENECK)
    wide = drifts("linear", "dfa", False, seed, 5 * t_end)
    report(1.0)
    records = [_record(key, each) for key, each in found.items()]
    records += [_direct("dfa bottleneck", narrow), _direct("dfa wide", wide)]
    return Findings(records, _tables(found, narrow, wide), _seen(found, narrow, wide), _dataset(found), _draw)


def _conserved(each: Drifts) -> tuple[bool, ...]:
    return tuple(drift < ALLOWED * each.rtol for drift in each.neuron)


def _record(key: Key, each: Drifts) -> Record:
    activation, rule, biases = key
    known = RECORDED["relu fa matrix"] if (activation, rule) == ("relu", "fa") else None
    return {
        "activation": activation,
        "rule": rule,
        "biases": biases,
        "unit": "weight squared",
        "status": each.status,
        "rtol": each.rtol,
        "law_predicted": " ".join("yes" if holds else "no" for holds in each.holds),
        "law_found": " ".join("yes" if holds else "no" for holds in _conserved(each)),
        "agrees": each.status == "completed" and _conserved(each) == each.holds,
        "neuron_drift": max(each.neuron),
        "layer_drift": max(each.layer),
        "matrix_drift": max(each.matrix),
        "recorded_matrix_drift": known,
        "drift_less_defect": max(each.unintegrated),
        "step_drift": each.step,
        "step_unexplained": each.step_unexplained,
        "recorded_in": None if known is None else "theory notes of this project",
        "statement": "robertson2024.neuron-law",
    }


def _direct(name: str, each: Drifts) -> Record:
    return {
        "activation": "linear",
        "rule": name,
        "biases": False,
        "unit": "weight squared",
        "status": each.status,
        "rtol": each.rtol,
        "law_predicted": " ".join("yes" if holds else "no" for holds in each.holds),
        "law_found": " ".join("yes" if holds else "no" for holds in _conserved(each)),
        "agrees": _conserved(each) == each.holds,
        "neuron_drift": each.neuron[0],
        "recorded_neuron_drift": RECORDED[name],
        "recorded_in": "theory notes of this project",
        "statement": "robertson2024.dfa-law",
    }


def _tables(found: dict[Key, Drifts], narrow: Drifts, wide: Drifts) -> tuple[Table, ...]:
    columns = ("activation", "rule", "law in layers 1 2", "found", "(N) neuron", "(Y) layer", "(M) off-diag", "steps",
               "not explained")  # fmt: skip
    rows = []
    for activation in ACTIVATIONS:
        for rule in RULES:
            both = [found[activation, rule, biases] for biases in (False, True)]
            cells = [max(max(part) for part in parts) for parts in zip(*map(_three, both), strict=True)]
            predicted = {_words(each.holds) for each in both}
            seen = {_words(_conserved(each)) for each in both}
            ended = "" if all(each.status == "completed" for each in both) else " (early)"
            rows.append(
                (
                    activation,
                    rule,
                    "/".join(sorted(predicted)),
                    "/".join(sorted(seen)) + ended,
                    *(_short(value) for value in cells),
                    _short(max(each.step for each in both), "diverged"),
                    _short(max(each.step_unexplained for each in both), "diverged"),
                )
            )
    title = (
        "Largest drifts (weight squared), the larger one of runs with and without biases; flow, then "
        f"{STEPS} steps of {STEP:g}"
    )
    direct = Table(
        "Direct feedback, linear network: drift of the quantity of layer 1 with B = D_1 D_2^+ (weight squared)",
        ("hidden widths", "law", "ours", "recorded"),
        (
            ("-".join(map(str, BOTTLENECK)), _words(narrow.holds[:1]), _short(narrow.neuron[0]), ".75"),
            ("-".join(map(str, HIDDEN)), _words(wide.holds[:1]), _short(wide.neuron[0]), "5e-7"),
        ),
        2,
    )
    return Table(title, columns, tuple(rows), 4), direct


def _three(each: Drifts) -> tuple[tuple[float, ...], ...]:
    return each.neuron, each.layer, each.matrix


def _words(holds: tuple[bool, ...]) -> str:
    return " ".join("yes" if each else "no" for each in holds)


def _short(value: float, missing: str = "none") -> str:
    return missing if np.isnan(value) else f"{value:.1e}"


def _seen(found: dict[Key, Drifts], narrow: Drifts, wide: Drifts) -> str:
    whole = [each for each in found.values() if each.status == "completed"]
    right = sum(_conserved(each) == each.holds for each in whole)
    rectified = max(max(found["relu", rule, b].matrix) for rule in ("fa", "bp", "kp") for b in (False, True))
    left = np.nanmax([each.step_unexplained for each in found.values()])
    tanh = [found["tanh", rule, b] for rule in RULES for b in (False, True)]
    return (
        f"the neuron law was conserved where it is predicted and broken where it is not in {right} of {len(whole)} "
        f"flows that reached their end ({len(found) - len(whole)} did not); off the diagonal Q moves by up to "
        f"{rectified:.2f} under ReLU; tanh breaks the law by up to {max(max(e.neuron) for e in tanh):.2f}, which the "
        f"integrated defect gives to {max(max(e.unintegrated) for e in tanh):.0e}; direct feedback drifts by "
        f"{narrow.neuron[0]:.2g} through a bottleneck and by {wide.neuron[0]:.0e} without; under finite steps the "
        f"account leaves {left:.0e} at most."
    )


def _dataset(found: dict[Key, Drifts]) -> xarray.Dataset:
    import xarray

    def table(read: Any) -> Any:
        return np.array([[[read(found[a, r, b]) for b in (False, True)] for r in RULES] for a in ACTIVATIONS])

    dims, square = ["activation", "rule", "biases"], "weight squared"
    data = {
        "neuron_drift": (dims, table(lambda e: max(e.neuron)), "largest drift of a neuron's quantity, flow", square),
        "layer_drift": (dims, table(lambda e: max(e.layer)), "largest drift of a layer's quantity, flow", square),
        "matrix_drift": (dims, table(lambda e: max(e.matrix)), "largest drift off the diagonal of Q, flow", square),
        "drift_less_defect": (
            dims,
            table(lambda e: max(e.unintegrated)),
            "neuron drift plus the integral of the pointwise defect (trapezoidal rule)",
            square,
        ),
        "step_drift": (dims, table(lambda e: e.step), "largest drift of a neuron under finite steps", square),
        "step_unexplained": (dims, table(lambda e: e.step_unexplained), "the same less its account", square),
        "law_predicted": (
            [*dims, "hidden_layer"],
            table(lambda e: e.holds),
            "whether the neuron law is predicted",
            "boolean",
        ),
        "completed": (dims, table(lambda e: e.status == "completed"), "whether the flow reached its end", "boolean"),
        "rtol": (dims, table(lambda e: e.rtol), "tolerance of the flow", "dimensionless"),
    }
    coordinates = {
        "activation": list(ACTIVATIONS),
        "rule": list(RULES),
        "biases": [False, True],
        "hidden_layer": [1, 2],
    }
    return xarray.Dataset(
        {name: (at, values, {"description": text, "units": units}) for name, (at, values, text, units) in data.items()},
        coordinates,
    )


def _draw(data: xarray.Dataset) -> Any:
    from fa_dynamics.plots.nonlinear import plot_laws

    return plot_laws(data)


EXPERIMENT = Experiment(
    name="robertson2024-laws",
    paper="Robertson, Koyejo 2024",
    claim=(
        "a conservation law couples the incoming, outgoing and feedback weights of a neuron and keeps feedback "
        "alignment aligned with the gradient."
    ),
    form=(
        "robertson2024.neuron-law, robertson2024.feedback-family, robertson2024.matrix-law, robertson2024.dfa-law, "
        "robertson2024.discrete-drift: 1/2|row|^2 + 1/2 bias^2 - nu Psi of every hidden neuron is constant for "
        "activations of degree nu (not for tanh, nor for direct feedback below the last hidden layer except in linear "
        "networks), the matrix law in linear networks only; finite steps move the neuron quantities by an exact "
        "account. Recorded drifts are from the theory notes, for networks that were not written down."
    ),
    run=run,
)
