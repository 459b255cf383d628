"""The layout of an import: stored as JSON, read as a dataclass."""

import json

import pytest

from imports.columns import Meaning
from imports.enums import Volume
from imports.layout import AnswerOption, FurtherTable, Layout, LayoutChoices, LayoutQuestion, PreviewRow, SheetRegion
from imports.models import SpreadsheetImport
from tests.conftest import TERM

LAYOUT = Layout(
    kind="xlsx",
    sheets=["Notes", "2026"],
    regions=[SheetRegion(1, 2)],
    further_tables=[FurtherTable(1, 9, {Meaning.UAI: 1, Meaning.UNITS: 0})],
    titles=["UAI", "Licences"],
    preview=[PreviewRow(2, ["UAI", "Licences"]), PreviewRow(3, ["0301234D", ""]), PreviewRow(4, ["", "3"])],
    columns={Meaning.UAI: 0, Meaning.UNITS: 1},
    sums={Meaning.UNITS: [1, 2]},
    volume=Volume.COLUMN,
    header_digest="a" * 64,
    remembered=True,
    questions=[LayoutQuestion("units", "units_source_missing", "Combien ?")],
    answered=[LayoutQuestion("", "repeated_schools", "Une ou deux ?", (AnswerOption("sum", "Additionner"),), "sum")],
    remarks=["Une remarque."],
    rows=2,
    error_code="outdated",
)
CHOICES = LayoutChoices(
    sheets=["2026"],
    header_row=0,
    columns={Meaning.UAI: 1, Meaning.UNITS: None},
    answers={"repeated_schools": "sum"},
    carried=True,
)


@pytest.mark.parametrize("value", [LAYOUT, CHOICES, Layout(), LayoutChoices()])
def test_a_layout_survives_its_storage_as_json(value):
    stored = json.dumps(value.to_json())
    assert json.dumps(type(value).from_json(json.loads(stored)).to_json()) == stored


def test_a_stored_layout_has_its_types_again():
    assert Layout.from_json(json.loads(json.dumps(LAYOUT.to_json()))) == LAYOUT
    assert LayoutChoices.from_json(json.loads(json.dumps(CHOICES.to_json()))) == CHOICES


@pytest.mark.parametrize("kind", [Layout, LayoutChoices])
def test_keys_of_another_version_are_ignored_and_missing_ones_take_their_default(kind):
    assert kind.from_json({"of_a_later_version": 1}) == kind.from_json({}) == kind()


def test_what_is_no_meaning_and_no_volume_is_refused():
    for stored in ({"columns": {"colour": 1}}, {"volume": "plenty"}):
        with pytest.raises(ValueError, match="is not a valid"):
            Layout.from_json(stored)


def test_the_first_parsed_sheet_gives_name_and_header_row():
    assert (LAYOUT.is_parsed, LAYOUT.sheet, LAYOUT.header_row, LAYOUT.parsed_sheets) == (True, "2026", 2, ["2026"])
    assert (Layout().is_parsed, Layout().sheet, Layout().header_row, Layout().parsed_sheets) == (False, "", None, [])


def test_examples_are_the_cells_below_the_header():
    assert (LAYOUT.get_examples(0), LAYOUT.get_examples(1), LAYOUT.get_examples(2)) == (["0301234D"], ["3"], [])
    assert LAYOUT.list_editable_columns() == [0, 1]
    assert Layout(columns={Meaning.UAI: 120}).list_editable_columns() == [120]


def test_the_database_stores_the_json_and_gives_the_dataclass(nimes):
    stored = SpreadsheetImport.objects.create(
        purpose="portfolio", filename="a.csv", size=1, created_at=TERM, layout=LAYOUT, choices=CHOICES
    )
    found = SpreadsheetImport.objects.get(pk=stored.pk)
    assert (found.layout, found.choices) == (LAYOUT, CHOICES)
    assert SpreadsheetImport.objects.filter(layout__header_digest="a" * 64, layout__regions__0__sheet=1).exists()
    assert list(SpreadsheetImport.objects.values_list("layout__rows", "choices__carried")) == [(2, True)]
