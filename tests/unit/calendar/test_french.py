"""The French of calendars: every word is in the catalogue, and a cancelled session says so in French."""

from __future__ import annotations

from shared.calendar.document import calendar_object
from shared.calendar.entry import KINDS, ROLES, entry
from shared.calendar.lint import lint
from shared.web.i18n import translations
from tests.support.calendar_harness import unfolded
from tests.support.calendar_samples import efus, session

SAME_IN_BOTH = {"Contact", "Pause"}
PHRASES = (
    "Cancelled: {title}",
    "{title} (time to be announced)",
    "{title}: my sessions",
    "The time will be announced.",
    "This session does not take place.",
    "Join: {url}",
    "Join",
    "Online",
)


def test_every_word_of_calendars_has_its_french() -> None:
    french = translations("fr").gettext
    missing = [word for word in (*PHRASES, *ROLES.values(), *KINDS.values()) if french(word) == word]
    assert set(missing) <= SAME_IN_BOTH


def test_cancelled_session_says_so_in_french() -> None:
    state = session(
        "efus-2021-round-3-session-2", "2021-05-05T14:00", zone="Europe/Brussels", status="cancelled",
        title={"en": "Fair use of AI", "fr": "Usage équitable de l’IA"},
    )  # fmt: skip
    found = entry(state, efus(), language="fr", words=translations("fr").gettext, page="http://lectern.test/")
    body = calendar_object(found, "u@x")
    assert lint(body) == []
    assert "SUMMARY:Annulé\u00a0: Usage équitable de l’IA\n" in unfolded(body)
