"""The explorer: a local page with sliders, mode-learning curves, the potential and the equations behind them."""

from fa_dynamics.explore.presets import presets
from fa_dynamics.explore.solved import Solved, solve
from fa_dynamics.explore.state import State

__all__ = ["Solved", "State", "presets", "solve"]
