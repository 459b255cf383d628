"""Rows with a valid UAI whose name or commune contradicts it, as after sorting one column alone."""

from __future__ import annotations

import pytest

from schools.recognition import RecognitionMethod, SchoolReference, SearchScope, recognise
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
