"""What a plan changes of the plan that was published: visit by visit, what it costs and who must be told.

A visit is here one attended step of one patient, as the visits that are booked, confirmed and shown are; a tap and an
injection on one day are two. Its id is the activity's and outlives every move. `VisitChange` is made without the plant:
it knows the neutral reason alone, so a site's share of a diff is some of its `visits` and nothing has to be taken out
of them. Reasons in full and the steps nobody attends stand beside them in `PlanDiff`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple, get_args

from scheduler.domain.audience import NeutralReason
from scheduler.domain.calendars import local_date
from scheduler.domain.course import FOLLOW_UP, Facts, Policy
from scheduler.domain.diff_reasons import Reason, reason_for
from scheduler.domain.errors import BadInput
from scheduler.domain.logistics import Network
from scheduler.domain.plan import Activity, Plan
from scheduler.domain.protocol import Protocol

Change = Literal["kept", "moved", "retimed", "shifted", "dropped", "added"]
CHANGES: tuple[Change, ...] = get_args(Change)
Listener = Literal["coordinator", "patient", "pharmacist", "plant", "courier"]
STEP_FIELDS = ("place", "start_at", "end_at", "lane", "units", "volume_ml", "syringes")


class When(NamedTuple):
    """When a visit takes place: its local date at the site, and half-open aware instants."""

    on: date
    start_at: datetime
    end_at: datetime


class DaysAfter(NamedTuple):
    """Local days from the administration of dose `anchor`, in the old and the new plan; None where one is unplanned."""

    anchor: int
    before: int | None
    after: int | None


@dataclass(frozen=True)
class VisitChange:
    """What becomes of one visit.

    Attributes
    ----------
    name
        A follow-up visit's name, None for a step of the protocol.
    change
        ``moved``: another local date. ``retimed``: the same date, starts `retimed_minutes` of the policy or more
        earlier or later. ``shifted``: any smaller change of start or end; told, but without a cost. ``dropped``: told,
        and no longer planned; what has begun is history and never dropped. ``added``: planned, and not told before.
        ``kept``: nothing of this.
    days_after
        For an administration or a follow-up visit with an anchor.
    confirmed
        Whether the patient had confirmed the visit as it was told.
    notice_days
        Local days from the moment of the change to the date that was told; None for an added visit.
    cost
        Its share of level 2's first number, 0 unless it is moved or dropped.
    """

    id: str
    patient: str
    site: str
    zone: str
    kind: str
    dose: int | None
    name: str | None
    change: Change
    before: When | None
    after: When | None
    days_after: DaysAfter | None
    confirmed: bool
    notice_days: int | None
    cost: int
    reason: NeutralReason | None

    @property
    def tell(self) -> tuple[Listener, ...]:
        """Who must be told: the site's coordinator, and through the coordinator the patient."""
        return () if self.change == "kept" else ("coordinator", "patient")


@dataclass(frozen=True)
class StepChange:
    """What changes of one step that no patient attends; `fields` names what differs where both plans have the step."""

    id: str
    patient: str
    change: Literal["changed", "dropped", "added"]
    fields: tuple[str, ...]
    before: Activity | None
    after: Activity | None
    tell: tuple[Listener, ...]


@dataclass(frozen=True)
class PlanDiff:
    """Two plans of one program compared; a plant-side record.

    `visits` holds every visit of either plan, by site, patient and time; `steps` the other steps that change;
    `reasons` the reason in full of every changed visit and step that has one, by activity id.
    """

    program: str
    visits: tuple[VisitChange, ...]
    steps: tuple[StepChange, ...]
    reasons: Mapping[str, str]

    @property
    def is_empty(self) -> bool:
        """Whether nobody has anything to be told."""
        return not self.steps and all(one.change == "kept" for one in self.visits)


def plan_diff(
    old: Plan,
    new: Plan,
    facts: Facts,
    *,
    now: datetime,
    confirmed: frozenset[str] = frozenset(),
    reasons: Mapping[str, Reason] | None = None,
) -> PlanDiff:
    """Compare the published plan with the one that shall replace it.

    Parameters
    ----------
    now
        The aware instant of the change; notice is counted from its local date at the site to the date that was told.
    confirmed
        Ids of the published visits that the patient has confirmed as they were told.
    reasons
        Why things change: by activity id, by patient and dose (``HYU-012/2``) or by patient; the narrowest one counts.

    Raises
    ------
    BadInput
        When the plans are of different programs, name a place or lane the program has not, or have an id twice.
    """
    if not old.program == new.program == facts.program:
        problem = f"the old plan is of {old.program!r}, the new one of {new.program!r}, the facts are {facts.program!r}"
        raise BadInput("diff", "program", problem, "Compare two plans of the same program")
    compared = _Compared(_Side.of(old, facts, "old"), _Side.of(new, facts, "new"), facts, now, confirmed, reasons or {})
    visits, steps = tuple(compared.visits()), tuple(compared.steps())
    changed = [one.id for one in visits if one.change != "kept"] + [one.id for one in steps]
    in_full = {name: why.text for name in changed if (why := compared.why(name)) is not None}
    return PlanDiff(old.program, visits, steps, in_full)


def moves_cost(diff: PlanDiff) -> tuple[int, int]:
    """Level 2 of the cost: the price of the visits that lose their date, and then the number of retimed visits.

    Compared one after the other. A visit that is no longer planned has lost its date as a moved one has, and costs the
    same. Source: docs/domain.md section 5.
    """
    return sum(one.cost for one in diff.visits), sum(one.change == "retimed" for one in diff.visits)


def counts(visits: tuple[VisitChange, ...]) -> dict[Change, int]:
    """How many visits each change has befallen, zeros included."""
    return {change: sum(one.change == change for one in visits) for change in CHANGES}


@dataclass(frozen=True)
class _Side:
    """One of the two plans: its activities by id, whose they are, and when each dose is given."""

    activities: Mapping[str, Activity]
    patients: Mapping[str, str]
    sites: Mapping[str, str]
    given_on: Mapping[tuple[str, int], date]

    @classmethod
    def of(cls, plan: Plan, facts: Facts, which: str) -> _Side:
        listed = [(one, course) for course in plan.courses for one in course.activities]
        name, often = next(iter(Counter(one.id for one, _ in listed).most_common(1)), ("", 0))
        if often > 1:
            raise BadInput(f"{which} plan", name, f"this activity stands {often} times", "Write the plan anew")
        for one, _ in listed:
            _refuse_unknown(one, facts.network)
        found = {one.id: one for one, _ in listed}
        given = {
            (course.patient, one.dose): _when(one, facts.network).on
            for one, course in listed
            if one.kind == facts.protocol.administration and one.dose is not None
        }
        owners = {one.id: course.patient for one, course in listed}
        return cls(found, owners, {course.patient: course.site for course in plan.courses}, given)


@dataclass(frozen=True)
class _Compared:
    old: _Side
    new: _Side
    facts: Facts
    now: datetime
    confirmed: frozenset[str]
    given_reasons: Mapping[str, Reason]

    def visits(self) -> list[VisitChange]:
        found = (self._visit(*pair) for pair in self._pairs(attended=True))
        return sorted(found, key=lambda one: (one.site, one.patient, (one.before or one.after or ()), one.id))

    def steps(self) -> list[StepChange]:
        found = (self._step(*pair) for pair in self._pairs(attended=False))
        changed = (one for one in found if one is not None)
        return sorted(changed, key=lambda one: (one.patient, _either(one.before, one.after).start_at, one.id))

    def why(self, name: str) -> Reason | None:
        one = _either(self.old.activities.get(name), self.new.activities.get(name))
        return reason_for(self.given_reasons, name, one.dose, self._patient(name))

    def _pairs(self, *, attended: bool) -> Iterator[tuple[str, Activity | None, Activity | None]]:
        kinds = {step.kind for step in self.facts.protocol.steps if step.attended} | {FOLLOW_UP}
        for name in {**self.old.activities, **self.new.activities}:
            before, after = self.old.activities.get(name), self.new.activities.get(name)
            if after is None and before is not None and before.start_at < self.now:
                after = before  # history: nobody has to be told that it does not take place
            if (_either(before, after).kind in kinds) == attended:
                yield name, before, after

    def _patient(self, name: str) -> str:
        return self.old.patients.get(name) or self.new.patients[name]

    def _visit(self, name: str, before: Activity | None, after: Activity | None) -> VisitChange:
        one, network, patient = _either(before, after), self.facts.network, self._patient(name)
        was, will = (None if each is None else _when(each, network) for each in (before, after))
        change = _change(was, will, self.facts.policy)
        zone = network.place(one.place).zone
        notice_days = None if was is None else (was.on - local_date(self.now, zone)).days
        confirmed = was is not None and name in self.confirmed
        priced = change in ("moved", "dropped") and notice_days is not None
        reason = None if change == "kept" else self.why(name)
        return VisitChange(
            id=name,
            patient=patient,
            site=self.old.sites.get(patient) or self.new.sites[patient],
            zone=zone,
            kind=one.kind,
            dose=one.dose,
            name=_follow_up_name(one),
            change=change,
            before=was,
            after=will,
            days_after=self._days_after(one, patient, was, will),
            confirmed=confirmed,
            notice_days=notice_days,
            cost=move_cost(self.facts.policy, notice_days, confirmed) if priced and notice_days is not None else 0,
            reason=None if reason is None else reason.neutral,
        )

    def _days_after(self, one: Activity, patient: str, was: When | None, will: When | None) -> DaysAfter | None:
        anchor = _anchor(one, self.facts.protocol)
        if anchor is None:
            return None
        ends = ((was, self.old.given_on), (will, self.new.given_on))
        days = [
            (when.on - given[patient, anchor]).days if when is not None and (patient, anchor) in given else None
            for when, given in ends
        ]
        return DaysAfter(anchor, days[0], days[1])

    def _step(self, name: str, before: Activity | None, after: Activity | None) -> StepChange | None:
        patient, tell = self._patient(name), _tell(_either(before, after), self.facts.network)
        if before is None or after is None:
            return StepChange(name, patient, "added" if before is None else "dropped", (), before, after, tell)
        fields = tuple(field for field in STEP_FIELDS if getattr(before, field) != getattr(after, field))
        return StepChange(name, patient, "changed", fields, before, after, tell) if fields else None


def move_cost(policy: Policy, notice_days: int, confirmed: bool) -> int:
    """What it costs to take one published visit's date away, so many local days ahead (docs/domain.md section 5)."""
    price = policy.confirmed_move_cost if confirmed else policy.unconfirmed_move_cost
    if notice_days <= policy.near_notice_days:
        return price * policy.near_notice_factor
    return price * policy.notice_factor if notice_days <= policy.notice_days else price


def _change(was: When | None, will: When | None, policy: Policy) -> Change:
    if was is None or will is None:
        return "added" if was is None else "dropped"
    if was.on != will.on:
        return "moved"
    if abs(will.start_at - was.start_at) >= timedelta(minutes=policy.retimed_minutes):
        return "retimed"
    return "kept" if was == will else "shifted"


def _either(before: Activity | None, after: Activity | None) -> Activity:
    found = after if before is None else before
    assert found is not None
    return found


def _when(one: Activity, network: Network) -> When:
    return When(local_date(one.start_at, network.place(one.place).zone), one.start_at, one.end_at)


def _follow_up_name(one: Activity) -> str | None:
    return one.id.split("/")[-2] if one.kind == FOLLOW_UP and one.id.count("/") >= 2 else None


def _anchor(one: Activity, protocol: Protocol) -> int | None:
    """The dose whose day the day of this visit is counted from."""
    if one.kind == FOLLOW_UP:
        name = _follow_up_name(one)
        return next((each.anchor for each in protocol.follow_ups if each.name == name), None)
    if one.kind != protocol.administration:
        return None
    return next((each.anchor for each in protocol.doses if each.number == one.dose), None)


def _tell(one: Activity, network: Network) -> tuple[Listener, ...]:
    """Transits concern plant and courier, what reaches or happens at a site its pharmacist, all else the plant."""
    if one.lane is None:
        return ("pharmacist",) if network.place(one.place).side == "site" else ("plant",)
    to_site = network.place(network.lane(one.lane).to_place).side == "site"
    return ("plant", "courier", "pharmacist") if to_site else ("plant", "courier")


def _refuse_unknown(one: Activity, network: Network) -> None:
    places, lanes = (place.code for place in network.places), (lane.code for lane in network.lanes)
    for key, value, known in (("place", one.place, places), ("lane", one.lane, lanes)):
        if value is not None and value not in known:
            problem = f"network {network.name} has no {key} {value!r}"
            raise BadInput(one.id, key, problem, "Name the program the plans were made for, and check the plans")
