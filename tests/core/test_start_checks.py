"""What a server refuses to start with, all at once, and `manage.py check --deploy`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from core import start_checks
from core.link_tokens import derive_token, hash_token
from tests.factories.accounts import TeacherFactory
from tests.host_client import HostClient

ROOT = Path(__file__).resolve().parent.parent.parent
SOUND: dict[str, Any] = {
    "SECRET_KEY": "k3Jx-9fQzvW2mT8rLp0sYbNc5dGhA7uEoI1KtXwVqZ4jRyMn6B",
    "SECRET_KEY_FALLBACKS": [],
    "SEALING_KEYS": ["1:" + "A" * 86 + "=="],
    "PUBLIC_SEALING_KEY": settings.PUBLIC_SEALING_KEY,
    "BASE_DOMAIN": "peps.example",
    "DEBUG": False,
    "SECURE": True,
    "BEHIND_TLS_PROXY": True,
    "TRUSTED_PROXIES": 1,
}


def test_a_sound_server_has_no_fault():
    assert start_checks.list_faults(SOUND) == []
    start_checks.refuse_to_start([])


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY must be set"),
        ({"SECRET_KEY": start_checks.PUBLIC_SECRET_KEY}, "SECRET_KEY must be set"),
        ({"SECRET_KEY": start_checks.PUBLIC_SECRET_KEY + "-xxxxxxxxxxxxxxxxxxxxxxxx"}, "is a published value"),
        ({"SECRET_KEY": "django-insecure-" + SOUND["SECRET_KEY"]}, "is a published value"),
        ({"SECRET_KEY": SOUND["SECRET_KEY"][:49]}, "50 characters at least"),
        ({"SECRET_KEY": "abab" * 20}, "drawn at random"),
        ({"SECRET_KEY_FALLBACKS": [SOUND["SECRET_KEY"], "court"]}, "SECRET_KEY_FALLBACKS: entry 2"),
        ({"SEALING_KEYS": []}, "SEALING_KEYS must be set"),
        ({"SEALING_KEYS": [settings.PUBLIC_SEALING_KEY]}, "SEALING_KEYS must be set"),
        ({"SEALING_KEYS": ["1:pas du base64"]}, "SEALING_KEYS: each entry reads"),
        ({"SEALING_KEYS": ["1:QUJD"]}, "SEALING_KEYS: each entry reads"),
        ({"SEALING_KEYS": SOUND["SEALING_KEYS"] * 2}, "each with its own number"),
        ({"BASE_DOMAIN": "evillocalhost"}, "BASE_DOMAIN must be a whole name"),
        ({"BASE_DOMAIN": "peps..example"}, "BASE_DOMAIN must be a whole name"),
        ({"BASE_DOMAIN": "-peps.example"}, "BASE_DOMAIN must be a whole name"),
        ({"BASE_DOMAIN": "Peps.Example"}, "BASE_DOMAIN must be a whole name"),
        ({"BASE_DOMAIN": "peps.example:8000"}, "BASE_DOMAIN must be a whole name"),
        ({"DEBUG": True}, "DEBUG must be False"),
        ({"SECURE": False}, "SECURE must be True"),
        ({"TRUSTED_PROXIES": 0}, "TRUSTED_PROXIES must be 1 or more"),
    ],
)
def test_each_fault_is_named_without_its_secret(changed, sentence):
    faults = start_checks.list_faults(SOUND | changed)
    assert [sentence in fault.sentence for fault in faults] == [True]
    for secrets in (changed.get("SECRET_KEY"), *changed.get("SEALING_KEYS", [])):
        assert not secrets or secrets not in faults[0].sentence


@pytest.mark.parametrize(
    ("domain", "is_local"),
    [
        ("localhost", True), ("peps.localhost", True), ("evillocalhost", False), ("localhost.example", False),
        ("peps.example", False),
    ],
)  # fmt: skip
def test_only_localhost_and_names_below_it_are_local(domain, is_local):
    assert start_checks.is_local_name(domain) == is_local


def run_check(*arguments, **variables):
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "manage.py", "check", *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": "postgresql://nobody@localhost/none"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_server_refuses_to_start_and_says_everything_at_once():
    answer = run_check(
        PRODUCTION="True", DEBUG="True", SECRET_KEY="court", SECURE="False", SEALING_KEYS="1:x",
        BEHIND_TLS_PROXY="True", BASE_DOMAIN="evillocalhost",
    )  # fmt: skip
    assert answer.returncode != 0
    for name in ("DEBUG", "SECRET_KEY", "SECURE", "SEALING_KEYS", "TRUSTED_PROXIES", "BASE_DOMAIN"):
        assert f"\n- {name}" in answer.stderr, name


@pytest.mark.slow
def test_the_check_before_a_deployment_lists_the_same_faults():
    answer = run_check("--deploy", "--tag", "security", BEHIND_TLS_PROXY="True")
    assert answer.returncode != 0
    for number in (0, 1, 3, 6, 7):
        assert f"peps.E00{number}" in answer.stderr, number


@pytest.mark.slow
def test_without_production_a_name_that_only_ends_like_localhost_is_refused():
    answer = run_check(BASE_DOMAIN="evillocalhost")
    assert answer.returncode != 0
    assert "PRODUCTION must be True" in answer.stderr


# --- Rotation of SECRET_KEY -------------------------------------------------------------------------------------------


def test_a_link_that_was_made_under_an_earlier_secret_is_written_as_it_was(settings):
    token = derive_token("nonce", salt="a")
    stored_hash = hash_token(token)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new secret", [settings.SECRET_KEY]
    assert derive_token("nonce", salt="a", stored_hash=stored_hash) == token
    assert derive_token("nonce", salt="a") != token
    settings.SECRET_KEY_FALLBACKS = []
    assert derive_token("nonce", salt="a", stored_hash=stored_hash) == derive_token("nonce", salt="a")


@pytest.mark.slow
def test_a_session_outlives_the_rotation_of_the_secret_while_the_earlier_one_is_kept(portal, can_sign_in, settings, db):
    late = HostClient(portal.host)
    for browser in (portal, late):
        browser.force_login(can_sign_in(TeacherFactory()))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new secret", [settings.SECRET_KEY]
    assert portal.get("/mon-compte/").status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    # Used meanwhile, a session is signed anew.
    assert portal.get("/mon-compte/").status_code == 200
    assert late.get("/mon-compte/").status_code == 302
