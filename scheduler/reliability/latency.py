"""How long a site waits: offers and bookings over HTTP with a whole trial booked."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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
    times: Times


def measure(
    kind: str,
    program: str,
    make: Callable[[Facts], Plan],
    *,
    clients: int = 16,
    workers: int = 2,
    rounds: int = 4,
    thinks: tuple[float, ...] = (5.0, 1.0, 0.0),
) -> list[Measured]:
    """Time offers, holds and bookings with a whole plan booked, for each length of thinking between requests.

    Parameters
    ----------
    rounds
        Patients for whom each client registers and asks for offers; the last is held and booked, so that all find room.
    thinks
        Seconds a client waits after each answer; 0 for clients that ask again at once.
    """
    found = []
    for think in thinks:
        with _whole_trial(kind, program, make, workers) as (server, keys):
            times = Times()
            sites = list(keys)
            people = [
                _Person(f"L{one:02}", server, sites[one % len(sites)], keys, one, think, times)
                for one in range(clients)
            ]
            _together(people, rounds)
            found.append(Measured(kind, clients, workers, think, times))
    with _whole_trial(kind, program, make, workers) as (server, keys):
        times = Times()
        _ask_for_room(server, keys, times, rounds)
        return [*found, Measured(kind, 1, workers, 0.0, times)]


@contextmanager
def _whole_trial(
    kind: str, program: str, make: Callable[[Facts], Plan], workers: int
) -> Iterator[tuple[Server, dict[str, str]]]:
    """A service with every course booked, and a coordinator's key for each site."""
    with tempfile.TemporaryDirectory(prefix="marrowline-latency-") as name, new_database(kind) as url:
        facts = set_up(url, program, STARTS_AT, make)
        keys = {one.code: new_key(url, STARTS_AT, Role.COORDINATOR, one.code) for one in facts.network.sites}
        with served(url, STARTS_AT, Path(name) / "log", workers=workers) as server:
            _warm(server, keys, 4 * workers)
            yield server, keys


def _warm(server: Server, keys: dict[str, str], times: int) -> None:
    """Let each worker read the program once: the first request after a start pays for that."""
    for number, (site, key) in zip(range(times), cycle(keys.items()), strict=False):
        client = Client(server.port, key)  # a new connection each, so that every worker gets some
        name = f"WARM-{number:02}"
        client.post("/v1/patients", _registration(name, site))
        client.post(f"/v1/patients/{name}/offers", {"count": 1})
        client.close()


def _ask_for_room(server: Server, keys: dict[str, str], times: Times, rounds: int) -> None:
    """Offers that move somebody else's draft: asked for now and then, by one at a time."""
    for number in range(rounds):
        for site, key in keys.items():
            client = Client(server.port, key)
            name = f"R{site}-{number:02}"
            client.post("/v1/patients", _registration(name, site))
            times.note("offers, tier 1", client.post(f"/v1/patients/{name}/offers", {"count": 3, "tier": 1}))
            client.close()


def _together(people: list[_Person], rounds: int) -> None:
    with ThreadPoolExecutor(len(people)) as pool:
        for done in [pool.submit(one.work, rounds, index) for index, one in enumerate(people)]:
            done.result()


@dataclass
class _Person:
    """A coordinator who books patient after patient; colleagues at one site do not all want the same dates."""

    name: str
    server: Server
    site: str
    keys: dict[str, str]
    number: int
    think: float
    times: Times

    def work(self, rounds: int, index: int) -> None:
        """Book; people with time to think do not all begin at once."""
        client = Client(self.server.port, self.keys[self.site])
        time.sleep(self.think * index / 16)
        for number in range(rounds):
            self._look(client, f"{self.name}-{number:03}", book=number == rounds - 1)
        client.close()

    def _look(self, client: Client, name: str, *, book: bool) -> None:
        """Register, look twice, as most do before they choose; then book, looking again where others were faster."""
        if self._ask(client, "register", "/v1/patients", _registration(name, self.site)).status != 201:
            return
        for attempt in range(4):
            offers = self._ask(client, "offers", f"/v1/patients/{name}/offers", {"count": 3})
            if offers.status != 200:
                return
            if attempt and (not book or self._booked(client, offers)):
                return

    def _booked(self, client: Client, offers: Answer) -> bool:
        """Whether one of the offers could be held, and was booked; somebody else may have taken the first meanwhile."""
        listed = offers.body["offers"]
        first = self.number // len(self.keys) % max(1, len(listed))
        for offer in listed[first:] + listed[:first]:
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
