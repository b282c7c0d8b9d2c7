"""The OpenAPI documents: kept in docs, valid, and true: no answer that they do not describe, no fault for any input."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import aiohttp
import pytest

from services.scheduling.api import Api
from services.scheduling.editing import Editor
from tests.conftest import MakeSettings
from tests.support.lectern import ORGANISER
from tests.support.processes import running

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "openapi-scheduling.json"
CONFIGURATION = Path(__file__).parent / "schemathesis.toml"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance,unsupported_method"
LONG = os.environ.get("LECTERN_TEST_LONG") == "1"


def test_the_document_in_docs_is_what_the_code_makes() -> None:
    made = Api(None, None, Editor(None, None)).document()  # type: ignore[arg-type]
    assert json.loads(DOCUMENT.read_text(encoding="utf-8")) == json.loads(json.dumps(made)), (
        "write it anew: python -m services.scheduling.api > docs/openapi-scheduling.json"
    )


def test_every_operation_has_a_name_of_its_own_and_says_what_it_is_for() -> None:
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for operation in operations)
    assert document["openapi"] == "3.1.0"


@pytest.mark.timeout(900)
async def test_no_input_makes_a_fault_or_an_answer_that_is_not_described(
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
        code, told = await schemathesis(tmp_path, DOCUMENT, process.url)
        assert code == 0, told[-20_000:]
        silent = json.loads(DOCUMENT.read_text(encoding="utf-8"))
        del silent["paths"]["/api/v1/events"]["get"]["responses"]["400"]
        (tmp_path / "silent.json").write_text(json.dumps(silent), encoding="utf-8")
        code, told = await schemathesis(
            tmp_path, tmp_path / "silent.json", process.url, "--include-operation-id", "listEvents"
        )
        assert code == 1, "control: an answer that the document leaves out is found"
        assert "Undocumented status code" in told


async def schemathesis(folder: Path, document: Path, url: str, *arguments: str) -> tuple[int | None, str]:
    """Runs it in `folder` on the service at `url`; the exit status, and what it tells."""
    tool = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run", str(document)),
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
