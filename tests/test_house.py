"""What the house itself must hold to."""

from __future__ import annotations

import platform
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_platform_is_a_source_root_and_never_hides_the_standard_library():
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert "python_version" in dir(platform)


def test_the_portal_answers(portal):
    assert portal.get("/").status_code == 200


def test_a_visitor_at_an_office_is_sent_to_sign_in(office):
    answer = office("nimes").get("/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/connexion/")
