"""An import in the journal and in a school's timeline, both read from its rows."""

import pytest

from collectivities.capabilities import Role
from collectivities.models import AuditEntry
from imports import queries
from imports.models import ImportRow
from licensing.pools.operations import allocate
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.imports.actions import confirm_and_apply, upload_and_parse
from tests.imports.sample_files import schools_csv


@pytest.fixture
def viewer(office, member):
    return office("nimes", member(Role.VIEWER))


@pytest.mark.slow
def test_an_import_appears_in_the_timeline_of_each_school(pool, django_assert_max_num_queries):
    new, grown, aside = SchoolFactory.create_batch(3)
    allocate(pool_id=pool.pk, uai=grown.uai, units=2, recipient=grown.email, by=None, at=TERM)
    spreadsheet_import = upload_and_parse(pool, schools_csv((new, 1), (grown, 5), (aside, 4)))
    ImportRow.objects.filter(uai=aside.uai).update(ticked=False)
    assert queries.list_grants(new.uai, "Ecole A") == []  # not before it is applied
    confirm_and_apply(spreadsheet_import)
    with django_assert_max_num_queries(3):
        (gift,) = queries.list_grants(new.uai, "Ecole A")
    assert gift.at == TERM
    assert (
        gift.words
        == f"1\u00a0licence attribuée à École A sur le lot «\u00a0{pool.name}\u00a0»\u00a0; clé pour {new.email}."
    )
    (more,) = queries.list_grants(grown.uai, "Ecole B")
    assert more.words.startswith("3\u00a0licences de plus pour École B")
    assert "désormais 5, même clé" in more.words
    assert queries.list_grants(aside.uai, "Ecole C") == []


@pytest.mark.slow
def test_the_journal_shows_an_import_once_and_finds_it_by_each_school(pool, viewer):
    given, other = SchoolFactory.create_batch(2)
    confirm_and_apply(upload_and_parse(pool, schools_csv((given, 3))))
    assert not AuditEntry.objects.filter(school_id=given.uai).exists()
    found = lambda text: [entry.action for entry in viewer.get("/journal/", {"text": text}).context["page_obj"]]  # noqa: E731
    assert found(given.uai.lower()) == ["import.applied"]
    assert found(other.uai) == []


def test_the_school_s_page_shows_the_import(pool, viewer):
    school = SchoolFactory(name="Ecole Jean Jaurès")
    confirm_and_apply(upload_and_parse(pool, schools_csv((school, 3))))
    shown = viewer.get(f"/ecoles/{school.uai}/").content.decode()
    assert "3\u00a0licences attribuées à École Jean Jaurès" in shown[shown.index("Son histoire") :]
