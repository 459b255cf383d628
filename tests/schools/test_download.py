"""Downloading a file: whatever the server does, it comes wholly or is refused with a French sentence."""

import hashlib
import io
import ipaddress

import pytest

from schools.directory import updates as downloading
from schools.directory.updates import DownloadedFile, check_url, download
from schools.exceptions import DownloadFailed
from tests.schools.open_data_server import OpenDataServer, serve, serve_unless_known

CONTENT = b"Identifiant_de_l_etablissement;Nom\n" * 2_000
DATE = "Fri, 27 Nov 2026 03:00:00 GMT"


@pytest.fixture
def site(settings):
    settings.DIRECTORY_PRIVATE_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]
    with OpenDataServer() as server:
        yield server


def refusal_of(url, **known) -> str:
    with pytest.raises(DownloadFailed) as refusal:
        download(url, io.BytesIO(), **known)
    return str(refusal.value)


def test_a_file_comes_with_what_its_server_says_of_it(site):
    site.answer = serve(CONTENT, ETag='"v1"', Last_Modified=DATE)
    target = io.BytesIO()
    assert download(site.url, target) == DownloadedFile(hashlib.sha256(CONTENT).hexdigest(), '"v1"', DATE)
    assert target.getvalue() == CONTENT
    assert site.requests[0][1]["accept-encoding"] == "identity"


def test_what_the_server_has_not_changed_does_not_come_again(site):
    site.answer = serve_unless_known(CONTENT, '"v1"')
    assert download(site.url, io.BytesIO(), etag='"v1"', last_modified=DATE) is None
    headers = site.requests[0][1]
    assert (headers["if-none-match"], headers["if-modified-since"]) == ('"v1"', DATE)
    assert download(site.url, io.BytesIO(), etag='"v0"') is not None


def test_an_unmodified_file_that_nobody_asked_about_is_an_error(site):
    site.answer = serve(b"", 304)
    assert "(304)" in refusal_of(site.url)


def test_values_too_long_to_be_asked_for_again_are_left(site):
    site.answer = serve(CONTENT, ETag=f'"{"v" * 300}"', Last_Modified="x" * 60)
    downloaded = download(site.url, io.BytesIO())
    assert (downloaded.etag, downloaded.last_modified) == ("", "")


def test_redirections_are_followed_and_counted(site):
    site.answer = lambda handler: (
        handler.respond(200, CONTENT) if handler.path == "/la" else handler.respond(302, Location="/la")
    )
    target = io.BytesIO()
    download(site.url, target)
    assert target.getvalue() == CONTENT
    site.answer = serve(b"", 302, Location="/encore")
    assert "plus de 5 fois" in refusal_of(site.url)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://exemple.fr/", "https://", "http://u:p@exemple.fr/"])
def test_a_redirection_elsewhere_than_to_the_web_is_refused(site, location):
    site.answer = serve(b"", 302, Location=location)
    assert "n'est pas celle d'un fichier" in refusal_of(site.url)


def test_in_production_nothing_comes_in_the_clear(site, settings):
    settings.PRODUCTION = True
    assert "https" in refusal_of(site.url)
    assert not site.requests
    with pytest.raises(DownloadFailed):
        check_url("http://data.exemple.fr/annuaire.csv")
    check_url("https://data.exemple.fr/annuaire.csv")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost"])
def test_nothing_is_asked_of_a_private_network(site, settings, host):
    settings.DIRECTORY_PRIVATE_NETWORKS = []
    assert "réseau privé" in refusal_of(site.url.replace("127.0.0.1", host))
    assert not site.requests


def test_a_redirection_to_a_private_network_is_refused(site):
    site.answer = serve(b"", 302, Location="http://169.254.169.254/latest/meta-data/")
    assert "réseau privé" in refusal_of(site.url)


@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_an_error_is_named_by_its_number(site, status):
    site.answer = serve(CONTENT, status)
    assert f"({status})" in refusal_of(site.url)


def test_a_web_page_is_refused(site):
    site.answer = serve(b"<html>Maintenance</html>", Content_Type="text/html; charset=utf-8")
    assert "page web" in refusal_of(site.url)


def test_a_file_shorter_than_announced_is_refused(site):
    site.answer = serve(CONTENT[:-10], length=len(CONTENT))
    assert "avant la fin" in refusal_of(site.url)


def test_a_file_that_does_not_end_is_refused_by_its_size(site, monkeypatch):
    monkeypatch.setattr(downloading, "MAX_BYTES", 1024 * 1024)
    site.answer = lambda handler: handler.drip(b"x" * 200_000, every=0)
    assert refusal_of(site.url) == "Le fichier dépasse 1 Mo."


def test_a_server_that_drips_is_left(site, monkeypatch):
    monkeypatch.setattr(downloading, "TOTAL_TIMEOUT", 0.5)
    site.answer = lambda handler: handler.drip(b"x", every=0.05, pieces=400)
    assert "trop longtemps" in refusal_of(site.url)


def test_a_server_that_falls_silent_is_left(site, monkeypatch):
    monkeypatch.setattr(downloading, "SILENCE_TIMEOUT", 0.3)
    site.answer = lambda handler: handler.drip(b"x", every=30)
    assert "trop longtemps" in refusal_of(site.url)


def test_a_server_that_hangs_up_or_speaks_something_else(site):
    site.answer = lambda handler: setattr(handler, "close_connection", True)
    assert "s'est tu" in refusal_of(site.url)
    site.answer = lambda handler: handler.wfile.write(b"\x16\x03\x01 bonjour\r\n\r\n")
    assert "HTTP" in refusal_of(site.url)


@pytest.mark.usefixtures("site")
def test_a_server_that_is_away():
    assert refusal_of("http://127.0.0.1:9/") == "Le site ne peut pas être joint."
    assert "ne peut pas être joint" in refusal_of("http://n-existe-pas.invalid/annuaire.csv")
