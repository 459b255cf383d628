"""The one list of teachers: who is in it, in which order, with which state and which button."""

from __future__ import annotations

import datetime

import pytest

from licensing.entitlements import operations, overview
from licensing.entitlements.models import Entitlement
from sites.portal.my_account import roster, wording
from sites.portal.my_account.roster import TeacherState
from tests.classes.class_rows import create_subscription, hold_seat
from tests.conftest import TERM
from tests.factories.accounts import TeacherFactory
from tests.factories.schools import AffiliationFactory
from tests.sites.portal.my_account_page import PAGE, visible_text


@pytest.fixture
def read_page(as_):
    """Returns a function that returns the dashboard's text, as a user reads it."""
    return lambda user: visible_text(as_(user).get(PAGE)).replace("\xa0", " ")


def build(user, school_year=2027, at=TERM):
    found = overview.of_principal(user, at=at)
    return roster.build_roster(user, found, school_year=school_year, at=at)


def title(user, school_year=2027):
    found = overview.of_principal(user, at=TERM)
    shown = roster.build_roster(user, found, school_year=school_year, at=TERM)
    return wording.describe_classes(found, shown).replace("\xa0", " ")


def teacher(jaures, last_name, **fields):
    user = TeacherFactory(last_name=last_name, first_name="Léa", **fields)
    AffiliationFactory(user=user, school=jaures.school)
    return user


def rows(shown):
    return [(row.person.last_name if row.person else "", row.state) for row in shown.rows if not row.own]


def test_everybody_stands_in_one_list_by_name_whatever_their_state(jaures, elsewhere):
    code, subscription = jaures.subscription()
    bernard, allard = teacher(jaures, "Bernard"), teacher(jaures, "Allard")
    zola, colas = TeacherFactory(last_name="Zola"), teacher(jaures, "Colas")
    proposed = elsewhere(TeacherFactory)
    operations.assign(subscription_id=subscription.pk, teacher=bernard, by=jaures.principal, at=TERM)
    operations.claim(code=code, by=zola, at=TERM)
    hold_seat(create_subscription(size=1), by=colas)
    shown = build(jaures.principal)
    assert rows(shown) == [
        (allard.last_name, TeacherState.WITHOUT),
        ("Bernard", TeacherState.ACTIVE),
        ("Colas", TeacherState.ELSEWHERE),
        ("Zola", TeacherState.ACTIVE),
        (proposed.last_name, TeacherState.PROPOSED),
    ]
    assert [row.person for row in shown.rows if row.can_give] == [allard, colas, jaures.principal]
    assert [row.person for row in shown.rows if row.can_tick] == [allard]


def test_the_title_counts_the_classes_that_have_a_licence(jaures):
    assert title(jaures.principal) == "École Jean Jaurès"
    _, subscription = jaures.subscription()
    expected = [
        "École Jean Jaurès : aucune classe sur 3 n'a encore Pep's",
        "École Jean Jaurès : 1 classe sur 3 a Pep's",
        "École Jean Jaurès : 2 classes sur 3 ont Pep's",
        "École Jean Jaurès : 3 classes sur 3 ont Pep's",
    ]
    for sentence in expected:
        assert title(jaures.principal) == sentence
        if sentence != expected[-1]:
            operations.assign(subscription_id=subscription.pk, teacher=jaures.teacher(), by=jaures.principal, at=TERM)


def test_each_school_year_has_its_own_list_and_its_own_count(jaures):
    _, current = jaures.subscription()
    served = jaures.teacher()
    operations.assign(subscription_id=current.pk, teacher=served, by=jaures.principal, at=TERM)
    coming = create_subscription(size=2, school=jaures.school, principal=jaures.principal)
    Entitlement.objects.filter(pk=coming.key.entitlement_id).update(
        first_day=datetime.date(2027, 9, 1), last_day=datetime.date(2028, 8, 31)
    )
    found = overview.of_principal(jaures.principal, at=TERM)
    assert roster.list_school_years(found) == [2027, 2028]
    assert rows(build(jaures.principal)) == [(served.last_name, TeacherState.ACTIVE)]
    assert rows(build(jaures.principal, 2028)) == [(served.last_name, TeacherState.WITHOUT)]
    assert (
        title(jaures.principal, 2028)
        == "École Jean Jaurès : aucune classe sur 2 n'aura Pep's à partir du 1er septembre 2027"
    )


def test_whoever_holds_a_suspended_licence_may_be_given_another(jaures):
    _, suspended = jaures.subscription()
    served = jaures.teacher()
    operations.assign(subscription_id=suspended.pk, teacher=served, by=jaures.principal, at=TERM)
    jaures.entitlement.suspended_at = TERM
    jaures.entitlement.save()
    assert title(jaures.principal) == "École Jean Jaurès : licences suspendues"
    [row] = [row for row in build(jaures.principal).rows if not row.own]
    assert (row.state, row.can_give) == (TeacherState.SUSPENDED, False)
    create_subscription(size=2, school=jaures.school, principal=jaures.principal)
    [row] = [row for row in build(jaures.principal).rows if not row.own]
    assert (row.state, row.can_give) == (TeacherState.SUSPENDED, True)


def test_the_next_to_serve_is_below_then_from_the_top(jaures):
    _, subscription = jaures.subscription(units=5)
    one, two, three = (teacher(jaures, name) for name in ("Allard", "Bernard", "Colas"))
    operations.assign(subscription_id=subscription.pk, teacher=two, by=jaures.principal, at=TERM)
    shown = build(jaures.principal)
    assert shown.find_next(f"t{two.pk}") == f"t{three.pk}"
    assert shown.find_next(f"t{three.pk}") == f"t{one.pk}"
    assert shown.find_next("") == f"t{one.pk}"
    operations.assign_many(
        subscription_id=subscription.pk, teacher_ids=[one.pk, three.pk], by=jaures.principal, at=TERM
    )
    assert build(jaures.principal).find_next(f"t{two.pk}") == ""


def test_the_seats_drawn_are_those_held_then_those_that_are_free(jaures):
    code, subscription = jaures.subscription(units=4)
    operations.assign(subscription_id=subscription.pk, teacher=teacher(jaures, "Martin"), by=jaures.principal, at=TERM)
    operations.claim(code=code, by=TeacherFactory(first_name="Émile", last_name="Zola"), at=TERM)
    places = build(jaures.principal).places
    assert [(place.initial, place.words, place.use) for place in places] == [
        ("L", "Léa Martin", "taken"),
        ("É", "Émile Zola", "taken"),
        ("", "libre", "free"),
        ("", "libre", "free"),
    ]


def test_seats_bear_no_initial_for_a_principal_who_is_not_verified(jaures):
    code, _ = jaures.subscription(exposed_at=TERM)
    operations.claim(code=code, by=TeacherFactory(first_name="Émile", last_name="Zola"), at=TERM)
    places = build(jaures.principal).places
    assert {place.initial for place in places} == {""}
    assert "Zola" not in " ".join(place.words for place in places)


def test_who_gives_more_is_named_when_licences_are_missing_and_when_all_are_given(jaures, read_page):
    _, subscription = jaures.subscription(units=1)
    shown = build(jaures.principal)
    assert (shown.missing, shown.served) == (0, False)
    first = jaures.teacher()
    operations.assign(subscription_id=subscription.pk, teacher=first, by=jaures.principal, at=TERM)
    assert (build(jaures.principal).missing, build(jaures.principal).served) == (0, True)
    assert "Toutes vos classes sont servies" in read_page(jaures.principal)
    jaures.teacher()
    assert (build(jaures.principal).missing, build(jaures.principal).served) == (1, False)
    page = read_page(jaures.principal)
    assert "Il manque 1 licence" in page
    assert "Demandez à Ville de Nîmes" in page


def test_giving_for_next_year_stays_at_next_year(jaures, as_):
    jaures.subscription()
    coming = create_subscription(size=2, school=jaures.school, principal=jaures.principal)
    Entitlement.objects.filter(pk=coming.key.entitlement_id).update(
        first_day=datetime.date(2027, 9, 1), last_day=datetime.date(2028, 8, 31)
    )
    asked = {"abonnement": coming.pk, "enseignant": jaures.teacher().pk}
    browser = as_(jaures.principal)
    answer = browser.post(f"{PAGE}attribuer/?annee=2028", asked)
    assert answer["Location"] == f"{PAGE}?annee=2028"
    page = visible_text(browser.get(answer["Location"]))
    assert "1/2" in page
    assert "La licence est donnée à" in page


def test_invited_persons_wait_in_the_list_and_on_a_seat(jaures, as_, django_assert_num_queries):
    _, subscription = jaures.subscription(units=12)
    browser = as_(jaures.principal)
    asked = {"abonnement": subscription.pk, "adresses": "Léa Martin <lea.martin@ac-nimes.example>"}
    browser.post(f"{PAGE}inviter/", asked)
    browser.get(PAGE)
    with django_assert_num_queries(12, exact=False) as one:
        page = visible_text(browser.get(PAGE))
    queries = len(one)
    assert "Léa Martin lea.martin@ac-nimes.example invitée" in page
    assert "réservée à Léa Martin" in page
    assert "relance possible après un jour" in page
    licences = visible_text(browser.get(f"{PAGE}licences/"))
    assert "0 clé attribuée sur 12, 1 réservée à qui est invité, 11 disponibles" in licences.replace("\xa0", " ")
    browser.post(f"{PAGE}inviter/", {**asked, "adresses": "\n".join(f"a{n}@ac-nimes.example" for n in range(9))})
    browser.get(PAGE)
    with django_assert_num_queries(queries):
        browser.get(PAGE)
