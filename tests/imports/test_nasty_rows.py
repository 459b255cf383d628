"""Lists whose rows are a trap, outside the repository, against the real directory: what their truth says."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command

from imports.models import ImportRow
from tests.factories.licensing import PoolFactory

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = next((p / "shared" / "data" for p in ROOT.parents if (p / "shared" / "data").is_dir()), ROOT / "absent")
NASTY = SHARED / "spreadsheets" / "nasty"
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not NASTY.is_dir(), reason="the real extracts are not beside the project"),
]
#: By list: the question that is open, and the answer that gives the truth.
QUESTIONS = {
    "03b_une_ligne_par_classe_quantite1": ("repeated_schools", "count"),
    "63_une_ligne_par_niveau_nombres_egaux": ("repeated_schools", "sum"),
    "06_fusions_quantite_partagee": ("shared_numbers", "by_row"),
    "07_nombres_en_mots": None,
    "14_filtre_lignes_masquees": ("row_categories", "D:accorde/D:refuse"),
    "15_lignes_barrees": None,
    "22_google_cases_a_cocher": ("row_categories", "D:vrai/D:faux"),
    "42_croix_participe": ("row_categories", "C:x/C:"),
}
#: Nursery schools are found and unticked.
WITH_NURSERIES = "38_noms_courts_M_E"


def run(pool, name, *options):
    quantity = json.loads((NASTY / f"{name}.xlsx.truth.json").read_text())["options"].get("quantity")
    out = io.StringIO()
    call_command(
        "import_spreadsheet", str(NASTY / f"{name}.xlsx"), "--collectivity=nimes", f"--pool={pool.pk}", "--json",
        *([f"--quantity={quantity}"] if quantity else []), *options, stdout=out,
    )  # fmt: skip
    return json.loads(out.getvalue())


def test_each_list_gives_what_its_truth_says_after_one_answer_at_most(nimes):
    directory = SHARED / "directory" / "annuaire_occitanie_2024-11.csv"
    call_command("sync_directory", str(directory), stdout=io.StringIO())
    pool = PoolFactory(capacity=70_000)
    for name, question in QUESTIONS.items():
        report = run(pool, name)
        assert [one["code"] for one in report["questions"]] == ([question[0]] if question else []), name
        if question:
            assert report["state"] == "read", name
            report = run(pool, name, f"--answer={'='.join(question)}")
        assert report["state"] == "checked", name
        ticked = ImportRow.objects.filter(import_id=report["import"], ticked=True)
        truth = json.loads((NASTY / f"{name}.xlsx.truth.json").read_text())["truth"]
        assert dict(ticked.values_list("uai", "units")) == truth, name
    report = run(pool, WITH_NURSERIES)
    truth = json.loads((NASTY / f"{WITH_NURSERIES}.xlsx.truth.json").read_text())["truth"]
    assert ({row["uai"]: row["quantity"] for row in report["resolved"]}, report["questions"]) == (truth, [])
