"""Two synchronisations at once: the second is refused and nothing is written twice."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection

from schools.directory import merge, operations
from schools.directory.models import DirectorySync
from schools.exceptions import SynchronisationInProgress
from schools.models import School
from tests.conftest import TERM
from tests.schools.directory_files import make_row, write_file
from tests.waits import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_second_is_refused_while_the_first_works(committing, tmp_path, monkeypatch):
    path = write_file(tmp_path / "annuaire.csv", [make_row(number) for number in range(1, 20)])
    at_work, may_end = Event(), Event()
    write_changes = merge.apply_changes

    def write_slowly(**arguments):
        at_work.set()
        wait_until(may_end.is_set)
        return write_changes(**arguments)

    def synchronise():
        with contextlib.closing(connection):
            return operations.synchronise(path=path, by=None, at=TERM)

    monkeypatch.setattr(merge, "apply_changes", write_slowly)
    with ThreadPoolExecutor(max_workers=2) as workers:
        first = workers.submit(synchronise)
        wait_until(at_work.is_set)
        try:
            with pytest.raises(SynchronisationInProgress, match="attendez"):
                workers.submit(synchronise).result()
        finally:
            may_end.set()
        assert len(first.result().added) == 19
    assert (School.objects.count(), DirectorySync.objects.count()) == (19, 1)
    # The lock was released with its transaction.
    assert operations.synchronise(path=path, by=None, at=TERM).counts()["unchanged"] == 19
