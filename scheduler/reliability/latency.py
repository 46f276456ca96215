"""How long a site waits: offers and bookings over HTTP with a whole trial booked."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import cycle
from pathlib import Path

from scheduler.domain.audience import Role
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan
from scheduler.reliability.service import Answer, Client, Server, served
from scheduler.reliability.world import new_database, new_key, set_up

STARTS_AT = datetime.fromisoformat("2027-03-01T09:00:00+09:00")


@dataclass
class Times:
    """Seconds by what was asked; `refused` counts answers that were no success."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, answer: Answer) -> Answer:
        """Keep the time of a success."""
        with self.lock:
            if answer.status < 300:
                self.seconds.setdefault(what, []).append(answer.seconds)
            else:
                self.refused[f"{what} {answer.status}"] += 1
        return answer

    def milliseconds(self, what: str, per_cent: int) -> float:
        """The time within which so many per cent were answered; 0 where nothing was."""
        listed = sorted(self.seconds.get(what, []))
        if not listed:
            return 0.0
        return 1000 * listed[min(len(listed) - 1, max(0, -(-len(listed) * per_cent // 100) - 1))]


@dataclass(frozen=True)
class Measured:
    """One way of asking, measured."""

    kind: str
    clients: int
    workers: int
    think: float
    seconds: float
    times: Times


def measure(
    kind: str,
    program: str,
    make: Callable[[Facts], Plan],
    *,
    clients: int = 16,
    workers: int = 2,
    rounds: int = 12,
    thinks: tuple[float, ...] = (1.0, 0.0),
) -> list[Measured]:
    """Time offers, holds and bookings with a whole plan booked, for each length of thinking between requests.

    Parameters
    ----------
    rounds
        Patients each client takes from registration to booking.
    thinks
        Seconds a client waits after each answer; 0 for clients that ask again at once.
    """
    with tempfile.TemporaryDirectory(prefix="marrowline-latency-") as name, new_database(kind) as url:
        facts = set_up(url, program, STARTS_AT, make)
        sites = [place.code for place in facts.network.sites]
        keys = {site: new_key(url, STARTS_AT, Role.COORDINATOR, site) for site in sites}
        planner = new_key(url, STARTS_AT, Role.PLANNER)
        with served(url, STARTS_AT, Path(name) / "log", workers=workers) as server:
            _warm(server, keys, 4 * workers)
            found = []
            for number, think in enumerate(thinks):
                began, times = time.monotonic(), Times()
                _together(
                    [
                        _Person(f"L{number}{one:02}", server, sites[one % len(sites)], keys, planner, think, times)
                        for one in range(clients)
                    ],
                    rounds,
                )
                found.append(Measured(kind, clients, workers, think, time.monotonic() - began, times))
            return found


def _warm(server: Server, keys: dict[str, str], times: int) -> None:
    """Let each worker read the program once: the first request after a start pays for that."""
    for number, (site, key) in zip(range(times), cycle(keys.items()), strict=False):
        client = Client(server.port, key)  # a new connection each, so that every worker gets some
        name = f"WARM-{number:02}"
        client.post("/v1/patients", _registration(name, site))
        client.post(f"/v1/patients/{name}/offers", {"count": 1})
        client.close()


def _together(people: list[_Person], rounds: int) -> None:
    threads = [threading.Thread(target=one.work, args=(rounds, index)) for index, one in enumerate(people)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


@dataclass
class _Person:
    """A coordinator who books patient after patient."""

    name: str
    server: Server
    site: str
    keys: dict[str, str]
    planner: str
    think: float
    times: Times

    def work(self, rounds: int, index: int) -> None:
        """Book; people with time to think do not all begin at once."""
        client = Client(self.server.port, self.keys[self.site])
        time.sleep(self.think * index / 16)
        for number in range(rounds):
            self._book_one(client, f"{self.name}-{number:03}")
        client.close()

    def _book_one(self, client: Client, name: str) -> None:
        if self._ask(client, "register", "/v1/patients", _registration(name, self.site)).status != 201:
            return
        for attempt in range(4):
            offers = self._ask(client, "offers", f"/v1/patients/{name}/offers", {"count": 3})
            if offers.status != 200:
                return
            if attempt and self._held(client, offers):  # most look twice before they choose
                return

    def _held(self, client: Client, offers: Answer) -> bool:
        """Whether one of the offers could be held, and was booked; somebody else may have taken the first meanwhile."""
        for offer in offers.body["offers"]:
            held = self._ask(client, "hold", "/v1/holds", {"offer": offer["id"]})
            if held.status == 201:
                self._ask(client, "book", "/v1/bookings", {"hold": held.body["id"]})
                return True
        return False

    def _ask(self, client: Client, what: str, path: str, body: object) -> Answer:
        answer = self.times.note(what, client.post(path, body))
        if self.think:
            time.sleep(self.think)
        return answer


def _registration(name: str, site: str) -> dict[str, object]:
    return {"id": name, "site": site, "registered_on": "2027-03-01", "weight_kg": 61.5}
