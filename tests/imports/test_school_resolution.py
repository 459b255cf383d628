"""From rows to schools: the recognition's result and its wording."""

import pytest

from imports.models import ImportRow
from schools.models import SchoolState
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.imports.actions import upload_and_parse
from tests.imports.sample_files import build_csv

TITLES = ["UAI", "École", "Commune", "Code postal", "Licences"]


@pytest.fixture
def zola(nimes):
    return SchoolFactory(name="Ecole élémentaire Emile Zola", commune="Alès", postal_code="30100")


@pytest.fixture
def mace(nimes):
    return SchoolFactory(name="Ecole élémentaire Jean Macé", commune="Nîmes", postal_code="30000")


def upload_rows(pool, *rows, titles=TITLES):
    spreadsheet_import = upload_and_parse(pool, build_csv([titles, *rows]))
    return list(ImportRow.objects.filter(import_id=spreadsheet_import.pk).order_by("number"))


def problem_of(row):
    assert len(row.problems) == 1, row.problems
    return row.problems[0]["code"], row.problems[0]["message"]


def test_a_school_is_found_by_its_uai_by_a_repaired_one_and_by_its_name(pool, zola, mace):
    exact, short, named = upload_rows(
        pool,
        [zola.uai, "Emile Zola", "Alès", "30100", 1],
        [mace.uai[1:], "Jean Macé", "Nîmes", "30000", 1],
        ["", "École élémentaire Émile Zola", "Alès", "30100", 2],
    )
    assert (exact.uai, exact.match_method, short.uai, short.match_method) == (zola.uai, "uai", mace.uai, "repaired")
    assert problem_of(short)[0] == "repaired"
    assert f"« {mace.uai[1:]} » est lu {mace.uai}, « Ecole élémentaire Jean Macé – Nîmes »" in problem_of(short)[1]
    assert (named.uai, named.match_method) == (zola.uai, "name")
    assert named.confidence > 0.8


@pytest.mark.slow
def test_an_uai_whose_row_names_another_school_is_never_taken(pool, zola, mace):
    (row,) = upload_rows(pool, [zola.uai, "École élémentaire Jean Macé", "Nîmes", "30000", 1])
    assert (row.uai, row.match_method, row.verdict, row.ticked) == ("", "", "error", False)
    code, message = problem_of(row)
    assert code == "uai_of_another_school"
    assert message.startswith(
        f"L'UAI {zola.uai} est celui de « Ecole élémentaire Emile Zola – Alès », et la ligne dit "
        "« École élémentaire Jean Macé » à Nîmes"
    )
    assert mace.uai in [proposal["uai"] for proposal in row.proposals]


def test_an_unknown_school_keeps_its_uai_and_a_closed_one_shows_its_successor(pool, zola):
    closed = SchoolFactory(
        name="Ecole maternelle du Centre", commune="Uzès", address="1 place aux Herbes", state=SchoolState.CLOSED,
        closed_at=TERM,
    )  # fmt: skip
    heir = SchoolFactory(name="Ecole primaire du Centre", commune="Uzès", address="1 Place aux herbes")
    unknown, gone = upload_rows(pool, ["0010001W", "", "", "", 1], [closed.uai, "", "", "", 1])
    assert (unknown.uai, unknown.match_method, problem_of(unknown)[0]) == ("0010001W", "", "unknown_school")
    assert (gone.uai, gone.match_method, problem_of(gone)[0]) == (closed.uai, "uai", "school_closed")
    assert [proposal["uai"] for proposal in gone.proposals] == [heir.uai]


def test_a_school_chosen_in_our_own_column_stands(pool, zola, mace):
    (row,) = upload_rows(
        pool,
        [zola.uai, "Jean Macé", "Nîmes", "30000", 1, f"{mace.uai} – École Jean Macé"],
        titles=[*TITLES, "Votre choix (UAI)"],
    )
    assert (row.uai, row.match_method, row.verdict, row.problems) == (mace.uai, "chosen", "new", [])


@pytest.mark.slow
def test_a_row_without_a_school_says_what_to_do(pool, zola, mace):
    none, two, invented = upload_rows(
        pool,
        ["", "", "", "", 3],
        [f"{zola.uai} {mace.uai}", "", "", "", 3],
        ["", "École du Nulle Part", "Brigadoon", "99999", 3],
    )
    assert problem_of(two)[0] == "multiple_uais"
    assert "faites une ligne pour chacun" in problem_of(two)[1]
    assert problem_of(invented)[0] == "no_match"
    assert "« École du Nulle Part » à Brigadoon" in problem_of(invented)[1]
    assert none.verdict == "ignored"


def test_a_school_of_another_name_in_the_directory_is_shown_for_a_look(pool, zola, mace):
    renamed, agreed = upload_rows(
        pool, [zola.uai, "École du Temple", "Alès", "30100", 1], [mace.uai, "École Jean Macé", "Nîmes", "30000", 1]
    )
    assert (renamed.uai, renamed.verdict, renamed.ticked, agreed.problems) == (zola.uai, "new", True, [])
    code, message = problem_of(renamed)
    assert code == "named_differently"
    assert f"{zola.uai} « Ecole élémentaire Emile Zola – Alès », et la ligne dit « École du Temple » à Alès" in message


def test_a_uai_of_another_departement_names_both(pool, zola):
    SchoolFactory(name="Ecole élémentaire Emile Zola", commune="Alès", postal_code="34000", departement_code="034")
    (row,) = upload_rows(pool, [zola.uai, "École élémentaire Emile Zola", "Alès", "34000", 1])
    code, message = problem_of(row)
    assert code == "uai_of_another_school"
    assert "– Alès », dans le département 30, et la ligne dit « École élémentaire Emile Zola » à Alès, " in message
    assert "dans le département 34 :" in message


@pytest.mark.slow
def test_a_school_of_the_very_name_that_may_be_elsewhere_is_asked_about_without_a_contradiction(pool, nimes):
    names = [f"École {name}" for name in ("Hugo", "Zola", "Verne", "Macé", "Sand", "Curie", "Giono", "Ronsard")]
    rows = [["", SchoolFactory(name=name).name, "Nîmes", "", 1] for name in (*names, "École Dumas", "École Camus")]
    SchoolFactory(name="École", commune="Saint-Martin", postal_code="32300", departement_code="032")
    *_, row = upload_rows(pool, *rows, ["", "École", "Saint-Martin", "", 1])
    code, message = problem_of(row)
    assert (code, len(row.proposals)) == ("ambiguous_school", 1)
    assert "s'appelle « École » à Saint-Martin, mais une autre commune de ce nom peut être la vôtre" in message


def test_a_telephone_in_the_uai_cell_is_noted_beside_a_certain_name(pool, zola):
    (row,) = upload_rows(pool, ["04 66 12 34 56", "École élémentaire Émile Zola", "Alès", "30100", 2])
    assert (row.uai, row.match_method, row.ticked) == (zola.uai, "name", True)
    code, message = problem_of(row)
    assert (code, message.startswith("« 04 66 12 34 56 » n'est pas un UAI. École trouvée par son nom")) == (
        "matched_by_name",
        True,
    )


def test_a_school_below_the_level_of_certainty_is_proposed_and_its_row_not_ticked(pool, zola):
    (row,) = upload_rows(pool, ["", "Émile Zola", "Alès", "30100", 2])
    assert (row.uai, row.verdict, row.ticked, problem_of(row)[0]) == ("", "error", False, "ambiguous_school")
    assert [proposal["uai"] for proposal in row.proposals] == [zola.uai]
