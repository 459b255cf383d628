"""The stored rows: every column in one place, and all values come back as they were written."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imports import rows
from imports.checks.context import CheckRequest, RowOutcome
from imports.checks.school_resolution import ResolvedSchool
from imports.enums import Verdict
from imports.models import ImportRow
from imports.parsing.rows import ParsedRow
from imports.problems import Problem
from schools.recognition import Proposal

# Favours characters that JSON or COPY escapes.
TEXTS = st.text(
    st.one_of(
        st.sampled_from('\\"\t\n\r\u00a0é,:{}'),
        st.characters(codec="utf-8", exclude_characters="\0"),
    ),
    max_size=12,
)


def build_outcome(*, cells=None, text="", problems=(), verdict=Verdict.ERROR, ticked=False, uai=""):
    row = ParsedRow(1, 7, cells or {}, text, 3, None, text, text, [], "")
    school = ResolvedSchool(uai, "name", 0.98, (Proposal("0301234D", text, 0.5),), "")
    request = CheckRequest(row, school, conflict_resolution="reduce")
    return RowOutcome(
        request, text, text, 3, 1, {"contact_name": text, "classes": None}, verdict, list(problems), ticked
    )


def test_all_columns_of_the_model_are_in_the_one_list():
    others = {"id", "import_id", "done"}
    assert [column.name for column in rows.COLUMNS] == [
        field.column
        for field in ImportRow._meta.concrete_fields  # noqa: SLF001 - documented access
        if field.column not in others
    ]


@pytest.mark.slow
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.dictionaries(st.sampled_from(["uai", "name", "commune", "email", "units"]), TEXTS), text=TEXTS)
def test_values_come_back_as_they_were(nimes, cells, text):
    problem = Problem("uai", "no_match", text)
    rows.insert_rows(5, [build_outcome(cells=cells, text=text, problems=[problem])])
    stored = ImportRow.objects.get(import_id=5)
    assert (stored.sheet, stored.number, stored.cells, stored.edits) == (1, 7, cells, {})
    assert (stored.label, stored.email, stored.recipient, stored.contact_name, stored.phone) == (text,) * 5
    assert (stored.match_method, stored.confidence, stored.units, stored.units_before) == ("name", 0.98, 3, 1)
    assert (stored.classes, stored.before) == (None, {"contact_name": text, "classes": None})
    assert stored.proposals == [{"uai": "0301234D", "label": text, "score": 0.5}]
    assert (stored.verdict, stored.codes, stored.problems) == ("error", ["no_match"], [problem.as_json()])
    assert (stored.conflict_resolution, stored.ignored_reason) == ("reduce", "")
    assert (stored.set_aside, stored.awaited, stored.altered, stored.ticked) == (False, False, False, False)


def test_rows_replace_those_of_an_earlier_parse_and_of_no_other_import(nimes):
    rows.insert_rows(5, [build_outcome(text="a")])
    rows.insert_rows(6, [build_outcome(text="b")])
    rows.insert_rows(5, [build_outcome(text="c")])
    assert dict(ImportRow.objects.values_list("import_id", "label")) == {5: "c", 6: "b"}


def test_a_row_is_outdated_by_an_outcome_that_differs_and_keeps_its_file_and_its_decisions(nimes):
    rows.insert_rows(5, [build_outcome(cells={"name": "Zola"}, text="a")])
    row = ImportRow.objects.get(import_id=5)
    assert not rows.is_outdated(row, build_outcome(cells={"name": "Zola"}, text="a"))
    later = build_outcome(cells={"name": "other"}, text="b", verdict=Verdict.CHANGED, uai="0301234D")
    assert rows.is_outdated(row, later)
    row.edits, row.altered = {"uai": "0301234D"}, True
    rows.apply_outcome(row, later, ticked=True)
    rows.replace_rows([row])
    stored = ImportRow.objects.get(pk=row.pk)
    assert (stored.label, stored.verdict, stored.ticked) == ("b", "changed", True)
    assert (stored.cells, stored.edits, stored.altered) == ({"name": "Zola"}, {"uai": "0301234D"}, True)
