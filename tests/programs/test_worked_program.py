"""The worked program of docs/programs.md loads, and means what the page says."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.domain.calendars import OpenHours
from scheduler.domain.course import Facts, Policy
from scheduler.domain.intervals import Interval
from scheduler.domain.protocol import Step, StepRef, Use, Window
from scheduler.programs import load_program
from tests.programs.worked import PAGE, bend, worked_files, write_worked


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    return load_program(str(write_worked(tmp_path)))


def test_the_page_holds_six_files() -> None:
    assert sorted(worked_files()) == [
        "skin-arms.csv",
        "skin-network.toml",
        "skin-patients.csv",
        "skin-policy.toml",
        "skin-protocol.toml",
        "skin.toml",
    ]


def test_the_worked_program_names_its_patients_and_arms(facts: Facts) -> None:
    assert (facts.program, facts.starts_on) == ("skin", date(2027, 3, 1))
    assert [(one.id, one.site, one.weight_kg) for one in facts.patients] == [
        ("ANA", "NORTH", 61.5),
        ("BEN", "SOUTH", 80),
    ]
    assert facts.arms == {"ANA": "cells", "BEN": "carrier"}


def test_a_whole_day_closure_runs_from_local_midnight_to_local_midnight(facts: Facts) -> None:
    # Berlin is at UTC+1 in early March: midnight there is 23:00 UTC the evening before.
    (closure,) = facts.network.closures
    assert closure.during == Interval(datetime(2027, 3, 7, 23, tzinfo=UTC), datetime(2027, 3, 9, 23, tzinfo=UTC))
    assert (closure.where, closure.resource) == ("HUB", "suite")


def test_a_closure_may_name_one_unit(tmp_path: Path) -> None:
    program = bend(tmp_path, "skin.toml", 'resource = "suite"', 'resource = "suite"\nunit = "suite-1"')
    network = load_program(str(program)).network
    stretch = Interval(datetime(2027, 3, 7, 23, tzinfo=UTC), datetime(2027, 3, 9, 23, tzinfo=UTC))
    assert network.out_of_service == {("HUB", "suite", "suite-1"): [stretch]}


def test_an_instant_closure_keeps_its_offset(tmp_path: Path) -> None:
    program = bend(tmp_path, "skin.toml", "from = 2027-03-08", "from = 2027-03-08T08:00:00+05:00")
    # 08:00 at UTC+5 is 03:00 UTC.
    assert load_program(str(program)).network.closures[0].during.start_at == datetime(2027, 3, 8, 3, tzinfo=UTC)


def test_a_lane_closes_in_the_zone_of_its_origin(tmp_path: Path) -> None:
    program = bend(tmp_path, "skin.toml", 'where = "HUB"\nresource = "suite"', 'where = "NORTH-HUB"')
    network = tmp_path / "skin-network.toml"
    text = network.read_text(encoding="utf-8").replace("Europe/Berlin", "Asia/Seoul", 1)
    network.write_text(text, encoding="utf-8")
    # The first place of the file is North: its midnight in Seoul is 15:00 UTC the day before.
    assert load_program(str(program)).network.closures[0].during.start_at == datetime(2027, 3, 7, 15, tzinfo=UTC)


def test_steps_keep_their_holds_uses_and_order(facts: Facts) -> None:
    fill = facts.protocol.step("fill")
    stored = Use("cold_store", StepRef("fill", "end"), StepRef("pack", "start"))
    assert fill == Step("fill", "dose", "plant", "plant", minutes=90, uses=(Use("suite"), stored))
    assert facts.protocol.step("growth").hold == (StepRef("seeding", "end"), StepRef("fill", "start"))
    assert facts.protocol.step("transit").is_transit
    assert [step.kind for step in facts.protocol.steps][:3] == ["biopsy", "biopsy_transit", "seeding"]


def test_limits_in_hours_become_minutes(facts: Facts) -> None:
    # 36 h x 60 = 2160 min.
    assert facts.protocol.shelf_life is not None
    assert facts.protocol.shelf_life.at_most_minutes == 2160


def test_windows_count_from_their_target(facts: Facts) -> None:
    assert facts.protocol.dose(2).window == Window(21, 0, -2, 4)
    assert facts.protocol.follow_ups[0].window == Window(0, 3, -7, 7)


def test_places_take_what_their_kinds_say_unless_they_say_otherwise(facts: Facts) -> None:
    refrigerator = facts.network.place("NORTH").resource("refrigerator")
    assert refrigerator.units == ("refrigerator-1", "refrigerator-2", "refrigerator-3", "refrigerator-4")
    assert refrigerator.hours == (OpenHours((0, 1, 2, 3, 4, 5, 6), 0, 1440),)
    assert facts.network.place("NORTH").resource("pharmacy").hours == (
        OpenHours((0, 1, 2, 3, 4), 7 * 60, 18 * 60),
        OpenHours((5,), 7 * 60, 12 * 60),
    )


def test_a_lane_takes_longer_around_its_run_of_holidays(facts: Facts) -> None:
    lane = facts.network.lane("HUB-SOUTH")
    # 180 min x 1.5 = 270 min within two days of 26-29 March, 180 min before that.
    assert facts.network.transit_minutes(lane, date(2027, 3, 24)) == 270
    assert facts.network.transit_minutes(lane, date(2027, 3, 23)) == 180


def test_a_file_that_extends_another_says_only_what_differs(facts: Facts) -> None:
    shipped = load_program("alsummit-open").policy
    assert facts.policy == dataclasses.replace(shipped, name="skin-policy", max_wait_days=60)
    assert isinstance(facts.policy, Policy)


def test_a_follow_up_may_count_from_the_registration(tmp_path: Path) -> None:
    program = bend(
        tmp_path, "skin-protocol.toml", 'name = "month-3"\nanchor = "dose 1"', 'name = "m"\nanchor = "registration"'
    )
    assert load_program(str(program)).protocol.follow_ups[0].anchor is None


def test_a_shelf_life_that_just_fits_every_lane_is_accepted(tmp_path: Path) -> None:
    # Release 2 h + pack 0.5 h + hand-over 0.25 h + transit to South 3 h + receipt 0.25 h + graft 1 h = 7 h.
    program = bend(tmp_path, "skin-protocol.toml", "at_most_hours = 36", "at_most_hours = 7")
    assert load_program(str(program)).protocol.shelf_life is not None


def test_every_sort_of_table_the_loader_reads_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for field in dataclasses.fields(Policy):
        assert f"`{field.name}`" in page


def test_a_closure_takes_the_days_the_page_says(facts: Facts) -> None:
    suite = facts.network.calendar("HUB", "suite")
    # 8 and 9 March are closed, 10 March is open again from 07:00 local, 06:00 UTC.
    assert [bool(suite.open_on(date(2027, 3, 7) + timedelta(days=count))) for count in range(1, 4)] == [
        False,
        False,
        True,
    ]
    assert suite.open_on(date(2027, 3, 10))[0].start_at == datetime(2027, 3, 10, 6, tzinfo=UTC)


def test_a_network_elsewhere_may_extend_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "more.toml").write_text(
        'name = "more"\nextends = "alsummit"\n[[places]]\ncode = "YONGIN"\nresources = { suite = 3 }\n',
        encoding="utf-8",
    )
    (tmp_path / "ana.csv").write_text("id,site,registered_on,weight_kg\nANA,HYU,2027-01-04,60\n", encoding="utf-8")
    (tmp_path / "more-suites.toml").write_text(
        'name = "more-suites"\ntitle = "One suite more"\nstarts_on = 2027-01-04\nprotocol = "no-tap-48"\n'
        'network = "more.toml"\npolicy = "open"\npatients = "ana.csv"\n',
        encoding="utf-8",
    )
    plant = load_program(str(tmp_path / "more-suites.toml")).network.place("YONGIN")
    assert plant.resource("suite").units == ("suite-1", "suite-2", "suite-3")
    assert len(plant.resource("incubator").units) == 40
