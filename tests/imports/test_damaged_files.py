"""Files damaged in every way: each is read, or refused with a sentence; none breaks the reader."""

from __future__ import annotations

import contextlib

import openpyxl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imports.readers.refusals import Unreadable
from imports.table import Choices, read_table
from tests.imports.files import UAI, csv, saved, with_sheet_xml, xlsx

ROWS = [["UAI", "École", "Licences", "E-mail"], *[[uai, "Zola", 3, "a@b.fr"] for uai in UAI]]
SEEDS = [xlsx(ROWS), csv(ROWS), csv(ROWS, encoding="utf-16"), csv(ROWS, separator="\t", encoding="cp1252")]
NAMESPACE = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = b'<worksheet xmlns="' + NAMESPACE + b'"><sheetData>%s</sheetData></worksheet>'


def read(content):
    with contextlib.suppress(Unreadable):
        read_table(content, Choices(units_for_all=1))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SEEDS), st.data())
def test_changed_bytes(seed, data):
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    read(bytes(content))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_sheet_of_nonsense(data):
    cell = st.sampled_from(
        [
            b'<c r="A1"><v>1</v></c>', b'<c r="A1" t="s"><v>99</v></c>', b'<c r="ZZZ9"><v>x</v></c>', b'<c r="">',
            b'<c r="B2" t="e"><v>#N/A</v></c>', b'<c r="A0"><v>1</v></c>', b'<c t="d"><v>2026-99-99</v></c>', b"<c/>",
            b'<c r="C3" t="b"><v>7</v></c>', b'<c r="D4" s="4000"><v>44000</v></c>', b"<f>1/0</f>", b"&bad;",
            b"</row>", b"<row r='-1'>",
        ]
    )  # fmt: skip
    rows = b"<row>" + b"".join(data.draw(st.lists(cell, max_size=12))) + b"</row>"
    read(with_sheet_xml(SEEDS[0], SHEET % rows))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.text(max_size=12) | st.sampled_from([*UAI, "Total", "UAI", "30"]), max_size=5), max_size=12)
)
def test_any_text(rows):
    read("\n".join(";".join(row) for row in rows).encode("utf-8", "surrogatepass"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(
            st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.dates()
            | st.sampled_from([*UAI, "Total", "RNE", "Licences"]),
            max_size=5,
        ),
        max_size=8,
    )
)  # fmt: skip
def test_any_cells(rows):
    read(xlsx(rows))


def test_a_workbook_that_is_only_pictures_and_names_is_refused():
    book = openpyxl.Workbook()
    book.create_chartsheet("Graphique")
    read(saved(book))
