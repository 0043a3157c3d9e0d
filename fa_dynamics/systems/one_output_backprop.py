"""Backpropagation of the same networks, in coordinates that close as well: P, M = W_1^T W_1 and q = |W_2|^2."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.flows.solve import solve
from fa_dynamics.progress import Report, ignore
from fa_dynamics.systems.one_output import OneOutputProblem, OneOutputStart
from fa_dynamics.systems.one_output_code import compiled

Array = NDArray[np.float64]


def backprop_one_output(
    problem: OneOutputProblem,
    start: OneOutputStart,
    t_eval: ArrayLike,
    *,
    method: Any = "DOP853",
    rtol: float = 1e-9,
    atol: float = 1e-12,
    report: Report = ignore,
) -> Array:
    r"""End-to-end maps of backpropagation in the paper's parametrisation, without decay.

    .. math:: \dot W_1=\tfrac1{n_1}W_2^\top E,\quad \dot W_2=EW_1^\top\quad\Rightarrow\quad
              \dot P=E(M+\tfrac q{n_1}I),\quad \dot M=\tfrac1{n_1}(P^\top E+E^\top P),\quad \dot q=2EP^\top

    It is the derived flow of backpropagation for :math:`W_2/\sqrt{n_1}`, whose targets are :math:`Y/\sqrt{n_1}`.

    Parameters
    ----------
    problem, start
        Data, and a draw of the weights; its feedback plays no part.
    t_eval : array_like
        Increasing output times >= 0, in units of 1 / (eigenvalue of X X^T).
    method, rtol, atol
        As in SciPy.
    report
        Is told the fraction done.

    Returns
    -------
    ndarray, shape (times, r)
        P in the eigenbasis of the inputs; fewer times if the integration ended early.
    """
    root, rank = np.sqrt(start.width), problem.rank
    times = np.atleast_1d(np.asarray(t_eval, dtype=float))
    code = compiled(("P", "M", "q"), False, "bp")
    parameters = {
        "Sigma_xx": problem.curvatures,
        "Sigma_yx": problem.correlations / root,
        "rho": 0.0,
        "K": None,
        "kappa": None,
        "eta": None,
    }

    def velocity(t: float, y: Array) -> Array:
        P, M, q = y[:rank], y[rank:-1].reshape(rank, rank), y[-1:]
        return np.concatenate([part.ravel() for part in code(parameters, [P, M, q])])

    y0 = np.concatenate([start.P / root, start.M.ravel(), [start.q / start.width]])
    solution = solve(
        velocity, y0, times, float(times[-1]), lambda _, y: y[:0], method=method, rtol=rtol, atol=atol, report=report
    )
    return np.asarray(root * solution.y[:, :rank])
