"""DATABASE_URL, read at the start: an address of PostgreSQL, or a refusal that does not show its password."""

import os

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.database import _mend_leftovers, from_url


def test_an_address_with_escaped_characters_and_options():
    settings = from_url("postgresql://u:p%40@h:5432/db%2Fx?sslmode=require")
    assert (settings["USER"], settings["PASSWORD"], settings["HOST"]) == ("u", "p@", "h")
    assert (settings["PORT"], settings["NAME"], settings["OPTIONS"]["sslmode"]) == (5432, "db/x", "require")


def test_a_socket_is_the_host():
    settings = from_url("postgresql:///peps?host=/run/postgresql&port=5433")
    assert (settings["HOST"], settings["PORT"]) == ("/run/postgresql", 5433)
    assert not {"host", "port"} & settings["OPTIONS"].keys()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://u:secret@h/d",
        "postgresql://u:secret@h",
        "postgresql://u:secret@h:port/d",
        "postgresql://u:secret@/d?host=h&port=p",
        "sqlite:///d",
    ],
)
def test_another_kind_of_address_is_refused_without_its_password(url):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must read postgresql://") as refusal:
        from_url(url)
    assert "secret" not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(("left", "kept"), [("", "[]"), ("[12", "[]"), ("[12]", "[12]"), (None, None)])
def test_a_list_that_a_kill_left_half_written_is_empty(left, kept, tmp_path):
    handles = tmp_path / ".handle_pids.json"
    if left is not None:
        handles.write_text(left, encoding="utf-8")
    _mend_leftovers(tmp_path)
    assert (handles.read_text(encoding="utf-8") if handles.exists() else None) == kept


@pytest.mark.parametrize("is_alive", [True, False], ids=["another process", "no process"])
def test_a_number_that_is_another_process_by_now_is_no_server(is_alive, tmp_path):
    started = tmp_path / "postmaster.pid"
    # Above the highest number that a kernel gives.
    started.write_text(f"{os.getpid() if is_alive else 2**22 + 1}\n{tmp_path}\n", encoding="utf-8")
    _mend_leftovers(tmp_path)
    assert started.exists() != is_alive
