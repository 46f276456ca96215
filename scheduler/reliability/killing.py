"""The kill loop: the server dies again and again while clients book; what it said it had booked must be there."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from scheduler.domain.audience import Role
from scheduler.reliability.judge import Promised, Verdict, judge
from scheduler.reliability.service import Answer, Client, Server, Unanswered
from scheduler.reliability.world import new_database, new_key, set_up

PROGRAM = "phase1-two-harvests"
STARTS_AT = datetime.fromisoformat("2027-03-01T09:00:00+09:00")
MOST_BETWEEN = 40  # answers between one kill and the next, at most
TRIES = 40
BETWEEN_TRIES = 0.25
IN_FLIGHT = "request-in-flight"
EXPECTED = {200, 201, 204, 404, 409, 412}


@dataclass
class Seen:
    """What the clients were told, all together; `answered` wakes whoever waits for more of it."""

    booked: dict[str, str] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    unanswered: int = 0
    unknown: int = 0
    answered: threading.Condition = field(default_factory=threading.Condition)

    def note(self, answer: Answer) -> None:
        """Count an answer."""
        with self.answered:
            self.statuses[answer.status] += 1
            if answer.status not in EXPECTED:
                self.unexpected.append(f"{answer.status} {answer.body}")
            self.answered.notify_all()


@dataclass(frozen=True)
class Killed:
    """A kill loop and what is left of it."""

    kind: str
    rounds: int
    seconds: float
    start_seconds: list[float]
    seen: Seen
    verdict: Verdict


def kill_loop(kind: str, *, rounds: int = 20, clients: int = 4, workers: int = 1) -> Killed:
    """Kill the server `rounds` times, each time after some more answers, and judge the database at the end."""
    with tempfile.TemporaryDirectory(prefix="marrowline-kill-") as name, new_database(kind) as url:
        facts = set_up(url, PROGRAM, STARTS_AT, None)
        key = new_key(url, STARTS_AT, Role.PLANNER)
        server = Server(url, STARTS_AT, Path(name) / "log", workers=workers)
        began, starts, seen, over = time.monotonic(), [server.start()], Seen(), threading.Event()
        site = facts.network.sites[0].code
        people = [
            threading.Thread(target=_work, args=(number, server.port, key, site, seen, over))
            for number in range(clients)
        ]
        for one in people:
            one.start()
        chance = random.Random(rounds)
        try:
            for _ in range(rounds):
                _wait_for_answers(seen, chance.randint(MOST_BETWEEN // 8, MOST_BETWEEN))
                server.kill()
                starts.append(server.start())
            _wait_for_answers(seen, 8)
        finally:
            over.set()
            for one in people:
                one.join()
            server.stop()
        verdict = judge(url, STARTS_AT, Promised(seen.booked))
        return Killed(kind, rounds, time.monotonic() - began, starts, seen, verdict)


def _wait_for_answers(seen: Seen, more: int) -> None:
    with seen.answered:
        wanted = seen.statuses.total() + more
        if not seen.answered.wait_for(lambda: seen.statuses.total() >= wanted, timeout=120):
            raise RuntimeError("the service does not answer any more")


def _work(number: int, port: int, key: str, site: str, seen: Seen, over: threading.Event) -> None:
    """One client: patient after patient, from registration to booking."""
    client = Client(port, key)
    count = 0
    while not over.is_set():
        count += 1
        try:
            _book_one(client, f"K{number:02}-{count:04}", site, seen, over)
        except Unanswered:
            seen.unknown += 1
        except Exception as problem:  # a thread's error would be lost
            seen.unexpected.append(f"{type(problem).__name__}: {problem}")
            break
    client.close()


def _book_one(client: Client, name: str, site: str, seen: Seen, over: threading.Event) -> None:
    def ask(path: str, body: dict[str, object]) -> Answer:
        once = f"{name}{path}-{body.get('offer', '')}".replace("/", "-")
        return _insist(lambda: client.post(path, body, once=once), once, seen, over)

    body = {"id": name, "site": site, "registered_on": "2027-03-01", "weight_kg": 61.5}
    if ask("/v1/patients", body).status != 201:
        return
    offers = ask(f"/v1/patients/{name}/offers", {"count": 3})
    if offers.status != 200 or not offers.body["offers"]:
        return
    for offer in offers.body["offers"]:  # somebody else may have taken the first meanwhile
        held = ask("/v1/holds", {"offer": offer["id"]})
        if held.status == 201:
            break
    else:
        return
    booked = ask("/v1/bookings", {"hold": held.body["id"]})
    if booked.status == 201:
        seen.booked[name] = booked.body["coi"]


def _insist(send: Callable[[], Answer], once: str, seen: Seen, over: threading.Event) -> Answer:
    """Send until there is a final answer, under one Idempotency-Key; Unanswered after many tries.

    A request whose server died is in flight for those who ask again, until the service takes it to be lost.
    """
    for _ in range(TRIES):
        try:
            answer = send()
        except Unanswered:
            seen.unanswered += 1
        else:
            seen.note(answer)
            if answer.status != 409 or not str(answer.body.get("type", "")).endswith(IN_FLIGHT):
                return answer
        if over.wait(BETWEEN_TRIES):
            break
    raise Unanswered(once)
