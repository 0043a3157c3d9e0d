"""What the papers study beyond the aligned linear flow: every name is fetched from its file at first use."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "activations": ("Activation", "activation_names", "find_activation", "leaky_relu"),
    "aligned": ("AlignedNetwork", "aligned_network"),
    "aligned_criteria": ("basis_criterion", "data_criterion", "strong_invariance_possible"),
    "aligned_step": ("ExplicitStep", "explicit_step"),
    "classification": ("accuracy", "classes", "digits", "split"),
    "constrained": ("iterate_constrained", "simulate_constrained"),
    "constrained_run": ("ConstrainedRun",),
    "layer_spaces": (
        "LayerSpace",
        "circulant",
        "convolution",
        "from_basis",
        "full",
        "locally_connected",
        "mask",
        "toeplitz",
    ),
    "losses": ("Loss", "find_loss", "loss_names"),
    "minimum_norm": (
        "input_projector",
        "interpolation_limit",
        "limit_of_run",
        "minimum_norm_map",
        "moves_within_inputs",
    ),
    "mirror": ("MirrorPotential", "MirrorRun", "mirror_flow", "mirror_potential"),
    "mirror_reduction": ("Reduction", "reduction"),
    "network": ("simulate_network",),
    "network_iterate": ("iterate_network",),
    "network_run": ("NetworkRun",),
    "one_output": ("OneOutputProblem", "OneOutputStart", "gaussian_start", "gaussian_weights", "reduced_start"),
    "one_output_backprop": ("backprop_one_output",),
    "one_output_flow": ("OneOutputRun", "flow_one_output", "full_weights"),
    "one_output_iterate": ("OneOutputIteration", "Plateau", "iterate_one_output"),
}
"""File -> the names it offers here."""

_WHERE = {name: file for file, names in _HOMES.items() for name in names}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'fa_dynamics.systems' has no attribute {name!r}")
    return getattr(importlib.import_module(f"fa_dynamics.systems.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
