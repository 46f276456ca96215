"""Around every request: numbers, headers, log lines, figures."""

import json
import logging

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.logs import JsonLines, configure_logs
from tests.api.cast import Keys
from tests.api.rehearsal import Rehearsals


def lines_of(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [json.loads(JsonLines().format(record)) for record in caplog.records if record.name == "marrowline.api"]


def test_a_request_keeps_the_number_it_came_with(client: TestClient) -> None:
    assert client.get("/livez", headers={"X-Request-ID": "north-2027-0001"}).headers["x-request-id"] == (
        "north-2027-0001"
    )


@pytest.mark.parametrize("number", ["", "short", "a" * 65, "with space in it", 'quote"quote"', "-leading-dash"])
def test_a_number_that_is_not_sane_is_replaced(client: TestClient, number: str) -> None:
    given = client.get("/livez", headers={"X-Request-ID": number}).headers["x-request-id"]
    assert given != number
    assert len(given) == 24


@pytest.mark.parametrize("path", ["/livez", "/v1/me", "/nowhere", "/openapi.json"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_nothing_of_v1_may_be_kept_on_the_way(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    for answer in (client.get("/v1/me"), client.get("/v1/rehearsed/HYU-001", headers=keys.nora)):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["vary"] == "Authorization"


def test_a_request_leaves_one_line_that_names_no_patient_and_no_key(
    rehearsals: Rehearsals, client: TestClient, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "marrowline"):
        answer = client.get("/v1/rehearsed/HYU-001?why=HYU-001", headers=keys.nora)
    (line,) = lines_of(caplog)
    assert line.pop("ms") >= 0  # type: ignore[operator]
    assert line.pop("at")
    assert line == {
        "level": "info",
        "logger": "marrowline.api",
        "event": "request",
        "request_id": answer.headers["x-request-id"],
        "method": "GET",
        "route": "/v1/rehearsed/{patient}",
        "status": 422,  # no route knows "why"
        "role": "coordinator",
    }
    assert "HYU-001" not in caplog.text
    assert "mk_" not in caplog.text


@pytest.mark.parametrize("path", ["/v1/HYU-001", "/HYU-001"])
def test_the_line_of_an_unknown_address_does_not_repeat_it(
    client: TestClient, keys: Keys, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.INFO, "marrowline"):
        client.request("BREW", path, headers=keys.nora)
    (line,) = lines_of(caplog)
    assert (line["method"], line["route"], line["status"]) == ("OTHER", "unmatched", 404)


def test_the_servers_own_log_of_paths_is_shut(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    try:
        configure_logs("info")
        logging.getLogger("uvicorn.access").info('"GET /v1/rehearsed/HYU-001 HTTP/1.1" 200')
        logging.getLogger("marrowline.api").info("shown")
    finally:
        root.handlers[:] = kept
        root.setLevel(level)
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "shown"


def test_figures_count_by_template_method_and_status(rehearsals: Rehearsals, client: TestClient, keys: Keys) -> None:
    for patient in ("HYU-001", "HYU-002"):
        client.get(f"/v1/rehearsed/{patient}", headers=keys.nora)
    client.get("/v1/HYU-003", headers=keys.nora)
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    figures = answer.text
    assert ('marrowline_http_requests_total{method="GET",route="/v1/rehearsed/{patient}",status="200"} 2.0') in figures
    assert 'marrowline_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in figures
    assert 'marrowline_http_request_seconds_count{method="GET",route="/v1/rehearsed/{patient}"} 2.0' in figures
    assert "marrowline_http_requests_in_flight 1.0" in figures  # this very request
    assert "HYU" not in figures


def test_figures_can_be_switched_off(app: FastAPI, client: TestClient) -> None:
    from dataclasses import replace

    app.state.service = replace(app.state.service, metrics=None)
    assert client.get("/metrics").status_code == 404
