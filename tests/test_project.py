"""Project-wide rules."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import global_settings, settings

from config.apps import list_shared_apps

ROOT = Path(__file__).resolve().parent.parent


def test_platform_is_a_source_root_and_never_hides_the_standard_library():
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert "python_version" in dir(platform)


def test_a_server_has_no_demonstration():
    assert "sites.demo" in list_shared_apps(is_production=False)
    assert [name for name in list_shared_apps(is_production=True) if "demo" in name] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({"BASE_DOMAIN": "peps.example"}, "PRODUCTION must be True"),
        ({"PRODUCTION": "True", "BASE_DOMAIN": "peps.example"}, "SECRET_KEY must be set"),
        ({"PRODUCTION": "True", "BASE_DOMAIN": "peps.example"}, "SEALING_KEYS must be set"),
        ({"PRODUCTION": "yes"}, "PRODUCTION must be 'True' or 'False'"),
    ],
)
def test_a_server_does_not_start_with_default_secrets(variables, missing):
    command = [sys.executable, "manage.py", "check"]
    answer = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert answer.returncode != 0
    assert missing in answer.stderr


def test_a_password_is_hashed_by_djangos_first_choice():
    """Only `tests.conftest` reduces its iterations."""
    assert settings.PASSWORD_HASHERS[0] == global_settings.PASSWORD_HASHERS[0]


def test_the_portal_responds(portal):
    assert portal.get("/").status_code == 200


def test_a_visitor_at_an_office_is_sent_to_sign_in(office):
    answer = office("nimes").get("/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/connexion/")
