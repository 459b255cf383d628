"""Spreadsheets uploaded through the API, and the worker tasks that check, apply and undo them."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from imports import tasks


def upload(api, content, *, name="écoles.csv", key=None, **fields):
    """Upload a file; return the response."""
    file = SimpleUploadedFile(name, content, content_type="application/octet-stream")
    return api.upload("/imports", {"file": file, **fields}, key=key)


def upload_and_check(api, content, **fields):
    """Upload a file and run its check; return the import as the API shows it."""
    answer = upload(api, content, **fields)
    assert answer.status_code == 201, answer.content.decode()
    return run_check(api, answer.json()["id"])


def run_check(api, number):
    """Run the check of the file; return the import."""
    tasks.read(import_id=number)
    return get_import(api, number)


def get_import(api, number):
    """Return an import as the API shows it."""
    return api.get(f"/imports/{number}").json()


def list_rows(api, number, query=""):
    """Return the rows of an import."""
    return api.get(f"/imports/{number}/rows{query}").json()["data"]


def request_apply(api, table, **result):
    """Apply the shown plan, with the count that the confirmation guard requires; return the response."""
    confirmation = table["plan"]["confirmation"]
    confirmation_count = {"confirmation_count": confirmation["count"]} if confirmation else {}
    return api.post(
        f"/imports/{table['id']}/apply", {"digest": table["plan"]["digest"], **confirmation_count, **result}
    )


def upload_and_apply(api, content, **fields):
    """Upload, check and apply a file; return the import."""
    table = upload_and_check(api, content, **fields)
    answer = request_apply(api, table)
    assert answer.status_code == 202, answer.content.decode()
    tasks.apply(import_id=table["id"], confirmed_at=timezone.now().isoformat())
    return get_import(api, table["id"])


def undo_import(api, number):
    """Undo an import; return it."""
    answer = api.post(f"/imports/{number}/undo")
    assert answer.status_code == 202, answer.content.decode()
    tasks.undo(import_id=number, asked_at=timezone.now().isoformat())
    return get_import(api, number)
