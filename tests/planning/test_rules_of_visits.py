"""What the rules on visits are worth: windows, and one visit at a time.

The cost of ANA alone, 877, is derived in `small.one_dose`: injection on Tue 9 Feb 2027, day 36.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from scheduler.domain.course import Facts
from scheduler.domain.protocol import DoseSpec, FollowUp, Limit, Registration, Step, Use, Window
from scheduler.domain.rules import violations
from tests.domain.treatment import ref
from tests.domain.world import ANA, FACTS, NORTH, WORKDAYS, at, hours, with_closure
from tests.planning.small import (
    TUE,
    found,
    local,
    of_doses,
    one_dose,
    planned,
    resourced,
    shows,
    starting,
    with_limits,
    with_steps,
    worth,
)

FIRST = FACTS.protocol.doses[0]


@shows("pair_window")
def test_without_the_pair_window_a_site_that_injects_on_tuesdays_gives_both_doses() -> None:
    # Tuesdays are 21, 28 ... days apart; 26 +- 1 holds none, so dose 2 is not planned: 1000. Without: 28 d, 2 off, and
    # 13 h more: 890.
    facts = starting(of_doses((ANA,), FIRST, DoseSpec(2, "pair", 1, Window(26, 0, -1, 1))), "injection", TUE)
    assert worth(facts, "pair_window") == ((1000, 0, 877), (2, 0, 890), {"pair_window"})


@shows("booster_window")
def test_without_the_booster_window_dose_1_need_not_wait_for_the_booster() -> None:
    # The site is closed on 7 to 11 Jun, four months after 7 to 11 Feb. Within +-1 day the booster is from Tue 15 Jun on
    # (tap on Mon), so dose 1 from Sun 14 Feb on: Tue 16 Feb, day 43, exact: 43 x 24 + 26 = 1058. Without: dose 1 on Tue
    # 9 Feb, booster on Fri 4 Jun, 5 days off: 864 + 26 + 5 x 4 = 910.
    facts = of_doses((ANA,), FIRST, DoseSpec(3, "booster", 1, Window(0, 4, -1, 1)))
    facts = with_closure(facts, NORTH, at(date(2027, 6, 7), "00:00"), at(date(2027, 6, 12), "00:00"))
    assert worth(facts, "booster_window") == ((0, 0, 1058), (0, 0, 910), {"booster_window"})


def with_week_20(earliest_days: int, latest_days: int) -> Facts:
    """ANA with one visit 140 days after Tue 9 Feb, that is Tue 29 Jun; the clinic is closed from 25 Jun to 2 Jul."""
    visit = FollowUp("week-20", 1, Window(140, 0, earliest_days, latest_days), 60, ("clinic",))
    facts = replace(one_dose(), protocol=replace(one_dose().protocol, follow_ups=(visit,)))
    return with_closure(facts, NORTH, at(date(2027, 6, 25), "00:00"), at(date(2027, 7, 3), "00:00"), "clinic")


@shows("follow_up_window")
def test_a_wider_follow_up_window_gives_the_visit_a_day() -> None:
    # Follow-up visits are placed after the doses, so the window itself is widened: +-3 days lie in the closure, +-7
    # reach Thu 24 Jun (5 days early), nearer than Mon 5 Jul (6 late).
    narrow, wide = with_week_20(-3, 3), with_week_20(-7, 7)
    none, one = planned(narrow), planned(wide)
    assert violations(none, narrow) == violations(one, wide) == []
    assert [(each.patient, each.dose) for each in none.unplanned] == [("ANA", None)]
    assert one.unplanned == ()
    assert local(found(one, "ANA/week-20/follow_up").start_at) == "Thu 06-24 08:00"
    assert {each.rule for each in violations(one, narrow)} == {"follow_up_window"}


def scan_and_injection() -> Facts:
    """A scan and an injection, each in a room that works from 08:00 to 09:00; the scan not on a later day."""
    scan = Step("scan", "dose", "site", "site", 60, uses=(Use("clinic"),), attended=True)
    injection = Step("injection", "dose", "site", "site", 60, uses=(Use("procedure_room"),), attended=True)
    scan_first = Limit("scan_first", ref("scan.start"), ref("injection.start"), at_least_days=0)
    facts = with_limits(with_steps(one_dose(), scan, injection), scan_first)
    facts = replace(facts, protocol=replace(facts.protocol, cold_chain=None, registration=Registration("scan", 7, 42)))
    for kind in ("clinic", "procedure_room"):
        facts = resourced(facts, NORTH, kind, hours=hours(WORKDAYS, 8, 9))
    return facts


@shows("one_visit_at_a_time")
def test_without_one_visit_at_a_time_a_patient_is_injected_during_the_scan() -> None:
    # Scan Mon 11 Jan, day 7, injection on day 8: 192. At the same hour of day 7: 168.
    facts = scan_and_injection()
    assert worth(facts, "one_visit_at_a_time") == ((0, 0, 192), (0, 0, 168), {"one_visit_at_a_time"})
