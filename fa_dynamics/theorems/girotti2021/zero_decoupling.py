"""From zero weights modes decouple although the feedback is not aligned with them."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.modes import solve_modes
from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement, equal
from fa_dynamics.theorems.girotti2021 import _flows as flows

Array = NDArray[np.float64]


def sample(draw: Draw) -> Instance:
    """Depth 2..4, widths from n_L on, C_l with orthogonal columns of one length per layer, and anything beside them."""
    depth, inputs, outputs = draw.integer(2, 4), draw.integer(1, 3), draw.integer(1, 3)
    end = draw.log_uniform(0.3, 10.0)
    g = draw.log_uniforms(depth - 1, 0.1, 10.0)
    widths = [draw.integer(outputs, outputs + 3) for _ in range(depth - 1)] + [outputs]
    frames = [draw.orthogonal(width, outputs) for width in widths[:-1]] + [np.eye(outputs)]
    scales = np.sqrt(np.append(g, 1.0))
    feedback = []
    for layer in range(depth - 1):
        below, above = frames[layer], frames[layer + 1]
        beside = np.eye(len(above)) - above @ above.T
        mapped = scales[layer] / scales[layer + 1] * below @ above.T
        feedback.append(mapped + draw.normals((widths[layer], widths[layer + 1])) @ beside)
    moments = flows.draw_moments(draw, inputs, outputs)
    start = [np.zeros((above, below)) for below, above in pairwise([inputs, *widths])]
    return {**moments, "g": g, "start": start, "feedback": feedback, "end": end}


def _several(draw: Draw) -> dict[str, Any]:
    while True:
        case = dict(sample(draw))
        if len(case["correlation"]) > 1:
            return case


def with_gaussian_feedback(draw: Draw) -> Instance:
    """Independent entries: C_l^T C_l is not a multiple of the identity."""
    case = _several(draw)
    return case | {"feedback": [draw.normals(np.shape(b)) for b in case["feedback"]]}


def with_random_start(draw: Draw) -> Instance:
    """Weights that are not zero."""
    case = _several(draw)
    return case | {"start": [0.1 * draw.normals(np.shape(weight)) for weight in case["start"]]}


def with_other_inputs(draw: Draw) -> Instance:
    """Inputs whose moment has eigenvectors of its own."""
    case = _several(draw)
    other = flows.draw_moments(draw, np.shape(case["input_moment"])[0], 1)
    return case | {"input_moment": other["input_moment"]}


def check(case: Instance) -> list[Evidence]:
    """U^T P V beside the strengths of scalar chains with c_l = sqrt(g_l), and zero off its diagonal."""
    u, v = (np.asarray(case[name], dtype=float) for name in ("output_basis", "input_basis"))
    t = np.linspace(0.0, case["end"], 13)[1:] / float(np.max(case["curvature"]))

    def rotated(run: Trajectory) -> Array:
        return np.asarray(u.T @ run.end_to_end @ v)

    values, known = flows.run(case, rotated, t)
    factors = np.sqrt(np.append(np.asarray(case["g"], dtype=float), 1.0))
    depth = len(factors)
    curves = solve_modes(
        case["correlation"], case["curvature"], depth, "fa", 0.0, (factors[:-1] / factors[1:])[:, None], t=t
    )
    diagonal = np.eye(*values.shape[1:]) > 0
    size = float(np.abs(np.divide(case["correlation"], case["curvature"])).max())
    off = values[:, ~diagonal] if (~diagonal).any() else np.zeros((len(t), 1))
    return [
        equal("entries of $U^T P V$ off the diagonal", off, 0.0, known[:, :, 0], scale=size, over=t),
        equal("mode strength", values[:, diagonal], curves.strength, known[:, :, 0] + curves.error, scale=size, over=t),
    ]


def _isotropic(case: Instance) -> bool:
    outputs = len(case["start"][-1])
    products = flows.feedback_products(flows.matrices(case["feedback"]), outputs)
    return all(
        bool(np.allclose(c.T @ c, g * np.eye(outputs), rtol=0, atol=1e-12 * g))
        for c, g in zip(products, np.asarray(case["g"], dtype=float), strict=False)
    )


def _commuting(case: Instance) -> bool:
    inputs, cross = (np.asarray(case[name], dtype=float) for name in ("input_moment", "cross_moment"))
    square = cross.T @ cross
    return bool(np.allclose(inputs @ square, square @ inputs, rtol=0, atol=1e-13 * np.linalg.norm(square)))


STATEMENT = Statement(
    id="girotti2021.zero-decoupling",
    claim=(
        r"If the data commute, all $W_l(0) = 0$ and $\Gamma_l = C_l^\top C_l = g_l I$ for $l < L$, modes decouple "
        r"exactly for any orientation of the feedback, and follow scalar chains with $c_l = \sqrt{g_l}$."
    ),
    provenance="ours",
    realises=("G5",),
    hypotheses=(
        Hypothesis("commuting data", r"$[\Sigma_{xx}, \Sigma_{yx}^\top \Sigma_{yx}] = 0$", _commuting),
        Hypothesis(
            "zero start",
            "all $W_l(0) = 0$",
            lambda case: not any(np.any(np.asarray(weight) != 0) for weight in case["start"]),
        ),
        Hypothesis("isotropic feedback", r"$C_l^\top C_l = g_l I$", _isotropic),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample(
            "isotropic feedback", r"Gaussian feedback: cross-talk about $h^{-1/2}$.", with_gaussian_feedback
        ),
        Counterexample("zero start", "Other weights mix the modes.", with_random_start),
        Counterexample("commuting data", "Modes exchange strength.", with_other_inputs),
    ),
    draws=Draws(8),
)
