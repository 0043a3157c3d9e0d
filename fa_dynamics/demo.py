"""The main job on real data: three ways to learn the handwritten digits, mode by mode, with theory laid over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.derive.flow import derive
from fa_dynamics.flows.dataset import versions
from fa_dynamics.flows.prepare import prepare
from fa_dynamics.flows.simulate import run_plan
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.measures import Order, order_of_learning
from fa_dynamics.modes import integrate_chain
from fa_dynamics.starts import Balanced, Orthogonal, Spectral, Start, Zero
from fa_dynamics.tasks import digits

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

HIDDEN = 64
BALANCED_STRENGTH = 1e-3
SHOWN_MODES = (1, 2, 4, 8, 16, 32)
ORDERED_MODES = 32
"""Verdicts are over the 32 strongest modes, 96.6 % of the variance: the weakest targets lie below the start of
backpropagation, 1e-3, so that it unlearns rather than learns them."""
LEVELS = (0.5, 0.99)


@dataclass(frozen=True, eq=False)
class Panel:
    """One run of the demo beside what the derived chain predicts for it.

    Attributes
    ----------
    name, title
        Short name for files, and a line for the figure.
    run
        The full matrix flow.
    predicted
        Mode strengths p_k by the scalar chain at the run's output times, (time, mode).
    """

    name: str
    title: str
    run: Trajectory
    predicted: Array

    @property
    def distance(self) -> float:
        """Largest |p_k - predicted p_k| over all times and modes, in output per input."""
        return float(np.abs(self.run.mode_strength - self.predicted).max())

    def order(self, level: float) -> Order:
        """Order of learning of the strongest modes."""
        modes, first = self.run.task.modes, slice(0, ORDERED_MODES)
        times = self.run.learning_times(level)[first]
        return order_of_learning(times, modes.target[first], modes.curvature[first])


def run_demo(seed: int = 0, report: Callable[[float], None] | None = None) -> tuple[Panel, ...]:
    """Integrate the full matrix flow of the digits task three times, widths 61-64-64.

    Parameters
    ----------
    seed
        For the orthogonal feedback of the second panel; the other two draw nothing.
    report
        Is told the fraction done.

    Returns
    -------
    tuple of Panel
        Backpropagation from a balanced aligned start; feedback alignment from zero with orthogonal feedback; feedback
        alignment from an anti-regularizing start just past the fold of the top mode.

    Notes
    -----
    From ``theta_1(0) = -a``, ``theta_2(0) = 0`` with feedback b = 1 a mode of correlation sigma comes to rest at a
    zero-loss state with weights opposed to the feedback if ``sigma < (a / sqrt 3)^3``, and passes that place
    slowly if sigma is a little larger. Here a lies between the values for the two strongest modes, so that only the
    strongest passes. Sources: girotti2021.zero-decoupling, girotti2021.anti-regularisation, girotti2021.slow-passage.
    """
    task = digits()
    target = task.modes.target
    edge = np.sqrt(3) * np.cbrt((target[0] + target[1]) / 2)
    root = np.sqrt(BALANCED_STRENGTH)
    plans: list[tuple[str, str, str, Start, Start, Any, float]] = [
        ("bp", "Backpropagation, small balanced start", "bp", Balanced(BALANCED_STRENGTH), Zero(), root, 80.0),
        ("fa-zero", "Feedback alignment (orthogonal) from zero", "fa", Zero(), Orthogonal(), 0.0, 25.0),
        (
            "fa-opposed",
            "Feedback alignment, anti-regularizing start",
            "fa",
            Spectral((-float(edge), 0.0)),
            Spectral(1.0),
            [-edge, 0.0],
            40.0,
        ),
    ]
    panels = []
    for index, (name, title, rule, start, feedback, theta, t_end) in enumerate(plans):

        def partial(fraction: float, index: int = index) -> None:
            if report is not None:
                report((index + fraction) / len(plans))

        given = feedback if rule == "fa" else None
        plan = prepare(task, HIDDEN, rule, start, given, t_end=t_end, seed=seed)
        run = run_plan(plan, progress=partial, watch=True)
        if run.status == "interrupted":
            raise KeyboardInterrupt
        weights = integrate_chain(
            derive(2, rule).chain(), task.modes.correlation, task.modes.curvature, theta, 1.0, run.t
        )
        panels.append(Panel(name, title, run, weights.prod(axis=0)))
    return tuple(panels)


def figure(panels: Sequence[Panel]) -> Figure:
    """The three panels side by side, theory dashed over every curve, the modes' images below."""
    from fa_dynamics.plots import plot_panels

    return plot_panels(
        [panel.run for panel in panels],
        [panel.title for panel in panels],
        theory=[(panel.run.t, panel.predicted) for panel in panels],
        modes=SHOWN_MODES,
        notes=[f"{panel.order(LEVELS[-1]).verdict} at level {LEVELS[-1]}" for panel in panels],
    )


def summary(panels: Sequence[Panel]) -> dict[str, Any]:
    """What the demo found, ready for JSON; times that are never reached are None."""
    task = panels[0].run.task
    shown = [mode - 1 for mode in SHOWN_MODES]
    return {
        "task": {"name": task.name, "description": task.description, "joint_modes": task.modes.defect_sentence()},
        "modes": list(SHOWN_MODES),
        "target": task.modes.target[shown].tolist(),
        "ordered_modes": ORDERED_MODES,
        "panels": {panel.name: _panel_summary(panel, shown) for panel in panels},
        "raw_tasks": {
            "digits, not whitened": digits(whiten=False).modes.defect_sentence(),
            "digits-labels": digits(target="labels").modes.defect_sentence(),
            "digits-labels, not whitened": digits(target="labels", whiten=False).modes.defect_sentence(),
        },
        "versions": versions(),
    }


def _panel_summary(panel: Panel, shown: list[int]) -> dict[str, Any]:
    run = panel.run
    return {
        "title": panel.title,
        "rule": run.flow.rule.name,
        "start": run.start,
        "feedback": run.feedback_start,
        "seed": run.seed,
        "status": run.status,
        "learning_time": {
            str(level): [float(t) if np.isfinite(t) else None for t in run.learning_times(level)[shown]]
            for level in LEVELS
        },
        "order": {str(level): _order_record(panel.order(level)) for level in LEVELS},
        "invariant_drift": {name: float(drift.max()) for name, drift in run.invariant_drift.items()},
        "distance_to_theory": panel.distance,
        "solver": dict(run.solver),
    }


def _order_record(order: Order) -> dict[str, Any]:
    return {"verdict": order.verdict, "rank_correlation": order.rank_correlation, "clock": order.clock}


def dataset(panels: Sequence[Panel]) -> xarray.Dataset:
    """The curves of all panels: strength, prediction and loss over (panel, sample), with targets and images."""
    import xarray

    modes = panels[0].run.task.modes
    data = {
        "time": (["panel", "sample"], np.stack([panel.run.t for panel in panels])),
        "mode_strength": (["panel", "sample", "mode"], np.stack([panel.run.mode_strength for panel in panels])),
        "predicted_strength": (["panel", "sample", "mode"], np.stack([panel.predicted for panel in panels])),
        "loss": (["panel", "sample"], np.stack([panel.run.loss for panel in panels])),
        "learning_time": (
            ["panel", "level", "mode"],
            np.stack([[panel.run.learning_times(level) for level in LEVELS] for panel in panels]),
        ),
        "target": (["mode"], modes.target),
        "curvature": (["mode"], modes.curvature),
        "output_basis": (["pixel", "mode"], modes.output_basis),
    }
    coordinates = {
        "panel": [panel.name for panel in panels],
        "mode": np.arange(1, len(modes.target) + 1),
        "level": list(LEVELS),
    }
    notes = {f"equations_{panel.name}": panel.run.flow.text() for panel in panels}
    notes |= {f"version_{name}": version for name, version in versions().items()}
    return xarray.Dataset(data, coordinates, attrs=notes)


def write(panels: Sequence[Panel], out: Path) -> list[Path]:
    """Write ``modes.png``, ``modes.nc`` and ``summary.json`` to a folder, which is made if needed.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    from fa_dynamics.files import write_figure, write_json, write_netcdf

    return [
        write_figure(figure(panels), out / "modes.png"),
        write_netcdf(dataset(panels), out / "modes.nc"),
        write_json(summary(panels), out / "summary.json"),
    ]
