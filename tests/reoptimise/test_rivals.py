"""Real processes after the same night: one does it, and when it is killed another one does."""

from __future__ import annotations

import multiprocessing
from datetime import date, timedelta
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import pytest

from scheduler.persistence.database import Database, open_database
from scheduler.reoptimise.runs import Claimed, Done, LeaseLost, SomebodyElses, heartbeat
from tests.api.cast import trail
from tests.reoptimise.cast import LEASE, NIGHT, NOW, all_runs, asked_for, finished

SPAWNED = multiprocessing.get_context("spawn")
PATIENCE_SECONDS = 60
NIGHTS = [date(2027, 3, 1) + timedelta(days=number) for number in range(30)]


def rival(url: str, name: str, orders: Connection) -> None:
    """Claim the night as often as ordered, at the instant ordered; keep what is got, and end nothing."""
    database = open_database(url)
    orders.send("ready")
    while (after := orders.recv()) is not None:
        orders.send(asked_for(database, name, after))
    database.dispose()


def night_worker(url: str, name: str, orders: Connection) -> None:
    """Go through the nights; report those this worker has done."""
    database = open_database(url)
    orders.send("ready")
    orders.recv()
    done = []
    for night in NIGHTS:
        found = asked_for(database, name, night=night)
        if isinstance(found, Claimed):
            finished(database, found)
            done.append(night)
    orders.send(done)
    database.dispose()


class Crew:
    """Three workers in processes of their own, all ready."""

    def __init__(self, work: object, url: str) -> None:
        self.names = ("Anna", "Berta", "Carla")
        self.lines: dict[str, Connection] = {}
        self.processes: dict[str, SpawnProcess] = {}
        for name in self.names:
            ours, theirs = SPAWNED.Pipe()
            process = SPAWNED.Process(target=work, args=(url, name, theirs))  # type: ignore[arg-type]
            process.start()
            self.lines[name], self.processes[name] = ours, process
        for name in self.names:
            assert self.told_by(name) == "ready"

    def told_by(self, name: str) -> object:
        assert self.lines[name].poll(PATIENCE_SECONDS), f"{name} says nothing"
        return self.lines[name].recv()

    def all_at_once(self, names: tuple[str, ...], order: object) -> dict[str, object]:
        for name in names:
            self.lines[name].send(order)
        return {name: self.told_by(name) for name in names}

    def dismiss(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.join()


def test_of_three_workers_one_has_the_night_and_when_it_is_killed_another_resumes_it(database: Database) -> None:
    crew = Crew(rival, database.url)
    try:
        found = crew.all_at_once(crew.names, timedelta(0))
        (holder,) = (name for name, one in found.items() if isinstance(one, Claimed))
        others = tuple(name for name in crew.names if name != holder)
        assert all(isinstance(found[name], SomebodyElses) for name in others)
        crew.processes[holder].kill()
        crew.processes[holder].join()

        early = crew.all_at_once(others, LEASE - timedelta(seconds=1))
        assert all(isinstance(one, SomebodyElses) for one in early.values())
        heirs = [one for one in crew.all_at_once(others, LEASE).values() if isinstance(one, Claimed)]
        assert [(one.attempt, one.local_date) for one in heirs] == [(2, NIGHT)]
    finally:
        crew.dismiss()
    dead = found[holder]
    assert isinstance(dead, Claimed)
    with pytest.raises(LeaseLost):
        heartbeat(database, dead, NOW + LEASE, LEASE)
    finished(database, heirs[0], LEASE)
    assert isinstance(asked_for(database, "Dora", 2 * LEASE), Done)
    assert [run.status for run in all_runs(database)] == ["unchanged"]


def test_three_workers_that_race_through_thirty_nights_do_each_of_them_once(database: Database) -> None:
    crew = Crew(night_worker, database.url)
    try:
        done = crew.all_at_once(crew.names, "go")
    finally:
        crew.dismiss()
    counted = [night for nights in done.values() if isinstance(nights, list) for night in nights]
    assert sorted(counted) == NIGHTS
    assert [run.local_date for run in sorted(all_runs(database), key=lambda run: run.local_date)] == NIGHTS
    assert len(trail(database, "plan_run:ended")) == len(NIGHTS)
