"""A list of schools for the portfolio: which fields it changes, what it changes back, and what was set aside."""

import html

import pytest
from django.utils.html import strip_tags

from collectivities.capabilities import Role
from collectivities.models import PortfolioSchool
from imports.concerns import describe_changed_fields, find_changed_back
from imports.enums import Purpose
from imports.models import ImportRow
from imports.operations import upload
from imports.tasks import read
from tests.conftest import TERM
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import apply_portfolio_list, upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import schools_csv

TITLES = ("UAI", "Classes", "Directeur")


def check_list(*rows, titles=TITLES):
    """Upload a list of schools and check it; return the import."""
    content = schools_csv(*rows, titles=titles)
    stored = upload.store_upload(
        purpose=Purpose.PORTFOLIO, pool_id=None, filename="b.csv", content=content, units_for_all=None, by=None, at=TERM
    )
    read(import_id=stored.pk)
    stored.refresh_from_db()
    return stored


def read_words(answer):
    return " ".join(strip_tags(html.unescape(page_text(answer))).split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ((5, ""), "de nombre de classes"),
        ((4, "Mme Roux"), "de contact"),
        ((5, "Mme Roux"), "de contact ou de nombre de classes"),
    ],
)
def test_the_confirmation_names_the_fields_that_change(office, member, nimes, cells, words):
    entry = PortfolioSchoolFactory(classes=4, contact_name="M. Blanc")
    checked = check_list((entry.school, *cells))
    assert describe_changed_fields(checked) == words
    page = read_words(office("nimes", member(Role.MANAGER)).get(import_url("confirm", checked.pk)))
    assert f"1 école change {words}." in page


def test_a_first_number_of_classes_is_a_change(nimes):
    entry = PortfolioSchoolFactory(classes=None)
    assert describe_changed_fields(check_list((entry.school, 3, ""))) == "de nombre de classes"


@pytest.mark.slow
def test_the_verification_names_what_was_changed_since_the_list_before_and_is_changed_back(officer, nimes):
    changed, other = SchoolFactory(name="Mas Neuf", commune="Alès"), SchoolFactory()
    apply_portfolio_list((changed, 5, ""), (other, 5, ""), titles=TITLES)
    PortfolioSchool.objects.filter(school=changed).update(classes=4)
    PortfolioSchool.objects.filter(school=other).update(classes=6)
    checked = check_list((changed, 5, ""), (other, 7, ""))
    assert find_changed_back(checked) == (1, "Mas Neuf – Alès", "liste.csv")
    page = read_words(officer.get(import_url("detail", checked.pk)))
    assert "1 école a été changée depuis « liste.csv », et ce tableau y remet ce que celui-là disait : Mas Neuf" in page


def test_a_first_list_changes_nothing_back(nimes, django_assert_num_queries):
    checked = check_list((PortfolioSchoolFactory(classes=4).school, 5, ""))
    with django_assert_num_queries(1):
        assert find_changed_back(checked) is None


@pytest.mark.slow
def test_the_page_of_an_applied_list_recalls_the_rows_set_aside(officer, nimes):
    applied = apply_portfolio_list((SchoolFactory(), 3), (SchoolFactory(name="Tamaris", commune="Alès"), 4))
    assert "de côté" not in page_text(officer.get(import_url("detail", applied.pk)))
    ImportRow.objects.filter(import_id=applied.pk, label__startswith="Tamaris").update(set_aside=True)
    page = page_text(officer.get(import_url("detail", applied.pk)))
    assert "1 ligne laissée de côté : ligne 3 (Tamaris – Alès)." in page
    assert f'href="{import_url("report", applied.pk)}">La retrouver dans le compte rendu' in page
    ImportRow.objects.filter(import_id=applied.pk).update(set_aside=True)
    assert "Les retrouver" in page_text(officer.get(import_url("detail", applied.pk)))


@pytest.mark.slow
def test_a_missing_number_of_licences_is_not_shown_as_the_number_of_classes(officer, pool):
    content = schools_csv(
        (SchoolFactory(), "", 58), (SchoolFactory(), "6 ou 7", 59), titles=("UAI", "Licences", "Classes")
    )
    page = page_text(officer.get(import_url("detail", upload_and_parse(pool, content).pk)))
    cells = [part.split("</td>")[0] for part in page.split('data-label="Licences"')[1:]]
    assert [strip_tags(f"<td{cell}").strip() for cell in cells] == ["—", "6 ou 7"]


@pytest.mark.slow
def test_an_applied_list_says_schools_and_not_contacts_in_the_journal(officer, nimes):
    entry = PortfolioSchoolFactory(classes=4)
    apply_portfolio_list((entry.school, 5, ""), titles=TITLES)
    assert "1 école mise à jour" in read_words(officer.get("/journal/"))
