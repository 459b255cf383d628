"""Rows with a valid UAI whose name or commune contradicts it, as after sorting one column alone."""

import pytest

from schools.recognition import SURE, RecognitionMethod, SchoolReference, SearchScope
from schools.recognition.pipeline import recognise
from tests.factories.schools import SchoolFactory

pytestmark = pytest.mark.django_db
NOWHERE = SearchScope(frozenset(), frozenset())


def one(school, name="", commune="", **cells):
    [found] = recognise([SchoolReference(1, uai=school.uai, name=name, commune=commune, **cells)], NOWHERE).values()
    return found


def proposed(found):
    return [proposal.uai for proposal in found.proposals]


@pytest.fixture
def jaures():
    return SchoolFactory(name="École élémentaire Jean Jaurès")


@pytest.fixture
def mace():
    return SchoolFactory(name="École élémentaire Jean Macé")


def test_a_name_that_is_another_school_s_is_doubted_and_both_are_proposed(jaures, mace):
    found = one(jaures, "École élémentaire Jean Macé", "Nîmes")
    assert (found.uai, found.match_method, found.doubt_code) == ("", None, "uai_of_another_school")
    assert proposed(found) == [mace.uai, jaures.uai]


def test_a_school_level_of_the_neighbour_is_doubted(jaures):
    nursery = SchoolFactory(name="École maternelle Jean Jaurès", has_nursery=True, has_elementary=False)
    assert one(jaures, "École maternelle Jean Jaurès", "Nîmes").doubt_code == "uai_of_another_school"
    assert one(nursery, "École maternelle Jean Jaurès", "Nîmes").uai == nursery.uai


def test_a_different_name_and_commune_are_doubted_even_without_a_match(jaures):
    assert (
        one(jaures, "École primaire Les Lilas", "Toulouse", postal_code="31000").doubt_code == "uai_of_another_school"
    )


def test_a_commune_far_away_is_doubted_whatever_the_name(jaures):
    SchoolFactory(commune="Toulouse", postal_code="31000", departement_code="031")
    assert one(jaures, "École élémentaire Jean Jaurès", "Toulouse").doubt_code == "uai_of_another_school"
    assert one(jaures, "École élémentaire Jean Jaurès", departement="31").doubt_code == "uai_of_another_school"


@pytest.mark.parametrize(
    "cells",
    [
        {"name": "École élémentaire Rosa Parks", "commune": "Nîmes"},  # renamed
        {"name": "EEPU Jaurès", "commune": "Nîmes Cedex", "postal_code": "30911"},
        {"name": "École primaire Jean Jaurès", "commune": "Nîmes"},
        {"name": "Groupe scolaire Jean-Jaurès, bâtiment Mistral", "postal_code": "30000"},
        {"name": "École", "commune": "NIMES"},
        {"name": "Jean Jaurès"},
        {"commune": "Nîmes"},
        {"name": "École Jean Jaurès", "commune": "Courbessac"},  # a part of the commune, which has no school of its own
    ],
)
def test_an_honest_row_is_taken_however_it_is_written(jaures, mace, cells):
    found = one(jaures, **cells)
    assert (found.uai, found.match_method, found.doubt_code) == (jaures.uai, RecognitionMethod.UAI, "")
    assert 0.5 < found.confidence <= 1


def test_a_different_name_lowers_the_confidence(jaures):
    renamed, agreed = one(jaures, "École Rosa Parks", "Nîmes"), one(jaures, "École Jean Jaurès", "Nîmes")
    assert renamed.confidence < agreed.confidence


def test_a_school_of_another_kind_is_no_proof_without_a_kind_in_the_row():
    college = SchoolFactory(name="Collège Rosa Parks", type="Collège", has_elementary=None, has_nursery=None)
    SchoolFactory(name="Lycée Georges Brassens", type="Lycée", has_elementary=None, has_nursery=None)
    assert one(college, "GEORGES BRASSENS", "Nîmes").uai == college.uai
    assert one(college, "Lycée Georges Brassens", "Nîmes").doubt_code == "uai_of_another_school"


def _list(shifted):
    """Return rows whose first `shifted` carry the next one's UAI, and a row confirmed by its commune only."""
    names = [
        "Ferry", "Macé", "Jaurès", "Zola", "Hugo", "Pasteur", "Curie", "Prévert", "Pagnol", "Verne", "Camus", "Diderot",
        "Rousseau", "Voltaire", "Molière", "Racine", "Rabelais", "Ronsard", "Lamartine", "Musset", "Vigny", "Balzac",
        "Stendhal", "Flaubert", "Daudet", "Mistral", "Giono", "Colette", "Sand",
    ]  # fmt: skip
    schools = [SchoolFactory(name=f"École élémentaire {name}") for name in names]
    uais = [school.uai for school in schools]
    uais[: shifted + 1] = [*uais[1 : shifted + 1], uais[0]]
    rows = [SchoolReference(n, uais[n], school.name, "Nîmes") for n, school in enumerate(schools)]
    bare = SchoolFactory(name="École primaire", commune="Alès", postal_code="30100")
    return rows, SchoolReference(99, bare.uai, "", "Alès")


def test_with_many_contradicting_rows_a_uai_alone_proves_nothing():
    rows, bare = _list(shifted=4)
    found = recognise([*rows, bare], NOWHERE)
    assert [found[n].doubt_code for n in range(6)] == ["uai_of_another_school"] * 5 + [""]
    assert found[20].uai == rows[20].uai
    assert (found[99].uai, found[99].doubt_code) == ("", "unconfirmed_uai")
    assert proposed(found[99]) == [bare.uai]


def test_a_few_contradicting_rows_cast_no_doubt_on_the_list():
    rows, bare = _list(shifted=1)
    found = recognise([*rows, bare], NOWHERE)
    assert [found[n].doubt_code for n in range(4)] == ["uai_of_another_school", "uai_of_another_school", "", ""]
    assert found[99].uai == bare.uai


def _old_names(count, place):
    """Return rows by UAI whose names are those of before a renaming, which no school has."""
    schools = [SchoolFactory(name=f"École élémentaire Moderne {'abcdefghijkl'[n] * 4}") for n in range(count)]
    return [
        SchoolReference(n, each.uai, f"École élémentaire Ancienne {'mnopqrstuvwx'[n] * 4}", place)
        for n, each in enumerate(schools)
    ]


@pytest.mark.parametrize("place", ["Nîmes", ""])
def test_names_that_are_merely_old_are_no_misaligned_column(place):
    rows = _old_names(12, place)
    bare = SchoolFactory(name="École primaire", commune="Alès", postal_code="30100")
    found = recognise([*rows, SchoolReference(99, bare.uai, "", "Alès")], NOWHERE)
    assert [found[row.key].uai for row in rows] == [row.uai for row in rows]
    assert {found[row.key].confidence for row in rows} == {SURE}
    assert found[99].uai == bare.uai


def test_names_of_schools_that_the_list_does_not_have_are_no_misaligned_column():
    rows, bare = _list(shifted=0)
    others = [SchoolFactory(name=f"École élémentaire {name}") for name in ("Rodin", "Manet", "Degas", "Corot")]
    rows[:4] = [row._replace(name=other.name) for row, other in zip(rows, others, strict=False)]
    found = recognise([*rows, bare], NOWHERE)
    assert [found[n].doubt_code for n in range(5)] == ["uai_of_another_school"] * 4 + [""]
    assert found[99].uai == bare.uai


def test_in_a_misaligned_column_a_commune_of_one_school_of_the_list_confirms_an_old_name():
    rows, _ = _list(shifted=4)
    alone = SchoolFactory(name="École élémentaire Rosa Parks", commune="Alès", postal_code="30100")
    beside = SchoolFactory(name="École élémentaire Lucie Aubrac")
    old = SchoolReference(97, alone.uai, "École élémentaire du Temple", "Alès")
    found = recognise([*rows, old, old._replace(key=98, uai=beside.uai, commune="Nîmes")], NOWHERE)
    assert (found[97].uai, found[98].doubt_code) == (alone.uai, "unconfirmed_uai")
