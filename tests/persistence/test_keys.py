"""API keys: shown once, kept as a hash, refused when unknown, wrong or revoked."""

from datetime import timedelta

import pytest
from sqlmodel import func, select

from scheduler.domain.audience import IdentityProvider, Principal, Role
from scheduler.domain.errors import BadInput
from scheduler.persistence import audit
from scheduler.persistence.database import Database
from scheduler.persistence.keys import KeyStore, all_keys, make_key, revoke_key
from scheduler.persistence.tables import FailedKeyRow, KeyRow
from tests.persistence.cast import NOW, unit_of_work


def made(database: Database, role: Role = Role.COORDINATOR, site: str | None = "North") -> str:
    with unit_of_work(database) as work:
        text = make_key(work, name="Ana's coordinator", role=role, site=site)
        work.commit()
    return text


def test_a_key_is_recognised_by_its_text(database: Database) -> None:
    text = made(database)
    provider: IdentityProvider = KeyStore(database)
    assert provider.identify(text) == Principal("Ana's coordinator", Role.COORDINATOR, "North", text.split("_")[1])


def test_the_secret_is_nowhere_in_the_database(database: Database) -> None:
    secret = made(database).split("_")[2]
    with database.session() as session:
        (row,) = session.exec(select(KeyRow))
        (entry,) = audit.read(session, action="key:made")
    assert len(secret) == 40  # 160 bits
    assert secret not in str(row.model_dump()) and secret not in str(entry.model_dump())


@pytest.mark.parametrize("bend", [lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"), str.upper, str.strip])
def test_a_wrong_secret_is_refused(database: Database, bend: object) -> None:
    text = made(database)
    assert callable(bend)
    bent = bend(text) if bend is not str.strip else f" {text}"
    assert KeyStore(database).identify(bent) is None


@pytest.mark.parametrize("text", ["", "mk_", "mk_000000000000_" + 40 * "0", "Bearer", "mk_\0_\0", "é" * 100])
def test_what_is_no_key_is_refused(database: Database, text: str) -> None:
    made(database)
    assert KeyStore(database).identify(text) is None


def test_a_revoked_key_is_refused_and_still_listed(database: Database) -> None:
    text = made(database)
    key_id = text.split("_")[1]
    with unit_of_work(database, after=timedelta(days=1)) as work:
        assert revoke_key(work, key_id)
        assert not revoke_key(work, key_id)
        work.commit()
    assert KeyStore(database).identify(text) is None
    with database.session() as session:
        (key,) = all_keys(session)
        assert [entry.action for entry in audit.read(session)] == ["key:made", "key:revoked"]
    assert (key.id, key.revoked_at) == (key_id, NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("name", "role", "site", "problem"),
    [
        ("Ana", Role.COORDINATOR, None, "belongs to a site"),
        ("Paul", Role.PLANNER, "North", "belongs to no site"),
        ("  ", Role.PLANNER, None, "names nobody"),
        ("a\nb", Role.PLANNER, None, "names nobody"),
    ],
)
def test_a_key_that_means_nobody_is_not_made(
    database: Database, name: str, role: Role, site: str | None, problem: str
) -> None:
    with unit_of_work(database) as work, pytest.raises(BadInput, match=problem):
        make_key(work, name=name, role=role, site=site)


def test_an_origin_with_too_many_failures_has_to_wait(database: Database) -> None:
    store = KeyStore(database, failures=3, within=timedelta(minutes=10))
    for minute in (0, 1, 2):
        assert store.allowed("192.0.2.1", NOW + timedelta(minutes=minute))
        store.note_failure("192.0.2.1", NOW + timedelta(minutes=minute))
    assert not store.allowed("192.0.2.1", NOW + timedelta(minutes=3))
    assert store.allowed("192.0.2.2", NOW + timedelta(minutes=3))
    # The failure of minute 0 counts until minute 10, when it is 10 minutes old.
    assert not store.allowed("192.0.2.1", NOW + timedelta(minutes=10) - timedelta(seconds=1))
    assert store.allowed("192.0.2.1", NOW + timedelta(minutes=10))


def test_failures_that_no_longer_count_are_forgotten(database: Database) -> None:
    store = KeyStore(database, within=timedelta(minutes=10))
    for minute in (0, 1, 30):
        store.note_failure("192.0.2.1", NOW + timedelta(minutes=minute))
    with database.session() as session:
        assert session.exec(select(func.count()).select_from(FailedKeyRow)).one() == 1
