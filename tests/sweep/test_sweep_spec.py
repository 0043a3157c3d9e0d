"""What a sweep file may say, and what is said about one that is wrong: key, line, and what was expected."""

from __future__ import annotations

import numpy as np
import pytest

import fa_dynamics as fa
from fa_dynamics.errors import InputError
from fa_dynamics.sweep import estimate, read_spec, sweep
from fa_dynamics.sweep.layout import lay_out
from fa_dynamics.sweep.points import seed_of, values_at

GOOD = """
# a comment
solver = "simulate"
task = { name = "teacher", n_inputs = 4, n_outputs = 2 }
draws = 2

[fixed]
t_end = 1.0
start = "gaussian:0.1"

[grid]
rule = ["fa", "bp"]
hidden = [
  3,
  [3, 2],
]
"task.rank" = [1, 2]
"""


def test_a_good_file(spec_file):
    spec = read_spec(spec_file(text=GOOD))
    assert spec.shape == (2, 2, 2, 2)
    assert [each.labels.tolist() for each in spec.grid] == [["fa", "bp"], ["3", "3,2"], [1, 2]]
    assert values_at(spec, 5) == ({"rule": "fa", "hidden": [3, 2], "task.rank": 1}, 1)
    assert lay_out(spec).sizes["layer"] == 3


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("draws", "drows", 5, "drows: no key is called so; did you mean 'draws'?"),
        ("draws = 2", "draws = 0", 5, "draws: 0 given, expected a whole number >= 1"),
        ("draws = 2", "draws = true", 5, "draws: True given"),
        ("draws = 2", 'record = ["lost"]', 5, "record: simulate has no observable 'lost'; did you mean 'loss'?"),
        ("draws = 2", "level = 1.0", 5, "level: 1.0 given, expected a number between 0 and 1"),
        ("draws = 2", 'paired = ["rules"]', 5, "paired: the grid has no axis 'rules'; did you mean 'rule'?"),
        ('"simulate"', '"simulat"', 3, "solver: 'simulat' given; did you mean 'simulate'?"),
        ("t_end = 1.0", "t_end = -1.0", 8, "fixed.t_end: -1.0 given, expected a finite number > 0 (at rule = 'fa'"),
        ("t_end = 1.0", "tend = 1.0", 8, "fixed.tend: simulate has no such argument; did you mean 't_end'?"),
        ("t_end = 1.0", "", 7, "fixed: lacks 't_end', which simulate needs"),
        ("gaussian", "gausian", 9, "fixed.start: no family is called 'gausian'"),
        ('"bp"]', '"pb"]', 12, "grid.rule: no rule is called 'pb'"),
        ('"bp"]', '"fa"]', 12, "grid.rule: the value fa is given twice, expected different ones"),
        ('["fa", "bp"]', "[]", 12, "grid.rule: [] given, expected a list of values"),
        ("rule = ", "seed = ", 12, "grid.seed: seeds are made from 'seed'"),
        ("rule = ", "start = ", 12, "grid.start: stands under 'fixed' too"),
        ("  3,\n", "  0,\n", 13, "grid.hidden: 0 given, expected whole numbers >= 1"),
        ("[1, 2]\n", "[1, 9]\n", 17, "grid.task.rank: given 9; expected at most min(n_inputs, n_outputs) = 2 (at"),
        (
            '"task.rank"',
            '"task.rang"',
            17,
            "grid.task.rang: the task 'teacher' has no such option; did you mean 'rank'",
        ),
        ('"teacher"', '"techer"', 4, "task: given 'techer'; did you mean 'teacher'?"),
        ("[1, 2]\n", "{ linspace = [1, 2] }\n", 17, "grid.task.rank: linspace of [1, 2] given, expected [first, last,"),
        ("[fixed]", "[fixed", 7, ""),
    ],
)
def test_errors_name_line_and_key(spec_file, old, new, line, message):
    path = spec_file(text=GOOD.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        lay_out(read_spec(path))
    told = str(caught.value)
    if message:
        assert told.startswith(f"{path}, line {line}: {message}"), told
    else:
        assert f"line {line}" in told
    assert "\n" not in told


def test_errors_of_dictionaries_name_the_key():
    good = {"task": "iris", "fixed": {"t_end": 1.0}}
    for change, message in (
        ({"task": {"spectrum": [1.0], "name": "iris"}}, "task: "),
        ({"task": None}, "task: missing; simulate needs one"),
        (
            {"fixed": {"t_end": 1.0, "method": object()}},
            "fixed.method: <object object at .* given, expected numbers, texts",
        ),
        ({"grid": {"hidden": "3"}}, "grid.hidden: '3' given, expected a list of values"),
        ({"grid": {"task.rank": [1]}, "task": fa.Task.from_spectrum([1.0])}, "grid.task.rank: options of the task"),
        ({"solver": "solve_modes", "draws": 2, "fixed": {"t": [0.0]}}, "draws: 2 given, but solve_modes draws nothing"),
        ({"solver": "solve_modes", "fixed": {"t": [0.0], "curvature": 1}}, "task: has correlations and curvatures"),
        ({"solver": "solve_modes", "fixed": {"t": [2.0, 1.0]}}, "fixed.t: expected increasing finite times"),
        ({"solver": "iterate", "fixed": {"step_size": 0.1}}, "fixed: lacks 'n_steps'"),
    ):
        with pytest.raises(InputError, match=message):
            sweep({**good, **change})
    with pytest.raises(InputError, match="spec: int given"):
        sweep(3)
    with pytest.raises(InputError, match="workers: 0 given"):
        sweep(good, workers=0)
    with pytest.raises(InputError, match="spec: there is no file"):
        sweep("nowhere.toml")


def test_seeds_belong_to_coordinates():
    base = {"task": {"spectrum": [1.0]}, "fixed": {"t_end": 1.0}, "draws": 3}
    small = read_spec({**base, "grid": {"rule": ["fa", "bp"], "hidden": [3, 4]}})
    large = read_spec({**base, "grid": {"hidden": [2, 4, 3], "rule": ["dfa", "bp", "fa"]}, "draws": 5})
    paired = read_spec({**base, "grid": {"rule": ["fa", "bp"], "hidden": [3, 4]}, "paired": "rule"})
    other = read_spec({**base, "grid": {"rule": ["fa", "bp"], "hidden": [3, 4]}, "seed": 1})
    seeds = [seed_of(small, *values_at(small, run)) for run in range(small.runs)]
    assert len(set(seeds)) == small.runs
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert set(seeds) < {seed_of(large, *values_at(large, run)) for run in range(large.runs)}
    assert not set(seeds) & {seed_of(other, *values_at(other, run)) for run in range(other.runs)}
    halves = np.array([seed_of(paired, *values_at(paired, run)) for run in range(paired.runs)]).reshape(2, -1)
    np.testing.assert_array_equal(halves[0], halves[1])
    assert len(set(halves[0])) == 6


def test_the_seed_of_a_run_never_changes():
    """Stores that were begun earlier are continued with these."""
    spec = read_spec({"task": {"spectrum": [1.0]}, "fixed": {"t_end": 1.0}, "grid": {"hidden": [3]}})
    assert seed_of(spec, {"hidden": 3}, 0) == seed_of(spec, {"hidden": np.int64(3)}, 0) == 4106653816729654472


def test_an_estimate_keeps_nothing(spec_file, tmp_path):
    path = spec_file(draws=5)
    plan = estimate(path, workers=2)
    assert (plan.runs, plan.timed, plan.failed) == (20, 5, ())
    assert plan.axes == {"rule": 2, "hidden": 2, "draw": 5}
    assert plan.observables == {"learning_times": (3,), "loss": (9,), "rank_correlation": ()}
    assert 0 < plan.seconds_per_run < 5
    assert list(tmp_path.iterdir()) == [path]


ROOM = {
    "many small": {"draws": 200, "record": ["loss"], "grid": {"hidden": [3, 6]}},
    "a file": """
task = { spectrum = [2.0, 1.0] }
draws = 6
record = ["weights", "mode_strength"]
fixed = { t_end = 0.5, rtol = 1e-3, atol = 1e-6, t_eval = { linspace = [0, 0.5, 100] } }
grid = { hidden = [30] }
""",
    "several chunks": {"draws": 700, "record": ["loss"], "grid": {"hidden": [2], "rule": ["fa", "bp"]}},
}


@pytest.mark.parametrize("case", ROOM)
def test_a_store_needs_no_more_room_than_estimated(case, tmp_path):
    fixed = {"t_end": 0.5, "rtol": 1e-3, "atol": 1e-6, "t_eval": {"linspace": [0, 0.5, 100]}}
    if case == "a file":  # kept with its comments, in whatever alphabet
        spec = tmp_path / "sweep.toml"
        spec.write_text("# " + "\u03c0" * 30_000 + ROOM[case], encoding="utf-8")
    else:
        spec = {"task": {"spectrum": [2.0, 1.0]}, "fixed": fixed, **ROOM[case]}
    sweep(spec, store=tmp_path / "store.zarr")
    sizes = [path.stat().st_size if path.is_file() else 1 for path in tmp_path.rglob("store.zarr/**/*")]
    needed = sum(-(-size // 4096) * 4096 for size in sizes)
    assert needed / 1e6 <= estimate(spec).megabytes < 2 * needed / 1e6
