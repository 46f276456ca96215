"""From chosen days to whole courses: the doses that change get hours together with those they meet on a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.plan import PlannedCourse
from scheduler.planning.bench import Bench
from scheduler.planning.timegrid import ticks_of
from scheduler.planning.told import ToldCourse
from solver.choices import Choice, Choices
from solver.layout import Layout
from solver.on_days import slots_on
from solver.packing import Hours, Packed, PackingModel
from solver.problem import IntArray, Placement
from solver.segments import slots_of

MUST = 100  # times the worth of a dose, for those that have to be given

Load = NDArray[np.int16]
Days = Mapping[str, Mapping[int, Choice]]  # by patient and group
Dose = tuple[str, int]  # a patient and a group
Crowd = tuple[int, int]  # a pool and a day


@dataclass(frozen=True)
class InPlay:
    """The doses that get new hours, and those of which only what goes with them does, such as a thaw."""

    whole: frozenset[Dose]
    beside: frozenset[Dose]


@dataclass(frozen=True)
class Realised:
    """Courses with hours by patient (None: no dose is left), and which doses of those chosen found none."""

    courses: Mapping[str, PlannedCourse | None]
    left_out: frozenset[Dose]


class Realiser:
    """Gives hours to doses whose days are chosen, on a bench on which the courses lie as told."""

    def __init__(self, bench: Bench, told: Mapping[str, ToldCourse], choices: Mapping[str, Choices]) -> None:
        self.bench, self.told, self.choices = bench, told, choices
        self.slots = {(name, group): told[name].slots(group) for name in told for group in choices[name].given}

    def is_kept(self, name: str, group: int, choice: Choice) -> bool:
        """Whether a choice leaves a dose on the days it was told for, at hours that are allowed still."""
        slots, layout = self.slots[name, group], self.choices[name].layout
        head = layout.by_group[group][0]
        if slots is None:
            return False
        days = [slots_of(layout.template, task).start_days[slots[task]] for task in (head.visit, head.pivot)]
        return days == [choice.day, choice.pivot_day]

    def changed(self, days: Days, unsettled: Iterable[Dose]) -> frozenset[Dose]:
        """The doses that cannot keep their hours: on another day than told, or in trouble where they are."""
        given = ((name, group, choice) for name, groups in days.items() for group, choice in groups.items())
        found = {(name, group) for name, group, choice in given if not self.is_kept(name, group, choice)}
        return frozenset(found | {(name, group) for name, group in unsettled if group in days[name]})

    def in_play(self, days: Days, changed: frozenset[Dose], crowded_by: Iterable[Dose]) -> InPlay:
        """What gets new hours: the changed doses, and those that some of them meet on a day."""
        given = [(name, group, choice) for name, groups in days.items() for group, choice in groups.items()]
        crowded = {key for name, group in crowded_by for key in self.crowds(days[name][group])}
        met = {
            (name, group)
            for name, group, choice in given
            if not crowded.isdisjoint(self.crowds(choice)) and self._can_move(name, group)
        }
        whole = frozenset(changed | met)
        beside = {
            (name, group)
            for name, group, _ in given
            if (name, group) not in whole and not crowded.isdisjoint(self._crowds_beside(name, group))
        }
        return InPlay(whole, frozenset(beside))

    def _beside(self, name: str, group: int) -> list[int]:
        """The tasks of what goes with a dose, such as a thaw, that can move without anybody being told."""
        layout, pins = self.choices[name].layout, self.told[name].ground.pins
        tasks = [task for side in layout.by_group[group][1:] for task in side.order]
        return [task for task in tasks if task not in pins and not layout.template.tasks[task].attended]

    def _crowds_beside(self, name: str, group: int) -> set[Crowd]:
        """The pools and days on which what goes with a dose meets others as told."""
        slots, layout = self.slots[name, group] or {}, self.choices[name].layout
        return {
            (stay.pool, self._day(stay.pool, slots_of(layout.template, task).starts[slots[task]]))
            for task in self._beside(name, group)
            if task in slots
            for stay in layout.checks[task].stays
            if layout.resolve(stay.begin).task == layout.resolve(stay.until).task == task
        }

    def crowds(self, choice: Choice) -> set[Crowd]:
        """The pools and days on which a choice meets others."""
        return {(pool, self._day(pool, min(first for first, _ in ways))) for pool, ways in choice.stays}

    def _day(self, pool: int, tick: int) -> int:
        return int(self.bench.desk.problem.day_start[pool].searchsorted(tick, "right"))

    def meeting(self, days: Days, dose: Dose) -> list[Dose]:
        """A dose and those that it meets on a day in some pool."""
        crowds = self.crowds(days[dose[0]][dose[1]])
        return [
            (name, group)
            for name, groups in days.items()
            for group, choice in groups.items()
            if (name, group) == dose or not crowds.isdisjoint(self.crowds(choice))
        ]

    def _can_move(self, name: str, group: int) -> bool:
        head = self.choices[name].layout.by_group[group][0]
        return any(task not in self.told[name].ground.pins for task in head.order)

    def realise(self, days: Days, in_play: InPlay, touched: Sequence[str], seconds: float) -> Realised | None:
        """Courses on the chosen days, which lie on the bench afterwards; None when there was no time to find hours."""
        for name in touched:
            self.bench.take(name)
        taken = [load.copy() for load in self.bench.desk.taken]
        for name in touched:
            self._lay_rest(name, days[name], in_play, taken)
        doses = [self._packed(name, group, days[name], in_play) for name, group in sorted(in_play.whole)]
        doses += [self._packed_beside(name, group, days[name], in_play) for name, group in sorted(in_play.beside)]
        policy = self.bench.desk.facts.policy
        model = PackingModel(self.bench.desk.problem, taken, doses, max(ticks_of(policy.retimed_minutes), 1))
        hours = model.solve(seconds)
        if hours is None:
            return None
        courses = {name: self._course(name, days[name], in_play, hours) for name in touched}
        return Realised(courses, self._left_out(in_play, hours, days))

    def _left_out(self, in_play: InPlay, hours: Hours, days: Days) -> frozenset[Dose]:
        """The doses that found no hours, and those that are counted from one."""
        found = set(in_play.whole - hours.slots.keys())
        for name, groups in days.items():
            layout = self.choices[name].layout
            for group in layout.group_order:
                parent = layout.template.parents[group]
                if group in groups and parent is not None and (name, parent) in found:
                    found.add((name, group))
        return frozenset(found)

    def _lay_rest(self, name: str, groups: Mapping[int, Choice], in_play: InPlay, taken: list[Load]) -> None:
        """What the doses of a course hold that are not in play, and what cannot move of those that are."""
        one, layout = self.told[name], self.choices[name].layout
        at = self._others(name, groups, in_play)
        for pool, first, last in (each for group in groups for each in one.ground.held[group]):
            taken[pool][first:last] += 1
        for stay in one.template.stays:
            begin, until = layout.resolve(stay.begin), layout.resolve(stay.until)
            if begin.task in at and until.task in at:
                slots = slots_of(one.template, begin.task), slots_of(one.template, until.task)
                first = int(slots[0].edge(begin.at_end)[at[begin.task]])
                last = int(slots[1].edge(until.at_end)[at[until.task]]) + stay.tail
                taken[stay.pool][first:last] += 1

    def _others(self, name: str, groups: Mapping[int, Choice], in_play: InPlay) -> dict[int, int]:
        """The slots of everything that stays as told."""
        found: dict[int, int] = {}
        for group in groups:
            if (name, group) not in in_play.whole:
                moving = self._beside(name, group) if (name, group) in in_play.beside else ()
                found.update({task: at for task, at in (self.slots[name, group] or {}).items() if task not in moving})
        return found

    def _packed(self, name: str, group: int, groups: Mapping[int, Choice], in_play: InPlay) -> Packed:
        one, choices = self.told[name], self.choices[name]
        visits = one.visits()
        told_days = {task: each.day for task, each in visits.items()}
        slots = slots_on(choices.layout, choices.course, group, groups[group], told_days)
        told = {
            task: visits[task].tick
            for task in slots
            if task in visits and _days(choices.layout, task, slots[task]) == {visits[task].day}
        }
        lost = [each for each in groups if each == group or choices.layout.template.parents[each] == group]
        worth = sum(self.bench.desk.facts.policy.unplanned_dose_cost + choices.lost[each] for each in lost)
        worth *= MUST if group in choices.must else 1
        hint = self.slots[name, group] or {}
        return Packed(name, one.template, group, slots, self._others(name, groups, in_play), told, worth, hint)

    def _packed_beside(self, name: str, group: int, groups: Mapping[int, Choice], in_play: InPlay) -> Packed:
        """A dose of which only what goes with it may move; it is never left out."""
        one, choices = self.told[name], self.choices[name]
        told_days = {task: each.day for task, each in one.visits().items()}
        allowed = slots_on(choices.layout, choices.course, group, groups[group], told_days)
        slots = {task: at for task, at in allowed.items() if task in self._beside(name, group)}
        worth = MUST * self.bench.desk.facts.policy.unplanned_dose_cost
        hint = self.slots[name, group] or {}
        return Packed(name, one.template, group, slots, self._others(name, groups, in_play), {}, worth, hint)

    def _course(self, name: str, groups: Mapping[int, Choice], in_play: InPlay, hours: Hours) -> PlannedCourse | None:
        one = self.told[name]
        slots = self._others(name, groups, in_play)
        for group in groups:
            slots.update(hours.slots.get((name, group), {}))
        left_out = {group for who, group in self._left_out(in_play, hours, {name: groups}) if who == name}
        present = groups.keys() - left_out
        if not present:
            return None
        placement = Placement(0, slots, frozenset(present))
        proposal = self.bench.desk.complete(one.ground, placement)
        if proposal is None:
            return None
        self.bench.put(proposal.course, proposal.seating)
        return proposal.course


def _days(layout: Layout, task: int, chosen: IntArray) -> set[int]:
    return set(slots_of(layout.template, task).start_day[chosen].tolist())
