"""Feedback alignment as dynamics: derive, integrate and read, mode by mode."""

from fa_dynamics._version import __version__

__all__ = ["__version__"]
