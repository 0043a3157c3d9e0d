"""One function per figure; each takes ``ax=None`` and returns the Axes, or a Figure where it needs several."""

from fa_dynamics.plots.bifurcation import plot_bifurcation
from fa_dynamics.plots.curves import plot_curve_panels
from fa_dynamics.plots.demo import plot_panels
from fa_dynamics.plots.initialisation import plot_initialisations
from fa_dynamics.plots.landscape import plot_landscape
from fa_dynamics.plots.modes import plot_learning_times, plot_modes
from fa_dynamics.plots.observables import plot_alignment, plot_loss, plot_singular_values
from fa_dynamics.plots.phase import plot_phase_diagram

__all__ = [
    "plot_alignment",
    "plot_bifurcation",
    "plot_curve_panels",
    "plot_initialisations",
    "plot_landscape",
    "plot_learning_times",
    "plot_loss",
    "plot_modes",
    "plot_panels",
    "plot_phase_diagram",
    "plot_singular_values",
]
