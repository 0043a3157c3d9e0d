"""What happened in a run, with every observable by name, computed when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fa_dynamics import measures
from fa_dynamics.derive.conservation import Invariant
from fa_dynamics.derive.flow import Flow
from fa_dynamics.errors import InputError
from fa_dynamics.flows.coordinates import in_bases
from fa_dynamics.flows.drift import holding_laws, invariant_drift
from fa_dynamics.flows.history import History
from fa_dynamics.flows.steps import StepCurve, Steps
from fa_dynamics.flows.updates import backward_product, feedback_in_place_of, updates
from fa_dynamics.measures import Curve, Order
from fa_dynamics.tasks import Task

if TYPE_CHECKING:
    import xarray

Array = NDArray[np.float64]

SOLVER_ERROR = 100.0
"""Dense output of DOP853 errs by up to 60 times rtol on these flows (measured against exact mode curves)."""


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory:
    """The trajectory of a deep linear network.

    Attributes
    ----------
    task, flow
        What was learned, and the derived flow.
    sizes
        n_0..n_L.
    t
        Output times that were reached, (time,).
    history
        The weights at the output times, as what moves of them.
    feedback
        Feedback matrices by name: fixed ones as (rows, columns), those that learn as (time, rows, columns).
    initial
        All matrices at t = 0, by name, whether or not 0 is an output time.
    decay
        rho_1..rho_L, or None.
    watched
        Mode strengths between all accepted steps, or a function that finds them.
    t_last
        End of the last accepted step.
    status
        'completed', 'diverged', 'stalled', 'non-finite' or 'interrupted'.
    message
        One sentence on what the status means and what to change.
    solver
        Method, tolerances, accepted steps, evaluations of the velocity and seconds.
    seed, start, feedback_start
        What the run started from.
    steps
        Step size, step numbers and account of drifts of finite steps; None for a flow.
    """

    task: Task
    flow: Flow
    sizes: tuple[int, ...]
    t: Array
    history: History
    feedback: Mapping[str, Array]
    initial: Mapping[str, Array]
    decay: tuple[float, ...] | None
    watched: Curve | StepCurve | Callable[[], Curve]
    t_last: float
    status: str
    message: str
    solver: Mapping[str, Any]
    seed: int
    start: str
    feedback_start: str
    steps: Steps | None = None

    def __getstate__(self) -> dict[str, Any]:
        """With the curve in the place of the function that finds it, which cannot be pickled."""
        return self.__dict__ | {"watched": self.curve}

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self.sizes) - 1

    @cached_property
    def weights(self) -> tuple[Array, ...]:
        """W_1..W_L, each (time, n_l, n_{l-1}); ``weights[0]`` is W_1."""
        return self.history.weights()

    @cached_property
    def curve(self) -> Curve | StepCurve:
        """Mode strengths between all accepted steps, finer than `t`; of finite steps, after each of them.

        A flow that was integrated without them is integrated again, with the same steps.
        """
        return self.watched if isinstance(self.watched, Curve | StepCurve) else self.watched()

    @cached_property
    def end_to_end(self) -> Array:
        """P = W_L..W_1, (time, n_L, n_0)."""
        return self.history.over_end_to_end(lambda maps: maps)

    @cached_property
    def mode_strength(self) -> Array:
        """p_k = u_k^T P v_k in the task's modes, (time, mode)."""
        modes = self.task.modes
        return self.history.over_end_to_end(
            lambda maps: measures.mode_strength(maps, modes.output_basis, modes.input_basis)
        )

    @cached_property
    def share_outside_modes(self) -> Array:
        """|P - U diag(p) V^T| / |P|, (time,), dimensionless: what strengths of modes do not tell; nan for P = 0.

        Zero if the run keeps the modes apart, as aligned starts and feedback do on data with joint modes.
        """
        modes = self.task.modes
        on_diagonal = (modes.output_basis * self.mode_strength[:, None, :]) @ modes.input_basis.T
        outside = np.linalg.norm(self.end_to_end - on_diagonal, axis=(1, 2))
        size = np.linalg.norm(self.end_to_end, axis=(1, 2))
        return np.asarray(np.divide(outside, size, out=np.full_like(size, np.nan), where=size > 0))

    @cached_property
    def loss(self) -> Array:
        """1/2 E|y - P x|^2, (time,); inf where the weights of a diverged run overflow it."""

        def losses(maps: Array) -> Array:
            return np.where(np.isfinite(maps).all(axis=(-2, -1)), self.task.losses(maps), np.inf)

        return self.history.over_end_to_end(losses)

    @cached_property
    def weight_alignment(self) -> Array:
        """cos(W_l^T, what stands in its place), (time, layer) for layers 2..L; source: Song et al. 2021.

        nan where one of the two is zero. For DFA the place of W_L^T is taken by D_{L-1}; other layers are nan.
        """
        columns = [np.full(len(self.t), np.nan)] * (self.depth - 1)
        for layer in range(2, self.depth + 1):
            stand_in = feedback_in_place_of(self, layer)
            if stand_in is not None:
                columns[layer - 2] = measures.weight_alignment(self.weights[layer - 1], stand_in)
        return np.array(columns).T.reshape(len(self.t), self.depth - 1)

    def feedback_in_place_of(self, layer: int) -> Array | None:
        """What stands in the place of W_layer^T, (time, n_{layer-1}, n_layer); None if the rule has no such thing."""
        self._check_layer(layer, 2, self.depth)
        return feedback_in_place_of(self, layer)

    @cached_property
    def update_alignment(self) -> Array:
        """cos between each layer's update and the true gradient step at the same weights, (time, layer).

        Weight decay is left out of both. nan where one of the two is exactly zero, and where the error matrix is so
        small that it may be the error of the solver: |E| <= 100 (rtol |Sigma_yx| + atol), with round-off in the place
        of the tolerances for finite steps.
        """
        own, true = updates(self, self.flow.rule), updates(self, "bp")
        cosines = np.array([measures.update_alignment(a, b) for a, b in zip(own, true, strict=True)]).T
        with np.errstate(invalid="ignore"):  # a diverged run has an infinite map, and then no known alignment
            error = self.task.cross_moment - self.end_to_end @ self.task.input_moment
        size = np.linalg.norm(self.task.cross_moment)
        rtol, atol = (self.solver.get(name, other) for name, other in (("rtol", np.finfo(float).eps), ("atol", 0.0)))
        known = np.linalg.norm(error, axis=(1, 2)) > SOLVER_ERROR * (rtol * size + atol)
        return np.where(known[:, None], cosines, np.nan)

    def alignment_matrix(self, layer: int) -> Array:
        """A_l = W_L..W_{l+1} C_l, (time, n_L, n_L); the identity for the last layer.

        Source: robertson2024.dissipation.
        """
        self._check_layer(layer, 1, self.depth)
        return measures.alignment_matrix(self.weights[layer:], backward_product(self, layer))

    @cached_property
    def interlayer_alignment(self) -> Array:
        """1 - commutator defect of W_l and W_{l+1}, (time, hidden layer); 1 where they share their inner basis."""
        pairs = zip(self.weights[:-1], self.weights[1:], strict=True)
        columns = [measures.interlayer_alignment(lower, upper) for lower, upper in pairs]
        return np.array(columns).T.reshape(len(self.t), self.depth - 1)

    @cached_property
    def balancedness(self) -> Array:
        """|W_{l+1}^T W_{l+1} - W_l W_l^T|, (time, hidden layer); 0 for balanced layers."""
        pairs = zip(self.weights[:-1], self.weights[1:], strict=True)
        columns = [measures.imbalance(lower, upper) for lower, upper in pairs]
        return np.array(columns).T.reshape(len(self.t), self.depth - 1)

    def singular_values(self, layer: int) -> Array:
        """Singular values of W_layer, descending, (time, min(n_l, n_{l-1})); layer 1..L."""
        self._check_layer(layer, 1, self.depth)
        return measures.singular_values(self.weights[layer - 1])

    @cached_property
    def effective_rank(self) -> Array:
        """Effective rank of the end-to-end map, (time,), dimensionless. Source: Roy, Vetterli 2007."""
        return measures.effective_rank(self.end_to_end)

    @cached_property
    def invariants(self) -> tuple[Invariant, ...]:
        """The verified first integrals of the flow that hold with this feedback."""
        return holding_laws(self.flow, self.feedback)

    @cached_property
    def invariant_drift(self) -> dict[str, Array]:
        """|Q(t) - Q(0)| / max(1, |Q(0)|) of every first integral, by name, each (time,)."""
        return invariant_drift(self)

    @property
    def explained_drift(self) -> Mapping[str, Array]:
        """What the derived drifts of all steps add up to, over max(1, |Q(0)|), by name, each (time,).

        Empty for a flow, which has no steps. Source: robertson2024.discrete-drift.
        """
        return self.steps.explained if self.steps else {}

    @property
    def unexplained_drift(self) -> Mapping[str, Array]:
        """|Q(t) - Q(0) - explained| / max(1, |Q(0)|), by name, each (time,): round-off. Empty for a flow."""
        return self.steps.unexplained if self.steps else {}

    def matrices(self, index: int | None) -> dict[str, Array]:
        """All weights and feedback matrices at one output time, by name; None is t = 0."""
        if index is None:
            return dict(self.initial)
        rebuilt = "weights" in self.__dict__
        weights = [weight[index] for weight in self.weights] if rebuilt else self.history.at(index)
        named = {f"W_{layer}": weight for layer, weight in enumerate(weights, start=1)}
        return named | {name: matrix[index] if matrix.ndim == 3 else matrix for name, matrix in self.feedback.items()}

    def matrices_in_own_bases(self, index: int | None) -> dict[str, Array]:
        """The same in the bases in which the run was integrated: Q_i^T X Q_j for X between layers j and i."""
        named = {f"W_{layer}": weight for layer, weight in enumerate(self.history.in_own_bases(index), start=1)}
        for name, matrix in self._feedback_in_own_bases.items():  # feedback that learns is not turned
            learned = matrix.ndim == 3
            named[name] = matrix if not learned else self.initial[name] if index is None else matrix[index]
        return named

    @cached_property
    def _feedback_in_own_bases(self) -> dict[str, Array]:
        layer_of = {size: layer for layer, size in enumerate(self.flow.network.sizes)}
        bases = self.history.bases
        turned = {}
        for symbol in self.flow.feedback:
            above, below = (bases[layer_of[size]] for size in symbol.shape)
            turned[symbol.name] = in_bases(self.feedback[symbol.name], above, below)
        return turned

    def learning_times(self, level: float = 0.5) -> Array:
        """Earliest time after which |p - s| <= (1 - level) |s| for good, (mode,); inf if not by the end of the run.

        Found between the solver's own steps, so that the output times do not limit the accuracy; of finite steps, the
        time of a step.
        """
        if isinstance(self.curve, StepCurve):
            return self.curve.learning_times(self.task.modes.target, level)
        return measures.learning_times(self.curve, self.task.modes.target, level)

    def order(self, level: float = 0.5) -> Order:
        """Rank correlation of target and learning time, and the verdict on implicit regularization."""
        modes = self.task.modes
        return measures.order_of_learning(self.learning_times(level), modes.target, modes.curvature)

    def plot_modes(self, **options: Any) -> Any:
        """Mode-learning curves; see `fa_dynamics.plots.plot_modes`."""
        from fa_dynamics.plots import plot_modes

        return plot_modes(self, **options)

    def plot_loss(self, **options: Any) -> Any:
        """The loss; see `fa_dynamics.plots.plot_loss`."""
        from fa_dynamics.plots import plot_loss

        return plot_loss(self, **options)

    def plot_alignment(self, **options: Any) -> Any:
        """Weight and update alignment of every layer; see `fa_dynamics.plots.plot_alignment`."""
        from fa_dynamics.plots import plot_alignment

        return plot_alignment(self, **options)

    def plot_singular_values(self, **options: Any) -> Any:
        """Singular values of every layer; see `fa_dynamics.plots.plot_singular_values`."""
        from fa_dynamics.plots import plot_singular_values

        return plot_singular_values(self, **options)

    def to_xarray(self) -> xarray.Dataset:
        """All of it as a labelled dataset (dims time, mode, layer, ...), with provenance in its attributes."""
        from fa_dynamics.flows.dataset import to_dataset

        return to_dataset(self)

    def save(self, path: str | Path) -> Path:
        """Write the run as NetCDF; `fa_dynamics.load` reads it back."""
        from fa_dynamics.flows.dataset import save

        return save(self, path)

    def _check_layer(self, layer: int, first: int, last: int) -> None:
        if isinstance(layer, bool) or not isinstance(layer, int | np.integer) or not first <= layer <= last:
            raise InputError(f"layer: {layer!r} given, expected {first}..{last}")

    def __repr__(self) -> str:
        reached = f"t = {self.t[-1]:g}" if len(self.t) else "no output time"
        if self.steps is not None:  # states may be kept more seldom than steps are taken
            reached = f"step {self.solver['steps']}, t = {self.t_last:g}"
        drift = {name: history.max() for name, history in self.invariant_drift.items()} if len(self.t) else {}
        worst = max(drift, key=lambda name: drift[name]) if drift else None
        law = f"largest drift of a first integral {drift[worst]:.1e} ({worst})" if worst else "no first integral"
        settings = ", ".join(f"{key} {value}" for key, value in self.solver.items() if key != "seconds")
        loss = f"loss {self.loss[0]:.4g} -> {self.loss[-1]:.4g} (best {self.task.best_loss:.4g})" if len(self.t) else ""
        if worst and worst in self.unexplained_drift:
            law += f", of which the steps leave {self.unexplained_drift[worst].max():.1e} unexplained"
        decay = f", decay {self.decay}" if self.decay else ""
        return "\n".join(
            [
                f"Trajectory of {self.flow.rule.name!r} on {self.task.name!r}: widths {'-'.join(map(str, self.sizes))}"
                f"{decay}",
                f"  {self.status} at {reached}: {self.message}",
                f"  {loss}; {law}",
                f"  {settings}, {self.solver['seconds']} s",
                f"  seed {self.seed}, start {self.start}, feedback {self.feedback_start}",
            ]
        )
