"""Invariance of alignment as one labelled dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fa_dynamics.reproduce.radhakrishnan_classes import Class, Defects
from fa_dynamics.reproduce.radhakrishnan_descent import STEP_SIZES, Guarantee, Halving
from fa_dynamics.reproduce.radhakrishnan_feedback import Feedback
from fa_dynamics.reproduce.radhakrishnan_records import verdict
from fa_dynamics.systems.aligned_criteria import data_criterion

if TYPE_CHECKING:
    import xarray


def dataset(
    chosen: Sequence[Class],
    followed: Sequence[Defects],
    halved: Halving,
    guarantees: Mapping[str, Sequence[Guarantee]],
    fed: Feedback,
) -> xarray.Dataset:
    """Variables over (class, time), (step_size, balanced_time), (kind, draw, step) and (feedback, feedback_time)."""
    import xarray

    runs = {"shared bases": fed.shared, "random feedback": fed.random, "shared bases, generic data": fed.generic}
    drawn = list(guarantees.values())
    clock = "steps times step size"
    data = {
        "strong_defect": _named("class time", [d.strong for d in followed], "I3: off-diagonal in U_l(0)", "weight"),
        "interior_defect": _named("class time", [d.interior for d in followed], "I2: inner bases of the start"),
        "pointwise_defect": _named("class time", [d.pointwise for d in followed], "I1: zero iff aligned"),
        "loss": _named("class time", [d.run.loss for d in followed], "1/2 E|y - P x|^2", "output squared"),
        "criterion": _named("class", [data_criterion(c.task) for c in chosen], "[Sigma_xx, Sigma_yx^T Sigma_yx]"),
        "strong_verdict": _named("class", [verdict(float(d.strong.max())) for d in followed], "of I3"),
        "interior_verdict": _named("class", [verdict(float(d.interior.max())) for d in followed], "of I2"),
        "flow_defect": _named("balanced_time", halved.flow, "I1 of the flow, balanced start"),
        "step_defect": _named("step_size balanced_time", halved.steps, "I1 of descent, balanced start"),
        "excess_loss": _named("kind draw step", [[g.excess for g in d] for d in drawn], "l_t - l_*", "output squared"),
        "bound": _named("kind draw step", [[g.bound for g in d] for d in drawn], "(1 - rho)^2t", "output squared"),
        "guaranteed_step": _named(
            "kind draw", [[g.step.step_size for g in d] for d in drawn], "explicit step size", "1 / curvature"
        ),
        "feedback_strong_defect": _named("feedback time", [d.strong for d in runs.values()], "I3 under FA", "weight"),
        "feedback_pointwise_defect": _named("feedback time", [d.pointwise for d in runs.values()], "I1 under FA"),
    }
    coordinates = {
        "class": [c.name for c in chosen],
        "title": _named("class", [c.title for c in chosen], "data"),
        "time": _named("time", followed[0].run.t, clock, "1 / curvature"),
        "balanced_time": _named("balanced_time", halved.t, clock, "1 / curvature"),
        "step_size": _named("step_size", STEP_SIZES, "of descent", "1 / curvature"),
        "kind": list(guarantees),
        "draw": np.arange(1, len(drawn[0]) + 1),
        "step": np.arange(len(drawn[0][0].excess)),
        "feedback": list(runs),
    }
    return xarray.Dataset(data, coordinates)


def _named(dimensions: str, values: Any, description: str, units: str = "dimensionless") -> tuple[Any, ...]:
    return dimensions.split(), np.asarray(values), {"description": description, "units": units}
