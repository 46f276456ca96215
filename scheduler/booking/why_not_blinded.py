"""What a site is told of a date: yes, no or not decided, its own visits, and a neutral reason worked out anew.

A reason comes from the protocol, the calendars of the site and its couriers, and the share of the course that the
site sees anyway (`shares`): never from what the planner found. Where plans are made with the arm, no capacity of the
plant is looked at either, so that only what calendars and what was done forbid is a no, and all else is not decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.booking.shares import Share, SharedVisit
from scheduler.booking.views import OfferedVisit, offered_visits
from scheduler.booking.words import KINDS, KOREAN_WEEKDAYS, MONTHS
from scheduler.domain.audience import NeutralReason
from scheduler.domain.calendars import WEEKDAYS, local_date
from scheduler.domain.course import FOLLOW_UP, Facts, Patient
from scheduler.domain.protocol import Window
from scheduler.planning.situation import Question
from scheduler.planning.why_not import Verdict

DONE = frozenset({"performed", "late"})
ENGLISH: dict[NeutralReason, str] = {
    "supply": "supply",
    "site": "the site",
    "patient": "the patient's own dates",
    "logistics": "logistics",
}
KOREAN: dict[NeutralReason, str] = {"supply": "공급", "site": "기관", "patient": "대상자 일정", "logistics": "운송"}


@dataclass(frozen=True)
class SiteAnswer:
    """What a site is told; `visits` go with a yes, `reason` with a no."""

    verdict: Verdict
    visits: tuple[OfferedVisit, ...]
    reason: NeutralReason | None
    en: str
    ko: str


@dataclass(frozen=True)
class SiteQuestion:
    """A question as a site may know it; `share` is of the booked course, None without one. No arm is in the facts."""

    facts: Facts
    patient: Patient
    share: Share | None
    question: Question
    now: datetime

    @property
    def zone(self) -> str:
        """The time zone of the site."""
        return self.facts.network.place(self.patient.site).zone

    # --- why not ------------------------------------------------------------------------------------------------

    def forbidden(self) -> NeutralReason | None:
        """What forbids the date whatever the plant can do; None where nothing of that kind does."""
        on = self.question.on
        if self._outside_window() or self._too_soon_after_registration():
            return "patient"
        if not all(self.facts.network.calendar(self.patient.site, kind).open_on(on) for kind in self._rooms()):
            return "site"
        fence_at = self.now + timedelta(days=self.facts.policy.plant_fence_days)
        return "logistics" if on < local_date(fence_at, self.zone) else None

    def reason(self) -> NeutralReason:
        """Why not, as far as calendars tell; what they do not tell is supply."""
        return self.forbidden() or ("logistics" if self._no_courier() else "supply")

    def booked_then(self) -> bool:
        """Whether the visit is booked for that very date."""
        return any(local_date(one.start_at, self.zone) == self.question.on for one in self._asked())

    def _asked(self) -> list[SharedVisit]:
        asked = (self.question.kind, self.question.dose, self.question.name)
        return [one for one in self._visits() if (one.kind, one.dose, one.name) == asked]

    def _visits(self) -> tuple[SharedVisit, ...]:
        return () if self.share is None else self.share.visits

    def _rooms(self) -> list[str]:
        protocol = self.facts.protocol
        if self.question.kind == FOLLOW_UP:
            return [kind for one in protocol.follow_ups if one.name == self.question.name for kind in one.uses]
        return [use.resource for use in protocol.step(self.question.kind).uses if use.from_ref is None]

    def _window(self) -> tuple[Window | None, int | None]:
        """The window of the visit and the dose it counts from; None for that means the registration."""
        protocol = self.facts.protocol
        if self.question.kind == FOLLOW_UP:
            visit = next(one for one in protocol.follow_ups if one.name == self.question.name)
            return visit.window, visit.anchor
        if self.question.kind != protocol.administration or self.question.dose is None:
            return None, None
        spec = protocol.dose(self.question.dose)
        return spec.window, spec.anchor

    def _outside_window(self) -> bool:
        """Whether the window forbids the date, counted from what can no longer move."""
        window, anchor = self._window()
        if window is None:
            return False
        if anchor is None:
            return not window.allows(self.patient.registered_on, self.question.on)
        administration = self.facts.protocol.administration
        given = (one for one in self._visits() if (one.kind, one.dose) == (administration, anchor))
        done = next((one for one in given if one.standing is not None and one.standing.status in DONE), None)
        given_on = None if done is None else done.anchor_on
        return given_on is not None and not window.allows(given_on, self.question.on)

    def _too_soon_after_registration(self) -> bool:
        if self.question.kind == FOLLOW_UP:
            return False
        first = self.patient.registered_on + timedelta(days=self.facts.protocol.registration.earliest_days)
        return self.question.on < first

    def _no_courier(self) -> bool:
        """Whether no courier reaches the site on the day or the day before."""
        if self.question.dose is None:
            return False
        network, on = self.facts.network, self.question.on
        lanes = [lane for lane in network.lanes if lane.to_place == self.patient.site]
        return not any(network.departures_on(lane, on - timedelta(days=back)) for lane in lanes for back in (0, 1))

    # --- the answer -----------------------------------------------------------------------------------------------

    def answered(self, verdict: Verdict, share: Share | None) -> SiteAnswer:
        """The answer in words; `share` is of the course that a yes goes with."""
        visits = offered_visits(share, self.facts.protocol, self.zone) if share is not None else []
        reason = self.reason() if verdict == "no" else None
        return SiteAnswer(verdict, tuple(visits), reason, self._english(verdict, reason), self._korean(verdict, reason))

    def by_calendars(self) -> SiteAnswer:
        """The answer where the plant must not be looked at: from calendars and from what was done or is booked."""
        if self.booked_then():
            return self.answered("yes", self.share)
        return self.answered("no" if self.forbidden() is not None else "undecided", None)

    def _english(self, verdict: Verdict, reason: NeutralReason | None) -> str:
        what = KINDS.get(self.question.kind, (self.question.kind.replace("_", " "), ""))[0]
        which = f", dose {self.question.dose}" if self.question.dose is not None else f", {self.question.name or ''}"
        on = self.question.on
        said = f"{WEEKDAYS[on.weekday()]} {on.day} {MONTHS[on.month - 1]} {on.year}: {what}{which.rstrip(', ')}"
        if verdict == "undecided":
            return f"{said}: not decided. Ask the planner."
        return f"{said}: possible." if reason is None else f"{said}: not possible, because of {ENGLISH[reason]}."

    def _korean(self, verdict: Verdict, reason: NeutralReason | None) -> str:
        plain = self.question.kind.replace("_", " ")
        what = KINDS.get(self.question.kind, ("", plain))[1]
        which = f", {self.question.dose}회차" if self.question.dose is not None else f", {self.question.name or ''}"
        on = self.question.on
        weekday = KOREAN_WEEKDAYS[on.weekday()]
        said = f"{on.year}년 {on.month}월 {on.day}일({weekday}) {what}{which.rstrip(', ')}"
        if verdict == "undecided":
            return f"{said}: 판단하지 못했습니다. 계획 담당자에게 문의하십시오."
        return f"{said}: 가능합니다." if reason is None else f"{said}: 불가능합니다. 사유: {KOREAN[reason]}."
