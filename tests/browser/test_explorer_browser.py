"""The explorer in headless Chromium: what a visitor sees, moves, copies, and what the page must never do."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fa_dynamics.explore.presets import presets
from fa_dynamics.explore.solved import solve
from fa_dynamics.explore.state import State

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")

SERVER = """
import sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        where = arguments[1] if event == "socket.connect" else arguments
        if "127.0.0.1" not in str(where) and "/" not in str(where):
            print("CALLS OUT", event, where, file=sys.stderr, flush=True)

sys.addaudithook(watch)
from fa_dynamics.cli import main
main()
"""
WIDE, NARROW = {"width": 1400, "height": 1500}, {"width": 400, "height": 900}


@pytest.fixture(scope="module")
def address():
    """A served page; afterwards: Ctrl-C ends it at once, and it has called nobody."""
    command = [sys.executable, "-W", "error::DeprecationWarning:fa_dynamics", "-c", SERVER]
    served = subprocess.Popen(
        [*command, "explore", "--no-browser", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    line = served.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+/", line)
    assert found, (line, served.poll() is not None and served.stderr.read())
    yield found.group()
    served.send_signal(signal.SIGINT)
    out, err = served.communicate(timeout=20)
    assert (served.returncode, out, err) == (0, "", "")


@pytest.fixture(scope="module")
def chromium():
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox"] if getattr(os, "geteuid", int)() == 0 else []
        )
        yield opened
        opened.close()


@pytest.fixture
def visit(chromium, address):
    """Open the page at a query; afterwards: nothing was fetched from elsewhere, and no error was logged."""
    complaints, asked, pages = [], [], []

    def note(message):
        if message.type == "error":
            complaints.append(message.text)

    def go(query="", viewport=WIDE):
        page = chromium.new_page(viewport=viewport)
        pages.append(page)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address + query)
        page.locator("svg.panel").first.wait_for()
        return page

    yield go
    assert complaints == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    for page in pages:
        page.close()


def control(page, label):
    return page.locator(".control", has_text=label)


def verdict(page, place="chosen"):
    return page.locator(f'.verdict[data-place="{place}"]')


def shown_times(page, row="T, feedback"):
    cells = page.locator(".times tr", has_text=row).locator("td").all_inner_texts()
    return [float("inf") if cell == "never" else float(cell) for cell in cells]


def expect(locator, pattern):
    playwright.expect(locator).to_have_text(re.compile(pattern, re.DOTALL), timeout=10_000)


def press(page, label, key, times=1):
    handle = control(page, label).get_by_role("slider")
    handle.focus()
    for _ in range(times):
        page.keyboard.press(key)


def settle(page, expected):
    """Wait until the table shows the expected learning times: a burst of moves is worked off in between."""
    for _ in range(200):
        shown = shown_times(page)
        if len(shown) == len(expected) and np.allclose(shown, expected, rtol=6e-4):
            break
        page.wait_for_timeout(50)
    np.testing.assert_allclose(shown_times(page), expected, rtol=6e-4)


def test_opens_at_the_zero_start(visit):
    page = visit()
    assert page.title() == "Feedback alignment explorer"
    expect(verdict(page), "Feedback alignment: principal modes first")
    expect(verdict(page, "backpropagation"), "small balanced start: principal modes first")
    np.testing.assert_allclose(shown_times(page), [1.192, 1.893, 3.004, 4.769, 7.570], atol=5.001e-4)
    assert shown_times(page, "recorded") == [1.192, 1.893, 3.004, 4.769, 7.57]
    assert page.locator("svg.panel").count() == 3
    playwright.expect(page.locator(".katex").first).to_be_visible()


def test_a_slider_turns_the_order_around(visit):
    """theta_1 = 0 -> -5: the verdict, the curves and the potential change; numbers are those of the package."""
    page = visit()
    before = page.locator("svg.panel").first.inner_html()
    press(page, "θ₁(0)", "Home")
    expect(verdict(page), "negligible modes first.*anti-regularisation")
    assert page.locator("svg.panel").first.inner_html() != before
    settle(page, solve(State(start=(-5.0, 0.0))).chosen.times)
    assert page.locator(".times tr", has_text="recorded").count() == 0


def test_a_slider_drags(visit):
    page = visit()
    handle = control(page, "θ₁(0)").get_by_role("slider")
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(40):
        page.mouse.move(x - step, y)
    page.mouse.up()
    value = float(handle.get_attribute("aria-valuenow"))
    assert value < -1
    settle(page, solve(State(start=(value, 0.0))).chosen.times)


@pytest.mark.parametrize(
    ("title", "words", "recorded"),
    [
        ("D: (-4, 0)", "negligible modes first", [0.342, 0.312, 0.299, 0.293, 0.291]),
        ("D': on the fold", "negligible modes first", [2.744, 0.823, 0.692, 0.647, 0.627]),
        ("G: near repelling", "mixed order", [10.45, 8.58, 8.43, 8.51]),
        ("H: (-2, 0, 2)", "negligible modes first.*order-convexity", [1.001, 0.734, 0.658, 0.618, 0.597]),
    ],
)
def test_presets(visit, title, words, recorded):
    page = visit()
    control(page, "preset").locator("select").select_option(label=title)
    expect(verdict(page), words)
    expect(page.locator(".times tr", has_text="recorded"), "recorded")
    np.testing.assert_allclose(shown_times(page), recorded, rtol=2e-3)


def test_distance_to_the_repelling_state(visit):
    """A thousandth of the distance costs ln(1000) / rate more: slope 0.4553 for sigma = 2 (girotti2021.md 7, row G)."""
    page = visit("?preset=G")
    first = shown_times(page)[0]
    for label in ("θ₁(0)", "θ₂(0)", "b₂"):
        playwright.expect(control(page, label)).to_be_hidden()
    press(page, "log₁₀ ε", "ArrowLeft", 30)  # steps of 0.1
    settle(page, solve(replace(presets()["G"], distance=1e-12)).chosen.times)
    assert (shown_times(page)[0] - first) / np.log(1000) == pytest.approx(0.4553, abs=2e-3)
    press(page, "depth", "ArrowRight")
    playwright.expect(control(page, "log₁₀ ε")).to_be_hidden()
    playwright.expect(control(page, "θ₃(0)")).to_be_visible()
    settle(page, solve(State(spectrum=presets()["G"].spectrum, start=(0.0,) * 3, feedback=(1.0, 1.0))).chosen.times)


def test_depth(visit):
    page = visit()
    press(page, "depth", "ArrowRight", 2)
    for label in ("θ₁(0)", "θ₄(0)", "b₂", "b₄"):
        playwright.expect(control(page, label)).to_be_visible()
    expect(page.locator(".equations"), "W.*4.*First integrals")
    press(page, "depth", "Home")
    for label in ("θ₂(0)", "θ₃(0)", "θ₄(0)", "b₂", "b₃", "b₄"):
        playwright.expect(control(page, label)).to_be_hidden()
    playwright.expect(control(page, "θ₁(0)")).to_be_visible()
    expect(verdict(page), "simultaneous|principal|no verdict|mixed")


def test_rules(visit):
    """Learned feedback is integrated, has no potential, and says so; its equations carry the feedback's velocity."""
    page = visit("?preset=D")
    control(page, "rule").locator("select").select_option(label="Kolen-Pollack feedback")
    expect(verdict(page), "Kolen-Pollack feedback: negligible modes first")
    expect(page.locator("p.panel"), "No potential")
    assert page.locator("svg.panel").count() == 2


def test_own_spectrum_and_a_slip_of_the_pen(visit):
    page = visit()
    field = control(page, "or any").locator("input")
    field.fill("3, one")
    field.press("Enter")
    playwright.expect(page.get_by_text("spectrum: '3, one' given, expected numbers")).to_be_visible()
    playwright.expect(page.locator("svg.panel")).to_have_count(0)
    field.fill("3, 1, -1")
    field.press("Enter")
    playwright.expect(page.locator("svg.panel")).to_have_count(3)
    assert len(shown_times(page)) == 3


def test_same_start_and_moment(visit):
    page = visit("?preset=D")
    control(page, "BP from").get_by_role("switch").click()
    expect(verdict(page, "backpropagation"), "from the same start: principal modes first")
    before = page.locator("svg.panel").nth(2).inner_html()
    press(page, "time", "End")
    page.wait_for_function("old => document.querySelectorAll('svg.panel')[2].innerHTML !== old", arg=before)


def test_the_link_leads_back(visit):
    page = visit("?preset=H")
    press(page, "b₂", "ArrowLeft", 4)
    expected = State(start=(-2.0, 0.0, 2.0), feedback=(0.8, 1.0))
    link = page.get_by_role("link", name="an address of its own")
    playwright.expect(link).to_have_attribute("href", re.compile(re.escape("feedback=0.8,1.0")))
    again = visit("?" + link.get_attribute("href").split("?")[1])
    assert shown_times(again) == shown_times(page)
    np.testing.assert_allclose(shown_times(again), solve(expected).chosen.times, rtol=6e-4)
    playwright.expect(control(again, "preset").locator("select")).to_have_value(re.compile("."))
    code = again.locator("pre").inner_text()
    assert "start = np.array([-2.0, 0.0, 2.0])" in code


@pytest.mark.parametrize(
    "query", ["?preset=Z", "?start=0,x", "?rule=file.py:Mine", "?depth=3", "?spectrum=", "?level=2"]
)
def test_a_bad_address_says_so(visit, query):
    page = visit(query)
    name = query[1:].split("=")[0]
    playwright.expect(page.get_by_text(re.compile(f"^{name}: "))).to_be_visible()
    expect(verdict(page), "principal modes first")


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_fits_the_window(visit, viewport, tmp_path):
    page = visit("?preset=F", viewport)
    boxes = [page.locator("svg.panel").nth(k).bounding_box() for k in range(3)]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= viewport["width"] for box in boxes)
    assert len({round(box["y"]) for box in boxes}) == (1 if viewport is WIDE else 3)
    sliders = [each.bounding_box() for each in page.locator(".control:visible").all()]
    assert all(box["x"] + box["width"] <= viewport["width"] for box in sliders)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    page.screenshot(path=tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 20_000
