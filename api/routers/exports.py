"""Exports: what is booked as files, made from what the caller may see."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from api.bookings import READERS
from api.dependencies import CurrentCaller, require
from api.documentation import Responses, responses
from api.schemas import Code, Day
from scheduler.booking.errors import Refused
from scheduler.booking.exports import Format, Language, Stretch, export_visits, export_week
from scheduler.calendar_export.ics import MEDIA_TYPE as ICS_MEDIA_TYPE
from scheduler.documents.sheets import CSV_MEDIA_TYPE, XLSX_MEDIA_TYPE
from scheduler.documents.week_page import POLICY

router = APIRouter(prefix="/v1", tags=["calendars"])

MEDIA_TYPES: dict[Format, str] = {"ics": ICS_MEDIA_TYPE, "csv": CSV_MEDIA_TYPE, "xlsx": XLSX_MEDIA_TYPE}
FILES: Responses = {
    200: {
        "description": "The file.",
        "content": {
            "text/calendar": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
            XLSX_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
PAGE: Responses = {200: {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}}}


@router.get(
    "/exports/visits",
    operation_id="export_visits",
    summary="Visits as a file",
    response_class=Response,
    responses=FILES | responses(404, 409),
    dependencies=[Depends(require(*READERS))],
)
def visits_file(
    caller: CurrentCaller,
    made_as: Annotated[Format, Query(alias="format", description="A calendar file, CSV, or a workbook.")],
    site: Annotated[Code | None, Query(description="Only visits at this site.")] = None,
    from_on: Annotated[Day | None, Query(alias="from", description="The first local date.")] = None,
    to_on: Annotated[Day | None, Query(alias="to", description="The last local date, inclusive.")] = None,
) -> Response:
    """The visits of one's own site, or of all sites, a workbook with a sheet for each; cells are never formulas."""
    if from_on is not None and to_on is not None and to_on < from_on:
        raise Refused("stretch-unusable", 422, "to must not lie before from.")
    with caller.look("visits") as work:
        content = export_visits(work, made_as, Stretch(from_on, to_on), site=site)
    headers = {"Content-Disposition": f'attachment; filename="visits.{made_as}"'}
    return Response(content, media_type=MEDIA_TYPES[made_as], headers=headers)


@router.get(
    "/exports/week",
    operation_id="export_week",
    summary="A site's week on paper",
    response_class=Response,
    responses=PAGE | responses(404, 409),
    dependencies=[Depends(require(*READERS))],
)
def week_page(
    caller: CurrentCaller,
    site: Annotated[Code, Query(description="The site.")],
    from_on: Annotated[Day | None, Query(alias="from", description="The first local date, by default today.")] = None,
    language: Annotated[Language, Query(alias="lang", description="English or Korean.")] = "en",
) -> Response:
    """Seven days, a line for each that says all that matters, and its visits with a box to tick. Prints on A4."""
    with caller.look("visits") as work:
        page = export_week(work, site, from_on, language)
    headers = {"Content-Security-Policy": POLICY}
    return Response(page, media_type="text/html; charset=utf-8", headers=headers)
