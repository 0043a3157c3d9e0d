"""The phase diagram of implicit regularization: which start and feedback learn principal modes first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.lookup import RuleLike, find_rule
from fa_dynamics.derive.rules import Rule
from fa_dynamics.errors import InputError
from fa_dynamics.modes.clock import Clock
from fa_dynamics.modes.folds import critical_strengths, fold_branches, fold_function
from fa_dynamics.modes.integrate import layer_table
from fa_dynamics.modes.parallel import Workers, mapper
from fa_dynamics.modes.phase_points import Piece, chains_at, clock_for, solve_piece
from fa_dynamics.modes.plane import Plane, plane_of
from fa_dynamics.modes.polynomials import coefficients
from fa_dynamics.modes.ranking import NONE, TOGETHER, VERDICTS, Codes, rank_orders
from fa_dynamics.progress import Report, reporting

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

LARGEST = 1e100
"""Of the coefficients of p(tau)."""

CHAINS = 5000
"""Chains solved together: few enough for the cache, enough to spread the cost of a call."""


@dataclass(frozen=True, eq=False, repr=False)
class PhaseDiagram:
    """Orders of learning over a plane of two scalars.

    Attributes
    ----------
    plane
        The grid, and what is fixed.
    correlation, curvature
        sigma and lambda, (modes,).
    depth, rule, level
        Of the chains and the learning times.
    learning_time
        (ny, nx, modes), 1 / curvature; inf where never, nan where time cannot be resolved.
    rank_correlation
        Of |target| and learning time, (ny, nx), as in `measures.order_of_learning`; nan where undefined.
    verdict, predicted
        Indices into `VERDICTS`, (ny, nx): found from learning times, and predicted by `predict_order` at this level.
    """

    plane: Plane
    correlation: Array
    curvature: Array
    depth: int
    rule: Rule
    level: float
    learning_time: Array
    rank_correlation: Array
    verdict: Codes
    predicted: Codes

    @property
    def target(self) -> Array:
        """s = sigma / lambda, (modes,); 0 where lambda is 0, for nothing is aimed at."""
        return _target(self.correlation, self.curvature)

    @property
    def shares(self) -> dict[str, float]:
        """Share of the plane per verdict found."""
        return _shares(self.verdict)

    @property
    def predicted_shares(self) -> dict[str, float]:
        """Share of the plane per verdict predicted; 'none' where no theorem applies."""
        return {name: share for name, share in _shares(self.predicted).items() if name in VERDICTS[:3]}

    @property
    def agreement(self) -> float | None:
        """Share of the predicted points at which the verdict found is the predicted one, or 'simultaneous'.

        None where nothing is predicted.
        """
        there = self.predicted != NONE
        if not there.any():
            return None
        found = self.verdict[there]
        return float(((found == self.predicted[there]) | (found == TOGETHER)).mean())

    def folds(self) -> Array:
        """`fold_function` of every mode, (ny, nx, modes), zero on the folds; nan where there is none."""
        found = np.full(self.learning_time.shape, np.nan)
        for mode, squares in self._critical(self.plane, range(len(self.target))):
            found[..., mode] = fold_function(squares, self.target[mode]).reshape(self.plane.shape)
        return found

    def fold_pieces(self, points: int, modes: Iterable[int]) -> dict[int, list[Array]]:
        """`fold_branches` of some modes, counted from 0, on a grid over the same plane.

        Returns
        -------
        dict
            Arrays (points, points) by mode, of those that have a target.
        """
        finer = self.plane.finer(points)
        return {
            mode: [piece.reshape(finer.shape) for piece in fold_branches(squares, self.target[mode])]
            for mode, squares in self._critical(finer, modes)
        }

    def _critical(self, plane: Plane, modes: Iterable[int]) -> Iterator[tuple[int, NDArray[np.complex128]]]:
        """Modes with a target, and their `critical_strengths` on a grid; computed once for modes that share them."""
        clock, everywhere = clock_for(self.rule, self.depth), np.arange(plane.shape[0] * plane.shape[1])
        before: int | None = None
        for mode in modes:
            if self.target[mode] == 0:
                continue
            if before is None or (plane.values[:, mode] != plane.values[:, before]).any():
                theta, c = chains_at(plane.of(mode), everywhere, clock)
                squares = critical_strengths(theta[..., 0], c[..., 0])
            before = mode
            yield mode, squares

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Rank correlation as colour, with folds and what theorems predict; see `plots.plot_phase_diagram`."""
        from fa_dynamics.plots.phase import plot_phase_diagram

        return plot_phase_diagram(self, ax=ax)

    def to_dataset(self) -> xarray.Dataset:
        """The diagram as an xarray Dataset, with units, for NetCDF."""
        from fa_dynamics.modes.phase_dataset import to_dataset

        return to_dataset(self)

    def __repr__(self) -> str:
        x, y = self.plane.x_values, self.plane.y_values
        agreement = "" if self.agreement is None else f"; {self.agreement:.1%} of it is found"
        predicted = 1 - self.predicted_shares["none"]
        return (
            f"PhaseDiagram: {len(self.correlation)} modes under {self.rule.name!r}, depth {self.depth}, level "
            f"{self.level:g}\n"
            f"  {self.plane.x} in [{x[0]:g}, {x[-1]:g}], {self.plane.y} in [{y[0]:g}, {y[-1]:g}], "
            f"{len(x)} x {len(y)} points\n"
            f"  {', '.join(f'{name} {share:.1%}' for name, share in self.shares.items() if share)}\n"
            f"  predicted by theorems: {predicted:.1%} of the plane{agreement}"
        )


def phase_diagram(
    correlation: ArrayLike,
    curvature: ArrayLike = 1.0,
    depth: int = 2,
    *,
    rule: RuleLike = "fa",
    start: ArrayLike = 0.0,
    feedback: ArrayLike = 1.0,
    x: str = "theta_1",
    y: str = "theta_2",
    x_range: ArrayLike = (-4.0, 4.0),
    y_range: ArrayLike = (-4.0, 4.0),
    points: int = 200,
    level: float = 0.5,
    workers: Workers = 1,
    progress: bool | Report | None = None,
) -> PhaseDiagram:
    """The order in which modes are learned, over a plane of two starts or feedbacks that all modes share.

    At every point of a grid the chains dtheta_l/dt = c_l theta_1 .. theta_{l-1} (sigma - lambda p) are solved exactly,
    and learning times are ranked against target sizes.

    Parameters
    ----------
    correlation
        sigma of every mode, (modes,), either sign.
    curvature
        lambda >= 0, broadcast to (modes,).
    depth
        Number of layers L, from 2 to 6 (1 has no plane).
    rule
        A rule with fixed feedback, which has a clock: 'fa' or 'dfa', or one's own.
    start, feedback
        theta_1..theta_L and b_2..b_L (c_1..c_{L-1} for DFA), broadcast to (L, modes) and (L-1, modes), of which x and
        y take their place.
    x, y
        Names of the two scalars, such as 'theta_1' and 'b_2'.
    x_range, y_range
        First and last value.
    points
        Per side.
    level
        A mode is learned when it stays within (1 - level) of its target.
    workers
        Number of processes (-1: all), or a map-like callable.
    progress
        As for `simulate`.

    Returns
    -------
    PhaseDiagram

    Raises
    ------
    InputError
        Unknown or equal names, empty ranges, fewer than two points, a level outside (0, 1), a rule without a clock,
        a depth beyond 6, fewer than two modes, and what `solve_modes` refuses.

    Notes
    -----
    Sources: girotti2021.order-convexity, girotti2021.fixed-points, `girotti2021.md` 7.

    Examples
    --------
    >>> from fa_dynamics.modes.phase import phase_diagram
    >>> phase_diagram([4, 2, 1], points=21).shares["principal-first"] > 0.5
    True
    """
    found = find_rule(rule)
    if not 0 < level < 1:
        raise InputError(f"level: {level!r} given, expected a number between 0 and 1")
    sigma = layer_table(correlation, np.size(correlation), 1, "correlation")[:, 0]
    curvatures = layer_table(curvature, len(sigma), 1, "curvature")[:, 0]
    if len(sigma) < 2:
        raise InputError(f"correlation: {len(sigma)} modes given, expected at least two to have an order")
    if (curvatures < 0).any():
        raise InputError(f"curvature: {curvatures.min():g} given, expected numbers >= 0")
    clock = clock_for(found, depth)
    plane = plane_of(clock.chain, len(sigma), start, feedback, x, y, x_range, y_range, points)
    _check_sizes(plane, clock)
    parts = np.array_split(np.arange(points**2), max(1, points**2 * len(sigma) // CHAINS))
    pieces = (Piece(*chains_at(plane, part, clock), sigma, curvatures, level) for part in parts)
    solved: list[tuple[Array, Codes]] = []
    with reporting("phase diagram", progress) as report, mapper(workers, len(parts)) as run:
        for piece in run(solve_piece, pieces):
            solved.append(piece)
            report(len(solved) / len(parts))
    times, predicted = (np.concatenate(arrays) for arrays in zip(*solved, strict=True))
    ranking = rank_orders(times, _target(sigma, curvatures), curvatures)
    grid = plane.shape
    return PhaseDiagram(
        plane,
        sigma,
        curvatures,
        depth,
        found,
        float(level),
        times.reshape(*grid, -1),
        ranking.correlation.reshape(grid),
        ranking.verdict.reshape(grid),
        predicted.reshape(grid),
    )


def _check_sizes(plane: Plane, clock: Clock) -> None:
    """Refuse values whose products leave the range of floating-point numbers; the largest ones are in the corners."""
    nx, ny = plane.shape[::-1]
    corners = np.array([0, nx - 1, nx * (ny - 1), nx * ny - 1])
    theta, c = chains_at(plane, corners, clock)
    with np.errstate(over="ignore", invalid="ignore"):
        sizes = coefficients(np.abs(theta).reshape(len(theta), -1), np.abs(c).reshape(len(c), -1))
    if not (sizes < LARGEST).all():
        raise InputError(
            f"x_range: start and feedback on this plane multiply up to {sizes.max():g}, expected less than {LARGEST:g}"
        )


def _target(sigma: Array, curvature: Array) -> Array:
    return np.divide(sigma, curvature, out=np.zeros_like(sigma), where=curvature > 0)


def _shares(codes: Codes) -> dict[str, float]:
    return {name: float((codes == code).mean()) for code, name in enumerate(VERDICTS)}
