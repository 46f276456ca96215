"""Whatever is done in whatever order, the whole program stays a plan the referee accepts, and the board stays true."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from scheduler.booking.board import Board
from scheduler.booking.book import book_hold
from scheduler.booking.cancel import cancel
from scheduler.booking.closures import declare
from scheduler.booking.errors import Refused
from scheduler.booking.hold import hold_offer, release_hold
from scheduler.booking.in_force import plan_in_force
from scheduler.booking.reschedule import reschedule
from scheduler.domain.audience import Principal
from scheduler.domain.rules import violations
from scheduler.persistence import audit, occupancy, repositories
from scheduler.persistence.bundle import facts_of
from scheduler.planning.needs import needs_of
from tests.booking.house import HUB, KEPT, NORA, NORTH, PAUL, SAM, SOUTH, House, refused

# What may be refused on a walk that looks at nothing before it leaps.
EXPECTED = frozenset(
    {
        "already-booked",
        "already-held",
        "already-performed",
        "already-recorded",
        "breaks-rule",
        "course-ended",
        "inside-fence",
        "offer-gone",
        "offer-outdated",
        "out-of-order",
        "patient-withdrawn",
        "step-before-missing",
        "weight-missing",
    }
)


class Walk:
    """A random sequence of use cases by everybody; the same seed walks the same way."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.random = random.Random(seed)
        self.patients: list[tuple[str, str]] = []
        self.done: Counter[str] = Counter()
        # A second process: every other use case runs on its board.
        self.boards = [house.board, Board()]

    def step(self) -> None:
        ways: list[tuple[Callable[[], None], int]] = [
            (self.register, 3),
            (self.book, 6),
            (self.hold, 2),
            (self.move, 5),
            (self.leave, 1),
            (self.work_off, 3),
            (self.close, 1),
            (self.wait, 3),
        ]
        self.house.board = self.random.choice(self.boards)
        way = self.random.choices([one for one, _ in ways], [weight for _, weight in ways])[0]
        try:
            way()
            self.done[way.__name__] += 1
        except Refused as refusal:
            assert refusal.slug in EXPECTED
            self.done[refusal.slug] += 1

    def somebody(self) -> tuple[str, Principal]:
        patient, site = self.random.choice(self.patients) if self.patients else ("", "")
        if not patient:
            self.register()
            patient, site = self.patients[0]
        return patient, NORA if site == NORTH else SAM

    def register(self) -> None:
        site = self.random.choice([NORTH, SOUTH])
        name = f"{site}-{len(self.patients) + 1:03d}"
        self.house.registered(name, site)
        self.patients.append((name, site))

    def book(self) -> None:
        patient, who = self.somebody()
        offers = self.house.offers(patient, who)
        if offers:
            hold = self.house.held(self.random.choice(offers).id, who)
            with self.house.doing(who) as work:
                book_hold(work, self.house.board, hold)

    def hold(self) -> None:
        patient, who = self.somebody()
        offers = self.house.offers(patient, who)
        if offers:
            hold = self.house.held(offers[-1].id, who)
            if self.random.random() < 0.3:
                with self.house.doing(who) as work:
                    release_hold(work, hold)

    def move(self) -> None:
        patient, who = self.somebody()
        if self.house.activities(patient):
            asked = {"dose": self.random.choice([1, 2]), "onwards": self.random.random() < 0.5}
            offers = self.house.offers(patient, who, **asked)
            if offers:
                with self.house.doing(who) as work:
                    chosen = self.random.choice(offers).id
                    reschedule(work, self.house.board, patient, chosen, reason_code="patient_request")

    def leave(self) -> None:
        patient, who = self.somebody()
        if self.house.activities(patient) and self.random.random() < 0.5:
            with self.house.doing(who) as work:
                cancel(work, patient, reason_code="withdrawn_consent")

    def work_off(self) -> None:
        """Record a patient's steps that are over by now, as planned but for a few that fail."""
        patient, who = self.somebody()
        rows = [one for one in self.house.activities(patient).values() if one.end_at <= self.house.now]
        for one in sorted(rows, key=lambda each: (each.end_at, each.start_at)):
            if one.status == "planned":
                failed = self.random.random() < 0.05
                weight = {"weight_kg": 61.5} if one.kind in ("biopsy", "graft") else {}
                times = {"start_at": one.start_at, "end_at": one.end_at}
                actor = self.house.recorder(one) if one.place == HUB or one.lane else who
                self.house.recorded(one.id, actor, "failed" if failed else "performed", **times, **weight)

    def close(self) -> None:
        where = self.random.choice([NORTH, SOUTH, HUB, "HUB-NORTH"])
        start_at = self.house.now + timedelta(days=self.random.randrange(1, 40))
        with self.house.doing(PAUL) as work:
            declare(
                work,
                self.house.board,
                where=where,
                resource=None,
                start_at=start_at,
                end_at=start_at + timedelta(hours=self.random.randrange(2, 30)),
                reason="power failure",
            )

    def wait(self) -> None:
        self.house.now += timedelta(minutes=self.random.choice([10, 40, 60 * 24, 60 * 24 * 5]))


def check(house: House) -> None:
    """The referee accepts all that is booked, and what is taken is exactly what the courses need."""
    with house.work(PAUL, write=False) as work:
        plan, facts = plan_in_force(work, house.board)
        program = repositories.program(work.session)
        assert program is not None
        # A closure moves nobody: it is judged without those declared meanwhile.
        before_closures = facts_of(program, facts.patients, (), None)
        assert violations(plan, before_closures) == []
        for course in plan.courses:
            held = occupancy.stays_of(work.session, course.patient)
            taken = Counter((house.board.units[one.unit_id][:2], one.begins, one.ends, one.activity) for one in held)
            needs = needs_of(facts, course)
            assert taken == Counter(
                ((one.place, one.kind), one.begins, one.ends, one.activity) for one in needs if one.begins < one.ends
            )
        assert isinstance(audit.verify(work.session), audit.Verified)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_referee_accepts_the_program_after_every_walk(both: House, seed: int) -> None:
    walk = Walk(both, seed)
    for number in range(60):
        walk.step()
        if number % 20 == 19:
            check(both)
    assert walk.done["book"] >= 3
    assert walk.done["move"] >= 2


def test_two_processes_offer_the_same(both: House) -> None:
    other = House(both.database)
    both.registered("ANA")
    both.registered("BEN", SOUTH)
    assert dates(both, "ANA", NORA) == dates(other, "ANA", NORA)
    both.booked("NORTH-001")
    other.booked("SOUTH-001", SOUTH)
    assert dates(both, "ANA", NORA) == dates(other, "ANA", NORA)
    assert dates(both, "BEN", SAM) == dates(other, "BEN", SAM)
    with other.doing(NORA) as work:
        cancel(work, "NORTH-001", reason_code="other")
    fresh = House(both.database)
    assert dates(both, "ANA", NORA) == dates(other, "ANA", NORA) == dates(fresh, "ANA", NORA)


def test_a_hold_that_ran_out_is_as_if_it_had_never_been_in_every_process(both: House) -> None:
    other = House(both.database)
    both.registered("ANA")
    both.registered("NORTH-001")
    before = dates(other, "NORTH-001", NORA)
    hold = both.held(both.offers("ANA")[0].id)
    assert dates(other, "NORTH-001", NORA) != before  # one suite, one theatre: somebody comes later
    both.now += KEPT
    other.now = both.now
    assert dates(other, "NORTH-001", NORA) == before
    with both.work(NORA) as work:
        refused("hold-expired", 409, lambda: book_hold(work, both.board, hold))


def test_what_was_rolled_back_leaves_the_board_as_it_was(both: House) -> None:
    both.registered("ANA")
    both.registered("NORTH-001")
    before, taken = dates(both, "NORTH-001", NORA), both.stays()
    offer = both.offers("ANA")[0].id
    with both.work(NORA) as work:
        hold_offer(work, both.board, offer, keep_for=KEPT)  # and nobody commits
    assert both.stays() == taken
    assert dates(both, "NORTH-001", NORA) == before
    assert both.held(offer)


def test_an_offer_two_look_at_is_held_by_the_first(both: House) -> None:
    other = House(both.database)
    both.registered("ANA")
    both.registered("NORTH-001")
    first, second = both.offers("ANA")[0], other.offers("NORTH-001")[0]
    assert first.first_dose_on == second.first_dose_on
    both.held(first.id)
    with other.work(NORA) as work:
        refused("offer-gone", 409, lambda: hold_offer(work, other.board, second.id, keep_for=KEPT))


def dates(house: House, patient: str, who: Principal) -> list[date]:
    return [one.first_dose_on for one in house.offers(patient, who)]


def test_a_visit_in_a_closure_does_not_keep_another_from_moving(both: House) -> None:
    both.booked("ANA")
    second = both.visits("ANA")["ANA/2/graft"].start_at.replace(hour=0, minute=0)
    with both.doing(NORA) as work:
        declare(
            work,
            both.board,
            where=NORTH,
            resource=None,
            start_at=second,
            end_at=second + timedelta(days=1),
            reason="water damage",
        )
    moved = both.visits("ANA")["ANA/1/graft"].start_at
    offer = next(one for one in both.offers("ANA", dose=1) if one.first_dose_on != moved.date())
    with both.doing(NORA) as work:
        reschedule(work, both.board, "ANA", offer.id, reason_code="patient_request")
    assert both.visits("ANA")["ANA/1/graft"].start_at != moved
