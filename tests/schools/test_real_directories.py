"""The real extracts that may lie beside the project: read in full."""

from pathlib import Path

import pytest

from schools.directory.operations import synchronise
from schools.models import School
from schools.queries import search
from tests.conftest import TERM

_HOME = Path(__file__).resolve().parents[2]
REAL = next(
    (found for folder in _HOME.parents if (found := folder / "shared" / "data" / "directory").is_dir()), Path("absent")
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.real_data,
    pytest.mark.skipif(not REAL.is_dir(), reason="no real directory in ../shared/data/directory"),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "schools", "folded"),
    [("annuaire_idf-partiel_2026-05.csv", 613, 0), ("annuaire_occitanie_2024-11.csv", 6237, 3)],
)
def test_an_official_extract_is_read_in_full_and_twice_changes_nothing(name, schools, folded):
    report = synchronise(path=REAL / name, by=None, at=TERM)
    assert (len(report.added), report.merged, report.refused) == (schools, folded, [])
    again = synchronise(path=REAL / name, full=True, by=None, at=TERM)
    assert (again.unchanged, again.counts()["changed"], again.counts()["closed"]) == (schools, 0, 0)


def test_the_val_de_marne_is_as_its_file_says():
    synchronise(path=REAL / "annuaire_idf-partiel_2026-05.csv", by=None, at=TERM)
    assert School.objects.filter(state="closing").count() == 2
    assert School.objects.filter(has_elementary=True).count() == 307
    assert not School.objects.exclude(email__contains="@").exists()
    school = search("doisneau fresnes élémentaire").get()
    assert (school.uai, school.siret, school.phone) == ("0940176F", "21940034800195", "01 72 04 55 05")


@pytest.mark.slow
def test_a_school_of_two_rows_is_written_to_at_its_own_mailbox():
    synchronise(path=REAL / "annuaire_occitanie_2024-11.csv", by=None, at=TERM)
    school = School.objects.get(pk="0460054J")
    assert (school.name, school.email) == ("Collège Marcel Masbou", "0460054j@ac-toulouse.fr")
    assert School.objects.get(pk="0342266D").email == "ce.0342266D@ac-montpellier.fr"
