"""The landing plan: every state of a batch is taken once, and nothing is lost on the way."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cup_assets.cohort.batch_files import Observation
from cup_assets.cohort.landing import LandingPlan, plan_landings


@dataclass
class Sensor:
    """Carries plans out the way an orchestrator does: a run key is used once."""

    cursor: str | None = None
    known: dict[str, str | None] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    runs: list[tuple[str, str]] = field(default_factory=list)

    def look(self, *observed: Observation) -> LandingPlan:
        plan = plan_landings(observed, self.cursor, self.known)
        self.cursor = plan.cursor
        for request in plan.run:
            if request.run_key not in self.used:
                self.used.add(request.run_key)
                self.runs.append((request.batch, request.signature))
                self.known[request.batch] = request.signature
        for request in plan.remove:
            if request.run_key not in self.used:
                self.used.add(request.run_key)
                self.runs.append((request.batch, "removed"))
                self.known.pop(request.batch, None)
        return plan


def test_a_marked_batch_is_registered_and_run_at_the_first_look() -> None:
    plan = Sensor().look(Observation("b1", "x", marked=True))
    assert plan.register == ("b1",)
    assert [(r.batch, r.signature) for r in plan.run] == [("b1", "x")]
    assert not plan.ignored


def test_an_unmarked_batch_waits_until_two_looks_show_the_same() -> None:
    sensor = Sensor()
    assert "changing" in sensor.look(Observation("b1", "x")).ignored["b1"]
    assert "changing" in sensor.look(Observation("b1", "y")).ignored["b1"]
    assert sensor.runs == []
    sensor.look(Observation("b1", "y"))
    assert sensor.runs == [("b1", "y")]


def test_a_taken_batch_is_left_alone() -> None:
    sensor = Sensor()
    sensor.look(Observation("b1", "x", marked=True))
    plan = sensor.look(Observation("b1", "x", marked=True))
    assert (plan.register, plan.run, plan.remove, dict(plan.ignored)) == ((), (), (), {})


def test_a_failed_run_is_not_requested_again_for_the_same_files() -> None:
    first = plan_landings([Observation("b1", "x", marked=True)], None, {})
    again = plan_landings([Observation("b1", "x", marked=True)], first.cursor, {"b1": None})
    assert not again.run


def test_the_same_look_evaluated_twice_gives_the_same_run_key() -> None:
    look = [Observation("b1", "x", marked=True)]
    assert plan_landings(look, None, {}).run == plan_landings(look, None, {}).run


def test_a_corrected_batch_is_run_again_but_not_registered_again() -> None:
    sensor = Sensor()
    sensor.look(Observation("b1", "x", marked=True))
    sensor.look(Observation("b1", "y"))
    plan = sensor.look(Observation("b1", "y"))
    assert plan.register == ()
    assert sensor.runs == [("b1", "x"), ("b1", "y")]


def test_a_correction_taken_back_is_run_again_under_a_new_key() -> None:
    sensor = Sensor()
    for signature in ("x", "y", "x"):
        sensor.look(Observation("b1", signature, marked=True))
    assert sensor.runs == [("b1", "x"), ("b1", "y"), ("b1", "x")]


def test_a_batch_is_removed_only_after_two_looks_without_it() -> None:
    sensor = Sensor()
    sensor.look(Observation("b1", "x", marked=True), Observation("b2", "x", marked=True))
    assert "not back" in sensor.look(Observation("b2", "x")).ignored["b1"]
    sensor.look(Observation("b1", "x"), Observation("b2", "x"))
    sensor.look(Observation("b2", "x"))
    assert sensor.known.keys() == {"b1", "b2"}
    sensor.look(Observation("b2", "x"))
    assert sensor.runs[2:] == [("b1", "removed")]
    assert sensor.look(Observation("b2", "x")).remove == ()


def test_a_removal_is_repeated_under_one_key_until_it_took_effect() -> None:
    cursor = plan_landings([Observation("b1", "x", marked=True)], None, {}).cursor
    keys = []
    for _ in range(4):
        plan = plan_landings([], cursor, {"b1": "x"})
        cursor = plan.cursor
        keys.append([r.run_key for r in plan.remove])
    assert keys == [[], ["b1:removed:1"], ["b1:removed:1"], ["b1:removed:1"]]


def test_a_removed_batch_that_comes_back_unchanged_is_registered_and_run_again() -> None:
    sensor = Sensor()
    sensor.look(Observation("b1", "x", marked=True))
    for _ in range(5):
        sensor.look()
    plan = sensor.look(Observation("b1", "x", marked=True))
    assert plan.register == ("b1",)
    assert sensor.runs == [("b1", "x"), ("b1", "removed"), ("b1", "x")]


def test_an_unmounted_landing_folder_removes_nothing() -> None:
    sensor = Sensor()
    both = Observation("b1", "x", marked=True), Observation("b2", "y", marked=True)
    sensor.look(*both)
    for _ in range(3):
        plan = sensor.look()
        assert not plan.remove
        assert "all 2 batches are gone at once" in plan.notes[0]
    sensor.look(*both)
    assert sensor.runs == [("b1", "x"), ("b2", "y")]


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (Observation("b 1", "x", marked=True), "rename the folder"),
        (Observation("a...b", "x", marked=True), "rename the folder"),
        (Observation("..", "x", marked=True), "rename the folder"),
        (Observation("b\n1", "x", marked=True), "rename the folder"),
        (Observation("x" * 65, "x", marked=True), "rename the folder"),
        (Observation("b1", "", fault="is a link out of the landing folder"), "is a link out"),
        (Observation("b1", "x", n_files=0, marked=True), "is empty"),
        (Observation("b1", "x", partial="s.idat.part"), r"is being copied (s.idat.part)"),
    ],
)
def test_what_cannot_be_taken_is_ignored_with_the_reason(seen: Observation, reason: str) -> None:
    sensor = Sensor()
    for _ in range(3):
        ((name, text),) = sensor.look(seen).ignored.items()
        assert reason in text
        assert name.isprintable()
    assert sensor.runs == []


def test_a_batch_with_an_obstacle_is_not_gone() -> None:
    sensor = Sensor()
    sensor.look(Observation("b1", "x", marked=True))
    for _ in range(4):
        assert not sensor.look(Observation("b1", "", fault="cannot be listed")).remove
    sensor.look(Observation("b1", "x", marked=True))
    assert sensor.runs == [("b1", "x")]


@pytest.mark.parametrize(
    "cursor",
    [
        "not json",
        "[]",
        "3",
        '{"version": 99, "batches": {}}',
        '{"version": 1}',
        '{"version": 1, "batches": []}',
        '{"version": 1, "batches": {"b1": 3}}',
        '{"version": 1, "batches": {"b1": {"seen": "x"}}}',
        '{"version": 1, "batches": {"b1": {"seen":"x","requested":1,"requests":0,"missed":0}}}',
        '{"version": 1, "batches": {"b1": {"seen":"x","requested":"x","requests":"0","missed":0}}}',
        '{"version": 2, "batches": {"b1": ["x", "x", "0", 0]}}',
        '{"version": 2, "batches": {"b1": [true, null, 0, 0]}}',
        '{"version": 2, "batches": {"b1": ["x", "x", 0]}}',
        '{"version": 2, "batches": {"b1": "xxxx"}}',
    ],
)
def test_a_corrupt_cursor_is_said_and_runs_nothing_twice(cursor: str) -> None:
    plan = plan_landings([Observation("b1", "x", marked=True)], cursor, {"b1": "x"})
    assert plan.notes == ("the cursor could not be read and was started afresh",)
    assert (plan.run, plan.remove) == ((), ())
    assert json.loads(plan.cursor)["version"] == 2


def test_a_cursor_of_the_first_version_is_understood() -> None:
    old = (
        '{"batches": {"b1": {"missed": 0, "requested": "x", "requests": 1, "seen": "x"},'
        ' "b2": {"missed": 0, "requested": null, "requests": 0, "seen": "y"}}, "version": 1}'
    )
    seen = [Observation("b1", "x"), Observation("b2", "y")]
    plan = plan_landings(seen, old, {})
    assert [request.batch for request in plan.run] == ["b2"], "b1 was requested before"
    assert plan.notes == ()
    assert not plan_landings(seen, plan.cursor, {}).run


def test_a_settled_batch_takes_little_of_the_cursor() -> None:
    # Dagster stores the cursor with every tick.
    signature = "0123456789abcdef" * 2
    seen = [Observation(f"batch-{i:03d}", signature, marked=True) for i in range(100)]
    plan = plan_landings(seen, None, {})
    assert len(plan.cursor) < 100 * 70


_LOOKS = st.lists(
    st.dictionaries(
        st.sampled_from(["b1", "b2", "b3"]), st.tuples(st.sampled_from("xyz"), st.booleans())
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=50)
@given(looks=_LOOKS)
def test_every_stable_state_is_run_once_whatever_happens_before(
    looks: list[dict[str, tuple[str, bool]]],
) -> None:
    sensor = Sensor()
    for look in looks:
        sensor.look(*(Observation(b, s, marked=m) for b, (s, m) in look.items()))
    assert len(sensor.used) == len(sensor.runs), "two requests shared a key"
    for batch in ("b1", "b2", "b3"):
        mine = [what for name, what in sensor.runs if name == batch]
        assert all(a != b for a, b in pairwise(mine)), "a state was run twice"
    final = [Observation(b, "final") for b in ("b1", "b2", "b3")]
    before = len(sensor.runs)
    for _ in range(4):
        sensor.look(*final)
    assert sorted(sensor.runs[before:]) == [(b, "final") for b in ("b1", "b2", "b3")]
    assert sensor.known == dict.fromkeys(("b1", "b2", "b3"), "final")
    assert plan_landings(final, "lost", sensor.known).run == ()
