"""What a browser does with a file that somebody uploaded."""

import pytest
from django.apps import apps
from django.db import models

from core.documents import build_file_response


def test_files_are_rows_and_no_path_is_made_of_a_name():
    fields = [field for model in apps.get_models() for field in model._meta.get_fields()]  # noqa: SLF001 - documented
    assert [str(field) for field in fields if isinstance(field, models.FileField | models.FilePathField)] == []


@pytest.mark.parametrize(
    ("content_type", "inline", "expected"),
    [
        ("application/pdf", True, ("application/pdf", "inline")),
        ("application/pdf", False, ("application/pdf", "attachment")),
        # Both run scripts under our host where they are shown.
        ("text/html", True, ("application/octet-stream", "attachment")),
        ("image/svg+xml", True, ("application/octet-stream", "attachment")),
    ],
)
def test_only_what_runs_nothing_is_shown_and_not_downloaded(content_type, inline, expected):
    response = build_file_response(b"x", name="bon.pdf", content_type=content_type, inline=inline)
    assert (response["Content-Type"], response["Content-Disposition"].partition(";")[0]) == expected
    assert (response["X-Content-Type-Options"], response["Cache-Control"]) == ("nosniff", "no-store")
