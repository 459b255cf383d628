"""Files that are costly to read or to annotate: they cost a child process, and the worker goes on."""

import dataclasses
import datetime
import pickle
import resource
import time

import pytest

from core.bounded_process import ProcessLimits
from imports import foreign_files, tasks
from imports.columns import Meaning
from imports.enums import ImportState
from imports.foreign_files import ReceivedRows, annotate_foreign_file, parse_foreign_file
from imports.formats import limits
from imports.formats.exceptions import UnreadableFile, too_much_time
from imports.models import AnnotatedFile
from imports.operations import annotation
from imports.parsing.spreadsheet import ParsingContext, ParsingOptions, RememberedMapping, parse_spreadsheet
from imports.workbooks import annotated_workbook
from imports.workbooks.marks import MarkedProblem, RowMarks, TableLocation
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.imports.actions import upload_and_parse
from tests.imports.sample_files import (
    UNUSED_UAIS,
    build_csv,
    build_ods,
    build_xls,
    build_xlsx,
    build_zip,
    read_members,
)
from tests.processor_time import get_processor_s

ROWS = [
    ["UAI", "École", "Commune", "Licences", "E-mail", "Classes"],
    [UNUSED_UAIS[0], "Zola", "Nîmes", 3, "zola@nimes.example", 4],
    [UNUSED_UAIS[1], "Hugo", "Nîmes", "beaucoup", "hugo", datetime.date(2026, 9, 1)],
    [UNUSED_UAIS[2], "=1+1", "Alès", "=2+2", "", "x"],
    ["Total", "", "", 3, "", ""],
]
PLACE = TableLocation(["Feuil1"], {0: 1}, {Meaning.UAI: 0, Meaning.NAME: 1, Meaning.COMMUNE: 2, Meaning.UNITS: 3}, 6)
MARK = RowMarks(0, 3, (MarkedProblem(3, "Erreur : Indiquez un nombre.", True),), ())


def parse_apart(content, choices, **more):
    """Return what the child reads, its rows as a list; they say the same whenever they are read."""
    read = parse_foreign_file(content, choices, **more)
    rows = list(read.rows)
    assert (list(read.rows), len(read.rows)) == (rows, len(rows))
    return dataclasses.replace(read, rows=rows)


def get_peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("make", [build_xlsx, build_xls, build_ods, build_csv])
@pytest.mark.parametrize(
    "choices",
    [ParsingOptions(), ParsingOptions(units_for_all=2), ParsingOptions(columns={Meaning.UAI: 0, Meaning.UNITS: None})],
)
def test_a_child_reads_what_this_process_would_read(make, choices):
    content = make(ROWS)
    known = ParsingContext({"digest": RememberedMapping({Meaning.UAI: 0}, None)}, frozenset({"nimes", "ales"}))
    assert parse_apart(content, choices, known=known) == parse_spreadsheet(content, choices, known=known)


def test_a_child_hands_back_sums_and_columns_of_uai_in_question():
    rows = [[UNUSED_UAIS[0], UNUSED_UAIS[1], "Zola", 3, 2], [UNUSED_UAIS[1], UNUSED_UAIS[2], "Hugo", 4, 1]]
    content = build_csv([["UAI", "Code", "École", "Licences", ""], ["", "", "", "Cycle 2", "Cycle 3"], *rows])
    parsed = parse_apart(content, ParsingOptions())
    assert parsed == parse_spreadsheet(content, ParsingOptions())
    assert (parsed.sums, len(parsed.compared)) == ({Meaning.UNITS: [3, 4]}, 2)


def test_a_refusal_comes_back_in_the_same_words():
    with pytest.raises(UnreadableFile) as caught:
        parse_foreign_file(b"%PDF-1.7\n...", ParsingOptions())
    assert (caught.value.code, caught.value.sentence[:22]) == ("not_a_spreadsheet", "Ce fichier est un PDF ")


def test_progress_is_reported_meanwhile_and_rows_come_in_order():
    content = build_csv([["UAI", "Licences"], *[["", "3"]] * 12_000])
    heard = []
    parsed = parse_foreign_file(content, ParsingOptions(), lambda done, total: heard.append((done, total)))
    assert [done for done, _ in heard] == [5_000, 10_000]
    assert [row.number for row in parsed.rows] == list(range(2, 12_002))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("costs", "code"),
    [
        (ProcessLimits(memory_bytes=110 * 1024 * 1024), "too_much_memory"),
        # No machine reads 90,000 rows in this.
        (ProcessLimits(wall_seconds=0.05), "too_much_time"),
    ],
)
def test_a_file_that_costs_too_much_is_refused_with_a_sentence(pool, monkeypatch, costs, code):
    monkeypatch.setattr(foreign_files, "LIMITS", costs)
    content = build_csv([["UAI", "Licences", "École"], *[[UNUSED_UAIS[0], "3", "École élémentaire Zola"]] * 90_000])
    assert len(content) < limits.MAX_BYTES
    spreadsheet_import = upload_and_parse(pool, content)
    assert (spreadsheet_import.state, spreadsheet_import.layout.error_code) == (ImportState.REJECTED, code)
    assert "nouveau classeur" in spreadsheet_import.refusal
    # The worker, and the next file, go on.
    monkeypatch.undo()
    assert upload_and_parse(pool, build_csv([["UAI", "Licences"], [UNUSED_UAIS[0], 1]])).state == ImportState.CHECKED


def build_nested(name, megabytes, element=b"<a>"):
    """Return a workbook of some rows and one member of this size: elements in elements."""
    count = megabytes * 1024 * 1024 // (2 * len(element) + 1)
    nested = element * count + element.replace(b"<", b"</") * count
    return build_zip(read_members(build_xlsx(ROWS)) | {name: b"<r>" + nested + b"</r>"})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["docProps/custom.xml", "docProps/core.xml"])
def test_nested_xml_outside_of_the_sheets_is_not_parsed_by_openpyxl(name, monkeypatch):
    content = build_nested(name, 60)
    assert len(content) < 200_000
    monkeypatch.setattr(annotated_workbook, "annotate", lambda *_args, **_more: pytest.fail("openpyxl was asked"))
    assert annotated_workbook.annotate_as_it_came(content, PLACE, [MARK], lambda *_: None) is None


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [40, 60])
def test_a_workbook_of_nested_xml_is_annotated_within_bounds(megabytes):
    """40 MB are few enough for openpyxl to be asked: the child runs out of memory, and another rebuilds the file."""
    content = build_nested("docProps/core.xml", megabytes)
    before, start = get_peak_mb(), get_processor_s()
    made = annotate_foreign_file(content, PLACE, [MARK], "7:signature")
    assert made.rebuilt
    assert get_peak_mb() - before < 100
    assert get_processor_s() - start < 30


@pytest.mark.slow
def test_many_small_elements_do_not_take_the_worker_s_memory():
    content = build_zip(
        read_members(build_xlsx(ROWS)) | {"docProps/core.xml": b"<r>" + b"<a/>" * (10 * 1024 * 1024) + b"</r>"}
    )
    before, start = get_peak_mb(), get_processor_s()
    assert annotate_foreign_file(content, PLACE, [MARK], "7:signature").rebuilt
    assert get_peak_mb() - before < 100
    assert get_processor_s() - start < 30


@pytest.mark.slow
def test_a_workbook_that_cannot_be_annotated_at_all_says_why(pool, monkeypatch):
    spreadsheet_import = upload_and_parse(
        pool, build_xlsx([["UAI", "Licences"], [SchoolFactory().uai, "x"]]), filename="a.xlsx"
    )
    annotation.request_annotation(import_id=spreadsheet_import.pk, at=TERM)
    monkeypatch.setattr(foreign_files, "LIMITS", ProcessLimits(wall_seconds=0.0))
    monkeypatch.setattr(foreign_files, "ORIGINAL_LIMITS", ProcessLimits(wall_seconds=0.0))
    tasks.annotate(import_id=spreadsheet_import.pk)
    failure = AnnotatedFile.objects.get(pk=spreadsheet_import.pk).failure
    assert "trop de temps" in failure
    assert "Redemandez-le dans un moment" in failure


@pytest.mark.parametrize("took", [0.0, 10.0, 40.0])
def test_annotating_and_rebuilding_share_the_thirty_seconds(took, monkeypatch):
    now, given = 1000.0, []

    def run(name, limits, *arguments, **_):
        nonlocal now
        given.append(limits.wall_seconds)
        now += took
        if not arguments[-1]:
            raise too_much_time()
        return b"", ".xlsx", True

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(foreign_files, "_run", run)
    assert annotate_foreign_file(b"PK", PLACE, [MARK], "7:signature").rebuilt
    assert given == [15.0, max(30.0 - took, 0.0)]


@pytest.mark.slow
def test_a_list_too_long_to_be_annotated_in_time_comes_back_rebuilt(monkeypatch):
    monkeypatch.setattr(foreign_files, "ORIGINAL_LIMITS", ProcessLimits(wall_seconds=0.02))
    content = build_xlsx([ROWS[0], *[ROWS[1]] * 3_000])
    made = annotate_foreign_file(content, PLACE, [MARK], "7:signature")
    assert (made.suffix, made.rebuilt) == (".xlsx", True)


@pytest.mark.parametrize("rows", [pickle.dumps([datetime.date.today]), b"broken"])
def test_rows_that_are_no_plain_data_are_refused_when_the_child_sends_them(rows):
    with pytest.raises(pickle.UnpicklingError):
        ReceivedRows().append_batch(rows, 1)


def test_an_archive_of_very_many_members_is_refused_before_they_are_listed():
    directory = b"PK\x01\x02" + bytes(42)
    content = b"PK\x03\x04" + directory * (limits.MAX_MEMBERS + 1)
    before = get_peak_mb()
    with pytest.raises(UnreadableFile) as caught:
        parse_spreadsheet(content, ParsingOptions())
    assert caught.value.code == "damaged"
    assert get_peak_mb() - before < 20
