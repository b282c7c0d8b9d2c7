"""The private servers of the tests do what their names say."""

from __future__ import annotations

from email.message import EmailMessage

import aiosmtplib
import httpx
import pytest

from tests.support.radicale import RadicaleNode
from tests.support.smtp import SmtpSink, text_of

AGENDA = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Lectern//Tests//EN\r\nBEGIN:VEVENT\r\nUID:a@lectern.test\r\n"
    "DTSTAMP:20191119T100000Z\r\nDTSTART:20191121T090000Z\r\nSUMMARY:Session\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


async def test_radicale_keeps_calendars_of_its_account_through_a_restart(radicale: RadicaleNode) -> None:
    async with httpx.AsyncClient(base_url=radicale.url, auth=(radicale.username, radicale.password)) as keeper:
        assert (await keeper.request("MKCALENDAR", "/lectern/sre-2019/")).status_code == 201
        made = await keeper.put("/lectern/sre-2019/a.ics", content=AGENDA, headers={"If-None-Match": "*"})
        assert made.status_code == 201
        again = await keeper.put("/lectern/sre-2019/a.ics", content=AGENDA, headers={"If-None-Match": "*"})
        assert again.status_code == 412
        await radicale.restart()
        assert (await keeper.get("/lectern/sre-2019/a.ics")).status_code == 200


async def test_anybody_may_read_a_calendar_and_nobody_else_may_write(radicale: RadicaleNode) -> None:
    async with (
        httpx.AsyncClient(base_url=radicale.url, auth=(radicale.username, radicale.password)) as keeper,
        httpx.AsyncClient(base_url=radicale.url) as reader,
    ):
        await keeper.request("MKCALENDAR", "/lectern/sre-2019/")
        await keeper.put("/lectern/sre-2019/a.ics", content=AGENDA)
        assert "UID:a@lectern.test" in (await reader.get("/lectern/sre-2019/")).text
        assert (await reader.put("/lectern/sre-2019/a.ics", content=AGENDA)).status_code in (401, 403)
        assert (await reader.delete("/lectern/sre-2019/a.ics")).status_code in (401, 403)
        assert (await reader.request("MKCALENDAR", "/lectern/mine/")).status_code in (401, 403)
    async with httpx.AsyncClient(base_url=radicale.url, auth=(radicale.username, "wrong")) as stranger:
        assert (await stranger.get("/lectern/sre-2019/")).status_code == 401


def mail() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "lectern@lectern.test", "Ada@example.org", "Your seat: Zürich"
    message.set_content("You have a seat.")
    return message


async def test_the_sink_keeps_mails_and_can_refuse_them(smtp_sink: SmtpSink) -> None:
    await aiosmtplib.send(mail(), hostname="127.0.0.1", port=smtp_sink.port)
    [kept] = await smtp_sink.wait_for("ada@example.org", "zürich")
    assert text_of(kept).strip() == "You have a seat."
    smtp_sink.reply = "451 later"
    with pytest.raises(aiosmtplib.SMTPDataError):
        await aiosmtplib.send(mail(), hostname="127.0.0.1", port=smtp_sink.port)
    assert (len(smtp_sink.mails), smtp_sink.refused) == (1, 1)


async def test_a_stopped_sink_is_down_and_comes_back_on_its_port(smtp_sink: SmtpSink) -> None:
    await smtp_sink.stop()
    with pytest.raises(aiosmtplib.SMTPConnectError):
        await aiosmtplib.send(mail(), hostname="127.0.0.1", port=smtp_sink.port)
    await smtp_sink.start()
    await aiosmtplib.send(mail(), hostname="127.0.0.1", port=smtp_sink.port)
    assert len(smtp_sink.mails) == 1
