"""A confidence of 0.95 says that nothing was taken for granted: level, number, track and place are told."""

import pytest

from tests.schools.named_rows import one, school

pytestmark = pytest.mark.django_db


def confidence(name, commune="Nîmes", **cells):
    found = one(name, commune, **cells)
    assert found.uai, found
    return found.confidence


@pytest.fixture
def jaures():
    return school("Collège Jean Jaurès")


def test_a_name_and_a_commune_that_tell_all_are_certain(jaures):
    assert confidence("Collège Jean Jaurès") == 1.0
    assert confidence("Jean Jaurès", kind="Collège") == 1.0
    assert confidence("COLLEGE JEAN JAURES", "NIMES CEDEX", postal_code="30911") >= 0.95


@pytest.mark.parametrize(
    ("cells", "taken_for_granted"),
    [
        ({"name": "Jean Jaurès"}, "the level"),
        ({"name": "Collège Jean Jaurès", "commune": "", "postal_code": "30000"}, "the commune"),
        ({"name": "Collège Jean Jaurès", "commune": "Nîmess", "departement": "30"}, "the commune"),
        ({"name": "Collège Jaurès"}, "the first name"),
    ],
)
def test_what_is_taken_for_granted_lowers_the_confidence(jaures, cells, taken_for_granted):
    assert confidence(**cells) < 0.95, taken_for_granted


def test_a_number_that_the_row_omits_is_taken_for_granted():
    school("École élémentaire Jules Ferry 2")
    assert confidence("École élémentaire Jules Ferry 2") == 1.0
    assert confidence("École élémentaire Jules Ferry") < 0.95


def test_a_lycee_that_may_be_the_professional_one_is_less_certain():
    school("Lycée professionnel Frédéric Mistral")
    assert confidence("Lycée professionnel Frédéric Mistral") == 1.0
    assert confidence("Lycée Frédéric Mistral") < 0.95


def test_a_commune_of_several_departements_is_certain_only_with_one_of_them():
    school("École primaire Jules Ferry", commune="Saint-Denis", postal_code="93200", departement_code="093")
    school("École primaire", commune="Saint-Denis", postal_code="97400", departement_code="974")
    assert confidence("École primaire Jules Ferry", "Saint-Denis") < 0.95
    assert confidence("École primaire Jules Ferry", "Saint-Denis", departement="93") == 1.0


def test_a_name_without_a_distinctive_word_is_certain_only_with_the_departement():
    school("École primaire", commune="Aubais", postal_code="30250")
    assert confidence("École primaire", "Aubais") < 0.95
    assert confidence("École primaire", "Aubais", departement="30") == 1.0


def test_a_lycee_of_the_exact_track_beside_another_of_its_name_is_less_certain():
    school("Lycée technologique Fénelon", commune="Grasse", departement_code="006", postal_code="06130")
    exact = school(
        "Lycée général et technologique Fénelon", commune="Grasse", departement_code="006", postal_code="06130"
    )
    found = one("Fénelon", "Grasse", kind="LEGT", departement="06")
    assert (found.uai, found.confidence < 0.95) == (exact.uai, True)
