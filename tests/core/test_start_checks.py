"""What a server refuses to start with, all at once, and `manage.py check --deploy`."""

import base64
import ipaddress
import os
import random
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from core import start_checks
from core.links import derive_token, hash_token
from tests.factories.accounts import TeacherFactory
from tests.host_client import HostClient

ROOT = Path(__file__).resolve().parent.parent.parent


def read_networks(*texts):
    return [ipaddress.ip_network(text, strict=False) for text in texts]


SOUND: dict[str, Any] = {
    "SECRET_KEY": "k3Jx-9fQzvW2mT8rLp0sYbNc5dGhA7uEoI1KtXwVqZ4jRyMn6B",
    "SECRET_KEY_FALLBACKS": [],
    "SEALING_KEYS": ["1:" + base64.b64encode(bytes(range(64))).decode()],
    "PUBLIC_SEALING_KEY": settings.PUBLIC_SEALING_KEY,
    "BASE_DOMAIN": "peps.example",
    "DEBUG": False,
    "SECURE": True,
    "BEHIND_TLS_PROXY": True,
    "TRUSTED_PROXIES": 1,
    "METRICS_TOKEN": "",
    "HEALTH_TOKEN": "v0Qk7xB2mJt9Yw4LcRz8Hs3NdPf6GaUe",
    "OPERATOR_SECOND_FACTOR": True,
    "OFFICE_SECOND_FACTOR": True,
    "WEBHOOKS_ALLOW_HTTP": False,
    "WEBHOOKS_PRIVATE_NETWORKS": read_networks("10.0.0.0/8", "192.168.7.0/24", "fd00:20::/32"),
    "DIRECTORY_PRIVATE_NETWORKS": [],
    "HEALTH_NETWORKS": read_networks("127.0.0.0/8", "::1/128", "10.20.0.0/16"),
    "ACCEPTED_RISKS": [],
}
#: Values that weaken a server, by the settings' names.
WEAK: dict[str, list[Any]] = {
    "OPERATOR_SECOND_FACTOR": [False],
    "OFFICE_SECOND_FACTOR": [False],
    "WEBHOOKS_ALLOW_HTTP": [True],
    "WEBHOOKS_PRIVATE_NETWORKS": [
        read_networks(network)
        for network in ("0.0.0.0/0", "::/0", "10.0.0.0/7", "127.0.0.1/32", "169.254.169.254/32", "::1/128", "fe80::/10")
    ],
    "DIRECTORY_PRIVATE_NETWORKS": [read_networks("10.20.0.0/16", "0.0.0.0/0")],
    "HEALTH_NETWORKS": [read_networks("0.0.0.0/0"), read_networks("::/0")],
    "TRUSTED_PROXIES": [4],
}
EVERY_WEAKNESS = [(name, value) for name, values in WEAK.items() for value in values]


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
        ({"SECRET_KEY": "x" * 64}, "drawn at random"),
        ({"SECRET_KEY": "0123456789abcdef" * 4}, "drawn at random"),
        ({"SECRET_KEY": "k3Jx-9fQzvW2" + "m" * 40}, "drawn at random"),
        ({"SEALING_KEYS": ["1:" + "A" * 86 + "=="]}, "SEALING_KEYS: key 1 repeats its bytes"),
        ({"SEALING_KEYS": ["7:" + base64.b64encode(b"16 bytes, again " * 4).decode()]}, "SEALING_KEYS: key 7 repeats"),
        ({"METRICS_TOKEN": "x" * 32}, "METRICS_TOKEN repeats its letters"),
        ({"HEALTH_TOKEN": "abcd" * 8}, "HEALTH_TOKEN repeats its letters"),
        ({"BASE_DOMAIN": "peps.localhost"}, "BASE_DOMAIN must be a name that visitors find"),
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
        ({"SECURE": None}, "SECURE must be True"),
        ({"TRUSTED_PROXIES": 0}, "TRUSTED_PROXIES must be 1 or more"),
    ],
)
def test_each_fault_is_named_without_its_secret(changed, sentence):
    faults = start_checks.list_faults(SOUND | changed)
    assert [sentence in fault.sentence for fault in faults] == [True]
    for secrets in (changed.get("SECRET_KEY"), *changed.get("SEALING_KEYS", [])):
        assert not secrets or secrets not in faults[0].sentence


@pytest.mark.parametrize(("name", "value"), EVERY_WEAKNESS)
def test_each_setting_that_weakens_is_refused_unless_it_is_accepted_by_name(name, value):
    weak = SOUND | {name: value}
    (fault,) = start_checks.list_faults(weak)
    assert fault.sentence.startswith(f"{name} must ")
    assert fault.risk == name
    with pytest.raises(ImproperlyConfigured, match=f"add to ACCEPTED_RISKS: {name}$"):
        start_checks.refuse_to_start([fault])
    assert start_checks.list_faults(weak | {"ACCEPTED_RISKS": [name]}) == []
    assert start_checks.list_risks(weak) == [fault]


def test_all_weaknesses_are_listed_at_once_with_what_to_do():
    weak = SOUND | {name: values[0] for name, values in WEAK.items()}
    with pytest.raises(ImproperlyConfigured) as refusal:
        start_checks.refuse_to_start(start_checks.list_faults(weak))
    for name in WEAK:
        assert f"\n- {name} must " in str(refusal.value)
    assert set(str(refusal.value).rpartition("ACCEPTED_RISKS: ")[2].split(",")) == set(WEAK)


@pytest.mark.parametrize("name", ["TRUSTED_PROXIES", "SECRET_KEY", "nothing"])
def test_what_is_no_risk_cannot_be_accepted(name):
    (fault,) = start_checks.list_faults(SOUND | {"ACCEPTED_RISKS": [name]})
    assert fault.sentence.startswith(f"ACCEPTED_RISKS: {name} is no risk")


def test_a_fault_is_no_risk_that_could_be_accepted():
    faults = start_checks.list_faults(SOUND | {"SECURE": False, "ACCEPTED_RISKS": ["SECURE"]})
    assert [fault.id for fault in faults] == ["peps.E006", "peps.E014"]


@pytest.mark.parametrize("letters", ["0123456789abcdef", string.ascii_letters + string.digits + "-_"])
def test_a_secret_that_is_drawn_is_never_taken_for_a_repeated_one(letters):
    draw = random.Random(7)  # noqa: S311 - the same each time
    for _ in range(500):
        secret = "".join(draw.choices(letters, k=50))
        assert start_checks.list_faults(SOUND | {"SECRET_KEY": secret, "HEALTH_TOKEN": secret[:32]}) == []


@pytest.mark.parametrize("length", [32, 48, 64])
def test_a_sealing_key_that_is_drawn_is_never_taken_for_a_repeated_one(length):
    draw = random.Random(7)  # noqa: S311 - the same each time
    keys = [f"{number}:{base64.b64encode(draw.randbytes(length)).decode()}" for number in range(500)]
    assert start_checks.list_faults(SOUND | {"SEALING_KEYS": keys}) == []


def test_an_accepted_risk_stands_in_the_check_before_a_deployment(settings):
    for name, value in (SOUND | {"PRODUCTION": True, "OFFICE_SECOND_FACTOR": False}).items():
        setattr(settings, name, value)
    assert [one.id for one in start_checks.check_deployment(None)] == ["peps.E009"]
    settings.ACCEPTED_RISKS = ["OFFICE_SECOND_FACTOR"]
    (warning,) = start_checks.check_deployment(None)
    assert (warning.id, warning.level) == ("peps.W009", checks.WARNING)
    assert warning.msg.startswith("Accepted: OFFICE_SECOND_FACTOR")


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
        BEHIND_TLS_PROXY="True", BASE_DOMAIN="evillocalhost", OPERATOR_SECOND_FACTOR="False",
        WEBHOOKS_ALLOW_HTTP="True", WEBHOOKS_PRIVATE_NETWORKS="0.0.0.0/0", METRICS_TOKEN="x" * 32,
    )  # fmt: skip
    assert answer.returncode != 0
    for name in (
        "DEBUG", "SECRET_KEY", "SECURE", "SEALING_KEYS", "TRUSTED_PROXIES", "BASE_DOMAIN", "OPERATOR_SECOND_FACTOR",
        "WEBHOOKS_ALLOW_HTTP", "WEBHOOKS_PRIVATE_NETWORKS",
    ):  # fmt: skip
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
