"""The conservation law of feedback alignment, as a matrix."""

import numpy as np

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

LAW = "$W_l W_l^T$ and $Q_l(0) + B_{l+1} W_{l+1} + (\\cdot)^T$"


def sample(draw: Draw) -> Instance:
    """Any linear network, task and horizon."""
    return {"rule": "fa", "activation": "linear", "decay": None, **linear.network(draw)}


def check(case: Instance) -> Evidence:
    """Both sides of the law, with Q_l taken at the start."""
    feedback = linear.matrices(case["feedback"])
    t, sides, error = linear.measured(
        case, lambda run: linear.conserved(run, feedback, case), rule=case["rule"], time_axis=1
    )
    return equal(LAW, sides[0], sides[1], error, over=t)


def moving_feedback(draw: Draw) -> Instance:
    """Kolen-Pollack: feedback that starts as B_l and learns."""
    return {**sample(draw), "rule": "kp"}


def with_decay(draw: Draw) -> Instance:
    """Equal weight decay of all layers."""
    case = dict(sample(draw))
    return {**case, "decay": [draw.log_uniform(0.1, 1.0) / case["t_end"]] * (len(case["sizes"]) - 1)}


def rectified(draw: Draw) -> Instance:
    """Rectifiers for hidden units, weights of order one."""
    case = linear.network(draw, [(3, 4, 2), (3, 3, 5, 2)])
    return {"rule": "fa", "activation": "relu", "decay": None, **linear.of_order_one(draw, case)}


def check_rectified(case: Instance) -> Evidence:
    """The same along the flow of the nonlinear network."""
    sides, error = linear.rectified_drift(case, "fa", linear.matrices(case["feedback"]))
    return equal(LAW, sides[0], sides[1], error)


def prove(depth: int) -> str:
    """Differentiate Q_l along the flow, whose error matrix E is a symbol: it may be any output signal."""
    for layers in range(2, depth + 1):
        flow = derive(layers, "fa")
        for layer in range(1, layers):
            weight, above, back = flow.network.W(layer), flow.network.W(layer + 1), flow.network.B(layer + 1)
            rest = rate_of_change(flow, weight * weight.T - back * above - above.T * back.T)
            if rest:
                raise Unproved(f"dQ_{layer}/dt = {rest} at depth {layers}")
    return f"L <= {depth}, any data and output error"


STATEMENT = Statement(
    id="robertson2024.matrix-law",
    claim=(
        r"Along the flow of a linear network under feedback alignment "
        r"$Q_l = W_l W_l^\top - B_{l+1} W_{l+1} - W_{l+1}^\top B_{l+1}^\top$ is constant for every hidden layer, "
        r"for any data and any output error signal."
    ),
    provenance="abstract",
    realises=("R4",),
    hypotheses=(
        Hypothesis("fixed feedback", "$B_l$ does not move", lambda case: case["rule"] == "fa"),
        Hypothesis("linear", "the hidden units are linear", lambda case: case["activation"] == "linear"),
        Hypothesis("no decay", r"$\rho_l = 0$", lambda case: not np.any(case["decay"] or 0.0)),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("fixed feedback", "Kolen-Pollack conserves another matrix.", moving_feedback),
        Counterexample("linear", "Rectifiers: the off-diagonal entries move.", rectified, check_rectified),
        Counterexample("no decay", "Weight decay moves $Q_l$.", with_decay),
    ),
    prove=prove,
    draws=Draws(default=10),
    note="Only the symmetric part of $B_{l+1} W_{l+1}$ is tied; the antisymmetric part moves in linear networks too.",
)
