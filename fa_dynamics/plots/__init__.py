"""One function per figure; each takes ``ax=None`` and returns the Axes, or a Figure where it needs several."""

from fa_dynamics.plots.bifurcation import plot_bifurcation
from fa_dynamics.plots.constraints import plot_constraints
from fa_dynamics.plots.curves import plot_curve_panels
from fa_dynamics.plots.demo import plot_panels
from fa_dynamics.plots.harm import plot_harm
from fa_dynamics.plots.initialisation import plot_initialisations
from fa_dynamics.plots.invariance import plot_invariance
from fa_dynamics.plots.landscape import plot_landscape
from fa_dynamics.plots.mirror import plot_minimum_norm
from fa_dynamics.plots.modes import plot_learning_times, plot_modes
from fa_dynamics.plots.multiclass import plot_multiclass
from fa_dynamics.plots.nonlinear import plot_laws, plot_wide_networks
from fa_dynamics.plots.observables import plot_alignment, plot_loss, plot_singular_values
from fa_dynamics.plots.one_output import plot_convergence, plot_cut_off, plot_reference_alignment
from fa_dynamics.plots.order import plot_order
from fa_dynamics.plots.phase import plot_phase_diagram
from fa_dynamics.plots.step_sizes import plot_converging_starts, plot_discrete, plot_drifts, plot_step_diagram
from fa_dynamics.plots.sweep import plot_sweep

__all__ = [
    "plot_alignment",
    "plot_bifurcation",
    "plot_constraints",
    "plot_convergence",
    "plot_converging_starts",
    "plot_curve_panels",
    "plot_cut_off",
    "plot_discrete",
    "plot_drifts",
    "plot_harm",
    "plot_initialisations",
    "plot_invariance",
    "plot_landscape",
    "plot_laws",
    "plot_learning_times",
    "plot_loss",
    "plot_minimum_norm",
    "plot_modes",
    "plot_multiclass",
    "plot_order",
    "plot_panels",
    "plot_phase_diagram",
    "plot_reference_alignment",
    "plot_singular_values",
    "plot_step_diagram",
    "plot_sweep",
    "plot_wide_networks",
]
