"""Search results and their order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schools.directory.merge import refresh_dictionary
from schools.folding import edit_distance
from schools.models import School
from schools.queries import search
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def directory():
    """A few schools whose names resemble one another."""
    for name, fields in {
        "École élémentaire Jean Jaurès": {},
        "École maternelle Jean-Macé": {"commune": "Alès", "postal_code": "30100"},
        "Collège Saint-Exupéry": {"commune": "Saint-Gilles", "postal_code": "30800"},
        "École primaire Ste Anne": {"commune": "L'Haÿ-les-Roses", "postal_code": "94240"},
        "École Dejean": {"commune": "Le Vigan", "postal_code": "30120"},
    }.items():
        SchoolFactory(name=name, **fields)
    refresh_dictionary()


def names(text, **options):
    return [school.name for school in search(text, **options)]


@pytest.mark.parametrize(
    "text", ["JAURÈS", "jaures nimes", "nîmes jaurès", "  élémentaire,  jean ", "30000", "jau nim"]
)
def test_words_of_any_field_in_any_order_case_and_accent(directory, text):
    assert names(text) == ["École élémentaire Jean Jaurès"]


@pytest.mark.parametrize("text", ["st exupéry", "St. Exupery", "saint-exupéry", "saint gilles", "st gilles"])
def test_saints_are_found_however_they_are_written(directory, text):
    assert names(text) == ["Collège Saint-Exupéry"]


def test_female_saints_are_found_however_they_are_written(directory):
    assert names("sainte anne") == names("ste-anne") == ["École primaire Ste Anne"]


@pytest.mark.parametrize("text", ["l'hay", "L'Haÿ les roses", "l"])
def test_short_words_match_as_prefixes(directory, text):
    assert "École primaire Ste Anne" in names(text)


def test_prefix_matches_come_before_inner_matches(directory):
    assert names("jean") == ["École élémentaire Jean Jaurès", "École maternelle Jean-Macé"]
    assert names("ejean") == ["École Dejean"]


@pytest.mark.parametrize("text", ["jaurse", "jeures nimes", "jauurès"])
def test_a_misspelling_falls_back_to_similarity(directory, text):
    assert names(text) == ["École élémentaire Jean Jaurès"]


@pytest.mark.parametrize(
    "text", ["", "   ", "?!", "xyzzyq", "30999", "0301234", "jaurès alès", "%", "_", "\\", "'", "\x00"]
)
def test_an_unrelated_text_finds_nothing(directory, text):
    assert names(text) == []


def test_a_uai_finds_one_school(directory):
    school = School.objects.get(name="École Dejean")
    for typed in (school.uai, school.uai.lower(), f" {school.uai[:4]} {school.uai[4:]}", school.uai[1:]):
        assert list(search(typed)) == [school]


def test_a_uai_prefix_is_searched_as_a_word(directory):
    school = School.objects.get(name="École Dejean")
    assert school in search(school.uai[:7])


def test_open_schools_come_first_then_names_in_french_order():
    for name in ("Zola", "École", "Ampère"):
        SchoolFactory(name=name, commune="Uzès")
    SchoolFactory(name="Abbé fermé", commune="Uzès", state="closed", closed_at=TERM)
    assert names("uzes") == ["Ampère", "École", "Zola", "Abbé fermé"]


def test_a_search_of_a_subset_falls_back_within_it(directory):
    dejean = School.objects.filter(name="École Dejean")
    assert names("jean", among=dejean) == ["École Dejean"]


def test_the_result_is_lazy_and_composable(directory):
    assert search("ecole").filter(postal_code="30100").count() == 1
    assert len(search("ecole")[:2]) == 2


@pytest.mark.parametrize(("text", "queries"), [("jean", 4), ("ejean", 5), ("0300001X", 6), ("jaurse", 8), ("", 0)])
def test_a_search_is_a_few_queries(directory, django_assert_num_queries, text, queries):
    with django_assert_num_queries(queries):
        list(search(text))


def test_a_long_text_can_be_searched(directory):
    assert names("école " * 10_000)


@pytest.mark.slow
@given(st.text(alphabet="abc", max_size=8), st.text(alphabet="abc", max_size=8))
def test_the_edit_distance_is_a_metric(one, other):
    assert edit_distance(one, other) == edit_distance(other, one)
    assert (edit_distance(one, other) == 0) == (one == other)
    assert edit_distance(one, other) <= max(len(one), len(other))


def count_edits(one, other):
    """Optimal string alignment, by its definition: an adjacent swap is one edit, no letter is edited twice."""
    table = {(i, 0): i for i in range(len(one) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            same = one[i - 1] == other[j - 1]
            edits = [table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (not same)]
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                edits.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(edits)
    return table[len(one), len(other)]


@pytest.mark.slow
@given(st.text(alphabet="abcd", max_size=9), st.text(alphabet="abcd", max_size=9))
def test_the_edit_distance_is_optimal_string_alignment(one, other):
    assert edit_distance(one, other) == count_edits(one, other)


def test_a_transposition_is_one_edit():
    assert (
        edit_distance("ecoel", "ecole")
        == edit_distance("ecle", "ecole")
        == edit_distance("ecoole", "ecole")
        == edit_distance("ecola", "ecole")
        == 1
    )
