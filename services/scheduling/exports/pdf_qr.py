"""A QR code as SVG, where segno is there to draw it."""

from __future__ import annotations

import io


def qr_svg(address: str) -> str:
    """The code of `address` as SVG (error correction M, ISO/IEC 18004); empty where segno is not installed or it is too long."""
    try:
        import segno  # loaded where a code is drawn
    except ModuleNotFoundError:
        return ""
    drawing = io.BytesIO()
    try:
        segno.make_qr(address, error="m").save(drawing, kind="svg", border=0, xmldecl=False, svgns=True, omitsize=True)
    except segno.DataOverflowError:
        return ""
    return drawing.getvalue().decode()
