"""Options, table, record and files of the phase diagram on the command line."""

import json

import pytest

import fa_dynamics as fa
from fa_dynamics.cli.phase_options import parse_axis, phase_record, print_phase, solve_phase, write_phase
from fa_dynamics.derive.lookup import find_rule


@pytest.fixture(scope="module")
def diagram():
    return solve_phase(find_rule("fa"), [3.0, 1.0], [1.0, 1.0], 2, None, (1.0,), 0.5, y="b_2=-1:2", points=12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("theta_1=-4:4", ("theta_1", (-4.0, 4.0))),
        (" b_2 = 1e-3:2.5", ("b_2", (0.001, 2.5))),
        ("theta_3=0:1", ("theta_3", (0.0, 1.0))),
    ],
)
def test_axes(text, expected):
    assert parse_axis(text, "x") == expected


@pytest.mark.parametrize(
    "text", ["theta_1", "theta_1=", "=1:2", "theta_1=1", "theta_1=1:2:3", "a=1:b", "a=1,2:3", "a=:"]
)
def test_axes_that_are_none(text):
    with pytest.raises(fa.InputError, match=r"^y: .* given, expected .* such as theta_1=-4:4"):
        parse_axis(text, "y")


def test_arguments_arrive(diagram):
    assert (diagram.plane.x, diagram.plane.y) == ("theta_1", "b_2")
    assert diagram.plane.shape == (12, 12)
    assert (diagram.plane.y_values[0], diagram.plane.y_values[-1]) == (-1, 2)
    deep = solve_phase(find_rule("dfa"), [3.0, 1.0], [1.0, 2.0], 3, (0.1, 0.2, 0.3), (1.0, 2.0), 0.9, points=3)
    assert deep.rule.name == "dfa"
    assert deep.level == 0.9
    assert deep.plane.fixed()["theta_3"].tolist() == [0.3, 0.3]
    assert deep.plane.fixed()["c_2"].tolist() == [2.0, 2.0]


def test_record_is_strict_json(diagram):
    record = json.loads(json.dumps(phase_record(diagram), allow_nan=False))
    assert record["agreement"] == 1.0
    assert sum(record["share"].values()) == pytest.approx(1)
    assert record["x"] == {"name": "theta_1", "from": -4.0, "to": 4.0, "points": 12}


def test_table(diagram, capsys):
    print_phase(diagram)
    printed = capsys.readouterr().out
    assert "principal-first" in printed
    assert "found at 100.00% of the points" in printed


def test_table_without_predictions(capsys):
    print_phase(
        solve_phase(find_rule("fa"), [3.0, -2.0, 1.0], [1.0] * 3, 2, None, (1.0,), 0.5, x="theta_1=1:2", points=4)
    )
    assert "no theorem predicts an order anywhere" in capsys.readouterr().out


def test_files(diagram, tmp_path):
    import xarray

    written = write_phase(diagram, tmp_path)
    assert [path.name for path in written] == ["phase.png", "phase.nc"]
    assert written[0].stat().st_size > 20_000
    with xarray.open_dataset(written[1], engine="h5netcdf") as read:
        assert read["rank_correlation"].shape == (12, 12)
