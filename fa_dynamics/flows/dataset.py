"""Trajectories as labelled datasets and NetCDF files, with everything needed to read them back or run them again."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fa_dynamics._version import __version__
from fa_dynamics.derive.flow import derive
from fa_dynamics.derive.lookup import RuleLike, find_rule
from fa_dynamics.derive.rules import BUILT_IN, Rule
from fa_dynamics.errors import InputError
from fa_dynamics.files import write_netcdf
from fa_dynamics.flows.history import History
from fa_dynamics.flows.steps import StepCurve, Steps
from fa_dynamics.measures import Curve
from fa_dynamics.tasks import Task

if TYPE_CHECKING:
    import xarray

    from fa_dynamics.flows.trajectory import Trajectory

FORMAT = "fa_dynamics trajectory 1"
"""Written into every file; a change of layout changes the number."""


def to_dataset(run: Trajectory) -> xarray.Dataset:
    """The run as an xarray Dataset.

    Variables: weights ``W_l`` (time, unit_l, unit_{l-1}), feedback, ``mode_strength`` (time, mode), ``loss``,
    ``weight_alignment`` (time, upper_layer), ``update_alignment`` (time, layer), ``interlayer_alignment`` and
    ``balancedness`` (time, hidden_layer), ``effective_rank``, ``drift_*`` of first integrals; the task's moments and
    modes; ``curve`` (step, node, mode). Finite steps have ``curve`` (edge, mode), ``step_number`` (time), and
    ``explained_drift_*`` and ``unexplained_drift_*`` of first integrals. Attributes: provenance.
    """
    import xarray

    task, modes, depth = run.task, run.task.modes, run.depth
    unit = [f"unit_{layer}" for layer in range(depth + 1)]
    layer_of = {size: layer for layer, size in enumerate(run.flow.network.sizes)}
    shapes = {matrix.name: [unit[layer_of[size]] for size in matrix.shape] for matrix in run.flow.feedback}
    inputs, outputs = [f"{unit[0]}", f"{unit[0]}_"], [f"{unit[depth]}", f"{unit[depth]}_"]
    data: dict[str, Any] = {
        f"W_{layer + 1}": (["time", unit[layer + 1], unit[layer]], weight) for layer, weight in enumerate(run.weights)
    }
    for name, matrix in run.initial.items():
        letters, _, layer = name.partition("_")
        dims = [unit[int(layer)], unit[int(layer) - 1]] if letters == "W" else shapes[name]
        data[f"initial_{name}"] = (dims, matrix)
    for name, matrix in run.feedback.items():
        data[name] = (["time", *shapes[name]] if matrix.ndim == 3 else shapes[name], matrix)
    data |= {
        "mode_strength": (["time", "mode"], run.mode_strength),
        "loss": (["time"], run.loss),
        "update_alignment": (["time", "layer"], run.update_alignment),
        "weight_alignment": (["time", "upper_layer"], run.weight_alignment),
        "interlayer_alignment": (["time", "hidden_layer"], run.interlayer_alignment),
        "balancedness": (["time", "hidden_layer"], run.balancedness),
        "effective_rank": (["time"], run.effective_rank),
        **{f"drift_{name}": (["time"], drift) for name, drift in run.invariant_drift.items()},
        "correlation": (["mode"], modes.correlation),
        "curvature": (["mode"], modes.curvature),
        "target": (["mode"], modes.target),
        "input_basis": ([unit[0], "mode"], modes.input_basis),
        "output_basis": ([unit[depth], "mode"], modes.output_basis),
        "input_moment": (inputs, task.input_moment),
        "cross_moment": ([unit[depth], unit[0]], task.cross_moment),
        "output_moment": (outputs, task.output_moment),
        "curve": (["step", "node", "mode"] if run.steps is None else ["edge", "mode"], run.curve.values),
        "step_edge": (["edge"], run.curve.edges),
    }
    if run.steps is not None:
        data["step_number"] = (["time"], run.steps.number)
        for kind, drifts in (("explained", run.explained_drift), ("unexplained", run.unexplained_drift)):
            data |= {f"{kind}_drift_{name}": (["time"], drift) for name, drift in drifts.items()}
    if task.input_map is not None:
        data["input_map"] = ([unit[0], "raw_input"], task.input_map)
    coordinates = {
        "time": run.t,
        "mode": np.arange(1, len(modes.target) + 1),
        "layer": np.arange(1, depth + 1),
        "upper_layer": np.arange(2, depth + 1),
        "hidden_layer": np.arange(1, depth),
    }
    return xarray.Dataset(data, coordinates, attrs=_provenance(run))


def save(run: Trajectory, path: str | Path) -> Path:
    """Write a run as NetCDF; the file appears whole or not at all.

    Raises
    ------
    InputError
        The path cannot be written, or does not end in .nc.
    """
    target = Path(path)
    if target.suffix != ".nc":
        raise InputError(f"path: {str(path)!r} given, expected a file name that ends in .nc")
    return write_netcdf(to_dataset(run), target, "path")


def load(path: str | Path, rule: RuleLike | None = None) -> Trajectory:
    """Read a run back from the file that `Trajectory.save` wrote.

    Parameters
    ----------
    path
        A NetCDF file.
    rule
        The rule of the run, if it is one of your own that is not where it was.

    Raises
    ------
    InputError
        No such file, or no saved trajectory, or a rule that cannot be found.
    """
    import xarray

    from fa_dynamics.flows.trajectory import Trajectory

    source = Path(path)
    if not source.is_file():
        raise InputError(f"path: there is no file {str(path)!r}")
    try:
        with xarray.open_dataset(source, engine="h5netcdf") as opened:
            data = opened.load()
    except (OSError, ValueError) as problem:
        raise InputError(f"path: {str(path)!r} is no NetCDF file ({problem})") from problem
    if data.attrs.get("format") != FORMAT:
        raise InputError(f"path: {str(path)!r} was not written by Trajectory.save ({FORMAT})")
    facts = {key: json.loads(text) for key, text in data.attrs.items() if key.startswith("json_")}
    found = _saved_rule(facts["json_rule"]) if rule is None else find_rule(rule)
    sizes = tuple(facts["json_sizes"])
    depth = len(sizes) - 1
    decay = facts["json_decay"]
    flow = derive(depth, found, decay=decay is not None)
    values = {str(name): variable.values for name, variable in data.items()}
    steps = _saved_steps(facts["json_steps"], values) if "json_steps" in facts else None
    described = facts["json_task"]
    task = Task(
        name=described["name"],
        input_moment=values["input_moment"],
        cross_moment=values["cross_moment"],
        output_moment=values["output_moment"],
        n_samples=described["n_samples"],
        input_map=values.get("input_map"),
        description=described["description"],
        image_shape=tuple(described["image_shape"]) if described["image_shape"] else None,
        output_names=tuple(described["output_names"]) if described["output_names"] else None,
    )
    return Trajectory(
        task=task,
        flow=flow,
        sizes=sizes,
        t=data["time"].values,
        history=History.of(
            [values[f"W_{layer}"] for layer in range(1, depth + 1)],
            [values[f"initial_W_{layer}"] for layer in range(1, depth + 1)],
        ),
        feedback={matrix.name: values[matrix.name] for matrix in flow.feedback},
        initial={name.removeprefix("initial_"): values[name] for name in values if name.startswith("initial_")},
        decay=None if decay is None else tuple(decay),
        watched=(Curve if steps is None else StepCurve)(values["step_edge"], values["curve"]),
        t_last=float(values["step_edge"][-1]),
        status=data.attrs["status"],
        message=data.attrs["message"],
        solver=facts["json_solver"],
        seed=int(data.attrs["seed"]),
        start=data.attrs["start"],
        feedback_start=data.attrs["feedback_start"],
        steps=steps,
    )


def _provenance(run: Trajectory) -> dict[str, Any]:
    task = run.task
    steps = {} if run.steps is None else {"json_steps": json.dumps(_steps_record(run.steps))}
    return steps | {
        "format": FORMAT,
        "status": run.status,
        "message": run.message,
        "equations": run.flow.text(),
        "first_integrals": "\n".join(str(law) for law in run.invariants),
        "seed": str(run.seed),
        "start": run.start,
        "feedback_start": run.feedback_start,
        "json_rule": json.dumps(_rule_record(run.flow.rule)),
        "json_sizes": json.dumps(run.sizes),
        "json_decay": json.dumps(run.decay),
        "json_solver": json.dumps(dict(run.solver)),
        "json_task": json.dumps(
            {
                "name": task.name,
                "n_samples": task.n_samples,
                "description": task.description,
                "image_shape": task.image_shape,
                "output_names": task.output_names,
            }
        ),
        "json_versions": json.dumps(versions()),
    }


def versions() -> dict[str, str]:
    """Versions of everything that shapes a number."""
    import scipy
    import sympy

    return {
        "fa_dynamics": __version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "sympy": sympy.__version__,
        "python": platform.python_version(),
    }


def _steps_record(steps: Steps) -> dict[str, Any]:
    return {name: getattr(steps, name) for name in ("step_size", "momentum", "batch_size", "left_out")}


def _saved_steps(record: dict[str, Any], values: dict[str, Any]) -> Steps:
    def drifts(kind: str) -> dict[str, Any]:
        start = f"{kind}_drift_"
        return {name.removeprefix(start): values[name] for name in values if name.startswith(start)}

    return Steps(
        number=values["step_number"], explained=drifts("explained"), unexplained=drifts("unexplained"), **record
    )


def _rule_record(rule: Rule) -> dict[str, Any]:
    import sys

    module = sys.modules[type(rule).__module__]
    return {
        "class": type(rule).__name__,
        "parameters": asdict(rule),
        "file": None if type(rule) in BUILT_IN else getattr(module, "__file__", None),
    }


def _saved_rule(record: dict[str, Any]) -> Rule:
    for built_in in BUILT_IN:
        if built_in.__name__ == record["class"] and record["file"] is None:
            return built_in(**record["parameters"])
    if record["file"] is None or not Path(record["file"]).is_file():
        raise InputError(
            f"rule: the run used {record['class']!r}, which is not in {record['file']!r} any more; pass rule=..."
        )
    return type(find_rule(f"{record['file']}:{record['class']}"))(**record["parameters"])
