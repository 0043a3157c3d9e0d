"""A two-layer network with one output is a closed system whose size is free of the width."""

import numpy as np
import sympy as sp

from fa_dynamics.derive import words as w
from fa_dynamics.derive.flow import derive
from fa_dynamics.derive.reduction import STEP, Reduction, commute, one_by_one, reduce_flow
from fa_dynamics.errors import DerivationError
from fa_dynamics.flows.iterate import iterate
from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.systems.one_output import OneOutputProblem
from fa_dynamics.systems.one_output_coordinates import DECAY, KAPPA, OneOutput, one_output
from fa_dynamics.systems.one_output_iterate import iterate_one_output
from fa_dynamics.systems.one_output_units import mean_from_sum
from fa_dynamics.tasks import Task
from fa_dynamics.theorems import (
    ROUND_OFF,
    Counterexample,
    Draw,
    Draws,
    Evidence,
    Hypothesis,
    Instance,
    Statement,
    Unproved,
    at_most,
    equal,
)
from fa_dynamics.theorems.song2021 import _one_output as one

STEPS = 400

SHAKE = 1e-8
"""Relative size of the disturbance that shows how much of a rounding a run keeps."""


def sample(draw: Draw) -> Instance:
    """Any data and weights, steps from small to a third of what is stable at the start; decay, none, or one that ends.

    Half of the cases ask for the first integrals, which need rho = 0.
    """
    integrals, ends, part = draw.flip(), draw.choice((0, STEPS // 2, STEPS)), draw.log_uniform(0.003, 0.3)
    decay = draw.log_uniform(0.01, 0.3)
    case = one.draw_case(draw)
    problem = one.problem_of(case)
    start = one.start_of(case, problem)
    eta = part / one.speed(problem, start)
    rho = 0.0 if integrals or ends == 0 else decay / eta / 10
    return {**case, "eta": eta, "rho": rho, "ends": ends, "rho_1": 0.0, "integrals": integrals}


def of_weights(case: Instance, shake: float = 0.0) -> tuple[OneOutputProblem, list[np.ndarray], np.ndarray]:
    """Full weights after no step, at the end of the decay, and after all of them, from the derived step."""
    inputs, targets = np.asarray(case["inputs"]), np.asarray(case["targets"])
    targets = targets.reshape(len(targets), -1)
    rng = np.random.default_rng(0)
    weights = [np.asarray(case[name], dtype=float) for name in ("W_1", "W_2")]
    weights = [weight * (1 + shake * rng.standard_normal(weight.shape)) for weight in weights]
    back, task = np.asarray(case["B_2"], dtype=float), Task.from_arrays(inputs, targets)
    eta, rho = mean_from_sum(case["eta"], case["rho"], len(inputs))
    first = case["rho_1"] / len(inputs)
    states, errors = [weights], 0.0
    for steps, decay in ((case["ends"], [first, rho]), (STEPS - case["ends"], [first, 0.0])):
        if steps:
            ended: Trajectory = iterate(
                task, len(back), "fa", weights, [back], step_size=eta, n_steps=steps, decay=decay, record=steps + 1,
                progress=False,
            )  # fmt: skip
            weights = [weight[-1] for weight in ended.weights]
            left = len(inputs) * (task.cross_moment - ended.end_to_end[:-1] @ task.input_moment)
            errors += float(np.sum(left**2))
        states.append(weights)
    flat = [matrix for state in states for matrix in state]
    return one.problem_of({**case, "targets": targets[:, 0]}), flat, np.array([errors])


def coordinates(case: Instance, problem: OneOutputProblem, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """U, P, M, s, q of weights as one row of numbers."""
    start = one.start_of({**case, "W_1": first, "W_2": second}, problem)
    return np.concatenate([start.U, start.P, start.M.ravel(), [start.s, start.q]])


def check(case: Instance) -> list[Evidence]:
    """The reduced step against 400 steps of the full weights, and the laws of the full weights."""
    problem, states, errors = of_weights(case)
    ends = coordinates(case, problem, *states[-2:])
    shaken = coordinates(case, problem, *of_weights(case, SHAKE)[1][-2:])
    size = float(max(np.abs(ends).max(), *(np.abs(state).max() ** 2 for state in states)))
    doubt = ROUND_OFF * STEPS * (size + float(np.abs(shaken - ends).max()) / SHAKE)
    start = one.start_of(case, problem)
    rates, stop = (case["rho"], case["ends"]) if case["ends"] else (0.0, None)
    ended = iterate_one_output(problem, start, step_size=case["eta"], regularization=rates, cut_off=stop, n_steps=STEPS)
    U, P, s, q = (ended.state[name][0] for name in ("U", "P", "s", "q"))
    reduced = np.concatenate([U, P, (start.K + start.kappa * np.outer(U, U)).ravel(), [s, q]])
    pieces = [equal("$U, P, M, s, q$ after 400 steps, reduced and full", reduced, ends, doubt, scale=size)]
    if case["integrals"]:
        laws = [integrals(case, problem, *pair) for pair in (states[:2], states[-2:])]
        lost = np.append(np.zeros(len(P)), case["eta"] ** 2 * start.kappa / 2 * float(errors[0]))
        scale = max(size, float(np.abs(laws).max()))
        pieces.append(equal("first integrals", laws[1], laws[0] - lost, doubt * (1 + scale / size), scale=scale))
    return pieces


def integrals(case: Instance, problem: OneOutputProblem, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The vector clock P - U M - s U + kappa |U|^2 U, and s - kappa |U|^2 / 2."""
    at = one.start_of({**case, "W_1": first, "W_2": second}, problem)
    square = at.kappa * (at.U @ at.U)
    return np.append(at.P - at.U @ at.M - at.s * at.U + square * at.U, at.s - square / 2)


def with_decay_below(draw: Draw) -> Instance:
    """The first layer decays as well."""
    case = dict(sample(draw))
    return {**case, "rho_1": 0.01 / case["eta"]}


def with_decay(draw: Draw) -> Instance:
    """First integrals are asked for, and the second layer decays."""
    case = dict(sample(draw))
    return {**case, "integrals": True, "ends": STEPS, "rho": 0.01 / case["eta"]}


def with_two_outputs(draw: Draw) -> Instance:
    """Two outputs, a hidden layer that holds them."""
    case = one.draw_case(draw, widths=(3, 8), rank=(2, 5), explained=True)
    inputs, width = np.asarray(case["inputs"]), len(case["W_1"])
    speed = np.linalg.norm(inputs, 2) ** 2 * (1 + float(np.linalg.norm(case["W_1"], 2) ** 2)) * 30
    return {
        **case,
        "targets": inputs @ draw.normals((inputs.shape[1], 2)),
        "W_2": draw.normals((2, width), width**-0.5),
        "B_2": draw.normals((width, 2), width**-0.5),
        **{"eta": 0.3 / speed, "ends": 0, "rho_1": 0.0, "integrals": True},
    }


def check_two(case: Instance) -> Evidence:
    """W_2 B_2 - U U^T B_2^T B_2 / 2 with U = B_2^+ W_1, which may move by eta^2 |B_2|^2 sum |E|^2 / 2."""
    _, states, errors = of_weights(case)
    back = np.asarray(case["B_2"])
    gram = back.T @ back
    clocks = [np.linalg.pinv(back) @ first for first in states[::2]]
    laws = [second @ back - U @ U.T @ gram / 2 for second, U in zip(states[1::2], clocks, strict=True)]
    bound = case["eta"] ** 2 / 2 * float(errors[0]) * float(np.linalg.norm(gram, 2))
    doubt = ROUND_OFF * STEPS * float(np.abs(laws).max())
    what = r"$\lvert W_2 B_2 - \frac12 U U^\top B_2^\top B_2\rvert$ less that at the start"
    return at_most(what, np.abs(laws[-1] - laws[0]), bound, doubt)


def prove(depth: int) -> str:
    """Derive the step from the full flow, with all powers of eta, and compare it with the claim."""
    flow = derive(2, "fa", decay=True)
    names = OneOutput(flow)
    back = flow.network.B(2).subs(names.given)
    U, P, E, M, K = names.row("U"), names.row("P"), names.row("E"), names.square("M"), names.square("K")
    s, q, keep = one_by_one("s"), one_by_one("q"), 1 - STEP * DECAY
    try:
        closed = reduce_flow(flow, names.observables, {KAPPA: back.T * back}, names.given)
        free = reduce_flow(flow, names.observables, {KAPPA: back.T * back}, names.given | {flow.decay_rates[1]: 0})
        lifted: Reduction = one_output("fa")
        closed.eliminate(M, KAPPA * U.T * U, K)
    except DerivationError as problem:
        raise Unproved(str(problem)) from problem
    claims = {
        U: U + STEP * E,
        P: keep * P + STEP * E * M + STEP * keep * s * E + STEP**2 * KAPPA * E * U.T * E,
        s: keep * s + STEP * KAPPA * E * U.T,
        q: keep**2 * q + 2 * STEP * keep * E * P.T + STEP**2 * E * M * E.T,
    }
    left = {str(symbol): _less(closed.step[symbol], claim) for symbol, claim in claims.items()}
    law, clock = s - KAPPA / 2 * U * U.T, P - U * M - s * U + KAPPA * (U * U.T) * U
    left |= {
        "the step of s - kappa |U|^2 / 2": _less(free.drift(law), -(STEP**2) * KAPPA / 2 * E * E.T),
        "its rate": free.rate(law),
        "its rate with decay": _less(closed.rate(law), -DECAY * s),
        "the step of the vector clock": free.drift(clock),
        "its flow": free.rate(clock),
        "the weights": {} if {"D", "a", "g", "z"} <= {symbol.name for symbol in lifted.step} else {(): sp.S.One},
    }
    for what, rest in left.items():
        if rest:
            raise Unproved(f"{what}: {rest} is left")
    return "L = 2, any width and data"


def _less(words: w.Words, claim: object) -> w.Words:
    return commute(w.subtract(words, w.expand(claim)))


STATEMENT = Statement(
    id="song2021.exact-reduction",
    claim=(
        r"$L = 2$, $n_2 = 1$, $\rho_1 = 0$, any $\rho(t)$: with $\kappa = \lvert B_2\rvert^2$, "
        r"$U = B_2^\top W_1/\kappa$, $M = W_1^\top W_1$, $s = W_2 B_2$, $q = \lvert W_2\rvert^2$ both the flow and the "
        r"Euler step are closed in $(U, P, s, q)$, as $M - \kappa U^\top U$ is constant: "
        r"$U^+ = U + \eta E$, $P^+ = \bar\rho P + \eta E(M + \bar\rho s) + \eta^2\kappa E U^\top E$, "
        r"$s^+ = \bar\rho s + \eta\kappa E U^\top$, "
        r"$q^+ = \bar\rho^2 q + 2\eta\bar\rho E P^\top + \eta^2 E M E^\top$, $\bar\rho = 1 - \eta\rho$. "
        r"If $\rho = 0$, $P - UM - sU + \kappa\lvert U\rvert^2 U$ is constant and $s - \frac\kappa2\lvert U\rvert^2$ "
        r"moves by $-\frac12\eta^2\kappa\lvert E\rvert^2$ a step, not at all in the flow."
    ),
    provenance="ours",
    realises=("S4", "S5"),
    hypotheses=(
        Hypothesis("one output", "$n_2 = 1$", lambda case: len(case["W_2"]) == 1),
        Hypothesis("first layer", r"$\rho_1 = 0$", lambda case: case["rho_1"] == 0),
        Hypothesis(
            "no decay", r"$\rho = 0$ for the first integrals", lambda case: case["rho"] == 0 or not case["integrals"]
        ),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("first layer", r"$\rho_1 > 0$: $M$ is no function of $U$.", with_decay_below),
        Counterexample("no decay", r"$\dot s + \rho s = \frac\kappa2\frac{d}{dt}\lvert U\rvert^2$.", with_decay),
        Counterexample(
            "one output",
            r"$n_2 = 2$: $W_2 B_2$ is no function of $U = B_2^+ W_1$, since $\dot U U^\top$ is not symmetric.",
            with_two_outputs,
            check=check_two,
        ),
    ),
    prove=prove,
    draws=Draws(default=8),
    note=(
        r"The vector clock is exact in discrete time too. For $n_2 \ge 2$ and $B_2$ of full rank "
        r"$(U, P, W_2 B_2, W_2 W_2^\top)$ with $U = B_2^+ W_1$ still closes; what is lost are the integrals of $s$."
    ),
)
