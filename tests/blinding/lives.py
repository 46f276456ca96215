"""A world lived through: its events, then every route tried by everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tests.api.callers import EVERYBODY, Json
from tests.blinding.every_route import TRIES, Route, routes_of
from tests.blinding.worlds import PRESSED, Said, Story, World, live, world_with

UNBLINDED: dict[Route, set[str]] = {
    ("GET", "/v1/randomisation"): {"stella", "ada"},
    ("GET", "/v1/courses/{course}/contents"): {"phil", "paul", "quinn"},
    ("POST", "/v1/patients/{patient}/unblinding"): {"dora", "phil"},
    ("GET", "/calendar/{token}.ics"): {"phil"},
}
"""Who is told of arms, and where; there two worlds must differ, or a comparison could not fail."""


class Lived(NamedTuple):
    """What was said in a world: during its events, then on every route by everybody."""

    events: list[Said]
    tries: dict[tuple[Route, str], list[Said]]
    log: list[str]
    records: Json
    routes: set[Route]


def lived(arms: dict[str, str], folder: Path, story: Story = PRESSED, **program: Any) -> Lived:
    """Live a story in a world of its own; `program` as `move_in` takes it."""
    with world_with(arms, folder, **program) as world:
        live(world, story)
        events = list(world.transcript)
        tries = {(route, who): _tried(world, route, who) for route in TRIES for who in EVERYBODY}
        return Lived(events, tries, list(world.log), world.records(), routes_of(world.app))


def _tried(world: World, route: Route, who: str) -> list[Said]:
    begins = len(world.transcript)
    TRIES[route](world, who)
    return world.transcript[begins:]
