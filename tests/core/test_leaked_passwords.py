"""Passwords of known leaks: a sorted file of their hashes, and a service that learns five digits of one."""

import hashlib
import logging

import pytest
import requests
from django.core.exceptions import ImproperlyConfigured

from config import external_services
from core import leaked_passwords

LEAKED = [f"fuite-{number}" for number in range(500)]
URL = "https://fuites.exemple.example/range/"


def hash_password(password):
    return hashlib.sha1(password.encode()).hexdigest().upper()  # noqa: S324 - as the lists have it


def write_lines(path, lines, end="\n"):
    path.write_bytes(b"".join(f"{line}{end}".encode() for line in lines))
    return path


@pytest.mark.parametrize(("suffix", "end"), [(":1", "\n"), (":123456", "\r\n"), ("", "\n")])
def test_every_line_of_a_sorted_file_is_found_and_nothing_else(tmp_path, suffix, end):
    hashes = sorted(map(hash_password, LEAKED))
    file = write_lines(tmp_path / "leaks.txt", [one + suffix for one in hashes], end)
    leaked_passwords.check_file(file)
    assert all(leaked_passwords.is_in_file(file, password) for password in LEAKED)
    assert not any(leaked_passwords.is_in_file(file, f"secret-{number}") for number in range(500))


def test_a_file_in_small_letters_without_a_last_line_break_is_read(tmp_path):
    file = tmp_path / "leaks.txt"
    file.write_text("\n".join(sorted(hash_password(password).lower() for password in LEAKED[:3])))
    leaked_passwords.check_file(file)
    assert all(leaked_passwords.is_in_file(file, password) for password in LEAKED[:3])


SORTED = sorted(map(hash_password, LEAKED))
UNUSABLE = {
    "sorted": [*SORTED[250:], *SORTED[:250]],
    "SHA-1": [line[:32] for line in SORTED],
    "must begin": [],
    "40 hexadecimal": ["x" * 100_000],
    "digits": LEAKED,
}


@pytest.mark.parametrize("reason", UNUSABLE)
def test_a_file_that_is_no_sorted_list_of_hashes_stops_the_start(tmp_path, monkeypatch, reason):
    file = write_lines(tmp_path / "leaks.txt", UNUSABLE[reason])
    monkeypatch.setenv("PASSWORD_LEAKS_FILE", str(file))
    with pytest.raises(ImproperlyConfigured, match=f"PASSWORD_LEAKS_FILE.*{reason}"):
        external_services.read_leaks_file()


def test_a_missing_file_stops_the_start_and_none_at_all_does_not(tmp_path, monkeypatch):
    monkeypatch.setenv("PASSWORD_LEAKS_FILE", str(tmp_path / "leaks.txt"))
    with pytest.raises(ImproperlyConfigured, match="No such file"):
        external_services.read_leaks_file()
    monkeypatch.setenv("PASSWORD_LEAKS_FILE", "")
    assert external_services.read_leaks_file() is None


def test_a_file_that_goes_away_refuses_no_password_and_is_logged(tmp_path, caplog):
    assert not leaked_passwords.is_in_file(tmp_path / "leaks.txt", LEAKED[0])
    assert "PASSWORD_LEAKS_FILE cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("url", "is_production", "is_valid"),
    [
        ("", True, True),
        (URL, True, True),
        ("http://127.0.0.1:8001/range/", False, True),
        ("http://127.0.0.1:8001/range/", True, False),
        ("https://fuites.exemple.example/range", True, False),
        ("https:///range/", True, False),
        ("https://fuites.exemple.example/?/", True, False),
        ("https://[/", True, False),
    ],
)
def test_a_service_is_named_by_the_whole_address_of_its_ranges(monkeypatch, url, is_production, is_valid):
    monkeypatch.setenv("PASSWORD_LEAKS_URL", url)
    if is_valid:
        assert external_services.read_leaks_url(is_production=is_production) == url
        return
    with pytest.raises(ImproperlyConfigured, match="PASSWORD_LEAKS_URL"):
        external_services.read_leaks_url(is_production=is_production)


@pytest.fixture
def service(monkeypatch):
    """Answer as the service does: with `answer.text`, or by raising `answer.error`. Keeps what it was asked."""

    class LeaksAnswer:
        text, status_code, error, asked = "", 200, None, []

    def get(url, **arguments):
        LeaksAnswer.asked = [*LeaksAnswer.asked, (url, arguments)]
        if LeaksAnswer.error:
            raise LeaksAnswer.error
        return LeaksAnswer

    monkeypatch.setattr(requests, "get", get)
    return LeaksAnswer


def test_the_service_learns_five_digits_of_the_hash(service):
    digest = hash_password("fuite-1")
    service.text = f"{'0' * 35}:7\r\n{digest[5:]}:12\r\n"
    assert leaked_passwords.is_known_to_service(URL, "fuite-1")
    [(url, arguments)] = service.asked
    assert url == URL + digest[:5]
    assert arguments == {"headers": {"Add-Padding": "true"}, "timeout": 2.0, "allow_redirects": False}


def test_what_the_service_does_not_list_or_adds_as_padding_is_accepted(service):
    service.text = f"{'0' * 35}:7\r\n{hash_password('fuite-1')[5:]}:0"
    assert not leaked_passwords.is_known_to_service(URL, "fuite-1")
    assert not leaked_passwords.is_known_to_service(URL, "fuite-2")


@pytest.mark.parametrize("status", [302, 404, 503])
def test_a_service_that_refuses_is_no_refusal_of_the_password(service, caplog, status):
    service.text, service.status_code = f"{hash_password('fuite-1')[5:]}:12", status
    assert not leaked_passwords.is_known_to_service(URL, "fuite-1")
    assert str(status) in caplog.text


def test_a_silent_service_is_logged_without_a_digit_of_the_hash(caplog):
    caplog.set_level(logging.INFO)
    assert not leaked_passwords.is_known_to_service("http://127.0.0.1:9/range/", "fuite-1")
    assert "PASSWORD_LEAKS_URL does not answer: ConnectionError" in caplog.text
    assert hash_password("fuite-1")[:5] not in caplog.text
