"""Opaque ids with a check character (ISO 7064 mod 37-2): one wrong or exchanged character never goes unnoticed."""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
UNMISTAKABLE = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without 0, 1, I and O, which are misread by hand
DRAWN = 10
"""Characters of an id that are drawn by lot."""


def check_character(text: str) -> str:
    """The ISO 7064 mod 37-2 check character of digits and capital letters; hyphens do not count.

    Raises
    ------
    ValueError
        At any other character.
    """
    total = 0
    for letter in text.replace("-", ""):
        value = ALPHABET.find(letter)
        if not 0 <= value < 36:
            raise ValueError(f"{letter!r} is no digit or capital letter")
        total = (total + value) * 2 % 37
    return ALPHABET[(38 - total) % 37]


def with_check(text: str) -> str:
    """The text with its check character at the end."""
    return text + check_character(text)


def is_sound(text: str) -> bool:
    """Whether a text ends in the check character of what is before it."""
    try:
        return len(text) > 1 and text == with_check(text[:-1])
    except ValueError:
        return False


def is_id(text: str, kind: str) -> bool:
    """Whether a text is one of our opaque ids of a kind (C, D, L, U), as it was given out: no character is wrong."""
    head = f"X-{kind}"
    body = text[len(head) : -1]
    return text.startswith(head) and len(body) == DRAWN and set(body) <= set(UNMISTAKABLE) and is_sound(text)
