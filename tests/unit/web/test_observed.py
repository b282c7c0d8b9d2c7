"""What is logged and measured of a request, and the correlation id of its answer: also where the answer is "see other"."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from shared.observability.metrics import HTTP_SECONDS
from shared.web.app import make_app
from tests.conftest import MakeSettings


async def _raised(_: web.Request) -> web.Response:
    raise web.HTTPSeeOther("/there")


async def _asked(request: web.Request) -> web.Response:
    return web.Response(status=304 if "If-None-Match" in request.headers else 200)


async def _returned(_: web.Request) -> web.Response:
    return web.Response(status=303, headers={"Location": "/there"})


@pytest.mark.parametrize("path", ["/raised", "/returned"])
async def test_a_form_that_leads_to_another_page_is_no_failure(settings: MakeSettings, path: str) -> None:
    routes = [web.post("/raised", _raised), web.post("/returned", _returned)]
    with capture_logs() as logged:
        async with TestServer(make_app(settings(), routes, {}, {})) as server, ClientSession() as http:
            headers = {"X-Correlation-Id": "of-the-test"}
            async with http.post(server.make_url(path), headers=headers, allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (303, "/there")
                assert answer.headers["X-Correlation-Id"] == "of-the-test"
    (line,) = [each for each in logged if each["event"] == "http_request"]
    assert (line["route"], line["status"]) == (path, 303)
    assert _counted(path) == {"303": 1}


async def test_polls_that_go_well_are_counted_and_not_told_one_by_one(settings: MakeSettings) -> None:
    routes = [web.get("/polled", _asked), web.get("/feeds/{name}.ics", _asked)]
    with capture_logs() as logged:
        async with TestServer(make_app(settings(), routes, {}, {})) as server, ClientSession() as http:
            for path in ("/polled", "/feeds/a.ics", "/feeds/none"):
                for headers in ({}, {"If-None-Match": '"a"'}):
                    async with http.get(server.make_url(path), headers=headers) as answer:
                        assert "X-Correlation-Id" in answer.headers
    told = [(each["route"], each["status"]) for each in logged if each["event"] == "http_request"]
    assert told == [("/polled", 200), ("unknown", 404), ("unknown", 404)]
    assert _counted("/polled") == _counted("/feeds/{name}.ics") == {"200": 1, "304": 1}


def _counted(path: str) -> dict[str, int]:
    """How many requests of the route were measured, by status."""
    return {
        sample.labels["status"]: int(sample.value)
        for family in HTTP_SECONDS.collect()
        for sample in family.samples
        if sample.name.endswith("_count") and sample.labels.get("route") == path
    }
