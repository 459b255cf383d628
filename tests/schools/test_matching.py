"""Proposals of likely schools and teachers, with their reasons."""

import pytest

from accounts.models import Profile
from schools.queries import suggest_schools, suggest_schools_for, suggest_teachers
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory

pytestmark = pytest.mark.django_db


def teacher(**fields):
    fields.setdefault("user", UserFactory(profile=Profile.TEACHER))
    return AffiliationFactory(**fields)


def typed(name, **fields):
    return teacher(school=None, name=name, **fields)


@pytest.fixture
def jaures():
    SchoolFactory(name="École maternelle Jean Macé")
    SchoolFactory(name="École élémentaire Jean Jaurès", commune="Toulouse", postal_code="31000", commune_code="31555")
    return SchoolFactory(name="École élémentaire Jean Jaurès")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ({"postal_code": "30000"}, "même code postal, nom proche"),
        ({"postal_code": "30 000", "city": "Nimes"}, "même code postal, nom proche"),
        ({"city": "NÎMES Cedex 1"}, "même commune, nom proche"),
        ({"postal_code": "30009", "city": "nimes"}, "même commune, nom proche"),
    ],
)
@pytest.mark.parametrize("name", ["Ecole J. Jaurès", "JEAN JAURES", "collège jean-jaurès", "Ecole Jaurès"])
def test_a_typed_school_is_proposed_by_place_and_name(jaures, name, place, reason):
    assert suggest_schools(name=name, **place) == [(jaures, reason)]


def test_another_name_in_the_same_place_is_not(jaures):
    assert suggest_schools(name="École Voltaire", postal_code="30000") == []


def test_without_a_place_the_name_alone_is_searched(jaures):
    assert {school.commune for school, _ in suggest_schools(name="jean jaurès")} == {"Nîmes", "Toulouse"}


def test_a_closed_school_is_not_proposed():
    SchoolFactory(name="École Zola", state="closed", closed_at=TERM)
    assert suggest_schools(name="École Zola", postal_code="30000") == []


def test_proposals_can_be_made_from_an_affiliation(jaures):
    proposals = suggest_schools_for(typed("Ecole Jaures", postal_code="30000", city="Nîmes"))
    assert [school for school, _ in proposals] == [jaures]
    assert suggest_schools_for(teacher(school=jaures)) == []


def test_teachers_who_typed_or_chose_a_neighbour_are_proposed(jaures):
    by_hand = typed("Ecole J. Jaurès", postal_code="30000", city="Nîmes")
    by_town = typed("ecole jean jaures", city="NIMES")
    neighbour = SchoolFactory(name="Collège Jean Jaurès")
    next_door = teacher(school=neighbour)
    proposals = suggest_teachers(jaures)
    assert {affiliation.pk for affiliation, _ in proposals} == {by_hand.pk, by_town.pk, next_door.pk}
    reasons = {affiliation.pk: reason for affiliation, reason in proposals}
    assert reasons[by_hand.pk] == "a saisi « Ecole J. Jaurès » à la main"
    assert reasons[next_door.pk] == "a choisi « Collège Jean Jaurès (Nîmes) »"


def test_members_of_the_school_other_towns_and_other_profiles_are_not_proposed(jaures):
    here = teacher(school=jaures)
    typed("Ecole Jaurès", postal_code="30000", user=here.user)
    typed("Ecole Jaurès", postal_code="31000", city="Toulouse")
    typed("École Voltaire", postal_code="30000", city="Nîmes")
    typed("Ecole Jaurès", postal_code="30000", user=UserFactory(profile=Profile.PRINCIPAL))
    typed("Ecole Jaurès", postal_code="30000", user=UserFactory(profile=Profile.TEACHER, is_active=False))
    assert suggest_teachers(jaures) == []


def test_a_name_without_distinctive_words_is_compared_in_full():
    school = SchoolFactory(name="École primaire publique", postal_code="30500")
    found = typed("ecole primaire publique", postal_code="30500")
    assert [affiliation for affiliation, _ in suggest_teachers(school)] == [found]
    assert [each for each, _ in suggest_schools(name="Ecole primaire", postal_code="30500")] == [school]


@pytest.mark.parametrize("teachers", [1, 12])
def test_the_queries_do_not_grow_with_the_teachers(jaures, teachers, django_assert_num_queries):
    for _ in range(teachers):
        typed("Ecole Jaurès", postal_code="30000")
    with django_assert_num_queries(1):
        assert len(suggest_teachers(jaures)) == teachers
