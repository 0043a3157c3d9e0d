"""Finished runs, one small file each, from the moment they end until they are in the store."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fa_dynamics.sweep.run import Done

SUFFIX, PARTIAL = ".run", ".partial"
SPEC = "sweep.json"


class Journal:
    """A folder beside the store. Files appear whole or not at all.

    Parameters
    ----------
    folder
        Made if needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Make the folder, and clear what a killed process left half-written."""
        self.folder.mkdir(exist_ok=True)
        for path in self.folder.glob(f"*{PARTIAL}"):
            path.unlink()

    def write(self, done: Done) -> None:
        """Keep a finished run."""
        head = {"status": done.status, "message": done.message, "names": list(done.arrays)}
        partial = self.folder / f"{done.run:010d}{PARTIAL}"
        try:
            with partial.open("wb") as file:
                file.write(json.dumps(head).encode() + b"\n")
                for array in done.arrays.values():
                    np.lib.format.write_array(file, array, allow_pickle=False)
            os.replace(partial, self._path(done.run))
        except OSError:
            partial.unlink(missing_ok=True)
            raise

    def read(self, run: int) -> Done:
        """A run that was kept."""
        with self._path(run).open("rb") as file:
            head: dict[str, Any] = json.loads(file.readline())
            arrays = {name: np.lib.format.read_array(file, allow_pickle=False) for name in head["names"]}
        return Done(run, head["status"], head["message"], arrays)

    def runs(self) -> Iterator[int]:
        """Numbers of all that are kept."""
        for path in self.folder.glob(f"*{SUFFIX}"):
            yield int(path.stem)

    def remove(self, run: int) -> None:
        """Forget a run."""
        self._path(run).unlink(missing_ok=True)

    def note(self, fingerprint: str) -> None:
        """Say which sweep this is, before the store can."""
        partial = self.folder / f"{SPEC}{PARTIAL}"
        partial.write_text(fingerprint, encoding="utf-8")
        partial.replace(self.folder / SPEC)

    def noted(self) -> str | None:
        """Which sweep this is."""
        path = self.folder / SPEC
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def close(self) -> None:
        """Remove the folder of a finished sweep."""
        (self.folder / SPEC).unlink(missing_ok=True)
        self.folder.rmdir()

    def _path(self, run: int) -> Path:
        return self.folder / f"{run:010d}{SUFFIX}"
