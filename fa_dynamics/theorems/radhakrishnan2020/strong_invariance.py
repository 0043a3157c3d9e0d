"""When all singular bases are constant under gradient descent, and what the modes then do."""

from typing import Any

import numpy as np
import sympy as sp

from fa_dynamics.derive.flow import derive
from fa_dynamics.measures.invariance import off_diagonal, strong_invariance_defect
from fa_dynamics.systems.aligned_criteria import basis_criterion
from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement, equal
from fa_dynamics.theorems.radhakrishnan2020 import _aligned as aligned


def sample(draw: Draw) -> Instance:
    """Data that keep the modes apart, idle modes and generic moments behind a bottleneck included."""
    case = aligned.draw_problem(draw)
    if draw.flip(0.2):  # a mode without a path stays where it is
        case["strengths"][0, -1] = case["strengths"][-1, -1] = 0.0
    return {**case, "turned": None, "says": "kept"} if draw.flip(0.7) else generic(draw, case)


def generic(draw: Draw, case: Instance) -> Instance:
    """Data that do not keep the modes apart: the claim says by how much the first step leaves the bases."""
    inputs, outputs = case["sizes"][0], case["sizes"][-1]
    root = draw.normals((inputs, inputs))
    moments = {"input_moment": root @ root.T / inputs, "cross_moment": draw.normals((outputs, inputs)) @ root.T}
    return {**case, **moments, "turned": None, "says": "left"}


def off_diagonal_moment(draw: Draw, name: str, least: int) -> Instance:
    """One off-diagonal entry of a moment in the bases of the start, which couples a mode with a later one."""
    case = aligned.draw_problem(draw, [sizes for sizes in aligned.SHAPES if min(sizes[0], sizes[-1]) > least])
    bases, size = aligned.arrays(case["bases"]), draw.log_uniform(0.01, 0.3)
    matrix = np.array(case[name])
    above = bases[-1] if name == "cross_moment" else bases[0]
    entry = size * float(np.min(case["curvature"])) * np.outer(above[:, least], bases[0][:, 0])
    matrix += entry if name == "cross_moment" else entry + entry.T
    return {**case, name: matrix, "turned": None, "says": "kept"}


def cross(draw: Draw) -> Instance:
    """Of the cross moment."""
    return off_diagonal_moment(draw, "cross_moment", 1)


def inputs(draw: Draw) -> Instance:
    """Of the input moment."""
    return off_diagonal_moment(draw, "input_moment", 1)


def turned(draw: Draw) -> Instance:
    """A start whose second layer reads in another basis."""
    case = aligned.draw_problem(draw, [sizes for sizes in aligned.SHAPES if min(sizes) > 1])
    return {**case, "turned": draw.orthogonal(case["sizes"][1]), "says": "kept"}


def start_of(case: Instance) -> list[np.ndarray]:
    """W_1..W_L."""
    weights = aligned.network_of(case).weights
    if case["turned"] is not None:
        weights[1] = weights[1] @ np.asarray(case["turned"])
    return weights


def check(case: Instance) -> list[Evidence]:
    """The bases after every step, and the modes beside their scalar recursion; or how far the first step leaves."""
    if case["says"] == "left":
        return [_check_first_step(case)]
    bases = aligned.arrays(case["bases"])
    weights, error = aligned.descend(case, start_of(case))
    size = max(float(np.abs(each).max()) for each in weights) or 1.0
    place: dict[str, Any] = {"scale": size, "over": np.arange(case["n_steps"] + 1), "axis": "number of steps"}
    claimed = aligned.recursion(case, aligned.products_above)
    apart = np.abs(aligned.mode_entries(weights, bases, claimed.shape[2]) - claimed).max(axis=(1, 2))
    off = strong_invariance_defect(weights, bases).max(axis=1)
    return [
        equal(r"off-diagonal of $U_l^\top W_l U_{l-1}$ and 0", off, 0.0, error, **place),
        equal(r"$\theta_{l,k}$ and its recursion", apart, 0.0, error, **place),
    ]


def _check_first_step(case: Instance) -> Evidence:
    """Off-diagonal entries after one step beside eta |prod_{m>l} theta_j E_jk prod_{m<l} theta_k| of the claim."""
    bases, theta = aligned.arrays(case["bases"]), np.asarray(case["strengths"], dtype=float)
    inputs, cross = (np.asarray(case[name]) for name in ("input_moment", "cross_moment"))
    inside = np.zeros((len(cross), len(inputs)))
    np.fill_diagonal(inside[: theta.shape[1], : theta.shape[1]], theta.prod(axis=0))
    left = bases[-1].T @ cross @ bases[0] - inside @ (bases[0].T @ inputs @ bases[0])
    claimed = []
    for layer in range(len(theta)):
        above, below = theta[layer + 1 :].prod(axis=0), theta[:layer].prod(axis=0)
        rows = left if layer == len(theta) - 1 else above[:, None] * left[: len(above)]
        entries = rows if layer == 0 else rows[:, : len(below)] * below
        claimed.append(float(off_diagonal(entries)) * case["step_size"])
    weights, error = aligned.descend({**case, "n_steps": 1}, start_of(case))
    found = strong_invariance_defect(weights, bases)[1]
    size = max(float(np.abs(each).max()) for each in weights) or 1.0
    return equal("off-diagonal entries after one step", found, claimed, error[1], scale=size)


def data_condition(case: Instance) -> bool:
    """The exact criterion of the bases of the start, up to the storage of the moments."""
    if case["says"] == "left":
        return True
    bases = aligned.arrays(case["bases"])
    return basis_criterion(aligned.task_of(case), bases[0], bases[-1], min(case["sizes"])).holds(1e-12)


def reading(case: Instance) -> bool:
    """The start is diagonal in its bases."""
    weights = start_of(case)
    defect = strong_invariance_defect(weights, aligned.arrays(case["bases"]))
    return bool(defect.max() <= aligned.KEPT * aligned.largest(weights))


def prove(depth: int) -> str:
    """With W_l = U_l T_l U_{l-1}^T the velocity is U_l diag U_{l-1}^T, and its diagonal is that of the recursion."""
    for layers in range(2, depth + 1):
        aligned.prove_diagonal(derive(layers, "bp"), lambda theta, layer: sp.Mul(*theta[layer:]))
    return f"L <= {depth}, any step size: sufficiency and recursion"


STATEMENT = Statement(
    id="radhakrishnan2020.strong-invariance",
    claim=(
        r"A start $W_l = U_l \Theta_l U_{l-1}^\top$ keeps all its bases under gradient descent with every step size "
        r"if, and with active modes only if, $\Sigma_{xx} v_k = \lambda_k v_k$, $\Sigma_{yx} v_k = \sigma_k u_k$ and "
        r"$\Sigma_{yx}^\top u_k = \sigma_k v_k$ for the modes $k$ that fit through the narrowest layer; then "
        r"$\theta_l^+ = \theta_l + \eta \prod_{j \ne l} \theta_j (\sigma - \lambda p)$ for each of them; otherwise the "
        r"first step leaves the bases by $\eta \prod_{m>l} \theta_{m,j} \hat E_{jk} \prod_{m<l} \theta_{m,k}$ in entry "
        r"$j \ne k$ of layer $l$, $\hat E = U_L^\top (\Sigma_{yx} - P \Sigma_{xx}) U_0$, which cannot vanish for two "
        r"values of the $p_k$."
    ),
    provenance="abstract",
    realises=("A4", "A5"),
    hypotheses=(
        Hypothesis(
            "data condition",
            r"bases that are kept: $\Sigma_{xx}$ and $\Sigma_{yx}$ keep the active modes apart",
            data_condition,
        ),
        Hypothesis("aligned start", r"$U_l^\top W_l(0) U_{l-1}$ is diagonal", reading),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample(
            "data condition", r"One off-diagonal entry of $\Sigma_{yx}$: the first step leaves the bases.", cross
        ),
        Counterexample(
            "data condition", r"One off-diagonal entry of $\Sigma_{xx}$: the first step leaves the bases.", inputs
        ),
        Counterexample("aligned start", "A turned layer: bases and modes mix.", turned),
    ),
    prove=prove,
    draws=Draws(40),
    note=(
        "Behind a bottleneck the moments are generic on what no mode reads or writes: full diagonality is not "
        "needed. Idle stronger modes let round-off grow exponentially; runs are short, and a disturbed second run "
        "tells how much it grew. The proof is of sufficiency and the recursion; necessity rests on the first step."
    ),
)
