"""Commands for API keys: key create, key list, key revoke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.frame import ADMIN, app, database
from scheduler.console import complain, say, table
from scheduler.domain.audience import Role
from scheduler.domain.errors import BadInput

if TYPE_CHECKING:
    from datetime import datetime

    from scheduler.persistence.database import Database

group = typer.Typer(no_args_is_help=True, help="Make, list and revoke the keys that people and machines present.")
app.add_typer(group, name="key")


@group.command(epilog='Example: marrowline key create --role coordinator --site HYU --name "Kim Min-ji"')
def create(
    role: Annotated[Role, typer.Option("--role", help="What the holder is.")],
    name: Annotated[str, typer.Option("--name", help="Printed in the audit trail and on signatures.")],
    site: Annotated[str | None, typer.Option("--site", help="The site's code, for roles that belong to one.")] = None,
) -> None:
    """Make a key and print it once. Only its hash is kept: whoever loses it needs a new one."""
    from scheduler.persistence.keys import make_key
    from scheduler.persistence.unit_of_work import UnitOfWork

    with database() as (opened, clock):
        if site is not None:
            _must_be_a_site(opened, site)
        with UnitOfWork(opened, now=clock(), principal=ADMIN) as work:
            key = make_key(work, name=name, role=role, site=site)
            work.commit()
    complain("Hand this key to its holder by a safe way; it is shown only now.")
    say(key)


@group.command("list", epilog="Example: marrowline key list")
def list_() -> None:
    """List every key there ever was, without secrets."""
    from scheduler.persistence.keys import all_keys

    with database() as (opened, _clock), opened.session() as session:
        rows = [
            (one.id, one.role.value, one.site or "", one.name, f"{one.made_at:%Y-%m-%d %H:%M}Z", _state(one.revoked_at))
            for one in all_keys(session)
        ]
    table(("id", "role", "site", "name", "made", "state"), rows)


@group.command(epilog="Example: marrowline key revoke 1f2e3d4c5b6a")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the key, as key list shows it.")],
) -> None:
    """Refuse a key from now on."""
    from scheduler.persistence.keys import revoke_key
    from scheduler.persistence.unit_of_work import UnitOfWork

    with database() as (opened, clock), UnitOfWork(opened, now=clock(), principal=ADMIN) as work:
        if not revoke_key(work, key_id):
            remedy = "Take an id from 'marrowline key list'"
            raise BadInput("key", "id", "is not the id of a key that is in use", remedy)
        work.commit()
    say(f"Key {key_id} is refused from now on")


def _state(revoked_at: datetime | None) -> str:
    return "in use" if revoked_at is None else f"revoked {revoked_at:%Y-%m-%d %H:%M}Z"


def _must_be_a_site(opened: Database, site: str) -> None:
    """BadInput unless the imported program has the site: a key of a mistyped one would see nothing and say nothing."""
    from api.facts import facts_from

    facts = facts_from(opened)()
    codes = [place.code for place in facts.network.sites]
    if site not in codes:
        raise BadInput("key", "site", f"{site!r} is no site of {facts.program}", f"Name one of {', '.join(codes)}")
