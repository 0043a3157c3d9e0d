"""Direct feedback alignment is feedback alignment with an effective feedback, where no layer is a bottleneck."""

import numpy as np
import sympy as sp

from fa_dynamics.derive import words as w
from fa_dynamics.derive.conservation import rate_of_change
from fa_dynamics.derive.flow import derive
from fa_dynamics.theorems import (
    Counterexample,
    Draw,
    Draws,
    Evidence,
    Hypothesis,
    Instance,
    Statement,
    Unproved,
    equal,
)
from fa_dynamics.theorems.robertson2024 import _linear as linear
from fa_dynamics.theorems.robertson2024._linear import Array

SHAPES = ((3, 4, 2), (2, 1, 3, 2), (3, 5, 2, 2), (4, 3, 3, 3), (2, 3, 1, 2, 1), (2, 2, 4, 3, 2))
LAW = r"$W_l W_l^T$ and $Q_l(0) + B^{eff}_{l+1} W_{l+1} + (\cdot)^T$"


def direct(draw: Draw, shapes: tuple[tuple[int, ...], ...]) -> dict[str, object]:
    """A network with direct feedback D_l of condition up to 30, n_l x n_L."""
    condition, scale = draw.log_uniform(1.0, 30.0), draw.log_uniform(0.2, 2.0)
    case = linear.network(draw, shapes)
    outputs, feedback = case["sizes"][-1], []
    for width in case["sizes"][1:-1]:
        rank = min(width, outputs)
        left, right = draw.orthogonal(width, rank), draw.orthogonal(outputs, rank)
        feedback.append((left * (scale * np.geomspace(1.0, 1.0 / condition, rank))) @ right.T)
    return {**case, "feedback": feedback}


def sample(draw: Draw) -> Instance:
    """Layers 2..L-1 at least as wide as the output; layer 1 of any width."""
    return {"activation": "linear", **direct(draw, SHAPES)}


def effective(case: Instance) -> list[Array]:
    """B_{l+1} = D_l D_{l+1}^+, with D_L = I."""
    above = [*linear.matrices(case["feedback"])[1:], np.eye(case["sizes"][-1])]
    pairs = zip(linear.matrices(case["feedback"]), above, strict=True)
    return [lower @ np.linalg.pinv(upper) for lower, upper in pairs]


def has_full_rank(case: Instance) -> bool:
    """Of D_2..D_{L-1}; layer 1 needs none."""
    above = linear.matrices(case["feedback"])[1:]
    return all(np.linalg.matrix_rank(matrix) == matrix.shape[1] for matrix in above)


def check(case: Instance) -> list[Evidence]:
    """The updates of both rules at the start, and the law with the effective feedback along the flow of DFA."""
    weights, back = linear.matrices(case["start"]), effective(case)
    moved = [linear.velocities(rule, case, weights, fed) for rule, fed in (("dfa", case["feedback"]), ("fa", back))]
    own, other = (np.concatenate([matrix.ravel() for matrix in each]) for each in moved)
    gain = float(np.prod([max(1.0, float(np.linalg.norm(matrix, 2))) for matrix in back]))
    rounding = linear.ROUNDED * gain * float(np.max(np.abs([*own, *other])))
    t, sides, error = linear.measured(case, lambda run: linear.conserved(run, back, case), rule="dfa", time_axis=1)
    error = error + linear.ROUNDED * gain * linear.size(case)
    return [
        equal("updates of DFA, and of FA with $B^{eff}$", own, other, rounding),
        equal(LAW, sides[0], sides[1], error, over=t),
    ]


def bottleneck(draw: Draw) -> Instance:
    """A second hidden layer narrower than the output."""
    case = direct(draw, ((3, 4, 1, 2), (4, 3, 2, 3)))
    return {"activation": "linear", **linear.of_order_one(draw, case)}


def rectified(draw: Draw) -> Instance:
    """Rectifiers below the last hidden layer."""
    case = direct(draw, ((3, 5, 2, 2), (4, 3, 3, 3)))
    return {**linear.of_order_one(draw, case), "activation": "relu"}


def check_rectified(case: Instance) -> Evidence:
    """Every neuron's own law, the diagonal, which rectifiers keep under FA."""
    back = effective(case)
    sides, error = linear.rectified_drift(case, "dfa", back)
    width = case["sizes"][1]
    diagonal = np.arange(width) * (width + 1)
    return equal("diagonal of the law, lowest layer", sides[0][:, diagonal], sides[1][:, diagonal], error)


def prove(depth: int) -> str:
    """Both claims symbolically, with D^+ = (D^T D)^{-1} D^T."""
    for layers in range(2, depth + 1):
        flow, network = derive(layers, "dfa"), derive(layers, "dfa").network
        for layer in range(1, layers):
            weight, above, back = network.W(layer), network.W(layer + 1), network.D(layer)
            if layer < layers - 1:
                upper = network.D(layer + 1)
                back = back * sp.Inverse(upper.T * upper) * upper.T
            rest = rate_of_change(flow, weight * weight.T - back * above - above.T * back.T)
            sent = w.multiply(w.expand(back), w.expand(flow.rule.backward(network, layer + 1)))
            if rest or w.subtract(sent, w.expand(flow.rule.backward(network, layer))):
                raise Unproved(f"layer {layer} of {layers}: {rest or sent}")
    return f"L <= {depth}"


STATEMENT = Statement(
    id="robertson2024.dfa-law",
    claim=(
        r"In a linear network whose $D_{l+1}$ all have full column rank, direct feedback alignment makes the updates "
        r"of feedback alignment with $B_{l+1} = D_l D_{l+1}^+$ ($D_L = I$), and its $Q_l$ is constant."
    ),
    provenance="ours",
    realises=("R1", "R3"),
    hypotheses=(
        Hypothesis("column rank", r"$D_2, \dots, D_{L-1}$ have full column rank, so $n_l \ge n_L$", has_full_rank),
        Hypothesis("linear", "the hidden units are linear", lambda case: case["activation"] == "linear"),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("column rank", "A bottleneck below the output: no such feedback, no law.", bottleneck),
        Counterexample("linear", "Rectifiers below the last hidden layer: no law.", rectified, check_rectified),
    ),
    prove=prove,
    draws=Draws(default=9),
)
