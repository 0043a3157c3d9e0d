"""One scalar chain per mode: exact where it has a clock, integrated where it has none."""

from fa_dynamics.modes.clock import Clock, clock_of
from fa_dynamics.modes.closed_forms import balanced_time, two_layer_backpropagation, zero_start_time
from fa_dynamics.modes.equilibria import Equilibria, equilibria
from fa_dynamics.modes.exact import ExactModes
from fa_dynamics.modes.integrate import integrate_chain
from fa_dynamics.modes.leaf import leaf_start
from fa_dynamics.modes.phase import PhaseDiagram, phase_diagram
from fa_dynamics.modes.prediction import Prediction, predict_order
from fa_dynamics.modes.solve import ModeCurves, solve_modes
from fa_dynamics.modes.step_diagram import StepDiagram, step_diagram
from fa_dynamics.modes.step_sizes import StepSizes, step_sizes

__all__ = [
    "Clock",
    "Equilibria",
    "ExactModes",
    "ModeCurves",
    "PhaseDiagram",
    "Prediction",
    "StepDiagram",
    "StepSizes",
    "balanced_time",
    "clock_of",
    "equilibria",
    "integrate_chain",
    "leaf_start",
    "phase_diagram",
    "predict_order",
    "solve_modes",
    "step_diagram",
    "step_sizes",
    "two_layer_backpropagation",
    "zero_start_time",
]
