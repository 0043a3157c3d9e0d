"""An experiment, what it found, and how that is printed and kept."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fa_dynamics.reproduce.tables import Table

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

Record = dict[str, Any]

WIDTH = 110
"""Of printed sentences, in characters."""


@dataclass(frozen=True)
class Experiment:
    """An experiment of a paper, or one that realises a claim of its abstract.

    Attributes
    ----------
    name
        The file's name with a hyphen, ``girotti2021-table``.
    paper
        Authors and year.
    claim
        What the paper's abstract announces, paraphrased; nothing that was not read there.
    form
        This project's own precise form of it, with the ids of its statements, and where recorded numbers come from.
    run
        ``run(report, *, option=default, ...) -> Findings``; `report` is told the fraction done. Options are int, float,
        str, tuple[int, ...] or tuple[float, ...], with limits as ``Annotated[float, Allowed(...)]``.
    """

    name: str
    paper: str
    claim: str
    form: str
    run: Callable[..., Findings]


@dataclass(frozen=True, eq=False)
class Findings:
    """What an experiment returns.

    Attributes
    ----------
    records
        Flat dictionaries: numbers, words, booleans and None. Numbers that are not finite become None.
    tables
        The same for people.
    seen
        One or two sentences made from the numbers.
    dataset
        Everything behind them, with descriptions and units as attributes.
    draw
        Makes the figure from the dataset.
    """

    records: Sequence[Record]
    tables: tuple[Table, ...]
    seen: str
    dataset: xarray.Dataset
    draw: Callable[[xarray.Dataset], Figure]


@dataclass(frozen=True, eq=False, repr=False)
class Reproduction:
    """An experiment that was run.

    Attributes
    ----------
    experiment
        What was run.
    options
        With which settings, defaults included.
    findings
        What came out.
    """

    experiment: Experiment
    options: Mapping[str, Any]
    findings: Findings

    @property
    def name(self) -> str:
        """Of the experiment."""
        return self.experiment.name

    @property
    def records(self) -> list[Record]:
        """Flat dictionaries, ready for strict JSON: what is not finite is None."""
        return [{key: _plain(value) for key, value in record.items()} for record in self.findings.records]

    @property
    def sentences(self) -> tuple[str, str, str]:
        """The paper's claim, this project's own form of it, and what was seen."""
        return self.experiment.claim, self.experiment.form, self.findings.seen

    @property
    def dataset(self) -> xarray.Dataset:
        """The numbers by name, with the sentences, settings and versions as attributes."""
        from fa_dynamics.flows.dataset import versions

        notes = {"experiment": self.name, "paper": self.experiment.paper, "options": json.dumps(dict(self.options))}
        notes |= dict(zip(("claim", "form", "seen"), self.sentences, strict=True))
        notes |= {f"version_{name}": version for name, version in versions().items()}
        return self.findings.dataset.assign_attrs(notes)

    def figure(self) -> Figure:
        """Draw it."""
        return self.findings.draw(self.findings.dataset)

    def to_json(self) -> str:
        """The records as strict JSON."""
        return json.dumps(self.records, indent=2, allow_nan=False)

    def save(self, out: str | Path) -> list[Path]:
        """Write the figure, ``NAME.png``, and the dataset, ``NAME.nc``, to a folder, which is made if needed.

        Raises
        ------
        InputError
            The folder cannot be written.
        """
        from fa_dynamics.files import writable_folder, write_figure, write_netcdf

        folder = writable_folder(out)
        return [
            write_figure(self.figure(), folder / f"{self.name}.png"),
            write_netcdf(self.dataset, folder / f"{self.name}.nc"),
        ]

    def __repr__(self) -> str:
        settings = ", ".join(f"{name} = {value}" for name, value in self.options.items())
        title = f"{self.name} ({self.experiment.paper})" + (f": {settings}" if settings else "")
        told = zip(("Paper: ", "Here:  ", "Seen:  "), self.sentences, strict=True)
        sentences = [
            textwrap.fill(word + sentence, WIDTH, subsequent_indent=" " * len(word), break_on_hyphens=False)
            for word, sentence in told
        ]
        return "\n\n".join([title, *map(str, self.findings.tables), "\n".join(sentences)])


def _plain(value: Any) -> Any:
    """NumPy's scalars as Python's, and None for what is not finite."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value
