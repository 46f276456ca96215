"""Log lines as JSON, one a line: no patient, no key, no path, no value of a request."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

from starlette.types import Scope

from api.problems import request_id

log = logging.getLogger("marrowline.api")


class JsonLines(logging.Formatter):
    """One JSON object a line; what stands in `fields` of the record becomes members of it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record; of an exception only types and places, because messages can hold values."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1]:
            line["stack"] = stack_of(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def configure_logs(level: str) -> None:
    """Send the logs of this process to standard error as JSON lines.

    The server's own access log is shut: it writes raw paths, and these hold patient ids.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn").handlers.clear()
    shut = logging.getLogger("uvicorn.access")
    shut.handlers.clear()
    shut.propagate = False


def log_request(scope: Scope, method: str, route: str, status: int, seconds: float) -> None:
    """The one line every request leaves."""
    principal = scope["state"].get("principal")
    fields = {
        "request_id": request_id(scope),
        "method": method,
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 1),
        "role": principal.role.value if principal else None,
    }
    log.info("request", extra={"fields": fields})


def log_failure(scope: Scope, error: BaseException) -> None:
    """An exception nobody expected, under the number the caller was told."""
    log.error("failure", exc_info=error, extra={"fields": {"request_id": request_id(scope)}})


def stack_of(error: BaseException) -> list[str]:
    """Types and places of an exception and of those behind it, outermost first, without their messages."""
    lines: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        lines.append(f"{type(cause).__module__}.{type(cause).__qualname__}")
        lines += [f"  {one.filename}:{one.lineno} {one.name}" for one in traceback.extract_tb(cause.__traceback__)]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return lines
