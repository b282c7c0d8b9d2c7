"""`lectern agenda` in a folder of its own, against scheduling on a real MongoDB: what is printed, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from click.testing import CliRunner, Result

from services.command_line import lectern
from services.scheduling.service import build
from shared.config import PREFIX
from shared.process import Process, running
from tests.conftest import MakeSettings
from tests.support.lectern import ORGANISER
from tests.support.processes import free_port
from tests.unit.scheduling.samples import sample_bytes

ROOT = Path(__file__).parents[2]
SAMPLES = ("milipol-2019", "sre-2019", "efus-2021-round-3")
TOKEN = ORGANISER["Authorization"].removeprefix("Bearer ")
MILIPOL = "milipol-2019"
WORKSHOP_3 = f"{MILIPOL}-workshop-3"
EFUS = "efus-2021-round-3"
ZONE_CHECK = b"    zone_check: local\n"


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def done(self) -> Ran:
        assert self.status == 0, self
        return self


class Terminal:
    """A folder in which `lectern` is run, with the variables that the shell has set."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder, self.variables = folder, variables

    async def run(self, *arguments: str | Path, stdin: bytes = b"") -> Ran:
        """In this process, in a thread beside the server."""
        inherited: dict[str, str | None] = {name: None for name in os.environ if name.startswith(PREFIX)}

        def invoke() -> Result:
            with contextlib.chdir(self.folder):
                return CliRunner(env=inherited | self.variables).invoke(
                    lectern, ["agenda", *map(str, arguments)], stdin
                )

        result = await asyncio.to_thread(invoke)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        assert TOKEN not in result.output, "the token is never printed"
        return Ran(result.exit_code, result.stdout, result.stderr)

    async def start(self, *command: str | Path, stdin: bytes = b"") -> Ran:
        """In a process of its own."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env=inherited | {"PYTHONPATH": str(ROOT)} | self.variables,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(stdin)
        assert TOKEN.encode() not in out + err, "the token is never printed"
        assert b"Traceback" not in err, err.decode()
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), err.decode())

    def file(self, name: str, body: bytes) -> str:
        (self.folder / name).write_bytes(body)
        return name

    def sample(self, event_id: str, *changes: tuple[bytes, bytes]) -> str:
        body = sample_bytes(event_id)
        for before, after in changes:
            assert before in body
            body = body.replace(before, after)
        return self.file(f"{event_id}.yaml", body)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The server's log lines are none of the command's output, though both are written by one process here."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False)
    yield
    structlog.configure(**before)


@pytest.fixture
def alone(tmp_path: Path) -> Terminal:
    """Without a Lectern anywhere."""
    return Terminal(tmp_path, LECTERN_URL=f"http://127.0.0.1:{free_port()}")


@pytest.fixture
async def terminal(settings: MakeSettings, tmp_path: Path) -> AsyncIterator[Terminal]:
    """In the folder of a launcher, whose Lectern runs."""
    secret = tmp_path / "desk" / ".lectern" / "secrets" / "organiser_token"
    secret.parent.mkdir(parents=True)
    secret.write_text(f"{TOKEN}\n")
    async with running(Process(settings(), {"scheduling": build}, port=0)) as process:
        yield Terminal(tmp_path / "desk", LECTERN_URL=process.address)


async def edited_by_hand(terminal: Terminal, path: str, patch: dict[str, Any]) -> None:
    async with httpx.AsyncClient(base_url=terminal.variables["LECTERN_URL"], headers=ORGANISER) as http:
        answer = await http.patch(f"/api/v1/events/{path}", json=patch)
        assert answer.status_code == 200, answer.text


# check: without a server


@pytest.mark.parametrize("event_id", SAMPLES)
async def test_each_sample_is_found_fine_without_a_server(alone: Terminal, event_id: str) -> None:
    ran = (await alone.run("check", "--strict", alone.sample(event_id))).done()
    assert ran.lines[-1] == f"{event_id}.yaml: {event_id} can be imported, no warnings"
    languages = [line.split(": ")[1:] for line in ran.lines[:-1]]
    assert [(language, told.endswith("complete")) for language, told in languages] == [("en", True), ("fr", True)]


async def test_check_names_file_line_field_and_remedy_of_each_fault(alone: Terminal) -> None:
    name = alone.sample(MILIPOL, (b"ends: 17:00", b"ends: 17.00"), (b"kind: social", b"kinds: social"))
    ran = await alone.run("check", name, alone.sample("sre-2019"))
    body = (alone.folder / name).read_bytes()
    assert ran.status == 1
    faults = [line for line in ran.lines if line.startswith(f"{name}:")]
    where = {line.split(": ")[0]: line for line in faults}
    for wrong, field in ((b"17.00", "sessions.milipol-2019-workshop-4.ends"), (b"kinds:", "kinds")):
        line = body[: body.index(wrong)].count(b"\n") + 1
        told = where[f"{name}:{line}"]
        assert field in told
        assert f"line {line}" not in told, "the line is told once"
    assert ran.lines[-1].startswith("sre-2019.yaml: sre-2019 can be imported"), "one bad file hides no other"


async def test_check_marks_a_zone_check_and_tells_both_readings(alone: Terminal) -> None:
    name = alone.sample(EFUS, (ZONE_CHECK, b""))
    ran = (await alone.run("check", name)).done()
    field = "sessions.efus-2021-round-3-session-2.printed_zone"
    at = next(n for n, line in enumerate(ran.lines) if line.startswith(f"{name}: blocks publishing: {field}: "))
    assert [line.split() for line in ran.lines[at + 1 : at + 3]] == [
        ["zone_check:", "local", "2021-05-05", "12:00", "UTC"],
        ["zone_check:", "printed", "2021-05-05", "13:00", "UTC"],
    ]
    assert "must be dealt with before publishing" in ran.lines[-1]
    assert (await alone.run("check", "--strict", name)).status == 1


async def test_check_counts_the_texts_that_a_language_lacks(alone: Terminal) -> None:
    missing = (b"    fr: Ateliers Horizon 2020 pour les praticiens \xc3\xa0 Milipol\n", b"")
    ran = (await alone.run("check", alone.sample(MILIPOL, missing))).done()
    assert any(line.startswith("milipol-2019.yaml: warning: event.title: Not translated into fr") for line in ran.lines)
    (french,) = [line for line in ran.lines if line.startswith("milipol-2019.yaml: fr: ")]
    assert french.endswith("texts, 1 missing")


async def test_check_reads_the_standard_input_and_asks_what_it_is(alone: Terminal) -> None:
    ran = await alone.run("check", "-", stdin=sample_bytes(MILIPOL))
    assert (ran.status, "--format" in ran.err) == (2, True)
    ran = (await alone.run("check", "-", "--format", "yaml", stdin=sample_bytes(MILIPOL))).done()
    assert ran.lines[-1].startswith("<stdin>: milipol-2019 can be imported")


async def test_a_table_that_does_not_say_its_event_is_refused_with_the_option_that_does(alone: Terminal) -> None:
    table = alone.file("hours.csv", b"id,title,date,starts,ends\nw1,Datasets,2019-11-20,09:40,10:55\n")
    ran = await alone.run("check", table)
    assert (ran.status, "(here: --event-id EVENT)" in ran.out) == (1, True)
    ran = await alone.run("check", table, "--event-id", MILIPOL)
    assert (ran.status, "event.zone: zone is missing; add it (here: --zone Europe/Paris)" in ran.out) == (1, True)
    (await alone.run("check", table, "--event-id", MILIPOL, "--zone", "Europe/Paris")).done()


async def test_check_prints_its_findings_for_programs(alone: Terminal) -> None:
    good, bad = alone.sample("sre-2019"), alone.file("bad.yaml", b"event: &same\n")
    ran = await alone.run("check", "--json", good, bad)
    found = json.loads(ran.out)
    assert ran.status == 1
    assert [(item["file"], item["event_id"], len(item["errors"])) for item in found] == [
        (good, "sre-2019", 0),
        (bad, None, 1),
    ]
    assert found[1]["errors"][0]["line"] == "1"


async def test_a_hostile_file_cannot_colour_the_terminal_or_forge_a_line(alone: Terminal) -> None:
    body = json.dumps({"event": {"id": MILIPOL}, "\x1b[31mred\nforged.yaml:1: x": 1, "\u202eabc": 2}).encode()
    ran = await alone.run("check", alone.file("hostile.json", body))
    assert ran.status == 1
    assert not {"\x1b", "\u202e"} & set(ran.out)
    assert "\\x1b[31mred\\nforged" in ran.out
    assert all(line.startswith("hostile.json:") for line in ran.lines)


async def test_a_terminal_without_the_signs_of_the_text_gets_escapes(alone: Terminal) -> None:
    alone.variables["PYTHONIOENCODING"] = "iso-8859-1"
    name = alone.sample(MILIPOL, (b"kind: social", "γιορτή: social".encode()))
    ran = await alone.start(sys.executable, "-m", "services.command_line", "agenda", "check", name)
    assert (ran.status, "\\u03b3\\u03b9" in ran.out, ran.err) == (1, True, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("check", "nowhere.yaml"),
        ("import", "good.yaml", "--dry-run", "--publish"),
        ("import", "good.yaml", "--note", "without publishing"),
        ("import", "good.yaml", "--shift-to", "tomorrow"),
        ("import", "good.yaml", "--if-match", "newest"),
        ("import", "good.yaml", "--zone", "CET"),
        ("import", "good.txt.zip"),
        ("export", "../../ready"),
        ("export", MILIPOL, "--draft", "--revision", "1"),
        ("export", MILIPOL, "--format", "pdf", "--revision", "1"),
        ("export", MILIPOL, "--format", "yaml", "--language", "fr"),
        ("export", MILIPOL, "-o", "agenda.docx"),
        ("list", "--url", "ftp://lectern.test"),
        ("list", "--url", "http://user:secret-of-the-proxy@lectern.test"),
    ],
)
async def test_a_command_that_cannot_be_meant_so_ends_with_2_and_a_reason(
    alone: Terminal, arguments: tuple[str, ...]
) -> None:
    alone.file("good.yaml", sample_bytes(MILIPOL))
    alone.file("good.txt.zip", b"")
    ran = await alone.run(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert "Error: " in ran.err
    assert "secret-of-the-proxy" not in ran.err


# With a server


@pytest.mark.parametrize("event_id", SAMPLES)
async def test_a_sample_is_imported_published_exported_edited_and_imported_again(
    terminal: Terminal, event_id: str
) -> None:
    name = terminal.sample(event_id)
    ran = (await terminal.run("import", name, "--dry-run")).done()
    assert ran.lines[0] == "+ event"
    assert ran.lines[-1] == f"{event_id}: no draft yet: nothing was changed, this was a dry run"
    assert (await terminal.run("list")).done().out == ""

    ran = (await terminal.run("import", name)).done()
    assert ran.lines[-1] == f"{event_id}: draft version 1, not published"
    ran = (await terminal.run("import", name)).done()
    assert ran.lines == [f"{event_id}: draft version 1, not published: nothing changed"]

    ran = (await terminal.run("publish", event_id, "--note", "First version", "--note-fr", "Première version")).done()
    assert ran.lines[-1] == f"{event_id}: revision 1 is published"
    assert {line[:2] for line in ran.lines[:-1]} == {"+ "}
    ran = (await terminal.run("publish", event_id)).done()
    assert ran.lines == [f"{event_id}: nothing is new, revision 1 stays"]

    ran = (await terminal.run("export", event_id, "-o", "mine.yaml")).done()
    assert ran.lines == [f"mine.yaml: {event_id}, draft version 1; import it again with --if-match 1"]
    mine = terminal.folder / "mine.yaml"
    mine.write_bytes(re.sub(rb'(    en: "?)', rb"\1New ", mine.read_bytes(), count=1))
    ran = (await terminal.run("import", "mine.yaml", "--if-match", "1")).done()
    assert [line[:8] for line in ran.lines[:-1]] == ["~ event:"]
    assert ran.lines[0].startswith("~ event: title.en ")
    assert ran.lines[-1] == f"{event_id}: draft version 2, revision 1 is published"
    ran = (await terminal.run("diff", event_id)).done()
    assert [line[:8] for line in ran.lines[:-1]] == ["~ event:"]
    assert "revision 1, draft differs" in (await terminal.run("list")).done().out

    (await terminal.run("import", name, "--publish", "--note", "As it was")).done()
    ran = (await terminal.run("diff", event_id)).done()
    assert ran.lines == [f"{event_id}: draft version 3, revision 1 is published: nothing is left to publish"]


async def test_a_moved_session_is_shown_field_by_field(terminal: Terminal) -> None:
    (await terminal.run("import", terminal.sample(MILIPOL), "--publish")).done()
    moved = terminal.sample(MILIPOL, (b"starts: 14:00", b"starts: 14:30"))
    ran = (await terminal.run("import", moved, "--dry-run")).done()
    assert ran.lines == [
        f"~ sessions/{WORKSHOP_3}: starts 14:00 -> 14:30",
        f"{MILIPOL}: draft version 1, revision 1 is published: nothing was changed, this was a dry run",
    ]
    ran = (await terminal.run("import", moved, "--publish", "--note", "Later")).done()
    assert f"~ sessions/{WORKSHOP_3}: starts_local 2019-11-20T14:00:00 -> 2019-11-20T14:30:00" in ran.lines
    assert ran.lines[-1] == f"{MILIPOL}: revision 2 is published"


async def test_a_sample_is_moved_by_weeks(terminal: Terminal) -> None:
    (await terminal.run("import", terminal.sample("sre-2019"), "--shift-to", "2026-11-25")).done()
    ran = (await terminal.run("list")).done()
    assert ran.out.split()[:4] == ["sre-2019", "2026-11-25", "to", "2026-11-26"]


async def test_refused_lines_are_named_and_nothing_of_the_file_is_kept(terminal: Terminal) -> None:
    wrong = terminal.sample(MILIPOL, (b"ends: 17:00", b"ends: 17.00"))
    ran = await terminal.run("import", wrong, "--publish")
    body = (terminal.folder / wrong).read_bytes()
    line = body[: body.index(b"17.00")].count(b"\n") + 1
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith(f"{wrong}:{line}: sessions.milipol-2019-workshop-4.ends: ")
    assert "nothing was changed" in ran.err
    assert (await terminal.run("list")).done().out == ""


async def test_edits_by_hand_are_not_replaced_before_the_organiser_knows_of_them(terminal: Terminal) -> None:
    (await terminal.run("import", terminal.sample(MILIPOL))).done()
    await edited_by_hand(terminal, f"{MILIPOL}/sessions/{WORKSHOP_3}", {"starts": "14:15"})
    changed = terminal.sample(MILIPOL, (b"starts: 09:40", b"starts: 09:45"))
    ran = await terminal.run("import", changed)
    assert (ran.status, ran.out) == (1, "")
    assert f"  sessions/{WORKSHOP_3}: edited by hand (starts)" in ran.err.splitlines()
    assert "To replace them: the same command with --if-match 2" in ran.err
    assert f"lectern agenda export {MILIPOL} -o draft.yaml" in ran.err
    assert b"14:15" in (await terminal.run("export", MILIPOL)).done().out.encode(), "the edit is still there"
    (await terminal.run("import", changed, "--if-match", "2")).done()
    assert "14:15" not in (await terminal.run("export", MILIPOL)).done().out


async def test_an_edit_made_meanwhile_is_named_and_not_overwritten(terminal: Terminal) -> None:
    (await terminal.run("import", terminal.sample(MILIPOL))).done()
    await edited_by_hand(terminal, MILIPOL, {"admission": {"capacity": 5}})
    ran = await terminal.run("import", terminal.sample(MILIPOL), "--if-match", "1")
    assert (ran.status, "it is at version 2 now" in ran.err, "--if-match 2" in ran.err) == (1, True, True)
    assert any(line.startswith("  event: changed since") for line in ran.err.splitlines())
    ran = await terminal.run("publish", MILIPOL, "--if-match", '"1"')
    assert (ran.status, f"lectern agenda publish {MILIPOL} --if-match 2" in ran.err) == (1, True)
    (await terminal.run("publish", MILIPOL, "--if-match", "2")).done()
    (await terminal.run("import", terminal.sample(MILIPOL), "--if-match", "*")).done()


async def test_a_version_of_a_draft_that_is_not_there_is_told_so(terminal: Terminal) -> None:
    ran = await terminal.run("import", terminal.sample(MILIPOL), "--if-match", "*")
    assert (ran.status, ran.err.strip()) == (
        1,
        f"There is no draft of {MILIPOL} that could match; leave --if-match out.",
    )


async def test_publishing_tells_every_question_that_is_open(terminal: Terminal) -> None:
    name = terminal.sample(EFUS, (ZONE_CHECK, b""))
    ran = await terminal.run("import", name, "--publish")
    assert ran.status == 1
    assert any(line.startswith("blocks publishing: ") for line in ran.lines), "the import itself went well"
    assert "12:00 UTC" in ran.err
    assert "13:00 UTC" in ran.err
    assert "The file was imported all the same, as version 1 of the draft." in ran.err
    again = await terminal.run("publish", EFUS)
    assert (again.status, "zone_check: local or zone_check: printed" in again.err) == (1, True)


@pytest.mark.parametrize("event_id", SAMPLES)
async def test_every_published_file_is_exported_and_a_schedule_imports_back_unchanged(
    terminal: Terminal, event_id: str
) -> None:
    (await terminal.run("import", terminal.sample(event_id), "--publish")).done()
    begins = {
        "agenda.pdf": b"%PDF-",
        "agenda.ics": b"BEGIN:VCALENDAR\r\n",
        "agenda.csv": b"",
        "agenda.jsonld": b"{",
        "schedule.json": b"{",
        "schedule.xml": b"<?xml",
    }
    for name, begin in begins.items():
        ran = (await terminal.run("export", event_id, "-o", name, "--language", "fr")).done()
        assert (ran.out, ran.err) == (f"{name}: {event_id} as published, in fr\n", "")
        assert (terminal.folder / name).read_bytes().startswith(begin)
    for name in ("agenda.ics", "agenda.csv", "schedule.json", "schedule.xml"):
        ran = (await terminal.run("import", name, "--event-id", event_id)).done()
        assert ran.lines == [f"{event_id}: draft version 1, revision 1 is published: nothing changed"], name


async def test_our_own_form_is_exported_as_yaml_and_json_of_the_draft_and_of_a_revision(terminal: Terminal) -> None:
    (await terminal.run("import", terminal.sample(MILIPOL), "--publish")).done()
    (await terminal.run("import", terminal.sample(MILIPOL, (b"starts: 14:00", b"starts: 14:30")))).done()
    first = (await terminal.run("export", MILIPOL, "--revision", "1")).done().out
    draft = (await terminal.run("export", MILIPOL, "--draft")).done().out
    assert ("14:30" in first, "14:30" in draft) == (False, True)
    data = (await terminal.run("export", MILIPOL, "--format", "json")).done().out
    assert [s["starts"] for s in json.loads(data)["sessions"] if s["id"] == WORKSHOP_3] == ["14:30"]
    for form, body in (("yaml", draft), ("json", data)):
        ran = (await terminal.run("import", "-", "--format", form, stdin=body.encode())).done()
        assert ran.lines == [f"{MILIPOL}: draft version 2, revision 1 is published: nothing changed"], form
    ran = await terminal.run("export", MILIPOL, "--revision", "9")
    assert (ran.status, "There is no revision 9 in this event." in ran.err) == (1, True)


async def test_a_language_that_lectern_does_not_speak_is_told(terminal: Terminal) -> None:
    (await terminal.run("import", terminal.sample(MILIPOL), "--publish")).done()
    ran = (await terminal.run("export", MILIPOL, "--format", "csv", "--language", "fi")).done()
    assert "does not speak fi; the file is in en" in ran.err
    assert ran.out


async def test_a_file_that_cannot_be_written_is_said_so(terminal: Terminal) -> None:
    (await terminal.run("import", terminal.sample(MILIPOL))).done()
    ran = await terminal.run("export", MILIPOL, "-o", "no/such/folder.yaml")
    assert (ran.status, ran.err.strip()) == (2, "no/such/folder.yaml cannot be written: No such file or directory.")


async def test_for_programs_the_answer_of_the_api_is_printed_as_it_is(terminal: Terminal) -> None:
    name = terminal.sample(EFUS, (ZONE_CHECK, b""))
    imported = json.loads((await terminal.run("import", name, "--json")).done().out)
    assert (imported["draft_version"], imported["changed"], imported["dry_run"]) == (1, True, False)
    assert {warning["code"] for warning in imported["warnings"]} == {"zone-check"}
    refused = await terminal.run("publish", EFUS, "--json")
    assert (refused.status, refused.err) == (1, "")
    assert json.loads(refused.out)["errors"][0]["code"] == "zone-check"
    listed = json.loads((await terminal.run("list", "--json")).done().out)
    assert [item["event_id"] for item in listed["items"]] == [EFUS]
    shown = json.loads((await terminal.run("diff", EFUS, "--json")).done().out)
    assert (shown["draft_version"], shown["unpublished"][0]["subject"]) == (1, "event")


async def test_an_event_that_is_not_there_is_told_so(terminal: Terminal) -> None:
    for command in ("publish", "diff", "export"):
        ran = await terminal.run(command, "sre-2020")
        assert (ran.status, ran.err.splitlines()[0]) == (1, "There is no event sre-2020."), command


# The way to Lectern


async def test_without_a_token_it_is_said_where_one_is_looked_for(alone: Terminal) -> None:
    ran = await alone.run("list")
    assert ran.status == 2
    assert "LECTERN_ORGANISER_TOKEN_FILE" in ran.err
    assert ".lectern/secrets/organiser_token" in ran.err


async def test_the_token_is_taken_from_its_variable_or_its_file_and_never_shown(terminal: Terminal) -> None:
    shutil.rmtree(terminal.folder / ".lectern")
    assert (await terminal.run("list")).status == 2
    terminal.variables["LECTERN_ORGANISER_TOKEN"] = TOKEN
    (await terminal.run("list")).done()
    terminal.variables["LECTERN_ORGANISER_TOKEN_FILE"] = terminal.file("token", f"{TOKEN}\n".encode())
    ran = await terminal.run("list")
    assert (ran.status, "keep one" in ran.err) == (2, True)
    del terminal.variables["LECTERN_ORGANISER_TOKEN"]
    (await terminal.run("list")).done()
    terminal.file("token", b"another-token-than-the-organisers")
    ran = await terminal.run("list")
    assert (ran.status, "another-token" in ran.err) == (1, False)
    assert "does not take the organiser's token from LECTERN_ORGANISER_TOKEN_FILE, token" in ran.err
    terminal.file("token", f"{TOKEN}\nand a second line".encode())
    assert (await terminal.run("list")).status == 2


async def test_a_published_file_needs_no_token(terminal: Terminal) -> None:
    (await terminal.run("import", terminal.sample(MILIPOL), "--publish")).done()
    shutil.rmtree(terminal.folder / ".lectern")
    (await terminal.run("export", MILIPOL, "--format", "csv")).done()


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()


async def whole_request(reader: asyncio.StreamReader) -> str:
    """The head of a request, once its body is read too: who closes before it was sent breaks the connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    if length := re.search(r"(?i)^content-length: (\d+)\r$", head, re.MULTILINE):
        await reader.readexactly(int(length[1]))
    return head


def says(*lines: str, body: str = "") -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await whole_request(reader)
        writer.write("\r\n".join([*lines, "Connection: close", "", body]).encode())
        writer.close()

    return answer


JSON = "Content-Type: application/json"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (says("HTTP/1.1 502 Bad Gateway", "Content-Type: text/html", body="<h1>down</h1>"), "HTTP 502, text/html"),
        (says("HTTP/1.1 200 OK", "Content-Type: text/html", body="<h1>hello</h1>"), "HTTP 200, text/html"),
        (says("HTTP/1.1 200 OK", JSON, body="not json"), "not as Lectern does"),
        (says("HTTP/1.1 200 OK", JSON, body='{"of": "another"}'), "not as Lectern does"),
        (says("HTTP/1.1 308 Permanent Redirect", "Location: https://lectern.test/"), "sends to https://lectern.test/"),
        (says("SSH-2.0-OpenSSH"), "The connection to http"),
        (says(), "The connection to http"),
        (
            says("HTTP/1.1 503 Service Unavailable", "Content-Type: application/problem+json", body='{"title": "Service Unavailable", "detail": "Many changes at once; please try again."}'),
            "Many changes at once; please try again.",
        ),
    ],
)  # fmt: skip
async def test_an_answer_that_cannot_be_used_is_one_sentence_and_ends_with_3(
    alone: Terminal, answer: Answer, told: str
) -> None:
    alone.variables["LECTERN_ORGANISER_TOKEN"] = TOKEN
    async with server(answer) as alone.variables["LECTERN_URL"]:
        ran = await alone.run("list")
    assert (ran.status, ran.out, len(ran.err.splitlines())) == (3, "", 1)
    assert told in ran.err


async def test_a_version_is_understood_behind_an_edge_that_compresses(alone: Terminal) -> None:
    alone.variables["LECTERN_ORGANISER_TOKEN"] = TOKEN
    problem = json.dumps({"title": "Precondition Required", "detail": "Edited by hand."})
    edge = says("HTTP/1.1 428 Precondition Required", JSON, 'ETag: W/"7-gzip"', body=problem)
    async with server(edge) as alone.variables["LECTERN_URL"]:
        ran = await alone.run("import", alone.sample(MILIPOL))
    assert (ran.status, "the same command with --if-match 7" in ran.err) == (1, True)


async def test_an_import_publishes_exactly_the_version_that_it_made(alone: Terminal) -> None:
    alone.variables["LECTERN_ORGANISER_TOKEN"] = TOKEN
    asked: list[str] = []
    told = {"event_id": MILIPOL, "draft_version": 7, "revision": 2, "changed": True, "dry_run": False}
    body = json.dumps(told | {"difference": [], "warnings": []})

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await whole_request(reader))
        writer.write(f"HTTP/1.1 200 OK\r\n{JSON}\r\nConnection: close\r\n\r\n{body}".encode())
        writer.close()

    async with server(answer) as alone.variables["LECTERN_URL"]:
        (await alone.run("import", alone.sample(MILIPOL), "--publish")).done()
    assert ["If-Match: " in request for request in asked] == [False, True]
    assert 'If-Match: "7"\r\n' in asked[1]


async def test_nobody_there_is_one_sentence_that_names_the_address(alone: Terminal) -> None:
    alone.variables["LECTERN_ORGANISER_TOKEN"] = TOKEN
    ran = await alone.run("list")
    assert (ran.status, len(ran.err.splitlines())) == (3, 1)
    assert f"Lectern does not answer at {alone.variables['LECTERN_URL']}" in ran.err


async def test_an_import_without_an_answer_says_that_it_may_have_been_done(alone: Terminal) -> None:
    alone.variables["LECTERN_ORGANISER_TOKEN"] = TOKEN
    silent = asyncio.Event()

    async def never(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    async with server(never) as alone.variables["LECTERN_URL"]:
        ran = await alone.run("import", alone.sample(MILIPOL), "--timeout", "0.3")
        silent.set()
    assert ran.status == 3
    assert "no answer within 0.3 s. It may have been done all the same" in ran.err


async def test_the_token_is_not_shown_to_a_proxy_on_the_way_to_this_machine(terminal: Terminal) -> None:
    terminal.variables["HTTP_PROXY"] = terminal.variables["http_proxy"] = f"http://127.0.0.1:{free_port()}"
    (await terminal.run("list")).done()


# The script


async def test_the_command_finds_its_code_and_python_through_links(alone: Terminal) -> None:
    script = ROOT / "deploy" / "lectern"
    assert os.access(script, os.X_OK)
    binaries = alone.folder / "venv with a space" / "bin"
    binaries.mkdir(parents=True)
    (binaries.parent / "pyvenv.cfg").write_text("home = elsewhere\n")
    (binaries / "python").write_text(f'#!/bin/sh\necho "the python beside the link" >&2\nexec {sys.executable} "$@"\n')
    (binaries / "python").chmod(0o755)
    (binaries / "lectern").symlink_to(script)
    (alone.folder / "lectern").symlink_to("venv with a space/bin/lectern")
    shadow = alone.folder / "services"
    shadow.mkdir()
    (shadow / "__init__.py").write_text("raise SystemExit('the folder that one stands in is not Lectern')\n")
    alone.variables["PYTHONPATH"] = ""
    ran = (await alone.start(alone.folder / "lectern", "agenda", "check", alone.sample(MILIPOL))).done()
    assert ran.lines[-1] == "milipol-2019.yaml: milipol-2019 can be imported, no warnings"
    assert ran.err == "the python beside the link\n"
