"""Edits by pointer and keyboard, undo and redo, without a browser."""

from dataclasses import replace

import pytest

from qd_pix2pix.studio.dot import MOST_OBJECTS, Dot, Gate, Well
from qd_pix2pix.studio.history import MOST, History
from qd_pix2pix.studio.session import STEPS, Session

START = Dot(side=100.0, wells=(Well(30.0, 50.0, 20.0, 10.0), Well(70.0, 50.0, 20.0, 10.0)))


@pytest.fixture
def session():
    return Session(history=History(START))


def drawn(session, *points):
    session.press(*points[0])
    for point in points[1:]:
        session.drag(*point)
    session.release()
    return session.history.present


def test_a_well_is_dragged_by_where_it_was_taken(session):
    dot = drawn(session, (31.0, 51.0), (50.0, 70.0), (41.0, 61.0))
    assert dot.wells == (Well(40.0, 60.0, 20.0, 10.0), START.wells[1])
    assert len(session.history.past) == 1  # one edit, however far it went


def test_a_click_on_an_empty_place_adds_a_well(session):
    session.set_tool(depth=5.0, width=7.0)
    assert drawn(session, (50.0, 90.0)).wells[2] == Well(50.0, 90.0, 5.0, 7.0)
    assert session.pointer.selected == 2


def test_a_gate_is_dragged_open_and_then_moved(session):
    session.choose("gates")
    dot = drawn(session, (10.0, 20.0), (30.0, 30.0))
    assert dot.gates == (Gate(20.0, 25.0, 20.0, 10.0, -100.0),)
    assert drawn(session, (22.0, 26.0), (32.0, 36.0)).gates == (Gate(30.0, 35.0, 20.0, 10.0, -100.0),)


def test_a_stroke_has_the_numbers_of_the_brush_and_stays_inside(session):
    session.choose("brush")
    session.set_tool(size=4.0, height=3.0)
    (stroke,) = drawn(session, (10.0, 10.0), (10.5, 10.0), (50.0, 10.0), (50.0, 130.0)).strokes
    assert stroke.points == ((10.0, 10.0), (50.0, 10.0), (50.0, 100.0))
    assert (stroke.size, stroke.height) == (4.0, 3.0)


def test_density_is_painted_without_changing_the_potential(session):
    session.choose("target")
    dot = drawn(session, (10.0, 10.0), (50.0, 10.0))
    assert len(dot.target) == 1 and replace(dot, target=()) == START


def test_undo_and_redo(session):
    first = drawn(session, (31.0, 50.0), (41.0, 50.0))
    second = drawn(session, (70.0, 50.0), (70.0, 80.0))
    session.undo()
    assert session.dot == first
    session.undo()
    session.undo()  # at the beginning: nothing
    assert session.dot == START
    session.redo()
    session.redo()
    assert session.dot == second
    session.undo()
    drawn(session, (50.0, 90.0))
    session.redo()  # an edit drops what was undone
    assert len(session.dot.wells) == 3 and not session.history.future


def test_history_is_bounded():
    history = History(START)
    for k in range(MOST + 50):
        history = history.pushed(replace(START, detuning=float(k + 1)))
    assert len(history.past) == MOST and history.pushed(history.present) is history


def test_the_keyboard_draws_what_the_pointer_draws(session):
    session.choose("brush")
    for name in (" ", *["ArrowRight"] * 8, *["ArrowUp"] * 4, " "):
        session.key(name)
    step = 100.0 / STEPS
    (stroke,) = session.history.present.strokes
    assert stroke.points[0] == (50.0, 50.0) and stroke.points[-1] == (50 + 8 * step, 50 + 4 * step)
    session.key("Enter")
    session.key("Escape")
    assert len(session.dot.strokes) == 1 and not session.pointer.held


def test_listeners_learn_of_finished_edits_only_as_finished(session):
    calls = []
    session.listeners.append(calls.append)
    drawn(session, (30.0, 50.0), (40.0, 50.0))
    assert calls == [False, False, True]


def test_a_solution_is_that_of_its_dot_only(session):
    session.solution = (START, "solved")
    assert session.solved == "solved"
    drawn(session, (30.0, 50.0), (40.0, 50.0))
    assert session.solved is None
    session.undo()
    assert session.solved == "solved"


def test_too_many_objects_are_refused_and_nothing_is_kept(session):
    session.history = History(replace(START, wells=START.wells * (MOST_OBJECTS // 2)))
    with pytest.raises(ValueError, match="wells: expected at most 40, got 41"):
        session.press(50.0, 95.0)
    session.abandon()
    assert len(session.dot.wells) == MOST_OBJECTS


def test_a_selection_ends_with_its_well(session):
    drawn(session, (50.0, 90.0))
    session.undo()
    assert session.pointer.selected is None
