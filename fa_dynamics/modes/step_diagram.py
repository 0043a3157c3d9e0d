"""step_diagram(...) -> StepDiagram: what Euler steps do, over step size and one scalar of the chain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.lookup import RuleLike, find_rule
from fa_dynamics.derive.rules import Rule
from fa_dynamics.errors import InputError, nearest
from fa_dynamics.modes.lines import chain_of
from fa_dynamics.modes.step_map import MONOTONE, OUTCOMES, SLOW, Codes, Followed, Orbits, follow
from fa_dynamics.modes.step_sizes import check_count, orbits_of
from fa_dynamics.modes.step_theory import guaranteed_steps, linear_steps
from fa_dynamics.progress import Report, reporting

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

PART = 5000
"""Orbits that are followed together, so that they stay in the cache."""


@dataclass(frozen=True, eq=False, repr=False)
class StepDiagram:
    """What happens to one mode, over step size and one scalar.

    Attributes
    ----------
    x
        Name of the scalar: 'correlation', 'theta_1', 'b_2', ...
    x_values, step_size
        (nx,) and (ny,); steps in units of 1 / curvature.
    outcome
        Indices into `OUTCOMES`, (ny, nx).
    steps
        First step from which on |p - s| <= (1 - level) |s|, (ny, nx); inf if not by the last one.
    guaranteed, linear
        Step that a theorem guarantees and 2 / (lambda S_*) at the limit of the flow, (nx,); nan where not known.
    values
        All scalars of the chain by name; that of x is not used.
    depth, rule, level, n_steps
        Of the chains, the step count and the orbits.
    """

    x: str
    x_values: Array
    step_size: Array
    outcome: Codes
    steps: Array
    guaranteed: Array
    linear: Array
    values: dict[str, float]
    depth: int
    rule: Rule
    level: float
    n_steps: int

    @property
    def shares(self) -> dict[str, float]:
        """Share of the plane per outcome."""
        return {name: float((self.outcome == code).mean()) for code, name in enumerate(OUTCOMES)}

    @property
    def monotone(self) -> Array:
        """Largest step of the grid up to which all are monotone, (nx,); nan if none is."""
        return self._up_to(self.outcome == MONOTONE)

    @property
    def convergent(self) -> Array:
        """Largest step of the grid up to which all converge, (nx,); nan if none does."""
        return self._up_to(self.outcome <= SLOW)

    def _up_to(self, good: NDArray[np.bool_]) -> Array:
        count = np.where(good.all(axis=0), len(good), np.argmin(good, axis=0))
        return np.where(count > 0, self.step_size[np.maximum(count - 1, 0)], np.nan)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The diagram with its thresholds; see `fa_dynamics.plots.step_sizes.plot_step_diagram`."""
        from fa_dynamics.plots.step_sizes import plot_step_diagram

        return plot_step_diagram(self.to_dataset(), ax=ax)

    def to_dataset(self) -> xarray.Dataset:
        """As an xarray Dataset, with units, for NetCDF."""
        import xarray

        grid, time = ["step_size", self.x], {"units": "1 / curvature"}
        flags = {"flag_values": np.arange(len(OUTCOMES), dtype=np.int8), "flag_meanings": " ".join(OUTCOMES)}
        unit = "output x input" if self.x == "correlation" else "1"
        data = {
            "outcome": (grid, self.outcome, {"long_name": "what the error does", "units": "1"} | flags),
            "steps": (grid, self.steps, {"long_name": f"steps until |p - s| <= {1 - self.level:g} |s|", "units": "1"}),
        }
        words = {
            "guaranteed": "largest step with monotone convergence by a theorem",
            "monotone": "largest step of the grid up to which all are monotone",
            "convergent": "largest step of the grid up to which all converge",
            "linear": "2 / (lambda S) at the limit of the flow",
        }
        data |= {name: ([self.x], getattr(self, name), time | {"long_name": text}) for name, text in words.items()}
        coordinates = {
            "step_size": (["step_size"], self.step_size, time),
            self.x: ([self.x], self.x_values, {"units": unit}),
        }
        facts = {"x": self.x, "rule": self.rule.name, "depth": self.depth, "level": self.level}
        fixed = {name: value for name, value in self.values.items() if name != self.x}
        return xarray.Dataset(data, coordinates, attrs=facts | {"n_steps": self.n_steps} | fixed)

    def __repr__(self) -> str:
        shares = ", ".join(f"{name} {share:.1%}" for name, share in self.shares.items() if share)
        return (
            f"StepDiagram: one mode under {self.rule.name!r}, depth {self.depth}\n"
            f"  {self.x} in [{self.x_values[0]:g}, {self.x_values[-1]:g}], step size in [{self.step_size[0]:g}, "
            f"{self.step_size[-1]:g}], {len(self.x_values)} x {len(self.step_size)} points, {self.n_steps} steps\n"
            f"  {shares}"
        )


def step_diagram(
    correlation: float = 1.0,
    curvature: float = 1.0,
    depth: int = 2,
    rule: RuleLike = "fa",
    start: ArrayLike = 0.0,
    feedback: ArrayLike = 1.0,
    *,
    x: str = "theta_1",
    x_range: ArrayLike = (-3.0, 3.0),
    step_range: ArrayLike = (0.005, 1.0),
    points: int = 200,
    level: float = 0.99,
    n_steps: int = 2000,
    progress: bool | Report | None = None,
) -> StepDiagram:
    """What Euler steps do to one mode, over step size and a start, a feedback or the correlation.

    Parameters
    ----------
    correlation, curvature
        sigma, and lambda > 0.
    depth, rule, start, feedback
        As for `solve_modes`, for one mode.
    x
        The scalar of the horizontal axis: 'correlation', 'theta_1'.. or 'b_2'.. ('c_1'.. for DFA); it replaces its
        value above.
    x_range, step_range
        First and last value; steps are > 0, in units of 1 / curvature.
    points
        Per side.
    level
        Of the step count.
    n_steps
        Most steps of an orbit, at least 100.
    progress
        As for `simulate`.

    Returns
    -------
    StepDiagram

    Raises
    ------
    InputError
        An unknown name, empty ranges, fewer than two points, a level outside (0, 1), and what `step_sizes` refuses.

    Notes
    -----
    Source: girotti2021.discrete-rates.

    Examples
    --------
    >>> from fa_dynamics.modes.step_diagram import step_diagram
    >>> found = step_diagram(x="correlation", x_range=(0.5, 4.0), step_range=(0.01, 0.15), points=15)
    >>> found.shares["monotone"]
    1.0
    """
    if not 0 < level < 1:
        raise InputError(f"level: {level!r} given, expected a number between 0 and 1")
    check_count(points, "points", 2)
    check_count(n_steps, "n_steps", 100)
    xs, steps = _range(x_range, "x_range", points), _range(step_range, "step_range", points)
    if steps[0] <= 0:
        raise InputError(f"step_range: {step_range!r} given, expected numbers > 0")
    chain = chain_of(depth, find_rule(rule))
    names = ("correlation", *(symbol.name for symbol in chain.weights), *chain.feedback_rows)
    if x not in names:
        raise InputError(f"x: no scalar of this chain is called {x!r}; {nearest(str(x), names)}")
    if np.size(correlation) != 1:
        raise InputError(f"correlation: {correlation!r} given, expected one number")
    one = orbits_of(np.ravel(correlation), curvature, depth, rule, start, feedback)
    values = dict(zip(names, [one.correlation[0], *one.start[:, 0], *one.feedback[:, 0]], strict=True))
    column = _columns(one, values, x, xs)
    followed: list[Followed] = []
    rows = max(1, PART // points)
    parts = [steps[begin : begin + rows] for begin in range(0, points, rows)]
    with reporting("step diagram", progress) as report:
        for part in parts:
            followed.append(follow(_grid(column, part), n_steps, level))
            report(len(followed) / len(parts))
    return StepDiagram(
        x=x,
        x_values=xs,
        step_size=steps,
        outcome=np.concatenate([each.outcome for each in followed]).reshape(points, points),
        steps=np.concatenate([each.steps for each in followed]).reshape(points, points),
        guaranteed=guaranteed_steps(column)[0],
        linear=linear_steps(column),
        values={name: float(value) for name, value in values.items()} | {"curvature": float(one.curvature[0])},
        depth=depth,
        rule=chain.rule,
        level=float(level),
        n_steps=int(n_steps),
    )


def _range(given: ArrayLike, argument: str, points: int) -> Array:
    try:
        ends = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as problem:
        raise InputError(f"{argument}: {given!r} given, expected two numbers") from problem
    if ends.shape != (2,) or not np.isfinite(ends).all() or ends[0] >= ends[1]:
        raise InputError(f"{argument}: {given!r} given, expected two finite numbers, the first below the second")
    return np.linspace(ends[0], ends[1], points)


def _columns(one: Orbits, values: dict[str, float], x: str, xs: Array) -> Orbits:
    """One chain per value of x."""
    table = {name: np.full(len(xs), value) for name, value in values.items()} | {x: xs}
    rows = [table[name] for name in values]
    depth = one.chain.depth
    return replace(
        one,
        correlation=rows[0],
        start=np.array(rows[1 : depth + 1]),
        feedback=np.array(rows[depth + 1 :]).reshape(depth - 1, len(xs)),
        curvature=np.full(len(xs), one.curvature[0]),
        step=np.zeros(len(xs)),
    )


def _grid(column: Orbits, steps: Array) -> Orbits:
    """The chains of all columns at every step of some rows, rows first."""
    count, width = len(steps), len(column.step)
    return replace(
        column,
        start=np.tile(column.start, count),
        feedback=np.tile(column.feedback, count),
        correlation=np.tile(column.correlation, count),
        curvature=np.tile(column.curvature, count),
        step=np.repeat(steps, width),
    )
