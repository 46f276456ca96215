"""Every change of a visit is told to those who asked, once, in order, signed, and only what their site may know."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from scheduler.booking.cancel import cancel
from scheduler.booking.confirm import confirm
from scheduler.booking.posting import must_be_usable, post
from scheduler.booking.reschedule import reschedule
from scheduler.booking.webhooks import (
    WAITS,
    Subscribed,
    Told,
    deliver,
    poster,
    replay,
    revoke,
    subscribe,
    webhook_for,
)
from scheduler.domain.audience import Audience, Principal
from scheduler.persistence import outbox
from scheduler.persistence.tables_told import WebhookMessageRow
from tests.booking.house import HUB, MONA, NORA, PAUL, PHIL, SAM, SOUTH, House, refused

URL = "https://receiver.example/visits"
REAL = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
GRAFT = "ANA/2/graft"


@dataclass
class Receiver:
    """What was sent, and what is answered to each: 200 unless told otherwise. The clock moves with `now`."""

    answers: list[int | None] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    now: datetime = REAL

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
        self.bodies.append(json.loads(body))
        self.headers.append(headers)
        return self.answers.pop(0) if self.answers else 200

    def deliver(self, house: House) -> int:
        return deliver(house.database, lambda: self.now, self)

    @property
    def sequences(self) -> list[int]:
        return [body["data"]["sequence"] for body in self.bodies]


def subscribed(
    house: House, who: Principal = NORA, site: str | None = None, audience: Told = Audience.BLINDED
) -> Subscribed:
    with house.doing(who) as work:
        return subscribe(work, house.board, url=URL, site=site, label="Trial office", audience=audience)


def told(house: House, webhook: Subscribed, who: Principal = NORA) -> list[WebhookMessageRow]:
    with house.work(who, write=False) as work:
        return outbox.messages(work.session, webhook_for(work, webhook.webhook.id).id, after=0, limit=100)


def confirmed(house: House, *visits: str) -> None:
    for visit in visits:
        with house.doing() as work:
            confirm(work, visit)


# --- what is told -----------------------------------------------------------------------------------------------------


def test_a_booking_is_told_visit_by_visit_with_numbers_that_count_up(house: House) -> None:
    webhook, receiver = subscribed(house), Receiver()
    house.booked("ANA")
    assert receiver.deliver(house) == 4
    assert receiver.sequences == [1, 2, 3, 4]
    assert {body["data"]["visit"] for body in receiver.bodies} == set(house.visits("ANA"))
    assert all(body["data"]["before"] is None for body in receiver.bodies)
    assert all(one.delivered and one.attempts == 1 for one in told(house, webhook))


def test_a_move_is_told_with_old_and_new_values(house: House) -> None:
    house.booked("ANA")
    subscribed(house)
    old = house.visits("ANA")[GRAFT]
    offer = house.offers("ANA", dose=2, not_before=old.on_date + timedelta(days=1), count=1)[0]
    with house.doing() as work:
        reschedule(work, house.board, "ANA", offer.id, reason_code="patient_request")
    new, receiver = house.visits("ANA")[GRAFT], Receiver()
    receiver.deliver(house)
    (data,) = [body["data"] for body in receiver.bodies if body["data"]["visit"] == GRAFT]
    assert datetime.fromisoformat(data["before"]["start_at"]) == old.start_at
    assert datetime.fromisoformat(data["after"]["start_at"]) == new.start_at
    assert (data["before"]["version"], data["after"]["version"]) == (old.version, new.version)
    assert receiver.bodies[0]["type"] == "visit.changed"


def test_what_one_transaction_changes_twice_is_told_once(house: House) -> None:
    house.booked("ANA")
    webhook = subscribed(house)
    with house.doing() as work:
        confirm(work, GRAFT)
        work.session.flush()
        cancel(work, "ANA", reason_code="withdrawn_consent")
    (data,) = [
        one["data"] for row in told(house, webhook) if (one := json.loads(row.content))["data"]["visit"] == GRAFT
    ]
    assert (data["before"]["status"], data["before"]["confirmed"]) == ("planned", False)
    assert (data["after"]["status"], data["after"]["confirmed"]) == ("cancelled", True)


def test_a_message_has_no_place_for_anything_of_the_plant(house: House) -> None:
    webhook = subscribed(house)
    house.booked("ANA")
    for row in told(house, webhook):
        data = json.loads(row.content)["data"]
        assert set(data) == {"sequence", "visit", "patient", "site", "before", "after"}
        assert set(data["after"]) == {"start_at", "end_at", "status", "reason", "confirmed", "told", "version"}


def steps_told(house: House, webhook: Subscribed) -> dict[str, Any]:
    """By step, the last of what the plant was told of it."""
    contents = [json.loads(one.content) for one in told(house, webhook, PAUL)]
    assert {one["type"] for one in contents} <= {"step.changed"}
    return {one["data"]["step"]: one["data"] for one in contents}


def test_the_plant_is_told_of_every_step_with_its_units_and_nobody_else_is(house: House) -> None:
    plants, norths = subscribed(house, PAUL, audience=Audience.PLANT), subscribed(house)
    house.booked("ANA")
    found = steps_told(house, plants)
    assert set(found) == set(house.activities("ANA"))
    thaw = found["ANA/2/thaw"]
    assert (thaw["before"], thaw["after"]["place"], thaw["after"]["units"]) == (None, HUB, {"suite": "suite-1"})
    assert len(told(house, norths)) == 4


def test_the_plant_is_told_of_moved_and_recorded_steps_with_old_and_new_values(house: House) -> None:
    house.booked("ANA")
    plants, old = subscribed(house, PAUL, audience=Audience.PLANT), house.activities("ANA")
    offer = house.offers("ANA", dose=2, not_before=house.visits("ANA")[GRAFT].on_date + timedelta(days=1), count=1)[0]
    with house.doing() as work:
        reschedule(work, house.board, "ANA", offer.id, reason_code="patient_request")
    moved = steps_told(house, plants)["ANA/2/thaw"]
    assert datetime.fromisoformat(moved["before"]["start_at"]) == old["ANA/2/thaw"].start_at
    assert datetime.fromisoformat(moved["after"]["start_at"]) == house.activities("ANA")["ANA/2/thaw"].start_at
    assert "ANA/1/fill" not in steps_told(house, plants)
    house.recorded_until("ANA/seeding")
    done = steps_told(house, plants)["ANA/biopsy"]
    assert (done["before"]["status"], done["after"]["status"]) == ("planned", "performed")


def test_only_a_planner_has_the_plant_told_and_not_of_one_site(house: House) -> None:
    refused("not-your-role", 403, lambda: subscribed(house, audience=Audience.PLANT))
    refused("no-site-here", 422, lambda: subscribed(house, PAUL, "NORTH", Audience.PLANT))
    webhook = subscribed(house, PAUL, audience=Audience.PLANT)
    with house.work(NORA, write=False) as work:
        refused("webhook-not-found", 404, lambda: webhook_for(work, webhook.webhook.id))


def test_what_is_rolled_back_is_told_to_nobody(house: House) -> None:
    house.booked("ANA")
    webhook = subscribed(house)
    with house.work() as work:
        confirm(work, GRAFT)
        work.session.flush()
    assert told(house, webhook) == []


def test_each_subscriber_hears_of_its_own_site_under_numbers_of_its_own(house: House) -> None:
    norths, souths, everybodys = subscribed(house), subscribed(house, SAM), subscribed(house, PAUL)
    house.booked("ANA")
    house.booked("BEN", SOUTH)
    assert [one.sequence for one in told(house, norths)] == [1, 2, 3, 4]
    assert [one.sequence for one in told(house, souths, SAM)] == [1, 2, 3, 4]
    assert [one.sequence for one in told(house, everybodys, PAUL)] == list(range(1, 9))
    assert all(json.loads(one.content)["data"]["site"] == SOUTH for one in told(house, souths, SAM))


def test_numbers_have_no_gaps_when_many_write_at_once(both: House) -> None:
    """Eight threads confirm and acknowledge visits of two patients; every commit has its number."""
    both.booked("ANA")
    both.booked("NORTH-2")
    webhook = subscribed(both)
    visits = [*both.visits("ANA"), *both.visits("NORTH-2")]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda visit: confirmed(both, visit), visits))
    assert [one.sequence for one in told(both, webhook)] == list(range(1, len(visits) + 1))


# --- sending ----------------------------------------------------------------------------------------------------------


def test_a_message_is_signed_so_that_its_receiver_can_tell_it_is_ours(house: House) -> None:
    webhook, receiver = subscribed(house), Receiver()
    house.booked("ANA")
    receiver.deliver(house)
    for row, headers in zip(told(house, webhook), receiver.headers, strict=True):
        assert headers["webhook-id"] == row.id
        assert headers["webhook-timestamp"] == str(int(REAL.timestamp()))
        assert headers["webhook-signature"] == Webhook(webhook.secret).sign(row.id, REAL, row.content)


def test_a_message_that_is_not_taken_is_sent_again_later_and_none_overtakes_it(house: House) -> None:
    house.booked("ANA")
    webhook = subscribed(house)
    confirmed(house, "ANA/1/graft", GRAFT)
    receiver = Receiver(answers=[500, None])
    assert receiver.deliver(house) == 0
    receiver.now += WAITS[0] - timedelta(seconds=1)
    assert receiver.deliver(house) == 0
    assert receiver.sequences == [1]
    receiver.now += timedelta(seconds=1)
    assert receiver.deliver(house) == 0
    receiver.now += WAITS[1]
    assert receiver.deliver(house) == 2
    assert receiver.sequences == [1, 1, 1, 2]
    assert len({headers["webhook-id"] for headers in receiver.headers}) == 2
    assert [one.attempts for one in told(house, webhook)] == [3, 1]


def test_after_the_last_wait_a_message_is_given_up_and_the_next_one_is_sent(house: House) -> None:
    house.booked("ANA")
    webhook = subscribed(house)
    confirmed(house, "ANA/1/graft", GRAFT)
    receiver = Receiver(answers=[503] * (len(WAITS) + 1))
    for wait in (timedelta(0), *WAITS):
        receiver.now += wait
        receiver.deliver(house)
    receiver.deliver(house)
    first, second = told(house, webhook)
    assert (first.delivered, first.last_status, first.attempts) == (False, 503, len(WAITS) + 1)
    assert first.ended_at is not None
    assert second.delivered


def test_a_receiver_that_is_down_holds_up_nobody_else(house: House) -> None:
    subscribed(house)
    everybodys = subscribed(house, PAUL)
    house.booked("ANA")
    down = {json.loads(one.content)["data"]["sequence"] for one in told(house, everybodys, PAUL)}

    class Picky(Receiver):
        def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
            super().__call__(url, body, headers)
            mine = headers["webhook-id"] in {one.id for one in told(house, everybodys, PAUL)}
            return None if mine else 200

    assert Picky().deliver(house) == 4
    assert down == {1, 2, 3, 4}


def test_replay_sends_again_from_a_number_on_under_the_same_ids(house: House) -> None:
    webhook, receiver = subscribed(house), Receiver()
    house.booked("ANA")
    receiver.deliver(house)
    with house.doing() as work:
        assert replay(work, webhook.webhook.id, 3) == 2
    assert receiver.deliver(house) == 2
    assert receiver.sequences == [1, 2, 3, 4, 3, 4]
    ids = [headers["webhook-id"] for headers in receiver.headers]
    assert ids[4:] == ids[2:4]


def test_two_workers_send_nothing_twice(both: House) -> None:
    subscribed(both)
    both.booked("ANA")
    receiver = Receiver()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: receiver.deliver(both), range(2)))
    receiver.deliver(both)
    assert sorted(receiver.sequences) == [1, 2, 3, 4]


def test_a_message_of_a_worker_that_died_is_sent_once_its_time_is_over(house: House) -> None:
    subscribed(house)
    house.booked("ANA")

    class PlugPulled(BaseException):
        pass

    def dies(*_sent: object) -> int:
        raise PlugPulled

    with pytest.raises(PlugPulled):
        deliver(house.database, lambda: REAL, dies)
    receiver = Receiver(now=REAL + timedelta(seconds=119))
    assert receiver.deliver(house) == 0
    receiver.now += timedelta(seconds=1)
    assert receiver.deliver(house) == 4


def test_after_it_was_revoked_nothing_is_sent_of_what_waits_neither(house: House) -> None:
    webhook, receiver = subscribed(house), Receiver()
    house.booked("ANA")
    with house.doing() as work:
        revoke(work, webhook.webhook.id)
    confirmed(house, GRAFT)
    assert receiver.deliver(house) == 0
    assert len(told(house, webhook)) == 4


# --- who, and where to ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [PHIL, MONA], ids=lambda who: who.key_id)
def test_only_coordinators_and_planners_subscribe(house: House, who: Principal) -> None:
    refused("not-your-role", 403, lambda: subscribed(house, who))


def test_a_coordinator_is_told_of_the_own_site_alone(house: House) -> None:
    assert subscribed(house).webhook.site == "NORTH"
    refused("site-not-found", 404, lambda: subscribed(house, site=SOUTH))
    webhook = subscribed(house, SAM)
    with house.work(NORA) as work:
        refused("webhook-not-found", 404, lambda: revoke(work, webhook.webhook.id))


PRIVATE = [
    "https://localhost/x",
    "https://127.0.0.1/x",
    "https://10.1.2.3/x",
    "https://192.168.0.1/x",
    "https://169.254.169.254/latest",
    "https://[::1]/x",
    "https://[::ffff:10.0.0.1]/x",
    "https://[fd00::1]/x",
    "https://0.0.0.0/x",
    "https://224.0.0.1/x",
    "http://receiver.example/x",
]
WRONG = [
    "ftp://receiver.example/x",
    "receiver.example",
    "https://",
    "https://u:p@receiver.example/",
    "https://a:99999/",
]


@pytest.mark.parametrize("url", PRIVATE + WRONG)
def test_an_address_that_nothing_is_sent_to_is_refused(url: str) -> None:
    refused("address-unusable", 422, lambda: must_be_usable(url, allow_private=False))


@pytest.mark.parametrize("url", WRONG)
def test_what_is_no_address_is_refused_wherever_messages_may_go(url: str) -> None:
    refused("address-unusable", 422, lambda: must_be_usable(url, allow_private=True))


class Post(BaseHTTPRequestHandler):
    """Keeps what it is sent and answers with the status named by the path."""

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append((self.path, dict(self.headers), content))  # type: ignore[attr-defined]
        self.send_response(int(self.path.removeprefix("/")))
        self.send_header("Location", "/200")
        self.end_headers()

    def log_message(self, *_told: object) -> None:
        """Nothing on the screen."""


@contextmanager
def listening() -> Iterator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    """A server on this machine; its address, and what it was sent."""
    with HTTPServer(("127.0.0.1", 0), Post) as server:
        server.seen = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", server.seen  # type: ignore[attr-defined]
        finally:
            server.shutdown()


def test_messages_reach_a_server_on_this_machine_where_that_is_allowed_and_only_there(house: House) -> None:
    with listening() as (url, seen):
        with house.doing() as work:
            subscribe(work, house.board, url=f"{url}/200", site=None, label="Local", allow_private=True)
        house.booked("ANA")
        assert deliver(house.database, lambda: REAL, poster(allow_private=False)) == 0
        assert seen == []
        assert deliver(house.database, lambda: REAL + WAITS[0], poster(allow_private=True)) == 4
    assert [json.loads(body)["data"]["sequence"] for _, _, body in seen] == [1, 2, 3, 4]
    assert all(headers["Content-Type"] == "application/json" for _, headers, _ in seen)


def test_a_redirect_is_not_followed() -> None:
    with listening() as (url, seen):
        assert post(f"{url}/302", b"{}", {}, allow_private=True) == 302
    assert [path for path, _, _ in seen] == ["/302"]


def test_a_name_that_leads_to_a_private_address_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(*_asked: object, **_how: object) -> list[tuple[Any, ...]]:
        return [(None, None, None, "", ("93.184.216.34", 443)), (None, None, None, "", ("10.0.0.1", 443))]

    def connects(*_where: object, **_how: object) -> None:
        raise AssertionError("it was connected to")

    monkeypatch.setattr("scheduler.booking.posting.socket.getaddrinfo", answers)
    monkeypatch.setattr("scheduler.booking.posting.socket.create_connection", connects)
    assert post(URL, b"{}", {}, allow_private=False) is None
