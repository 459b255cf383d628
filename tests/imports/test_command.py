"""`manage.py import_spreadsheet`: the same reading and application as on the pages, with one JSON object."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from imports.models import Import
from licensing.pools.models import Allocation
from mailing.models import Message
from tests.factories.schools import SchoolFactory
from tests.imports.conftest import listing
from tests.imports.files import csv


@pytest.fixture
def run(pool, tmp_path):
    def command(content, *options, name="écoles.csv", pool_id=pool.pk):
        file = tmp_path / name
        file.write_bytes(content)
        out = io.StringIO()
        try:
            call_command(
                "import_spreadsheet", str(file), "--collectivity=nimes", f"--pool={pool_id}", *options, stdout=out
            )
            status = 0
        except SystemExit as end:
            status = end.code
        return status, out.getvalue()

    return command


def test_it_reads_and_says_everything_and_gives_nothing(run, pool):
    one, two = SchoolFactory.create_batch(2)
    status, out = run(listing((one, 3), (two.uai[1:], 2), ("0311131M", 1), ("Total", 6)), "--json")
    said = json.loads(out)
    assert status == 0
    assert (said["sheet"], said["header_row"], said["rows"], said["applied"]) == ("", 1, 4, 0)
    assert said["columns"] == {"uai": "UAI", "email": "E-mail", "units": "Licences"}
    assert said["verdicts"] == {"new": 2, "changed": 0, "unchanged": 0, "conflict": 0, "error": 1, "ignored": 1}
    assert said["resolved"] == [
        {"sheet": "", "row": 2, "uai": one.uai, "how": "uai", "confidence": 1.0, "quantity": 3},
        {"sheet": "", "row": 3, "uai": two.uai, "how": "repaired", "confidence": 0.9, "quantity": 2},
    ]
    assert [(problem["row"], problem["code"]) for problem in said["problems"]] == [
        (3, "repaired"), (4, "uai_invalid"), (5, "ignored"),
    ]  # fmt: skip
    assert set(said["problems"][0]) == {"sheet", "row", "column", "code", "message", "proposals"}
    assert not Allocation.objects.exists()


def test_it_applies_every_row_that_can_be(run, pool):
    school, nursery = SchoolFactory(), SchoolFactory(has_elementary=False)
    status, out = run(listing((school,), (nursery,), titles=("UAI",)), "--quantity=1", "--apply", "--json")
    said = json.loads(out)
    assert (status, said["applied"], said["state"]) == (0, 2, "applied")
    assert Allocation.objects.count() == Message.objects.count() == 2
    status, out = run(listing((school,), (nursery,), titles=("UAI",)), "--quantity=1", "--apply", "--json")
    assert (status, json.loads(out)["applied"]) == (2, 0)
    assert Message.objects.count() == 2


def test_it_can_keep_to_what_the_pages_tick(run, pool):
    content = listing((SchoolFactory(), 1), (SchoolFactory(has_elementary=False), 1))
    status, out = run(content, "--apply", "--ticked-only")
    assert status == 0
    assert "1 attributions" in out


@pytest.mark.parametrize(("content", "options"), [(b"<html></html>", ()), (csv([["UAI"], ["x"]]), ("--sheet=B",))])
def test_a_refused_file_is_status_2_and_nothing_done(run, content, options):
    status, out = run(content, "--quantity=1", "--apply", *options)
    assert status == 2
    assert out.startswith("Refusé")
    assert Import.objects.get().state == "rejected"


def test_more_than_the_lot_has_is_status_2_and_nothing_given(run, pool):
    status, out = run(listing((SchoolFactory(), 101)), "--apply")
    assert status == 2
    assert "Rien n'a été attribué. Il manque" in out
    assert not Allocation.objects.exists()


def test_the_column_of_numbers_is_chosen_by_its_title(run, pool):
    school = SchoolFactory()
    content = listing((school, 5, 7), titles=("UAI", "Quantité", "Nombre"))
    status, out = run(content, "--json")
    assert (status, json.loads(out)["problems"][0]["code"]) == (0, "ambiguous_column")
    assert run(content, "--apply", "--json")[0] == 2
    status, out = run(content, "--quantity-column=Nombre", "--json")
    assert json.loads(out)["resolved"][0]["quantity"] == 7


@pytest.mark.parametrize("options", [("--quantity-column=Absente",), ("--quantity=0",)])
def test_what_makes_no_sense_is_refused(run, options):
    with pytest.raises(CommandError) as refusal:
        run(listing((SchoolFactory(), 1)), *options)
    assert refusal.value.returncode == 2


def test_a_lot_of_nobody_is_refused(run):
    with pytest.raises(CommandError) as refusal:
        run(b"UAI", pool_id=0)
    assert refusal.value.returncode == 2
