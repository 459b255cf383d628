"""The account at an approved platform, and the platform that reports go through, as the environment gives them."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from config import external_services

ACCOUNT = (
    "APPROVED_PLATFORM_URL",
    "APPROVED_PLATFORM_TOKEN_URL",
    "APPROVED_PLATFORM_CLIENT_ID",
    "APPROVED_PLATFORM_CLIENT_SECRET",
)
OTHERS = ("APPROVED_PLATFORM_ORGANIZATION", "APPROVED_PLATFORM_NUMBER", "APPROVED_PLATFORM_NAME")


@pytest.fixture
def set_variables(monkeypatch):
    """Set these variables of the approved platform, and no other."""

    def set_them(**values: str) -> None:
        for name in (*ACCOUNT, *OTHERS):
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_them


def test_an_account_is_given_whole_and_keeps_its_secrets(set_variables):
    set_variables(
        **{name: f"https://{name}" for name in ACCOUNT}, APPROVED_PLATFORM_NUMBER="0042", APPROVED_PLATFORM_NAME="P"
    )

    path, account = external_services.read_platforms()["platform"]

    assert import_string(path)(account).account.number == "0042"
    assert "CLIENT_SECRET" not in repr(account)
    assert "CLIENT_ID" not in repr(account)


@pytest.mark.parametrize("missing", ACCOUNT)
def test_an_account_in_part_stops_the_start(set_variables, missing):
    set_variables(**{name: "value" for name in ACCOUNT if name != missing})

    with pytest.raises(ImproperlyConfigured, match="APPROVED_PLATFORM_CLIENT_SECRET are set together"):
        external_services.read_platforms()


def test_without_an_account_reports_may_still_name_their_platform(set_variables):
    set_variables(APPROVED_PLATFORM_NUMBER="0042", APPROVED_PLATFORM_NAME="P")

    assert external_services.read_platforms() == {}
    assert external_services.read_reporting_platform() == ("0042", "P")


@pytest.mark.parametrize(("number", "name"), [("0042", ""), ("", "P"), ("42", "P")])
def test_a_platform_that_is_named_in_part_stops_the_start(set_variables, number, name):
    set_variables(APPROVED_PLATFORM_NUMBER=number, APPROVED_PLATFORM_NAME=name)

    with pytest.raises(ImproperlyConfigured, match="four characters"):
        external_services.read_reporting_platform()
