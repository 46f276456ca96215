"""Labels: one unit as a QR code with the same in letters beside it, as SVG."""

from __future__ import annotations

from html import escape
from zoneinfo import ZoneInfo

import segno

from scheduler.booking.words import dated
from scheduler.coldchain.units import Held
from scheduler.domain.course import Facts

WIDTH, HEIGHT, CODE = 90, 34, 30
"""Millimetres of a label, and of its code."""
LINE, LETTER = 4.5, 3
"""Millimetres from line to line, and of a letter's height."""


def label(facts: Facts, found: Held) -> str:
    """The label of a unit: whose it is, which dose and syringe, until when it is given. Nothing of what it holds."""
    lines = [
        found.unit.id,
        found.course.id,
        found.course.coi,
        f"dose {found.unit.dose} · syringe {found.unit.number}",
        *_give_by(facts, found),
        *_kept_at(facts),
    ]
    written = "".join(
        f'<text x="{CODE + 5}" y="{LINE * number + 1:g}">{escape(line)}</text>' for number, line in enumerate(lines, 1)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}mm" height="{HEIGHT}mm" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{_code(found.unit.id)}'
        f'<g font-family="sans-serif" font-size="{LETTER}">{written}</g></svg>\n'
    )


def _give_by(facts: Facts, found: Held) -> list[str]:
    """The end of the shelf life by the site's clocks, and which those are."""
    if found.unit.expires_at is None:
        return []
    zone = facts.network.place(found.course.site).zone
    at = found.unit.expires_at.astimezone(ZoneInfo(zone))
    return [f"give by {dated(at.date())[0]} {at:%H:%M}", f"({zone}, UTC{at.isoformat()[-6:]})"]


def _kept_at(facts: Facts) -> list[str]:
    chain = facts.protocol.cold_chain
    return [] if chain is None else [f"{chain.temperatures.at_least:g}–{chain.temperatures.at_most:g} °C"]


def _code(text: str) -> str:
    """The QR code of a text as one path, with its quiet zone; a fifth of it may be unreadable (level Q)."""
    matrix = segno.make(text, error="q", micro=False, boost_error=False).matrix
    modules = len(matrix) + 8  # four modules of quiet zone on either side
    squares = "".join(f"M{x + 4} {y + 4}h1v1h-1z" for y, row in enumerate(matrix) for x, dark in enumerate(row) if dark)
    return f'<path transform="translate(2 2) scale({CODE / modules:.4f})" d="{squares}"/>'
