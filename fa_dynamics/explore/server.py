"""Serve the page on this machine alone."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from pathlib import Path

from fa_dynamics.errors import InputError

HOST, PORT = "127.0.0.1", 2718
"""Loopback: nobody else on the network reaches the page."""


def serve(port: int = PORT, ready: Callable[[str], None] = lambda address: None) -> None:
    """Serve the page until interrupted.

    Parameters
    ----------
    port
        0 to 65535; 0 takes any free one.
    ready
        Called with the address once connections are accepted.

    Raises
    ------
    InputError
        The port is taken or not allowed, or marimo is not installed.
    """
    listening = listen(port)
    try:
        import marimo
        import uvicorn
    except ImportError as problem:
        listening.close()
        raise InputError("explore: marimo is not installed; pip install 'fa_dynamics[explore]'") from problem
    from fa_dynamics.explore.app import app

    app.run()  # imports and derivations, so that the first visitor need not wait for them
    page = str(Path(__file__).with_name("app.py"))
    application = marimo.create_asgi_app(quiet=True).with_app(path="", root=page).build()
    server = uvicorn.Server(uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1))
    ready(f"http://{HOST}:{listening.getsockname()[1]}/")
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # how the page is meant to be closed
    finally:
        listening.close()


def listen(port: int) -> socket.socket:
    """A socket bound to a port of the loopback interface, accepting connections.

    Raises
    ------
    InputError
        The port is out of range, taken or not allowed.
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise InputError(f"port: {port!r} given, expected a whole number from 0 (any free one) to 65535")
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
        made.listen(64)
    except OSError as problem:
        made.close()
        why = "is taken" if problem.errno == errno.EADDRINUSE else f"cannot be used ({problem.strerror})"
        raise InputError(f"port: {port} {why}; give another one, or 0 for any that is free") from problem
    return made
