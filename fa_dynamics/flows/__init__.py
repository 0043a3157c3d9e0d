"""Integrate derived flows, and read what happened."""

from fa_dynamics.flows.dataset import load
from fa_dynamics.flows.simulate import simulate
from fa_dynamics.flows.trajectory import Trajectory

__all__ = ["Trajectory", "load", "simulate"]
