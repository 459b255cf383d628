"""The kinds of columns: whatever follows from their declarations."""

import itertools

import pytest
from django.forms import ChoiceField

from collectivities.operations.portfolio import SchoolContact
from imports.api.rows import RowEditsSerializer
from imports.columns import EDITABLE_COLUMNS, PORTFOLIO_FIELDS, TEMPLATE_COLUMNS, ColumnGroup, Meaning
from imports.enums import Purpose
from imports.layout import Layout, SheetRegion
from imports.models import ImportRow, SpreadsheetImport
from imports.parsing.column_titles import Title, match_meanings
from imports.web.forms import LayoutForm

pytestmark = pytest.mark.small


def test_every_meaning_can_be_chosen_for_a_column_below_what_it_is_about():
    layout = Layout(sheets=[""], regions=[SheetRegion(0, 1)], titles=["Colonne"])
    form = LayoutForm(spreadsheet_import=SpreadsheetImport(purpose=Purpose.PORTFOLIO, layout=layout))
    field = form.fields["column_0"]
    assert isinstance(field, ChoiceField)
    (_, *groups) = field.choices
    assert [group for group, _ in groups] == list(ColumnGroup)
    offered = [value for _, options in groups for value, _ in options]
    assert sorted(offered) == sorted(Meaning)


def test_a_column_titled_by_its_label_is_recognised():
    tiers = {meaning: match_meanings(Title(meaning.label)) for meaning in Meaning}
    assert [meaning for meaning in Meaning if meaning not in tiers[meaning]] == []
    assert [meaning for meaning in Meaning if tiers[meaning].get(meaning) != min(tiers[meaning].values())] == []


def test_every_column_of_a_blank_workbook_is_declared_and_recognised():
    columns = {meaning: meaning.column.workbook for meaning in itertools.chain(*TEMPLATE_COLUMNS.values())}
    assert [meaning for meaning, column in columns.items() if column is None] == []
    tiers = {meaning: match_meanings(Title(column.title or meaning.label)) for meaning, column in columns.items()}
    assert [meaning for meaning in tiers if tiers[meaning].get(meaning) != min(tiers[meaning].values())] == []


def test_the_api_edits_and_explains_what_the_pages_edit():
    fields = RowEditsSerializer().fields
    assert set(fields) == {meaning.value for meaning in itertools.chain(*EDITABLE_COLUMNS.values())}
    assert [name for name, field in fields.items() if not field.help_text] == []


def test_each_field_of_the_portfolio_is_read_from_the_row():
    row = ImportRow(contact_name="Mme Roy", email="a@b.fr", phone="04 66 12 34 56", classes=5)
    kept = {field.name: getattr(row, meaning) for meaning, field in PORTFOLIO_FIELDS.items()}
    assert SchoolContact(**kept) == SchoolContact("Mme Roy", "a@b.fr", "04 66 12 34 56", 5)
