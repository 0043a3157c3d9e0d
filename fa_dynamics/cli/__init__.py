"""The command line: one file per command, thin: parse, call, print."""

from __future__ import annotations

import importlib
import sys

COMMANDS = ("demo", "derive", "explore", "iterate", "modes", "reproduce", "simulate", "sweep", "tasks", "verify")
"""Files of this folder that hold a command; each registers itself when imported."""


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 a check failed, 2 wrong use, 130 interrupted."""
    from fa_dynamics.cli.app import app
    from fa_dynamics.errors import DerivationError, InputError, IntegrationError

    for command in COMMANDS:
        importlib.import_module(f"fa_dynamics.cli.{command}")
    try:
        app()
    except (InputError, DerivationError) as problem:
        print(f"fa-dynamics: error: {' '.join(str(problem).split())}", file=sys.stderr)
        sys.exit(2)
    except IntegrationError as problem:
        print(f"fa-dynamics: failed: {' '.join(str(problem).split())}", file=sys.stderr)
        sys.exit(1)
    except MemoryError:
        print("fa-dynamics: failed: not enough memory; use fewer units, modes or output times", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output (head, say) closed it; Python would complain again while it shuts down.
        sys.stderr.close()
        sys.exit(1)
    except OSError as problem:
        print(f"fa-dynamics: failed: output cannot be written ({problem.strerror or problem})", file=sys.stderr)
        sys.exit(1)
