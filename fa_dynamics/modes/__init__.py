"""One scalar chain per mode."""

from fa_dynamics.modes.integrate import integrate_chain

__all__ = ["integrate_chain"]
