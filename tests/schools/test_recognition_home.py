"""What the other rows of a list tell of one: the level that none states; and places that are mistaken or shared."""

import pytest

from schools.recognition import SchoolReference
from schools.recognition.lookup import find_home_departements, find_home_level
from schools.recognition.pipeline import recognise
from schools.recognition.vocabulary import COLLEGE, LYCEE, PRIMARY, SECONDARY
from tests.factories.schools import SchoolFactory
from tests.schools.named_rows import NOWHERE, likeliest, one, proposed, school

NAMES = ("Prévert", "Pasteur", "Hugo", "Ferry", "Zola", "Verne", "Macé", "Buisson", "Curie", "Jaurès")


def found_in_list(kind, name, **cells):
    """Return the result of a bare name in a list of ten schools of a kind, which are named without it."""
    rows = [SchoolReference(n, name=each, commune="Nîmes", **cells) for n, each in enumerate(NAMES)]
    for n, each in enumerate(NAMES):
        uai = school(f"{kind} {each}").uai
        if cells:
            rows[n] = rows[n]._replace(uai=uai)
    return recognise([*rows, SchoolReference(99, name=name, commune="Nîmes")], NOWHERE)[99]


@pytest.mark.django_db
class TestLists:
    """Lists of ten schools and one more."""

    def test_in_a_list_of_colleges_a_bare_name_is_a_college(self):
        college = school("Collège Rosa Parks")
        school("École primaire Rosa Parks")
        assert one("Rosa Parks", "Nîmes").uai == ""
        found = found_in_list("Collège", "Rosa Parks")
        assert (found.uai, likeliest(found)) == ("", college.uai)

    def test_in_a_list_of_colleges_a_bare_name_that_no_other_school_has_is_certain(self):
        alone = school("Collège Olympe de Gouges")
        assert found_in_list("Collège", "Olympe de Gouges").uai == alone.uai

    def test_in_a_list_of_colleges_a_bare_name_is_no_school_of_another_kind(self):
        primary = school("École primaire Kerhallet")
        assert likeliest(one("Kerhallet", "Nîmes")) == primary.uai
        found = found_in_list("Collège", "Kerhallet")
        assert (found.uai, found.doubt_code, proposed(found)) == ("", "ambiguous_school", {primary.uai})

    def test_in_a_list_of_ecoles_a_bare_name_is_an_ecole(self):
        primary = school("École primaire Rosa Parks")
        school("Collège Rosa Parks")
        assert likeliest(found_in_list("École primaire", "Rosa Parks")) == primary.uai

    def test_rows_certain_by_their_uai_tell_the_level_too(self):
        primary = school("École primaire Kerhallet")
        found = found_in_list("Collège", "Kerhallet", postal_code="30000")
        assert (found.uai, proposed(found)) == ("", {primary.uai})

    def test_a_level_of_the_list_contradicts_no_uai(self):
        lycee = school("Lycée Georges Brassens")
        rows = [SchoolReference(n, name=each, commune="Nîmes") for n, each in enumerate(NAMES)]
        for each in (*NAMES, "Georges Brassens"):
            school(f"Collège {each}")
        found = recognise([*rows, SchoolReference(99, lycee.uai, "Georges Brassens", "Nîmes")], NOWHERE)
        assert found[99].uai == lycee.uai


def test_a_list_has_a_level_where_nearly_all_rows_have():
    assert find_home_level([(COLLEGE,)] * 10) == COLLEGE
    assert find_home_level([(COLLEGE,)] * 9) == 0
    assert find_home_level([(COLLEGE,)] * 19 + [(LYCEE,)]) == COLLEGE
    assert find_home_level([(COLLEGE,)] * 17 + [(LYCEE,), (LYCEE,), (PRIMARY,)]) == 0
    assert find_home_level([(SECONDARY, LYCEE)] * 10 + [()]) == COLLEGE


def test_a_list_has_few_home_departements_or_none():
    assert find_home_departements(["030"] * 9) == frozenset()
    assert find_home_departements(["030"] * 9 + ["034"]) == {"030"}
    assert find_home_departements([f"{n:03d}" for n in range(1, 15)] * 5) == frozenset()


@pytest.mark.django_db
def test_twins_are_asked_about():
    twins = {school(f"École élémentaire Jules Ferry {n}").uai for n in (1, 2)}
    for name in ("École élémentaire Jules Ferry", "Jules Ferry 1 / 2", "École Jules Ferry 1 et 2"):
        found = one(name, "Nîmes")
        assert (found.uai, found.doubt_code, proposed(found)) == ("", "ambiguous_school", twins)
    assert one("École élémentaire Jules Ferry 3", "Nîmes").uai == ""
    assert one("École élémentaire Jules Ferry 2", "Nîmes").uai in twins


@pytest.mark.django_db
def test_schools_of_one_name_in_communes_of_one_name_are_asked_about():
    places = {"975": "97500", "093": "93200", "974": "97400"}
    there = {
        departement: school(
            "École primaire Jules Ferry", commune="Saint-Denis", postal_code=code, departement_code=departement
        ).uai
        for departement, code in places.items()
    }
    found = one("École primaire Jules Ferry", "Saint-Denis")
    assert (found.uai, found.doubt_code, proposed(found)) == ("", "ambiguous_school", set(there.values()))
    assert one("École primaire Jules Ferry", "Saint-Denis", departement="974").uai == there["974"]


@pytest.mark.django_db
class TestWrongDepartement:
    """A département that has no commune of the given name, which another alone has."""

    def test_it_does_not_outweigh_name_and_commune(self):
        meant = school("Collège Jean Moulin", commune="Beaucaire", postal_code="30300")
        for cells in ({"departement": "34"}, {"postal_code": "34300"}):
            found = one("Collège Jean Moulin", "Beaucaire", **cells)
            assert (found.uai, likeliest(found)) == ("", meant.uai)

    def test_it_contradicts_no_uai(self):
        meant = school("Collège Jean Moulin", commune="Beaucaire", postal_code="30300")
        assert one("Collège Jean Moulin", "Beaucaire", uai=meant.uai, departement="34").uai == meant.uai

    def test_it_is_believed_where_several_communes_have_the_name(self):
        for departement, code in (("093", "93200"), ("974", "97400")):
            school("Collège Jean Moulin", commune="Saint-Denis", postal_code=code, departement_code=departement)
        assert one("Collège Jean Moulin", "Saint-Denis", departement="34").uai == ""

    def test_a_name_that_is_not_distinctive_does_not_suffice(self):
        school("École primaire", commune="Beaucaire", postal_code="30300")
        assert one("École primaire", "Beaucaire", departement="34").uai == ""


@pytest.mark.django_db
@pytest.mark.parametrize("commune", ["Évry", "EVRY"])
def test_a_commune_that_merged_is_found_by_its_former_name(commune):
    place = {"commune": "Évry-Courcouronnes", "postal_code": "91000", "departement_code": "091"}
    meant = school("Collège Paul Éluard", **place)
    SchoolFactory(commune="Évry", postal_code="89140", departement_code="089")
    found = one("Collège Paul Éluard", commune, departement="Essonne")
    assert found.uai == meant.uai
    assert one("Collège Paul Éluard", commune, departement="Yonne").uai == ""


@pytest.mark.django_db
def test_a_first_name_that_the_directory_omits_is_no_other_college():
    pasteur, _ = school("Collège Pasteur"), school("École du Moulin")
    assert one("Collège Louis Pasteur", "Nîmes").uai == pasteur.uai
    assert one("École Jean Moulin", "Nîmes").uai == ""
