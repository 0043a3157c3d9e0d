"""Runs of nonlinear networks as labelled datasets and NetCDF files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fa_dynamics.errors import InputError
from fa_dynamics.files import write_netcdf
from fa_dynamics.flows.dataset import _rule_record, versions

if TYPE_CHECKING:
    import xarray

    from fa_dynamics.systems.network_run import NetworkRun

FORMAT = "fa_dynamics network run 1"
"""Written into every file; a change of layout changes the number."""

NONE = "dimensionless"


def to_dataset(run: NetworkRun) -> xarray.Dataset:
    """The run as an xarray Dataset, every variable with its description and units.

    Variables: weights ``W_l`` (time, unit_l, unit_{l-1}), biases, feedback, ``loss``, ``accuracy`` and their test
    companions (time), ``weight_alignment`` (time, upper_layer), ``update_alignment`` (time, layer), per hidden layer
    ``neuron_drift_l``, ``identity_defect_l`` and for finite steps ``explained_drift_l`` (time, unit_l),
    ``layer_drift`` (time, hidden_layer). Attributes: provenance.
    """
    import xarray

    depth, model = run.depth, run.model
    unit = [f"unit_{layer}" for layer in range(depth + 1)]
    layer_of = {size: layer for layer, size in enumerate(model.flow.network.sizes)}
    shapes = {matrix.name: [unit[layer_of[size]] for size in matrix.shape] for matrix in model.flow.feedback}
    data: dict[str, Any] = {}

    def add(name: str, dims: list[str], values: Any, description: str, units: str = NONE) -> None:
        data[name] = (dims, values, {"description": description, "units": units})

    for layer, weight in enumerate(run.weights, start=1):
        add(f"W_{layer}", ["time", unit[layer], unit[layer - 1]], weight, f"weights of layer {layer}")
    for layer, bias in enumerate(run.biases, start=1):
        add(f"beta_{layer}", ["time", unit[layer]], bias, f"biases of layer {layer}")
    for name, matrix in run.feedback.items():
        add(name, [*(["time"] if matrix.ndim == 3 else []), *shapes[name]], matrix, "feedback")
    squared = "output squared" if model.loss.name.startswith("squared") else NONE
    add("loss", ["time"], run.loss, f"mean loss ({model.loss.name}) of the training samples", squared)
    add("accuracy", ["time"], run.accuracy, "fraction of training samples whose class is found")
    add("test_loss", ["time"], run.test_loss, "mean loss of the test samples", squared)
    add("test_accuracy", ["time"], run.test_accuracy, "fraction of test samples whose class is found")
    add("weight_alignment", ["time", "upper_layer"], run.weight_alignment, "cos(W_l^T, what stands in its place)")
    add("update_alignment", ["time", "layer"], run.update_alignment, "cos(update, update of backpropagation)")
    add("layer_drift", ["time", "hidden_layer"], run.layer_drift, "drift of the layer's quantity", "weight squared")
    for index, law in enumerate(run.laws):
        dims, at = ["time", unit[law.layer]], f"_{law.layer}"
        said = "a law of the flow" if law.holds else law.why_not
        add(f"neuron_drift{at}", dims, run.neuron_drift[index], f"drift of q_i: {said}", "weight squared")
        add(f"identity_defect{at}", dims, run.identity_defect[index], "minus dq_i/dt of the flow", "weight squared / t")
        if run.explained_drift is not None:
            add(
                f"explained_drift{at}",
                dims,
                run.explained_drift[index],
                "drift of q_i, by its causes",
                "weight squared",
            )
    coordinates = {
        "time": ("time", run.t, {"description": "time", "units": "1 / curvature of the loss"}),
        "layer": np.arange(1, depth + 1),
        "upper_layer": np.arange(2, depth + 1),
        "hidden_layer": np.arange(1, depth),
    }
    return xarray.Dataset(data, coordinates, attrs=_provenance(run))


def save(run: NetworkRun, path: str | Path) -> Path:
    """Write a run as NetCDF.

    Raises
    ------
    InputError
        The path cannot be written, or does not end in .nc.
    """
    target = Path(path)
    if target.suffix != ".nc":
        raise InputError(f"path: {str(path)!r} given, expected a file name that ends in .nc")
    return write_netcdf(to_dataset(run), target, "path")


def _provenance(run: NetworkRun) -> dict[str, str]:
    model = run.model
    return {
        "format": FORMAT,
        "status": run.status,
        "message": run.message,
        "task": run.task.name,
        "activation": model.activation.name,
        "loss_function": model.loss.name,
        "seed": str(run.seed),
        "start": run.start,
        "feedback_start": run.feedback_start,
        "json_sizes": json.dumps(model.sizes),
        "json_biases": json.dumps(model.biases),
        "json_decay": json.dumps(model.rates),
        "json_rule": json.dumps(_rule_record(model.flow.rule)),
        "json_solver": json.dumps(dict(run.solver)),
        "json_versions": json.dumps(versions()),
    }
