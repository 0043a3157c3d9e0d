"""radhakrishnan2020-invariance: when alignment is an invariant of gradient descent, and of feedback alignment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from fa_dynamics.progress import Report
from fa_dynamics.reproduce.experiment import Experiment, Findings, Record
from fa_dynamics.reproduce.options import Allowed
from fa_dynamics.reproduce.radhakrishnan_classes import Class, Defects, classes, follow
from fa_dynamics.reproduce.radhakrishnan_descent import (
    BALANCED_TIME,
    KINDS,
    STEP_SIZES,
    Guarantee,
    Halving,
    guarantee,
    halving,
)
from fa_dynamics.reproduce.radhakrishnan_feedback import (
    Feedback,
    OneOutput,
    feedback_runs,
    one_output,
    random_feedback,
)
from fa_dynamics.reproduce.radhakrishnan_invariance_data import dataset
from fa_dynamics.reproduce.radhakrishnan_records import disagreements, ranged, record, verdict
from fa_dynamics.reproduce.tables import Table
from fa_dynamics.systems.aligned_criteria import basis_criterion, data_criterion, strong_invariance_possible

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from fa_dynamics.reproduce.radhakrishnan_classes import Array

CRITERION = "radhakrishnan2020.data-criterion"
STRONG = "radhakrishnan2020.strong-invariance"
WEAK = "radhakrishnan2020.weak-invariance"
POINTWISE = "radhakrishnan2020.pointwise-flow"
RATE = "radhakrishnan2020.learning-rate"
FEEDBACK = "radhakrishnan2020.fa-invariance"

HALVED = (".0032", ".0016", ".0008")
"""Recorded commutator defects of gradient descent from a balanced start at the step sizes .04, .02, .01."""

RANDOM_DEFECT = ".17"
"""Recorded commutator defect of an aligned start under random feedback."""


def run(
    report: Report,
    *,
    draws: Annotated[int, Allowed("a whole number from 1 to 200", lambda value: 1 <= value <= 200)] = 12,
    seed: Annotated[int, Allowed("a whole number >= 0", lambda value: value >= 0)] = 0,
) -> Findings:
    """Follow aligned starts through ten problem classes, halved steps, guaranteed steps and four kinds of feedback.

    Parameters
    ----------
    report
        Is told the fraction done.
    draws
        Draws of spectra and starts for the guaranteed step, and of random feedback.
    seed
        Of data, starts and feedback.
    """
    chosen = classes(seed)
    followed = []
    for done, each in enumerate(chosen, start=1):
        followed.append(follow(each.task, each.network))
        report(0.3 * done / len(chosen))
    halved = halving(seed)
    guarantees: dict[str, list[Guarantee]] = {kind: [] for kind in KINDS}
    longer = []
    for draw in range(draws):
        for kind in KINDS:
            guarantees[kind].append(guarantee(kind, seed + draw))
        longer.append(guarantee("equal layers", seed + draw, 1.5))
        report(0.35 + 0.45 * (draw + 1) / draws)
    fed, alone = feedback_runs(seed), one_output(seed)
    scattered = [random_feedback(seed + draw).run.commutator_defect for draw in range(draws)]
    report(1.0)
    records = [
        *(entry for each, found in zip(chosen, followed, strict=True) for entry in _class_records(each, found)),
        *_halving_records(halved),
        *(entry for kind in KINDS for entry in _guarantee_records(kind, guarantees[kind])),
        record(
            "equal layers, 1.5 times the step",
            RATE,
            "draws without the guarantee",
            sum(not each.holds for each in longer),
            unit="count",
        ),
        *_feedback_records(fed, alone, scattered),
    ]
    tables = (
        _class_table(chosen, followed),
        _halving_table(halved),
        _guarantee_table(guarantees, longer),
        _feedback_table(fed),
    )
    seen = _seen(chosen, followed, halved, guarantees, longer, fed, alone, records)
    return Findings(records, tables, seen, dataset(chosen, followed, halved, guarantees, fed), _draw)


def _class_records(each: Class, found: Defects) -> list[Record]:
    possible = strong_invariance_possible(each.task)
    bases = basis_criterion(each.task, each.network.bases[0], each.network.bases[-1], each.network.modes)
    strong, interior = float(found.strong.max()), float(found.interior.max())
    return [
        record(each.name, CRITERION, "data criterion (commutator)", data_criterion(each.task)),
        record(each.name, CRITERION, "strong invariance possible", "yes" if possible else "no", _yes(each.strong)),
        record(each.name, STRONG, "criterion of these bases", float(bases.defect.max())),
        record(each.name, POINTWISE, "I1: largest alignment defect", float(found.pointwise.max())),
        record(each.name, WEAK, "I2: largest interior defect", interior),
        record(each.name, WEAK, "I2", verdict(interior), each.interior),
        record(each.name, STRONG, "I3: largest off-diagonal entry", strong, unit="weight"),
        record(each.name, STRONG, "I3", verdict(strong), each.strong),
    ]


def _yes(word: str) -> str:
    return "yes" if word == "kept" else "no"


def _halving_records(halved: Halving) -> list[Record]:
    records = [record("flow", POINTWISE, "I1: largest alignment defect", float(halved.flow.max()))]
    for step_size, history in zip(STEP_SIZES, halved.steps, strict=True):
        records.append(
            record(f"step {step_size:g}", POINTWISE, f"I1: defect at t = {BALANCED_TIME:g}", float(history[-1]))
        )
    for step_size, ratio in zip(STEP_SIZES, halved.ratios, strict=False):
        records.append(record(f"step {step_size:g}", POINTWISE, "defect over that at half the step", ratio, "2.0"))
    return records


def _guarantee_records(kind: str, found: Sequence[Guarantee]) -> list[Record]:
    return [
        record(
            kind, RATE, "bound and monotony hold", "always" if all(g.holds for g in found) else "not always", "always"
        ),
        record(kind, RATE, "largest (l_t - l_*) / bound", max(_worst(each) for each in found)),
        record(kind, RATE, "farthest beyond a target", max(each.passed for each in found)),
    ]


def _worst(found: Guarantee) -> float:
    """After the start, and where the bound is above the rounding of the loss."""
    clear = found.bound[1:] > 1e-13 * found.bound[0]
    return float((found.excess[1:][clear] / found.bound[1:][clear]).max())


def _feedback_records(fed: Feedback, alone: OneOutput, scattered: Sequence[Array]) -> list[Record]:
    records = []
    for name, found, expected in _feedback_cases(fed):
        strong = float(found.strong.max())
        records += [
            record(name, FEEDBACK, "I3: largest off-diagonal entry", strong, unit="weight"),
            record(name, FEEDBACK, "I3", verdict(strong), expected),
        ]
    # the notes do not say whether their number is the largest or the last one, so it stands beside both
    most, last = [float(each.max()) for each in scattered], [float(each[-1].mean()) for each in scattered]
    zero = "one output, zero start, random feedback"
    return [
        *records,
        ranged("random feedback", FEEDBACK, "largest commutator defect in training", most, RANDOM_DEFECT),
        ranged("random feedback", FEEDBACK, "last commutator defect, mean of nodes", last, RANDOM_DEFECT),
        record(zero, FEEDBACK, "rank one", "yes" if verdict(alone.second) == "kept" else "no", "yes"),
        record(zero, FEEDBACK, "largest second over first singular value", alone.second),
        record(zero, FEEDBACK, "part of W_l outside C_l C_{l-1}^T", alone.direction),
    ]


def _feedback_cases(fed: Feedback) -> list[tuple[str, Defects, str]]:
    return [
        ("shared bases", fed.shared, "kept"),
        ("random feedback", fed.random, "lost"),
        ("shared bases, generic data", fed.generic, "lost"),
    ]


def _class_table(chosen: Sequence[Class], followed: Sequence[Defects]) -> Table:
    lines = tuple(
        (
            each.name,
            each.title,
            verdict(float(found.strong.max())),
            verdict(float(found.interior.max())),
            f"{data_criterion(each.task):.1e}",
            *(f"{float(values.max()):.1e}" for values in (found.strong, found.interior, found.pointwise)),
        )
        for each, found in zip(chosen, followed, strict=True)
    )
    columns = ("class", "data", "I3", "I2", "criterion", "I3 defect", "I2 defect", "I1 defect")
    return Table("Aligned starts under gradient descent: largest defects in training", columns, lines, 4)


def _halving_table(halved: Halving) -> Table:
    ratios = ["", *(f"{ratio:.3f}" for ratio in halved.ratios)]
    lines = [("flow", f"{halved.flow[-1]:.1e}", "0", "")]
    for step_size, history, text, ratio in zip(STEP_SIZES, halved.steps, HALVED, ratios, strict=True):
        lines.append((f"step {step_size:g}", f"{history[-1]:.5f}", text, ratio))
    columns = ("balanced start, generic data", "ours", "recorded, another draw", "ratio")
    return Table(f"I1: alignment defect at t = {BALANCED_TIME:g} (dimensionless)", columns, tuple(lines))


def _guarantee_table(guarantees: dict[str, list[Guarantee]], longer: Sequence[Guarantee]) -> Table:
    lines = []
    for kind, found in (*guarantees.items(), ("equal layers, 1.5 times the step", longer)):
        kept = sum(each.holds for each in found)
        beyond = max(0.0, *(each.passed for each in found))
        lines.append((kind, f"{kept} of {len(found)}", f"{max(map(_worst, found)):.3g}", f"{beyond:.1e}"))
    columns = ("start", "guarantee holds", "largest excess / bound", "beyond a target")
    return Table("The explicit step size, by draw", columns, tuple(lines))


def _feedback_table(fed: Feedback) -> Table:
    lines = tuple(
        (
            name,
            verdict(float(found.strong.max())),
            f"{found.strong.max():.1e}",
            f"{found.pointwise.max():.1e}",
            f"{found.run.loss[-1] - found.run.task.best_loss:.1e}",
        )
        for name, found, _ in _feedback_cases(fed)
    )
    columns = ("feedback alignment", "I3", "I3 defect", "I1 defect", "excess loss")
    return Table("Aligned starts under feedback alignment", columns, lines, 2)


def _seen(
    chosen: Sequence[Class],
    followed: Sequence[Defects],
    halved: Halving,
    guarantees: dict[str, list[Guarantee]],
    longer: Sequence[Guarantee],
    fed: Feedback,
    alone: OneOutput,
    records: Sequence[Record],
) -> str:
    pairs = list(zip(chosen, followed, strict=True))
    strong = [each.name for each, found in pairs if verdict(float(found.strong.max())) == "kept"]
    inner = [e.name for e, found in pairs if verdict(float(found.interior.max())) == "kept" and e.name not in strong]
    agree = sum(
        (verdict(float(found.strong.max())) == "kept") == strong_invariance_possible(each.task) for each, found in pairs
    )
    ratios = ", ".join(f"{ratio:.3f}" for ratio in halved.ratios)
    held = sum(each.holds for found in guarantees.values() for each in found)
    total = sum(map(len, guarantees.values()))
    outcome = "; ".join(f"{name}: {verdict(float(found.strong.max()))}" for name, found, _ in _feedback_cases(fed))
    overshot = sum(not each.holds for each in longer)
    return (
        f"all bases stay in {', '.join(strong)}, only the inner ones in {', '.join(inner)}; the data criterion tells "
        f"so in {agree} of {len(pairs)} classes. A balanced start stays aligned under the flow to "
        f"{halved.flow.max():.0e}, and halving the step divides the defect of descent by {ratios}. The explicit step "
        f"keeps its guarantee in {held} of {total} draws; 1.5 times it breaks it in {overshot} of {len(longer)}. "
        f"Feedback alignment: {outcome}; one output from zero stays of rank one to {alone.second:.0e}. "
        f"{disagreements(records)}."
    )


def _draw(data: xarray.Dataset) -> Figure:
    from fa_dynamics.plots.invariance import plot_invariance

    return plot_invariance(data)


EXPERIMENT = Experiment(
    name="radhakrishnan2020-invariance",
    paper="Radhakrishnan, Nichani, Bernstein, Uhler 2020",
    claim=(
        "the abstract announces necessary and sufficient conditions under which alignment is an invariant of gradient "
        "descent, simpler dynamics when it is, and an explicit learning rate with linear convergence."
    ),
    form=(
        "our own form, derived for this project and not the paper's, with three meanings of invariant kept apart: "
        "aligned at each time (I1), inner bases constant (I2), all bases constant (I3). I3 is possible iff Sigma_xx "
        "commutes with Sigma_yx^T Sigma_yx (radhakrishnan2020.data-criterion, radhakrishnan2020.strong-invariance), "
        "one output keeps I2 on any data (radhakrishnan2020.weak-invariance), balanced flows keep I1 and descent "
        "loses it by O(step size) (radhakrishnan2020.pointwise-flow), the step of radhakrishnan2020.learning-rate "
        "converges linearly without overshoot, and feedback alignment keeps I3 if feedback shares the bases "
        "(radhakrishnan2020.fa-invariance). What is called recorded are this project's theory notes; where their "
        "draw is unknown, agreement means lying in the range of our draws."
    ),
    run=run,
)
