"""One use case is one transaction: all of it or nothing, with its audit entries."""

import threading
from datetime import timedelta

import pytest
from sqlmodel import col, select

from scheduler.persistence import audit, signatures
from scheduler.persistence.audit import Verified
from scheduler.persistence.database import Database
from scheduler.persistence.errors import Overlap
from scheduler.persistence.tables import BoardRow, SignatureRow, StayRow
from tests.persistence.cast import NOW, stay, taken, unit_of_work, with_units


def board(database: Database) -> int:
    with database.session() as session:
        return session.get_one(BoardRow, 1).revision


def test_leaving_without_commit_leaves_nothing(database: Database) -> None:
    with unit_of_work(with_units(database)) as work:
        work.lock_board()
        work.session.add(stay(100, 200))
        work.audit("course:booked", "NOR-001")
        work.session.flush()
    with database.session() as session:
        assert taken(session) == []
        assert list(audit.read(session)) == []
    assert board(database) == 0


def test_an_error_inside_leaves_nothing(database: Database) -> None:
    with pytest.raises(LookupError), unit_of_work(with_units(database)) as work:
        work.session.add(stay(100, 200))
        work.session.flush()
        raise LookupError("no such offer")
    with database.session() as session:
        assert taken(session) == []


def test_a_commit_lasts_with_its_audit_entry(database: Database) -> None:
    with unit_of_work(with_units(database)) as work:
        work.session.add(stay(100, 200))
        work.audit("course:booked", "NOR-001", reason="first choice", after={"dose_1_on": NOW.date(), "at": NOW})
        work.commit()
    with database.session() as session:
        assert taken(session) == [(1, 100, 200)]
        (entry,) = audit.read(session)
    assert (entry.id, entry.actor, entry.role, entry.site) == (1, "Nora North", "coordinator", "North")
    assert (entry.action, entry.subject, entry.reason, entry.request_id) == (
        "course:booked",
        "NOR-001",
        "first choice",
        "r-1",
    )
    assert entry.after == '{"at":"2027-01-04T08:00:00Z","dose_1_on":"2027-01-04"}'


def test_a_refused_stay_takes_the_audit_entry_with_it(database: Database) -> None:
    with unit_of_work(with_units(database)) as work:
        work.session.add(stay(100, 200))
        work.commit()
    with pytest.raises(Overlap), unit_of_work(database) as work:
        work.session.add(stay(150, 250))
        work.audit("course:booked", "NOR-002")
        work.commit()
    with database.session() as session:
        assert list(audit.read(session)) == []


def test_the_board_counts_once_a_unit(database: Database) -> None:
    for expected in (1, 2):
        with unit_of_work(database) as work:
            assert work.lock_board() == expected
            assert work.lock_board() == expected
            work.commit()
    assert board(database) == 2


def test_locking_the_board_releases_the_stays_of_holds_that_have_run_out(database: Database) -> None:
    # The clock of the second unit shows NOW + 10 min: a hold until then has run out, one second more has not.
    ends = int(NOW.timestamp()) + 600
    with unit_of_work(with_units(database)) as work:
        work.lock_board()
        work.session.add_all([stay(100, 200, expires=ends), stay(300, 400, expires=ends + 1), stay(500, 600)])
        work.commit()
    with unit_of_work(database, after=timedelta(minutes=10)) as work:
        work.lock_board()
        work.commit()
    with database.session() as session:
        assert taken(session) == [(1, 300, 400), (1, 500, 600)]
        assert session.exec(select(StayRow).where(~col(StayRow.live))).one().changed_revision == 2


def test_a_unit_that_only_reads_cannot_commit(database: Database) -> None:
    with unit_of_work(database, write=False) as work, pytest.raises(RuntimeError, match="only reads"):
        work.commit()


def test_a_unit_that_only_reads_sees_one_state_throughout(postgres_database: Database) -> None:
    with unit_of_work(with_units(postgres_database), write=False) as work:
        assert taken(work.session) == []
        with postgres_database.writing() as session:
            session.add(stay(100, 200))
        assert taken(work.session) == []


def test_an_action_that_is_not_subject_and_verb_is_refused(database: Database) -> None:
    with unit_of_work(database) as work, pytest.raises(ValueError, match="not subject:verb_past"):
        work.audit("Booked", "NOR-001")


def test_a_signature_holds_for_exactly_what_was_signed(database: Database) -> None:
    with unit_of_work(database) as work:
        signed = work.sign("course/NOR-001", {"window": 7, "reason": "fever"}, meaning="override of a visit window")
        work.commit()
    with database.session() as session:
        row = session.get_one(SignatureRow, signed)
        assert (row.signer, row.meaning, row.signed_at) == ("Nora North", "override of a visit window", NOW)
        assert signatures.holds(row, {"reason": "fever", "window": 7})
        assert not signatures.holds(row, {"reason": "fever", "window": 8})
        (entry,) = audit.read(session, action="signature:made")
        assert entry.subject == "course/NOR-001" and row.hash in (entry.after or "")


def test_a_signature_changed_afterwards_holds_no_more(database: Database) -> None:
    with unit_of_work(database) as work:
        signed = work.sign("plan/1", {"plan": 1}, meaning="approval")
        row = work.session.get_one(SignatureRow, signed)
        assert signatures.holds(row, {"plan": 1})
        row.signer = "Somebody else"
        assert not signatures.holds(row, {"plan": 1})


def test_writers_with_and_without_the_board_never_wait_for_each_other(database: Database) -> None:
    def write(with_board: bool) -> None:
        for _ in range(20):
            with unit_of_work(database) as work:
                work.audit("visit:confirmed", "NOR-001/1/injection")
                if with_board:
                    work.lock_board()
                work.commit()

    threads = [threading.Thread(target=write, args=(number % 2 == 0,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert board(database) == 40
    with database.session() as session:
        verified = audit.verify(session)
        assert isinstance(verified, Verified) and verified.entries == 80
        assert [row.id for row in audit.read(session)] == list(range(1, 81))
