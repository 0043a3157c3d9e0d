"""Symbols only: from a loss and a learning rule to a flow, its scalar chains and its first integrals."""

from fa_dynamics.derive.chain import Chain
from fa_dynamics.derive.conservation import Invariant
from fa_dynamics.derive.discovery import FirstIntegrals, discover
from fa_dynamics.derive.flow import Flow, derive
from fa_dynamics.derive.lookup import find_rule
from fa_dynamics.derive.network import Network
from fa_dynamics.derive.rules import (
    Backpropagation,
    DirectFeedbackAlignment,
    FeedbackAlignment,
    KolenPollack,
    Law,
    Rule,
    SignSymmetry,
)

__all__ = [
    "Backpropagation",
    "Chain",
    "DirectFeedbackAlignment",
    "FeedbackAlignment",
    "FirstIntegrals",
    "Flow",
    "Invariant",
    "KolenPollack",
    "Law",
    "Network",
    "Rule",
    "SignSymmetry",
    "derive",
    "discover",
    "find_rule",
]
