"""« Annuaire »: the runs, their lists, and the operator's agreement to a file that closes many schools."""

import datetime
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.models import Job
from schools.directory import updates
from schools.directory.models import DirectoryChange, DirectorySync, HeldDirectoryFile
from schools.models import School
from tests.factories.accounts import UserFactory
from tests.schools.directory_files import make_row, make_uai, write_file
from tests.schools.open_data_server import directory_site, serve
from tests.sites.back_office.pages import page_text

pytestmark = pytest.mark.slow

RUNS = "/admin/annuaire/"
DAY = datetime.timedelta(days=1)


@pytest.fixture
def site(settings):
    with directory_site(settings) as server:
        yield server


@pytest.fixture
def update(site, tmp_path):
    """Update from a file of these numbers; return the run."""

    def run(numbers, **cells):
        rows = [make_row(number, **cells) for number in numbers]
        site.answer = serve(write_file(tmp_path / "annuaire.csv", rows).read_bytes())
        updates.update_from_url(url=site.url, full=True, by=None, at=timezone.now())
        return DirectorySync.objects.latest("pk")

    return run


@pytest.fixture
def held(update):
    update(range(1, 101))
    return update(range(4, 101))


def read(answer):
    """Return what a page says, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", page_text(answer)).split()).replace(" .", ".")


def open_run(operator, sync, query=""):
    return operator.get(f"{RUNS}{sync.pk}/{query}")


def agree(operator, sync, typed):
    return operator.post(f"{RUNS}{sync.pk}/", {"confirmed_count": typed})


def list_tasks(operator):
    answer = operator.get("/admin/")
    tasks = [*answer.context["urgent"], *answer.context["others"]]
    return [(one.sentence, one.url, one.urgent) for one in tasks if "annuaire" in one.sentence]


def test_the_runs_are_listed_the_latest_first(operator, site, update):
    text = read(operator.get(RUNS))
    assert "L’annuaire n’a jamais été mis à jour." in text
    update([1, 2])
    update([1, 2])
    answer = operator.get(RUNS)
    assert [sync.outcome for sync in answer.context["page_obj"]] == ["unchanged", "applied"]
    assert site.url in read(answer)


@pytest.mark.small
def test_without_a_url_it_says_how_the_directory_changes(operator, settings):
    settings.DIRECTORY_URL = ""
    assert "manage.py sync_directory" in read(operator.get(RUNS))


def test_a_run_lists_what_it_changed_by_field(operator, update):
    update(range(1, 101))
    sync = update(range(2, 101), Telephone="0466999999")
    text = read(open_run(operator, sync))
    assert f"{make_uai(1)} École élémentaire n° 1" in text
    text = read(open_run(operator, sync, "?liste=changed"))
    assert "téléphone" in text
    assert f"{make_uai(2)} École élémentaire n° 2" in text
    assert "Aucun établissement dans cette liste" in read(open_run(operator, sync, "?liste=reopened"))


def test_the_root_page_says_why_nothing_was_changed_and_leads_there(operator, held):
    [(sentence, url, urgent)] = list_tasks(operator)
    assert sentence.startswith("L'annuaire n'a pas été mis à jour : ce fichier fermerait 3 des 100")
    assert (url, urgent) == (f"{RUNS}{held.pk}/", True)


def test_a_refused_file_is_there_and_not_urgent(operator, site, update):
    update([1])
    site.answer = serve(b"", 503)
    updates.update_from_url(url=site.url, full=True, by=None, at=timezone.now())
    sync = DirectorySync.objects.latest("pk")
    assert list_tasks(operator) == [
        ("L'annuaire n'a pas été mis à jour : le site répond par une erreur (503).", f"{RUNS}{sync.pk}/", False)
    ]
    text = read(open_run(operator, sync))
    assert "Téléchargement impossible. Le site répond par une erreur (503). Rien n’a été changé." in text
    assert "la nuit prochaine" in text


def test_the_operator_agrees_by_the_number_of_closures(operator, held):
    text = read(open_run(operator, held))
    assert "fermerait 3 des 100 établissements ouverts" in text
    assert f"{make_uai(3)} École élémentaire n° 3" in text
    for typed, fault in (("", "tapez 3"), ("100", "vous avez tapé 100")):
        answer = agree(operator, held, typed)
        assert answer.status_code == 422
        assert fault in read(answer).lower()
    assert not Job.objects.exists()
    answer = agree(operator, held, "3")
    assert answer.url == f"{RUNS}{held.pk}/"
    assert "a donné son accord" in read(open_run(operator, held))
    assert list_tasks(operator) == []
    updates.apply_held_file(sync_id=held.pk, at=timezone.now())
    assert School.objects.filter(state="closed").count() == 3
    assert "Ce fichier n’attend plus" in read(open_run(operator, held))


def test_a_second_click_is_answered_and_does_nothing(operator, held):
    agree(operator, held, "3")
    answer = operator.post(f"{RUNS}{held.pk}/", {"confirmed_count": "3"}, follow=True)
    assert "L'accord est déjà donné" in read(answer).replace("’", "'")
    assert Job.objects.filter(task_name=updates.APPLY_HELD).count() == 1


def test_a_run_that_keeps_nothing_takes_no_agreement(operator, update):
    sync = update(range(1, 101))
    answer = operator.post(f"{RUNS}{sync.pk}/", {}, follow=True)
    assert "n'attend plus votre accord" in read(answer).replace("’", "'")
    assert not Job.objects.exists()


@pytest.mark.parametrize("query", ["?liste=added", "?page=-1", "?page=abc", "?liste=closed&page=99999"])
def test_hostile_addresses_show_a_list(operator, held, query):
    assert open_run(operator, held, query).status_code == 200
    assert operator.get(f"{RUNS}{query}").status_code == 200


@pytest.mark.small
def test_an_unknown_run_is_not_found(operator):
    assert operator.get(f"{RUNS}123456/").status_code == 404
    assert operator.post(f"{RUNS}123456/", {"confirmed_count": "1"}).status_code == 404


@pytest.mark.usefixtures("nimes")
def test_nobody_else_reads_or_agrees(portal, office, held):
    for visitor in (portal, office("nimes", UserFactory())):
        for path in (RUNS, f"{RUNS}{held.pk}/"):
            assert visitor.get(path).status_code in (302, 404)
            assert visitor.post(path, {"confirmed_count": "3"}).status_code in (302, 404)
    portal.force_login(UserFactory())
    for path in (RUNS, f"{RUNS}{held.pk}/"):
        assert portal.get(path, follow=True).status_code == 403
        assert portal.post(path, {"confirmed_count": "3"}).status_code == 302
    assert HeldDirectoryFile.objects.get().accepted_at is None


def count_queries(operator, path):
    with CaptureQueriesContext(connection) as captured:
        assert operator.get(path).status_code == 200
    return len(captured)


def test_the_queries_do_not_grow_with_runs_and_schools(operator, held):
    pages = (RUNS, f"{RUNS}{held.pk}/")
    before = [count_queries(operator, page) for page in pages]
    for _ in range(5):
        DirectorySync.objects.create(at=timezone.now(), full=True, file_name="a.csv")
    DirectoryChange.objects.bulk_create(
        DirectoryChange(sync=held, verdict="closed", uai=make_uai(number), name="École") for number in range(200, 300)
    )
    assert [count_queries(operator, page) for page in pages] == before


def test_long_lists_are_read_page_by_page(operator, update):
    update(range(1, 251))
    sync = update(range(1, 251), Telephone="0466999999")
    answer = open_run(operator, sync, "?liste=changed&page=2")
    assert "Page 2 sur 2" in read(answer)
    assert len(answer.context["schools"]) == 50


def test_the_root_page_leads_to_the_runs(operator, update):
    update([1])
    assert f'href="{RUNS}"' in operator.get("/admin/").content.decode()
    assert "appliquée" in operator.get("/admin/schools/directorysync/").content.decode()
