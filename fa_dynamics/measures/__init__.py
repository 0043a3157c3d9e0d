"""Functions of a state or a curve."""

from fa_dynamics.measures.alignment import (
    alignment_matrix,
    commutator_defect,
    cosine,
    interlayer_alignment,
    update_alignment,
    weight_alignment,
)
from fa_dynamics.measures.balance import imbalance
from fa_dynamics.measures.curve import Curve
from fa_dynamics.measures.invariance import (
    interior_invariance_defect,
    network_alignment_defect,
    row_max_alignment,
    row_max_chance,
    row_max_invariance,
    strong_invariance_defect,
    traceless_commutator_defect,
)
from fa_dynamics.measures.learning import Order, learning_times, order_of_learning
from fa_dynamics.measures.linear import (
    effective_rank,
    end_to_end,
    mode_strength,
    mode_strength_of_weights,
    singular_values,
)

__all__ = [
    "Curve",
    "Order",
    "alignment_matrix",
    "commutator_defect",
    "cosine",
    "effective_rank",
    "end_to_end",
    "imbalance",
    "interior_invariance_defect",
    "interlayer_alignment",
    "learning_times",
    "mode_strength",
    "mode_strength_of_weights",
    "network_alignment_defect",
    "order_of_learning",
    "row_max_alignment",
    "row_max_chance",
    "row_max_invariance",
    "singular_values",
    "strong_invariance_defect",
    "traceless_commutator_defect",
    "update_alignment",
    "weight_alignment",
]
