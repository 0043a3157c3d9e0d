"""Made-up tasks whose answer is known: a tree of concepts, and a linear teacher."""

from __future__ import annotations

import zlib
from itertools import product
from typing import Any

import numpy as np

from fa_dynamics.errors import InputError
from fa_dynamics.tasks.arguments import count
from fa_dynamics.tasks.arrays import Array, numeric
from fa_dynamics.tasks.task import Task

#: More leaves than this make moments that no ODE solver here is meant for (and 2^60 would not fit in memory).
LARGEST_TREE = 4096


def hierarchy(levels: int = 4, branching: int = 2) -> Task:
    r"""Items and properties on a tree: what Saxe, McClelland and Ganguli (2014) use for semantic learning.

    The items are the leaves of a tree with `levels` levels of nodes (root and leaves included), where every
    node that is no leaf has `branching` children. Inputs are one-hot items. There is one target per node:
    an item has (value 1) the properties of its ancestors and its own, and no others (value 0).

    With D = `levels`, b = `branching` and :math:`n = b^{D-1}` items, :math:`\Sigma_{xx} = I/n`, and the modes
    are the constant vector, with target :math:`s = \sqrt{(b^D - 1)/(b - 1)}`, and, for every split at depth
    d = 0..D-2, the :math:`b^d (b-1)` contrasts between the children of a node there, with

    .. math:: s_d = \sqrt{\frac{b^{D-1-d} - 1}{b - 1}}, \qquad \lambda = \frac1n, \qquad \sigma = \frac{s}{n}.

    Coarse distinctions are stronger than fine ones: gradient flow learns the tree from the root.

    Parameters
    ----------
    levels : int
        D >= 2, levels of nodes.
    branching : int
        b >= 2, children per node.

    Returns
    -------
    Task
        Of :math:`b^{D-1}` samples, one per item, dimensionless; all its modes are exact.

    Raises
    ------
    InputError
        Not integers, smaller than 2, or more than `LARGEST_TREE` leaves.

    References
    ----------
    A. M. Saxe, J. L. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks", ICLR 2014.
    """
    depth, arity = count(levels, "levels", 2) - 1, count(branching, "branching", 2)
    # The power itself may be astronomically large, its logarithm is not.
    if depth * np.log(arity) > np.log(LARGEST_TREE) + 1e-9:
        raise InputError(f"levels, branching: given {levels} and {branching}; expected at most {LARGEST_TREE} leaves")
    # A node is the path of branches that leads to it from the root.
    nodes = [path for level in range(depth + 1) for path in product(range(arity), repeat=level)]
    items = [path for path in nodes if len(path) == depth]
    properties = np.array([[float(item[: len(node)] == node) for node in nodes] for item in items])
    names = tuple("root" + "".join(f".{branch}" for branch in node) for node in nodes)
    return Task.from_arrays(
        np.eye(len(items)),
        properties,
        name="hierarchy",
        description=f"Tree of {levels} levels, {branching} branches per node: {len(items)} one-hot items, "
        f"{len(nodes)} properties.",
        output_names=names,
    )


def stream(seed: int, name: str) -> np.random.Generator:
    """Random stream of its own for each name: drawing more from one leaves the others as they are.

    Parameters
    ----------
    seed : int
        Not negative.
    name : str
        What is drawn; it enters through a checksum, so that a new name never shifts an old stream.

    Returns
    -------
    numpy.random.Generator
        Seeded by `numpy.random.SeedSequence`.

    Raises
    ------
    InputError
        The seed is no integer or negative.
    """
    key = zlib.crc32(f"fa_dynamics.tasks.{name}".encode())
    return np.random.default_rng(np.random.SeedSequence(count(seed, "seed", 0), spawn_key=(key,)))


def teacher(
    n_inputs: int = 20,
    n_outputs: int = 5,
    rank: int | None = None,
    n_samples: int | None = None,
    noise: float = 0.0,
    input_spectrum: Any = None,
    seed: int = 0,
) -> Task:
    r"""Linear teacher with Gaussian inputs and noise.

    .. math:: y = W x + \varepsilon, \quad x \sim \mathcal N(0, \operatorname{diag}(\lambda)), \quad
              \varepsilon \sim \mathcal N(0, \text{noise}^2 I)

    The entries of W have variance 1/n_0: W is Gaussian, or, with `rank` r, a product of Gaussian matrices of
    shapes (n_L, r) and (r, n_0). Teacher, inputs and noise come from three independent streams.

    Parameters
    ----------
    n_inputs, n_outputs : int
        n_0 and n_L.
    rank : int, optional
        Rank of W; by default full.
    n_samples : int, optional
        Draw so many samples. By default the task is the population, with exact moments.
    noise : float
        Standard deviation of the noise of each output, in units of output.
    input_spectrum : array_like, shape () or (n_inputs,), optional
        Variances :math:`\lambda > 0` of the inputs; 1 by default. Unequal ones do not commute with W in
        general: there are joint modes only if they are equal.
    seed : int
        Not negative.

    Returns
    -------
    Task
        Dimensionless.

    Raises
    ------
    InputError
        Sizes, rank, noise, spectrum or seed out of range.
    """
    width_in, width_out = count(n_inputs, "n_inputs"), count(n_outputs, "n_outputs")
    full = min(width_in, width_out)
    r = full if rank is None else count(rank, "rank")
    if r > full:
        raise InputError(f"rank: given {r}; expected at most min(n_inputs, n_outputs) = {full}")
    sigma = numeric(noise, "noise")
    if sigma.ndim != 0 or sigma < 0.0:
        raise InputError(f"noise: given {noise!r}; expected one standard deviation, not negative")
    variances = numeric(1.0 if input_spectrum is None else input_spectrum, "input_spectrum")
    if variances.shape not in ((), (width_in,)) or (variances <= 0.0).any():
        raise InputError(
            f"input_spectrum: given {input_spectrum!r}; expected one positive variance, or one for each "
            f"of the {width_in} inputs"
        )
    spectrum = np.broadcast_to(variances, (width_in,))
    weights = _teacher_weights(stream(seed, "teacher"), width_out, width_in, None if rank is None else r)
    words = f"Linear teacher of rank {r}, Gaussian inputs, noise {float(sigma):g}, seed {seed}."
    if n_samples is None:
        cross = weights * spectrum
        output = cross @ weights.T + float(sigma) ** 2 * np.eye(width_out)
        words += " Exact population moments."
        return Task("teacher", np.diag(spectrum), cross, output, description=words)
    n = count(n_samples, "n_samples")
    X = stream(seed, "inputs").standard_normal((n, width_in)) * np.sqrt(spectrum)
    Y = X @ weights.T + float(sigma) * stream(seed, "noise").standard_normal((n, width_out))
    return Task.from_arrays(X, Y, name="teacher", description=words)


def _teacher_weights(rng: np.random.Generator, n_outputs: int, n_inputs: int, rank: int | None) -> Array:
    """Entries of variance 1/n_inputs, whatever the rank."""
    if rank is None:
        full: Array = rng.standard_normal((n_outputs, n_inputs)) / np.sqrt(n_inputs)
        return full
    left, right = rng.standard_normal((n_outputs, rank)), rng.standard_normal((rank, n_inputs))
    product_of_two: Array = left @ right / np.sqrt(rank * n_inputs)
    return product_of_two
