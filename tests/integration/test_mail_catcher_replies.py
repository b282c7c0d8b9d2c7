"""`make run`: a mail to the reply address that the catcher gets is taken by notification, and kept to be read."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import aiosmtplib
import pytest

from deploy.local.mail_catcher import MailCatcher
from services.notification.replies.listener import Listener
from services.notification.smtp import Server
from shared.clock import utc_now
from shared.storage.mongo import Database
from tests.support.events import milipol, workshop
from tests.support.notification import REPLIES, Office, registration, reply_address, told
from tests.support.replies import Said, gmail
from tests.support.smtp import SmtpSink


async def test_the_catcher_hands_answers_on_and_tells_what_became_of_them(
    database: Database, smtp_sink: SmtpSink, tmp_path: Path
) -> None:
    office = await Office(database, smtp_sink.url, invites=True).open()
    event = milipol(admission={"calendar_answers": True})
    await office.hear(*told(event, workshop(1), registration({1: "confirmed"})))
    await office.work()
    listener = Listener(REPLIES, partial(office.store.named_by, "reply_hash"), office.answers.take, "127.0.0.1", 0)
    await listener.start()
    catcher = MailCatcher(tmp_path, utc_now)
    catcher.hand_on(REPLIES.domain, listener.port)
    server = Server.at(await catcher.start())
    try:
        raw = gmail(Said(uid="milipol-2019-workshop-1.reg-ada@lectern.test"))
        async with aiosmtplib.SMTP(hostname=server.host, port=server.port) as client:
            await client.sendmail("ada@example.org", [reply_address()], raw)
            await client.sendmail("ada@example.org", ["bob@example.org"], raw)
            with pytest.raises(aiosmtplib.SMTPDataError):
                await client.sendmail("ada@example.org", [REPLIES.with_token("a" * 32)], raw)
        assert list(await office.answers.waiting("reg-ada")) == ["milipol-2019-workshop-1"]
        assert catcher.mails.count() == 3
    finally:
        catcher.stop()
        await listener.stop()
