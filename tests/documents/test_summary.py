"""summary.json: every figure worked out by hand on the plan of ANA and BEN."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from scheduler.documents.readable import course_rows, shelf_life_lines, summary_lines
from scheduler.documents.summary import BusiestDay, Gap, OnTarget, Slack, Waiting, gap_of, summarise, summary_json
from scheduler.documents.utilisation import Utilisation
from scheduler.domain.plan import Unplanned
from scheduler.domain.protocol import Registration
from tests.domain.world import FACTS, NORTH, PLANT, PROTOCOL, bent, plan_of, valid_plan


def test_waiting_counts_local_days_from_registration_to_dose_1() -> None:
    # ANA: 4 Jan -> 18 Feb = 45 d; BEN: 5 Jan -> 19 Feb = 45 d. Nearest rank of 95 % of two is the second.
    assert summarise(valid_plan(), FACTS).waiting == Waiting(courses=2, median=45, p95=45)


def test_the_smallest_shelf_life_slack_names_its_dose() -> None:
    # BEN at South: fill ends 18:00, injection ends 14:00 the next day, 20 h of 48 h used, the same for each of his
    # doses. ANA at North: fill ends 15:00, injection ends 10:00, 19 h used. Least left is 28 h, at BEN's first dose.
    assert summarise(valid_plan(), FACTS).shelf_life_slack == Slack(28 * 60, "BEN/1")


def test_pairs_and_boosters_are_counted_on_their_target_days() -> None:
    # Both pairs fall 26 d after dose 1. ANA's booster falls on 18 Jun = 18 Feb + 4 months, BEN's one day early.
    figures = summarise(valid_plan(), FACTS)
    assert figures.pairs == OnTarget(2, 2)
    assert figures.boosters == OnTarget(1, 2)


def test_an_unplanned_pair_is_not_counted_as_on_target() -> None:
    plan = valid_plan()
    ana = replace(plan.courses[0], activities=tuple(one for one in plan.courses[0].activities if one.dose != 2))
    unplanned = (Unplanned("ANA", 2, ("the plant is closed",)),)
    figures = summarise(plan_of(FACTS, ana, plan.courses[1], unplanned=unplanned), FACTS)
    assert figures.pairs == OnTarget(1, 1)
    assert (figures.doses_planned, figures.doses_unplanned) == (5, 1)


def test_a_course_that_begins_after_the_registration_target_is_listed() -> None:
    # Harvest is 16 d after registration for both; with a target of 15 d both are late, with 16 d none is.
    early = replace(PROTOCOL, registration=Registration("harvest", 7, 15))
    on_the_day = replace(PROTOCOL, registration=Registration("harvest", 7, 16))
    assert summarise(valid_plan(), replace(FACTS, protocol=early)).late_registrations == ("ANA", "BEN")
    assert summarise(valid_plan(), replace(FACTS, protocol=on_the_day)).late_registrations == ()


def test_the_busiest_plant_day_is_the_one_with_most_fills() -> None:
    # Fills: ANA 17 Feb, 15 Mar, 17 Jun; BEN 18 Feb, 16 Mar, 17 Jun.
    assert summarise(valid_plan(), FACTS).busiest_day == BusiestDay(2, PLANT, date(2027, 6, 17))


def test_utilisation_is_busy_time_over_open_time_in_the_used_span() -> None:
    rooms = {(one.place, one.resource): one for one in summarise(valid_plan(), FACTS).utilisation}
    # ANA's one harvest at North: 90 min on Wed 20 Jan, a day with 9 open hours.
    used_on = date(2027, 1, 20)
    assert rooms[NORTH, "harvest_room"] == Utilisation(NORTH, "harvest_room", 1, used_on, used_on, 90, 540, 1)
    assert rooms[NORTH, "harvest_room"].percent == 16.7
    # Six fills of 150 min between Wed 17 Feb and Thu 17 Jun: 87 working days x 12 h x 2 crews.
    days = (date(2027, 2, 17) + timedelta(days=number) for number in range(121))
    assert sum(day.weekday() < 5 for day in days) == 87
    crew = rooms[PLANT, "fill_crew"]
    assert (crew.busy_minutes, crew.open_minutes) == (6 * 150, 87 * 720 * 2)


def test_a_hold_overnight_is_busy_until_its_last_day() -> None:
    rooms = {(one.place, one.resource): one for one in summarise(valid_plan(), FACTS).utilisation}
    # Incubators: ANA from isolation end 20 Jan 15:30 to fill 17 Feb 12:30, and so on; the last hold ends 17 Jun.
    incubator = rooms[PLANT, "incubator"]
    assert (incubator.first_on, incubator.last_on) == (date(2027, 1, 20), date(2027, 6, 17))
    # 20 Jan to 17 Jun are 149 days, both included, of 1440 min for each of two positions.
    assert incubator.open_minutes == 149 * 1440 * 2


def test_a_resource_nothing_uses_is_listed_as_idle() -> None:
    dock = next(one for one in summarise(valid_plan(), FACTS).utilisation if one.resource == "dock")
    assert (dock.first_on, dock.busy_minutes, dock.percent, dock.most_busy) == (None, 0, 0.0, 0)


def test_the_busiest_moment_counts_units_at_once() -> None:
    rooms = {(one.place, one.resource): one for one in summarise(valid_plan(), FACTS).utilisation}
    # ANA's and BEN's cultures overlap from 21 January on; one patient after the other was harvested, each at one site.
    assert rooms[PLANT, "incubator"].most_busy == 2
    assert rooms[NORTH, "harvest_room"].most_busy == 1


@pytest.mark.parametrize(
    ("cost", "bound", "gap"),
    [
        # 100 x (2400 - 2376) / 2400 = 1 %; 24 / 24 = 1 patient-day.
        ((0, 0, 2400), (0, 0, 2376), Gap((0.0, 0.0, 1.0), 1.0)),
        # 100 x (1000 - 0) / 1000 = 100 %.
        ((1000, 0, 2400), (0, 0, 2400), Gap((100.0, 0.0, 0.0), 0.0)),
        # A bound above the cost of a level comes from a worse level above it: nothing is open there.
        ((1, 0, 2400), (0, 0, 9999), Gap((100.0, 0.0, 0.0), 0.0)),
    ],
)
def test_the_gap_is_given_per_level_and_in_patient_days(
    cost: tuple[int, int, int], bound: tuple[int, int, int], gap: Gap
) -> None:
    assert gap_of(cost, bound, waiting_day_cost=24) == gap


def test_a_policy_without_a_price_of_waiting_gives_no_patient_days() -> None:
    assert gap_of((0, 0, 10), (0, 0, 5), waiting_day_cost=0).patient_days is None


def test_a_plan_without_courses_has_no_figures_to_show() -> None:
    figures = summarise(plan_of(FACTS), FACTS)
    assert (figures.waiting, figures.shelf_life_slack, figures.busiest_day) == (None, None, None)
    assert figures.pairs == OnTarget(0, 0)


def test_the_document_reads_back_as_json_and_repeats_byte_for_byte() -> None:
    text = summary_json(summarise(valid_plan(), FACTS))
    assert text == summary_json(summarise(valid_plan(), FACTS))
    document = json.loads(text)
    assert document["format"] == "marrowline-summary/1"
    assert document["cost"] == {"levels": list(valid_plan().cost)}
    assert document["busiest_day"] == {"fills": 2, "place": PLANT, "on": "2027-06-17"}
    assert document["gap"]["percent"] == [0.0, 0.0, 100.0]


def test_the_figures_are_told_in_words() -> None:
    words = dict(summary_lines(summarise(valid_plan(), FACTS)))
    assert words["Doses"] == "6 planned for 2 patients, 0 unplanned"
    assert words["Registration to dose 1"] == "median 45 days, 95 % within 45 days"
    assert words["Shelf life, least left"] == "28 h left (BEN/1)"
    assert words["Busiest plant day"] == "2 fills on Thu 2027-06-17 at PLANT"


def test_a_course_is_told_step_by_step_in_local_time() -> None:
    plan = valid_plan()
    rows = course_rows(plan.courses[0], FACTS)
    assert rows[0][:6] == ("Wed 2027-01-20", "08:00", "09:30", "Asia/Seoul", "NORTH", "harvest")
    fill = next(row for row in rows if row.step == "fill")
    assert (fill.day, fill.start, fill.dose, fill.remark) == ("Wed 2027-02-17", "12:30", "1", "6 mL in 2 syringes")
    culture = next(row for row in rows if row.step == "culture")
    # From 20 Jan 15:30 to 17 Feb 12:30 is 28 local days later.
    assert culture.end == "12:30 +28 d"
    transit = next(row for row in rows if row.step == "transit")
    assert transit.remark == "to NORTH by north-out"
    assert rows[-1].remark == "week-20"


def test_the_hours_left_of_each_shelf_life_are_told() -> None:
    lines = list(shelf_life_lines(valid_plan(), "ANA", FACTS))
    assert lines == [f"Dose {dose}: 19 h of the 48 h shelf life used, 29 h left" for dose in (1, 2, 3)]


def test_a_shelf_life_that_is_passed_is_told_as_too_long() -> None:
    plan = valid_plan()
    injection = plan.courses[0].find("injection", 1)
    assert injection is not None
    # 19 h used plus 30 h later is 49 h.
    later = timedelta(hours=30)
    late = bent(plan, FACTS, injection.id, start_at=injection.start_at + later, end_at=injection.end_at + later)
    lines = list(shelf_life_lines(late, "ANA", FACTS))
    assert lines[0] == "Dose 1: 49 h of the 48 h shelf life used, 1 h too long"
