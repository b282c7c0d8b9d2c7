"""A QR code as SVG in the page: it needs no script, prints sharp, and no other server sees what it says."""

from __future__ import annotations

import io

import segno
from markupsafe import Markup


def qr_code(address: str) -> Markup:
    """The code of `address` as an SVG element (error correction M, ISO/IEC 18004), dark on light, hidden from screen
    readers: the page says in words what it is."""
    drawing = io.BytesIO()
    segno.make_qr(address, error="m").save(
        drawing, kind="svg", border=2, xmldecl=False, svgns=True, omitsize=True, dark="#000", light="#fff"
    )
    svg = drawing.getvalue().decode().replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
    return Markup(svg)  # noqa: S704 - drawn here, from signs that make no markup
