"""robertson2024-minimum-norm: at which of the maps that fit feedback alignment ends, and by which potential."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from fa_dynamics.errors import InputError
from fa_dynamics.progress import Report
from fa_dynamics.reproduce.experiment import Experiment, Findings, Record
from fa_dynamics.reproduce.minimum_norm_runs import (
    Fit,
    Mirror,
    Plane,
    all_fits,
    beside_mirror,
    curved_paths,
    no_mirror,
    paths_to_a_line,
    problem,
)
from fa_dynamics.reproduce.options import Allowed
from fa_dynamics.reproduce.tables import Table
from fa_dynamics.systems.minimum_norm import moves_within_inputs

if TYPE_CHECKING:
    import xarray

NORM, MIRROR = "robertson2024.minimum-norm", "robertson2024.mirror-flow"

FORMULA_TOLERANCE, MIRROR_TOLERANCE = 1e-9, 1e-9
"""Of distances relative to |Y X^+|; the second is the one in this project's theory notes."""

RULES = ("fa", "bp", "dfa", "sign", "kp")


def run(
    report: Report,
    *,
    n_inputs: Annotated[int, Allowed("a whole number >= 2", lambda value: value >= 2)] = 12,
    n_samples: Annotated[int, Allowed("a whole number >= 1", lambda value: value >= 1)] = 6,
    outputs: Annotated[tuple[int, ...], Allowed("whole numbers >= 1", lambda value: value >= 1)] = (1, 3),
    depths: Annotated[tuple[int, ...], Allowed("whole numbers from 1 to 5", lambda value: 1 <= value <= 5)] = (
        1,
        2,
        3,
        4,
    ),
    width: Annotated[int, Allowed("a whole number >= 1", lambda value: value >= 1)] = 8,
    draws: Annotated[int, Allowed("a whole number >= 1", lambda value: value >= 1)] = 1,
    seed: Annotated[int, Allowed("a whole number >= 0", lambda value: value >= 0)] = 0,
) -> Findings:
    """Fit fewer samples than inputs from zero and nonzero starts, and look at where the runs end.

    Parameters
    ----------
    report
        Is told the fraction done.
    n_inputs, n_samples
        Of the random interpolation problem; fewer samples than inputs.
    outputs, depths
        Numbers of outputs n_L and of layers L to try.
    width
        Of hidden layers, about.
    draws
        Of feedback and starts, each.
    seed
        Of data, starts and feedback.
    """
    if n_samples >= n_inputs:
        raise InputError(
            f"n_samples: {n_samples} given, expected fewer than n_inputs = {n_inputs}: many maps shall fit"
        )
    tasks = [problem(n_inputs, n_samples, count, seed) for count in dict.fromkeys(outputs)]
    fits = all_fits(tuple(dict.fromkeys(depths)), tasks, width, draws, seed, report)
    single = [found for found in fits if found.rule == "fa" and found.run.sizes[-1] == 1]
    mirrors = [beside_mirror(found) for found in single if found.start == "zero"]
    broken = [
        found
        for found in fits
        if found.rule == "fa" and found.run.depth > 1 and (found.start == "zero") == (found.run.sizes[-1] > 1)
    ]
    within = {rule: moves_within_inputs(rule, 3) for rule in RULES} | {
        "fa with decay": moves_within_inputs("fa", 3, decay=True)
    }
    records = [
        *(record for found in fits for record in _fit_records(found)),
        *(record for found in mirrors for record in _mirror_records(found)),
        *(_broken_record(found) for found in broken),
        *(_within_record(rule, holds) for rule, holds in within.items()),
    ]
    line, curved = paths_to_a_line(), curved_paths((1, 2, 3, 4))
    return Findings(
        records,
        (_fits_table(fits), *([_mirrors_table(mirrors, broken)] if mirrors or broken else [])),
        _seen(fits, mirrors, broken, within),
        _dataset(fits, mirrors, line, curved),
        _draw,
    )


def _record(
    quantity: str,
    ours: float | bool,
    statement: str,
    *,
    below: float | None = None,
    above: float | None = None,
    **where: Any,
) -> Record:
    """A number, and whether it is within what the statement says (None where it says nothing)."""
    agrees = (
        None
        if below is None and above is None
        else bool((below is None or ours <= below) and (above is None or ours >= above))
    )
    base = {"rule": None, "depth": None, "widths": None, "outputs": None, "start": None, "draw": None}
    expected = {"at_most": below, "at_least": above}
    return base | where | {"quantity": quantity, "ours": ours} | expected | {"agrees": agrees, "statement": statement}


def _where(found: Fit) -> Record:
    run = found.run
    widths = "-".join(map(str, run.sizes))
    return {
        "rule": found.rule,
        "depth": run.depth,
        "widths": widths,
        "outputs": run.sizes[-1],
        "start": found.start,
        "draw": found.draw,
    }


def _fit_records(found: Fit) -> list[Record]:
    zero, where = found.start == "zero", _where(found)
    tolerance = FORMULA_TOLERANCE if found.fitted else None
    return [
        _record("|P - Y X^+| / |Y X^+|", found.to_minimum_norm, NORM, below=tolerance if zero else None, **where),
        _record("|P - formula| / |Y X^+|", found.to_formula, NORM, below=tolerance, **where),
    ]


def _mirror_records(found: Mirror) -> list[Record]:
    where: Record = {"rule": "fa", "depth": found.depth, "outputs": 1, "start": "zero"}
    share = float(found.bound_share.max())
    return [
        _record("largest |P - reduced P| / |P_*|", found.difference, MIRROR, below=MIRROR_TOLERANCE, **where),
        _record("defect of the mirror identity", found.defect, MIRROR, below=MIRROR_TOLERANCE, **where),
        _record("largest t (loss - best) / psi(P_*)", share, MIRROR, below=1.0, **where),
        _record("chi", found.potential.chi, MIRROR, **where),
    ]


def _broken_record(found: Fit) -> Record:
    name = "path dependence" if found.run.sizes[-1] > 1 else "defect of the mirror identity"
    return _record(name, no_mirror(found), MIRROR, above=1e-3, **_where(found))


def _within_record(rule: str, holds: bool) -> Record:
    expected: dict[str, Any] = {"below": 0.0} if "decay" in rule else {"above": 1.0}
    return _record("rows of dW_1/dt stay in the span of the inputs", holds, NORM, rule=rule, **expected)


def _fits_table(fits: Sequence[Fit]) -> Table:
    lines = tuple(
        (
            found.rule,
            "-".join(map(str, found.run.sizes)),
            found.start,
            "yes" if found.fitted else "no",
            f"{found.to_minimum_norm:.1e}",
            f"{found.to_formula:.1e}",
        )
        for found in fits
    )
    columns = ("rule", "widths", "start", "fits", "from Y X^+", "from formula")
    title = "Last map: relative distance from Y X^+ and from Y X^+ + W_L..W_2 W_1(0) (I - Pi_x)"
    return Table(title, columns, lines, 4)


def _mirrors_table(mirrors: Sequence[Mirror], broken: Sequence[Fit]) -> Table:
    lines = [
        (
            f"L = {found.depth}, one output, zero start",
            f"{found.difference:.1e}",
            f"{found.defect:.1e}",
            f"{found.bound_share.max():.3f}",
        )
        for found in mirrors
    ]
    lines += [
        (f"L = {found.run.depth}, {_outputs(found)}, {found.start} start", "", f"{no_mirror(found):.1e}", "")
        for found in broken
    ]
    columns = ("run", "from reduced flow", "defect", "t excess / psi")
    title = "Mirror flow d/dt grad psi(P) = E: relative differences; the bound says t (loss - best) / psi(P_*) <= 1"
    return Table(title, columns, tuple(lines))


def _outputs(found: Fit) -> str:
    count = found.run.sizes[-1]
    return "one output" if count == 1 else f"{count} outputs"


def _seen(fits: Sequence[Fit], mirrors: Sequence[Mirror], broken: Sequence[Fit], within: dict[str, bool]) -> str:
    fitted = [found for found in fits if found.fitted]
    zero = [found.to_minimum_norm for found in fitted if found.start == "zero"]
    other = [found.to_minimum_norm for found in fitted if found.start == "nonzero"]
    parts = [f"{len(fitted)} of {len(fits)} runs fit their data"]
    if zero:
        parts.append(f"from a zero start they end within {max(zero):.0e} |Y X^+| of the least-norm map")
    if other:
        worst = max(found.to_formula for found in fitted)
        parts.append(
            f"from nonzero ones {min(other):.2g} to {max(other):.2g} away from it, of which the extra term leaves "
            f"{worst:.0e}"
        )
    if mirrors:
        difference = max(found.difference for found in mirrors)
        share = max(float(found.bound_share.max()) for found in mirrors)
        parts.append(
            f"with one output the reduced flow of n_0 numbers follows all {len(mirrors)} zero-start runs to "
            f"{difference:.0e} and at most {share:.2f} of the loss bound is used"
        )
    if broken:
        parts.append(f"defects of the counterexamples are {min(map(no_mirror, broken)):.2g} and more")
    kept = ", ".join(rule for rule, holds in within.items() if holds)
    parts.append(f"by the derived flows the first layer moves within the span of the inputs for {kept}")
    return "; ".join(parts) + "."


def _dataset(fits: Sequence[Fit], mirrors: Sequence[Mirror], line: Plane, curved: Plane) -> xarray.Dataset:
    import xarray

    none, time, weight = "dimensionless", "1 / curvature", "output per input"
    data: dict[str, Any] = {
        "to_minimum_norm": _named("run", [f.to_minimum_norm for f in fits], "|P - Y X^+| / |Y X^+| at the end", none),
        "to_formula": _named(
            "run", [f.to_formula for f in fits], "|P - (Y X^+ + W_L..W_2 W_1(0) (I - Pi_x))| / |Y X^+| at the end", none
        ),
        "fitted": _named("run", [int(f.fitted) for f in fits], "1 if the loss fell to its best value", none),
    }
    for name, plane in (("line", line), ("curved", curved)):
        about = "one sample" if name == "line" else "unequal curvatures, unit feedback"
        data |= {
            f"{name}_path": _named(f"{name}_run {name}_time axis", plane.paths, f"end-to-end map, {about}", weight),
            f"{name}_end": _named(f"{name}_run axis", plane.ends, "predicted last map", weight),
            f"{name}_input_moment": _named("axis other_axis", plane.task.input_moment, "Sigma_xx", "input squared"),
            f"{name}_cross_moment": _named("axis", plane.task.cross_moment[0], "Sigma_yx", "output times input"),
        }
    coordinates: dict[str, Any] = {
        "run": [f"{f.rule} {'-'.join(map(str, f.run.sizes))} {f.start} {f.draw}" for f in fits],
        "line_run": list(line.labels),
        "curved_run": list(curved.labels),
    }
    if mirrors:
        data["bound_share"] = _named(
            "mirror time", [m.bound_share for m in mirrors], "t (loss - best loss) / psi(P_*), at most 1", none
        )
        data["chi"] = _named("mirror", [m.potential.chi for m in mirrors], "P = chi |u|^(n-1) u", "none")
        data["mirror_depth"] = _named("mirror", [m.depth for m in mirrors], "number of layers", none)
        coordinates["time"] = _named("time", mirrors[0].t, "time of training", time)
    return xarray.Dataset(data, coordinates)


def _named(dimensions: str, values: Any, description: str, units: str) -> tuple[list[str], Any, dict[str, str]]:
    return dimensions.split(), np.asarray(values), {"description": description, "units": units}


def _draw(data: xarray.Dataset) -> Any:
    from fa_dynamics.plots.mirror import plot_minimum_norm

    return plot_minimum_norm(data)


EXPERIMENT = Experiment(
    name="robertson2024-minimum-norm",
    paper="Robertson, Koyejo 2024",
    claim=(
        "the abstract of the paper's first version announces minimum-norm solutions of over-parameterised two-layer "
        "linear networks under feedback alignment."
    ),
    form=(
        "our own form, derived for this project and not the paper's: a run of any depth, width and feedback that fits "
        "its data ends at P = Y X^+ + W_L..W_2 W_1(0) (I - Pi_x), hence at the interpolator of least norm from "
        "W_1(0) = 0 (robertson2024.minimum-norm); with one output and a zero start it is the mirror flow "
        "d/dt grad psi(P) = E, psi = n/(n+1) chi^(-1/n) |P|^((n+1)/n), n = 2^L - 1, so that "
        "loss(P) - loss(Q) <= psi(Q) / t for every map Q (robertson2024.mirror-flow). That runs reach E = 0 is "
        "observed here, not proved for several outputs."
    ),
    run=run,
)
