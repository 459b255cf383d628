"""Synchronising the directory: changes and refusals."""

import datetime
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from schools.directory import operations
from schools.directory.models import DirectorySync
from schools.directory.operations import TooManyClosures
from schools.exceptions import DirectoryRefused
from schools.models import School
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.schools.directory_files import GEOLOCATION, VINTAGES, make_row, make_uai, write_file

pytestmark = pytest.mark.django_db

LATER = TERM + datetime.timedelta(days=30)


def sync(path, *, at=TERM, **options):
    return operations.synchronise(path=path, by=None, at=at, **options)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "annuaire.csv"


@pytest.mark.parametrize("vintage", VINTAGES)
def test_every_vintage_is_read(file, vintage):
    report = sync(write_file(file, [make_row(1)], VINTAGES[vintage]))
    assert [change.uai for change in report.added] == [make_uai(1)]
    school = School.objects.get()
    assert (school.name, school.commune, school.postal_code) == ("École élémentaire n° 1", "Nîmes", "30000")
    assert (school.departement_code, school.region, school.siret) == ("030", "Occitanie", "21300189400012")
    assert (school.has_nursery, school.has_elementary, school.state) == (False, True, "open")
    assert (school.phone, school.latitude, school.address_extra) == ("04 66 00 00 01", 43.83, "")
    assert school.changed_at == TERM


def test_the_geolocation_file_updates_without_removing_data(file):
    sync(write_file(file, [make_row(1)]))
    line = {
        "Code établissement": make_uai(1),
        "Appellation officielle": "École élémentaire n° 1",
        "Secteur Public/Privé": "Public",
        "Adresse": "2 rue des Pins",
        "Boite postale": "BP 12",
        "Code postal": "30000",
        "Commune": "Nîmes",
        "Code nature": "151",
        "Nature": "ECOLE DE NIVEAU ELEMENTAIRE",
        "Etat établissement": "A FERMER",
        "Code département": "030",
        "Code commune": "30189",
    }
    sync(write_file(file, [line], GEOLOCATION))
    school = School.objects.get()
    assert (school.address, school.address_extra, school.state) == ("2 rue des Pins", "BP 12", "closing")
    assert school.email == "ce.0301001@ac-exemple.example"  # the file has no such column
    assert school.has_elementary is True


def test_gzip_is_read_whatever_the_name(tmp_path):
    packed = write_file(tmp_path / "annuaire.csv.gz", [make_row(1)])
    assert len(sync(packed.rename(tmp_path / "annuaire.csv")).added) == 1


def test_synchronising_twice_changes_nothing(file):
    write_file(file, [make_row(number) for number in range(1, 30)])
    sync(file)
    report = sync(file, at=LATER, full=True)
    assert report.counts() == {
        "rows": 29, "added": 0, "changed": 0, "closed": 0, "reopened": 0, "unchanged": 29, "refused": 0
    }  # fmt: skip
    assert not School.objects.filter(changed_at=LATER).exists()


def test_only_what_differs_is_written(file):
    sync(write_file(file, [make_row(1), make_row(2)]))
    report = sync(write_file(file, [make_row(1), make_row(2, Telephone="0466000002", Mail="")]), at=LATER)
    assert [(change.uai, change.fields) for change in report.changed] == [(make_uai(2), ["phone", "email"])]
    assert list(School.objects.filter(changed_at=LATER).values_list("uai", "email")) == [(make_uai(2), "")]


def test_a_partial_file_closes_nothing(file):
    sync(write_file(file, [make_row(1), make_row(2)]))
    assert sync(write_file(file, [make_row(1)])).closed == []


@pytest.mark.slow
def test_a_full_file_closes_what_it_lacks_and_a_school_that_comes_back_is_reopened(file):
    everyone = [make_row(number) for number in range(1, 101)]
    sync(write_file(file, everyone))
    report = sync(write_file(file, everyone[1:]), full=True, at=LATER)
    assert [change.uai for change in report.closed] == [make_uai(1)]
    gone = School.objects.get(pk=make_uai(1))
    assert (gone.state, gone.closed_at, gone.name) == ("closed", LATER, "École élémentaire n° 1")
    # Closed once, it is not closed again.
    assert sync(write_file(file, everyone[1:]), full=True).closed == []
    report = sync(write_file(file, everyone), full=True, at=LATER)
    assert [change.uai for change in report.reopened] == [make_uai(1)]
    back = School.objects.get(pk=make_uai(1))
    assert (back.state, back.closed_at) == ("open", None)


def test_more_than_two_percent_of_closures_abort_the_run(file):
    sync(write_file(file, [make_row(number) for number in range(1, 101)]))
    fewer = write_file(file, [make_row(number) for number in range(4, 102)])
    with pytest.raises(TooManyClosures, match="3 des 100"):
        sync(fewer, full=True)
    assert School.objects.count() == 100
    assert not School.objects.filter(state="closed").exists()
    assert DirectorySync.objects.count() == 1
    report = sync(fewer, full=True, accept_closures=True)
    assert (len(report.closed), len(report.added)) == (3, 1)


def test_a_school_whose_row_is_rejected_is_not_closed(file):
    everyone = [make_row(number) for number in range(1, 101)]
    sync(write_file(file, everyone))
    everyone[0]["Nom_etablissement"] = ""
    report = sync(write_file(file, everyone), full=True)
    assert report.closed == []
    assert [(refusal.line, refusal.uai) for refusal in report.refused] == [(2, make_uai(1))]


def test_the_state_comes_from_the_directory(file):
    states = {1: "OUVERT", 2: "A FERMER", 3: "À ouvrir", 4: ""}
    sync(write_file(file, [make_row(number, etat=state) for number, state in states.items()]))
    assert list(School.objects.order_by("uai").values_list("state", flat=True)) == [
        "open",
        "closing",
        "opening",
        "open",
    ]
    with pytest.raises(TooManyClosures):  # a closure that the file itself announces counts like another
        sync(write_file(file, [make_row(1, etat="FERME")]))


def test_rows_of_one_school_are_merged_in_any_order(file):
    rows = [
        make_row(1, Nom_etablissement="Cité scolaire (collège)", Mail="", Ecole_elementaire="1", SIREN_SIRET=""),
        make_row(
            1,
            Nom_etablissement="Cité scolaire (lycée)",
            Mail=f"ce.{make_uai(1)}@ac-exemple.example",
            Ecole_elementaire="",
        ),
        make_row(2),
    ]
    rows[0]["code_nature"] = rows[1]["code_nature"] = ""
    report = sync(write_file(file, rows))
    assert (report.merged, len(report.added)) == (1, 2)
    school = School.objects.get(pk=make_uai(1))
    assert (school.name, school.has_elementary, school.siret) == ("Cité scolaire (lycée)", True, "21300189400012")
    assert sync(write_file(file, rows[::-1])).counts()["unchanged"] == 2


def test_rows_that_are_no_school_are_skipped_and_reported(file):
    rows = [
        make_row(1),
        make_row(2, Identifiant_de_l_etablissement="0300002Z"),
        make_row(3, etat="PEUT-ETRE"),
        make_row(4, Nom_etablissement="x" * 300),
        {},
        make_row(5, Identifiant_de_l_etablissement=make_uai(5).lower()[1:]),  # Excel's: repaired
    ]
    report = sync(write_file(file, rows))
    assert [change.uai for change in report.added] == [make_uai(1), make_uai(5)]
    reasons = {refusal.line: refusal.reason for refusal in report.refused}
    assert list(reasons) == [3, 4, 5]
    assert "faute de frappe" in reasons[3]
    assert "État inconnu" in reasons[4]
    assert "trop long" in reasons[5]


def test_a_copy_resaved_by_excel_removes_no_data(file):
    ain = "0010001" + "W"
    intact = make_row(1, Identifiant_de_l_etablissement=ain, Code_postal="01500", Code_commune="01004",
                Code_departement="001", SIREN_SIRET="21010004300012")  # fmt: skip
    sync(write_file(file, [intact]))
    damaged = intact | {
        "Code_postal": "1500", "Code_commune": "1004", "Code_departement": "1", "Telephone": "466000001",
        "SIREN_SIRET": "2,1010004E+13", "latitude": "43,83", "longitude": "4,36", "date_ouverture": "01/02/1967",
    }  # fmt: skip
    assert sync(write_file(file, [damaged])).counts()["unchanged"] == 1
    fresh = damaged | {"Identifiant_de_l_etablissement": make_uai(7)}
    sync(write_file(file, [fresh]))
    school = School.objects.get(pk=make_uai(7))
    assert (school.postal_code, school.departement_code, school.phone) == ("01500", "001", "04 66 00 00 01")
    assert school.siret == ""


def test_a_synchronisation_is_recorded(file):
    sync(write_file(file, [make_row(1), make_row(2, Nom_etablissement="")]), full=True)
    record = DirectorySync.objects.get()
    assert (record.file_name, record.full, record.rows, record.added, record.refused) == (
        "annuaire.csv", True, 2, 1, 1
    )  # fmt: skip


def test_the_queries_do_not_grow_with_the_file(file, django_assert_num_queries):
    write_file(file, [make_row(number) for number in range(1, 200)])
    with django_assert_num_queries(30):
        sync(file, full=True)


@pytest.mark.as_owner
def test_the_search_index_has_no_pending_list(file, transactional_db):
    sync(write_file(file, [make_row(1)]))
    with connection.cursor() as cursor:
        cursor.execute("SELECT gin_clean_pending_list('public.school_search'::regclass)")
        assert cursor.fetchone() == (0,)


def test_the_command_counts_in_json(file):
    out = StringIO()
    call_command(
        "sync_directory", write_file(file, [make_row(1), make_row(2, Nom_etablissement="")]), "--json", stdout=out
    )
    report = json.loads(out.getvalue())
    assert report["counts"]["added"] == 1
    assert report["added"][0]["uai"] == make_uai(1)
    assert report["refused"] == [{"line": 3, "uai": make_uai(2), "reason": "Le nom de l'établissement manque."}]


def test_the_command_speaks_french(file):
    out = StringIO()
    SchoolFactory(uai=make_uai(3), state="closed", closed_at=TERM)
    rows = [make_row(1), make_row(3), *(make_row(number, Nom_etablissement="") for number in range(10, 40))]
    call_command("sync_directory", write_file(file, rows), stdout=out)
    text = out.getvalue()
    assert "32 lignes lues, 1 établissements ajoutés, 0 modifiés, 0 fermés, 1 rouverts" in text
    assert "ligne 4 : Le nom de l'établissement manque." in text
    assert "et 10 de plus" in text


def test_a_refused_file_exits_with_status_two(tmp_path):
    out = StringIO()
    with pytest.raises(CommandError, match="ne peut pas être lu") as refusal:
        call_command("sync_directory", tmp_path / "absent.csv", "--json", stdout=out)
    assert refusal.value.returncode == 2
    assert json.loads(out.getvalue())["code"] == "directory_rejected"


def test_another_synchronisation_in_the_same_transaction_may_follow(file):
    sync(write_file(file, [make_row(1)]))
    with pytest.raises(DirectoryRefused):
        sync(file.with_name("absent.csv"))
    assert sync(file).counts()["unchanged"] == 1
