"""The figure of time against achieved error."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import peers
from ensembles import Array
from peers import Solve, available


def families(depth: int, t: Array, rtols: Sequence[float]) -> dict[str, list[Callable[[], Solve]]]:
    """Methods by name, each with a range of tolerances."""
    found: dict[str, list[Callable[[], Solve]]] = {"this package": [peers.ours]}
    if available("heyoka"):
        found["heyoka"] = [partial(peers.heyoka_batch, depth, tol) for tol in (1e-7, 1e-9, 1e-11, 1e-13, 1e-15)]
    found["stacked solve_ivp DOP853"] = [partial(peers.stacked, rtol) for rtol in rtols]
    if available("diffrax"):
        some = (1e-7, 1e-9, 1e-11, 1e-13)
        found["diffrax Tsit5"] = [partial(peers.diffrax_vmap, depth, 1000, t, rtol, "Tsit5") for rtol in some]
    return found


def work_precision(cases: Sequence[Any], rtols: Sequence[float], repeats: int, target: Path) -> None:
    """Time against achieved error, for every tolerance, of the `Case`s of `modes.py`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(cases), figsize=(10, 4.2), sharey=True, layout="constrained")
    for ax, case in zip(axes, cases, strict=True):
        named = families(case.depth, case.t, rtols)
        solvers = {name: [make() for make in makers] for name, makers in named.items()}
        spent: dict[str, list[list[float]]] = {name: [[] for _ in own] for name, own in solvers.items()}
        for _ in range(repeats):
            for name, own in solvers.items():
                for turns, solve in zip(spent[name], own, strict=True):
                    peers.rest()
                    began = time.perf_counter()
                    solve(*case.inputs, case.t)
                    turns.append(1e3 * (time.perf_counter() - began))
        for (name, own), marker in zip(solvers.items(), "*osD", strict=False):
            errors = [case.error(solve(*case.inputs, case.t)) for solve in own]
            medians = [float(np.median(turns)) for turns in spent[name]]
            ax.loglog(errors, medians, marker=marker, markersize=14 if name == "this package" else 6, label=name)
        ax.axvline(1e-10, color="0.6", linestyle=":", zorder=0)
        ax.set_title(f"L = {case.depth}, 1000 modes, 200 times")
        ax.set_xlabel("largest error of p in the worst mode (dimensionless)")
        ax.set_ylim(10, 1000)
        ax.set_yticks([10, 20, 50, 100, 200, 500, 1000], labels=["10", "20", "50", "100", "200", "500", "1000"])
        ax.minorticks_off()
    axes[0].set_ylabel("time of one solve (ms)")
    axes[0].legend(loc="upper right", fontsize=8)
    figure.savefig(target, dpi=150)
