"""What a manager looks at before confirming: named on the confirmation page, each with a link to its rows."""

import re

import pytest

from imports.concerns import MAX_NAMED, Concern
from imports.models import ImportRow
from imports.operations import row_edits
from tests.conftest import TERM
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import answer_likely, upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import schools_csv

pytestmark = pytest.mark.slow


def read(client, address, **parameters):
    return " ".join(page_text(client.get(address, parameters)).split())


def list_rows(client, spreadsheet_import, concern):
    """Return the numbers of the rows to which the line of a concern leads."""
    page = read(client, import_url("detail", spreadsheet_import.pk), onglet="toutes", a_voir=concern)
    return {int(number) for number in re.findall(r'id="ligne-0-(\d+)"', page)}


@pytest.fixture
def mixed(pool):
    """Return an import of six rows: an unknown address, more than classes, two by name, one set aside, a plain one."""
    schools = SchoolFactory.create_batch(6)
    PortfolioSchoolFactory(school=schools[1], classes=4)
    for school in (schools[0], *schools[2:]):
        PortfolioSchoolFactory(school=school)
    rows = [(schools[0], 1, "autre@ville.fr"), (schools[1], 6), *((school, 1) for school in schools[2:])]
    spreadsheet_import = upload_and_parse(pool, schools_csv(*rows))
    by_name = ImportRow.objects.filter(import_id=spreadsheet_import.pk, number__in=[4, 5])
    by_name.update(match_method="name", confidence=0.96)
    row_edits.amend_row(import_id=spreadsheet_import.pk, number=6, set_aside=True, by=None, at=TERM)
    return spreadsheet_import


def test_the_confirmation_names_what_a_manager_looks_at(manager, mixed):
    page = read(manager, import_url("confirm", mixed.pk))
    labels = dict(ImportRow.objects.filter(import_id=mixed.pk).values_list("number", "label"))
    assert "1 ligne mise de côté : rien n’y est fait." in page
    assert "1 école à une adresse que l'annuaire ne connaît pas" in page.replace("’", "'")
    assert f": {labels[4]} et {labels[5]}." in page
    assert "2 écoles reconnues seulement « probablement » ou « presque sûrement »" in page
    assert f"{labels[3]} (6 licences pour 4 classes selon votre périmètre)" in page
    for concern in Concern:
        assert f"?onglet=toutes&a_voir={concern}#lignes" in page


@pytest.mark.parametrize(
    ("concern", "numbers"),
    [
        (Concern.UNKNOWN_ADDRESS, {2}),
        (Concern.MORE_THAN_CLASSES, {3}),
        (Concern.UNCERTAIN_MATCH, {4, 5}),
        (Concern.SET_ASIDE, {6}),
    ],
)
def test_each_line_leads_to_its_rows(manager, mixed, concern, numbers):
    assert list_rows(manager, mixed, concern) == numbers


def test_rows_that_are_not_ticked_concern_nobody(manager, mixed):
    ImportRow.objects.filter(import_id=mixed.pk, number__in=[2, 3, 4, 5]).update(ticked=False)
    page = read(manager, import_url("confirm", mixed.pk))
    assert [one for one in Concern if f"a_voir={one}" in page] == [Concern.SET_ASIDE]


@pytest.mark.small
def test_at_most_five_schools_are_named(manager, pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv(*((SchoolFactory(), 1) for _ in range(MAX_NAMED + 2))))
    ImportRow.objects.filter(import_id=spreadsheet_import.pk).update(match_method="name", confidence=0.9)
    assert " et 2 autres. " in read(manager, import_url("confirm", spreadsheet_import.pk))


def test_a_row_that_the_file_sets_apart_is_counted_all_the_same_by_a_button(manager, pool):
    rows = [(SchoolFactory(), 1, answer) for answer in ("oui", "oui", "non")]
    uploaded = upload_and_parse(pool, schools_csv(*rows, titles=("UAI", "Licences", "Participe")))
    spreadsheet_import = answer_likely(uploaded)
    page = read(manager, import_url("detail", spreadsheet_import.pk), onglet="toutes")
    assert page.count("La compter quand même") == 1
    assert "C’est juste" not in page
