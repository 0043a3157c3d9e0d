"""In joint singular bases the matrix flow of feedback alignment is a set of scalar chains."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.modes import solve_modes
from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement, equal
from fa_dynamics.theorems.girotti2021 import _chains as chains
from fa_dynamics.theorems.girotti2021 import _flows as flows

Array = NDArray[np.float64]


def sample(draw: Draw) -> Instance:
    """Depth 2 or 3, widths below and above the number of modes, random bases, scalar chains of all signs."""
    depth, inputs, outputs = draw.integer(2, 3), draw.integer(1, 3), draw.integer(1, 3)
    end = draw.log_uniform(0.3, 5.0)
    hidden = [draw.integer(1, 4) for _ in range(depth - 1)]
    moments = flows.draw_moments(draw, inputs, outputs)
    modes = len(moments["correlation"])
    feedback = draw.log_uniforms((depth - 1, modes), 0.3, 3.0) * draw.signs((depth - 1, modes))
    start = np.empty((depth, modes))
    for mode, (sigma, curvature) in enumerate(zip(moments["correlation"], moments["curvature"], strict=True)):
        sizes = chains.natural_sizes(sigma, curvature, feedback[:, mode])
        start[:, mode] = sizes * draw.log_uniforms(depth, 0.05, 2.0) * draw.signs(depth)
    for layer, width in enumerate(hidden):  # modes that do not fit through a layer do without its weights
        start[layer : layer + 2, width:] = 0.0
        feedback[layer, width:] = 0.0
        feedback[layer - 1 if layer else 0, width:] = 0.0
    bases = [moments["input_basis"], *(draw.orthogonal(width) for width in hidden), moments["output_basis"]]
    case = {**moments, "theta": start, "b": feedback, "bases": bases, "end": end}
    return _filled(case)


def _filled(case: Instance) -> dict[str, Any]:
    """W_l = U_l Theta_l U_{l-1}^T and B_l = U_{l-1} diag(b_l) U_l^T."""
    bases = flows.matrices(case["bases"])
    pairs = list(pairwise(bases))
    start = [
        above @ _diagonal(values, len(above), len(below)) @ below.T
        for (below, above), values in zip(pairs, np.asarray(case["theta"]), strict=True)
    ]
    feedback = [
        below @ _diagonal(values, len(below), len(above)) @ above.T
        for (below, above), values in zip(pairs[1:], np.asarray(case["b"]), strict=True)
    ]
    return {**case, "start": start, "feedback": feedback}


def _diagonal(values: Array, rows: int, columns: int) -> Array:
    matrix = np.zeros((rows, columns))
    count = min(rows, columns, len(values))
    np.fill_diagonal(matrix[:count, :count], values[:count])
    return matrix


def _several(draw: Draw) -> dict[str, Any]:
    while True:
        case = dict(sample(draw))
        modes = np.shape(case["theta"])[1]
        if modes > 1 and min(np.shape(weight)[0] for weight in case["start"]) > 1:
            return case


def with_rotated_feedback(draw: Draw) -> Instance:
    """The last B_l in a basis of its own."""
    case = _several(draw)
    feedback = flows.matrices(case["feedback"])
    return case | {"feedback": [*feedback[:-1], feedback[-1] @ draw.orthogonal(feedback[-1].shape[1])]}


def with_rotated_start(draw: Draw) -> Instance:
    """The first W_l in a basis of its own."""
    case = _several(draw)
    start = flows.matrices(case["start"])
    return case | {"start": [draw.orthogonal(len(start[0])) @ start[0], *start[1:]]}


def with_other_inputs(draw: Draw) -> Instance:
    """Inputs whose moment has eigenvectors of its own."""
    case = _several(draw)
    other = flows.draw_moments(draw, np.shape(case["input_moment"])[0], 1)
    return case | {"input_moment": other["input_moment"]}


def check(case: Instance) -> list[Evidence]:
    """Every layer in its bases beside zero off its diagonal, and mode strengths beside scalar chains."""
    bases = flows.matrices(case["bases"])
    unit = 1.0 / float(np.max(case["curvature"]))
    t = np.linspace(0.0, case["end"], 13)[1:] * unit
    layers = list(pairwise(bases))

    def rotated(run: Trajectory) -> Array:
        parts = [above.T @ weight @ below for weight, (below, above) in zip(run.weights, layers, strict=True)]
        parts.append(bases[-1].T @ run.end_to_end @ bases[0])
        return np.concatenate([part.reshape(len(t), -1) for part in parts], axis=1)

    values, known = flows.run(case, rotated, t)
    shapes = [(len(above), len(below)) for below, above in layers] + [(len(bases[-1]), len(bases[0]))]
    diagonal = np.concatenate([np.eye(*shape, dtype=bool).ravel() for shape in shapes])
    size = float(np.abs(values).max())
    theta = np.asarray(case["theta"], dtype=float)
    curves = solve_modes(
        case["correlation"], case["curvature"], len(theta), "fa", theta, np.asarray(case["b"], dtype=float), t=t
    )
    last = values[:, -np.prod(shapes[-1]) :][:, np.eye(*shapes[-1], dtype=bool).ravel()]
    off = values[:, ~diagonal] if (~diagonal).any() else np.zeros((len(t), 1))
    return [
        equal("entries off the diagonals", off, 0.0, known, scale=size, over=t),
        equal("mode strength", last, curves.strength, known + curves.error, scale=size, over=t),
    ]


def _is_filled(case: Instance, name: str) -> bool:
    pairs = zip(flows.matrices(case[name]), flows.matrices(_filled(case)[name]), strict=True)
    return all(np.allclose(one, other, rtol=0, atol=1e-13 * (1 + np.abs(one).max())) for one, other in pairs)


def _commuting(case: Instance) -> bool:
    inputs, cross = (np.asarray(case[name], dtype=float) for name in ("input_moment", "cross_moment"))
    square = cross.T @ cross
    return bool(np.allclose(inputs @ square, square @ inputs, rtol=0, atol=1e-13 * np.linalg.norm(square)))


STATEMENT = Statement(
    id="girotti2021.mode-decoupling",
    claim=(
        r"If $[\Sigma_{xx}, \Sigma_{yx}^\top \Sigma_{yx}] = 0$ and weights and feedback are diagonal in shared "
        r"singular bases, they stay so, and every mode follows its scalar chain."
    ),
    provenance="abstract",
    realises=("G1", "G3"),
    hypotheses=(
        Hypothesis("commuting data", r"$[\Sigma_{xx}, \Sigma_{yx}^\top \Sigma_{yx}] = 0$", _commuting),
        Hypothesis("spectral start", r"$W_l(0) = U_l \Theta_l U_{l-1}^\top$", lambda case: _is_filled(case, "start")),
        Hypothesis(
            "spectral feedback",
            r"$B_l = U_{l-1} \mathrm{diag}(b_l) U_l^\top$",
            lambda case: _is_filled(case, "feedback"),
        ),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("spectral feedback", "A rotated $B_L$: off-diagonals appear at once.", with_rotated_feedback),
        Counterexample("spectral start", "A rotated $W_1$ has off-diagonals from the start.", with_rotated_start),
        Counterexample("commuting data", "Modes exchange strength.", with_other_inputs),
    ),
    draws=Draws(10),
    note=(
        "Modes that do not fit through a narrow layer have neither weights nor feedback there, and rest at zero. The "
        "spectral form can be unstable: where round-off grows out of it within the run, a draw is undecided."
    ),
)
