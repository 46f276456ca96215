"""The simulated nights, small: the same code as `make drill`, on the skin program with much more that goes wrong."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.booking.closures import declare
from scheduler.domain.course import Facts, Patient
from scheduler.domain.plan import PlannedCourse
from scheduler.persistence.database import Database
from scheduler.persistence.tables_plans import DecisionRow, PlanRunRow
from scheduler.programs import load_program
from scheduler.reliability.fate import Fate, Mishap, Rates, failure_of, misfortunes
from scheduler.reliability.ledger import LEFT, Ledger, kept, unrepaired
from scheduler.reliability.nights import Simulated, simulate
from scheduler.reliability.nights_page import of_nights
from scheduler.reliability.verdicts import Judge
from scheduler.reoptimise.snapshot import snapshot
from tests.booking.house import HUB, NORA, NORTH, NOW, PAUL, SOUTH, House, move_in
from tests.databases import sqlite_database
from tests.programs.worked import worked_files

__all__ = ["sqlite_database"]

NEVER = Rates(0.0001, 0, 0, 0, 0, 0, 0, 0, 0, 10_000)
ROUGH = replace(NEVER, leaves_a_month=0.4, postponed=0.4, harvest_dry=0.4, lot_failed=0.4, late=0.3, suite_months=1)
FENCE = timedelta(days=14)


@pytest.fixture
def house(sqlite_database: Database, tmp_path: Path) -> House:
    return move_in(sqlite_database, tmp_path)


def program(folder: Path) -> str:
    """The worked program, masked; nobody has to be randomised for it."""
    files = worked_files()
    files["skin-policy.toml"] = files["skin-policy.toml"].replace('"open"', '"shadow"')
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return str(folder / "skin.toml")


def test_a_fortnight_in_which_much_goes_wrong_is_done_night_by_night_and_breaks_nothing(tmp_path: Path) -> None:
    first = date(2027, 3, 2)
    sites = (NORTH, SOUTH, NORTH, SOUTH)
    people = [Patient(f"{site}-00{number}", site, first, 61.5) for number, site in enumerate(sites)]
    found = simulate("SQLite", program(tmp_path), 13, seed=4, rates=ROUGH, patients=people)
    assert (found.verdicts.all, found.problems) == ([], [])
    assert found.status.total() == len(found.night_seconds) == 13
    assert (found.patients, found.kills > 0, found.done["record"] > 0) == (4, True, True)
    assert found.events.total() >= 4, "nothing went wrong"
    section, held = of_nights(found)
    assert held
    assert "| nights not done exactly once | 0 |" in section.text


# --- fate -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def alsummit() -> Fate:
    return Fate(7, Rates(), load_program("alsummit").protocol)


def test_fate_is_the_same_whenever_it_is_asked_and_another_for_another_seed(alsummit: Fate) -> None:
    step = alsummit.protocol.step("fill")
    names = [f"HYU-{number:03}" for number in range(300)]
    told = [alsummit.of_step(step, name, 1, 1) for name in names]
    assert told == [alsummit.of_step(step, name, 1, 1) for name in reversed(names)][::-1]
    assert told != [replace(alsummit, seed=8).of_step(step, name, 1, 1) for name in names]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # docs/domain.md section 7, of 4,000: 3 % dry harvests; 3 % of taps, of which 30 % do not succeed the same day
        ("harvest", {"harvest_dry": 120}),
        ("csf_tap", {"tap_failed": 36}),
        # half of 5 % of the lots are seen while they grow, half at the fill
        ("culture", {"lot_failed": 100}),
        ("fill", {"lot_failed": 100}),
        # 4 % of the legs late by more than an hour; 0.02 % lost and 0.3 % rejected
        ("transit", {"shipment_late": 160, "shipment_lost": 13}),
        ("injection", {}),
    ],
)
def test_steps_fail_as_often_as_the_domain_says(alsummit: Fate, kind: str, expected: dict[str, int]) -> None:
    step = alsummit.protocol.step(kind)
    drawn = [alsummit.of_step(step, f"P-{number}", 1, 1) for number in range(4000)]
    counted = {name: sum(one is not None and one.kind == name for one in drawn) for name in expected}
    assert sum(one is not None for one in drawn) == sum(counted.values())
    # Four standard deviations of a count are four times its root, or less.
    assert all(abs(counted[name] - count) <= 4 * count**0.5 for name, count in expected.items()), counted


def test_a_visit_is_put_off_by_one_to_ten_days_and_half_of_them_with_less_than_two_days_notice(alsummit: Fate) -> None:
    drawn = [one for number in range(4000) if (one := alsummit.postponed(f"P-{number}", 2)) is not None]
    assert abs(len(drawn) - 320) <= 4 * 320**0.5  # 8 %
    assert {one.days for one in drawn} == set(range(1, 11))
    short = sum(one.notice < timedelta(hours=48) for one in drawn)
    assert abs(short - len(drawn) / 2) <= 4 * (len(drawn) / 4) ** 0.5


def test_what_cannot_take_place_fails_by_its_own_cause(alsummit: Fate) -> None:
    protocol = alsummit.protocol
    causes = {
        kind: failure_of(protocol, protocol.step(kind)) for kind in ("harvest", "csf_tap", "transit", "injection")
    }
    assert causes == {
        "harvest": "harvest_dry",
        "csf_tap": "tap_failed",
        "transit": "shipment_lost",
        "injection": "lot_failed",
    }


def test_a_program_meets_a_shutdown_a_walk_out_and_a_holiday_that_are_announced(alsummit: Fate) -> None:
    facts = load_program("alsummit")
    begins = datetime.fromisoformat("2027-01-04T06:00:00+09:00")
    found = misfortunes(alsummit, facts, begins, 200)
    assert [one.known_at for one in found] == sorted(one.known_at for one in found)
    kinds = {str(one.report["kind"]) + str(one.report.get("resource", "")) for one in found}
    assert {"out_of_servicefill_crew", "half_capacity", "holiday"} <= kinds
    (holiday,) = (one for one in found if one.report["kind"] == "holiday")
    assert 20 <= (date.fromisoformat(holiday.report["on"]) - holiday.known_at.date()).days <= 29


# --- what became of the doses -----------------------------------------------------------------------------------------


class Doomed(Fate):
    """One step of one dose of Ana's fails, and nothing else happens to anybody."""

    def of_step(self, step: object, patient: str, dose: int | None, attempt: int) -> Mishap | None:
        return Mishap("lot_failed") if (patient, dose, getattr(step, "kind", "")) == ("ANA", 1, "fill") else None

    def postponed(self, patient: str, dose: int | None) -> None:
        return None


def seen(house: House) -> tuple[Facts, dict[str, PlannedCourse], datetime]:
    """The facts, the courses that are booked, and the end of Ana's."""
    with house.work(PAUL, write=False) as work:
        found = snapshot(work, house.board)
    courses = {one.patient: one for one in found.plan.courses}
    return found.facts, courses, max(one.end_at for one in courses["ANA"].activities)


def test_without_repair_a_dose_is_lost_by_what_happens_to_it_and_others_are_given(house: House) -> None:
    house.booked("ANA")
    facts, courses, end = seen(house)
    fate = Doomed(1, NEVER, facts.protocol)
    found = unrepaired(fate, facts, courses, {"ANA": end + FENCE}, end)
    assert (found.planned, found.given, dict(found.lost), found.wasted) == (2, 1, {"lot failed": 1}, 1)
    first = min(one.start_at for one in courses["ANA"].activities)
    found = unrepaired(fate, facts, courses, {"ANA": first}, end)
    assert (found.given, dict(found.lost), found.wasted) == (0, {LEFT: 2}, 0)


def test_with_repair_the_records_say_what_was_given(house: House) -> None:
    house.booked("ANA")
    facts, courses, end = seen(house)
    house.recorded_until("ANA/1/graft")
    house.recorded("ANA/1/graft", NORA)
    with house.work(PAUL, write=False) as work:
        assert kept(work, facts.protocol, courses, end) == Ledger(planned=2, given=1, to_come=1)


# --- the judge --------------------------------------------------------------------------------------------------------


def ended(on: date) -> PlanRunRow:
    return PlanRunRow(id=1, scope="program", local_date=on, kind="nightly", status="unchanged", ended_at=NOW)


class TestJudge:
    """The judge must be able to find something."""

    def judged(self, house: House, row: PlanRunRow | None = None) -> Judge:
        judge = Judge(FENCE)
        with house.work(PAUL, write=False) as work:
            judge.night(work, house.today, row)
        return judge

    def test_a_night_after_which_all_is_well(self, house: House) -> None:
        house.booked("ANA")
        judge = self.judged(house, ended(house.today))
        with house.work(PAUL, write=False) as work:
            judge.close(work, [])
        assert judge.verdicts.sound

    def test_a_night_that_nobody_did_or_that_did_not_end(self, house: House) -> None:
        assert self.judged(house).verdicts.all == ["2027-03-01: was not begun"]
        row = ended(house.today)
        row.ended_at = None
        assert self.judged(house, row).verdicts.all == ["2027-03-01: did not end"]

    def test_a_rule_that_is_broken_though_a_night_could_repair_it(self, house: House) -> None:
        house.booked("ANA")
        fill = house.activities("ANA")["ANA/1/fill"]
        with house.doing(PAUL) as work:
            times = {"start_at": fill.start_at, "end_at": fill.end_at}
            declare(work, house.board, where=HUB, resource="suite", reason="New filters.", **times)
        found = self.judged(house, ended(house.today)).verdicts
        assert found.broken and "closure" in found.broken[0]

    def test_a_dose_without_a_place_of_which_nobody_was_asked(self, house: House) -> None:
        house.booked("ANA")
        with house.database.session(write=True) as session:
            sql = "UPDATE activity SET status = 'open' WHERE course = 'ANA' AND dose = 2"
            session.connection().exec_driver_sql(sql)
            session.commit()
        judge = self.judged(house, ended(house.today))
        assert judge.verdicts.dropped == ["2027-03-01: dose 2 of ANA has no place, and nobody was asked"]
        with house.database.session(write=True) as session:
            session.add(DecisionRow(id="dec_1", course="ANA", site=NORTH, dose=2, cause="lost", raised_at=NOW))
            session.commit()
        assert self.judged(house, ended(house.today)).verdicts.sound

    def test_a_record_that_was_acknowledged_and_is_not_there(self, house: House) -> None:
        house.booked("ANA")
        judge = Judge(FENCE)
        with house.work(PAUL, write=False) as work:
            judge.close(work, [("ANA/biopsy", 1)])
        assert judge.verdicts.lost == ["ANA/biopsy, attempt 1"]


def test_the_page_says_what_was_found(tmp_path: Path) -> None:
    found = Simulated("SQLite", "skin", 1, 20, night_seconds=[1.0])
    found.verdicts.frozen.append("2027-03-04: plan 3 moved ANA/1/graft")
    section, held = of_nights(found)
    assert not held
    assert "--scale 0.1" in section.text
    assert "| visits inside the fence moved without need or signature | 1 |" in section.text
