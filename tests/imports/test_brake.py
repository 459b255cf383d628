"""The confirmation guard: an unusually large import asks for its number."""

from __future__ import annotations

import pytest

from imports import operations, tasks
from imports.brake import brake_of
from imports.enums import Purpose
from licensing.pools.operations import allocate
from tests.conftest import TERM
from tests.factories.collectivities import SchoolInRemitFactory
from tests.factories.schools import SchoolFactory
from tests.imports.conftest import listing, uploaded


@pytest.mark.parametrize(("units", "guarded"), [(80, False), (81, True)])
def test_taking_most_free_licences_asks_for_the_number_of_licences(pool, units, guarded):
    brake = brake_of(uploaded(pool, listing((SchoolFactory(), units))))
    assert (brake is not None) == guarded
    if brake is not None:
        assert brake.number == 81
        assert "81\u00a0licences sur 100\u00a0licences libres" in brake.why


@pytest.mark.parametrize(("holding", "changed", "guarded"), [(5, 1, False), (5, 2, True), (4, 4, False)])
def test_changing_most_allocated_schools_asks_for_the_number_of_schools(pool, holding, changed, guarded):
    schools = SchoolFactory.create_batch(holding)
    for school in schools:
        allocate(pool_id=pool.pk, uai=school.uai, units=1, recipient=school.email, by=None, at=TERM)
    rows = [(school, 2 if index < changed else 1) for index, school in enumerate(schools)]
    brake = brake_of(uploaded(pool, listing(*rows, (SchoolFactory(), 1))))
    assert (brake is not None) == guarded
    if brake is not None:
        assert brake.number == changed


def test_changing_most_of_the_portfolio_asks_for_the_number_of_schools(nimes):
    schools = [SchoolInRemitFactory(classes=3).school for _ in range(5)]
    content = listing(*[(school, 4) for school in schools[:2]], (SchoolFactory(), 4), titles=("UAI", "Classes"))
    spreadsheet_import = operations.upload(
        purpose=Purpose.REMIT, pool_id=None, filename="a.csv", content=content, units_for_all=None, by=None, at=TERM
    )
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    brake = brake_of(spreadsheet_import)
    assert brake is not None
    assert brake.number == 2
