"""The message on the wire, and what the mail server's address and answers mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from services.notification.message import UnusableAddress, address, build, message_id, sender_of
from services.notification.rendering import Rendered
from services.notification.sender import Backoff
from services.notification.smtp import Server


def built(name: str = "Ada", subject: str = "Confirmed", email: str = "ada@example.org") -> tuple[bytes, EmailMessage]:
    raw = build(
        sender=sender_of("Lectern <lectern@lectern.test>"),
        recipient=address(name, email),
        reply_to=address("Pauline Lesch", "lesch@efus.eu"),
        subject=subject,
        language="en",
        body=Rendered("09:40–10:55\n" + "long " * 400, "<p>é</p>"),
        date=datetime(2019, 11, 1, 9, tzinfo=UTC),
        id_=message_id("reg-ada.1", "lectern.test"),
        correlation_id="c-1",
    )
    parsed = message_from_bytes(raw, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return raw, parsed


def test_the_headers_of_an_automatic_mail() -> None:
    _, message = built()
    assert message["From"] == "Lectern <lectern@lectern.test>"
    assert message["To"] == "Ada <ada@example.org>"
    assert message["Reply-To"] == "Pauline Lesch <lesch@efus.eu>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"] == "Fri, 01 Nov 2019 09:00:00 +0000"
    assert message["Content-Language"] == "en"
    assert message["X-Correlation-Id"] == "c-1"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_the_wire_form_is_seven_bit_with_short_lines() -> None:
    raw, message = built(name="Zoë Ångström", subject="Confirmé\u00a0: «\u00a0essai\u00a0»")
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert message["Subject"] == "Confirmé\u00a0: «\u00a0essai\u00a0»"
    assert message["To"].addresses[0].display_name == "Zoë Ångström"


@pytest.mark.parametrize("words", range(1, 25))
def test_a_long_subject_keeps_each_space(words: int) -> None:
    subject = " ".join(
        ("Pour votre agenda\u00a0: Police de proximité (Innovation et sécurité urbaine : " * 3).split(" ")[:words]
    )
    raw, message = built(subject=subject)
    assert message["Subject"] == subject
    head = raw.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    assert max(len(line) for line in head.split(b"\r\n")) <= 76


def test_two_attempts_are_the_same_bytes() -> None:
    assert built()[0] == built()[0]


def test_the_message_id_is_the_mails_own_and_tells_nothing() -> None:
    assert message_id("reg-ada.1", "lectern.test") == message_id("reg-ada.1", "lectern.test")
    assert message_id("reg-ada.1", "lectern.test") != message_id("reg-ada.2", "lectern.test")
    assert "ada" not in message_id("reg-ada.1", "lectern.test")


def test_no_line_break_in_a_name_or_title_makes_a_header() -> None:
    _, message = built(name="Ada\r\nBcc: eve@example.org", subject="x\r\nBcc: eve@example.org")
    assert message["Bcc"] is None
    assert message["To"].addresses[0].addr_spec == "ada@example.org"
    assert len(message["To"].addresses) == 1


def test_a_domain_beyond_ascii_is_written_in_ascii() -> None:
    assert address("Ada", "ada@exämple.org").addr_spec == "ada@xn--exmple-cua.org"


def test_an_address_that_needs_smtputf8_is_named_as_such() -> None:
    with pytest.raises(UnusableAddress, match="not ASCII"):
        address("Jörg", "jörg@example.org")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://127.0.0.1:1025", Server("127.0.0.1", 1025)),
        ("smtp://mail.example.org?starttls=1", Server("mail.example.org", 587, starttls=True)),
        ("smtp://a%40b:p%2Fw@mail.example.org", Server("mail.example.org", 25, username="a@b", password="p/w")),
        ("smtps://mail.example.org", Server("mail.example.org", 465, tls=True)),
    ],
)
def test_the_servers_address(url: str, server: Server) -> None:
    assert Server.at(url) == server


@pytest.mark.parametrize(
    "url", ["http://x", "smtp://", "smtp://h?tls=1", "smtp://h?starttls=yes", "smtps://h?starttls=1", "smtp://h:x"]
)
def test_a_wrong_server_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"smtp|Port"):
        Server.at(url)


def test_a_sender_without_an_address_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="for example"):
        sender_of("Lectern")


def test_backoff_doubles_up_to_its_longest_with_jitter_in_the_second_half() -> None:
    backoff = Backoff(timedelta(seconds=10), timedelta(seconds=60), timedelta(days=1))
    assert [backoff.after(n, 1.0).total_seconds() for n in (1, 2, 3, 4, 99)] == [10, 20, 40, 60, 60]
    assert backoff.after(1, 0.0) == timedelta(seconds=5)
