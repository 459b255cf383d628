"""The school was typed by hand: the directory's likely ones are proposed with the reason, and joined in one click."""

import pytest

from licensing.entitlements import operations
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import SchoolFactory
from tests.sites.portal.my_account_page import PAGE, SCHOOL, visible_text

pytestmark = pytest.mark.slow

JOIN = f"{PAGE}etablissement/rejoindre/"


@pytest.mark.parametrize("factory", [PrincipalFactory, TeacherFactory])
def test_likely_schools_are_proposed_with_a_reason_and_joined_in_one_click(jaures, elsewhere, as_, factory):
    SchoolFactory(name="École Émile Zola")
    user = elsewhere(factory)
    browser = as_(user)
    page = visible_text(browser.get(SCHOOL))
    assert "École Jean Jaurès" in page
    assert "même code postal, nom proche" in page
    assert "Zola" not in page
    page = visible_text(browser.post(JOIN, {"uai": jaures.school.pk}, follow=True))
    assert [one.school for one in user.affiliations.all()] == [jaures.school]
    assert "Est-ce l’un de ces établissements" not in page


def test_a_teacher_who_joined_appears_to_their_principal(jaures, elsewhere, as_):
    jaures.subscription()
    teacher = elsewhere(TeacherFactory)
    as_(teacher).post(JOIN, {"uai": jaures.school.pk})
    assert teacher.email in visible_text(as_(jaures.principal).get(PAGE))


def test_joining_verifies_nobody(jaures, elsewhere, as_):
    teacher, user = jaures.teacher(), elsewhere(PrincipalFactory)
    page = visible_text(as_(user).post(JOIN, {"uai": jaures.school.pk}, follow=True))
    assert user.affiliations.get().verified_at is None
    assert teacher.email not in page


def test_nothing_is_proposed_for_a_chosen_school_or_without_a_match(jaures, elsewhere, as_):
    assert "Est-ce l’un de ces établissements" not in visible_text(as_(jaures.principal).get(SCHOOL))
    user = elsewhere(TeacherFactory)
    user.affiliations.update(name="Les Petits Ruisseaux")
    assert "Est-ce l’un de ces établissements" not in visible_text(as_(user).get(SCHOOL))


@pytest.mark.small
def test_a_principal_of_another_school_still_gets_proposals(jaures, elsewhere, as_):
    """They typed the second school by hand; their rights in the first one stay."""
    user = elsewhere(PrincipalFactory)
    first = SchoolFactory(name="École des Garrigues")
    browser = as_(user)
    user.affiliations.create(school=first, since=TERM)
    assert "même code postal, nom proche" in visible_text(browser.get(SCHOOL))
    browser.post(JOIN, {"uai": jaures.school.pk})
    assert {one.school for one in user.affiliations.all()} == {first, jaures.school}


def test_proposals_cost_a_fixed_number_of_queries(jaures, elsewhere, as_, django_assert_num_queries):
    browser = as_(elsewhere(TeacherFactory))
    browser.get(SCHOOL)
    with django_assert_num_queries(12, exact=False) as one:
        browser.get(SCHOOL)
    SchoolFactory.create_batch(8, name="École Jean Jaurès")
    with django_assert_num_queries(len(one)):
        browser.get(SCHOOL)


def test_subscriptions_of_a_typed_school_stay_with_their_principal(jaures, elsewhere, as_):
    user = elsewhere(PrincipalFactory)
    code, key = jaures.key()
    key.school = None
    key.save()
    operations.redeem(code=code, by=user, at=TERM)
    assert "0 sur 3" in visible_text(as_(user).get(PAGE))
