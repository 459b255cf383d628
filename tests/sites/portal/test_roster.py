"""The one list of teachers: who is in it, in which order, with which state and which button."""

import datetime
import re

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context

from licensing.classes import operations as classes
from licensing.entitlements import operations, overview
from licensing.entitlements.models import Entitlement
from licensing.requests.invitations import operations as invitations
from licensing.requests.invitations.models import TeacherInvitation
from sites.portal.my_account import roster
from sites.portal.my_account.roster import TeacherState
from tests.classes.class_rows import create_subscription, hold_seat
from tests.conftest import TERM
from tests.factories.accounts import TeacherFactory
from tests.factories.schools import AffiliationFactory
from tests.sites.portal.my_account_page import HTMX, PAGE, get_page, get_version, visible_text

pytestmark = pytest.mark.slow


@pytest.fixture
def read_page(as_):
    """Returns a function that returns the dashboard's text, as a user reads it."""
    return lambda user: visible_text(as_(user).get(PAGE)).replace("\xa0", " ")


@schema_context("public")
def build(user, school_year=2027, at=TERM):
    found = overview.of_principal(user, at=at)
    return roster.build_roster(user, found, school_year=school_year, at=at)


@schema_context("public")
def title(user, school_year=2027):
    found = overview.of_principal(user, at=TERM)
    shown = roster.build_roster(user, found, school_year=school_year, at=TERM)
    return roster.describe_classes(found, shown).replace("\xa0", " ")


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


def test_names_are_first_name_first_and_sorted_by_surname_whoever_it_is(jaures, as_):
    _, subscription = jaures.subscription(units=5)
    teacher(jaures, "Bernard"), teacher(jaures, "Zola")
    addresses = "MARTIN Ève <a@x.example>\nanne.colas@x.example\nÉmile de la Tour <b@x.example>"
    browser = as_(jaures.principal)
    browser.post(f"{PAGE}inviter/", {"abonnement": subscription.pk, "adresses": addresses})
    names = [str(row.person or row.invitation) for row in build(jaures.principal).rows if not row.own]
    assert names == ["Léa Bernard", "anne.colas@x.example", "Émile de la Tour", "Ève MARTIN", "Léa Zola"]
    page = visible_text(browser.get(PAGE))
    assert [name for name in names if name in page] == names
    assert sorted(names, key=page.rindex) == names


def test_who_did_not_answer_stays_in_the_list_and_is_invited_again(jaures, as_):
    """Cancelled, unanswered, or of licences that are over: the address is not lost."""
    _, subscription = jaures.subscription(units=3)
    browser = as_(jaures.principal)
    addresses = "Anne Allard <a@x.example>\nBo Bernard <b@x.example>\nCé Colas <c@x.example>"
    browser.post(f"{PAGE}inviter/", {"abonnement": subscription.pk, "adresses": addresses})
    invited = list(TeacherInvitation.objects.order_by("pk"))
    answer = browser.post(f"{PAGE}inviter/annuler/", {"invitation": invited[0].pk}, headers=HTMX)
    text = visible_text(answer)
    assert "L’invitation de Anne Allard est annulée" in text
    assert "Anne Allard a@x.example sans licence invitation annulée par la direction Rétablir l’invitation" in text
    TeacherInvitation.objects.filter(pk=invited[1].pk).update(expires_at=timezone.now())
    invitations.expire_invitations(at=timezone.now())
    Entitlement.objects.update(suspended_at=TERM, cancelled_at=TERM)
    invitations.expire_invitations(at=timezone.now())
    page = visible_text(browser.get(PAGE))
    assert "Bo Bernard b@x.example sans licence invitation restée sans réponse" in page
    assert "Cé Colas c@x.example sans licence invitation licences terminées" in page
    assert "Inviter de nouveau" not in page
    assert page.count("aucune licence libre") == 3
    fresh = create_subscription(size=1, school=jaures.school, principal=jaures.principal)
    assert "Inviter de nouveau Cé Colas" in visible_text(browser.get(PAGE))
    answer = browser.post(
        f"{PAGE}inviter/de-nouveau/", {"invitation": invited[2].pk, "abonnement": fresh.pk}, headers=HTMX
    )
    assert "Une invitation part à c@x.example" in visible_text(answer)
    assert [row.state for row in build(jaures.principal, at=timezone.now()).rows if not row.own] == [
        TeacherState.WITHOUT, TeacherState.WITHOUT, TeacherState.INVITED
    ]  # fmt: skip
    answer = browser.post(f"{PAGE}inviter/enlever/", {"invitation": invited[0].pk}, headers=HTMX)
    assert "Anne Allard (a@x.example) n’est plus dans la liste" in visible_text(answer)
    assert len(build(jaures.principal).rows) == 2


def test_whoever_has_an_account_or_a_licence_now_is_listed_once(jaures):
    _, subscription = jaures.subscription(units=3)
    people = [teacher(jaures, name) for name in ("Allard", "Bernard")]
    TeacherInvitation.objects.bulk_create(
        TeacherInvitation(
            subscription=subscription, email=one.email, name=str(one), nonce="n", token_hash=str(one.pk),
            invited_by=jaures.principal, created_at=TERM, expires_at=TERM, ended_at=TERM, outcome="expired",
        )
        for one in people
    )  # fmt: skip
    operations.assign(subscription_id=subscription.pk, teacher=people[0], by=jaures.principal, at=TERM)
    assert rows(build(jaures.principal)) == [("Allard", TeacherState.ACTIVE), ("Bernard", TeacherState.WITHOUT)]


def test_a_cancelled_invitation_is_restored_from_its_row_for_a_day(jaures, as_):
    _, subscription = jaures.subscription()
    browser = as_(jaures.principal)
    browser.post(f"{PAGE}inviter/", {"abonnement": subscription.pk, "adresses": "Léa Martin <lea@x.example>"})
    invitation = TeacherInvitation.objects.get()
    browser.post(f"{PAGE}inviter/annuler/", {"invitation": invitation.pk})
    for hours, restorable in ((25, False), (23, True)):
        TeacherInvitation.objects.update(ended_at=timezone.now() - datetime.timedelta(hours=hours))
        page = visible_text(browser.get(PAGE))
        assert ("Rétablir l’invitation de Léa Martin" in page) == restorable
        assert ("Inviter de nouveau Léa Martin" in page) != restorable
    answer = browser.post(f"{PAGE}inviter/retablir/", {"invitation": invitation.pk}, follow=True)
    assert "L’invitation de Léa Martin est rétablie" in visible_text(answer)
    assert TeacherInvitation.objects.get().is_pending_at(timezone.now())


def test_inviting_who_waits_says_who_and_offers_the_reminder(jaures, as_):
    _, subscription = jaures.subscription(units=2)
    browser = as_(jaures.principal)
    asked = {"abonnement": subscription.pk, "adresses": "Léa Martin <lea@x.example>"}
    browser.post(f"{PAGE}inviter/", asked)
    browser.get(PAGE)
    answer = browser.post(f"{PAGE}inviter/", {**asked, "adresses": "LEA@x.example"}, headers=HTMX)
    assert "Léa Martin (lea@x.example) est déjà dans la liste : son invitation est partie le" in visible_text(answer)
    assert "Vous pourrez la relancer à partir du" in visible_text(answer)
    assert 'name="relancer"' not in answer.content.decode()
    TeacherInvitation.objects.update(created_at=TERM)
    answer = browser.post(f"{PAGE}inviter/", {**asked, "adresses": "lea@x.example"}, headers=HTMX)
    notice = re.search(r'id="avis".*?</div>', answer.content.decode(), re.DOTALL)[0]
    assert f'name="relancer" value="{TeacherInvitation.objects.get().pk}"' in " ".join(notice.split())


def test_too_many_addresses_are_kept_with_the_ways_to_have_more(jaures, as_):
    _, subscription = jaures.subscription(units=1)
    browser = as_(jaures.principal)
    asked = {"abonnement": subscription.pk, "adresses": "lea@x.example\npaul@x.example"}
    for headers in ({}, HTMX):
        answer = browser.post(f"{PAGE}inviter/", asked, headers=headers)
        page = visible_text(answer)
        assert "Vous invitez 2 personnes et il reste 1 licence : retirez 1 adresse" in page
        assert "lea@x.example paul@x.example" in page
        assert page.count("Demandez à la Ville de Nîmes") == page.count("Achetez des licences") == 1
        assert "Votre école a reçu une autre clé ?" in page
    # The last one went meanwhile: the form and what was typed stay all the same.
    operations.assign(subscription_id=subscription.pk, teacher=jaures.teacher(), by=jaures.principal, at=TERM)
    page = visible_text(browser.post(f"{PAGE}inviter/", asked, headers=HTMX))
    assert "La seule licence de cet abonnement est déjà attribuée" in page
    assert "lea@x.example paul@x.example" in page


def test_the_list_says_who_has_opened_their_class(jaures, as_):
    _, subscription = jaures.subscription()
    people = [teacher(jaures, name) for name in ("Allard", "Bernard")]
    for one in (*people, jaures.principal):
        operations.assign(subscription_id=subscription.pk, teacher=one, by=jaures.principal, at=TERM)
    seats = {seat.holder_id: seat.pk for seat in subscription.seats.held()}
    browser = as_(jaures.principal)
    before = get_version(browser.get(PAGE))
    page = visible_text(browser.get(PAGE))
    assert "Ouvrir ma classe" in page
    for one in (people[0], jaures.principal):
        classes.open_class(seat_id=seats[one.pk], by=one, name="CE1", at=TERM)
    answer = get_page(browser, before)
    assert answer.status_code == 200  # a colleague's open page tells it, too
    page = visible_text(answer)
    assert f"{people[0].email} licence active classe ouverte" in page
    assert f"{people[1].email} licence active classe à ouvrir" in page
    assert "Ma classe" in page
    assert "Ouvrir ma classe" not in page


def test_a_principal_who_teaches_has_their_classes_in_the_menu(jaures, as_, django_assert_max_num_queries):
    _, subscription = jaures.subscription()
    browser = as_(jaures.principal)
    assert "Mes classes" not in visible_text(browser.get(PAGE))
    operations.assign(subscription_id=subscription.pk, teacher=jaures.principal, by=jaures.principal, at=TERM)
    for path in (PAGE, f"{PAGE}informations/", "/contact/"):
        assert "Mes classes" in visible_text(browser.get(path))
    assert "Mes classes" not in visible_text(as_(jaures.add_principal(verified=True)).get("/contact/"))
    browser = as_(jaures.principal)
    with django_assert_max_num_queries(13):
        browser.get(PAGE)


def test_withdrawing_speaks_of_a_class_only_where_one_is_open(jaures, as_):
    _, subscription = jaures.subscription()
    leaving, _ = teacher(jaures, "Allard"), teacher(jaures, "Bernard")
    seat = operations.assign(subscription_id=subscription.pk, teacher=leaving, by=jaures.principal, at=TERM)
    path = f"{PAGE}retirer/{seat.pk}/"
    page = visible_text(as_(jaures.principal).get(path))
    assert "Aucune classe n’est encore ouverte avec elle" in page
    assert "sa classe" not in page
    classes.open_class(seat_id=seat.pk, by=leaving, name="CE1", at=TERM)
    page = visible_text(as_(jaures.principal).get(path))
    assert "La classe et les comptes des élèves sont conservés" in page
    assert "La donner aussitôt, avec sa classe, à" in page


def test_the_title_counts_the_classes_that_have_a_licence_and_the_licences_that_are_left(jaures):
    assert title(jaures.principal) == "École Jean Jaurès"
    _, subscription = jaures.subscription()
    expected = [
        "École Jean Jaurès : aucune classe n'a encore Pep's, 3 licences restent à donner",
        "École Jean Jaurès : 1 classe a Pep's, 2 licences restent à donner",
        "École Jean Jaurès : 2 classes ont Pep's, 1 licence reste à donner",
        "École Jean Jaurès : 3 classes ont Pep's, toutes vos licences sont données",
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
        == "École Jean Jaurès, à partir du 1er septembre 2027 : 2 licences restent à donner"
    )
    operations.assign(subscription_id=coming.pk, teacher=served, by=jaures.principal, at=TERM)
    assert (
        title(jaures.principal, 2028)
        == "École Jean Jaurès : 1 classe aura Pep's à partir du 1er septembre 2027, 1 licence reste à donner"
    )


def test_the_title_leaves_out_licences_that_are_reserved_or_suspended(jaures):
    _, subscription = jaures.subscription(units=2)
    operations.assign(subscription_id=subscription.pk, teacher=jaures.teacher(), by=jaures.principal, at=TERM)
    invitations.invite_teachers(
        subscription_id=subscription.pk, addresses="lea@x.example", by=jaures.principal, at=TERM
    )
    assert title(jaures.principal) == "École Jean Jaurès : 1 classe a Pep's, 1 licence est réservée"
    create_subscription(size=1, school=jaures.school, principal=jaures.principal)
    assert title(jaures.principal) == "École Jean Jaurès : 1 classe a Pep's, 1 licence reste à donner"
    Entitlement.objects.filter(pk=subscription.key.entitlement_id).update(suspended_at=TERM)
    assert title(jaures.principal) == "École Jean Jaurès : aucune classe n'a encore Pep's, 1 licence reste à donner"


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


@pytest.mark.small
def test_seats_bear_no_initial_for_a_principal_who_is_not_verified(jaures):
    code, _ = jaures.subscription(exposed_at=TERM)
    operations.claim(code=code, by=TeacherFactory(first_name="Émile", last_name="Zola"), at=TERM)
    places = build(jaures.principal).places
    assert {place.initial for place in places} == {""}
    assert "Zola" not in " ".join(place.words for place in places)


def test_who_gives_more_is_named_when_licences_are_missing_and_when_all_are_given(jaures, read_page):
    _, subscription = jaures.subscription(units=1)
    first = jaures.teacher()
    operations.assign(subscription_id=subscription.pk, teacher=first, by=jaures.principal, at=TERM)
    page = read_page(jaures.principal)
    assert "1 classe a Pep’s, votre licence est donnée" in page
    assert "Il vous en faut d’autres ? Demandez à la Ville de Nîmes" in page
    jaures.teacher()
    assert "Il manque 1 licence Demandez à la Ville de Nîmes" in read_page(jaures.principal)


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
    assert "1 sur 2" in page
    assert "La licence est donnée à" in page


def test_a_reminder_is_announced_by_its_hour_or_for_tomorrow(jaures, read_page, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM)
    _, subscription = jaures.subscription()
    invitations.invite_teachers(
        subscription_id=subscription.pk, addresses="lea@x.example", by=jaures.principal, at=TERM
    )
    assert "relance possible demain" in read_page(jaures.principal)
    TeacherInvitation.objects.update(created_at=TERM - datetime.timedelta(hours=19, minutes=55))
    assert "relance possible à 14:05" in read_page(jaures.principal)


def test_invited_persons_wait_in_the_list_and_on_a_seat(jaures, as_, django_assert_num_queries):
    _, subscription = jaures.subscription(units=12)
    browser = as_(jaures.principal)
    asked = {"abonnement": subscription.pk, "adresses": "Léa Martin <lea.martin@ac-nimes.example>"}
    browser.post(f"{PAGE}inviter/", asked)
    browser.get(PAGE)
    with django_assert_num_queries(12, exact=False) as one:
        page = visible_text(browser.get(PAGE))
    queries = len(one)
    assert "Léa Martin lea.martin@ac-nimes.example invitation envoyée" in page
    assert "réservée à Léa Martin" in page
    assert "relance possible demain" in page
    licences = visible_text(browser.get(f"{PAGE}licences/"))
    assert "0 licence donnée sur 12, 1 réservée à une personne invitée, 11 disponibles" in licences.replace("\xa0", " ")
    browser.post(f"{PAGE}inviter/", {**asked, "adresses": "\n".join(f"a{n}@ac-nimes.example" for n in range(9))})
    browser.get(PAGE)
    with django_assert_num_queries(queries):
        browser.get(PAGE)
