"""Real lists beside the project: read in place, against the real directory; no mail leaves this machine."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command

from imports.enums import Verdict
from imports.models import ImportRow
from imports.table import Choices, read_table
from licensing.pools.models import Allocation
from mailing.drain import drain
from mailing.models import Message, MessageState
from schools.models import School
from schools.uai import is_valid, normalise
from tests.factories.licensing import PoolFactory

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = next((p / "shared" / "data" for p in ROOT.parents if (p / "shared" / "data").is_dir()), ROOT / "absent")
VAL_DE_MARNE = SHARED / "spreadsheets" / "d01_val-de-marne_excel_numbers_banner.xlsx"
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not VAL_DE_MARNE.is_file(), reason="the real extracts are not beside the project"),
]


def test_the_613_schools_of_val_de_marne_receive_a_key_each(nimes, sink):
    call_command("sync_directory", str(SHARED / "directory" / "annuaire_idf-partiel_2026-05.csv"), stdout=io.StringIO())
    pool = PoolFactory(capacity=700)
    out = io.StringIO()
    call_command(
        "import_spreadsheet", str(VAL_DE_MARNE), "--collectivity=nimes", f"--pool={pool.pk}", "--quantity=1",
        "--apply", "--json", stdout=out,
    )  # fmt: skip
    said = json.loads(out.getvalue())
    assert (said["sheet"], said["header_row"], said["rows"]) == ("Ecoles 94", 4, 614)
    assert said["columns"]["uai"] == "RNE"
    assert said["columns"]["email"] == "MAIL"
    assert len(said["resolved"]) == said["applied"] == said["messages"] == 613
    assert {row["how"] for row in said["resolved"]} == {"uai"}
    assert said["verdicts"] == dict.fromkeys(Verdict.values, 0) | {"new": 613, "ignored": 1}
    ignored = ImportRow.objects.get(verdict=Verdict.IGNORED)
    assert (ignored.number, ignored.passed_over) == (625, "Ligne de total.")
    assert {row["uai"] for row in said["resolved"]} == set(School.objects.values_list("uai", flat=True))
    assert Allocation.objects.count() == Message.objects.count() == 613
    # To a server of this process alone, which keeps what it accepts.
    assert drain(limit=1_000) == len(sink.received) == 613
    assert not Message.objects.exclude(state=MessageState.SENT).exists()
    # None guessed wrongly: each row was given to the school whose UAI stands in it.
    written = {row.number: row.cells["uai"] for row in ImportRow.objects.exclude(uai="")}
    assert {row["row"]: row["uai"] for row in said["resolved"]} == written


@pytest.mark.parametrize(
    ("name", "columns", "rows", "faults"),
    [
        ("m1_monstage_cites_educatives.csv", {"uai": "UAI"}, 23, 0),
        ("m1_monstage_college-rep.csv", {"uai": "Code UAI"}, 731, 6),
        ("m1_monstage_seed-schools-light.csv", {"uai": "Code UAI"}, 200, 3),
        ("m05_grandlyon_colleges.csv", {"uai": "uai", "email": "mail"}, 231, 0),
    ],
)
def test_lists_as_found_are_read_with_their_right_columns(name, columns, rows, faults):
    table = read_table((SHARED / "spreadsheets" / name).read_bytes(), Choices(units_for_all=1))
    found = {meaning.value: table.titles[index] for meaning, index in table.columns.items()}
    assert {meaning: title for meaning, title in found.items() if meaning in ("uai", "email", "units")} == columns
    assert table.regions == [(0, 1)]
    assert len(table.rows) == rows
    assert sum(not is_valid(normalise(row.cells.get("uai", ""))) for row in table.rows) == faults
    assert not any(row.ignored for row in table.rows)
