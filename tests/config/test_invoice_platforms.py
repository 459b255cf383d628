"""The accounts at invoice platforms, as the environment gives them."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from config import external_services
from licensing.books.billing.transmission.accounts import ChorusProAccount

VARIABLES = ("CHORUS_PRO_CLIENT_ID", "CHORUS_PRO_CLIENT_SECRET", "CHORUS_PRO_LOGIN", "CHORUS_PRO_PASSWORD")


@pytest.fixture
def set_variables(monkeypatch):
    """Set the named variables of Chorus Pro's account, and no other."""

    def set_them(*names: str) -> None:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name in names:
            monkeypatch.setenv(name, f"value of {name}")

    return set_them


def test_without_an_account_nothing_is_sent(set_variables):
    set_variables()
    assert external_services.read_platforms() == {}


def test_an_account_is_given_whole(set_variables):
    set_variables(*VARIABLES)
    path, account = external_services.read_platforms()["chorus_pro"]
    assert isinstance(account, ChorusProAccount)
    assert account.password == "value of CHORUS_PRO_PASSWORD"
    assert "value of" not in repr(account)
    assert import_string(path)(account).send


@pytest.mark.parametrize("missing", VARIABLES)
def test_an_account_in_part_stops_the_start(set_variables, missing):
    set_variables(*(name for name in VARIABLES if name != missing))
    with pytest.raises(ImproperlyConfigured, match="CHORUS_PRO_PASSWORD are set together"):
        external_services.read_platforms()
