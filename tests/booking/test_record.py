"""What was done is recorded beside what was planned, by those who did it, in the order in which it happens."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event
from sqlmodel import select

from scheduler.booking.cancel import cancel
from scheduler.booking.record import record
from scheduler.domain.audience import Principal
from scheduler.persistence import repositories
from scheduler.persistence.signatures import holds
from scheduler.persistence.tables import CourseRow, PatientRow, SignatureRow
from tests.booking.house import ADA, CARL, DORA, MONA, NORA, PAUL, PHIL, QUINN, SAM, SOUTH, STELLA, House, refused

QUARTER = timedelta(minutes=15)


def recording(
    house: House,
    activity: str,
    who: Principal = NORA,
    *,
    start_at: datetime | None = None,
    end_at: datetime | None = None,
    weight_kg: float | None = None,
    expected_version: int | None = None,
    now: datetime | None = None,
) -> object:
    """Record a step, at its planned times unless others are given, an hour after its end; nobody commits."""
    planned = house.activities(activity.split("/")[0])[activity]
    house.now = now or max(house.now, planned.end_at + timedelta(hours=1))
    with house.work(who) as work:
        return record(
            work,
            house.board,
            activity,
            outcome="performed",
            start_at=start_at or planned.start_at,
            end_at=end_at or planned.end_at,
            weight_kg=weight_kg,
            expected_version=expected_version,
        )


def test_actual_times_stand_beside_the_planned_ones(both: House) -> None:
    both.booked("ANA")
    planned = both.activities("ANA")["ANA/biopsy"]
    both.recorded(
        "ANA/biopsy", NORA, "late", start_at=planned.start_at + QUARTER, end_at=planned.end_at + QUARTER, note="traffic"
    )
    row, visit = both.activities("ANA")["ANA/biopsy"], both.visits("ANA")["ANA/biopsy"]
    assert (row.start_at, row.end_at) == (planned.start_at, planned.end_at)
    assert (row.actual_start_at, row.actual_end_at) == (planned.start_at + QUARTER, planned.end_at + QUARTER)
    assert (row.status, visit.status, row.recorded_by) == ("late", "late", "Nora North")
    assert (row.version, visit.version) == (planned.version + 1, 2)
    entry = both.trail("activity:recorded")[0]
    assert (entry.subject, entry.actor) == ("ANA/biopsy", "Nora North")
    assert '"note":"traffic"' in (entry.after or "")


def test_what_is_taken_stays_taken_when_a_step_is_recorded(house: House) -> None:
    house.booked("ANA")
    before = house.stays()
    house.recorded("ANA/biopsy", NORA)
    assert house.stays() == before


@pytest.mark.parametrize(("activity", "who"), [("ANA/biopsy_transit", CARL), ("ANA/biopsy_transit", PAUL)])
def test_the_courier_and_the_planner_record_what_is_on_the_road(house: House, activity: str, who: Principal) -> None:
    house.booked("ANA")
    house.recorded("ANA/biopsy", DORA)
    assert house.recorded(activity, who).activity.status == "performed"


def test_quality_records_what_the_plant_does(house: House) -> None:
    house.booked("ANA")
    house.recorded_until("ANA/seeding")
    assert house.recorded("ANA/seeding", QUINN).activity.recorded_by == "Quinn Quality"


@pytest.mark.parametrize(
    ("activity", "who"),
    [
        ("ANA/seeding", NORA),
        ("ANA/biopsy_transit", DORA),
        ("ANA/1/fill", PHIL),
        ("ANA/biopsy", SAM),
        ("ANA/biopsy", CARL),
        ("ANA/biopsy", STELLA),
        ("ANA/seeding", CARL),
        ("ANA/seeding", STELLA),
        ("BEN/biopsy", NORA),
        ("ANA/9/graft", NORA),
        ("nobody/biopsy", NORA),
    ],
)
def test_a_step_nobody_may_know_of_is_not_found(house: House, activity: str, who: Principal) -> None:
    house.booked("ANA")
    house.now += timedelta(days=60)
    with house.work(who) as work:
        told = refused(
            "step-not-found",
            404,
            lambda: record(work, house.board, activity, outcome="performed", start_at=house.now, end_at=house.now),
        )
    assert activity not in told.sentence


@pytest.mark.parametrize(
    ("hidden", "absent"),
    [
        ("ANA/1/fill", "ANA/1/thaw"),  # dose 1 comes from the fresh culture: there is no thaw
        ("ANA/seeding", "ANA/9/graft"),
        ("BEN/biopsy", "CHARLIE/biopsy"),
    ],
)
def test_a_step_nobody_may_know_of_is_refused_by_the_same_way_as_none(both: House, hidden: str, absent: str) -> None:
    """With as many questions to the database, and so in the same time, and in the same words."""
    both.booked("ANA")
    both.booked("BEN", SOUTH)
    both.now += timedelta(days=60)
    with both.work(PAUL) as work:
        both.board.facts(work)  # in step with what was booked: whoever comes first asks for that, whatever the step
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    def refusing(activity: str) -> tuple[list[str], str, str | None]:
        asked.clear()
        with both.work(NORA) as work:
            told = refused(
                "step-not-found",
                404,
                lambda: record(work, both.board, activity, outcome="performed", start_at=both.now, end_at=both.now),
            )
        return list(asked), told.sentence, told.blinded_sentence

    event.listen(both.database.engine, "before_cursor_execute", note)
    assert refusing(absent) == refusing(hidden)
    assert any("course" in statement for statement in asked)


@pytest.mark.parametrize(
    ("activity", "who"),
    [
        ("ANA/biopsy", MONA),
        ("ANA/biopsy", PAUL),
        ("ANA/biopsy", ADA),
        ("ANA/seeding", ADA),
        ("ANA/biopsy_transit", ADA),
    ],
)
def test_a_step_of_others_is_theirs_to_record(house: House, activity: str, who: Principal) -> None:
    house.booked("ANA")
    refused("not-your-step", 403, lambda: recording(house, activity, who))


def test_what_is_recorded_is_not_recorded_again(house: House) -> None:
    house.booked("ANA")
    house.recorded("ANA/biopsy", NORA)
    refused("already-recorded", 409, lambda: recording(house, "ANA/biopsy"))


def test_a_cancelled_visit_is_not_recorded(house: House) -> None:
    house.booked("ANA")
    with house.doing(NORA) as work:
        cancel(work, "ANA", reason_code="other")
    refused("already-recorded", 409, lambda: recording(house, "ANA/biopsy"))


def test_an_old_version_changes_nothing(house: House) -> None:
    house.booked("ANA")
    refused("changed-meanwhile", 412, lambda: recording(house, "ANA/biopsy", expected_version=9))
    assert house.activities("ANA")["ANA/biopsy"].status == "planned"


def test_an_end_before_its_start_is_refused(house: House) -> None:
    house.booked("ANA")
    start_at = house.activities("ANA")["ANA/biopsy"].start_at
    refused("ends-before-start", 422, lambda: recording(house, "ANA/biopsy", end_at=start_at - QUARTER))


def test_what_has_not_happened_is_not_recorded(house: House) -> None:
    house.booked("ANA")
    planned = house.activities("ANA")["ANA/biopsy"]
    soon = planned.end_at - timedelta(minutes=6)
    refused("not-yet", 422, lambda: recording(house, "ANA/biopsy", now=soon))


def test_a_clock_may_be_five_minutes_wrong(house: House) -> None:
    house.booked("ANA")
    planned = house.activities("ANA")["ANA/biopsy"]
    assert recording(house, "ANA/biopsy", now=planned.end_at - timedelta(minutes=5))


def test_nothing_was_done_before_the_patient_was_registered(house: House) -> None:
    house.booked("ANA")  # registered on 1 March
    at = datetime(2027, 2, 28, 12, 0, tzinfo=UTC)
    refused("before-registration", 422, lambda: recording(house, "ANA/biopsy", start_at=at, end_at=at))


def test_a_step_waits_for_the_steps_before_it(house: House) -> None:
    house.booked("ANA")
    told = refused("step-before-missing", 409, lambda: recording(house, "ANA/biopsy_transit", CARL))
    assert "ANA/biopsy" in told.sentence


def test_a_site_is_not_told_which_step_of_the_plant_is_missing(house: House) -> None:
    house.booked("ANA")
    told = refused("step-before-missing", 409, lambda: recording(house, "ANA/1/receipt"))
    assert told.blinded_sentence is not None
    assert not any(word in told.blinded_sentence for word in ("transit", "pack", "fill", "ANA", "plant"))


def test_a_step_after_a_failed_one_cannot_be_performed(house: House) -> None:
    house.booked("ANA")
    house.recorded("ANA/biopsy", NORA, "failed")
    refused("step-before-missing", 409, lambda: recording(house, "ANA/biopsy_transit", CARL))


def test_a_step_does_not_begin_before_the_one_before_it_ended(house: House) -> None:
    house.booked("ANA")
    planned = house.activities("ANA")
    departs_at = planned["ANA/biopsy_transit"].start_at
    house.now = departs_at + QUARTER
    house.recorded("ANA/biopsy", NORA, "late", end_at=departs_at + QUARTER, start_at=departs_at)
    refused("out-of-order", 409, lambda: recording(house, "ANA/biopsy_transit", CARL))


def test_a_failure_lists_the_steps_it_leaves_open(house: House) -> None:
    house.booked("ANA")
    house.recorded_until("ANA/1/release")
    got = house.recorded("ANA/1/release", QUINN, "failed")
    assert got.open_steps == ("ANA/1/pack", "ANA/1/transit", "ANA/1/receipt", "ANA/1/graft")
    rows = house.activities("ANA")
    assert {rows[one].status for one in got.open_steps} == {"planned"}
    assert house.visits("ANA")["ANA/1/graft"].status == "planned"


def test_a_site_hears_only_of_its_own_open_steps(house: House) -> None:
    house.booked("ANA")
    got = house.recorded("ANA/biopsy", NORA, "failed")
    assert house.visits("ANA")["ANA/biopsy"].status == "failed"
    assert got.open_steps == ("ANA/1/receipt", "ANA/1/graft", "ANA/2/receipt", "ANA/2/graft", "ANA/month-3/follow_up")


def test_a_fill_needs_a_weight_of_the_last_seven_days(both: House) -> None:
    both.booked("ANA")
    fill = both.activities("ANA")["ANA/1/fill"]
    both.recorded_until("ANA/1/fill")
    told = refused("weight-missing", 409, lambda: recording(both, "ANA/1/fill", PAUL))
    assert "7 days" in told.sentence
    both.now = fill.start_at
    both.weighed("ANA", fill.start_at - timedelta(days=7))
    assert both.recorded("ANA/1/fill", PAUL).activity.status == "performed"


def test_a_weight_of_the_eighth_day_is_too_old(house: House) -> None:
    house.booked("ANA")
    fill = house.activities("ANA")["ANA/1/fill"]
    house.recorded_until("ANA/1/fill")
    house.now = fill.start_at - timedelta(minutes=1)
    house.weighed("ANA", fill.start_at - timedelta(days=7, minutes=-5))
    later = fill.start_at + timedelta(minutes=6)  # 7 days and a minute after the weight
    end_at = later + QUARTER
    refused("weight-missing", 409, lambda: recording(house, "ANA/1/fill", PAUL, start_at=later, end_at=end_at))


def test_a_failed_fill_needs_no_weight(house: House) -> None:
    house.booked("ANA")
    house.recorded_until("ANA/1/fill")
    assert house.recorded("ANA/1/fill", PAUL, "failed").activity.status == "failed"


def test_a_fill_is_as_large_as_the_latest_weight_asks(house: House) -> None:
    house.booked("ANA")
    house.recorded_until("ANA/1/fill")
    fill = house.activities("ANA")["ANA/1/fill"]
    # Registered with 61.5 kg: band 60-70, 65 kg x 0.05 mL = 3.25 mL. At 112 kg: band 110-120, 115 x 0.05 = 5.75 mL.
    assert (fill.volume_ml, fill.syringes) == (3.25, 1)
    house.weighed("ANA", fill.start_at, 112.0)
    row = house.recorded("ANA/1/fill", PAUL).activity
    assert (row.volume_ml, row.syringes) == (5.75, 2)


def test_a_weight_taken_at_a_visit_is_kept_with_it(both: House) -> None:
    both.booked("ANA")
    both.recorded("ANA/biopsy", NORA, weight_kg=63.2)
    with both.work(PAUL, write=False) as work:
        kept = repositories.latest_weight(work.session, "ANA", both.now)
    assert kept is not None
    assert (kept.weight_kg, kept.activity, kept.measured_by) == (63.2, "ANA/biopsy", "Nora North")


@pytest.mark.parametrize("weight_kg", [-3.0, 0.0, float("nan"), float("inf"), 29.9, 130.0])
def test_a_weight_no_dose_is_made_for_is_refused(house: House, weight_kg: float) -> None:
    house.booked("ANA")
    refused("weight-out-of-range", 422, lambda: recording(house, "ANA/biopsy", weight_kg=weight_kg))


def test_nobody_is_weighed_on_the_road(house: House) -> None:
    house.booked("ANA")
    house.recorded("ANA/biopsy", NORA)
    refused("weight-elsewhere", 422, lambda: recording(house, "ANA/biopsy_transit", CARL, weight_kg=61.5))


def test_a_dose_outside_its_window_needs_a_reason_and_is_signed(both: House) -> None:
    both.booked("ANA")
    both.recorded_until("ANA/2/graft")
    # Dose 1 was given on Monday 22 March, dose 2 is allowed on days 19 to 25: 10 to 16 April. It is given on the 17th.
    at = datetime(2027, 4, 17, 8, 0, tzinfo=UTC)
    both.now = at + timedelta(hours=1)
    refused("outside-window", 409, lambda: recording(both, "ANA/2/graft", start_at=at, end_at=at + QUARTER))
    said = "snow closed the road"
    got = both.recorded("ANA/2/graft", NORA, "late", reason=said, start_at=at, end_at=at + QUARTER)
    with both.work(PAUL, write=False) as work:
        (deviation,) = repositories.deviations_of(work.session, "ANA")
        signature = work.session.exec(select(SignatureRow)).one()
    assert (deviation.id, deviation.rule, deviation.activity) == (got.deviation, "pair_window", "ANA/2/graft")
    assert (deviation.reason, deviation.signature) == ("snow closed the road", signature.id)
    content = {
        "deviation": deviation.id,
        "course": "ANA",
        "activity": "ANA/2/graft",
        "rule": "pair_window",
        "reason": "snow closed the road",
        "start_at": at,
    }
    assert holds(signature, content)
    assert signature.signer == "Nora North"


def test_a_dose_on_the_last_day_of_its_window_is_no_deviation(house: House) -> None:
    house.booked("ANA")
    house.recorded_until("ANA/2/graft")
    at = datetime(2027, 4, 16, 8, 0, tzinfo=UTC)
    house.now = at + timedelta(hours=1)
    assert house.recorded("ANA/2/graft", NORA, "late", start_at=at, end_at=at + QUARTER).deviation is None


def test_a_course_of_which_all_is_recorded_is_completed(both: House) -> None:
    both.booked("ANA")
    both.recorded_until("ANA/month-3/follow_up")
    assert kept(both)[0].status == "booked"
    both.recorded("ANA/month-3/follow_up", NORA)
    course, patient = kept(both)
    assert (course.status, patient.status) == ("completed", "completed")
    assert [one.subject for one in both.trail("course:completed")] == ["ANA"]


def test_a_courses_version_tells_nothing_of_the_plants_work(house: House) -> None:
    house.booked("ANA")
    house.recorded("ANA/biopsy", NORA)
    version = kept(house)[0].version
    house.recorded("ANA/biopsy_transit", CARL)
    house.recorded("ANA/seeding", QUINN)
    assert kept(house)[0].version == version


def kept(house: House) -> tuple[CourseRow, PatientRow]:
    with house.work(PAUL, write=False) as work:
        course, patient = repositories.course(work.session, "ANA"), repositories.patient(work.session, "ANA")
    assert course is not None and patient is not None
    return course, patient


def test_a_refused_record_leaves_nothing_behind(house: House) -> None:
    house.booked("ANA")
    before = house.activities("ANA")
    refused("step-before-missing", 409, lambda: recording(house, "ANA/1/graft", weight_kg=61.5))
    with house.work(PAUL, write=False) as work:
        assert repositories.latest_weight(work.session, "ANA", house.now) is None
    assert house.activities("ANA") == before
