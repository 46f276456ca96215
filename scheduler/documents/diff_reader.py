"""Reading the reasons of a diff from a JSON file (docs/plan-format.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from scheduler.documents.node import Node
from scheduler.domain.audience import NeutralReason
from scheduler.domain.diff_reasons import Reason
from scheduler.domain.errors import BadInput

EXAMPLE = '{"HYU-012/2": {"reason": "lot failed", "neutral": "supply"}}'


def read_reasons(path: Path) -> dict[str, Reason]:
    """Reasons by activity id, by patient and dose, or by patient; BadInput names the file, the key and the remedy."""
    try:
        raw = json.loads(path.read_bytes().decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(str(path), "file", f"cannot be read: {reason}", f"Write {EXAMPLE}") from error
    if not isinstance(raw, dict):
        Node(str(path), "", raw).refuse("is not an object", f"Write {EXAMPLE}")
    return {key: _reason(Node(str(path), key, value)) for key, value in raw.items()}


def _reason(node: Node) -> Reason:
    at = node.keys("reason", "neutral")
    neutral = at("neutral").one_of("supply", "site", "patient", "logistics")
    return Reason(at("reason").text(), cast(NeutralReason, neutral))
