"""The agenda as a PDF to hand out in a hall: `agenda_pdf` for a running service, `render_pdf` where waiting is no matter."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from weakref import WeakKeyDictionary

from services.scheduling.exports import pdf_press
from services.scheduling.exports.pdf_sheet import sheet_of
from services.scheduling.public_view import PublicAgenda

TIME_LIMIT = 30.0
"""Seconds for one PDF, the wait for its turn included."""

# -P: the folder of the program is not searched for modules, or exports/csv.py would stand in for Python's own.
_PROGRAM = (sys.executable, "-P", str(Path(pdf_press.__file__)))
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


class PdfNotMade(RuntimeError):
    """There is no PDF; the message says why and what to do."""


def render_pdf(agenda: PublicAgenda, language: str) -> bytes:
    """The agenda in `language` as an A4 PDF, made in this process. Raises PdfNotMade.

    English where `language` has no catalogue; a text without that language falls back to the event's first. The same agenda
    gives the same bytes; the date in the PDF is that of publication.
    """
    try:
        return pdf_press.press(sheet_of(agenda, language))
    except pdf_press.NotTypeset as error:
        raise PdfNotMade(_refused(agenda, str(error))) from error


async def agenda_pdf(agenda: PublicAgenda, language: str, *, time_limit: float = TIME_LIMIT) -> bytes:
    """As `render_pdf`, in a child process, whose memory goes with it: Typst keeps 100 MB after 200 sessions, and more each time.

    One PDF is made at a time; others wait for their turn. Raises PdfNotMade, also after `time_limit` seconds.
    """
    try:
        async with asyncio.timeout(time_limit), _turn():
            return await _printed(agenda, language)
    except TimeoutError as error:
        raise PdfNotMade(
            f"The PDF of {agenda.event.id} was not ready after {time_limit:g} seconds; please try again in a minute."
        ) from error


async def _printed(agenda: PublicAgenda, language: str) -> bytes:
    sheet = await asyncio.to_thread(lambda: json.dumps(sheet_of(agenda, language)).encode())
    child = await asyncio.create_subprocess_exec(
        *_PROGRAM, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        pdf, told = await child.communicate(sheet)
    except BaseException:  # timeout or cancellation: nobody waits for it any more
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
        raise
    if child.returncode != 0 or not pdf.startswith(b"%PDF-"):
        lines = told.decode(errors="replace").strip().splitlines()
        raise PdfNotMade(_refused(agenda, lines[-1] if lines else f"the program ended with {child.returncode}"))
    return pdf


def _turn() -> asyncio.Lock:
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())


def _refused(agenda: PublicAgenda, reason: str) -> str:
    return f"The PDF of {agenda.event.id} could not be made: {reason}. The agenda itself is on its page, {agenda.page}."
