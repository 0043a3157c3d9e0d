"""Time against achieved error of matrix flows: the figure, and the times at one and the same error."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import flow_diffrax
import flow_peers
import numpy as np
from page import plain, ratio, shown, table
from peers import available
from problem import Problem
from turns import Measured, Method, in_turn

RTOLS = (1e-4, 1e-6, 1e-8)
EQUAL = 1e-6
"""The error at which times are compared."""

Curve = dict[str, list[Measured]]


def measure(problem: Problem, exact: Sequence[Any]) -> Curve:
    """All methods at several tolerances."""
    from flows import fresh_task, ours

    makers: dict[str, Any] = {
        "ours, RK45": lambda rtol: ours(problem, lambda run: run.mode_strength, "RK45", rtol),
        "ours, DOP853": lambda rtol: ours(problem, lambda run: run.mode_strength, "DOP853", rtol),
        "expert NumPy RK45": partial(_with_rtol, flow_peers.scipy_expert, problem, "RK45"),
        "expert NumPy DOP853": partial(_with_rtol, flow_peers.scipy_expert, problem, "DOP853"),
    }
    if available("diffrax"):
        makers |= {
            "diffrax Tsit5": partial(_with_rtol, flow_diffrax.diffrax_full, problem, "Tsit5"),
            "diffrax Dopri8": partial(_with_rtol, flow_diffrax.diffrax_full, problem, "Dopri8"),
            "our reduction by hand, diffrax Tsit5": partial(_with_rtol, flow_diffrax.diffrax_reduced, problem, "Tsit5"),
        }
    if available("torchdiffeq"):
        makers["torchdiffeq dopri5"] = partial(_with_rtol, flow_peers.torch_dopri5, problem)
    if available("scikit-sundae"):
        makers["CVODE Adams"] = partial(_with_rtol, flow_peers.cvode_adams, problem)

    def error(result: Any) -> float:
        return problem.error(list(getattr(result, "weights", result)), list(exact))

    methods = [
        Method(name, partial(make, rtol), error, fresh=partial(fresh_task, problem) if "ours" in name else None)
        for name, make in makers.items()
        for rtol in RTOLS
    ]
    found = iter(in_turn(methods, 3 if problem.sizes[0] < 100 else 0))
    return {name: [next(found) for _ in RTOLS] for name in makers}


def _with_rtol(make: Any, problem: Problem, *more_and_rtol: Any) -> Any:
    *more, rtol = more_and_rtol
    return make(problem, *more, rtol=rtol)


def at_equal_error(curve: list[Measured], error: float = EQUAL) -> float:
    """Time at an error, along straight lines in logarithms, from the fastest that is good enough; nan if none is."""
    points = sorted((np.log(one.error), np.log(one.seconds)) for one in curve)
    good = [index for index, (log_error, _) in enumerate(points) if log_error <= np.log(error)]
    if not good:
        return float("nan")
    last = good[-1]
    if last == len(points) - 1:
        return float(np.exp(points[last][1]))
    (x0, y0), (x1, y1) = points[last], points[last + 1]
    return float(np.exp(y0 + (np.log(error) - x0) / (x1 - x0) * (y1 - y0)))


def work_precision(cases: Sequence[tuple[str, Problem, Any]], out: Path) -> list[str]:
    """Measure, draw flows.png, and return the sections of the page."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(cases), figsize=(5.5 * len(cases), 4.5), squeeze=False, layout="constrained")
    sections = ["## Time against achieved error", ""]
    for ax, (title, problem, exact) in zip(axes[0], cases, strict=True):
        curves = measure(problem, exact)
        for (name, curve), marker in zip(curves.items(), "**osDd^Pv", strict=False):
            style = {"linewidth": 2.5, "markersize": 11} if name.startswith("ours") else {"markersize": 5}
            milliseconds = [1e3 * one.seconds for one in curve]
            ax.loglog([one.error for one in curve], milliseconds, marker=marker, label=name, **style)
        ax.axvline(EQUAL, color="0.6", linestyle=":", zorder=0)
        plain(ax.yaxis)
        ax.set_title(title)
        ax.set_xlabel("largest error of all weights and times, relative to the largest weight")
        times = {name: at_equal_error(curve) for name, curve in curves.items()}
        own = min(times[name] for name in times if name.startswith("ours") and np.isfinite(times[name]))
        rows = [
            [name, shown(value), ratio(value / own)] if np.isfinite(value) else [name, "misses", "-"]
            for name, value in times.items()
        ]
        sections += [
            f"{title}, at an error of {EQUAL:g}, read off the lines between rtol {', '.join(f'{r:g}' for r in RTOLS)}:",
            "",
            table(["method", "time", "over the better of ours"], rows),
        ]
    axes[0, 0].set_ylabel("time of one call (ms)")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3 if len(cases) > 1 else 2, fontsize=8)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "flows.png", dpi=150)
    plt.close(figure)
    return [*sections, "![time against achieved error](flows.png)", ""]
