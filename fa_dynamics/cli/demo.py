"""`fa-dynamics demo`: the main job on the embedded data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fa_dynamics.cli.app import app

if TYPE_CHECKING:
    from fa_dynamics.demo import Panel


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for modes.png, modes.nc and summary.json.")] = Path(
        "fa-dynamics-demo"
    ),
    seed: Annotated[int, typer.Option(help="Seed of the random feedback.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON and nothing else.")] = False,
) -> None:
    """Mode-learning curves of backpropagation and feedback alignment on the digits data.

    Three full matrix flows (widths 61-64-64) are integrated, and the derived scalar theory is laid over every curve.

    Example: [bold]fa-dynamics demo --out my-demo[/bold]
    """
    from fa_dynamics.cli.output import print_json
    from fa_dynamics.demo import run_demo, summary, write
    from fa_dynamics.files import writable_folder
    from fa_dynamics.progress import reporting
    from fa_dynamics.randomness import stream

    stream(seed, "feedback")  # refuses a bad seed before anything is written
    folder = writable_folder(out)
    with reporting("demo", None) as report:
        panels = run_demo(seed, report)
    found = summary(panels)
    written = write(panels, folder)
    if json:
        print_json(found)
        return
    _print_summary(found, panels)
    print("wrote " + ", ".join(path.name for path in written) + f" to {folder.resolve()}")


def _print_summary(found: dict[str, Any], panels: tuple[Panel, ...]) -> None:
    from fa_dynamics.cli.output import number, print_table

    print(found["task"]["description"])
    print(f"digits: {found['task']['joint_modes']}")
    for name, sentence in found["raw_tasks"].items():
        print(f"{name}: {sentence}")
    print()
    levels = list(next(iter(found["panels"].values()))["learning_time"])
    columns = ["mode", "target"] + [f"{panel.name}\n{level}" for panel in panels for level in levels]
    rows = []
    for row, (mode, target) in enumerate(zip(found["modes"], found["target"], strict=True)):
        times = [record["learning_time"][level][row] for record in found["panels"].values() for level in levels]
        rows.append([str(mode), number(target, 3), *map(number, times)])
    print_table(
        "Learning times (learning rate x steps), after which a mode stays within 1 - level of its target", columns, rows
    )
    for name, record in found["panels"].items():
        drift = max(record["invariant_drift"].values())
        print(f"{name}: {record['title']}")
        for level, order in record["order"].items():
            print(
                f"    at level {level}: {order['verdict']}, rank correlation {order['rank_correlation']:+.2f} "
                f"over the {found['ordered_modes']} strongest modes"
            )
        print(
            f"    drift of the conserved matrix {drift:.1e}; largest distance to theory "
            f"{record['distance_to_theory']:.1e}; {record['solver']['seconds']} s"
        )
