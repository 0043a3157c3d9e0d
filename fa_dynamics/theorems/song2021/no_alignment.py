"""Without regularisation the weights of wide networks do not align with the feedback."""

import numpy as np

from fa_dynamics.systems.one_output import OneOutputProblem, OneOutputStart
from fa_dynamics.systems.one_output_flow import OneOutputRun
from fa_dynamics.theorems import Counterexample, Draw, Draws, Evidence, Hypothesis, Instance, Statement, at_most
from fa_dynamics.theorems.song2021 import _one_output as one

UNITS = 30.0
"""Length of the runs in units of 1 / gamma_-; errors then fall by e^(-30) and more in the wide limit."""

SIGMAS = 6.0
"""Standard deviations of the cross term kappa U_0 (U - U_0)^T / (kappa q)^(1/2), which has |P_* - P_0| / n_1."""

STARTS = 400
"""Draws of teacher and weights for the mean of |P_* - P_0|^2."""


def sample(draw: Draw) -> Instance:
    """1 to 20 samples, 50 to 4000 times as many units, teachers from order one to where cos is of order .1."""
    samples = draw.integer(1, 20)
    width = int(samples * draw.log_uniform(50.0, 4000.0))
    reach = draw.log_uniform(0.01, 0.1)  # sqrt(reach) is about sqrt(n_1) times as far as a Gaussian start
    teacher = max(1.0, float(np.sqrt(reach * width / samples)))
    return {
        "samples": samples, "width": width, "teacher": teacher, "seed": draw.seed(), "rho": 0.0, "aligned": False,
    }  # fmt: skip


def problem_of(case: Instance) -> OneOutputProblem:
    """Normal inputs, six times as many as samples, and a normal teacher."""
    rng = np.random.default_rng([int(case["seed"]), 0])
    inputs = rng.standard_normal((case["samples"], 6 * case["samples"]))
    return OneOutputProblem.from_arrays(inputs, inputs @ rng.normal(0.0, case["teacher"], inputs.shape[1]))


def check(case: Instance) -> list[Evidence]:
    """The alignment that training adds, beside the claim's, and its mean for a teacher of variance 1."""
    problem, n = problem_of(case), case["width"]
    start = one.start_of(case, problem)
    if case["aligned"]:
        start = aligned(start)
    t = np.array([0.0, UNITS / problem.slowest])

    def cosine(run: OneOutputRun) -> np.ndarray:
        return run.cosine

    values, known = one.run(problem, start, t, cosine, regularization=case["rho"])
    square = float(np.sum((problem.target - start.P) ** 2))
    # |P_* - P_0|^2 stands for w M^-2 w^T: of M, kappa and q the relative deviations are sqrt(2 / n_1) in any direction.
    relative = SIGMAS * 2 * np.sqrt(2 / n) + 4 * problem.rank / n + 2 * square / n
    bound = SIGMAS * np.sqrt(square) / n + relative * square / (2 * n) + SIGMAS / np.sqrt(n) * square / n
    added = values[1] - values[0] - square / (2 * n)
    what = r"$\cos_\infty - \cos_0$ less $\frac{1}{2n_1}\lvert P_* - P_0\rvert^2$"
    pieces = [
        at_most(what, abs(added), bound, known[1] + known[0]),
        at_most(r"$\lvert\cos_0\rvert$", abs(values[0]), SIGMAS / np.sqrt(n), known[0]),
    ]
    return pieces if case["rho"] else [*pieces, mean(case)]


def mean(case: Instance) -> Evidence:
    """|P_* - P_0|^2 / (2 N) has mean 1 over teachers and starts: the mean of cos is N / n_1."""
    size, ratios = min(case["samples"], 5), []
    for place in range(STARTS):
        small = {"seed": (int(case["seed"]) + 1 + place) % 2**31, "samples": size, "width": 50, "teacher": 1.0}
        problem = problem_of(small)
        ratios.append(float(np.sum((problem.target - one.start_of(small, problem).P) ** 2)) / (2 * size))
    doubt = SIGMAS * float(np.std(ratios, ddof=1)) / np.sqrt(STARTS)
    return at_most(r"mean of $\lvert P_* - P_0\rvert^2/(2N)$, less 1", abs(np.mean(ratios) - 1), doubt)


def aligned(start: OneOutputStart) -> OneOutputStart:
    """The same network with W_2 = n_1 B_2^T."""
    n = start.width
    return OneOutputStart(n, start.kappa, start.U, n * start.kappa * start.U, start.M, n * start.kappa,
                              n**2 * start.kappa)  # fmt: skip


def narrow(draw: Draw) -> Instance:
    """Fewer units than samples: M + sI must be positive, so that W_2 B_2 > 0 is forced."""
    samples = draw.integer(12, 20)
    return {**sample(draw), "samples": samples, "width": draw.integer(1, samples // 3), "teacher": 3.0}


def check_narrow(case: Instance) -> Evidence:
    """W_2 B_2 at the end, which nothing forces to be positive in wide networks."""
    problem = problem_of(case)
    t = np.array([0.0, 20 * UNITS / problem.slowest])

    def product(run: OneOutputRun) -> np.ndarray:
        return np.asarray(run.state["s"])

    values, known = one.run(problem, one.start_of(case, problem), t, product, stiff=True)
    return at_most("$W_2 B_2$ at the end", values[1], 0.0, known[1])


def with_decay(draw: Draw) -> Instance:
    """Constant decay, until t = 30 / gamma_-."""
    case = sample(draw)
    return {**case, "rho": problem_of(case).slowest * draw.log_uniform(0.3, 3.0)}


def from_aligned(draw: Draw) -> Instance:
    """W_2 along B_2 from the beginning."""
    return {**sample(draw), "aligned": True}


STATEMENT = Statement(
    id="song2021.no-alignment",
    claim=(
        r"$\rho = 0$, Gaussian start, $n_1 \gg N$: $\cos_0 = O(n_1^{-1/2})$ and training adds "
        r"$\frac{1}{2n_1} r_0(X^\top X)^{-1}r_0^\top + O(n_1^{-1}\lvert P_* - P_0\rvert)$, for a teacher of variance 1 "
        r"$N/n_1$ in the mean: $\cos_\infty \to 0$ as the width grows at fixed data."
    ),
    provenance="abstract",
    realises=("S4",),
    hypotheses=(
        one.NO_DECAY,
        Hypothesis("wide", "$n_1 \\ge 50 N$", lambda case: case["width"] >= 50 * case["samples"]),
        Hypothesis("gaussian start", "$W_2$ is drawn without regard to $B_2$", lambda case: not case["aligned"]),
    ),
    sample=sample,
    check=check,
    counterexamples=(
        Counterexample(
            "wide", r"$n_1 < N$: $W_2 B_2 > 0$ is forced at every nondegenerate limit.", narrow, check=check_narrow
        ),
        Counterexample("no decay", r"$\rho > 0$: alignment grows for ever.", with_decay),
        Counterexample("gaussian start", "An aligned start stays aligned.", from_aligned),
    ),
    draws=Draws(default=8, largest=500),
    false_alarm=1e-5,
    note=(
        r"Exactly, $s_\infty = s_0 + \frac\kappa2(\lvert U_\infty\rvert^2 - \lvert U_0\rvert^2)$. Allowed are six "
        r"standard deviations of $\kappa U_0(U_\infty - U_0)^\top$, of $M$, $\kappa$ and $q$, and relative corrections "
        r"of order $N/n_1$ and $\cos_\infty$, whose factors are observed."
    ),
)
