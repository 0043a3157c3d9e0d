"""simulate_network(...) -> NetworkRun: the flow of a deep network with any activation, under any learning rule."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fa_dynamics.derive.lookup import RuleLike
from fa_dynamics.errors import InputError, IntegrationWarning
from fa_dynamics.flows.prepare import SMALLEST_RTOL, _output_times, check_positive
from fa_dynamics.flows.solve import solve, solver_class
from fa_dynamics.progress import Report, reporting
from fa_dynamics.starts import StartLike
from fa_dynamics.systems.activations import Activation, find_activation
from fa_dynamics.systems.losses import Loss
from fa_dynamics.systems.network_field import Model, evaluate, velocity
from fa_dynamics.systems.network_prepare import NetworkPlan, prepare_network
from fa_dynamics.systems.network_run import NetworkRun
from fa_dynamics.tasks import Task

Array = NDArray[np.float64]

KINKED_RTOL = 1e-4
"""Default tolerance for activations whose slope jumps: curves slide along kinks in steps of about this length."""

MAX_STEPS = 20_000
"""Accepted steps after which a run is called stalled; smooth flows of these sizes take some hundred."""


def simulate_network(
    task: Task,
    hidden: int | Sequence[int],
    activation: Activation | str = "relu",
    rule: RuleLike = "fa",
    loss: Loss | str = "squared",
    start: StartLike | None = None,
    feedback: StartLike | None = None,
    *,
    t_end: float,
    biases: bool = False,
    decay: float | Sequence[float] | None = None,
    test: Task | None = None,
    method: Any = "DOP853",
    rtol: float | None = None,
    atol: float | None = None,
    t_eval: ArrayLike | None = None,
    max_step: float = np.inf,
    seed: int = 0,
    progress: bool | Report | None = None,
) -> NetworkRun:
    r"""Integrate the flow of a deep network :math:`h_l = \varphi(W_l h_{l-1} + \beta_l)` with linear last layer.

    .. math:: \dot W_l = -\mathbb E[\delta_l h_{l-1}^\top] - \rho_l W_l, \qquad
              \delta_l = \varphi'(z_l) \odot (B_{l+1}\delta_{l+1}), \qquad \delta_L = \partial\ell/\partial h_L

    with what the rule puts in the place of :math:`W_{l+1}^\top` for :math:`B_{l+1}`; direct feedback sends
    :math:`D_l\delta_L`. The mean is over all samples of the task.

    Parameters
    ----------
    task
        Samples to learn.
    hidden
        Widths n_1..n_{L-1} of the hidden layers.
    activation
        'linear', 'relu', 'leaky-relu:0.1', 'squared-relu', 'tanh', 'sigmoid', 'gelu', or an `Activation`.
    rule
        A learning rule, its class, its short name or ``'file.py:ClassName'``.
    loss
        'squared' 1/2|f - y|^2, 'softmax' cross-entropy of one-hot targets, 'logistic' or 'exponential' of one output
        with labels -1 and +1, or a `Loss`, such as one ``of_scaled_output``.
    start
        A start object, its text form, or the arrays [W_1, ..., W_L]. Default: ``Gaussian(1.0)``.
    feedback
        The same for the feedback matrices of the rule, shaped as in `fa_dynamics.simulate`. Default: ``Gaussian(1.0)``.
    t_end
        Last time, > 0, in units of 1 / (curvature of the loss).
    biases
        Train beta_1..beta_L, from zero and without decay.
    decay
        Weight decay rho, one for all or one per layer; None for none.
    test
        Samples that are only looked at, for ``test_loss`` and ``test_accuracy``.
    method, rtol, atol, max_step
        As in `scipy.integrate.solve_ivp`. Default tolerances: rtol 1e-9, and `KINKED_RTOL` (1e-4) for activations with
        a kink; atol rtol / 1000. The notes say why.
    t_eval
        Output times in [0, t_end], increasing. Default: 201 equally spaced ones.
    seed
        For the start and the feedback, which have streams of their own.
    progress
        True or False, or a function of the fraction done; None shows a bar on a terminal after two seconds.

    Returns
    -------
    NetworkRun
        Also when the run ended early: ``status`` names how, ``message`` says what to change.

    Raises
    ------
    InputError
        Bad arguments.

    Warns
    -----
    IntegrationWarning
        The run ended early.

    Notes
    -----
    The velocity of a rectifier jumps where the field of a neuron passes zero on some sample, and no explicit method
    keeps its order across a jump: steps shrink there until the error estimate is met. Measured on flows of 6 neurons
    and 12 to 60 samples with 1 to 45 crossings, against rtol 1e-11: 15 to 20 steps a crossing, and weights that err
    by 10 to 35 times rtol at 1e-9 and 1 to 15 times at 1e-5; without a
    crossing by less than 1e-13.

    Where the velocity points at the kink from both sides the curve slides along it. That is no rare event: a neuron
    whose field on one sample is held at zero by that sample alone. A step then cannot be longer than about rtol, and
    at 1e-9 most runs would take millions of them, which is why kinks have a default of their own; such a run ends as
    'stalled' after `MAX_STEPS` steps. The law of every neuron holds on both sides of a kink and for every slope
    between, so that it survives sliding, at the level of the integrator: at 1e-4 its drift is 1e-6 to 1e-3, while
    `iterate_network` accounts for it to round-off. A rule whose feedback jumps ('sign') slides where a weight is zero.

    Examples
    --------
    >>> import numpy as np
    >>> import fa_dynamics as fa
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> task = fa.Task.from_arrays(X, X @ [[1.0], [-2.0]])
    >>> run = simulate_network(task, hidden=4, activation="relu", rule="fa", t_end=20.0)
    >>> bool(abs(run.neuron_drift[0]).max() < 1e-2)
    True
    """
    phi = find_activation(activation)
    rtol = (KINKED_RTOL if phi.kinked else 1e-9) if rtol is None else rtol
    check_positive(rtol, "rtol")
    atol = rtol / 1000 if atol is None else atol
    for value, argument in ((t_end, "t_end"), (atol, "atol")):
        check_positive(value, argument)
    check_positive(max_step, "max_step", infinite=True)
    if rtol < SMALLEST_RTOL:
        raise InputError(f"rtol: {rtol!r} given, expected at least {SMALLEST_RTOL:.1e}, 100 units of round-off")
    times = _output_times(t_eval, t_end)
    plan = prepare_network(task, hidden, phi, rule, loss, start, feedback, biases, decay, test, len(times), seed)
    solver_class(method, sum(value.size for value in plan.initial.values()))
    solver = {"method": method, "rtol": float(rtol), "atol": float(atol), "max_step": float(max_step)}
    run = _integrate(plan, times, float(t_end), solver, progress)
    if run.status != "completed":
        warnings.warn(f"{run.status}: {run.message}", IntegrationWarning, stacklevel=2)
    return run


def _integrate(
    plan: NetworkPlan, times: Array, t_end: float, solver: dict[str, Any], progress: bool | Report | None
) -> NetworkRun:
    from threadpoolctl import threadpool_limits

    model, task = plan.model, plan.task
    assert task.inputs is not None
    assert task.targets is not None
    inputs, targets = task.inputs, task.targets

    def field(_: float, flat: Array) -> Array:
        state = unpacked(model, flat)
        return packed(velocity(model, state, evaluate(model, state, inputs, targets)), model)

    began = time.perf_counter()
    label = f"{model.flow.rule.name} flow, {model.activation.name}"
    with reporting(label, progress) as report, threadpool_limits(1, user_api="blas"):
        solution = solve(
            field,
            packed(plan.initial, model),
            times,
            t_end,
            lambda _, flat: flat[:0],
            max_steps=MAX_STEPS,
            report=report,
            **solver,
        )
    method = solver["method"]
    facts = {
        "method": method if isinstance(method, str) else method.__name__,
        "rtol": solver["rtol"],
        "atol": solver["atol"],
        "steps": solution.n_steps,
        "evaluations": solution.n_evaluations,
        "seconds": round(time.perf_counter() - began, 3),
    }
    message = solution.message
    if solution.status == "stalled" and model.activation.kinked:
        message += " The curve slides along a kink of the activation: try rtol=1e-4, or iterate_network."
    return collected(plan, solution.t, solution.y, None, solution.status, message, facts)


def packed(state: Any, model: Model) -> Array:
    """The state as one flat array, in the order of the model."""
    return np.concatenate([state[name].ravel() for name in model.shapes])


def unpacked(model: Model, flat: Array) -> dict[str, Array]:
    """Views of a flat state, or of a stack of them (time, states), by name."""
    state, first = {}, 0
    for name, shape in model.shapes.items():
        last = first + int(np.prod(shape))
        state[name] = flat[..., first:last].reshape(*flat.shape[:-1], *shape)
        first = last
    return state


def collected(
    plan: NetworkPlan,
    t: Array,
    states: Array,
    explained: tuple[Array, ...] | None,
    status: str,
    message: str,
    facts: dict[str, Any],
) -> NetworkRun:
    """The result of both front doors, from flat states (time, states)."""
    model = plan.model
    named = unpacked(model, states)
    layers = range(1, model.depth + 1)
    learned = {name: named[name] for name in model.way_back.learns}
    return NetworkRun(
        task=plan.task,
        test=plan.test,
        model=model,
        t=t,
        weights=tuple(named[f"W_{layer}"] for layer in layers),
        biases=tuple(named[f"beta_{layer}"] for layer in layers) if model.biases else (),
        feedback={**model.fixed, **learned},
        initial=plan.initial,
        explained_drift=explained,
        status=status,
        message=message,
        solver=facts,
        seed=plan.seed,
        start=plan.start,
        feedback_start=plan.feedback_start,
    )
