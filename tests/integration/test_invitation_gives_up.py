"""From a declined invitation to the seat of the next in line, through registration and notification as they run."""

from __future__ import annotations

import re
from typing import Any

import aiohttp

from shared.contracts.registry import EVENTS
from shared.messaging.port import Outgoing
from shared.process import running
from tests.conftest import MakeSettings
from tests.support.events import milipol, workshop
from tests.support.lectern import ORGANISER, lectern
from tests.support.notification import told
from tests.support.replies import Said, gmail
from tests.support.smtp import SmtpSink, text_of
from tests.support.waiting import until

W1 = "milipol-2019-workshop-1"
LATER: dict[str, Any] = {
    "date": "2090-11-20", "starts_local": "2090-11-20T09:40:00", "ends_local": "2090-11-20T10:55:00",
    "starts_at": "2090-11-20T08:40:00Z", "ends_at": "2090-11-20T09:55:00Z",
}  # fmt: skip


async def test_a_declined_invitation_gives_the_seat_to_the_next_and_both_are_told(
    settings: MakeSettings, smtp_sink: SmtpSink
) -> None:
    given = settings(
        smtp_url=smtp_sink.url, reply_address="answers@replies.lectern.test", reply_port=0, answer_grace_minutes=0
    )
    event = milipol(audiences=[], requirements=[], admission={"calendar_answers": True, "window": {}})
    async with (
        running(lectern(given, ["registration", "notification"])) as process,
        aiohttp.ClientSession(process.address, headers=ORGANISER) as client,
    ):
        assert process.transport is not None
        facts = told(event, workshop(1, capacity=1, **LATER), workshop(2, **LATER))
        await process.transport.publish([Outgoing(EVENTS, fact) for fact in facts])

        async def register(name: str) -> bool:
            body = {
                "event_id": "milipol-2019",
                "person": {"name": name.title(), "email": f"{name}@example.org"},
                "sessions": [W1],
            }
            async with client.post("/api/v1/registrations", json=body) as response:
                return response.status in (200, 201)

        await until(lambda: register("ada"), what="Ada is registered")
        await until(lambda: register("bob"), what="Bob is registered")
        [invited] = await smtp_sink.wait_for("ada@example.org", "Confirmed")
        await smtp_sink.wait_for("bob@example.org", "Waiting list")
        calendar = next(part for part in invited.walk() if part.get_content_type() == "text/calendar")
        text = re.sub(r"\r\n ", "", bytes(calendar.get_payload(decode=True)).decode())
        uid, address = re.findall(r"UID:(\S+)", text)[0], re.findall(r"ORGANIZER[^\r]*mailto:(\S+)", text)[0]
        raw = gmail(Said(uid=uid, organiser=address, stamp="20190101T000000Z"))

        async def taken() -> bool:
            headers = {"Content-Type": "message/rfc822"}
            async with client.post("/api/v1/mail-replies", data=raw, headers=headers) as response:
                return bool((await response.json()).get("answers") == ["declined"])

        await until(taken, what="the answer is taken, once the invitation is noted as sent")
        [gone] = await smtp_sink.wait_for("ada@example.org", "cancelled")
        assert "removed or declined it in your calendar" in text_of(gone)
        [won] = await smtp_sink.wait_for("bob@example.org", "A seat for you")
        assert any(part.get_content_type() == "text/calendar" for part in won.walk())
