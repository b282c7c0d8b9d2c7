"""What is written about settings is what is so."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.settings_page import MEANINGS, PAGE, page
from shared.config import Settings

REPOSITORY = Path(__file__).resolve().parents[3]


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m deploy.settings_page"


def test_every_setting_is_explained() -> None:
    assert set(MEANINGS) == set(Settings.model_fields)


def test_every_variable_of_the_composition_is_in_the_example() -> None:
    used = set(re.findall(r"\$\{(LECTERN_[A-Z_]+)", (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")))
    shown = set(re.findall(r"^#(LECTERN_[A-Z_]+)=", (REPOSITORY / ".env.example").read_text(encoding="utf-8"), re.M))
    assert used - {"LECTERN_BUILD_NETWORK"} == shown
