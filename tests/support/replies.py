"""Answers to invitations as the mail programs write them: what differs is where the calendar stands and what it leaves out."""

from __future__ import annotations

import base64
import quopri
from dataclasses import dataclass

UID = "milipol-2019-workshop-1.reg-ada@lectern.test"
ORGANISER = "answers+token@replies.lectern.test"


@dataclass(frozen=True)
class Said:
    """What is answered."""

    partstat: str = "DECLINED"
    uid: str = UID
    sequence: int | None = 1
    stamp: str = "20191101T093000Z"
    email: str = "ada@example.org"
    organiser: str = ORGANISER


def calendar(
    said: Said, attendee: str = "", *, organiser: bool = True, method: str = "METHOD:REPLY", zone: str = ""
) -> str:
    """A REPLY as RFC 5546 (section 3.2.3) has it. `attendee` replaces the usual line."""
    lines = [
        "BEGIN:VCALENDAR",
        "PRODID:-//Somebody//Calendar//EN",
        "VERSION:2.0",
        *([method] if method else []),
        *([zone] if zone else []),
        "BEGIN:VEVENT",
        f"UID:{said.uid}",
        *([f"SEQUENCE:{said.sequence}"] if said.sequence is not None else []),
        *([f"ORGANIZER;CN=Milipol:mailto:{said.organiser}"] if organiser else []),
        attendee or f"ATTENDEE;PARTSTAT={said.partstat};CN=Ada:mailto:{said.email}",
        f"DTSTAMP:{said.stamp}",
        "DTSTART;TZID=Europe/Paris:20191120T094000",
        "SUMMARY:Workshop 1",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "\r\n".join(_folded(line) for line in lines) + "\r\n"


def _folded(line: str) -> str:
    return "\r\n ".join(line[n : n + 74] for n in range(0, len(line), 74))


def _b64(text: str) -> str:
    return base64.encodebytes(text.encode()).decode().replace("\n", "\r\n")


def _head(said: Said, subject: str, extra: str = "") -> str:
    return (
        f"From: Ada <{said.email}>\r\nTo: {said.organiser}\r\nSubject: {subject}\r\n"
        f"Date: Fri, 01 Nov 2019 09:30:00 +0000\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n{extra}"
    )


def gmail(said: Said = Said()) -> bytes:
    """Gmail: mixed { alternative { plain, html, calendar }, application/ics in base64 }, sent by its calendar "auto-generated"."""
    line = (
        f"ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT={said.partstat};CN={said.email};X-NUM-GUESTS=0:"
        f"mailto:{said.email}"
    )
    body = calendar(said, line)
    return (
        _head(
            said,
            "Declined: Workshop 1 @ Wed Nov 20, 2019",
            "Sender: Google Calendar <calendar-notification@google.com>\r\n",
        )
        + "Auto-Submitted: auto-generated\r\nReply-To: Ada <ada@example.org>\r\n"
        + 'Content-Type: multipart/mixed; boundary="000000000000a"\r\n\r\n--000000000000a\r\n'
        + 'Content-Type: multipart/alternative; boundary="000000000000b"\r\n\r\n--000000000000b\r\n'
        + 'Content-Type: text/plain; charset="UTF-8"; format=flowed; delsp=yes\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        + _b64("ada@example.org has declined this invitation.")
        + '--000000000000b\r\nContent-Type: text/html; charset="UTF-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
        + "<p>ada has =C3=A9t=C3=A9</p>\r\n"
        + '--000000000000b\r\nContent-Type: text/calendar; charset="UTF-8"; method=REPLY\r\n'
        + "Content-Transfer-Encoding: 7bit\r\n\r\n"
        + body
        + "--000000000000b--\r\n--000000000000a\r\n"
        + 'Content-Type: application/ics; name="invite.ics"\r\nContent-Disposition: attachment; filename="invite.ics"\r\n'
        + "Content-Transfer-Encoding: base64\r\n\r\n"
        + _b64(body)
        + "--000000000000a--\r\n"
    ).encode()


def outlook(said: Said = Said()) -> bytes:
    """Outlook with Exchange: alternative { plain, calendar in base64 }, MAILTO in capitals, a zone of its own, LF in none."""
    line = f"ATTENDEE;PARTSTAT={said.partstat};CN=Ada Lovelace:MAILTO:{said.email.upper()}"
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Romance Standard Time\r\nBEGIN:STANDARD\r\nDTSTART:16010101T030000\r\n"
        "TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE"
    )
    lines = (
        calendar(said, line, zone="@ZONE@")
        .replace("@ZONE@", zone)
        .replace("SUMMARY:", "SUMMARY;LANGUAGE=en-GB:Declined: ")
    )
    return (
        _head(said, "Declined: Workshop 1", "X-MS-Has-Attach:\r\nX-MS-Exchange-Organization-SCL: -1\r\n")
        + 'Content-Type: multipart/alternative; boundary="_000_AM0"\r\n\r\n'
        + '--_000_AM0\r\nContent-Type: text/plain; charset="iso-8859-1"\r\n\r\n\r\n'
        + '--_000_AM0\r\nContent-Type: text/calendar; charset="utf-8"; method=REPLY\r\n'
        + "Content-Transfer-Encoding: base64\r\n\r\n"
        + _b64(lines)
        + "--_000_AM0--\r\n"
    ).encode()


def outlook_com(said: Said = Said()) -> bytes:
    """outlook.com: no ORGANIZER, the person by another address of the account, and METHOD in MIME only."""
    line = f"ATTENDEE;PARTSTAT={said.partstat}:mailto:ada.alias@outlook.com"
    body = calendar(said, line, organiser=False, method="")
    return (
        _head(said, "Declined: Workshop 1")
        + 'Content-Type: multipart/mixed; boundary="_004_"\r\n\r\n--_004_\r\n'
        + 'Content-Type: multipart/related; boundary="_005_"; type="multipart/alternative"\r\n\r\n--_005_\r\n'
        + 'Content-Type: multipart/alternative; boundary="_000_"\r\n\r\n'
        + '--_000_\r\nContent-Type: text/html; charset="us-ascii"\r\n\r\n<html></html>\r\n'
        + "--_000_\r\nContent-Type: text/calendar; charset=utf-8; method=REPLY\r\n"
        + "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        + quopri.encodestring(body.encode()).decode().replace("\r\n", "\n").replace("\n", "\r\n")
        + "\r\n--_000_--\r\n--_005_--\r\n--_004_--\r\n"
    ).encode()


def apple(said: Said = Said()) -> bytes:
    """Apple Mail and iCloud: text/calendar is an attachment, and the person is a path with the address in a parameter."""
    line = f"ATTENDEE;CN=Ada;EMAIL={said.email};PARTSTAT={said.partstat};SCHEDULE-STATUS=1.1:/1234567/principal/"
    return (
        _head(said, "Ada has declined", "X-Mailer: iOS Mail\r\n")
        + 'Content-Type: multipart/mixed; boundary="Apple-Mail-1"\r\n\r\n'
        + "--Apple-Mail-1\r\nContent-Type: text/plain;\r\n\tcharset=us-ascii\r\n\r\n\r\n"
        + "--Apple-Mail-1\r\nContent-Disposition: attachment;\r\n\tfilename=iCal-20191101.ics\r\n"
        + 'Content-Type: text/calendar;\r\n\tx-unix-mode=0666;\r\n\tname="iCal-20191101.ics"\r\n'
        + "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        + quopri.encodestring(calendar(said, line).encode()).decode().replace("\r\n", "\n").replace("\n", "\r\n")
        + "\r\n--Apple-Mail-1--\r\n"
    ).encode()


def thunderbird(said: Said = Said()) -> bytes:
    """Thunderbird: alternative { plain, calendar }, 8 bit, the lines of the invitation sent back with it."""
    return (
        _head(said, "Invitation Declined: Workshop 1", "User-Agent: Mozilla Thunderbird\r\n")
        + "Content-class: urn:content-classes:calendarmessage\r\n"
        + 'Content-type: multipart/mixed;\r\n boundary="------------Boundary_1"\r\n\r\n'
        + '--------------Boundary_1\r\nContent-type: multipart/alternative;\r\n boundary="----------Boundary_2"\r\n\r\n'
        + "------------Boundary_2\r\nContent-type: text/plain; charset=UTF-8\r\nContent-transfer-encoding: 8BIT\r\n\r\n"
        + "Ada a refusé votre invitation.\r\n"
        + "------------Boundary_2\r\nContent-type: text/calendar; method=REPLY; charset=UTF-8\r\n"
        + "Content-transfer-encoding: 8BIT\r\n\r\n"
        + calendar(said).replace("SUMMARY:Workshop 1", "SUMMARY:Séance n° 1")
        + "------------Boundary_2--\r\n--------------Boundary_1--\r\n"
    ).encode()


def exchange(said: Said = Said()) -> bytes:
    """An Exchange gateway: the whole mail is the calendar, and a mail of its own is around it (message/rfc822)."""
    inner = (
        _head(said, "Declined: Workshop 1")
        + "Content-Type: text/calendar; method=REPLY\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + _b64(calendar(said))
    )
    return (
        _head(said, "FW: Declined: Workshop 1")
        + 'Content-Type: multipart/mixed; boundary="tnef"\r\n\r\n--tnef\r\nContent-Type: text/plain\r\n\r\nsee below\r\n'
        + "--tnef\r\nContent-Type: message/rfc822\r\n\r\n"
        + inner
        + "\r\n--tnef--\r\n"
    ).encode()


WRITERS = (gmail, outlook, outlook_com, apple, thunderbird, exchange)


def several(uids: list[str], said: Said = Said()) -> bytes:
    """One mail that answers several invitations."""
    events = "".join(
        calendar(Said(said.partstat, uid, said.sequence, said.stamp))
        .partition("BEGIN:VEVENT")[2]
        .partition("END:VCALENDAR")[0]
        .join(("BEGIN:VEVENT", ""))
        for uid in uids
    )
    body = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REPLY\r\n{events}END:VCALENDAR\r\n"
    return (_head(said, "Declined") + "Content-Type: text/calendar; method=REPLY\r\n\r\n" + body).encode()


def out_of_office(said: Said = Said()) -> bytes:
    """An automatic answer with words only."""
    return (
        _head(said, "Automatic reply: Confirmed", "Auto-Submitted: auto-replied\r\nX-Auto-Response-Suppress: All\r\n")
        + "Content-Type: text/plain\r\n\r\nI am away until Monday.\r\n"
    ).encode()
