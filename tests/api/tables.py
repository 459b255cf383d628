"""Spreadsheets uploaded through the API, and the worker tasks that check, apply and undo them."""

from __future__ import annotations

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from imports import tasks


def upload(api, content, *, name="écoles.csv", key=None, **fields):
    """Upload a file; return the response."""
    file = SimpleUploadedFile(name, content, content_type="application/octet-stream")
    return api.upload("/imports", {"file": file, **fields}, key=key)


def checked(api, content, **fields):
    """Upload a file and run its check; return the import as the API shows it."""
    answer = upload(api, content, **fields)
    assert answer.status_code == 201, answer.content.decode()
    return read(api, answer.json()["id"])


def read(api, number):
    """Run the check of the file; return the import."""
    tasks.read(import_id=number)
    return seen(api, number)


def seen(api, number):
    """Return an import as the API shows it."""
    return api.get(f"/imports/{number}").json()


def rows(api, number, query=""):
    """Return the rows of an import."""
    return api.get(f"/imports/{number}/rows{query}").json()["data"]


def confirm(api, table, **result):
    """Apply the shown plan, with the count that the confirmation guard requires; return the response."""
    brake = table["plan"]["brake"]
    typed = {"typed": brake["number"]} if brake else {}
    return api.post(f"/imports/{table['id']}/apply", {"digest": table["plan"]["digest"], **typed, **result})


def applied(api, content, **fields):
    """Upload, check and apply a file; return the import."""
    table = checked(api, content, **fields)
    answer = confirm(api, table)
    assert answer.status_code == 202, answer.content.decode()
    tasks.apply(import_id=table["id"], confirmed_at=timezone.now().isoformat())
    return seen(api, table["id"])


def undone(api, number):
    """Undo an import; return it."""
    answer = api.post(f"/imports/{number}/undo")
    assert answer.status_code == 202, answer.content.decode()
    tasks.undo(import_id=number, asked_at=timezone.now().isoformat())
    return seen(api, number)
