"""States, their addresses and what the presets are: what goes into an address comes out of it unchanged."""

from dataclasses import replace
from urllib.parse import parse_qsl

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fa_dynamics.errors import InputError
from fa_dynamics.explore.presets import opened, presets, recorded, titles
from fa_dynamics.explore.state import RULES, State, numbers
from fa_dynamics.modes.named_starts import rows

number = st.floats(-1e3, 1e3)


@st.composite
def states(draw):
    depth = draw(st.integers(1, 4))
    return State(
        rule=draw(st.sampled_from(RULES)),
        spectrum=tuple(draw(st.lists(number, min_size=1, max_size=8))),
        start=tuple(draw(st.lists(number, min_size=depth, max_size=depth))),
        feedback=tuple(draw(st.lists(number, min_size=depth - 1, max_size=depth - 1))),
        level=draw(st.floats(0.01, 0.999)),
        same=draw(st.booleans()),
    )


@given(states())
@settings(deadline=None, max_examples=60)
def test_an_address_carries_a_state(state):
    assert State.from_query(dict(parse_qsl(state.query(), keep_blank_values=True))) == state


@pytest.mark.parametrize("name", list(presets()))
def test_presets_are_the_rows_of_the_table(name):
    """Bit for bit: the rows near the fold and near the repelling state depend on the last digits."""
    state, row = presets()[name], rows()[name]
    np.testing.assert_array_equal(state.table, row.table)
    assert state.spectrum == row.sigma
    assert State.from_query(dict(parse_qsl(state.query()))) == state
    assert recorded(state) == row
    assert recorded(replace(state, same=True)) == row
    assert recorded(replace(state, level=0.5)) is None
    assert opened({"preset": name}) == (state, None)


def test_titles_name_every_preset():
    assert list(titles().values()) == list(presets())


def test_opened_joins_a_preset_and_parts():
    state, complaint = opened({"preset": "D", "rule": "kp", "same": "True"})
    assert complaint is None
    assert state == replace(presets()["D"], rule="kp", same=True)


BAD = [
    ({"preset": "Z"}, "preset: ", "'Z'"),
    ({"starts": "0,0"}, "starts: ", "'start'"),
    ({"rule": "file.py:Mine"}, "rule: ", "file.py:Mine"),
    ({"start": "0,one"}, "start: ", "'0,one'"),
    ({"start": "0,nan"}, "start: ", "'0,nan'"),
    ({"start": "0,0,0"}, "feedback: ", "expected 2"),
    ({"start": "0,0,0,0,0", "feedback": "1,1,1,1"}, "start: ", "1 to 4"),
    ({"start": "0,1e9"}, "start: ", "1000"),
    ({"spectrum": ""}, "spectrum: ", "1 to 8"),
    ({"spectrum": "1,1,1,1,1,1,1,1,1"}, "spectrum: ", "9 modes"),
    ({"level": "1"}, "level: ", "between 0 and 1"),
    ({"level": "0.5,0.6"}, "level: ", "one number"),
    ({"same": "yes"}, "same: ", "True or False"),
    ({"distance": "0"}, "distance: ", "(0, 1]"),
    ({"distance": "1e-3"}, "spectrum: ", "2.828"),
    ({"distance": "1e-3", "start": "0,0,0", "feedback": "1,1"}, "distance: ", "two layers"),
]


@pytest.mark.parametrize(("query", "name", "words"), BAD)
def test_bad_addresses_open_the_first_preset_and_say_why(query, name, words):
    state, complaint = opened(query)
    assert state == presets()["A"]
    assert complaint.startswith(name)
    assert words in complaint
    assert "\n" not in complaint


def test_numbers():
    assert numbers(" 3, 1,-1e-3 ", "spectrum") == (3.0, 1.0, -1e-3)
    assert numbers("  ", "spectrum") == ()
    for text in ("3;1", "3,,1", "inf"):
        with pytest.raises(InputError, match="spectrum: "):
            numbers(text, "spectrum")
