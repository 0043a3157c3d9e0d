"""Time from a slider's event in the browser to the new picture, for every rule and depth: a table.

Run it with the interpreter that has the package and Playwright, on an idle machine with Linux::

    python tests/browser/latency.py [--modes 8] [--moves 12] [--rule kp] [--depth 4] [--slider depth]

On a busy one, the least time and the processor times of server and browser tell more than the median.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page, sync_playwright

from fa_dynamics.explore.state import DEEPEST, RULES, State

BUDGET = 150.0
"""Milliseconds that a move may take."""

START = (-1.3, 0.25, 0.4, 0.6)
"""theta_1..theta_L: a start from which no mode rests and no two weights are alike."""

CLOCK = """
() => {
  const shown = () => document.querySelector('.panels')?.dataset.shown;
  let before = '', began = 0;
  addEventListener('keydown', event => {
    [before, began, window.taken] = [shown(), event.timeStamp, null];
  }, true);
  new MutationObserver(() => {
    if (!began || !shown() || shown() === before) return;
    const pressed = began;
    began = 0;
    requestAnimationFrame(() => setTimeout(() => { window.taken = performance.now() - pressed; }));
  }).observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ['data-shown']});
}
"""
"""From the time stamp of a key to the end of the first frame that holds another picture."""


def processor_time(pid: int) -> float:
    """Milliseconds that a process, its threads and its descendants have used; those that have ended are left out."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    own = 1000.0 * (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(processor_time(int(child)) for each in children for child in each)


@contextmanager
def served() -> Iterator[tuple[str, int]]:
    """The address of a page served on a free port, and the process that serves it."""
    command = [sys.executable, "-c", "from fa_dynamics.cli import main; main()", "explore", "--no-browser"]
    server = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True)
    line = server.stdout.readline() if server.stdout else ""
    found = re.search(r"http://127\.0\.0\.1:\d+/", line)
    if not found:
        raise SystemExit(f"the explorer did not start: {line!r}")
    yield found.group(), server.pid
    server.send_signal(signal.SIGINT)
    server.wait(20)


def sliders(depth: int) -> dict[str, str]:
    """Sliders that are moved, by the key that leads to where they have not been."""
    feedback = {f"b{'₀₁₂₃₄'[depth]}": "ArrowLeft"} if depth > 1 else {}
    ends = {"depth": "ArrowLeft" if depth == DEEPEST else "ArrowRight", "modes": "ArrowLeft", "time": "ArrowRight"}
    return (
        {"θ₁(0)": "ArrowLeft", "ratio": "ArrowLeft", "strongest": "ArrowLeft", "level": "ArrowLeft"} | feedback | ends
    )


def move(page: Page, label: str, first: str, moves: int) -> list[float]:
    """Milliseconds of every move of a slider, one at a time; there and back where there are few places to go."""
    back = {"ArrowLeft": "ArrowRight", "ArrowRight": "ArrowLeft"}[first]
    page.locator(".control", has_text=label).get_by_role("slider").focus()
    taken = []
    for number in range(moves):
        page.keyboard.press(back if label in ("depth", "modes") and number % 2 else first)
        taken.append(float(page.wait_for_function("() => window.taken", timeout=10_000).json_value()))
        page.wait_for_timeout(150)  # later cells settle, so that moves do not queue up
        if label == "depth":
            page.locator(".control", has_text=label).get_by_role("slider").focus()
    return taken


def state(rule: str, depth: int, modes: int) -> State:
    """A geometric spectrum and a generic start."""
    return State(rule, tuple(4.0 * 0.7**k for k in range(modes)), START[:depth], (1.0,) * (depth - 1))


def opened(page: Page, address: str) -> None:
    """Open a page, let it settle, and start its clock."""
    page.goto(address)
    page.locator(".code").wait_for()
    page.wait_for_timeout(500)
    page.evaluate(CLOCK)


def measure(page: Page, given: State, wanted: str, moves: int) -> dict[str, list[float]]:
    """Milliseconds by slider."""
    chosen = {label: key for label, key in sliders(given.depth).items() if wanted in label}
    return {label: move(page, label, key, moves) for label, key in chosen.items()}


def line(head: str, values: list[float], server: float, browser: float, slowest: str) -> str:
    """A row of the table."""
    spread = f"{min(values):6.0f} {np.median(values):7.0f} {np.percentile(values, 95):6.0f}"
    return f"{head:12} {len(values):5} {spread} {server / len(values):7.0f} {browser / len(values):7.0f}   {slowest}"


def used(server: int) -> NDArray[np.float64]:
    """Processor times of the server, and of the browser, which is the other child of this process."""
    here = processor_time(os.getpid()) - 1000.0 * (os.times().user + os.times().system)
    serving = processor_time(server)
    return np.array([serving, here - serving])


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modes", type=int, default=8)
    parser.add_argument("--moves", type=int, default=12, help="of every slider")
    parser.add_argument("--rule", choices=RULES)
    parser.add_argument("--depth", type=int, choices=range(1, DEEPEST + 1))
    parser.add_argument("--slider", default="", help="part of a label")
    return parser.parse_args()


def main() -> int:
    """Print the table; 1 if the 95 % of some rule and depth is over the budget."""
    asked = arguments()
    path: Any = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    over, everything, total = [], [], np.zeros(2)
    print("Milliseconds from the event to the picture; processor times of a move; the slowest slider by its median.")
    print(
        f"{'rule':6} {'depth':5} {'moves':>5} {'least':>6} {'median':>7} {'95 %':>6}  server browser   slowest slider"
    )
    with served() as (address, server), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        page = browser.new_page(viewport={"width": 1400, "height": 1500})
        for rule in (asked.rule,) if asked.rule else RULES:
            for depth in (asked.depth,) if asked.depth else range(1, DEEPEST + 1):
                given = state(rule, depth, asked.modes)
                opened(page, f"{address}?{given.query()}")
                before = used(server)
                found = measure(page, given, asked.slider, asked.moves)
                spent = used(server) - before
                slow = max(found, key=lambda label: float(np.median(found[label])))
                values = [taken for each in found.values() for taken in each]
                print(line(f"{rule:6} {depth}", values, *spent, f"{slow} ({np.median(found[slow]):.0f})"), flush=True)
                over += [(rule, depth)] if np.percentile(values, 95) > BUDGET else []
                everything, total = everything + values, total + spent
        browser.close()
    print(line("all", everything, *total, f"over {BUDGET:g} at 95 %: {over or 'none'}"))
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
