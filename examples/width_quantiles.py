"""Learning times of feedback alignment over 2,000 random feedback matrices, against the width of the hidden layer.

From a zero start, gradient flow with feedback B sees the feedback only through B^T B. If that is a multiple of the
identity, modes are learned one by one, on the exact curves of ``fa.solve_modes``. Gaussian B (entries of variance 1/h)
have E[B^T B] = I with random parts of relative size 1/sqrt(h): the modes talk to each other, less and less so the wider
the layer. The script draws B, integrates the full matrix flow of all draws together, and prints how learning times
scatter::

    python examples/width_quantiles.py            # 2,000 draws per width
    python examples/width_quantiles.py 200        # a quick look

Two sizes tell how strongly: the 5-95 % range of the first mode's learning time over its median, and how far mode curves
depart from the exact ones. Both times sqrt(width) are constant if the law holds.
"""

from __future__ import annotations

import sys

import numpy as np

import fa_dynamics as fa

CORRELATIONS = [4.0, 2.0, 1.0]
WIDTHS = (8, 16, 32, 64, 128)
LEVELS = (0.05, 0.5, 0.95)


def departure(strength: np.ndarray, reference: np.ndarray) -> float:
    """Largest departure of a mode from its exact curve, relative to the mode's target: median over the draws."""
    size = np.abs(strength - reference).max(axis=1) / np.array(CORRELATIONS)
    return float(np.median(size.max(axis=1)))


def main(draws: int = 2000) -> list[dict[str, float]]:
    """Print one line per width, and return the numbers."""
    task = fa.Task.from_spectrum(CORRELATIONS)
    t = np.linspace(0.0, 8.0, 81)
    exact = fa.solve_modes(CORRELATIONS, t=t)
    print("exact learning times with B^T B = I:", exact.learning_times(0.5).round(3))
    rows = []
    for width in WIDTHS:
        # Gaussian(scale) has entries of variance scale^2 / outputs: here 1/width, so that E[B^T B] = I.
        feedback = fa.starts.Gaussian(np.sqrt(len(CORRELATIONS) / width))
        many = fa.simulate_ensemble(
            task, width, "fa", "zero", feedback, draws=draws, t_end=8.0, t_eval=t, rtol=1e-6, atol=1e-9
        )
        low, middle, high = many.quantiles(LEVELS)
        away = departure(many.mode_strength[many.completed], exact.strength)
        spread = ((high - low) / middle)[0]
        rows.append({"width": width, "departure": away, "spread": float(spread)})
        times = "  ".join(f"{m:.3f} ({a:.3f}-{b:.3f})" for a, m, b in zip(low, middle, high, strict=True))
        root = np.sqrt(width)
        print(
            f"width {width:4d}: median (5-95 %) {times}; spread of mode 1 {spread:.3f}, departure {away:.3f}; "
            f"times sqrt(width): {spread * root:.2f}, {away * root:.2f}; {many.seconds:.1f} s"
        )
    widths, departures, spreads = (np.array([row[key] for row in rows]) for key in ("width", "departure", "spread"))
    for name, values in (("departure", departures), ("spread", spreads)):
        slope = np.polyfit(np.log(widths), np.log(values), 1)[0]
        print(f"{name} ~ width^{slope:.2f}")
    return rows


if __name__ == "__main__":
    main(*(int(number) for number in sys.argv[1:2]))
