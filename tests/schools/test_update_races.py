"""Two updates at once, and two operators who agree at once: each happens once."""

import ipaddress

import pytest

from jobs.models import Job
from schools.directory import updates
from schools.directory.models import DirectorySync, HeldDirectoryFile
from schools.exceptions import SynchronisationInProgress
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.races import run_concurrently
from tests.schools.directory_files import make_row, write_file
from tests.schools.open_data_server import OpenDataServer, serve

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(settings):
    settings.DIRECTORY_PRIVATE_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]
    with OpenDataServer() as server:
        yield server


def update(site):
    return updates.update_from_url(url=site.url, full=True, by=None, at=TERM)


def build(tmp_path, numbers):
    return write_file(tmp_path / "annuaire.csv", [make_row(number) for number in numbers]).read_bytes()


@pytest.mark.usefixtures("committing")
def test_two_updates_at_once_make_one_download(site, tmp_path):
    content = build(tmp_path, range(1, 20))

    def answer(handler):
        # The other one comes meanwhile.
        handler.server.site.over.wait(1.0)
        handler.respond(200, content)

    site.answer = answer
    results = run_concurrently("public", [lambda: update(site)] * 2, expected_errors=SynchronisationInProgress)
    assert sorted(type(result).__name__ for result in results) == ["SynchronisationInProgress", "UpdateResult"]
    assert (len(site.requests), DirectorySync.objects.count()) == (1, 1)


@pytest.mark.slow
@pytest.mark.usefixtures("committing")
def test_two_operators_who_agree_at_once_have_it_applied_once(site, tmp_path, monkeypatch):
    site.answer = serve(build(tmp_path, range(1, 101)))
    update(site)
    site.answer = serve(build(tmp_path, range(4, 101)))
    update(site)
    sync_id = HeldDirectoryFile.objects.get().sync_id
    operators = [OperatorFactory(), OperatorFactory()]

    def agree(operator):
        return lambda: updates.accept_held_file(sync_id=sync_id, by=operator, at=TERM)

    results = run_concurrently("public", [agree(one) for one in operators], expected_errors=updates.NothingHeld)
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "NothingHeld"]
    assert Job.objects.filter(task_name=updates.APPLY_HELD).count() == 1
