"""Spreadsheets sent through the API, and the worker that reads, applies and undoes them."""

from __future__ import annotations

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from imports import tasks


def upload(api, content, *, name="écoles.csv", key=None, **fields):
    """Send a file; return the answer."""
    file = SimpleUploadedFile(name, content, content_type="application/octet-stream")
    return api.upload("/imports", {"file": file, **fields}, key=key)


def checked(api, content, **fields):
    """Send a file and let the worker read it; return what the API says of it then."""
    answer = upload(api, content, **fields)
    assert answer.status_code == 201, answer.content.decode()
    return read(api, answer.json()["id"])


def read(api, number):
    """Let the worker read the file."""
    tasks.read(import_id=number)
    return seen(api, number)


def seen(api, number):
    """Return what the API says of an import."""
    return api.get(f"/imports/{number}").json()


def rows(api, number, query=""):
    """Return the rows of an import."""
    return api.get(f"/imports/{number}/rows{query}").json()["data"]


def confirm(api, table, **said):
    """Apply what was shown, with the number that the brake asks for; return the answer."""
    brake = table["plan"]["brake"]
    typed = {"typed": brake["number"]} if brake else {}
    return api.post(f"/imports/{table['id']}/apply", {"digest": table["plan"]["digest"], **typed, **said})


def applied(api, content, **fields):
    """Send a file, have it read and applied; return what the API says of it then."""
    table = checked(api, content, **fields)
    answer = confirm(api, table)
    assert answer.status_code == 202, answer.content.decode()
    tasks.apply(import_id=table["id"], confirmed_at=timezone.now().isoformat())
    return seen(api, table["id"])


def undone(api, number):
    """Have an import undone."""
    answer = api.post(f"/imports/{number}/undo")
    assert answer.status_code == 202, answer.content.decode()
    tasks.undo(import_id=number, asked_at=timezone.now().isoformat())
    return seen(api, number)
