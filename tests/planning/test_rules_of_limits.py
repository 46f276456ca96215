"""What the limits of a protocol are worth: each decides the optimum of a tiny program.

The cost of ANA alone, 877, is derived in `small.one_dose`: fill Mon 8 Feb 2027, injection Tue 9 Feb, day 36.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.domain.course import Facts
from scheduler.domain.protocol import DoseSpec, Limit, Window
from tests.domain.treatment import ref
from tests.domain.world import ANA, FACTS, PLANT, hours
from tests.planning.small import (
    FRI,
    MON,
    THU,
    TUE,
    WED,
    limited,
    of_doses,
    one_dose,
    open_always,
    planned,
    priced,
    resourced,
    shows,
    starting,
    unlimited,
    with_limits,
    with_steps,
    without_tap,
    worth,
)


def a_pair(window: Window) -> Facts:
    """ANA with a first dose and its pair."""
    return of_doses((ANA,), FACTS.protocol.doses[0], DoseSpec(2, "pair", 1, window))


def two_harvests(window: Window) -> Facts:
    """ANA with a harvest and a culture for each dose of a pair, and no bank."""
    facts = unlimited(a_pair(window), "bank_available", "expansion_days")
    kept = (one for one in facts.protocol.steps if one.kind not in ("thaw", "expansion"))
    steps = (replace(one, after=tuple(each for each in one.after if each != "expansion")) for one in kept)
    facts = with_steps(facts, *steps)
    return replace(facts, protocol=replace(facts.protocol, supply="harvest-per-dose"))


@shows("marrow_hold")
def test_without_the_marrow_hold_marrow_waits_two_days() -> None:
    # Harvests on Mon and Thu, isolations on Wed and Thu. Marrow of Mon 11 Jan would wait till Wed 13, 46.5 h: fill
    # Mon 8 Feb (26 d), 877. In 24 h only Thu 14 goes with Thu 14: fill Tue 9 Feb, injection on day 37: 888 + 13 = 901.
    facts = starting(starting(one_dose(), "harvest", MON, THU), "isolation", WED, THU)
    assert worth(facts, "marrow_hold") == ((0, 0, 901), (0, 0, 877), {"marrow_hold"})


@shows("culture_days")
def test_without_culture_days_cells_are_filled_on_the_day_of_their_isolation() -> None:
    # Isolation ends on Mon 11 Jan at 15:30, fill 16:00, injection Tue 12 Jan, day 8: 8 x 24 + 13 = 205.
    assert worth(one_dose(), "culture_days") == ((0, 0, 877), (0, 0, 205), {"culture_days"})


@shows("bank_available")
def test_without_the_wait_for_the_bank_the_pair_is_on_its_target() -> None:
    # Culture 28 d exactly, bank from day 30 on, expansion at least 12 d: fill 2 on day 42 or later, 14 d after fill 1.
    # A pair 7 (to 14) days apart is then 7 off. Without: exactly 7. Both doses count 13 h: 864 + 26 = 890.
    facts = limited(a_pair(Window(7, 0, 0, 7)), "culture_days", at_least_days=28, at_most_days=28)
    facts = limited(facts, "bank_available", at_least_days=30)
    assert worth(facts, "bank_available") == ((7, 0, 890), (0, 0, 890), {"bank_available"})


@shows("expansion_days")
def test_without_expansion_days_cells_thaw_on_any_friday() -> None:
    # Exact pairs (26 = 5 mod 7) need fill 1 on Wed or Thu and fill 2 on Mon or Tue; Fridays before it are 10 and 17, or
    # 11 and 18 days away, outside 12 to 16. One day off: injection 1 on Fri 12 Feb (day 39), fill 2 on Wed 10 Mar, 12
    # days after a Friday: 39 x 24 + 26 = 962. Without: injection 1 on Thu 11 Feb, exact: 38 x 24 + 26 = 938.
    facts = starting(a_pair(Window(26, 0, -2, 5)), "thaw", FRI)
    assert worth(facts, "expansion_days") == ((1, 0, 962), (0, 0, 938), {"expansion_days"})


@shows("tap_day_before")
def test_without_the_tap_on_the_day_before_fluid_of_last_week_is_used() -> None:
    # Taps from Tue to Fri. On the day before the injection: tap Tue 9, injection Wed 10 Feb: 37 x 24 + 13 = 901.
    # Without (and without a bound on how old it is) fluid tapped on Fri 5 serves the fill of Mon 8 Feb: 877.
    facts = starting(unlimited(one_dose(), "csf_hold"), "csf_tap", TUE, WED, THU, FRI)
    assert worth(facts, "tap_day_before") == ((0, 0, 901), (0, 0, 877), {"tap_day_before"})


@shows("csf_hold")
def test_without_the_hold_of_the_fluid_the_fill_is_an_hour_later() -> None:
    # In 2 h: tap ends at 13:15 at the latest for the 13:30 run, so the fill starts by 15:15 and ends by 17:45: to 08:00
    # counts 14. Without it starts at 16:00: 13.
    facts = limited(one_dose(), "csf_hold", at_most_minutes=120)
    assert worth(facts, "csf_hold") == ((0, 0, 878), (0, 0, 877), {"csf_hold"})


@shows("shelf_life")
def test_without_the_shelf_life_a_dose_filled_on_friday_is_given_on_monday() -> None:
    # No tap, culture from 25 d: filled on Fri 5 Feb by 20:00, given on Mon 8 Feb at 08:00, 60 h later: day 35, 840.
    # In 48 h: fill Mon 8, injection Tue 9 Feb: day 36, 864. Hours cost nothing here.
    facts = priced(limited(without_tap(one_dose()), "culture_days", at_least_days=25), cold_hour_cost=0)
    assert worth(facts, "shelf_life") == ((0, 0, 864), (0, 0, 840), {"shelf_life"})


@shows("masked_interval")
def test_without_the_masked_interval_the_dose_comes_a_day_earlier() -> None:
    # Harvest Mon 11 Jan at the earliest; 30 days later is Wed 10 Feb, day 37: 888 + 13 = 901. Without: 29 days, 877.
    interval = replace(FACTS.protocol.limits[-1], at_least_days=30)
    facts = with_limits(one_dose(), *one_dose().protocol.limits, interval)
    assert interval.name == "masked_interval"
    assert worth(facts, "masked_interval") == ((0, 0, 901), (0, 0, 877), {"masked_interval"})


@shows("harvest_interval")
def test_without_the_harvest_interval_the_second_harvest_comes_four_weeks_after_the_first() -> None:
    # Harvests on Mondays, so 21 or 28 days apart; isolation the same day or the next (24 h). At most 27 days: 21.
    # Harvest Mon 11 Jan, fill 1 Mon 8 Feb at the earliest; harvest Mon 1 Feb, isolation by Tue 2 Feb, fill 2 by Thu
    # 4 Mar (30 d): 24 days apart, 2 off. Day 36, 864 + 26 = 890. With 28 days the pair is exact from Thu 11 Feb on
    # (day 38): 912 + 26 = 938.
    interval = Limit("harvest_interval", ref("harvest@1.start"), ref("harvest@2.start"), None, None, 20, 27)
    facts = starting(two_harvests(Window(26, 0, -2, 5)), "harvest", MON)
    facts = with_limits(facts, *facts.protocol.limits, interval)
    assert worth(facts, "harvest_interval") == ((2, 0, 890), (0, 0, 938), {"harvest_interval"})


def test_the_first_harvest_is_late_enough_in_its_course_for_the_second_one() -> None:
    # Harvests 31 or 32 days apart and an exact pair. With fill 1 on day F its isolation is 26 to 30 days before, its
    # harvest on the same day or the day before, so from F - 31 on; harvest 2 is at least 26 days before fill 2 on day
    # F + 26, so by F. Nothing less will do: harvest Mon 11, isolation Tue 12 Jan, fill 1 and harvest 2 on Thu 11 Feb,
    # injection on Fri 12 Feb, day 39: 936 + 26 = 962. For F a day earlier the harvest would be on Sun 10 Jan.
    interval = Limit("harvest_interval", ref("harvest@1.start"), ref("harvest@2.start"), None, None, 31, 32)
    facts = two_harvests(Window(26, 0, -2, 5))
    assert planned(with_limits(facts, *facts.protocol.limits, interval)).cost == (0, 0, 962)


def test_the_culture_is_as_long_as_a_late_bank_asks_for() -> None:
    # Bank from day 30 on, expansion 12 d: fill 2 on day 42 or later. A culture of 30 days puts fill 1 on day 30, so the
    # pair 12 days apart, 5 off its 7. Isolation Mon 11 Jan, fill 1 Wed 10 Feb, injection day 38: 912 + 26 = 938.
    facts = limited(a_pair(Window(7, 0, 0, 7)), "bank_available", at_least_days=30)
    assert planned(facts).cost == (5, 0, 938)


def test_an_isolation_may_begin_on_the_day_it_ends_or_on_the_day_before() -> None:
    # Everything always works but the crew, which fills on Saturdays. Isolation Mon 11 Jan, fill Sat 6 Feb (26 d) from
    # 04:45 to 07:15, release and pack until 12:45, the 13:00 run, receipt ends at 15:00: 7 h. Day 33: 792 + 7 = 799.
    facts = resourced(open_always(one_dose()), PLANT, "fill_crew", hours=hours((5,), 0, 24))
    assert worth(facts, "culture_days").ruled == (0, 0, 799)


def test_a_culture_without_a_least_length_still_ends_after_it_begins() -> None:
    # Harvest on Thursdays only: Thu 14 Jan, isolation until 15:30, fill at 16:00, injection Fri 15 Jan, day 11: 277.
    facts = unlimited(starting(one_dose(), "harvest", THU), "culture_days")
    assert worth(facts, "marrow_hold").ruled == (0, 0, 277)
