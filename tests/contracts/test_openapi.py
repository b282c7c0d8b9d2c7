"""The OpenAPI documents: kept in docs, valid, and true: no answer that they do not describe, no fault for any input."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.calendar_sync.api import described
from services.calendar_sync.domain import ScopeKind
from services.calendar_sync.verifications import COLLECTIONS as VERIFICATIONS
from services.registration.api import Api as RegistrationApi
from services.scheduling.api import Api as SchedulingApi
from services.scheduling.editing import Editor
from shared.contracts.base import json_of
from shared.process import running as running_here
from shared.storage.mongo import Database
from tests.conftest import MakeSettings
from tests.support import calendar_samples
from tests.support.agenda import tell_agenda
from tests.support.calendar_harness import CalendarSync
from tests.support.events import BEFORE_CLOSE, milipol, person, workshop
from tests.support.lectern import ORGANISER, lectern
from tests.support.processes import running

ROOT = Path(__file__).parents[2]
NOTHING: Any = None
MADE: dict[str, Callable[[], dict[str, Any]]] = {
    "registration": lambda: RegistrationApi(*[NOTHING] * 8).document(),
    "calendar-sync": lambda: described().document(),
    "scheduling": lambda: SchedulingApi(NOTHING, NOTHING, Editor(NOTHING, NOTHING)).document(),
}
CONFIGURATION = Path(__file__).parent / "schemathesis.toml"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance,unsupported_method"
LONG = os.environ.get("LECTERN_TEST_LONG") == "1"


def path_of(service: str) -> Path:
    return ROOT / "docs" / f"openapi-{service}.json"


def kept(service: str) -> dict[str, Any]:
    """The document as it is in docs."""
    document: dict[str, Any] = json.loads(path_of(service).read_text(encoding="utf-8"))
    return document


@pytest.mark.parametrize("service", MADE)
def test_the_document_in_docs_is_what_the_code_makes(service: str) -> None:
    assert kept(service) == json.loads(json.dumps(MADE[service]())), (
        f"write it anew: python -m services.{service.replace('-', '_')}.api > docs/openapi-{service}.json"
    )


@pytest.mark.parametrize("service", MADE)
def test_every_operation_has_a_name_of_its_own_and_says_what_it_is_for(service: str) -> None:
    document = kept(service)
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for operation in operations)
    assert document["openapi"] == "3.1.0"


@pytest.mark.timeout(900)
async def test_no_input_makes_a_fault_or_an_answer_that_scheduling_does_not_describe(
    settings: MakeSettings, tmp_path: Path
) -> None:
    """Schemathesis against the real service: hostile parameters, headers and bodies for every operation."""
    async with running(settings(), "services", "scheduling") as process:
        await process.ready()
        async with aiohttp.ClientSession(process.url, headers=ORGANISER) as client:
            for event_id in ("milipol-2019", "efus-2021-round-3"):
                body = (ROOT / "deploy" / "examples" / f"{event_id}.yaml").read_bytes()
                headers = {"Content-Type": "application/yaml"}
                async with client.post("/api/v1/events/import", data=body, headers=headers) as answer:
                    assert answer.status == 201
                async with client.post(f"/api/v1/events/{event_id}/publish") as answer:
                    assert answer.status == 200
        code, told = await schemathesis(tmp_path, path_of("scheduling"), process.url)
        assert code == 0, told[-20_000:]
        silent = kept("scheduling")
        del silent["paths"]["/api/v1/events"]["get"]["responses"]["400"]
        (tmp_path / "silent.json").write_text(json.dumps(silent), encoding="utf-8")
        code, told = await schemathesis(
            tmp_path, tmp_path / "silent.json", process.url, "--include-operation-id", "listEvents"
        )
        assert code == 1, "control: an answer that the document leaves out is found"
        assert "Undocumented status code" in told


@pytest.mark.timeout(900)
async def test_no_input_makes_a_fault_or_an_answer_that_registration_does_not_describe(
    settings: MakeSettings, tmp_path: Path
) -> None:
    process = lectern(settings(log_level="warning"), ["registration"], clock=lambda: BEFORE_CLOSE)
    async with running_here(process), aiohttp.ClientSession(process.address) as client:
        await tell_agenda(process, milipol(audiences=[]), workshop(1), workshop(2))
        body = {"event_id": "milipol-2019", "person": json_of(person()), "sessions": ["milipol-2019-workshop-1"]}
        async with client.post("/api/v1/registrations", json=body) as answer:
            assert answer.status == 201
            id_ = (await answer.json())["registration_id"]
        there = f'{CONFIGURATION.read_text(encoding="utf-8")}"path.id" = "{id_}"\n"query.event_id" = "milipol-2019"\n'
        there += '"path.requirement" = "fair"\n"query.requirement" = "fair"\n"path.list" = "partners"\n'
        (tmp_path / "there.toml").write_text(there, encoding="utf-8")
        configuration = tmp_path / "there.toml"
        document = path_of("registration")
        # The registration is forgotten last: after that, little can be asked of it.
        for which in ("--exclude-operation-id", "--include-operation-id"):
            arguments = (which, "eraseRegistration")
            code, told = await schemathesis(
                tmp_path, document, process.address, *arguments, configuration=configuration
            )
            assert code == 0, told[-20_000:]
        # What is not there is found too: without an entry, ids and events are invented.
        code, told = await schemathesis(tmp_path, document, process.address)
        assert code == 0, told[-20_000:]
        silent = kept("registration")
        del silent["paths"]["/api/v1/registrations"]["get"]["responses"]["400"]
        (tmp_path / "silent.json").write_text(json.dumps(silent), encoding="utf-8")
        code, told = await schemathesis(
            tmp_path, tmp_path / "silent.json", process.address, "--include-operation-id", "listRegistrations"
        )
        assert code == 1, "control: an answer that the document leaves out is found"
        assert "Undocumented status code" in told


@pytest.mark.timeout(900)
async def test_no_input_makes_a_fault_or_an_answer_that_calendar_sync_does_not_describe(
    database: Database, tmp_path: Path, aiohttp_server: Any
) -> None:
    await database.declare(VERIFICATIONS)
    sync = await CalendarSync(database).prepare()
    kinds = (ScopeKind.EVENT, ScopeKind.ROOM)
    fleet = await sync.connect("https://dav.example/home/", "lectern", "secret", kinds=kinds)
    room = calendar_samples.workshop(1, room_id="hall-5", tracks=[{"en": "Practice"}])
    await sync.tell(calendar_samples.milipol(), room, calendar_samples.registration("milipol-2019", {}))
    await fleet.spread()
    await sync.connect_person("r1", "milipol-2019", "https://dav.example/ada/", "own")
    served = await aiohttp_server(sync.app())
    there = f'{CONFIGURATION.read_text(encoding="utf-8")}"path.kind" = "track"\n"path.name" = "practice"\n'
    (tmp_path / "there.toml").write_text(there, encoding="utf-8")
    document = path_of("calendar-sync")
    for configuration in (tmp_path / "there.toml", CONFIGURATION):
        code, told = await schemathesis(tmp_path, document, str(served.make_url("/")), configuration=configuration)
        assert code == 0, told[-20_000:]
    await sync.close()


async def schemathesis(
    folder: Path, document: Path, url: str, *arguments: str, configuration: Path = CONFIGURATION
) -> tuple[int | None, str]:
    """Runs it in `folder` on the service at `url`; the exit status, and what it tells."""
    tool = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration), "run", str(document)),
        *("--url", url, "--header", f"Authorization: {ORGANISER['Authorization']}"),
        *("--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "200" if LONG else "15"),
        *("--seed", "2021", "--continue-on-failure", "--no-color", "--warnings", "off"),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
    )
    told, _ = await tool.communicate()
    return tool.returncode, told.decode(errors="replace")
