"""From a letter to text and HTML: one template each, texts by gettext in the letter's language."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2

from services.notification.letter import Letter
from shared.web.i18n import translations

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Rendered:
    """A mail's body in both forms."""

    text: str
    html: str


def render(letter: Letter) -> Rendered:
    """The letter as plain text and as HTML that needs no images and no style sheet."""
    environment = _environment(letter.language)
    return Rendered(
        text=environment.get_template("mail.txt").render(letter=letter),
        html=environment.get_template("mail.html").render(letter=letter),
    )


@cache
def _environment(language: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        extensions=["jinja2.ext.i18n"],
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # The extension adds this method at run time; "newstyle" escapes what is put into a text.
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    return environment
