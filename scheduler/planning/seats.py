"""Which concrete unit is whose when: stays on units, seats for new ones, and the swaps that make room.

Pools only count. Where the count leaves room at every moment but no single unit is free throughout, two units swap
what they hold from a moment on at which both can; since each moment leaves some unit free, that always ends in a seat.
A unit out of service takes nothing new meanwhile. Where there is one, a seat may be missed although the count leaves
room: whoever asks is told as if there were none.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

Unit = tuple[str, str, str]  # place (or lane), kind, name
FOREVER = 2**40


class Stay(NamedTuple):
    """One unit taken over the seconds ``[begins, ends)`` since 1970, by the stay called `key`."""

    begins: int
    ends: int
    key: int


class Need(NamedTuple):
    """A unit wanted for an activity's use of a resource over ``[begins, ends)``; `prefers` names one if it may be had.

    A use without length has a unit by name and takes nothing.
    """

    place: str
    kind: str
    activity: str
    resource: str
    begins: int
    ends: int
    prefers: str | None = None


class Swap(NamedTuple):
    """A stay that changes its unit so that another finds room; its times stay."""

    key: int
    old: Unit
    new: Unit


class Seating(NamedTuple):
    """The unit of every need, in the order asked, and the stays that change units for it."""

    units: tuple[Unit, ...]
    swaps: tuple[Swap, ...]


class NoSeat(Exception):
    """Every unit of a resource is taken at some moment of a need."""

    def __init__(self, need: Need) -> None:
        super().__init__(f"{need.place} has no {need.kind} left for {need.activity}")
        self.need = need


class Seats:
    """All stays by unit.

    Parameters
    ----------
    names
        The units of every place and kind in the order in which they are given out.
    out
        The seconds ``[begins, ends)``, disjoint and ascending, in which units are out of service. Stays that were there
        before may lie in them.
    """

    def __init__(
        self,
        names: Mapping[tuple[str, str], tuple[str, ...]],
        out: Mapping[Unit, Sequence[tuple[int, int]]] | None = None,
    ) -> None:
        self._names = names
        self._out = {unit: [Stay(*one, -FOREVER) for one in listed] for unit, listed in (out or {}).items() if listed}
        self._stays: dict[Unit, list[Stay]] = {
            (place, kind, name): [] for (place, kind), listed in names.items() for name in listed
        }
        self._where: dict[int, tuple[Unit, Stay]] = {}

    def __contains__(self, key: int) -> bool:
        return key in self._where

    def put(self, unit: Unit, stay: Stay) -> None:
        """Enter a stay that holds; whether it may is for the database to say."""
        insort(self._stays.setdefault(unit, []), stay)
        self._where[stay.key] = (unit, stay)

    def drop(self, key: int) -> tuple[Unit, Stay]:
        """Take a stay out; KeyError when there is none."""
        unit, stay = self._where.pop(key)
        self._stays[unit].remove(stay)
        return unit, stay

    def of(self, unit: Unit) -> list[Stay]:
        """The stays of a unit, ascending."""
        return list(self._stays.get(unit, ()))

    def at(self, key: int) -> tuple[Unit, Stay]:
        """Where a stay is."""
        return self._where[key]

    def seat(self, needs: Iterable[Need], *, without: frozenset[int] = frozenset(), as_told: bool = False) -> Seating:
        """A unit for every need, as if the stays in `without` were gone. Changes nothing here.

        What one of `without` held over the very same time may stay on its unit, although that is out of service, where
        there is no other; `as_told`, whatever prefers a unit has it, in service or not, where it is free.

        Raises
        ------
        NoSeat
            When all units of a resource are taken at one moment.
        """
        touched = frozenset(self._where[key][0] for key in without if key in self._where)
        tray = _Tray(self._stays, self._out, without, touched)
        wanted = list(needs)
        held = {(unit, stay.begins, stay.ends) for unit, stay in map(self.at, without & self._where.keys())}
        given: dict[int, Unit] = {}
        for number in sorted(range(len(wanted)), key=lambda i: (wanted[i].begins, i)):
            need = wanted[number]
            names = self._names.get((need.place, need.kind), ())
            if need.begins == need.ends:
                name = need.prefers if need.prefers in names else names[0]
                given[number] = (need.place, need.kind, name)
                continue
            options = [(need.place, need.kind, name) for name in names]
            given[number] = tray.seat(need, options, -1 - number, held, as_told=as_told)
        final = tray.final
        units = tuple(final.get(-1 - number, given[number]) for number in range(len(wanted)))
        swaps = tuple(
            Swap(key, self._where[key][0], unit)
            for key, unit in sorted(final.items())
            if key >= 0 and unit != self._where[key][0]
        )
        return Seating(units, swaps)


class _Tray:
    """A working copy of the units touched."""

    def __init__(
        self,
        stays: Mapping[Unit, list[Stay]],
        out: Mapping[Unit, list[Stay]],
        without: frozenset[int],
        touched: frozenset[Unit],
    ) -> None:
        self._stays, self._out, self._without = stays, out, without
        self._touched = touched
        self._copied: dict[Unit, list[Stay]] = {}
        self.final: dict[int, Unit] = {}

    def seat(
        self, need: Need, units: list[Unit], key: int, held: Container[tuple[Unit, int, int]], *, as_told: bool
    ) -> Unit:
        """A unit for a need, see `Seats.seat`; `held` are the stretches on units that were held before."""
        told = next((unit for unit in units if unit[2] == need.prefers and self._is_left(unit, need)), None)
        chosen = told if as_told else None
        chosen = chosen or self._in_service(need, units)
        if chosen is None and told is not None and (told, need.begins, need.ends) in held:
            chosen = told
        if chosen is None:
            raise NoSeat(need)
        insort(self._list(chosen), Stay(need.begins, need.ends, key))
        self.final[key] = chosen
        return chosen

    def _in_service(self, need: Need, units: list[Unit]) -> Unit | None:
        if need.prefers is not None:
            units = sorted(units, key=lambda unit: unit[2] != need.prefers)
        free = next((unit for unit in units if self._free_until(unit, need.begins) >= need.ends), None)
        return free or self._made_room(units, need)

    def _is_left(self, unit: Unit, need: Need) -> bool:
        """Whether nobody else has a unit, in service or not."""
        return _free_until(self._read(unit), need.begins) >= need.ends

    def _list(self, unit: Unit) -> list[Stay]:
        """A unit's stays, to be changed."""
        if unit not in self._copied:
            held = self._stays.get(unit, [])
            without = self._without if unit in self._touched else ()
            self._copied[unit] = [one for one in held if one.key not in without] if without else held.copy()
        return self._copied[unit]

    def _read(self, unit: Unit) -> list[Stay]:
        """A unit's stays, to be looked at only."""
        if unit in self._copied or unit in self._touched:
            return self._list(unit)
        return self._stays.get(unit, [])

    def _free_until(self, unit: Unit, at: int) -> int:
        """The second up to which a unit is free and works from `at` on; `at` itself when it is not then."""
        free = _free_until(self._read(unit), at)
        return min(free, _free_until(self._out[unit], at)) if unit in self._out else free

    def _made_room(self, units: list[Unit], need: Need) -> Unit | None:
        """Free one unit for the whole need; where none is ever out of service, the one that is free longest will do."""
        hosts = sorted(units, key=lambda unit: self._free_until(unit, need.begins), reverse=True)
        if not self._out.keys().isdisjoint(units):
            return next((host for host in hosts if self._works(host, need) and self._is_freed(host, units, need)), None)
        return next((host for host in hosts[:1] if self._is_freed(host, units, need)), None)

    def _works(self, unit: Unit, during: Need | Stay) -> bool:
        """Whether a unit is in service all the time."""
        return _free_until(self._out.get(unit, []), during.begins) >= during.ends

    def _is_freed(self, host: Unit, units: list[Unit], need: Need) -> bool:
        """Free a unit for a need: at each moment it ends being free, swap on with a unit that is. All or nothing."""
        before, known = {unit: list(self._read(unit)) for unit in units}, dict(self.final)
        until = self._free_until(host, need.begins)
        is_free = until > need.begins
        while is_free and until < need.ends:
            others = sorted(
                (unit for unit in units if unit != host), key=lambda one: self._free_until(one, until), reverse=True
            )
            free = (one for one in others if self._free_until(one, until) > until)
            is_free = any(self._swap(host, one, until) for one in free)
            until = self._free_until(host, until)
        if not is_free:
            self._copied.update(before)
            self.final = known
        return is_free

    def _swap(self, one: Unit, other: Unit, since: int) -> bool:
        """Exchange what two units hold from a moment on at which neither is in use, up to the next such moment.

        Nothing changes, and that is said, where one of them does not work for what it would hold then.
        """
        mine, theirs = self._list(one), self._list(other)
        a = [stay for stay in mine if stay.begins >= since]
        b = [stay for stay in theirs if stay.begins >= since]
        until = _common_rest(a, b)
        going, coming = [s for s in a if s.begins < until], [s for s in b if s.begins < until]
        if not all(self._works(other, stay) for stay in going) or not all(self._works(one, stay) for stay in coming):
            return False
        for stays, leaving, entering, unit in ((mine, going, coming, one), (theirs, coming, going, other)):
            for stay in leaving:
                stays.remove(stay)
            for stay in entering:
                insort(stays, stay)
                self.final[stay.key] = unit
        return True


def _free_until(taken: Sequence[Stay], at: int) -> int:
    """The second up to which nothing of `taken` holds from `at` on; `at` itself when something does then."""
    later = bisect_left(taken, Stay(at, at, -FOREVER))
    if later and taken[later - 1].ends > at:
        return at
    return taken[later].begins if later < len(taken) else FOREVER


def _common_rest(a: list[Stay], b: list[Stay]) -> int:
    """The first moment after the first stay at which neither list holds anything; FOREVER when there is none."""
    until: int | None = None
    for stay in sorted((*a, *b)):
        if until is not None and stay.begins >= until:
            return until
        until = max(until or stay.ends, stay.ends)
    return FOREVER
