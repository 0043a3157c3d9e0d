"""One scalar chain per mode: exact where it has a clock, integrated where it has none."""

from fa_dynamics.modes.clock import Clock, clock_of
from fa_dynamics.modes.exact import ExactModes
from fa_dynamics.modes.integrate import integrate_chain
from fa_dynamics.modes.solve import ModeCurves, solve_modes

__all__ = ["Clock", "ExactModes", "ModeCurves", "clock_of", "integrate_chain", "solve_modes"]
