"""Integrate derived flows, or take finite steps, and read what happened."""

from fa_dynamics.flows.dataset import load
from fa_dynamics.flows.ensemble import Ensemble, simulate_ensemble
from fa_dynamics.flows.iterate import iterate
from fa_dynamics.flows.simulate import simulate
from fa_dynamics.flows.trajectory import Trajectory

__all__ = ["Ensemble", "Trajectory", "iterate", "load", "simulate", "simulate_ensemble"]
