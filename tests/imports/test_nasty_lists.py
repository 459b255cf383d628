"""Lists as people draw them up: none is misread without a word, and those that can be read need no question.

The mark `xfail` names the item of the lists that mends one; whoever mends it takes the mark away.
"""

import csv
import functools

import pytest

from bench.damaged import synthetic_directory
from bench.damaged.directory import SchoolDirectory
from bench.drawn_up import lists
from bench.drawn_up.combined_lists import LISTS, combine_list
from bench.drawn_up.drafts import ListDraft, list_makers
from bench.drawn_up.expectations import load_list
from bench.drawn_up.scoring import judge_list
from bench.scratch_database import ROOT, SHARED
from bench.spreadsheets import run_import_command
from imports import foreign_files
from imports.parsing.spreadsheet import parse_spreadsheet
from schools.models import School
from tests.conftest import TERM
from tests.factories.licensing import PoolFactory
from tests.tiers import sampled

SPREADSHEETS = (SHARED or ROOT / "absent") / "spreadsheets"
NASTY, LATER = SPREADSHEETS / "nasty", SPREADSHEETS / "nasty2"
#: The lists beside the project; the item that mends each that is misread today.
SHARED_LISTS: dict[str, int | None] = {
    "01_ecoles_en_colonnes": None,
    "02_deux_tableaux_cote_a_cote": None,
    "03b_une_ligne_par_classe_quantite1": None,
    "06_fusions_quantite_partagee": None,
    "07_nombres_en_mots": None,
    "08_lignes_de_commentaire": None,
    "09_classes_par_niveau_sans_total": None,
    "09c_nombre_de_classes_fusionne_sur_niveaux": None,
    "09h_licences_demandees_accordees": None,
    "14_filtre_lignes_masquees": None,
    "15_lignes_barrees": None,
    "22_google_cases_a_cocher": None,
    "38_noms_courts_M_E": None,
    "39_mise_en_page_imprimee": None,
    "42_croix_participe": None,
    "54_second_tableau_dessous_autres_colonnes": None,
    "55_second_tableau_colonnes_interverties": None,
    "60_tableau_apres_118_lignes": None,
    "63_une_ligne_par_niveau_nombres_egaux": None,
}
#: Those that came later.
LATER_LISTS: dict[str, int | None] = {
    "108_sous_totaux_sans_mot.xlsx": None,
    "110_total_commune_repete.xlsx": None,
    "126_douze_plus_trois.xlsx": None,
    "134_deja_recues_a_recevoir.xlsx": None,
    "141_observations_qui_ecartent.xlsx": None,
    "143_statut_en_attente.xlsx": None,
    "144_commentaire_qui_corrige.xlsx": None,
    "147_couleur_et_legende.xlsx": None,
    "165_formulaire_repondu_deux_fois.xlsx": None,
    "176_ods_barre_filtre.ods": None,
    "185_maternelle_et_elementaire_par_ligne.xlsx": None,
    "186_rectificatif_en_bas.xlsx": None,
}
#: Those of ours, by name.
MAKERS = {make.__name__: make for make in list_makers()}
#: Those of ours that are misread today, by the item that mends them.
MISREAD: dict[str, int] = {}


def mark(name, item):
    marks = [pytest.mark.xfail(strict=True, reason=f"item {item} of the lists")] if item else []
    return pytest.param(name, id=name, marks=marks)


@functools.cache
def invented_schools():
    return synthetic_directory.generate_schools(400)


@functools.cache
def real_schools():
    """Return the schools of the towns where the shared lists come from, as fields of `School`."""
    with (SHARED / "directory" / "annuaire_occitanie_2024-11.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter=";") if row["Code_departement"] in {"030", "034"}]
    towns = {"Béziers", "Sète", "Nîmes", "Alès", "Beaucaire"}
    return [
        {
            "uai": row["Identifiant_de_l_etablissement"], "name": row["Nom_etablissement"],
            "type": row["Type_etablissement"], "sector": row["Statut_public_prive"], "commune": row["Nom_commune"],
            "postal_code": row["Code_postal"], "commune_code": row["Code_commune"],
            "departement_code": row["Code_departement"],
            "has_nursery": row["Ecole_maternelle"] == "1", "has_elementary": row["Ecole_elementaire"] == "1",
            "email": row["Mail"],
        }
        for row in rows
        if row["Nom_commune"] in towns
    ]  # fmt: skip


@pytest.fixture
def judge(nimes, tmp_path, monkeypatch):
    """Import a list in this process, and judge it by what its author meant."""
    monkeypatch.setattr(foreign_files, "parse_foreign_file", parse_spreadsheet)
    pool = PoolFactory(capacity=1_000_000)

    def judge_one(drawn, schools):
        School.objects.bulk_create(School(changed_at=TERM, **fields) for fields in schools)
        options = {"collectivity": nimes, "pool_id": pool.pk, "folder": tmp_path}
        return judge_list(drawn, functools.partial(run_import_command, drawn, **options))

    return judge_one


@pytest.mark.real_data
@pytest.mark.skipif(not NASTY.is_dir(), reason="the lists are not beside the project")
@pytest.mark.parametrize("name", sampled([mark(name, item) for name, item in SHARED_LISTS.items()], fast=2))
def test_a_list_made_by_a_town_hall_does_what_its_truth_says(judge, name):
    outcome = judge(load_list(NASTY / f"{name}.xlsx"), real_schools())
    assert outcome.fulfilled, outcome.line() + str(outcome.silent)


@pytest.mark.real_data
@pytest.mark.skipif(not LATER.is_dir(), reason="the lists are not beside the project")
@pytest.mark.parametrize("filename", sampled([mark(name, item) for name, item in LATER_LISTS.items()], fast=1))
def test_a_later_list_does_what_its_truth_says(judge, filename):
    outcome = judge(load_list(LATER / filename), real_schools())
    assert outcome.fulfilled, outcome.line() + str(outcome.silent)


@pytest.mark.real_data
@pytest.mark.skipif(not NASTY.is_dir(), reason="the lists are not beside the project")
def test_every_list_beside_the_project_is_tested():
    assert {drawn.name for drawn in lists.shared_lists(NASTY)} == SHARED_LISTS.keys()
    assert {drawn.filename for drawn in lists.shared_lists(LATER)} == LATER_LISTS.keys()


def load_invented_schools():
    """Return the invented schools, as fields of `School`."""
    return [
        {
            "uai": school.uai, "name": school.name, "address": school.address, "commune": school.commune,
            "type": "Ecole", "postal_code": school.postal_code, "commune_code": school.commune_code,
            "departement_code": school.departement, "email": f"ce.{school.uai.lower()}@ac-exemple.example",
            "has_nursery": school.kind in {"maternelle", "primaire"},
            "has_elementary": school.kind in {"elementaire", "primaire"},
        }
        for school in invented_schools()
    ]  # fmt: skip


@pytest.mark.parametrize("name", sampled([mark(name, MISREAD.get(name)) for name in MAKERS], fast=2))
def test_a_list_of_ours_does_what_its_author_expects(judge, name):
    drawn = MAKERS[name](ListDraft(SchoolDirectory(invented_schools()), name))
    outcome = judge(drawn, load_invented_schools())
    assert outcome.fulfilled, outcome.line() + str(outcome.silent)


@pytest.mark.parametrize("at", sampled(list(range(LISTS)), fast=1))
def test_a_combined_list_does_what_is_meant_by_construction(judge, at):
    outcome = judge(combine_list(SchoolDirectory(invented_schools()), at), load_invented_schools())
    assert outcome.fulfilled, outcome.line() + str(outcome.silent)
