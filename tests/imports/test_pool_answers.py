"""Answers about schools with licences of another pool: given for one row or all, and given otherwise afterwards."""

from typing import Any

import pytest

from imports import tasks
from imports.checks.problem_codes import ADDED_TO_OTHER_POOL, OTHER_POOL
from imports.enums import Volume
from imports.models import ImportRow
from imports.operations import intake, row_edits
from licensing.pools.operations import allocate
from tests.conftest import TERM
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import schools_csv
from tests.refusals import refuses

pytestmark = pytest.mark.slow

NOW: dict[str, Any] = {"by": None, "at": TERM}
#: Where the twelve licences of a school come from: the titles, the cells beside its UAI, and the number for all.
SOURCES = {
    Volume.COLUMN: (("UAI", "Licences"), ("12 licences",), None),
    Volume.CLASSES: (("UAI", "Nombre de classes"), (12,), None),
    Volume.ALL: (("UAI", "Salle"), ("A",), 12),
    Volume.PORTFOLIO: (("UAI", "Salle"), ("A",), None),
}


@pytest.fixture
def asked(pool):
    """Return a school that holds three licences of another pool, twelve classes and a contact."""
    school = PortfolioSchoolFactory(classes=12).school
    grant = PoolFactory(name="Dotation 2026")
    allocate(pool_id=grant.pk, uai=school.uai, units=3, recipient="a@b.fr", **NOW)
    return school


def answer_all(spreadsheet_import, *, besides):
    return row_edits.answer_all_pool_questions(import_id=spreadsheet_import.pk, besides=besides, **NOW)


def state(number=2):
    return ImportRow.objects.values_list("units", "codes", "ticked").get(number=number)


@pytest.mark.parametrize("volume", SOURCES)
def test_the_other_answer_can_be_given_to_all_afterwards(pool, asked, volume):
    titles, cells, units_for_all = SOURCES[volume]
    spreadsheet_import = upload_and_parse(
        pool, schools_csv((asked, *cells), titles=titles), units_for_all=units_for_all
    )
    if volume is Volume.PORTFOLIO:
        intake.choose_layout(
            import_id=spreadsheet_import.pk, sheets=None, header_row=1, columns=spreadsheet_import.layout.columns,
            volume=volume, units_for_all=None, **NOW,
        )  # fmt: skip
        tasks.read(import_id=spreadsheet_import.pk)
        spreadsheet_import.refresh_from_db()
    assert state() == (12, [OTHER_POOL], False)
    for _ in range(2):
        assert answer_all(spreadsheet_import, besides=False) == (1, 0)
        assert state() == (9, [ADDED_TO_OTHER_POOL], True)
        assert answer_all(spreadsheet_import, besides=True) == (1, 0)
        assert state() == (12, [OTHER_POOL], True)


def test_unticked_rows_are_answered_too(pool, asked):
    spreadsheet_import = upload_and_parse(pool, schools_csv((asked, 12)))
    answer_all(spreadsheet_import, besides=False)
    row_edits.tick_all(import_id=spreadsheet_import.pk, ticked=False)
    answer_all(spreadsheet_import, besides=True)
    assert state() == (12, [OTHER_POOL], True)
    row_edits.tick_all(import_id=spreadsheet_import.pk, ticked=False)
    answer_all(spreadsheet_import, besides=False)
    assert state() == (9, [ADDED_TO_OTHER_POOL], True)


def test_an_answer_for_all_leaves_a_typed_number_and_one_for_the_row_does_not(pool, asked):
    spreadsheet_import = upload_and_parse(pool, schools_csv((asked, 12)))
    row_edits.amend_row(import_id=spreadsheet_import.pk, number=2, edits={"units": "5"}, **NOW)
    assert answer_all(spreadsheet_import, besides=True) == (0, 0)
    assert state() == (5, [ADDED_TO_OTHER_POOL], True)
    row_edits.answer_pool_question(import_id=spreadsheet_import.pk, number=2, besides=True, **NOW)
    assert state() == (12, [OTHER_POOL], True)


def test_a_typed_number_in_place_of_an_illegible_one_can_be_completed(pool, asked):
    spreadsheet_import = upload_and_parse(pool, schools_csv((asked, "beaucoup")))
    row_edits.amend_row(import_id=spreadsheet_import.pk, number=2, edits={"units": "12"}, **NOW)
    answer_all(spreadsheet_import, besides=False)
    assert state() == (9, [ADDED_TO_OTHER_POOL], True)


@pytest.mark.small
def test_a_row_that_is_not_asked_about_takes_no_answer(pool, asked):
    plain = PortfolioSchoolFactory(classes=12).school
    spreadsheet_import = upload_and_parse(pool, schools_csv((asked, 12), (plain, 12)))
    for number in (3, 9):
        with refuses("unknown_row"):
            row_edits.answer_pool_question(import_id=spreadsheet_import.pk, number=number, besides=True, **NOW)


def test_the_line_names_the_answer_and_offers_the_other(officer, pool, asked):
    spreadsheet_import = upload_and_parse(pool, schools_csv((asked, 12), (SchoolFactory(), 2)))
    detail, bulk = import_url("detail", spreadsheet_import.pk), import_url("bulk", spreadsheet_import.pk)
    page = page_text(officer.post(bulk, {"action": "complement", "retour": detail}, follow=True))
    assert "1 école a déjà des licences d’un autre lot : elle est complétée" in page
    assert 'value="besides"' in page
    assert 'value="complement"' not in page
    page = page_text(officer.post(bulk, {"action": "besides", "retour": detail}, follow=True))
    assert "1 école a déjà des licences d’un autre lot : elle reçoit le nombre du tableau en plus" in page
    assert 'value="complement"' in page
    assert 'value="besides"' not in page
