"""Why a request cannot be used, field by field, without repeating what was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PLACES = {"body": "body", "query": "query", "path": "path", "header": "header", "cookie": "cookie"}

PROBLEMS = {
    "missing": "is missing",
    "extra_forbidden": "has a field that does not belong here",
    "string_type": "must be text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "is not written in the form that is asked for",
    "string_unicode": "has characters that are not valid Unicode",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "timezone_aware": "needs its UTC offset, such as 2027-01-04T09:00:00+09:00",
    "date_type": "must be a date such as 2027-01-04",
    "date_parsing": "must be a date such as 2027-01-04",
    "date_from_datetime_parsing": "must be a date such as 2027-01-04",
    "date_from_datetime_inexact": "must be a date without a time, such as 2027-01-04",
    "datetime_type": "must be an instant such as 2027-01-04T09:00:00+09:00",
    "datetime_parsing": "must be an instant such as 2027-01-04T09:00:00+09:00",
    "datetime_from_date_parsing": "must be an instant such as 2027-01-04T09:00:00+09:00",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "list_type": "must be a list",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entries",
    "dict_type": "must be an object",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
}
"""Sentences by pydantic's error type; what stands in braces is the limit we set, never the value sent."""


class Unusable(ValueError):
    """Raised by validators of ours; its text names the rule and must not repeat the value."""


def flaws(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """One entry a flaw: in which part of the request, which field, what is wrong."""
    return [_flaw(error) for error in errors]


def sentence(found: Sequence[Mapping[str, str]]) -> str:
    """The first flaw as a sentence, and how many more there are."""
    first = found[0]
    name = f"{first['field']} in the {first['in']}" if first["field"] else f"The {first['in']}"
    more = f" There are {len(found) - 1} more problems: see errors." if len(found) > 1 else ""
    return f"{name} {first['problem']}. Correct it and send it again.{more}"


def _flaw(error: Mapping[str, Any]) -> dict[str, str]:
    where, *path = error["loc"] or ("request",)
    if error["type"] == "extra_forbidden":
        path = path[:-1]  # the last part is the name that was sent
    return {"in": PLACES.get(str(where), "request"), "field": _dotted(path), "problem": _problem(error)}


def _problem(error: Mapping[str, Any]) -> str:
    context = {name: f"{one:g}" if isinstance(one, float) else one for name, one in error.get("ctx", {}).items()}
    cause = context.get("error")
    if isinstance(cause, Unusable):
        return str(cause)
    return PROBLEMS.get(error["type"], "cannot be used").format_map(context)


def _dotted(path: Sequence[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
