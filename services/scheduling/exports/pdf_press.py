"""The press: a sheet (pdf_sheet.py) in, a PDF out, by Typst. As a program it reads JSON on stdin and writes the PDF on stdout.

It imports little, so that the child process that it is run as starts soon; what Typst keeps in memory ends with it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("agenda.typ")
FAILED = 3
"""What the program returns when Typst refuses; the reason is on stderr."""


class NotTypeset(RuntimeError):
    """Typst refused; the message is its own."""


def press(sheet: dict[str, Any]) -> bytes:
    """The sheet as a tagged PDF, to PDF/UA-1 where its texts allow. The same sheet gives the same bytes. Raises NotTypeset.

    All that the sheet says reaches Typst as data, never as source. Fonts are those in Typst; the machine's own serve only
    for signs that these lack, and a sign that no font has is a blank frame, which PDF/UA-1 does not allow.
    """
    import typst  # 84 MB on disk: loaded where and when a PDF is made

    inputs = {"sheet": json.dumps(sheet, ensure_ascii=False)}

    def compiled(standard: typst.PDFStandard) -> bytes:
        return typst.compile(
            TEMPLATE,
            format="pdf",
            sys_inputs=inputs,
            pdf_standards=standard,
            timestamp=sheet["published_at"],
        )

    try:
        return compiled("ua-1")
    except typst.TypstError:
        try:
            return compiled("1.7")
        except typst.TypstError as error:
            raise NotTypeset(error.message) from error


def main() -> int:
    """Stdin to stdout. It steps behind the service that asked for it."""
    os.nice(5)
    try:
        pdf = press(json.load(sys.stdin.buffer))
    except NotTypeset as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    sys.stdout.buffer.write(pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main())
