"""The options with which a command is told what to learn, and with what."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from fa_dynamics.errors import InputError

if TYPE_CHECKING:
    from fa_dynamics.tasks import Task

Number = TypeVar("Number", int, float)
TaskName = Annotated[str | None, typer.Option("--task", help="A named data set; see `fa-dynamics tasks`.")]
DataFile = Annotated[str | None, typer.Option("--data", help="A file: .csv, .npz, .nc, or a pair X.npy,Y.npy.")]
Targets = Annotated[str | None, typer.Option(help="Target columns of --data, comma-separated (default: the last).")]
Inputs = Annotated[str | None, typer.Option(help="Input columns of --data, comma-separated (default: the rest).")]
Classes = Annotated[bool, typer.Option("--classes", help="The target column of --data holds class labels.")]
Raw = Annotated[
    bool, typer.Option("--raw", help="Take --data as it is; by default it is centred, whitened and scaled.")
]


def pose(task: str | None, data: str | None, targets: str | None, inputs: str | None, classes: bool, raw: bool) -> Task:
    """The task that the options describe.

    Raises
    ------
    InputError
        Neither or both of --task and --data, or options of --data without it.
    """
    from fa_dynamics import tasks

    if (task is None) == (data is None):
        raise InputError("task: give either --task NAME or --data FILE")
    if task is not None:
        for name, given in (("targets", targets), ("inputs", inputs), ("classes", classes), ("raw", raw)):
            if given:
                raise InputError(f"{name}: belongs to --data; the task {task!r} has its own")
        return tasks.named(task)
    assert data is not None
    preparation = dict.fromkeys(("centre", "whiten", "unit_variance"), not raw)
    return tasks.load(data, targets=targets, inputs=inputs, classes=classes, **preparation)


def whole_numbers(text: str, argument: str) -> tuple[int, ...]:
    """Comma-separated whole numbers; none for an empty text.

    Raises
    ------
    InputError
        Anything else.
    """
    try:
        return tuple(_plain(int, part) for part in text.split(",")) if text.strip() else ()
    except ValueError as problem:
        raise InputError(f"{argument}: {text!r} given, expected whole numbers such as 32,32") from problem


def numbers(text: str, argument: str) -> tuple[float, ...]:
    """Comma-separated numbers.

    Raises
    ------
    InputError
        Anything else.
    """
    try:
        return tuple(_plain(float, part) for part in text.split(","))
    except ValueError as problem:
        raise InputError(f"{argument}: {text!r} given, expected numbers such as 0.1,0.2") from problem


def _plain(kind: Callable[[str], Number], text: str) -> Number:
    if "_" in text:  # Python would take 1_0 for 10
        raise ValueError(text)
    return kind(text)
