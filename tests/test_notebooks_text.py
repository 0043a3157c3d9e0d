"""The notebooks as they lie in the repository: outputs stored, nothing that belongs to one machine, exercises solved.

That they run is checked by ``pytest --nbmake notebooks``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
COURSE = sorted(FOLDER.glob("0?_*.ipynb"))
SOLUTIONS = sorted((FOLDER / "solutions").glob("*.ipynb"))
NOTEBOOKS = [*sorted(FOLDER.glob("*.ipynb")), *SOLUTIONS]
LARGEST = 600_000

MACHINE = re.compile(r"(?<![\w.:/])/(?:home|Users|tmp|work|root|usr|var|opt|private)/|[A-Za-z]:\\\\|~/\.|site-packages")
"""Paths of one machine."""


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    """The cells of one kind."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


def prose(path: Path) -> str:
    """All text between the code."""
    return "\n".join("".join(cell["source"]) for cell in cells(path, "markdown"))


def outputs(path: Path) -> list[dict[str, Any]]:
    """The stored outputs of all cells."""
    return [output for cell in cells(path, "code") for output in cell["outputs"]]


def words(output: dict[str, Any]) -> str:
    """What an output says in text; images say nothing."""
    data = {kind: value for kind, value in output.get("data", {}).items() if not kind.startswith("image/")}
    return "".join(output.get("text", [])) + "\n".join("".join(value) for value in data.values())


def numbered(path: Path, word: str) -> list[int]:
    """Numbers of the exercises, or solutions, in the order in which they stand."""
    return [int(number) for number in re.findall(rf"(?:\*\*|## ){word} (\d+)", prose(path))]


def test_there_are_seven_and_each_has_solutions() -> None:
    assert [path.name[:2] for path in COURSE] == ["01", "02", "03", "04", "05", "06", "07"]
    assert [path.name for path in SOLUTIONS] == [path.name for path in COURSE]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
class TestEveryNotebook:
    """Of the course, of its appendix, and of its solutions."""

    def test_ran_from_top_to_bottom(self, path: Path) -> None:
        code = cells(path, "code")
        assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
        assert outputs(path)

    def test_has_no_errors_and_no_warnings(self, path: Path) -> None:
        assert not [output for output in outputs(path) if output["output_type"] == "error"]
        assert not [words(output) for output in outputs(path) if output.get("name") == "stderr"]
        assert not [words(output) for output in outputs(path) if re.search(r"\bWarning\b", words(output))]

    def test_is_small(self, path: Path) -> None:
        assert path.stat().st_size < LARGEST

    def test_names_no_machine(self, path: Path) -> None:
        sources = ["".join(cell["source"]) for kind in ("code", "markdown") for cell in cells(path, kind)]
        for text in [*sources, *map(words, outputs(path))]:
            found = MACHINE.search(text)
            assert found is None, text[max(0, found.start() - 40) : found.end() + 40]

    def test_no_code_is_hidden_in_metadata(self, path: Path) -> None:
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["nbformat"] == 4
        assert set(content["metadata"]) <= {"kernelspec", "language_info"}


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
class TestCourse:
    """Notebooks 1 to 7."""

    def test_exercises_have_solutions_with_the_same_numbers(self, path: Path) -> None:
        exercises = numbered(path, "Exercise")
        assert exercises == list(range(1, len(exercises) + 1))
        assert len(exercises) >= 3
        assert numbered(FOLDER / "solutions" / path.name, "Solution") == exercises

    def test_every_solution_asserts_something(self, path: Path) -> None:
        """Between the heading of a solution and the next one stands code with an assert."""
        content = json.loads((FOLDER / "solutions" / path.name).read_text(encoding="utf-8"))
        checked: dict[int, bool] = {}
        current = 0
        for cell in content["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                for number in re.findall(r"## Solution (\d+)", source):
                    current = int(number)
                    checked[current] = False
            elif re.search(r"^\s*assert ", source, flags=re.MULTILINE):
                checked[current] = True
        checked.pop(0, None)
        assert checked
        assert all(checked.values()), checked

    def test_says_how_long_it_takes_and_what_to_remember(self, path: Path) -> None:
        text = prose(path)
        assert 15 <= int(re.findall(r"About (\d+) minutes", text)[0]) <= 30
        assert "**What to remember.**" in text
        assert f"solutions/{path.name}" in text

    def test_shows_figures_with_labels(self, path: Path) -> None:
        images = [output for output in outputs(path) if "image/png" in output.get("data", {})]
        assert len(images) >= 3

    def test_is_in_the_index_with_its_time(self, path: Path) -> None:
        minutes = re.findall(r"About (\d+) minutes", prose(path))[0]
        index = (FOLDER / "README.md").read_text(encoding="utf-8")
        row = next(line for line in index.splitlines() if f"({path.name})" in line)
        assert row.rstrip(" |").endswith(f"| {minutes}")


def test_links_of_the_index_and_of_the_course_exist() -> None:
    index = FOLDER / "README.md"
    for path, text in [(index, index.read_text(encoding="utf-8")), *((path, prose(path)) for path in NOTEBOOKS)]:
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (path.parent / link).exists(), f"{path.name}: {link}"
        for named in re.findall(r"`((?:solutions|docs|examples)/[\w./]+|[\w/]+\.ipynb)`", text):
            homes = (path.parent, FOLDER, FOLDER.parent)
            assert any((home / named).exists() for home in homes), f"{path.name}: {named}"
