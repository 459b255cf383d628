"""Mutated files of every format are read or refused, and none loses a sheet in silence.

A sample of `python -m bench mutated_files`; the ways in which a sheet was lost have a test each.
"""

import datetime
import functools
import time
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest

from bench.damaged.xlsb_writer import write_xlsb
from bench.drawn_up.drafts import restyle
from bench.mutated.corpus import list_sources
from bench.mutated_files import judge_files, mutate
from imports.formats.detection import open_workbook
from imports.formats.exceptions import UnreadableFile
from tests.imports.sample_files import build_csv, build_ods, build_xls, build_xlsx, build_zip, read_members
from tests.imports.xls_records import join_records, records

ROWS: list[list[Any]] = [["UAI", "Licences"], ["0301234D", 3]]
MORE: dict[str, list[list[Any]]] = {"Sud": [["UAI", "Licences"], ["0301235E", 4]]}
#: The record that names a sheet of an .xls, and the byte of its kind.
SHEET_RECORD, KIND = 0x85, 5


@functools.cache
def sources():
    # One file of each format and encoding, without the lists that were drawn up.
    return list(islice(list_sources(size=4), 12))


@pytest.mark.slow
def test_a_sample_of_mutated_files_is_read_or_refused_with_all_sheets():
    found = judge_files(mutate(sources(), 120, seed=15), sources())
    assert found.failures() == []
    assert found.results.keys() == {"csv", "fods", "ods", "tsv", "xls", "xlsb", "xlsm", "xlsx"}
    assert {result for counts in found.results.values() for result in counts} >= {"read", "refused"}


def set_clock(monkeypatch, year):
    """Set the clock of those that write workbooks: `zipfile`, odfpy and openpyxl."""
    now = datetime.datetime(year, 6, 1, tzinfo=datetime.UTC)
    monkeypatch.setattr(time, "localtime", lambda *_: now.timetuple())
    clock = SimpleNamespace(datetime=SimpleNamespace(now=lambda **_: now), timezone=datetime.timezone)
    monkeypatch.setattr("openpyxl.writer.excel.datetime", clock)
    monkeypatch.setattr("openpyxl.packaging.core.datetime", clock)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_files():
    one, other = [[file.content for file in mutate(sources(), 40, seed)] for seed in (7, 8)]
    assert one == [file.content for file in mutate(sources(), 40, 7)] != other


@pytest.mark.slow
def test_no_file_tells_when_it_was_written(monkeypatch):
    made = []
    for year in (2026, 2027):
        set_clock(monkeypatch, year)
        files = list(islice(list_sources(size=4), 12))
        mutated = mutate(files, 64, seed=7)
        restyled = restyle(files[0].content, lambda _: None)
        made.append([restyled, *(file.content for file in files), *(file.content for file in mutated)])
    assert [one == other for one, other in zip(*made, strict=True)] == [True] * len(made[0])


def with_member(content, name, old, new):
    members = read_members(content)
    assert old in members[name]
    return build_zip({**members, name: members[name].replace(old, new, 1)})


def with_kind(content, kind):
    """Return an .xls whose second sheet is called something else than a worksheet."""
    found = [*records(content)]
    at = [number for number, (record, _) in enumerate(found) if record == SHEET_RECORD][1]
    found[at] = (SHEET_RECORD, found[at][1][:KIND] + bytes([kind]) + found[at][1][KIND + 1 :])
    return join_records(found)


XLSX, XLSB = build_xlsx(ROWS, more=MORE), write_xlsb({"Nord": ROWS, **MORE})
RELATIONS = "xl/_rels/workbook.xml.rels"
LOST = {
    "xlsx, a sheet without a name": with_member(XLSX, "xl/workbook.xml", b'<sheet xmlns:r="', b'<sheeu xmlns:r="'),
    "xlsx, a relation of another kind": with_member(XLSX, RELATIONS, b"/worksheet", b"/worksheeu"),
    "xlsx, no relation": with_member(XLSX, RELATIONS, b'Id="rId2"', b'Id="rId9"'),
    "xlsb, a relation of another kind": with_member(XLSB, "xl/_rels/workbook.bin.rels", b"/worksheet", b"/worksheeu"),
    "xls, a chart that is a worksheet": with_kind(build_xls(ROWS, more=MORE), kind=2),
    "ods, two sheets of one name": with_member(
        build_ods(ROWS, sheet="Nord", more=MORE), "content.xml", b'table:name="Sud"', b'table:name="Nord"'
    ),
}


@pytest.mark.parametrize("workbook", LOST)
def test_a_workbook_that_would_lose_a_sheet_is_refused(workbook):
    with pytest.raises(UnreadableFile) as refusal:
        open_workbook(LOST[workbook])
    assert refusal.value.code == "damaged"


@pytest.mark.parametrize("content", [XLSX, build_xls(ROWS)], ids=["xlsx", "xls"])
@pytest.mark.parametrize("length", [1, 3])
def test_the_first_bytes_of_a_workbook_are_no_text(content, length):
    with pytest.raises(UnreadableFile) as refusal:
        open_workbook(content[:length])
    assert refusal.value.code == "damaged"


@pytest.mark.parametrize("content", [XLSX, XLSB, build_xls(ROWS, more=MORE), build_ods(ROWS, more=MORE)])
def test_a_sound_workbook_has_all_of_its_sheets(content):
    assert len(open_workbook(content).sheets) == 2
    assert len(open_workbook(build_csv(ROWS)).sheets) == 1
