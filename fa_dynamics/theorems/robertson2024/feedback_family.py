"""One law per neuron for every feedback that is the gradient of a potential of the outgoing column."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import sympy as sp

from fa_dynamics.derive.conservation import explicit_form, pointwise_defect, rate_of_change
from fa_dynamics.derive.flow import derive
from fa_dynamics.derive.network import Network
from fa_dynamics.derive.rules import (
    Backpropagation,
    FeedbackAlignment,
    KolenPollack,
    Rule,
    SignSymmetry,
)
from fa_dynamics.flows.trajectory import Trajectory
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

ENTRY = sp.Symbol("x", real=True)


@dataclass(frozen=True)
class Power(Rule):
    """sign(W) |W|^(m-1) goes back, m = 3."""

    name: ClassVar[str] = "power"
    equivariance = "signed permutations"

    def feedback(self, network: Network, layer: int) -> Any:
        """Entry by entry."""
        return network.W(layer).T.applyfunc(sp.Lambda(ENTRY, ENTRY * sp.Abs(ENTRY)))


@dataclass(frozen=True)
class Normalised(Rule):
    """W^T goes back with every outgoing column divided by its length."""

    name: ClassVar[str] = "normalised"
    equivariance = "signed permutations"

    def feedback(self, network: Network, layer: int) -> Any:
        """diag(1 / lengths) W_l^T."""
        weight = network.W(layer)
        squares = weight.applyfunc(sp.Lambda(ENTRY, ENTRY**2)).T * sp.OneMatrix(network.n(layer), 1)
        return sp.DiagMatrix(squares.applyfunc(sp.Lambda(ENTRY, 1 / sp.sqrt(ENTRY)))) * weight.T


@dataclass(frozen=True)
class Turned(Rule):
    """W_l^T S_l + B_l goes back, S_l and B_l fixed; a gradient if and only if S_l is symmetric."""

    name: ClassVar[str] = "turned"
    equivariance = "signed permutations"

    def feedback(self, network: Network, layer: int) -> Any:
        """Affine in the weights."""
        size = network.n(layer)
        return network.W(layer).T * sp.MatrixSymbol(f"S_{layer}", size, size) + network.B(layer)


RULES: dict[str, Rule] = {
    "fa": FeedbackAlignment(),
    "bp": Backpropagation(),
    "sign": SignSymmetry(0.5),
    "power": Power(),
    "normalised": Normalised(),
    "affine": Turned(),
    "kp": KolenPollack(),
}
SHAPES = ((2, 1, 3), (1, 3, 1), (3, 3, 5, 2))
NORMALISED_SHAPES = ((4, 2, 3), (3, 5, 2, 3))
"""Two hidden units at least: SymPy rewrites entrywise roots of a matrix of one entry as powers of a matrix."""

SMOOTH_START = ("fa", "bp", "affine", "kp")
"""Rules that are differentiable at zero weights; the others start with weights of order one."""


def sample(draw: Draw) -> Instance:
    """Every rule of the family; affine feedback with symmetric S_l of both signs."""
    rule = draw.choice(list(RULES))
    case = dict(linear.network(draw, NORMALISED_SHAPES if rule == "normalised" else SHAPES))
    if rule not in SMOOTH_START:
        case = linear.of_order_one(draw, case)
    if rule == "affine":
        case["feedback"] = [*case["feedback"], *(matrix + matrix.T for matrix in squares(draw, case))]
    elif rule not in ("fa", "kp"):
        case["feedback"] = []
    return {"rule": rule, **case, "t_end": case["t_end"] * (1.0 if rule in ("fa", "bp", "kp") else 0.3)}


def squares(draw: Draw, case: Instance) -> list[Array]:
    """S_2..S_L, any square matrices."""
    scale = draw.log_uniform(0.05, 0.5)
    return [draw.normals((size, size), scale) for size in case["sizes"][2:]]


def potential(rule: str, weight: Any, extra: list[Any]) -> Any:
    """Psi of every column of W_{l+1}, summed over its entries along the second-to-last axis."""
    if rule == "fa":
        return np.sum(extra[0].T * weight, axis=-2)
    if rule == "bp":
        return np.sum(weight**2, axis=-2) / 2
    if rule == "sign":
        return np.sum(abs(weight), axis=-2) / 2
    if rule == "power":
        return np.sum(abs(weight) ** 3, axis=-2) / 3
    if rule == "normalised":
        return (
            np.sum(weight**2, axis=-2) ** sp.Rational(1, 2)
            if weight.dtype == object
            else np.linalg.norm(weight, axis=-2)
        )
    return np.sum(extra[0].T * weight + weight * (extra[1] @ weight) / 2, axis=-2)


def extras(case: Instance) -> list[list[Array]]:
    """What the potential of every hidden layer needs: B_{l+1}, and S_{l+1}."""
    count, given = len(case["sizes"]) - 2, linear.matrices(case["feedback"])
    return [given[layer::count] if given else [] for layer in range(count)]


def check(case: Instance) -> Evidence:
    """1/2 |w_i|^2 beside Psi_i, up to their values at the start; for Kolen-Pollack W W^T beside B B^T."""
    rule, more = case["rule"], extras(case)

    def sides(run: Trajectory) -> Array:
        if rule == "kp":
            grams = [weight @ linear.transposed(weight) for weight in run.weights[:-1]]
            terms = [
                back @ linear.transposed(back) for back in (run.feedback[f"B_{n}"] for n in range(2, run.depth + 1))
            ]
            left, right = linear.flat(*grams), linear.flat(*terms)
        else:
            left = np.concatenate([np.sum(weight**2, axis=2) / 2 for weight in run.weights[:-1]], axis=1)
            pairs = zip(run.weights[1:], more, strict=True)
            right = np.concatenate([potential(rule, weight, extra) for weight, extra in pairs], axis=1)
        return np.stack([left, right + (left - right)[:1]])

    t, values, error = linear.measured(case, sides, rule=RULES[rule], time_axis=1)
    return equal(rf"$\frac12 |w_i|^2$ and $\Psi_i$, {rule}", values[0], values[1], 2 * error, over=t)


def is_gradient(case: Instance) -> bool:
    """Affine feedback needs symmetric S_l; that of all other rules is a gradient."""
    count = len(case["sizes"]) - 2
    given = linear.matrices(case["feedback"])
    return case["rule"] != "affine" or all(np.array_equal(matrix, matrix.T) for matrix in given[count:])


def rotating(draw: Draw) -> Instance:
    """Affine feedback whose S_l are not symmetric, so that W_l goes back turned."""
    case = linear.of_order_one(draw, linear.network(draw, ((3, 4, 2), (3, 3, 5, 2))))
    case["feedback"] = [*case["feedback"], *squares(draw, case)]
    return {"rule": "affine", **case, "t_end": 0.3 * case["t_end"]}


def prove(depth: int) -> str:
    """The pointwise identity at every depth, and grad Psi against what the rule sends back at small sizes."""
    for layers in range(2, depth + 1):
        for name, rule in RULES.items():
            flow = derive(layers, rule)
            for layer in range(1, layers):
                if pointwise_defect(flow, layer):
                    raise Unproved(f"{name}: layer {layer} of {layers} does not receive the feedback of the next")
                lower, back = flow.network.W(layer), flow.network.B(layer + 1)
                if name == "kp" and rate_of_change(flow, lower * lower.T - back * back.T):
                    raise Unproved(f"kp: W W^T - B B^T moves, layer {layer} of {layers}")
    for name, rule in RULES.items():
        if name != "kp" and not _is_gradient_of_potential(name, rule):
            raise Unproved(f"{name}: grad Psi is not what goes back")
    return f"L <= {depth}; gradients at columns of 1 to 3 entries"


def _is_gradient_of_potential(name: str, rule: Rule) -> bool:
    """Columns of one to three entries of every sign, the first of two neurons."""
    network = Network(2)
    for above in (1, 2, 3):
        sizes = {network.n(1): 2, network.n(2): above}
        weight = sp.Matrix(above, 2, lambda i, j: (-1) ** (i + j) * sp.Symbol(f"w_{i}{j}", positive=True))
        back = sp.Matrix(2, above, lambda i, j: sp.Symbol(f"b_{i}{j}", real=True))
        turn = sp.Matrix(above, above, lambda i, j: sp.Symbol(f"s_{min(i, j)}{max(i, j)}", real=True))
        sent = explicit_form(rule.feedback(network, 2), sizes, {"W_2": weight, "B_2": back, "S_2": turn})
        values = potential(name, np.array(weight), [np.array(back), np.array(turn)])
        for neuron in range(2):
            for output in range(above):
                symbol = weight[output, neuron].free_symbols.pop()
                slope = sp.diff(values[neuron], symbol) * (-1) ** (output + neuron)
                if sp.simplify(slope - sent[neuron, output]) != 0:
                    return False
    return True


STATEMENT = Statement(
    id="robertson2024.feedback-family",
    claim=(
        r"If column $i$ of what stands in the place of $W_{l+1}$ on the way back is $\nabla \Psi_i$ at column $i$ of "
        r"$W_{l+1}$, then $\frac12 |w_i|^2 - \Psi_i$ is constant for every hidden neuron of a linear network, $w_i$ "
        r"its row of $W_l$: fixed feedback, backpropagation, sign, power, normalised and affine feedback; "
        r"Kolen-Pollack conserves $W_l W_l^\top - B_{l+1} B_{l+1}^\top$."
    ),
    provenance="abstract",
    realises=("R3", "R7"),
    hypotheses=(Hypothesis("gradient", r"the feedback is a gradient: affine feedback has $S = S^\top$", is_gradient),),
    sample=sample,
    check=check,
    counterexamples=(Counterexample("gradient", "Weights that go back turned: the quantity drifts.", rotating),),
    prove=prove,
    draws=Draws(default=12),
    note="The linear form, $\\nu = 1$.",
)
