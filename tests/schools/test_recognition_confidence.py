"""One level of certainty: below it a school is proposed and never taken."""

import pytest

from schools.models import SchoolState
from schools.recognition import SURE
from tests.schools.named_rows import NOWHERE, likeliest, one, proposed, school

pytestmark = pytest.mark.django_db


@pytest.fixture
def jaures():
    return school("Collège Jean Jaurès")


@pytest.mark.parametrize(
    "cells",
    [
        {"name": "Collège Jean Jaurès", "commune": "Nîmes"},
        {"name": "Jean Jaurès", "commune": "Nîmes", "kind": "Collège"},
        {"name": "COLLEGE JEAN JAURES", "commune": "NIMES CEDEX", "postal_code": "30911"},
        {"name": "Collège Jean Jaurès", "postal_code": "30000"},
        {"name": "Collège Jaurès", "commune": "Nîmes"},
        {"name": "Collège Jean Jaurès", "commune": "Nîmess", "departement": "30"},
    ],
)
def test_a_level_and_a_name_that_no_other_school_of_the_place_has_are_certain(jaures, cells):
    found = one(**cells)
    assert (found.uai, found.confidence >= SURE) == (jaures.uai, True)


@pytest.mark.parametrize(
    "cells",
    [
        # What each takes for granted: the level, the only commune of the département, the département.
        {"name": "Jean Jaurès", "commune": "Nîmes"},
        {"name": "Collège Jean Jaurès", "departement": "30"},
        {"name": "Collège Jean Jaurès", "commune": "Nîmes", "departement": "34"},
    ],
)
def test_a_school_of_which_something_is_taken_for_granted_is_proposed(jaures, cells):
    found = one(**cells)
    assert (found.uai, found.doubt_code, proposed(found)) == ("", "ambiguous_school", {jaures.uai})


@pytest.mark.parametrize(
    ("known", "written"),
    [
        # Another level, although name and type state one.
        ("École primaire privée Collège Saint-Joseph", {"name": "Collège Saint-Joseph", "kind": "Collège"}),
        ("École secondaire privée du Cours Fénelon", {"name": "Collège du Cours Fénelon", "kind": "Collège"}),
        # The number of a twin, and a lycée that may be the professional one.
        ("École élémentaire Jules Ferry 2", {"name": "École élémentaire Jules Ferry"}),
        ("Lycée professionnel Frédéric Mistral", {"name": "Lycée Frédéric Mistral"}),
        ("Lycée général et technologique Fénelon", {"name": "Technologique Fénelon", "kind": "Lycée"}),
    ],
)
def test_a_name_that_another_school_may_have_is_proposed(known, written):
    meant = school(known)
    found = one(commune="Nîmes", **written)
    assert (found.uai, likeliest(found)) == ("", meant.uai)
    assert one(known, "Nîmes").uai == meant.uai


def test_a_college_is_not_the_lycee_of_the_same_cours():
    school("Lycée privé du cours secondaire d'Orsay", commune="Orsay", departement_code="091", postal_code="91400")
    assert one("Collège du Cours Secondaire", "Orsay", kind="Collège", departement="91").uai == ""


@pytest.mark.parametrize(
    "twin",
    [
        {"state": SchoolState.CLOSED, "closed_at": "2025-09-01T00:00Z"},
        {"sector": "Privé"},
    ],
    ids=["closed", "private"],
)
def test_two_schools_of_one_name_in_a_commune_are_asked_about(twin):
    first, second = school("École primaire Sainte-Anne"), school("École primaire Sainte-Anne", **twin)
    found = one("École primaire Sainte-Anne", "Nîmes")
    assert (found.uai, proposed(found)) == ("", {first.uai, second.uai})


@pytest.mark.parametrize("name", ["-", "—", "?", "12"])
def test_a_name_without_a_letter_is_asked_about(name):
    school("École primaire", commune="Aubais", postal_code="30250")
    assert one(name, "Aubais", departement="30", kind="École primaire").uai == ""


def test_a_commune_of_several_departements_tells_no_school_without_a_name_of_its_own():
    named = school("École primaire Jules Ferry", commune="Saint-Denis", postal_code="93200", departement_code="093")
    bare = school("École primaire", commune="Saint-Denis", postal_code="97400", departement_code="974")
    assert one("École primaire Jules Ferry", "Saint-Denis").uai == named.uai
    found = one("École primaire", "Saint-Denis")
    assert (found.uai, likeliest(found)) == ("", bare.uai)
    assert one("École primaire", "Saint-Denis", departement="974").uai == bare.uai


def test_the_ecole_primaire_of_a_postal_code_is_asked_about_where_it_has_several_communes():
    aubais = school("École primaire", commune="Aubais", postal_code="30250")
    assert one("École primaire", postal_code="30250").uai == aubais.uai
    school("École maternelle Les Oliviers", commune="Junas", postal_code="30250")
    found = one("École primaire", postal_code="30250")
    assert (found.uai, likeliest(found)) == ("", aubais.uai)


def test_a_groupe_scolaire_may_be_its_college():
    primary = school("École élémentaire privée Groupe scolaire Bougainville")
    assert one("Groupe scolaire Bougainville", "Nîmes").uai == primary.uai
    school("Collège Groupe scolaire Bougainville", sector="Privé")
    assert one("Groupe scolaire Bougainville", "Nîmes").uai == ""


def test_a_lycee_of_the_exact_track_beside_another_of_its_name_is_asked_about():
    place = {"commune": "Grasse", "departement_code": "006", "postal_code": "06130"}
    school("Lycée technologique Fénelon", **place)
    exact = school("Lycée général et technologique Fénelon", **place)
    found = one("Fénelon", "Grasse", kind="LEGT", departement="06")
    assert (found.uai, likeliest(found)) == ("", exact.uai)


@pytest.mark.parametrize("cells", [{"departement": "978"}, {"postal_code": "97150"}, {"departement": "971"}])
@pytest.mark.parametrize("departement", ["971", "978"])
def test_saint_martin_is_one_departement_with_guadeloupe(cells, departement):
    place = {"commune": "Saint-Martin", "postal_code": "97150", "departement_code": departement}
    meant = school("École primaire Élie Gibs", uai="9710567P", **place)
    for uai in ("", meant.uai):
        assert one("École primaire Élie Gibs", "Saint-Martin", uai=uai, **cells).uai == meant.uai


@pytest.mark.parametrize(
    "cell", ["RNE 0300294-G", "UAI : 030 0294 G", "UAI/RNE : 0300294G", "n° 0300294G", "Jaurès (0300294-G)"]
)
def test_a_label_before_a_uai_is_no_part_of_it(cell):
    meant = school("Collège Jean Jaurès", uai="0300294G")
    assert one("Jean Jaurès", "Nîmes", uai=cell).match_method == "uai"
    assert one("", uai=cell).uai == meant.uai


@pytest.mark.parametrize("cell", ["04 66 12 34 56", "SIRET 21300189400012"])
def test_what_is_no_uai_does_not_hinder_a_certain_name(jaures, cell):
    assert one("Collège Jean Jaurès", "Nîmes", uai=cell).uai == jaures.uai
    found = one("Jean Jaurès", "Nîmes", uai=cell)
    assert (found.uai, found.doubt_code, proposed(found)) == ("", "uai_invalid", {jaures.uai})


def test_maternelles_are_proposed_only_where_the_product_or_the_row_has_them():
    nursery, primary = school("École maternelle Jean Macé"), school("École élémentaire Jean Macé")
    without = NOWHERE._replace(offers_nurseries=False)
    assert proposed(one("Jean Macé", "Nîmes")) == {nursery.uai, primary.uai}
    assert proposed(one("Jean Macé", "Nîmes", scope=without)) == {primary.uai}
    assert nursery.uai in proposed(one("École maternelle Jean Macée", "Nîmes", departement="34", scope=without))
