"""Communes that a misspelt one of a list may mean, and what looking for them costs."""

import pytest
from rapidfuzz import process

from schools.recognition import SchoolReference, SearchScope
from schools.recognition.lookup import CommuneNames, correct_by_words
from schools.recognition.pipeline import recognise
from tests.factories.schools import SchoolFactory

HERAULT, GARD = frozenset({"034"}), frozenset({"030"})
NAMES = CommuneNames(
    [("034", "rosny sous bois"), ("034", "bessan"), ("034", "pezenas"), ("030", "bessas"), ("030", "uzes")]
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("rosny sousbois", ["rosny sous bois"]),
        ("rosni sous boi", ["rosny sous bois"]),
        ("pezenass", ["pezenas"]),
        ("pezenasse", []),  # two letters are too many for a short name
        ("bessam", ["bessan"]),  # the other is nearly as near, but lies elsewhere
    ],
)
def test_a_misspelt_commune_is_looked_for_among_those_of_its_departement(written, meant):
    assert NAMES.find_near(written, HERAULT) == meant


def test_a_name_of_few_letters_corrects_nothing():
    assert NAMES.find_near("uze", GARD) == []


def test_the_nearest_commune_of_several_departements_comes_first():
    assert NAMES.find_near("bessas", HERAULT | GARD) == ["bessas", "bessan"]


def test_a_commune_that_merged_begins_with_the_name_of_a_former_one():
    assert NAMES.find_longer("rosny", HERAULT) == ["rosny sous bois"]
    assert NAMES.find_longer("rosny", GARD) == NAMES.find_longer("rosn", HERAULT) == []


def test_a_commune_is_tried_with_and_without_its_article():
    assert correct_by_words("havre", {}) == ["havre", "le havre", "la havre", "les havre", "l havre"]
    assert correct_by_words("le havr", {"havr": {"havre": 1}}) == ["le havr", "le havre", "havr"]


@pytest.mark.django_db
def test_a_misspelt_commune_is_compared_once_with_its_departement_whatever_the_rows(monkeypatch):
    compared = []
    extract = process.extract

    def count(query, choices, **options):
        compared.extend(choices)
        return extract(query, choices, **options)

    monkeypatch.setattr(process, "extract", count)
    meant = SchoolFactory(name="École Jules Ferry", commune="Pézenas", postal_code="34120", departement_code="034")
    SchoolFactory(commune="Bessèges", postal_code="30160", departement_code="030")
    rows = [SchoolReference(n, name="École Jules Ferry", commune="Pézénass", departement="34") for n in range(50)]
    found = recognise(rows, SearchScope(frozenset(), frozenset({"030"})))
    assert {each.uai for each in found.values()} == {meant.uai}
    assert compared == ["pezenas"]
