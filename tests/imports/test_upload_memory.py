"""An uploaded file of 20 MB passes through a web process in chunks."""

import hashlib
import io
import random
import tracemalloc
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import MemoryFileUploadHandler, TemporaryFileUploadHandler

from collectivities.capabilities import Role
from imports.enums import Purpose
from imports.models import ImportFile
from imports.operations import upload
from imports.workbooks import provenance
from imports.workbooks.provenance import extract_properties
from tests.api.client import create_client
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import PoolFactory
from tests.imports.actions import upload_and_parse

pytestmark = pytest.mark.django_db

MEGABYTE = 1024 * 1024


def build_file(size):
    """Return an upload on disk: an archive with one member of random bytes, and nothing else to find."""
    file = TemporaryUploadedFile("écoles.xlsx", "application/octet-stream", size, None)
    with zipfile.ZipFile(file.file, "w") as archive:
        archive.writestr("xl/workbook.xml", random.Random(1).randbytes(size))  # noqa: S311 - no secret
    file.size = file.file.tell()
    return file


@pytest.mark.slow
def test_nineteen_megabytes_are_stored_within_two(nimes):
    file, pool = build_file(19 * MEGABYTE), PoolFactory()
    tracemalloc.start()
    try:
        spreadsheet_import = upload.upload(
            purpose=Purpose.ALLOCATION, pool_id=pool.pk, volume="", units_for_all=None, filename="écoles.xlsx",
            content=file, by=None, at=TERM,
        )  # fmt: skip
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * MEGABYTE
    file.seek(0)
    sent = file.read()
    stored = bytes(ImportFile.objects.get(pk=spreadsheet_import.pk).content)
    assert stored == sent
    assert (spreadsheet_import.size, spreadsheet_import.sha256) == (len(sent), hashlib.sha256(sent).hexdigest())


@pytest.mark.parametrize("content", [b"", b"a", b"UAI;Licences\n" * 9, bytes(range(256)) * 1024])
def test_a_file_is_stored_as_it_came(nimes, content):
    spreadsheet_import = upload.store_upload(
        pool_id=PoolFactory().pk, filename="a.csv", content=io.BytesIO(content), units_for_all=None, by=None, at=TERM
    )
    assert bytes(ImportFile.objects.get(pk=spreadsheet_import.pk).content) == content


def test_files_beyond_a_few_hundred_kilobytes_are_written_to_disk(settings):
    handlers = [name.rpartition(".")[2] for name in settings.FILE_UPLOAD_HANDLERS]
    assert handlers == [MemoryFileUploadHandler.__name__, TemporaryFileUploadHandler.__name__]
    assert settings.FILE_UPLOAD_MAX_MEMORY_SIZE <= MEGABYTE


@pytest.mark.slow
@pytest.mark.parametrize("door", ["page", "corrected", "api"])
def test_pages_and_api_pass_the_file_on_unread(door, nimes, office, monkeypatch):
    operation = {"page": "imports.web.views.listing.upload_spreadsheet",
                 "corrected": "imports.web.views.listing.store_upload",
                 "api": "imports.operations.upload.upload"}[door]  # fmt: skip

    class SeenError(Exception):
        """Ends the request once the content was seen."""

    def look(*, content, **_):
        raise SeenError(content)

    pool = PoolFactory()
    earlier = upload_and_parse(pool, b"UAI;Licences\n0300001A;1\n")
    monkeypatch.setattr(operation, look)
    file = SimpleUploadedFile("a.csv", b"UAI;Licences\n0300001A;1\n")
    manager = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    send = {
        "page": lambda: manager.post("/imports/nouveau/", {"file": file, "purpose": "allocation", "pool": pool.pk}),
        "corrected": lambda: manager.post(f"/imports/{earlier.pk}/corrige/", {"file": file}),
        "api": lambda: create_client().upload("/imports", {"file": file, "purpose": "portfolio"}),
    }[door]
    with pytest.raises(SeenError) as seen:
        send()
    assert isinstance(seen.value.args[0], UploadedFile)


def test_the_provenance_is_found_in_the_file_alone():
    content = io.BytesIO()
    signed = b'name="peps-import"><vt:lpwstr>7.6:abc</vt:lpwstr>'
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"<x/>" * 100_000)
        archive.writestr("docProps/custom.xml", signed)
    with zipfile.ZipFile(io.BytesIO(extract_properties(content))) as archive:
        assert archive.namelist() == ["docProps/custom.xml"]
        assert archive.read("docProps/custom.xml") == signed


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"UAI;Licences\n", b"PK\x03\x04", b"PK\x03\x04" + b"PK\x01\x02" * 20_000, b"\xff" * 99]
)
def test_what_is_no_archive_has_no_provenance(content):
    assert extract_properties(io.BytesIO(content)) == b""
    assert provenance.read_provenance(b"", "nimes") is None


@pytest.mark.slow
def test_a_property_that_unpacks_to_much_is_read_to_its_bound():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("docProps/custom.xml", b"x" * 50 * MEGABYTE)
    tracemalloc.start()
    try:
        assert extract_properties(content) == b""
        assert tracemalloc.get_traced_memory()[1] < 2 * MEGABYTE
    finally:
        tracemalloc.stop()
