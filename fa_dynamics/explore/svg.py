"""A small writer of SVG: axes, polylines and dots, a tenth of the time of a Matplotlib figure."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fa_dynamics.explore.thinning import thinned

Array = NDArray[np.float64]

WIDTH, HEIGHT = 440.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 12.0, 30.0, 46.0
"""Size of a panel and of its margins, in units that the browser scales to the width at hand."""

COLOURS = ("#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26")
"""Viridis, dark to light, without its ends: black and yellow are hard to see on the page."""

BEYOND = 2.0
"""Points further outside than this many panel sizes are moved there: what is not seen need not be exact."""


def colours(count: int) -> list[str]:
    """Colours from the first mode to the last one shown, as far apart as they can be."""
    return [COLOURS[int(place)] for place in np.linspace(0, len(COLOURS) - 2, count).round()]


def ticks(low: float, high: float, wanted: int = 5) -> Array:
    """Round numbers in steps of 1, 2 or 5 times a power of ten that lie in an interval.

    >>> ticks(0.0, 4.3).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    rough = (high - low) / wanted
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * min((1.0, 2.0, 5.0, 10.0), key=lambda factor: abs(np.log(factor * power / rough)))
    return np.asarray(step * np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) + 0.0)  # no -0


@dataclass(frozen=True)
class Panel:
    """A rectangle of data coordinates in a picture.

    Attributes
    ----------
    name
        Tells panels of one page apart.
    x, y
        First and last value of either axis, the first one smaller.
    """

    name: str
    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, values: Array) -> Array:
        """Horizontal places of values."""
        return self._place(values, self.x, LEFT, WIDTH - RIGHT)

    def up(self, values: Array) -> Array:
        """Vertical places of values."""
        return self._place(values, self.y, HEIGHT - BOTTOM, TOP)

    def _place(self, values: Array, ends: tuple[float, float], first: float, last: float) -> Array:
        part = (np.asarray(values, dtype=float) - ends[0]) / (ends[1] - ends[0])
        return np.asarray(first + (last - first) * np.clip(part, -BEYOND, 1 + BEYOND))

    def line(self, x: Array, y: Array, colour: str, width: float = 2.0, more: str = "") -> str:
        """A polyline through the points that are numbers."""
        return self.lines(x, y[:, None], [colour], width, more)[0]

    def lines(self, x: Array, y: Array, colours: list[str], width: float = 2.0, more: str = "") -> list[str]:
        """A polyline per column of y, (points, lines), over x of the same shape or shared by all."""
        across, up = self.across(np.broadcast_to(x if x.ndim == 2 else x[:, None], y.shape)), self.up(y)
        return [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" {more}/>'
            for points, colour in zip(_written(across, up), colours, strict=True)
        ]

    def level(self, y: float, colour: str) -> str:
        """A thin line across the panel."""
        up = f"{float(self.up(np.array(y))):.1f}"
        return (
            f'<polyline points="{LEFT},{up} {WIDTH - RIGHT},{up}" fill="none" stroke="{colour}" stroke-width="1" '
            'opacity="0.55" stroke-dasharray="3 3"/>'
        )

    def dot(self, x: float, y: float, colour: str, radius: float = 5.0, fill: str | None = None) -> str:
        """A circle; nothing where a coordinate is no number."""
        if not np.isfinite([x, y]).all():
            return ""
        across, up = float(self.across(np.array(x))), float(self.up(np.array(y)))
        style = f'fill="{fill or colour}" stroke="{colour}" stroke-width="1.6"'
        return f'<circle cx="{across:.1f}" cy="{up:.1f}" r="{radius:g}" {style}/>'

    def draw(self, marks: list[str], title: str, xlabel: str, ylabel: str) -> str:
        """The whole picture: marks inside the panel, axes with labels around it."""
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        frame = [
            f'<path d="M{LEFT},{TOP} V{bottom} H{right}" fill="none" stroke="currentColor" stroke-width="1"/>',
            f'<text x="{LEFT}" y="18" font-weight="600">{escape(title)}</text>',
            f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(xlabel)}</text>',
            f'<text transform="translate(14 {(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">{escape(ylabel)}'
            "</text>",
        ]
        for value in ticks(*self.x):
            at = float(self.across(value))
            frame.append(f'<path d="M{at:.1f},{bottom} v5" stroke="currentColor"/>')
            frame.append(f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{_number(value)}</text>')
        for value in ticks(*self.y):
            at = float(self.up(value))
            frame.append(f'<path d="M{LEFT},{at:.1f} h-5" stroke="currentColor"/>')
            frame.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{_number(value)}</text>')
        window = f'<rect x="{LEFT}" y="{TOP}" width="{right - LEFT}" height="{bottom - TOP}"/>'
        return (
            f'<svg class="panel" role="img" aria-label="{escape(title)}" viewBox="0 0 {WIDTH:g} {HEIGHT:g}">'
            f'<defs><clipPath id="clip-{self.name}">{window}</clipPath></defs>'
            f'<g clip-path="url(#clip-{self.name})">{"".join(marks)}</g>{"".join(frame)}</svg>'
        )


def _written(across: Array, up: Array) -> list[str]:
    x, y, line = thinned(across, up)
    places = [f"{a:g},{u:g}" for a, u in zip(x.round(1).tolist(), y.round(1).tolist(), strict=True)]
    begins = np.searchsorted(line, np.arange(across.shape[1] + 1)).tolist()
    return [" ".join(places[begin:end]) for begin, end in pairwise(begins)]


def _number(value: float) -> str:
    return f"{0.0 if abs(value) < 1e-12 else value:.5g}".replace("-", "\N{MINUS SIGN}")
