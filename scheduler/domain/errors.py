"""Errors a person can act on."""

from __future__ import annotations


class MarrowlineError(Exception):
    """Base of every error this product raises on purpose."""


class BadInput(MarrowlineError):
    """A fact cannot be used; nothing was changed. Correct the named place and run again.

    Parameters
    ----------
    where
        File the fact came from, with its line or section where known.
    key
        Dotted name of the offending key, such as ``steps[3].minutes``.
    problem
        What is wrong, with the offending value.
    remedy
        What to write instead.
    """

    def __init__(self, where: str, key: str, problem: str, remedy: str) -> None:
        super().__init__(f"{where}: {key}: {problem}. {remedy}")
        self.where = where
        self.key = key
        self.problem = problem
        self.remedy = remedy
