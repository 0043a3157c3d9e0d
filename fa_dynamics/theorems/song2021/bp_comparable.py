"""Wide networks learn the same map under feedback alignment as under backpropagation, at half the speed."""

import numpy as np

from fa_dynamics.flows.trajectory import Trajectory
from fa_dynamics.systems.one_output import OneOutputProblem
from fa_dynamics.systems.one_output_backprop import backprop_one_output
from fa_dynamics.systems.one_output_flow import OneOutputRun
from fa_dynamics.tasks import Task
from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement, at_most
from fa_dynamics.theorems.integration import integrated
from fa_dynamics.theorems.song2021 import _one_output as one

SIGMAS = 6.0
"""Of curves, whose deviations are largest for one sample, where they have about 1 / (2 sqrt(n_1))."""

UNITS = 8.0
"""Length of backpropagation's run in units of 1 / gamma_-."""

FULL = 60
"""Most units of the full networks."""

OFF_RANGE = 2.0
"""Bound on the distance of the maps where there are no data, in units of |(P_* - P_0) Pi_x| sqrt(n_0 / n_1)."""


def sample(draw: Draw) -> Instance:
    """1 to 8 samples, 40 to 4000 times as many units."""
    samples = draw.integer(1, 8)
    width = int(samples * draw.log_uniform(40.0, 4000.0)) + 160
    return {"samples": samples, "width": width, "seed": draw.seed(), "rho": 0.0}


def problem_of(case: Instance) -> OneOutputProblem:
    """Normal inputs, six times as many as samples, and a normal teacher of variance 1."""
    rng = np.random.default_rng([int(case["seed"]), 0])
    inputs = rng.standard_normal((case["samples"], 6 * case["samples"]))
    return OneOutputProblem.from_arrays(inputs, inputs @ rng.standard_normal(inputs.shape[1]))


def check(case: Instance) -> list[Evidence]:
    """|r| of feedback alignment at 2 t beside that of backpropagation at t, and both maps at the end."""
    problem, n = problem_of(case), case["width"]
    start = one.start_of(case, problem)
    t = np.linspace(0.0, UNITS, 49) / problem.slowest
    first = float(problem.residual(start.P))

    def residual(run: OneOutputRun) -> np.ndarray:
        return np.asarray(run.residual / first)

    slow, known = one.run(problem, start, 2 * t, residual, regularization=case["rho"])
    maps = [backprop_one_output(problem, start, t, rtol=rtol, atol=1e-3 * rtol) for rtol in (one.FINE, one.COARSE)]
    quick, rough = (problem.residual(each) / first for each in maps)
    doubt = known + np.maximum.accumulate(np.abs(quick - rough)) + 100 * one.FINE
    bound = SIGMAS / 2 / np.sqrt(n) + 2 * case["samples"] / n
    what = r"$\lvert r_{FA}(2t)\rvert - \lvert r_{BP}(t)\rvert$ over $\lvert r(0)\rvert$"
    return [
        at_most(what, np.abs(slow - quick), bound, doubt, over=t * problem.slowest, axis="time * gamma_-"),
        off_range(case),
    ]


def off_range(case: Instance) -> Evidence:
    """The full maps of the two rules at the end, which differ where there are no data."""
    rng, width = np.random.default_rng([int(case["seed"]), 3]), min(case["width"], FULL)
    inputs = np.eye(2, 4) * [[1.0], [0.8]]
    targets = inputs @ rng.standard_normal((4, 1))
    # The paper's backpropagation is that of W_2 / sqrt(n_1) with targets Y / sqrt(n_1).
    root = np.sqrt(width)
    first, second = rng.standard_normal((width, 4)) / root, rng.standard_normal((1, width))
    back = rng.standard_normal((width, 1)) / width
    ends = []
    for rule, scale in (("fa", 1.0), ("bp", root)):
        value, known = integrated(
            Task.from_arrays(inputs, targets / scale),
            last_map,
            start=[first, second / scale],
            feedback=[back] if rule == "fa" else None,
            t_eval=np.linspace(0.0, 25.0, 6)[1:],
            hidden=width,
            rule=rule,
        )
        ends.append((scale * value[-1], scale * float(np.ravel(known)[-1])))
    (ours, e_ours), (other, e_other) = ends
    learned = float(np.linalg.norm((np.linalg.pinv(inputs) @ targets - (second @ first).T)[:2]))
    bound = OFF_RANGE * learned * np.sqrt(4 / FULL)
    what = r"$\lvert P_{FA} - P_{BP}\rvert$ at the end, off the range too"
    return at_most(what, np.linalg.norm(ours - other), bound, 2 * (e_ours + e_other))


def last_map(run: Trajectory) -> np.ndarray:
    """End-to-end maps, (time, 1, n_0)."""
    return run.end_to_end


def narrow(draw: Draw) -> Instance:
    """One unit for five to ten samples."""
    return {"samples": draw.integer(5, 10), "width": 1, "seed": draw.seed(), "rho": 0.0}


def with_decay(draw: Draw) -> Instance:
    """Feedback alignment with decay of the second layer."""
    case = sample(draw)
    return {**case, "rho": problem_of(case).slowest * draw.log_uniform(3.0, 30.0)}


STATEMENT = Statement(
    id="song2021.bp-comparable",
    claim=(
        r"Wide Gaussian start, $\rho = 0$: $\lvert r_{FA}(2t)\rvert = \lvert r_{BP}(t)\rvert + "
        r"O(n_1^{-1/2})\lvert r(0)\rvert$ at all times, and both rules end at the same map, off the range of the data "
        r"too, up to $O(\sqrt{n_0/n_1})$: feedback alignment learns what backpropagation learns, at half its speed."
    ),
    provenance="ours",
    realises=("S6",),
    hypotheses=(
        one.NO_DECAY,
        Hypothesis("wide", r"$n_1 \ge 40 N$", lambda case: case["width"] >= 40 * case["samples"]),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample("wide", "A bottleneck: the maps differ.", narrow, check=off_range, tries=40),
        Counterexample("no decay", r"With decay the residual stays at a plateau.", with_decay),
    ),
    draws=Draws(default=3, largest=1000),
    false_alarm=1e-5,
    note=(
        r"Backpropagation in the paper's parametrisation, $\dot W_1 = n_1^{-1} W_2^\top E$. Allowed are six standard "
        r"deviations, $3n_1^{-1/2} + 2N/n_1$ of $\lvert r(0)\rvert$, and $2\sqrt{n_0/n_1}$ of "
        r"$\lvert P_* - P_0\rvert$. Late rates of single modes differ by more."
    ),
)
