"""step_sizes(...) -> StepSizes: how large a step each mode stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.lookup import RuleLike, find_rule
from fa_dynamics.derive.rules import Rule
from fa_dynamics.errors import InputError
from fa_dynamics.modes.integrate import layer_table
from fa_dynamics.modes.lines import chain_of
from fa_dynamics.modes.step_map import MONOTONE, Followed, Orbits, follow
from fa_dynamics.modes.step_theory import guaranteed_steps, linear_steps, normal_unit

if TYPE_CHECKING:
    import xarray

Array = NDArray[np.float64]
Index = NDArray[np.int_]

SCAN = 128
"""Steps of the scan, equally spaced from one part to all of its range."""

ZOOM, WIDEN, ROUNDS = 8, 4.0, 12
"""A first failure in the lowest eighth of the scan makes it start again on a smaller range, none on a larger one."""

REFINED = 4
"""Scans of the interval before the first failure, each 64 times as fine: 128 * 64^4 is 2e9."""

FINE = 64


@dataclass(frozen=True, eq=False, repr=False)
class StepSizes:
    """Step sizes of every mode, in units of time (1 / curvature), each (modes,).

    Attributes
    ----------
    correlation, curvature, start, feedback, depth, rule
        Of the chains.
    guaranteed, theorem
        Up to which a theorem guarantees monotone convergence, and the id of its statement; nan and '' for none.
    monotone
        Largest step such that at every smaller one the error falls to zero and keeps its sign; 0 where already the
        flow does something else.
    convergent
        Largest step such that every smaller one leads to zero error; 0 if none does, inf if all do that were tried.
    linear
        2 / (lambda S_*) at the limit of the flow; nan where that is not known or not of zero error.
    unit
        Of time in the normal form of feedback alignment; nan for other rules.
    """

    correlation: Array
    curvature: Array
    start: Array
    feedback: Array
    depth: int
    rule: Rule
    guaranteed: Array
    theorem: tuple[str, ...]
    monotone: Array
    convergent: Array
    linear: Array
    unit: Array

    @property
    def normal(self) -> dict[str, Array]:
        """The four step sizes in units of the normal form, h = eta lambda^(1/3) (b sigma)^(2/3) at depth 2."""
        names = ("guaranteed", "monotone", "convergent", "linear")
        return {name: getattr(self, name) / self.unit for name in names}

    def to_dataset(self) -> xarray.Dataset:
        """As an xarray Dataset, with units, for NetCDF."""
        import xarray

        time = {"units": "1 / curvature"}
        words = {
            "guaranteed": "largest step with monotone convergence by a theorem",
            "monotone": "largest step below which the error falls and keeps its sign",
            "convergent": "largest step below which the error goes to zero",
            "linear": "2 / (lambda S) at the limit of the flow",
            "unit": "unit of time of the normal form",
        }
        data = {name: (["mode"], getattr(self, name), time | {"long_name": text}) for name, text in words.items()}
        data["correlation"] = (["mode"], self.correlation, {"units": "output x input"})
        data["curvature"] = (["mode"], self.curvature, {"units": "input squared"})
        coordinates = {"mode": np.arange(1, len(self.correlation) + 1)}
        return xarray.Dataset(data, coordinates, attrs={"rule": self.rule.name, "depth": self.depth})

    def __repr__(self) -> str:
        lines = [f"StepSizes: {len(self.correlation)} modes under {self.rule.name!r}, depth {self.depth}"]
        for name in ("guaranteed", "monotone", "convergent", "linear"):
            values = getattr(self, name)
            known = values[~np.isnan(values)]
            text = f"{known.min():.4g} for the most demanding mode" if len(known) else "not known"
            lines.append(f"  {name}: {text}")
        return "\n".join(lines)


def step_sizes(
    correlation: ArrayLike,
    curvature: ArrayLike = 1.0,
    depth: int = 2,
    rule: RuleLike = "fa",
    start: ArrayLike = 0.0,
    feedback: ArrayLike = 1.0,
    *,
    n_steps: int = 4000,
) -> StepSizes:
    """Step sizes at which Euler steps of every mode's chain fall, converge, or do neither.

    The largest monotone and the largest convergent step are found by stepping: 128 equally spaced steps are tried, on
    a range that grows or shrinks until it contains the first failure well inside, and the interval before that is
    refined to 5e-10 of the range. A window of failure narrower than a 128th of the range may be missed. Near the limits
    convergence is slow; what `n_steps` do not settle is judged by whether the largest errors of successive blocks go on
    falling. Where a cycle branches off at a limit, this puts it too high by about 1 / (2 n_steps) of itself.

    Parameters
    ----------
    correlation
        sigma of every mode, (modes,), either sign.
    curvature
        lambda > 0, broadcast to (modes,).
    depth, rule, start, feedback
        As for `solve_modes`.
    n_steps
        Most steps that are taken at one step size, at least 100.

    Returns
    -------
    StepSizes

    Raises
    ------
    InputError
        What `solve_modes` refuses, and a curvature of zero.

    Notes
    -----
    Sources: girotti2021.discrete-zero-start, girotti2021.discrete-rates.

    Examples
    --------
    >>> from fa_dynamics.modes.step_sizes import step_sizes
    >>> found = step_sizes([4.0])
    >>> {name: round(float(values[0]), 4) for name, values in found.normal.items()}
    {'guaranteed': 0.1575, 'monotone': 0.3805, 'convergent': 0.6461, 'linear': 0.8399}
    """
    orbits = orbits_of(correlation, curvature, depth, rule, start, feedback)
    check_count(n_steps, "n_steps", 100)
    linear, unit = linear_steps(orbits), normal_unit(orbits)
    guaranteed, theorem = guaranteed_steps(orbits)
    first = np.where(np.isfinite(linear) & (linear > 0), linear, _rough(orbits))

    def holds(test: Callable[[Followed], NDArray[np.bool_]]) -> Callable[[Array], NDArray[np.bool_]]:
        def at(steps: Array) -> NDArray[np.bool_]:
            return test(follow(_with_steps(orbits, steps), n_steps)).reshape(steps.shape)

        return at

    return StepSizes(
        correlation=orbits.correlation,
        curvature=orbits.curvature,
        start=orbits.start,
        feedback=orbits.feedback,
        depth=depth,
        rule=orbits.chain.rule,
        guaranteed=guaranteed,
        theorem=theorem,
        monotone=first_failure(holds(lambda found: found.outcome == MONOTONE), first),
        convergent=first_failure(holds(lambda found: found.converges), first),
        linear=linear,
        unit=unit,
    )


def orbits_of(
    correlation: ArrayLike, curvature: ArrayLike, depth: int, rule: RuleLike, start: ArrayLike, feedback: ArrayLike
) -> Orbits:
    """Check the arguments of `step_sizes`; steps are still zero.

    Raises
    ------
    InputError
        As `step_sizes`.
    """
    sigma = layer_table(correlation, np.size(correlation), 1, "correlation")[:, 0]
    curvatures = layer_table(curvature, len(sigma), 1, "curvature")[:, 0]
    if len(sigma) == 0:
        raise InputError("correlation: no modes given, expected at least one number")
    if (curvatures <= 0).any():
        raise InputError(f"curvature: {curvatures.min():g} given, expected numbers > 0, without which nothing stops")
    chain = chain_of(depth, find_rule(rule))
    theta = layer_table(start, depth, len(sigma), "start")
    given = layer_table(feedback, depth - 1, len(sigma), "feedback")
    return Orbits(chain, theta, given, sigma, curvatures, np.zeros_like(sigma))


def check_count(value: int, argument: str, least: int) -> None:
    """Refuse what is no whole number from `least` on.

    Raises
    ------
    InputError
        Naming the argument.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{argument}: {value!r} given, expected a whole number >= {least}")


def first_failure(holds: Callable[[Array], NDArray[np.bool_]], scale: Array) -> Array:
    """The largest step below which something holds at all steps tried, (modes,).

    Parameters
    ----------
    holds
        Takes steps (tried, modes), and says where it holds.
    scale
        Steps > 0 near which to look first, (modes,).
    """
    upper = 2.0 * scale
    fractions = np.arange(1, SCAN + 1)[:, None] / SCAN
    for _ in range(ROUNDS):
        good = holds(fractions * upper)
        first = np.where(good.all(axis=0), SCAN, np.argmin(good, axis=0))
        early, never = first < SCAN // ZOOM, first == SCAN
        if not (early | never).any():
            break
        upper = np.where(early, upper * 2 * (first + 1) / SCAN, np.where(never, upper * WIDEN, upper))
    else:
        good = holds(fractions * upper)
        first = np.where(good.all(axis=0), SCAN, np.argmin(good, axis=0))
    width = upper / SCAN
    low = first * width
    between = np.arange(1, FINE + 1)[:, None] / FINE
    for _ in range(REFINED):
        good = holds(low + between * width)
        good[-1] = False
        low, width = low + np.argmin(good, axis=0) * width / FINE, width / FINE
    return np.where(first == SCAN, np.inf, np.where(first == 0, 0.0, low))


def _with_steps(orbits: Orbits, steps: Array) -> Orbits:
    """The same chains at steps (tried, modes)."""
    count = len(steps)
    return replace(
        orbits,
        start=np.tile(orbits.start, count),
        feedback=np.tile(orbits.feedback, count),
        correlation=np.tile(orbits.correlation, count),
        curvature=np.tile(orbits.curvature, count),
        step=steps.ravel(),
    )


def _rough(orbits: Orbits) -> Array:
    """1 / (lambda |s|^(2 - 2/L)), the time scale of weights that share the mode evenly; 1 / lambda where s is 0."""
    size = np.abs(orbits.correlation / orbits.curvature) ** (2 - 2 / orbits.chain.depth)
    return np.asarray(1 / (orbits.curvature * np.where(size > 0, size, 1.0)))
