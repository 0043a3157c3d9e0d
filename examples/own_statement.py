"""A statement of one's own: from zero, feedback alignment learns k times the correlation k^(2/3) times faster.

fa-dynamics verify examples/own_statement.py --report my-ledger.html
"""

import fa_dynamics as fa
from fa_dynamics.theorems import Counterexample, Draws, Hypothesis, Statement, equal


def sample(draw):
    """A mode and a stronger one, at zero."""
    return {"correlation": draw.log_uniform(0.1, 10), "factor": draw.log_uniform(1.5, 10), "start": 0.0}


def from_elsewhere(draw):
    """The same from another start."""
    return sample(draw) | {"start": draw.uniform(0.5, 2.0)}


def half_times(case, level):
    """Learning times of the two modes, exact."""
    sigma = [case["correlation"], case["factor"] * case["correlation"]]
    return fa.solve_modes(sigma, start=case["start"], feedback=1.0, t=[0.0, 1.0]).learning_times(level)


def check(case):
    """The ratio of half-times against the law."""
    times, shifted = half_times(case, 0.5), half_times(case, 0.5 + 1e-9)
    error = abs(shifted - times).max() / times.min()  # what a strength known to 1e-9 leaves open in the times
    return equal("$T(k\\sigma)/T(\\sigma)$", times[1] / times[0], case["factor"] ** (-2 / 3), error)


STATEMENT = Statement(
    id="classroom.two-thirds-law",
    claim=r"For $L = 2$ and a zero start, $T(k\sigma) = k^{-2/3}\, T(\sigma)$.",
    provenance="ours",
    realises=("G5",),
    hypotheses=(Hypothesis("zero start", r"$\theta_1(0) = \theta_2(0) = 0$", lambda case: case["start"] == 0),),
    sample=sample,
    check=check,
    counterexamples=(Counterexample("zero start", "from elsewhere there is no power law", from_elsewhere),),
    draws=Draws(default=30),
)
