"""What is learned: second moments of inputs and targets, their joint modes, and where they come from."""

from fa_dynamics.tasks.datasets import (
    breast_cancer,
    diabetes,
    digits,
    digits_labels,
    iris,
    linnerud,
    wine,
)
from fa_dynamics.tasks.modes import Modes, joint_modes
from fa_dynamics.tasks.registry import describe, named, names
from fa_dynamics.tasks.synthetic import hierarchy, teacher
from fa_dynamics.tasks.task import Task
from fa_dynamics.tasks.user_file import load

__all__ = [
    "Modes",
    "Task",
    "breast_cancer",
    "describe",
    "diabetes",
    "digits",
    "digits_labels",
    "hierarchy",
    "iris",
    "joint_modes",
    "linnerud",
    "load",
    "named",
    "names",
    "teacher",
    "wine",
]
