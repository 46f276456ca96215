"""What a use case refuses on purpose, in words for the person who asked."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.domain.errors import MarrowlineError


class Refused(MarrowlineError):
    """A request that cannot be met; nothing was changed.

    Parameters
    ----------
    slug
        Stable name of the kind of refusal, such as ``hold-expired``; part of the public contract.
    status
        The HTTP status that says the same: 403, 404, 409, 412, 422 or 428.
    sentence
        What is wrong and what to do, for the plant's side.
    blinded_sentence
        The same for a blinded reader, where `sentence` could tell something about supply; None when it cannot.
    extra
        Further members of the answer, plain JSON, fit for every reader.
    """

    def __init__(
        self,
        slug: str,
        status: int,
        sentence: str,
        *,
        blinded_sentence: str | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.slug = slug
        self.status = status
        self.sentence = sentence
        self.blinded_sentence = blinded_sentence
        self.extra = dict(extra or {})


CHANGED_MEANWHILE = "This record has changed since you read it. Read it again and repeat with its new ETag."


def changed_meanwhile() -> Refused:
    """The version a change is based on is not the present one."""
    return Refused("changed-meanwhile", 412, CHANGED_MEANWHILE)


def not_found(what: str) -> Refused:
    """No such record, or none this reader may know of: the two are told alike."""
    return Refused(f"{what}-not-found", 404, f"There is no such {what}, or it is not yours to see. Check the id.")
