"""Updating the directory by its URL: what is applied, what is left, and what waits for the operator."""

import datetime
import gzip
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from jobs import retention
from jobs.models import Job
from schools import tasks
from schools.directory import updates
from schools.directory.models import DirectoryChange, DirectorySync, HeldDirectoryFile, SyncOutcome
from schools.directory.operations import synchronise
from schools.exceptions import SynchronisationInProgress
from schools.models import School
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.factories.schools import SchoolFactory
from tests.schools.directory_files import VINTAGES, make_row, make_uai, write_file
from tests.schools.open_data_server import directory_site, serve, serve_unless_known

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)
APPLIED, UNCHANGED, HELD, REFUSED, FAILED = SyncOutcome


@pytest.fixture
def site(settings):
    with directory_site(settings) as server:
        yield server


@pytest.fixture
def build(tmp_path):
    """Return the bytes of a file of these numbers."""

    def write(numbers, header=VINTAGES["2026"], **cells):
        rows = [make_row(number, **cells) for number in numbers]
        return write_file(tmp_path / "annuaire.csv", rows, header).read_bytes()

    return write


def update(site, *, at=TERM, **options):
    return updates.update_from_url(url=site.url, full=True, by=None, at=at, **options)


def list_outcomes():
    return list(DirectorySync.objects.order_by("pk").values_list("outcome", flat=True))


def hold_closures(site, build):
    """Have a file wait that closes three of a hundred schools."""
    site.answer = serve(build(range(1, 101)))
    update(site)
    site.answer = serve(build(range(4, 101)))
    assert update(site, at=TERM + DAY).outcome == HELD
    return HeldDirectoryFile.objects.get()


def test_a_file_is_applied_and_its_run_recorded(site, build):
    site.answer = serve(build([1, 2]), ETag='"v1"', Last_Modified="Fri, 27 Nov 2026 03:00:00 GMT")
    result = update(site)
    assert (result.outcome, len(result.report.added)) == (APPLIED, 2)
    sync = DirectorySync.objects.get()
    assert (sync.url, sync.file_name, sync.etag, sync.full) == (site.url, "annuaire.csv", '"v1"', True)
    assert (sync.last_modified, len(sync.sha256)) == ("Fri, 27 Nov 2026 03:00:00 GMT", 64)
    assert {"uai", "name", "email"} <= set(sync.columns)


def test_a_compressed_file_is_applied(site, build):
    site.answer = serve(gzip.compress(build([1])))
    assert update(site).outcome == APPLIED
    assert School.objects.get().pk == make_uai(1)


def test_what_has_not_changed_is_not_read_again(site, build):
    site.answer = serve_unless_known(build([1]), '"v1"')
    update(site)
    assert update(site, at=TERM + DAY).outcome == UNCHANGED
    assert site.requests[-1][1]["if-none-match"] == '"v1"'
    # And what the run says is asked for by the next one.
    assert update(site, at=TERM + 2 * DAY).outcome == UNCHANGED
    assert site.requests[-1][1]["if-none-match"] == '"v1"'
    # A server without ETag sends the same bytes again.
    site.answer = serve(build([1]))
    assert update(site, at=TERM + 3 * DAY).outcome == UNCHANGED
    assert list_outcomes() == [APPLIED, UNCHANGED, UNCHANGED, UNCHANGED]


def test_a_file_by_hand_is_followed_by_a_whole_download(site, build, tmp_path):
    site.answer = serve_unless_known(build([1, 2]), '"v1"')
    update(site)
    synchronise(path=write_file(tmp_path / "vieux.csv", [make_row(1, Mail="")]), by=None, at=TERM)
    assert update(site).outcome == APPLIED
    assert School.objects.get(pk=make_uai(1)).email


@pytest.mark.slow
def test_too_many_closures_wait_with_their_list(site, build):
    held = hold_closures(site, build)
    assert not School.objects.filter(state="closed").exists()
    assert "fermerait 3 des 100" in held.sync.reason
    closed = held.sync.changes.filter(verdict="closed").order_by("uai")
    assert [change.uai for change in closed] == [make_uai(1), make_uai(2), make_uai(3)]
    assert gzip.decompress(held.content) == build(range(4, 101))


@pytest.mark.slow
def test_what_waits_is_not_held_twice(site, build):
    held = hold_closures(site, build)
    result = update(site, at=TERM + 2 * DAY)
    assert (result.outcome, "attend votre accord" in result.reason) == (UNCHANGED, True)
    assert HeldDirectoryFile.objects.get().sync_id == held.sync_id


@pytest.mark.slow
def test_a_sound_file_takes_the_place_of_what_waits(site, build):
    hold_closures(site, build)
    site.answer = serve(build(range(1, 103)))
    assert update(site, at=TERM + 2 * DAY).outcome == APPLIED
    assert not HeldDirectoryFile.objects.exists()


@pytest.mark.slow
def test_another_doubtful_file_takes_the_place_of_the_one_before(site, build):
    first = hold_closures(site, build)
    site.answer = serve(gzip.compress(build(range(6, 101))))
    assert update(site, at=TERM + 2 * DAY).outcome == HELD
    held = HeldDirectoryFile.objects.get()
    assert held.sync_id != first.sync_id
    with pytest.raises(updates.NothingHeld, match="un autre est venu"):
        updates.accept_held_file(sync_id=first.sync_id, by=OperatorFactory(), at=TERM)


@pytest.mark.slow
def test_the_file_that_was_agreed_to_is_applied_and_no_other(site, build):
    held, operator = hold_closures(site, build), OperatorFactory()
    updates.accept_held_file(sync_id=held.sync_id, by=operator, at=TERM + 2 * DAY)
    with pytest.raises(updates.NothingHeld, match="déjà donné"):
        updates.accept_held_file(sync_id=held.sync_id, by=operator, at=TERM + 2 * DAY)
    assert Job.objects.filter(task_name=updates.APPLY_HELD).count() == 1
    site.answer = serve(build([50]))
    updates.apply_held_file(sync_id=held.sync_id, at=TERM + 2 * DAY)
    assert School.objects.filter(state="closed").count() == 3
    last = DirectorySync.objects.latest("pk")
    assert (last.outcome, last.by, last.sha256, last.closed) == (APPLIED, operator, held.sync.sha256, 3)
    # Once.
    updates.apply_held_file(sync_id=held.sync_id, at=TERM + 2 * DAY)
    assert list_outcomes() == [APPLIED, HELD, APPLIED]


@pytest.mark.slow
def test_nothing_is_applied_before_somebody_agreed(site, build):
    held = hold_closures(site, build)
    updates.apply_held_file(sync_id=held.sync_id, at=TERM)
    assert not School.objects.filter(state="closed").exists()


@pytest.mark.slow
def test_a_closure_that_was_not_in_the_list_is_refused(site, build):
    held = hold_closures(site, build)
    updates.accept_held_file(sync_id=held.sync_id, by=OperatorFactory(), at=TERM)
    SchoolFactory(uai=make_uai(500))  # opened since, and not in the file
    updates.apply_held_file(sync_id=held.sync_id, at=TERM + 2 * DAY)
    assert not School.objects.filter(state="closed").exists()
    assert "1\xa0établissement de plus que la liste" in DirectorySync.objects.latest("pk").reason
    # The next night brings the list anew.
    assert update(site, at=TERM + 3 * DAY).outcome == HELD


@pytest.mark.slow
def test_a_lost_column_waits_even_where_nothing_closes(site, build):
    site.answer = serve(build([1, 2]))
    update(site)
    site.answer = serve(build([1, 2], VINTAGES["2026"].replace(";Mail;", ";Courrier;")))
    result = update(site)
    assert result.outcome == HELD
    assert result.reason == "Le fichier n'a plus la colonne « mail », que le précédent avait."
    updates.accept_held_file(sync_id=HeldDirectoryFile.objects.get().sync_id, by=OperatorFactory(), at=TERM)
    updates.apply_held_file(sync_id=DirectorySync.objects.latest("pk").pk, at=TERM)
    assert list_outcomes() == [APPLIED, HELD, APPLIED]


def test_an_older_file_waits(site, build):
    site.answer = serve(build([1]), Last_Modified="Fri, 27 Nov 2026 03:00:00 GMT")
    update(site)
    site.answer = serve(build([1, 2]), Last_Modified="Fri, 20 Nov 2026 03:00:00 GMT")
    assert "plus ancien que le précédent : le 20 novembre 2026" in update(site).reason.replace("\xa0", " ")
    site.answer = serve(build([1, 2, 3]), Last_Modified="hier")
    assert update(site).outcome == APPLIED


def test_a_file_that_shrinks_waits(site, build):
    site.answer = serve(build(range(1, 101)))
    update(site)
    School.objects.filter(pk__gt=make_uai(50)).update(state="closed", closed_at=TERM)
    site.answer = serve(build(range(1, 51)))
    result = update(site)
    assert (result.outcome, result.reason) == (HELD, "Le fichier a 50\xa0lignes, et le précédent en avait 100.")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<!DOCTYPE html><html>Maintenance</html>", "page web"),
        (b'{"error": "quota"}\n', "il y manque"),
        (b"", "vide"),
        (gzip.compress(b"x" * 1000)[:-4], "coupé ou abîmé"),
    ],
    ids=["web page", "JSON", "nothing", "half"],
)
def test_what_is_no_directory_is_refused_and_asked_for_again(site, build, content, sentence):
    site.answer = serve(build([1]), ETag='"v1"')
    update(site)
    site.answer = serve(content)
    result = update(site)
    assert (result.outcome, sentence in result.reason) == (REFUSED, True)
    update(site)
    assert "if-none-match" not in site.requests[-1][1]
    assert School.objects.count() == 1


def test_a_gzip_whose_checksum_is_wrong_is_refused(site, build):
    packed = bytearray(gzip.compress(build(range(1, 30))))
    packed[-6] ^= 1
    site.answer = serve(bytes(packed))
    assert update(site).outcome == REFUSED
    assert not School.objects.exists()


def test_a_site_that_is_away_is_noted_and_its_etag_kept(site, build):
    site.answer = serve_unless_known(build([1]), '"v1"')
    update(site)
    site.answer = serve(b"", 503)
    assert update(site).outcome == FAILED
    site.answer = serve_unless_known(build([1]), '"v1"')
    assert update(site).outcome == UNCHANGED


def test_an_update_is_due_once_a_day_from_three_in_the_morning(site, build):
    url, night = site.url, datetime.datetime(2026, 11, 28, 1, 59, tzinfo=datetime.UTC)
    assert not updates.is_update_due(url, at=night)
    at = night + datetime.timedelta(minutes=1)
    assert updates.is_update_due(url, at=at)
    site.answer = serve(b"", 500)
    update(site, at=at)
    assert not updates.is_update_due(url, at=at + datetime.timedelta(hours=20))
    assert not updates.is_update_due(url, at=at + datetime.timedelta(hours=23, minutes=59))
    assert updates.is_update_due(url, at=at + DAY)


def test_the_worker_queues_it_once_where_a_url_is_set(site, build, settings, monkeypatch):
    at = datetime.datetime(2026, 11, 28, 9, tzinfo=datetime.UTC)
    monkeypatch.setattr(timezone, "now", lambda: at)
    for _ in range(2):
        tasks.queue_directory_update()
    assert Job.objects.filter(task_name="schools.update_directory").count() == 1
    site.answer = serve(build([1]))
    tasks.update_directory()
    tasks.update_directory()
    assert list_outcomes() == [APPLIED]
    assert len(site.requests) == 1
    Job.objects.all().delete()
    tasks.queue_directory_update()
    settings.DIRECTORY_URL = ""
    tasks.queue_directory_update()
    assert not Job.objects.exists()


@pytest.mark.slow
def test_lists_of_schools_are_kept_for_a_year_and_counts_for_ever(site, build):
    hold_closures(site, build)
    ends = TERM + DAY + datetime.timedelta(days=365)
    retention.prune_schema(at=ends)
    assert DirectoryChange.objects.count() == 3
    retention.prune_schema(at=ends + datetime.timedelta(seconds=1))
    assert not DirectoryChange.objects.exists()
    assert DirectorySync.objects.latest("pk").closed == 3


@pytest.mark.slow
def test_one_file_waits_at_most_whatever_the_code_does(site, build):
    held = hold_closures(site, build)
    other = DirectorySync.objects.earliest("pk")
    with pytest.raises(IntegrityError), transaction.atomic():
        HeldDirectoryFile.objects.create(id=2, sync=other, content=held.content)
    with pytest.raises(IntegrityError), transaction.atomic():
        DirectorySync.objects.create(at=TERM, full=True, outcome=REFUSED, file_name="a.csv")


@pytest.mark.slow
def test_the_command_takes_a_url(site, build):
    site.answer, out = serve(build(range(1, 101))), StringIO()
    call_command("sync_directory", site.url, "--full", stdout=out)
    assert "100 établissements ajoutés" in out.getvalue()
    call_command("sync_directory", site.url, "--full", stdout=out)
    assert "n'a pas changé" in out.getvalue()
    site.answer = serve(build(range(4, 101)))
    with pytest.raises(CommandError, match="fermerait 3 des 100"):
        call_command("sync_directory", site.url, "--full", stdout=out)
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("sync_directory", "http://127.0.0.1:9/annuaire.csv", "--json", stdout=out)
    assert json.loads(out.getvalue())["code"] == "failed"
    # What waits is read again, and applied.
    call_command("sync_directory", site.url, "--full", "--accept-closures", stdout=out)
    assert School.objects.filter(state="closed").count() == 3
    assert not HeldDirectoryFile.objects.exists()


def test_a_busy_directory_is_tried_again_by_the_queue(site, build, monkeypatch):
    def refuse(_name):
        return False

    monkeypatch.setattr("schools.directory.operations.try_transaction_lock", refuse)
    site.answer = serve(build([1]))
    with pytest.raises(SynchronisationInProgress):
        update(site)
    assert list_outcomes() == []
