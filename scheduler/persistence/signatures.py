"""Electronic signatures: printed name, time and meaning, bound to the record signed."""

from __future__ import annotations

from datetime import UTC, datetime

from scheduler.domain.audience import Principal
from scheduler.persistence.audit import canonical, sha256
from scheduler.persistence.tables import SignatureRow

_BOUND = ("id", "record", "record_hash", "signer", "role", "meaning", "signed_at")


def signature_row(
    id: str, record: str, content: object, meaning: str, signer: Principal, signed_at: datetime
) -> SignatureRow:
    """The row of a new signature of `content`, the record as it stands."""
    row = SignatureRow(
        id=id,
        record=record,
        record_hash=sha256(canonical(content)),
        signer=signer.name,
        role=signer.role.value,
        meaning=meaning,
        signed_at=signed_at.astimezone(UTC),
        hash="",
    )
    row.hash = _hash(row)
    return row


def holds(row: SignatureRow, content: object) -> bool:
    """Whether a signature is as it was made, and was made for exactly this content."""
    return row.hash == _hash(row) and row.record_hash == sha256(canonical(content))


def _hash(row: SignatureRow) -> str:
    return sha256(canonical({name: getattr(row, name) for name in _BOUND}))
