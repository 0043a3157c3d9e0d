"""A second opinion on nonlinear networks, typed by hand: forward pass, losses, and derivatives by small steps."""

import numpy as np

from fa_dynamics.systems.network_field import evaluate, velocity
from fa_dynamics.systems.network_prepare import prepare_network
from fa_dynamics.tasks import Task

ACTIVATIONS = {
    "linear": lambda z: z,
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "leaky-relu:0.2": lambda z: np.where(z.real > 0, z, 0.2 * z),
    "squared-relu": lambda z: np.where(z.real > 0, z * z, 0),
    "tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
}
LOSSES = {
    "squared": lambda f, y: ((f - y) ** 2).sum(axis=1) / 2,
    "softmax": lambda f, y: np.log(np.exp(f).sum(axis=1)) - (f * y).sum(axis=1),
    "logistic": lambda f, y: np.log(1 + np.exp(-y * f))[:, 0],
    "exponential": lambda f, y: np.exp(-y * f)[:, 0],
}
RULES = ("bp", "fa", "dfa", "sign", "kp")


def typed_loss(state, inputs, targets, activation, loss):
    """Mean loss of samples in rows; `state` holds W_l, and beta_l where there are biases; complex-safe."""
    depth = sum(name.startswith("W_") for name in state)
    h = inputs
    for layer in range(1, depth + 1):
        z = h @ state[f"W_{layer}"].T + state.get(f"beta_{layer}", 0)
        h = z if layer == depth else ACTIVATIONS[activation](z)
    return LOSSES[loss](h, targets).mean()


def complex_step_gradient(state, inputs, targets, activation, loss, step=1e-30):
    """Exact to round-off, also beside kinks, whose side the real part decides."""
    gradient = {name: np.zeros_like(value) for name, value in state.items()}
    for name, value in state.items():
        for index in np.ndindex(value.shape):
            moved = value.astype(complex)
            moved[index] += 1j * step
            gradient[name][index] = typed_loss({**state, name: moved}, inputs, targets, activation, loss).imag / step
    return gradient


def central_gradient(state, inputs, targets, activation, loss, step=1e-6):
    gradient = {name: np.zeros_like(value) for name, value in state.items()}
    for name, value in state.items():
        for index in np.ndindex(value.shape):
            shift = np.zeros_like(value)
            shift[index] = step
            up = typed_loss({**state, name: value + shift}, inputs, targets, activation, loss)
            down = typed_loss({**state, name: value - shift}, inputs, targets, activation, loss)
            gradient[name][index] = (up - down) / (2 * step)
    return gradient


def typed_task(seed, loss="squared", n_samples=7, n_inputs=3, n_outputs=3):
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((n_samples, n_inputs))
    if loss == "squared":
        targets = rng.standard_normal((n_samples, n_outputs))
    elif loss == "softmax":
        targets = np.eye(n_outputs)[np.arange(n_samples) % n_outputs]
    else:
        targets = np.where(np.arange(n_samples) % 2, 1.0, -1.0)[:, None]
    return Task.from_arrays(inputs, targets)


HIDDEN = (4, 5)


def drawn(task, activation, rule, loss, biases=False, seed=0, hidden=HIDDEN, decay=None, **options):
    """A model and a state with all entries random."""
    plan = prepare_network(task, hidden, activation, rule, loss, None, None, biases, decay, None, 2, seed)
    rng = np.random.default_rng(seed + 100)
    return plan.model, {name: rng.standard_normal(value.shape) / 1.5 for name, value in plan.initial.items()}


def moved(model, state, task):
    return velocity(model, state, evaluate(model, state, task.inputs, task.targets))
