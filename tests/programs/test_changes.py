"""What-if changes: each is written, read back and applied purely; nonsense is refused by the name of its field."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from scheduler.domain.calendars import OpenHours
from scheduler.domain.course import Facts
from scheduler.domain.errors import BadInput
from scheduler.domain.what_if import Change, changed
from scheduler.programs import load_program
from scheduler.programs.changes import FORMS, change_json, checked_facts, read_changes
from tests.domain.world import FACTS, NORTH, PLANT, SOUTH, at

EVERY = (
    "units PLANT suite +1",
    "units PLANT incubator -1",
    "hours PLANT fill_crew Sat 08:00-20:00",
    "hours PLANT fill_crew Mon-Fri 06:00-08:00, Sat 08:00-20:00",
    "hours NORTH clinic daily 18:00-24:00",
    "holiday 2027-05-06",
    "holiday 2027-05-06 NORTH SOUTH",
    "closure PLANT 2027-05-03 2027-05-10",
    "closure PLANT suite 2027-05-03T08:00:00+09:00 2027-05-04",
    "closure north-in 2027-05-03 2027-05-10",
    "window 2 -1/+1",
    "window 3 -7/+0",
    "limit shelf_life at_most_hours=72",
    "departure north-out 11:00",
    "site EAST like NORTH",
    "site EAST like NORTH patients=2",
    "policy max_wait_days 90",
    "policy capacity shadow",
)


def one(line: str) -> Change:
    (change,) = read_changes([line])
    return change


def after(line: str, facts: Facts = FACTS) -> Facts:
    return changed(facts, [one(line)])


def refusal(*lines: str, facts: Facts = FACTS) -> BadInput:
    with pytest.raises(BadInput) as caught:
        checked_facts(facts, read_changes(lines))
    assert caught.value.where == "what-if"
    assert caught.value.problem and caught.value.remedy
    return caught.value


# --- as data ----------------------------------------------------------------------------------------------------------


def test_every_kind_of_change_is_among_these() -> None:
    assert {line.split()[0] for line in EVERY} == set(FORMS)


@pytest.mark.parametrize("line", EVERY)
def test_a_change_prints_as_it_was_written_and_its_json_gives_it_back(line: str) -> None:
    change = one(line)
    assert str(change) == line
    assert read_changes([change_json(change)]) == (change,)


def test_the_json_form_is_exact() -> None:
    assert change_json(one("units PLANT suite +1")) == {
        "change": "units",
        "place": "PLANT",
        "resource": "suite",
        "by": 1,
    }
    assert change_json(one("departure north-out 11:00")) == {
        "change": "departure",
        "lane": "north-out",
        "at": "11:00",
    }
    assert change_json(one("closure PLANT 2027-05-03 2027-05-10")) == {
        "change": "closure",
        "where": "PLANT",
        "since": "2027-05-03",
        "until": "2027-05-10",
    }


@pytest.mark.parametrize("line", EVERY)
def test_a_change_is_applied_purely(line: str) -> None:
    copy = replace(FACTS)
    assert after(line) != FACTS or line == "policy capacity shadow"  # which is what it is already
    assert copy == FACTS
    assert after(line) == after(line)


# --- what each does ---------------------------------------------------------------------------------------------------


def test_more_units_are_numbered_on_and_the_last_go_first() -> None:
    assert after("units PLANT suite +1").network.place(PLANT).resource("suite").units == (
        "suite-1",
        "suite-2",
        "suite-3",
    )
    assert after("units PLANT suite -1").network.place(PLANT).resource("suite").units == ("suite-1",)


def test_a_saturday_crew_has_its_hours_on_top() -> None:
    old = FACTS.network.place(PLANT).resource("fill_crew").hours
    new = after("hours PLANT fill_crew Sat 08:00-20:00").network.place(PLANT).resource("fill_crew").hours
    assert new == (*old, OpenHours((5,), 8 * 60, 20 * 60))


def test_a_holiday_shuts_what_closes_on_holidays_at_the_places_named_and_their_couriers() -> None:
    day = date(2027, 5, 6)  # a Thursday
    found = after("holiday 2027-05-06 NORTH").network
    assert found.calendar(NORTH, "clinic").open_on(day) == []
    assert found.calendar(SOUTH, "clinic").open_on(day) != []
    assert found.calendar(NORTH, "refrigerator").open_on(day) != []
    assert found.departures_on(found.lane("north-in"), day) == []
    assert found.departures_on(found.lane("south-in"), day) != []
    everywhere = after("holiday 2027-05-06").network
    assert everywhere.calendar(SOUTH, "clinic").open_on(day) == []
    # The holidays there were still are, also where a list was split.
    assert found.calendar(NORTH, "clinic").holidays.keys() == {*FACTS.network.holidays["kr"], day}


def test_a_closure_lasts_from_midnight_to_midnight_at_the_place() -> None:
    (shut,) = after("closure PLANT suite 2027-05-03 2027-05-10").network.closures
    assert (shut.where, shut.resource) == (PLANT, "suite")
    assert shut.during.start_at == at(date(2027, 5, 3), "00:00")
    assert shut.during.end_at == at(date(2027, 5, 10), "00:00")


def test_a_window_is_given_around_its_target() -> None:
    window = after("window 2 -1/+2").protocol.dose(2).window
    assert window is not None
    assert (window.target_days, window.earliest_days, window.latest_days) == (26, -1, 2)


def test_a_longer_shelf_life_is_more_minutes_of_one_limit() -> None:
    life = after("limit shelf_life at_most_hours=72").protocol.shelf_life
    assert life is not None and life.at_most_minutes == 72 * 60
    assert [one.name for one in after("limit shelf_life at_most_hours=72").protocol.limits] == [
        one.name for one in FACTS.protocol.limits
    ]


def test_another_departure_takes_its_place_in_the_day() -> None:
    assert after("departure north-out 11:00").network.lane("north-out").departures == (360, 540, 660, 780, 1020, 1200)


def test_one_more_site_has_the_rooms_the_lanes_and_the_registrations_of_the_other() -> None:
    later = replace(FACTS.patients[0], id="ABE", registered_on=date(2027, 2, 1))
    facts = replace(FACTS, patients=(*FACTS.patients, later))
    found = after("site EAST like NORTH patients=4", facts)
    assert found.network.place("EAST").resources == FACTS.network.place(NORTH).resources
    assert [one.code for one in found.network.lanes_between(PLANT, "EAST")] == ["EAST-north-out"]
    new = [one for one in found.patients if one.site == "EAST"]
    assert [one.id for one in new] == ["EAST-001", "EAST-002", "EAST-003", "EAST-004"]
    # Four like two: each twice, in the order of registration (4 January and 1 February).
    assert [one.registered_on for one in new] == [date(2027, 1, 4)] * 2 + [date(2027, 2, 1)] * 2


def test_a_lane_is_named_after_its_ends_where_the_other_is() -> None:
    lanes = tuple(replace(one, code=f"{one.from_place}-{one.to_place}") for one in FACTS.network.lanes)
    facts = replace(FACTS, network=replace(FACTS.network, lanes=lanes))
    codes = [one.code for one in after("site EAST like NORTH", facts).network.lanes]
    assert codes[-2:] == ["EAST-PLANT", "PLANT-EAST"]


def test_changes_are_applied_one_after_the_other() -> None:
    both = changed(FACTS, read_changes(["site EAST like NORTH", "units EAST procedure_room +1"]))
    assert len(both.network.place("EAST").resource("procedure_room").units) == 2


# --- what makes no sense ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "key", "told"),
    [
        ("units MOON suite +1", "place", "there is no place 'MOON'"),
        ("units PLANT sweet +1", "resource", "PLANT has no resource 'sweet'"),
        ("units PLANT suite -2", "by", "would leave none"),
        ("units PLANT suite +0", "by", "changes nothing"),
        ("units PLANT suite +99999", "by", "out of range"),
        ("hours PLANT fill_crew Sun 20:00-08:00", "hours", "ends before it begins"),
        ("hours PLANT fill_crew Funday 08:00-20:00", "hours", "'Funday'"),
        ("hours MOON fill_crew Sat 08:00-20:00", "place", "'MOON'"),
        ("holiday 2027-01-03", "on", "is past"),
        ("holiday 2027-02-06", "on", "is a holiday there already"),
        ("holiday 2027-02-30", "on", "'2027-02-30'"),
        ("holiday 2027-05-06T08:00:00+09:00", "on", "not a whole day"),
        ("holiday 2027-05-06 MOON", "place", "'MOON'"),
        ("closure MOON 2027-05-03 2027-05-10", "where", "no place or lane 'MOON'"),
        ("closure PLANT sweet 2027-05-03 2027-05-10", "resource", "'sweet'"),
        ("closure north-in suite 2027-05-03 2027-05-10", "resource", "is a courier lane"),
        ("closure PLANT 2027-05-03 2027-05-03", "until", "is not after"),
        ("closure PLANT 2026-05-03 2027-01-04", "until", "is past"),
        ("closure PLANT 2027-05-03T08:00:00 2027-05-10", "since", "neither a usable date nor an instant"),
        ("window 9 -1/+1", "dose", "no dose 9"),
        ("window 1 -1/+1", "dose", "no dose 1 with a window"),
        ("window 2 +2/+1", "earliest_days", "after the last"),
        ("limit shelf_lives at_most_hours=72", "name", "'shelf_lives'"),
        ("limit shelf_life at_most_days=7", "bound", "has no at_most_days"),
        ("limit shelf_life at_most=7", "bound", "'at_most'"),
        ("departure moon-in 11:00", "lane", "'moon-in'"),
        ("departure north-out 11:10", "at", "quarter of an hour"),
        ("departure north-out 13:00", "at", "already"),
        ("site NORTH like SOUTH", "code", "is a place or a lane already"),
        ("site EAST like WEST", "like", "'WEST'"),
        ("site EA/ST like NORTH", "code", "is not an id"),
        ("policy wait 9", "key", "no key 'wait'"),
        ("policy max_wait_days 10001", "value", "10001"),
        ("policy max_wait_days lean", "value", "'lean'"),
        ("policy capacity leaner", "value", "is no capacity"),
    ],
)
def test_nonsense_is_refused_by_the_name_of_its_field(line: str, key: str, told: str) -> None:
    found = refusal("units NORTH clinic +1", line)
    assert found.key == f"changes[1].{key}"
    assert told in found.problem


@pytest.mark.parametrize(
    "line", ["", "suite +1", "units PLANT suite", "units PLANT suite one", "window 2 +1", "policy", "site EAST NORTH"]
)
def test_a_line_that_cannot_be_read_is_answered_with_how_to_write_it(line: str) -> None:
    found = refusal(line)
    assert found.key == "changes[0]"
    assert found.remedy.startswith("Write")


def test_a_json_form_with_a_field_too_many_is_refused() -> None:
    with pytest.raises(BadInput, match=r"changes\[0\].buy: unknown key"):
        read_changes([{"change": "units", "place": "PLANT", "resource": "suite", "by": 1, "buy": 1}])


def test_a_shelf_life_that_no_courier_can_keep_is_refused_as_a_program_with_it_would_be() -> None:
    # South: release 5 h, pack 30 min, hand-over 15 min, 5 h on the road, receipt 30 min, injection 1 h: more than 9 h.
    found = refusal("limit shelf_life at_most_hours=9")
    assert "can never be met on lane south-out" in found.problem


def test_a_place_that_would_never_open_again_is_refused() -> None:
    assert "never open" in refusal("closure PLANT suite 2027-01-01 2199-01-01").problem


def test_a_day_is_past_as_of_the_day_it_is_asked() -> None:
    change = read_changes(["holiday 2027-05-06"])
    checked_facts(FACTS, change, today=date(2027, 5, 6))
    with pytest.raises(BadInput, match="is past"):
        checked_facts(FACTS, change, today=date(2027, 5, 6) + timedelta(days=1))


def test_a_plan_with_the_arm_needs_facts_that_tell_it() -> None:
    change = read_changes(["policy capacity lean"])
    with pytest.raises(BadInput, match="do not tell it"):
        changed(load_program("alsummit"), change)
    facts = load_program("alsummit", capacity="lean")
    assert facts.arms is not None and len(facts.arms) == 115
    assert changed(facts, change) == facts
    assert changed(facts, read_changes(["policy capacity shadow"])) == load_program("alsummit")


def test_a_copied_patient_has_the_arm_of_the_one_it_is_like() -> None:
    facts = load_program("alsummit", capacity="lean")
    found = changed(facts, read_changes(["site EAST like PNY patients=15"]))
    assert facts.arms is not None and found.arms is not None
    # As many as at PNY, so each is like one of them.
    old = sorted(facts.arms[one.id] for one in facts.patients if one.site == "PNY")
    assert sorted(found.arms[one.id] for one in found.patients if one.site == "EAST") == old
