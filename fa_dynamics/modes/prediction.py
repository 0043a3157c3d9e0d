"""The order of learning where a theorem predicts it: ordering by convexity of the clock's polynomial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.errors import InputError
from fa_dynamics.modes.convexity import convexity
from fa_dynamics.modes.limit import rest_ahead
from fa_dynamics.modes.polynomials import coefficients
from fa_dynamics.modes.ranking import NEGLIGIBLE, NONE, PRINCIPAL, Codes, ranks

Array = NDArray[np.float64]

Statement = Literal["girotti2021.order-convexity", "girotti2021.regularisation", "girotti2021.anti-regularisation"]

NEAR = 1e-9
"""A mode that starts this close to the edge of its band, relative to it, is not taken to be outside."""


@dataclass(frozen=True)
class Prediction:
    """An order of learning that follows from a theorem.

    Attributes
    ----------
    verdict
        What `order_of_learning` finds, unless it finds 'simultaneous' or times tie in floating point.
    statement
        Identifier of the most special statement whose hypotheses hold.
    hypotheses
        These hypotheses in one sentence.
    """

    verdict: Literal["principal-first", "negligible-first"]
    statement: Statement
    hypotheses: str

    def __str__(self) -> str:
        return f"{self.verdict} by {self.statement}: {self.hypotheses}"


def predict_order(
    correlation: ArrayLike, curvature: ArrayLike, theta: ArrayLike, c: ArrayLike, *, level: float | None = None
) -> Prediction | None:
    """The order of learning, where convexity of p(tau) predicts it.

    Modes of zero target (sigma = 0, or lambda = 0) are left out, as they are by `order_of_learning`. If all others
    share theta(0) and c, they share p(tau), and in their own time t' = lambda t their clocks obey dtau/dt' = s - p.
    The clock of the larger s stays ahead, and v = e/e(0) = exp(-int p'(tau) dt'). Hence, if p'' >= 0 on the interval
    that the clocks visit, v is smaller at all t' > 0 the larger s is; if p'' <= 0, the larger (the theorem).

    A mode is learned when v <= (1 - level) / g for good, g = abs(1 - p(0)/s). So the order of v becomes an order of
    learning times T (the rest is ours) if, from the first to the last mode in that order,

    1. abs(s) falls (principal first) or rises (negligible first) monotonically, which it does if targets have one sign;
    2. g does not fall: then v_a <= v_b for all t' and (1 - level)/g_a >= (1 - level)/g_b give T_a <= T_b;
    3. g > 1 - level except for the first, so that T_b > 0: then T_a < T_b, since p'' does not vanish identically, or
       p(0) does not vanish and g rises.

    With targets of one sign, 2 and 3 hold at every level if p(0)/s <= 0 for all modes, or p(0)/s >= 2 for all but the
    strongest (principal first), or p(0) = 0 (negligible first, and only then). If theta_1(0) = 0, then p is odd, and
    targets of both signs count by their size. All modes must reach their targets: their clocks come to rest.

    Parameters
    ----------
    correlation, curvature
        sigma, (modes,), and lambda, broadcast to it.
    theta, c
        theta_1..theta_L at the start and clock factors c_1..c_L (`Clock.numeric_factors`), (L, modes).
    level
        Of the learning times; None for a prediction that holds at every level in (0, 1).

    Returns
    -------
    Prediction or None
        None where the hypotheses fail or rounding leaves them undecided. Starts within rounding of a fold are judged by
        the rest that `rest_ahead` finds, as the exact solution is.

    Raises
    ------
    InputError
        Shapes that do not match, or a level outside (0, 1).

    Notes
    -----
    Sources: girotti2021.order-convexity, girotti2021.regularisation, girotti2021.anti-regularisation.

    Examples
    --------
    >>> import numpy as np
    >>> row = np.ones(3)
    >>> print(predict_order([4, 2, 1], 1.0, [-4 * row, 0 * row], [row, row]).verdict)
    negligible-first
    """
    sigma, lam, start, factors = _checked(correlation, curvature, theta, c)
    if level is not None and not 0 < level < 1:
        raise InputError(f"level: {level!r} given, expected a number between 0 and 1")
    active = (sigma != 0) & (lam > 0)
    sigma, lam, start, factors = sigma[active], lam[active], start[:, active], factors[:, active]
    if len(sigma) < 2 or not (alike(start) and alike(factors)):
        return None
    with np.errstate(over="ignore", invalid="ignore"):  # what leaves the range of numbers is not predicted
        if not np.isfinite(coefficients(start, factors)).all():
            return None
        direction = np.sign(sigma - lam * start.prod(axis=0))
        rest = np.where(direction == 0, 0.0, direction * rest_ahead(start, factors, sigma, lam))
    code = predicted_codes(start[:, :1], factors[:, :1], rest[None], sigma / lam, level)[0]
    if code == NONE:
        return None
    return _named(int(code), sigma / lam, start[:, 0], factors[:, 0], rest, level)


def predicted_codes(theta: Array, c: Array, rest: Array, target: Array, level: float | None) -> Codes:
    """Codes of predicted verdicts for many starts, each shared by the same modes, (n,); 0 where nothing is predicted.

    Parameters
    ----------
    theta, c
        (L, n).
    rest
        tau at rest, (n, modes); inf or nan where there is none.
    target
        s != 0, (modes,).
    level
        As for `predict_order`.
    """
    codes = np.full(theta.shape[1], NONE, dtype=np.int8)
    size = ranks(np.abs(target))
    if len(target) < 2 or np.ptp(size) == 0:
        return codes
    odd = theta[0] == 0
    rests = np.where(np.isfinite(rest), rest, 0.0)
    far = np.where(odd[:, None], np.abs(rests), rests)
    low, high = np.minimum(far.min(axis=1), 0.0), np.maximum(far.max(axis=1), 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        before = theta.prod(axis=0)
    curved = convexity(theta, c, low, high)
    settled = np.isfinite(rest).all(axis=1) & np.isfinite(before)
    for mirrored, aim in ((True, np.abs(target)), (False, target)):
        some = settled & (odd if mirrored else ~odd)
        for first_to_last, mask, other in (
            (np.argsort(-aim, kind="stable"), curved.convex, curved.concave),
            (np.argsort(aim, kind="stable"), curved.concave, curved.convex),
        ):
            steps = np.diff(size[first_to_last])
            code = PRINCIPAL if (steps <= 0).all() else NEGLIGIBLE if (steps >= 0).all() else NONE
            if code != NONE:
                follows = _carries_over(before, aim[first_to_last], size[first_to_last], level)
                strict = ~(mask & other) | (before != 0)
                codes[some & mask & strict & follows] = code
    return codes


def _carries_over(before: Array, target: Array, size: NDArray[np.int_], level: float | None) -> NDArray[np.bool_]:
    """Whether an order of v, from first to last, is one of learning times, (n,); p(0) is (n,)."""
    with np.errstate(over="ignore"):
        g = np.abs(1 - before[:, None] / target)
    later = g[:, size != size[0]]
    outside = later >= 1 if level is None else later > (1 - level) * (1 + NEAR)
    return np.asarray((np.diff(g, axis=1) >= 0).all(axis=1) & outside.all(axis=1))


def alike(table: Array) -> bool:
    """Whether all columns are the same."""
    return bool((table == table[:, :1]).all())


def _checked(
    correlation: ArrayLike, curvature: ArrayLike, theta: ArrayLike, c: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    sigma = np.atleast_1d(np.asarray(correlation, dtype=float))
    start, factors = np.asarray(theta, dtype=float), np.asarray(c, dtype=float)
    for name, table in (("theta", start), ("c", factors)):
        if table.ndim != 2 or table.shape[1:] != sigma.shape or table.shape != start.shape:
            raise InputError(f"{name}: shape {table.shape} given, expected (L, modes) with {len(sigma)} modes")
    try:
        lam = np.broadcast_to(np.asarray(curvature, dtype=float), sigma.shape)
    except ValueError as problem:
        raise InputError(
            f"curvature: shape {np.shape(curvature)} given, expected one number or {sigma.shape}"
        ) from problem
    return sigma, lam, start, factors


def _named(code: int, target: Array, theta: Array, c: Array, rest: Array, level: float | None) -> Prediction:
    """The most special statement that applies, in words."""
    when = "every level" if level is None else f"level {level:g}"
    before = float(theta.prod()) + 0.0  # no -0 in words
    shared = f"modes share theta(0) and feedback, p(0) = {before:g} carries the order over to times at {when}, and "
    turned = float(c[0] * theta[0])
    one_sign = bool((target > 0).all() or (target < 0).all())
    side = turned * float(np.sign(target[0]))
    strongest = float(np.abs(target).max())
    if code == PRINCIPAL and len(theta) == 2 and one_sign and c[0] != 0 and side >= 0:
        words = "depth is 2 with b theta_1(0) sigma >= 0 for all modes"
        return Prediction("principal-first", "girotti2021.regularisation", shared + words)
    if code == PRINCIPAL and (c > 0).all() and (theta >= 0).all() and (target > 0).all() and (target >= before).all():
        words = "feedback is positive, theta(0) >= 0, and all errors are >= 0 at the start"
        return Prediction("principal-first", "girotti2021.regularisation", shared + words)
    if (
        code == NEGLIGIBLE
        and len(theta) == 2
        and theta[1] == 0
        and one_sign
        and side < 0
        and strongest * abs(c[0]) <= (abs(theta[0]) / np.sqrt(3)) ** 3
    ):
        words = "depth is 2 with theta_2(0) = 0, b theta_1(0) sigma < 0 and |b s| <= |theta_1(0) / sqrt 3|^3"
        return Prediction("negligible-first", "girotti2021.anti-regularisation", shared + words)
    # Where p is odd, modes of both signs are counted on one side.
    far = np.abs(rest) if theta[0] == 0 else rest
    low, high = min(float(far.min()), 0.0), max(float(far.max()), 0.0)
    sign = ">=" if (code == PRINCIPAL) == (theta[0] == 0 or target[np.argmax(np.abs(target))] > 0) else "<="
    words = f"p'' {sign} 0 on the clock's interval [{low:.4g}, {high:.4g}]"
    verdict: Literal["principal-first", "negligible-first"] = (
        "principal-first" if code == PRINCIPAL else "negligible-first"
    )
    return Prediction(verdict, "girotti2021.order-convexity", shared + words)
