"""The confirmation guard: an unusually large import asks for its number."""

import pytest

from imports import tasks
from imports.enums import Purpose
from imports.operations import upload
from imports.operations.apply_rows import build_guard
from licensing.pools.operations import allocate
from tests.conftest import TERM
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import upload_and_parse
from tests.imports.sample_files import schools_csv


@pytest.mark.parametrize(("units", "guarded"), [(80, False), (81, True)])
def test_taking_most_free_licences_asks_for_the_number_of_licences(pool, units, guarded):
    confirmation_guard = build_guard(upload_and_parse(pool, schools_csv((SchoolFactory(), units))))
    assert (confirmation_guard is not None) == guarded
    if confirmation_guard is not None:
        assert confirmation_guard.number == 81
        assert "81\u00a0licences sur 100\u00a0licences libres" in confirmation_guard.why


@pytest.mark.slow
@pytest.mark.parametrize(("holding", "changed", "guarded"), [(5, 1, False), (5, 2, True), (4, 4, False)])
def test_changing_most_allocated_schools_asks_for_the_number_of_schools(pool, holding, changed, guarded):
    schools = SchoolFactory.create_batch(holding)
    for school in schools:
        allocate(pool_id=pool.pk, uai=school.uai, units=1, recipient=school.email, by=None, at=TERM)
    rows = [(school, 2 if index < changed else 1) for index, school in enumerate(schools)]
    confirmation_guard = build_guard(upload_and_parse(pool, schools_csv(*rows, (SchoolFactory(), 1))))
    assert (confirmation_guard is not None) == guarded
    if confirmation_guard is not None:
        assert confirmation_guard.number == changed


def test_changing_most_of_the_portfolio_asks_for_the_number_of_schools(nimes):
    schools = [PortfolioSchoolFactory(classes=3).school for _ in range(5)]
    content = schools_csv(*[(school, 4) for school in schools[:2]], (SchoolFactory(), 4), titles=("UAI", "Classes"))
    spreadsheet_import = upload.store_upload(
        purpose=Purpose.PORTFOLIO, pool_id=None, filename="a.csv", content=content, units_for_all=None, by=None, at=TERM
    )
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    confirmation_guard = build_guard(spreadsheet_import)
    assert confirmation_guard is not None
    assert confirmation_guard.number == 2
