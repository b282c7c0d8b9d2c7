"""Content lines as RFC 5545 section 3.1 wants them: escaped, CRLF, folded at 75 octets between characters."""

from __future__ import annotations

import re
from urllib.parse import quote

LIMIT = 75
"""Octets of one line, its CRLF not counted."""

_LINE_END = re.compile(r"\r\n|[\r\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SPECIAL = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


def plain(value: str) -> str:
    """`value` without the control characters that TEXT may not hold; every line end becomes a newline."""
    return _CONTROL.sub("", _LINE_END.sub("\n", value)).strip()


def escape(value: str) -> str:
    """A TEXT value (section 3.3.11)."""
    return plain(value).translate(_SPECIAL)


def quoted(value: str) -> str:
    """A parameter's value (section 3.2), in quotation marks where a sign in it asks for them; it can hold none itself."""
    bare = plain(value).replace('"', "'").replace("\n", " ")
    return f'"{bare}"' if any(sign in bare for sign in ",;:") else bare


def address(url: str) -> str:
    """A URI that holds no blank, line end or quotation mark; what is percent-encoded already stays."""
    return quote(url.strip(), safe="%:/?#[]@!$&'()*+,;=~-._")


def fold(line: str) -> bytes:
    """One content line with its CRLF, folded so that no piece exceeds 75 octets and no character is split."""
    octets = line.encode()
    if len(octets) <= LIMIT:
        return octets + b"\r\n"
    pieces: list[bytes] = []
    start, room = 0, LIMIT
    while start < len(octets):
        end = min(start + room, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:  # a following octet of one UTF-8 character
            end -= 1
        pieces.append(octets[start:end])
        start, room = end, LIMIT - 1
    return b"\r\n ".join(pieces) + b"\r\n"
