"""The URL of the directory: https on a server, and nothing that would fail each night."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import external_services


@pytest.mark.parametrize(
    "url", ["", "https://data.exemple.fr/annuaire.csv?delimiter=%3B", "https://[2001:db8::1]:8443/a"]
)
def test_a_url_is_read(monkeypatch, url):
    monkeypatch.setenv("DIRECTORY_URL", url)
    assert external_services.read_directory_url(is_production=True) == url


def test_http_is_for_a_machine_of_ones_own(monkeypatch):
    monkeypatch.setenv("DIRECTORY_URL", "http://127.0.0.1:8000/annuaire.csv")
    assert external_services.read_directory_url(is_production=False)
    with pytest.raises(ImproperlyConfigured, match="DIRECTORY_URL"):
        external_services.read_directory_url(is_production=True)


@pytest.mark.parametrize(
    "url",
    [
        "annuaire.csv",
        "file:///etc/passwd",
        "https://",
        "https://exemple.fr:0/",
        "https://exemple.fr:x/",
        "https://u:p@exemple.fr/",
        "https://exemple.fr/#ici",
        "https://exemple.fr/" + "a" * 500,
    ],
)
def test_what_could_not_be_downloaded_stops_the_start(monkeypatch, url):
    monkeypatch.setenv("DIRECTORY_URL", url)
    with pytest.raises(ImproperlyConfigured, match="DIRECTORY_URL"):
        external_services.read_directory_url(is_production=False)
