"""One request for every route there is: what anybody may try with a patient of North."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx2 import Response

from scheduler.booking.feeds import MAY_HAVE
from scheduler.domain.check_character import with_check
from tests.api.callers import ANA, EVERYBODY, NORTH, Json
from tests.blinding.worlds import CLEO, CSV, RECEIVER, STRETCH, World

Route = tuple[str, str]
Try = Callable[[World, str], list[Response]]

NOTE = {"reason": "A reason in words."}
TIMES = {"start_at": "2027-03-02T08:00:00Z", "end_at": "2027-03-02T09:00:00Z"}
BOTH = (ANA, CLEO)
HANDED = {
    "step": "received",
    "from_holder": "Carl",
    "to_holder": "the pharmacy",
    "place": NORTH,
    "happened_at": TIMES["end_at"],
}
NOBODYS_UNIT = with_check("X-U2222222222")


def get(path: str, **params: str) -> Try:
    """Read an address, for each of the two patients where it names one."""
    return lambda world, who: [world.get(who, one, params=params) for one in _for_both(path)]


def post(path: str, body: object = None, headers: dict[str, str] | None = None) -> Try:
    """Send the same to an address, for each of the two patients where it names one."""
    return lambda world, who: [world.post(who, one, body, headers=headers or {}) for one in _for_both(path)]


def delete(path: str) -> Try:
    return lambda world, who: [world.call(who, "DELETE", path)]


def _for_both(path: str) -> list[str]:
    return [path.replace("PATIENT", patient) for patient in BOTH] if "PATIENT" in path else [path]


def _first(world: World, who: str, listing: str) -> str:
    """The id of the first entry of a list, or one that nobody has."""
    items = world.get(who, listing).json().get("items", [])
    return str(items[0]["id"]) if items else "none"


def closure(method: str) -> Try:
    return lambda world, who: [world.call(who, method, f"/v1/closures/{_first(world, 'paul', '/v1/closures')}")]


def hindrance(method: str) -> Try:
    return lambda world, who: [world.call(who, method, f"/v1/hindrances/{_first(world, 'paul', '/v1/hindrances')}")]


def away(world: World, who: str) -> list[Response]:
    """A patient who is away, and cells that are not ready: the latter is the plant's to say."""
    bodies = [{"patient": patient, **TIMES, **NOTE} for patient in BOTH]
    return [world.post(who, "/v1/hindrances", body | more) for body in bodies for more in ({}, {"kinds": ["fill"]})]


def unblinding(world: World, who: str) -> list[Response]:
    body = NOTE | {"signature": world.signature(who, "emergency unblinding")}
    return [world.post(who, f"/v1/patients/{patient}/unblinding", body) for patient in BOTH]


def signed(path: str, meaning: str) -> Try:
    """Send a signed reason to an address."""
    return lambda world, who: [world.post(who, path, {"signature": world.signature(who, meaning)})]


def decision(world: World, who: str) -> list[Response]:
    return [world.get(who, f"/v1/decisions/{_first(world, 'dora', '/v1/decisions')}")]


def failed_lots(world: World, who: str) -> list[Response]:
    body = {"kind": "lot_failed", "at": TIMES["end_at"]}
    return [world.post(who, "/v1/events", {**body, "activity": f"{patient}/2/fill"}) for patient in BOTH]


def event(world: World, who: str) -> list[Response]:
    return [world.get(who, f"/v1/events/{_first(world, 'paul', '/v1/events')}")]


def skipped(world: World, who: str) -> list[Response]:
    body = NOTE | {"signature": world.signature(who, "given up for good")}
    return [world.post(who, f"/v1/decisions/{_first(world, 'dora', '/v1/decisions')}/skip", body)]


def alarm(world: World, who: str) -> list[Response]:
    return [world.post(who, f"/v1/alarms/{_first(world, 'stella', '/v1/alarms')}/acknowledge")]


def shipment(world: World, who: str) -> list[Response]:
    answer = world.get("carl", "/v1/shipments", params=STRETCH).json()
    body = {"outcome": "performed", **TIMES}
    return [world.post(who, f"/v1/shipments/{one['id']}/record", body) for one in answer["items"]]


def units(world: World, patient: str) -> list[str]:
    """The units of a patient, as the plant knows them, or one that nobody has."""
    items = world.get("paul", "/v1/units", params={"course": patient}).json()["items"]
    return [str(one["id"]) for one in items] or [NOBODYS_UNIT]


def of_units(ending: str) -> Try:
    """Read an address of the units of both patients."""
    return lambda world, who: [
        world.get(who, f"/v1/units/{unit}{ending}") for patient in BOTH for unit in units(world, patient)
    ]


def scanned(world: World, who: str) -> list[Response]:
    """Everybody's unit for everybody, at the pharmacy and at the bedside."""
    told = [{"patient": patient, "step": step, "place": NORTH} for patient in BOTH for step in ("checked", "bedside")]
    return [
        world.post(who, f"/v1/units/{unit}/scan", body)
        for patient in BOTH
        for unit in units(world, patient)
        for body in told
    ]


def shipments(ending: str, body: Json | None = None) -> Try:
    """Every shipment of the stretch: read of it, or send something about it."""

    def tried(world: World, who: str) -> list[Response]:
        items = world.get("carl", "/v1/shipments", params=STRETCH).json()["items"]
        paths = [f"/v1/shipments/{one['id']}/{ending}" for one in items]
        return [world.get(who, path) if body is None else world.post(who, path, body) for path in paths]

    return tried


def read_out(world: World, who: str) -> list[Response]:
    """A logger's file for every shipment of the stretch."""
    items = world.get("carl", "/v1/shipments", params=STRETCH).json()["items"]
    content = f"at,celsius\n{TIMES['start_at']},20\n"
    paths = [f"/v1/shipments/{one['id']}/logger" for one in items]
    return [world.call(who, "POST", path, content=content, headers=CSV) for path in paths]


def _logger_files(world: World) -> list[str]:
    """Every verdict there is on a unit of ANA's, or one there is not."""
    entries = [
        one
        for unit in units(world, ANA)
        for one in world.get("paul", f"/v1/units/{unit}/history").json().get("entries", [])
    ]
    return [one["details"]["file"] for one in entries if one["what"] == "judged"] or ["log_0"]


def verdict(world: World, who: str) -> list[Response]:
    return [world.get(who, f"/v1/logger-files/{name}") for name in _logger_files(world)]


def replaced(world: World, who: str) -> list[Response]:
    return [world.post(who, f"/v1/logger-files/{name}/replacement") for name in _logger_files(world)]


def disposed(world: World, who: str) -> list[Response]:
    body = {"decision": "use", **NOTE, "signature": world.signature(who, "disposition of a unit")}
    return [world.post(who, f"/v1/logger-files/{name}/disposition", body) for name in _logger_files(world)]


def released(world: World, who: str) -> list[Response]:
    told = {"stage": "before_sterility", "passed": True, **NOTE}
    lots = [one["id"] for one in world.get("paul", f"/v1/courses/{ANA}/lots").json()["lots"]]
    return [
        world.post(who, f"/v1/lots/{lot}/releases", told | {"signature": world.signature(who, "release of a lot")})
        for lot in lots
    ]


def notice(world: World, who: str) -> list[Response]:
    return [world.post(who, f"/v1/notices/{_first(world, 'dora', '/v1/notices')}/acknowledge")]


def hold(method: str) -> Try:
    return lambda world, who: [world.call(who, method, "/v1/holds/hold_000000000000000000000001")]


def imported(world: World, who: str) -> list[Response]:
    content = (
        f"patient,site,registered_on,weight_kg,kind,dose,start_at,end_at\n{ANA},NORTH,2027-03-01,61.5,biopsy,,x,y\n"
    )
    return [world.call(who, "POST", "/v1/courses/import?dry_run=true", content=content, headers=CSV)]


def why_not(world: World, who: str) -> list[Response]:
    """Dose 2 on a Saturday, within its window and far off; only Nora is given time to decide it by solving."""
    asked = [{"dose": 2, "on": on} for on in ("2027-04-24", "2027-05-25", "2028-01-04")]
    asked += [{"on": "2027-05-05"}, {"dose": 7, "on": "2027-05-04"}]
    seconds = 60 if who == "nora" else 0
    return [
        world.post(who, "/v1/why-not", {"patient": patient, "seconds": seconds, **one})
        for patient in BOTH
        for one in asked
    ]


def why_so_late(world: World, who: str) -> list[Response]:
    seconds = 60 if who == "nora" else 0
    return [world.post(who, "/v1/why-so-late", {"patient": patient, "seconds": seconds}) for patient in BOTH]


FEEDS = (
    ("site", NORTH),
    ("coordinator", NORTH),
    ("patient", ANA),
    ("patient", CLEO),
    ("plant", "HUB"),
    ("suite", "HUB/suite-1"),
    ("lane", "HUB-NORTH"),
    ("pharmacist", NORTH),
)


def feeds(world: World, who: str) -> list[Response]:
    """Every calendar there is of North, whoever may have it."""
    bodies = [{"scope": scope, "subject": subject, "label": who} for scope, subject in FEEDS]
    return [world.post(who, "/v1/calendar-feeds", body) for body in bodies]


def calendars(world: World, who: str) -> list[Response]:
    """What the calendars that somebody may have say, packed and plain."""
    may_have = MAY_HAVE.get(EVERYBODY[who].role, frozenset()) if EVERYBODY[who].may_see_site(NORTH) else frozenset()
    bodies = [{"scope": scope, "subject": subject, "label": who} for scope, subject in FEEDS if scope in may_have]
    made = [world.done(who, "/v1/calendar-feeds", body, status=201)["url"] for body in bodies]
    plain = {"Accept-Encoding": "identity"}
    return [world.get(who, url, headers=headers) for url in made or ["/calendar/none.ics"] for headers in (plain, {})]


def revoked_feed(world: World, who: str) -> list[Response]:
    return [world.call(who, "DELETE", f"/v1/calendar-feeds/{_first(world, 'nora', '/v1/calendar-feeds')}")]


def webhook(method: str, more: str = "", body: object = None) -> Try:
    """A route of the webhook that Nora made while the world was lived through."""
    options = {} if body is None else {"json": body}
    return lambda world, who: [
        world.call(who, method, f"/v1/webhooks/{_first(world, 'nora', '/v1/webhooks')}{more}", **options)
    ]


TRIES: dict[Route, Try] = {
    ("GET", "/livez"): get("/livez"),
    ("GET", "/readyz"): get("/readyz"),
    ("GET", "/metrics"): get("/metrics"),
    ("GET", "/openapi.json"): get("/openapi.json"),
    ("GET", "/v1/me"): get("/v1/me"),
    ("GET", "/v1/sites"): get("/v1/sites"),
    ("GET", "/v1/patients"): get("/v1/patients"),
    ("POST", "/v1/patients"): post(
        "/v1/patients", {"id": "NORTH-003", "site": NORTH, "registered_on": "2027-03-01", "weight_kg": 70.0}
    ),
    ("GET", "/v1/patients/{patient}"): get("/v1/patients/PATIENT"),
    ("POST", "/v1/patients/{patient}/weights"): post(
        "/v1/patients/PATIENT/weights", {"weight_kg": 60.0, "measured_at": "2027-03-01T08:00:00Z"}
    ),
    ("POST", "/v1/patients/{patient}/offers"): post("/v1/patients/PATIENT/offers", {"count": 2}),
    ("POST", "/v1/patients/{patient}/unblinding"): unblinding,
    ("POST", "/v1/holds"): post("/v1/holds", {"offer": "off_000000000000000000000001"}),
    ("GET", "/v1/holds/{hold}"): hold("GET"),
    ("DELETE", "/v1/holds/{hold}"): hold("DELETE"),
    ("POST", "/v1/bookings"): post("/v1/bookings", {"hold": "hold_000000000000000000000001"}),
    ("GET", "/v1/courses"): get("/v1/courses"),
    ("GET", "/v1/courses/{course}"): get("/v1/courses/PATIENT"),
    ("POST", "/v1/courses/import"): imported,
    ("POST", "/v1/courses/{course}/offers"): post("/v1/courses/PATIENT/offers", {"dose": 2, "count": 2}),
    ("POST", "/v1/courses/{course}/reschedule"): lambda world, who: [world.move(patient, who) for patient in BOTH],
    ("POST", "/v1/courses/{course}/cancel"): post(
        "/v1/courses/PATIENT/cancel", {"reason_code": "other"}, {"If-Match": '"1"'}
    ),
    ("GET", "/v1/courses/{course}/contents"): get("/v1/courses/PATIENT/contents", dose="1"),
    ("GET", "/v1/visits"): get("/v1/visits"),
    ("GET", "/v1/visits/{visit}"): get("/v1/visits/PATIENT/1/graft"),
    ("POST", "/v1/visits/{visit}/confirm"): post("/v1/visits/PATIENT/2/graft/confirm"),
    ("POST", "/v1/visits/{visit}/acknowledge"): post("/v1/visits/PATIENT/2/graft/acknowledge"),
    ("POST", "/v1/activities/{activity}/record"): post(
        "/v1/activities/PATIENT/2/thaw/record", {"outcome": "failed", **TIMES}
    ),
    ("POST", "/v1/calendar-feeds"): feeds,
    ("GET", "/calendar/{token}.ics"): calendars,
    ("GET", "/v1/calendar-feeds"): get("/v1/calendar-feeds"),
    ("DELETE", "/v1/calendar-feeds/{feed}"): revoked_feed,
    ("POST", "/v1/webhooks"): post("/v1/webhooks", RECEIVER),
    ("GET", "/v1/webhooks"): get("/v1/webhooks"),
    ("GET", "/v1/webhooks/{webhook}/messages"): webhook("GET", "/messages?limit=200"),
    ("POST", "/v1/webhooks/{webhook}/replay"): webhook("POST", "/replay", {"from_sequence": 1}),
    ("DELETE", "/v1/webhooks/{webhook}"): webhook("DELETE"),
    ("GET", "/v1/exports/visits"): lambda world, who: [
        world.get(who, f"/v1/exports/visits?format={made_as}") for made_as in ("ics", "csv", "xlsx")
    ],
    ("GET", "/v1/exports/week"): lambda world, who: [
        world.get(who, f"/v1/exports/week?site={NORTH}&lang={lang}&from=2027-04-05") for lang in ("en", "ko")
    ],
    ("GET", "/v1/shipments"): get("/v1/shipments", **STRETCH),
    ("POST", "/v1/shipments/{shipment}/record"): shipment,
    ("GET", "/v1/shipments/{shipment}/custody"): shipments("custody"),
    ("POST", "/v1/shipments/{shipment}/custody"): shipments("custody", HANDED),
    ("POST", "/v1/shipments/{shipment}/logger"): read_out,
    ("GET", "/v1/logger-files/{file}"): verdict,
    ("POST", "/v1/logger-files/{file}/disposition"): disposed,
    ("POST", "/v1/logger-files/{file}/replacement"): replaced,
    ("GET", "/v1/units/{unit}/clock"): of_units("/clock"),
    ("GET", "/v1/units/{unit}/history"): of_units("/history"),
    ("GET", "/v1/units/{unit}/history.html"): of_units("/history.html?lang=ko"),
    ("GET", "/v1/units"): get("/v1/units?course=PATIENT"),
    ("GET", "/v1/units/{unit}/label.svg"): of_units("/label.svg"),
    ("POST", "/v1/units/{unit}/scan"): scanned,
    ("GET", "/v1/courses/{course}/lots"): get("/v1/courses/PATIENT/lots"),
    ("POST", "/v1/lots/{lot}/releases"): released,
    ("GET", "/v1/notices"): get("/v1/notices", all="true"),
    ("POST", "/v1/notices/{notice}/acknowledge"): notice,
    ("GET", "/v1/resources"): get("/v1/resources"),
    ("GET", "/v1/resources/{place}/{kind}/load"): lambda world, who: [
        world.get(who, f"/v1/resources/{resource}/load", params=STRETCH)
        for resource in ("NORTH/theatre", "NORTH/refrigerator", "HUB/suite", "HUB/incubator")
    ],
    ("POST", "/v1/why-not"): why_not,
    ("POST", "/v1/why-so-late"): why_so_late,
    ("POST", "/v1/plan-runs"): post("/v1/plan-runs"),
    ("GET", "/v1/plan-runs"): get("/v1/plan-runs"),
    ("GET", "/v1/plan-runs/{run}"): get("/v1/plan-runs/1"),
    ("GET", "/v1/plan-runs/{run}/events"): get("/v1/plan-runs/1/events", wait_seconds="0"),
    ("POST", "/v1/what-if"): post("/v1/what-if", {"changes": ["units HUB incubator +1"], "seconds": 60}),
    ("GET", "/v1/plans"): get("/v1/plans"),
    ("GET", "/v1/plans/{plan}"): get("/v1/plans/1"),
    ("POST", "/v1/events"): post(
        "/v1/events", {"kind": "lot_failed", "activity": "PATIENT/2/fill", "at": TIMES["end_at"]}
    ),
    ("GET", "/v1/events"): get("/v1/events"),
    ("GET", "/v1/events/{event}"): event,
    ("GET", "/v1/plans/{plan}/proposal"): get("/v1/plans/2/proposal"),
    ("GET", "/v1/plans/{plan}/diff"): get("/v1/plans/2/diff"),
    ("POST", "/v1/plans/{plan}/approve"): signed("/v1/plans/2/approve", "approved for publication"),
    ("POST", "/v1/plans/{plan}/reject"): post("/v1/plans/2/reject", NOTE),
    ("POST", "/v1/plans/{plan}/revise"): post("/v1/plans/2/revise", {"refused": [f"{ANA}/2/graft"]}),
    ("GET", "/v1/changes"): get("/v1/changes"),
    ("GET", "/v1/decisions"): get("/v1/decisions"),
    ("GET", "/v1/decisions/{decision}"): decision,
    ("POST", "/v1/decisions/{decision}/skip"): skipped,
    ("GET", "/v1/closures"): get("/v1/closures"),
    ("POST", "/v1/closures"): post("/v1/closures", {"where": NORTH, **TIMES, **NOTE}),
    ("GET", "/v1/closures/{closure}"): closure("GET"),
    ("DELETE", "/v1/closures/{closure}"): closure("DELETE"),
    ("GET", "/v1/hindrances"): get("/v1/hindrances"),
    ("POST", "/v1/hindrances"): away,
    ("GET", "/v1/hindrances/{hindrance}"): hindrance("GET"),
    ("DELETE", "/v1/hindrances/{hindrance}"): hindrance("DELETE"),
    ("GET", "/v1/randomisation"): get("/v1/randomisation"),
    ("POST", "/v1/randomisation"): lambda world, who: [world.randomise(who)],
    ("GET", "/v1/alarms"): get("/v1/alarms"),
    ("POST", "/v1/alarms/{alarm}/acknowledge"): alarm,
    ("GET", "/v1/audit"): get("/v1/audit", limit="200"),
}
"""What is tried on each route; a route without a try fails the test."""


def routes_of(app: FastAPI) -> set[Route]:
    """Method and template of everything an application answers."""
    return {
        (method, (context.path_format or "").replace(":path", ""))
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
        if method != "HEAD"
    }
