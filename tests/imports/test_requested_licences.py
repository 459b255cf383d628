"""A list of schools that says how many licences to give: what it asks for, and the way from it to giving."""

import pytest

from collectivities.capabilities import Role
from imports import tasks
from imports.models import ImportRow, SpreadsheetImport
from imports.requested_licences import RequestedLicences, get_requested_licences
from tests.conftest import TERM
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.html import collapse
from tests.imports.actions import apply_portfolio_list, confirm_and_apply, upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import schools_csv
from tests.pools.actions import allocate_units


@pytest.mark.slow
def test_a_list_with_a_column_of_licences_leads_to_ordering_them(office, member, nimes):
    spreadsheet_import = apply_portfolio_list(*zip(SchoolFactory.create_batch(3), (3, 4, 5), strict=True))
    page = page_text(office("nimes", member(Role.MANAGER, Role.BUYER)).get(import_url("detail", spreadsheet_import.pk)))
    assert "Votre tableau demande <strong>12 licences</strong>" in page
    assert collapse('class="btn btn-primary" href="/achats/nouveau/?licences=12"') in collapse(page)
    assert page.count("btn-primary") == 1


@pytest.mark.slow
def test_who_does_not_buy_reads_the_number_and_no_link(officer, nimes):
    spreadsheet_import = apply_portfolio_list((SchoolFactory(), 3))
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    assert "Votre tableau demande <strong>3 licences</strong>" in page
    assert "?licences=" not in page


@pytest.mark.slow
def test_only_what_schools_lack_and_lots_have_not_free_is_to_buy(nimes):
    served, other = SchoolFactory.create_batch(2)
    small = PoolFactory(capacity=6)
    allocate_units(small, served, 4)
    found = get_requested_licences(apply_portfolio_list((served, 5), (other, 7)), TERM.date())
    assert (found.asked, found.lacking, found.free, found.to_buy) == (12, 8, 2, 6)


@pytest.mark.slow
def test_rows_set_aside_and_repeated_schools_ask_for_nothing_more(nimes):
    one, other = SchoolFactory.create_batch(2)
    spreadsheet_import = apply_portfolio_list((one, 5), (other, "x"), (SchoolFactory(), 9))
    ImportRow.objects.filter(import_id=spreadsheet_import.pk, number=4).update(set_aside=True)
    assert get_requested_licences(spreadsheet_import, TERM.date()).asked == 5


@pytest.mark.slow
def test_a_list_without_a_number_asks_for_nothing_and_leads_on(office, member, pool):
    spreadsheet_import = apply_portfolio_list((SchoolFactory(), "Mme Roux"), titles=("UAI", "Directeur"))
    assert get_requested_licences(spreadsheet_import, TERM.date()) is None
    page = page_text(office("nimes", member(Role.MANAGER)).get(import_url("detail", spreadsheet_import.pk)))
    assert 'class="btn btn-primary" href="/distribuer/"' in page


@pytest.mark.slow
def test_the_same_file_gives_the_licences_without_being_sent_again(officer, pool):
    school = SchoolFactory()
    first = apply_portfolio_list((school, 3))
    page = page_text(officer.get(import_url("detail", first.pk)))
    assert f'name="pool" value="{pool.pk}"' in page
    answer = officer.post(import_url("give", first.pk), {"pool": pool.pk})
    second = SpreadsheetImport.objects.exclude(pk=first.pk).get()
    assert answer["Location"] == import_url("detail", second.pk)
    tasks.read(import_id=second.pk)
    row = ImportRow.objects.get(import_id=second.pk, uai=school.uai)
    assert (row.units, row.ticked) == (3, True)
    assert "déjà été déposé" not in page_text(officer.get(import_url("detail", second.pk)))


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["", "x", "999999"])
def test_no_file_is_read_again_for_a_lot_that_gives_nothing(officer, pool, typed):
    first = apply_portfolio_list((SchoolFactory(), 3))
    assert officer.post(import_url("give", first.pk), {"pool": typed})["Location"] == import_url("detail", first.pk)
    assert SpreadsheetImport.objects.count() == 1


@pytest.mark.slow
def test_a_file_that_gave_licences_is_not_read_again_by_that_door(officer, pool):
    first = confirm_and_apply(upload_and_parse(pool, schools_csv((SchoolFactory(), 3))))
    officer.post(import_url("give", first.pk), {"pool": pool.pk})
    assert SpreadsheetImport.objects.count() == 1


@pytest.mark.slow
def test_rows_whose_licences_are_not_counted_are_named_before_ordering(office, member, nimes):
    counted, unread, empty, aside = (
        SchoolFactory(name=name, commune="Alès") for name in ("Brouzen", "Jacques Prévert", "Mas Neuf", "Tamaris")
    )
    spreadsheet_import = apply_portfolio_list((counted, 5), (unread, "6 ou 7"), (empty, ""), (aside, 9), (aside, 9))
    ImportRow.objects.filter(import_id=spreadsheet_import.pk, uai=aside.uai).update(set_aside=True)
    found = get_requested_licences(spreadsheet_import, TERM.date())
    assert found.left_out == (
        "Jacques Prévert – Alès (« 6 ou 7 »)",
        "Mas Neuf – Alès (sans nombre)",
        "Tamaris – Alès (mise de côté)",
        "Tamaris – Alès (mise de côté)",
    )
    page = page_text(office("nimes", member(Role.MANAGER, Role.BUYER)).get(import_url("detail", spreadsheet_import.pk)))
    assert "Ce nombre est sans 4 lignes : Jacques Prévert – Alès (« 6 ou 7 »), Mas Neuf" in collapse(page)
    assert "<strong>5 licences</strong>." in collapse(page)


def test_of_many_rows_left_out_five_are_named():
    shown = [RequestedLicences(1, 1, 0, ("a",) * rows).left_out_text.replace("\u00a0", " ") for rows in (7, 1)]
    assert shown == ["7 lignes : a, a, a, a, a et 2 autres", "1 ligne : a"]


@pytest.mark.slow
def test_a_school_that_another_row_counts_is_not_left_out(nimes):
    school = SchoolFactory()
    spreadsheet_import = apply_portfolio_list((school, 5), (school, ""))
    assert get_requested_licences(spreadsheet_import, TERM.date()) == (5, 5, 0, ())
