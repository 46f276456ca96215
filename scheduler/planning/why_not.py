"""Why not on that day? Yes with a course, no with proof and reasons, or not decided in the time given.

Every answer is made by solving the patient's whole course exactly (`one_course`), every reason by solving again:
without all reasons there is a place, with any one of them put back there is none. A single change is told only after a
place was found with it and with nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from scheduler.domain.calendars import local_date
from scheduler.domain.cost import cost_of
from scheduler.domain.course import FOLLOW_UP, Facts, Patient
from scheduler.domain.plan import Activity, Levels, Plan, PlannedCourse
from scheduler.domain.rules import Violation, violations
from scheduler.planning.obstacles import NOTHING, Obstacle, obstacles_of
from scheduler.planning.one_course import Case
from scheduler.planning.situation import Question, Situation, seated, taken_by
from scheduler.planning.smallest import fewest, singly
from scheduler.planning.why_words import Change, Reason, changes_for, moved_away, reason_of
from solver.decide import Decision, decide

Verdict = Literal["yes", "no", "undecided"]

BEST_SECONDS = 5.0  # for the best plan once there is one
AROUND_DAYS = 60  # holidays so many days before and after all that matters can matter

SEQUENCE = Reason(
    "sequence", "", "what is done already, and how long every step takes, leave no such course whatever else gives way"
)


class OutOfTime(Exception):
    """The time given has run out before something was decided."""


@dataclass(frozen=True)
class Answer:
    """What is known of a date.

    Attributes
    ----------
    verdict
        ``yes``, ``no`` (proved) or ``undecided`` in the time given.
    course, cost
        With a yes: the whole course with that visit on that date, and its cost levels.
    cost_now
        The cost levels of the course as it is booked; None without one.
    moved
        With a yes: the activities of visits, other than the one asked for, that would be at another time; where others
        may move, theirs too.
    others
        With a yes: the whole courses of others who would have to move.
    reasons
        With a no: a smallest set (by inclusion) of what stands in the way. Without all of them there is a place; with
        any one of them put back there is none.
    changes
        With a no: single changes with which there is a place, the cheapest first; there may be none.
    explained
        Whether reasons and changes are complete; a no stands all the same.
    """

    verdict: Verdict
    course: PlannedCourse | None = None
    cost: Levels | None = None
    cost_now: Levels | None = None
    moved: tuple[str, ...] = ()
    others: tuple[PlannedCourse, ...] = ()
    reasons: tuple[Reason, ...] = ()
    changes: tuple[Change, ...] = ()
    explained: bool = True
    obstacles: frozenset[Obstacle] = field(default=NOTHING, repr=False)


def why_not(
    situation: Situation,
    question: Question,
    *,
    seconds: float,
    others: Mapping[str, Situation] | None = None,
    explain: bool = True,
) -> Answer:
    """Whether a patient's visit can fall on a date.

    All other courses stay where they are unless `others` is given: then whoever is in it may move as well. A yes tells
    who; a no is proved whatever others do; where one other course alone cannot make room, nothing is decided.

    Parameters
    ----------
    situation
        Who, what is booked and done, and what others have taken.
    question
        The visit and its date; the visit is one of the course and not recorded yet.
    seconds
        Time limit for all of it; with 0 nothing is decided.
    explain
        Look for the reasons of a no and for what would help.
    """
    until = time.monotonic() + seconds
    search = Search(situation, question, until)
    try:
        if search.possible(NOTHING):
            return search.yes()
        if not explain:
            return Answer("no", explained=False)
        if others is None:
            return search.no()
        alone = Search(moved_away(situation, others), question, until)
        return search.yes_with(others) if alone.possible(NOTHING) else alone.no()
    except OutOfTime:
        return Answer("undecided", cost_now=cost_alone(situation, situation.course))


class Search:
    """One question and what was found out about it so far."""

    def __init__(self, situation: Situation, question: Question | None, until: float) -> None:
        self.situation, self.question, self.until = situation, question, until
        self._known: dict[frozenset[Obstacle], bool] = {}

    # --- deciding -----------------------------------------------------------------------------------------------------

    def possible(self, gone: frozenset[Obstacle]) -> bool:
        """Whether there is a place without some obstacles; OutOfTime when that is not decided."""
        if gone not in self._known:
            self._known[gone] = self.possible_in(self.situation, gone)
        return self._known[gone]

    def possible_in(self, situation: Situation, gone: frozenset[Obstacle] = NOTHING) -> bool:
        """The same in a situation that differs."""
        if time.monotonic() >= self.until:  # before a problem is built for nothing
            raise OutOfTime
        return self._decided(Case(situation, self.question, gone)).verdict == "yes"

    def _decided(self, case: Case) -> Decision:
        found = decide(case.asked, seconds=self.until - time.monotonic())
        if found.verdict == "undecided":
            raise OutOfTime
        return found

    def _best(self, case: Case) -> Decision:
        """The best place that is found soon; any where none is found so soon."""
        seconds = min(self.until - time.monotonic(), BEST_SECONDS)
        found = decide(case.asked, seconds=seconds, best=True)
        return self._decided(case) if found.verdict == "undecided" else found

    # --- yes ----------------------------------------------------------------------------------------------------------

    def yes(self) -> Answer:
        """The best course there is time for, seated beside the others and judged by the referee.

        OutOfTime when units cannot be had although their number would do: that is not decided.
        """
        situation = self.situation
        course = self._course()
        if course is None:
            raise OutOfTime
        moved = tuple(_moved(situation, self.question, course))
        now = cost_alone(situation, situation.course)
        return Answer("yes", course, cost_alone(situation, course), now, moved)

    def _course(self) -> PlannedCourse | None:
        """A course with units that breaks no rule; None when units cannot be had although their number would do."""
        case = Case(self.situation, self.question)
        placement = self._best(case).placement
        if placement is None:
            return None
        found = seated(self.situation, self.situation.facts, case.course_at(placement))
        return None if found is None or newly_broken(self.situation, found) else found

    def yes_with(self, others: Mapping[str, Situation]) -> Answer:
        """A yes for which one other course moves, whoever is first by name; OutOfTime when none alone is enough."""
        names = sorted(others)
        for name in singly(names, lambda some: self.possible_in(moved_away(self.situation, some))):
            found = self._beside(name, others[name])
            if found is not None:
                return found
        raise OutOfTime

    def _beside(self, name: str, other: Situation) -> Answer | None:
        """The course asked for, and then the other one's in what is left."""
        first = Search(moved_away(self.situation, {name}), self.question, self.until)
        answer = first.yes()
        assert answer.course is not None
        facts, patient = self.situation.facts, self.situation.patient.id
        kept = tuple(one for one in self.situation.taken if one.patient != name)
        left = replace(other, taken=(*kept, *taken_by(facts, answer.course, patient)))
        second = Search(left, None, self.until)
        course = second._course() if second.possible(NOTHING) else None
        if course is None:
            return None
        return replace(answer, moved=(*answer.moved, *_moved(other, None, course)), others=(course,))

    # --- no -----------------------------------------------------------------------------------------------------------

    def no(self) -> Answer:
        """A proved no with its reasons and the single changes, as far as the time allows."""
        now = cost_alone(self.situation, self.situation.course)
        every = self.obstacles()
        reasons: frozenset[Obstacle] = NOTHING
        changes: list[Change] = []
        try:
            singles = singly(every, lambda some: self.possible(frozenset(some)))
            if not singles and not self.possible(frozenset(every)):
                return Answer("no", cost_now=now, reasons=(SEQUENCE,))
            reasons = frozenset(singles[:1]) or fewest(every, self.possible)
            for one in singles:
                changes += changes_for(self.situation, one, self.possible_in)
        except OutOfTime:
            return self._told(now, reasons, changes, explained=False)
        return self._told(now, reasons, changes, explained=True)

    def _told(
        self, now: Levels | None, reasons: frozenset[Obstacle], changes: list[Change], *, explained: bool
    ) -> Answer:
        told = tuple(reason_of(self.situation, self.question, one) for one in sorted(reasons))
        ranked = tuple(sorted(changes, key=lambda one: one.rank))
        return Answer("no", cost_now=now, reasons=told, changes=ranked, explained=explained, obstacles=reasons)

    def obstacles(self) -> tuple[Obstacle, ...]:
        """All that could be otherwise, what is easiest to change first."""
        situation = self.situation
        zone = situation.facts.network.place(situation.patient.site).zone
        days = [local_date(situation.now, zone), *([] if self.question is None else [self.question.on])]
        if situation.course is not None:
            days += [local_date(one.start_at, zone) for one in situation.course.activities]
        around = timedelta(days=AROUND_DAYS + _reach_days(situation.facts))
        since, until = min(days) - timedelta(days=AROUND_DAYS), max(days) + around
        return obstacles_of(situation.facts, situation.patient.site, situation.doses, since, until)


# --- what a course is worth, and whether it may be ------------------------------------------------------------------


def plan_of(facts: Facts, course: PlannedCourse) -> Plan:
    """A plan of one course, its cost as it is."""
    plan = Plan(facts.program, "feasible", 0, (0, 0, 0), (0, 0, 0), 0.0, (course,))
    return replace(plan, cost=cost_of(plan, facts))


def cost_alone(situation: Situation, course: PlannedCourse | None) -> Levels | None:
    """The cost levels of a course by itself; None without one."""
    return None if course is None else plan_of(_alone(situation.facts, situation.patient), course).cost


def newly_broken(situation: Situation, course: PlannedCourse) -> list[Violation]:
    """What a course breaks that the booked one does not break in just the same way.

    A window counts from the date on which a dose was really given: of such a dose the plan's date says nothing.
    """
    facts = _alone(situation.facts, situation.patient)
    known = set()
    if situation.course is not None:
        known = {one.message for one in violations(plan_of(facts, situation.course), facts)}
    windows = {"pair_window", "booster_window", "follow_up_window"} if situation.given_on else set()
    broken = violations(plan_of(facts, course), facts)
    return [one for one in broken if one.message not in known and one.rule not in windows]


def _alone(facts: Facts, patient: Patient) -> Facts:
    return replace(facts, patients=(patient,))


def _moved(situation: Situation, question: Question | None, course: PlannedCourse) -> Iterator[str]:
    """The attended activities, other than those of the visit asked for, that are at another time."""
    facts, old = situation.facts, situation.course
    if old is None:
        return
    attended = {step.kind for step in facts.protocol.steps if step.attended} | {FOLLOW_UP}
    told = {one.id: one for one in old.activities}
    for one in course.activities:
        if (
            one.kind in attended
            and not _is_asked(question, one)
            and one.id in told
            and told[one.id].start_at != one.start_at
        ):
            yield one.id


def _is_asked(question: Question | None, one: Activity) -> bool:
    """Whether an activity belongs to the visit asked for: all of the same dose do."""
    if question is None:
        return False
    if one.dose is not None:
        return one.dose == question.dose
    return (one.kind, _name(one.id)) == (question.kind, question.name)


def _name(activity: str) -> str | None:
    parts = activity.split("/")
    return parts[1] if parts[-1] == FOLLOW_UP else None


def _reach_days(facts: Facts) -> int:
    """How far after its anchor any visit can lie."""
    windows = [one.window for one in facts.protocol.doses if one.window is not None]
    return max(
        ((one.target_on(facts.starts_on) - facts.starts_on).days + one.latest_days for one in windows), default=0
    )
