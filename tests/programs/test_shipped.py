"""The shipped programs: they load, their numbers are sourced, and they say what docs/domain.md says."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from fixtures import make_holidays, make_patients
from scheduler.domain.calendars import OpenHours, local_date
from scheduler.domain.course import doses_of, steps_of
from scheduler.domain.protocol import Window
from scheduler.programs import load_program, shipped_programs

FIXTURES = Path(make_patients.__file__).parent
NAMES = [info.name for info in shipped_programs()]
TOMLS = sorted(FIXTURES.rglob("*.toml"))


def unsourced(value: object, key: str = "", covered: bool = False) -> Iterator[str]:
    """Keys of numbers, and of texts that hold times of day, that no mark and source covers."""
    if isinstance(value, dict):
        covered = covered or ("mark" in value and "source" in value)
        for name, inner in value.items():
            if name not in ("source", "title", "name", "code"):
                yield from unsourced(inner, f"{key}.{name}", covered)
    elif isinstance(value, list):
        for inner in value:
            yield from unsourced(inner, key, covered)
    elif not covered and is_number(value):
        yield key


def is_number(value: object) -> bool:
    if isinstance(value, str):
        return any(character.isdigit() for character in value) and ":" in value
    return isinstance(value, int | float) and not isinstance(value, bool)


def test_the_shipped_programs_are_the_ten_promised() -> None:
    assert NAMES == [
        "alsummit",
        "alsummit-126",
        "alsummit-lean",
        "alsummit-open",
        "car-t-three-zones",
        "neuronata-r-acsf168",
        "neuronata-r-csf48",
        "no-tap-48",
        "phase1-two-harvests",
        "phase2-nct01363401",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_program_loads_under_its_own_name(name: str) -> None:
    assert load_program(name).program == name


@pytest.mark.parametrize("path", TOMLS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_shipped_number_has_a_mark_and_a_source(path: Path) -> None:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    assert list(unsourced(tables)) == []
    assert tables["name"] == path.stem


def test_a_number_without_a_source_would_be_found() -> None:
    assert list(unsourced({"steps": [{"minutes": 90}, {"minutes": 90, "mark": "A", "source": "s"}]})) == [
        ".steps.minutes"
    ]


@pytest.mark.parametrize("path", sorted(FIXTURES.rglob("*.csv")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_shipped_list_says_where_it_comes_from(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[:3]
    assert any("mark A, source: assumed" in line for line in first)


def test_the_patients_and_randomisation_lists_are_what_their_script_makes() -> None:
    for name, text in make_patients.files().items():
        assert (FIXTURES / name).read_text(encoding="utf-8") == text


def test_the_holiday_list_is_whole() -> None:
    rows = (FIXTURES / "networks/holidays-kr.csv").read_text(encoding="utf-8").splitlines()
    days = {line.split(",")[0]: line.split(",")[2] for line in rows[4:]}
    # 14 or more public holidays a year; Seollal 2027 is Sunday 7 February, made up for on Tuesday 9.
    assert min(Counter(day[:4] for day in days).values()) >= 14
    assert [day for day, run in days.items() if run == "Seollal" and day.startswith("2027")] == [
        "2027-02-06",
        "2027-02-07",
        "2027-02-08",
        "2027-02-09",
    ]
    assert days["2028-10-03"] == "Chuseok"
    assert make_holidays.run_of("Korean New Year") == "Seollal"
    assert make_holidays.run_of("Christmas Day") == ""


def test_alsummit_has_its_sites_doses_and_windows() -> None:
    facts = load_program("alsummit")
    assert Counter(patient.site for patient in facts.patients) == {
        "HYU": 40,
        "SNU": 20,
        "SMC": 20,
        "KUA": 20,
        "PNY": 15,
    }
    assert [dose.window for dose in facts.protocol.doses] == [
        None,
        Window(26, 0, -2, 5),
        Window(0, 4, -7, 7),
        Window(0, 7, -7, 7),
        Window(0, 10, -7, 7),
    ]
    assert [limit.name for limit in facts.protocol.limits] == [
        "marrow_hold",
        "culture_days",
        "bank_available",
        "expansion_days",
        "tap_day_before",
        "csf_hold",
        "shelf_life",
        "masked_interval",
    ]
    assert facts.arms is None


def test_alsummit_gives_six_millilitres_in_two_syringes_at_60_kg() -> None:
    product = load_program("alsummit").protocol.product
    # 59 <= 60 < 61: mid-weight 60 kg x 0.1 mL/kg = 6.0 mL, ceil(6.0 / 4) = 2.
    assert (product.volume_ml(60), product.syringes(60)) == (6.0, 2)
    assert not product.accepts(131)


def test_the_plant_has_forty_positions_and_today_twenty_four() -> None:
    def positions(name: str) -> int:
        return len(load_program(name).network.place("YONGIN").resource("incubator").units)

    assert (positions("alsummit"), positions("alsummit-lean")) == (40, 24)


def test_the_fill_crew_has_short_names_and_rests_on_holidays() -> None:
    crew = load_program("alsummit").network.place("YONGIN").resource("fill_crew")
    assert crew.units == ("crew-1", "crew-2")
    assert crew.hours == (OpenHours((0, 1, 2, 3, 4), 8 * 60, 20 * 60),)
    assert crew.closes_on_holidays


def test_the_long_lane_takes_eleven_hours_around_seollal() -> None:
    network = load_program("alsummit").network
    # 300 min x 2.1 = 630 min on Thursday 4 February, two days before the run; 300 min the day before that.
    assert network.transit_minutes(network.lane("YONGIN-PNY"), date(2027, 2, 4)) == 630
    assert network.transit_minutes(network.lane("YONGIN-PNY"), date(2027, 2, 3)) == 300


def test_enrolment_follows_the_curve() -> None:
    facts = load_program("alsummit")
    days = [(patient.registered_on - facts.starts_on).days for patient in facts.patients]
    # docs/domain.md section 1: 37 patients by day 65, 73 by day 159, 115 by day 290.
    assert [sum(day <= limit for day in days) for limit in (65, 159, 290)] == [37, 73, 115]
    assert days == sorted(days)


def test_nobody_is_registered_on_a_day_off() -> None:
    facts = load_program("alsummit-126")
    holidays = facts.network.holidays["kr"]
    for patient in facts.patients:
        assert patient.registered_on.weekday() < 5
        assert patient.registered_on not in holidays
        assert 40 <= patient.weight_kg <= 95


def test_arms_are_one_to_two_to_two_and_balanced_at_every_site() -> None:
    facts = load_program("alsummit-lean")
    assert facts.arms is not None
    assert Counter(facts.arms.values()) == {"single-cycle": 23, "multiple-dose": 46, "control": 46}
    # Blocks of five: 40 patients at HYU are eight blocks, so eight in the single-cycle arm.
    assert sum(arm == "single-cycle" for patient, arm in facts.arms.items() if patient.startswith("HYU")) == 8


def test_the_open_single_cycle_arm_has_two_doses() -> None:
    protocol = load_program("alsummit-open").protocol
    assert [doses_of(protocol, arm) for arm in protocol.arms] == [(1, 2), (1, 2, 3, 4, 5), (1, 2, 3, 4, 5)]
    assert not protocol.blinded


def test_controls_of_phase_two_have_no_doses_but_a_visit() -> None:
    facts = load_program("phase2-nct01363401")
    assert facts.arms is not None
    assert Counter(facts.arms.values()) == {"treatment": 32, "control": 32}
    assert steps_of(facts.protocol, facts.protocol.arm("control")) == []
    assert [one.anchor for one in facts.protocol.follow_ups] == [None]


def test_phase_one_takes_marrow_twice_and_thaws_nothing() -> None:
    facts = load_program("phase1-two-harvests")
    kinds = [(one.step.kind, one.dose) for one in steps_of(facts.protocol, None)]
    assert [dose for kind, dose in kinds if kind == "harvest"] == [1, 2]
    assert "thaw" not in {kind for kind, _ in kinds}
    assert {patient.site for patient in facts.patients} == {"HYU"}


@pytest.mark.parametrize(("name", "hours", "tapped"), [
    ("neuronata-r-csf48", 48, True), ("neuronata-r-acsf168", 168, False), ("no-tap-48", 48, False),
])  # fmt: skip
def test_the_marketed_product_differs_in_shelf_life_and_tap(name: str, hours: int, tapped: bool) -> None:
    protocol = load_program(name).protocol
    assert protocol.shelf_life is not None
    assert protocol.shelf_life.at_most_minutes == hours * 60
    assert ("csf_tap" in {step.kind for step in protocol.steps}) == tapped
    assert [dose.number for dose in protocol.doses] == [1, 2]
    assert protocol.arms == ()


def test_clocks_change_inside_the_three_zone_program() -> None:
    facts = load_program("car-t-three-zones")
    assert {site.zone for site in facts.network.sites} == {"America/New_York", "Europe/Berlin", "Europe/London"}
    # New York changes on 14 March 2027, Europe on 28 March; the last patient is registered before either.
    assert facts.starts_on < max(patient.registered_on for patient in facts.patients) < date(2027, 3, 14)
    assert local_date(datetime.fromisoformat("2027-03-29T03:30:00+00:00"), "America/New_York") == date(2027, 3, 28)


def test_a_site_of_the_three_zone_program_is_reached_from_both_plants() -> None:
    network = load_program("car-t-three-zones").network
    assert all(network.lanes_between(plant.code, "LON") for plant in network.plants)
    assert len(network.plants) == 2
