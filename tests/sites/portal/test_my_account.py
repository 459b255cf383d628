"""« Mon compte »: what the guide promises to principals and teachers, with htmx and without scripts."""

import re

import pytest
from django.utils import timezone

from accounts.models import User
from licensing.entitlements import keys, operations, queries
from licensing.entitlements.exceptions import UnknownKey
from licensing.entitlements.models import Seat, Subscription
from licensing.entitlements.operations import look_up
from mailing.models import Message
from schools.models import Affiliation
from tests.conftest import PASSWORD, TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.licensing import KeyFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.sites.portal.my_account_page import HTMX, LICENCES, PAGE, SCHOOL, visible_text

pytestmark = pytest.mark.slow

# --- The principal's key --------------------------------------------------------------------------------------------


@pytest.mark.small
def test_a_visitor_is_sent_to_sign_in(portal):
    assert portal.get(PAGE)["Location"] == "/connexion/?next=/mon-compte/"


def test_a_principal_types_the_key_and_sees_no_seat_taken_of_three(jaures, as_):
    code, _ = jaures.key(units=3)
    browser = as_(jaures.principal)
    answer = browser.post(f"{PAGE}cle/", {"cle": keys.display("NIMES", code).lower()}, follow=True)
    assert "0 sur 3" in visible_text(answer)
    page = visible_text(browser.get(LICENCES))
    assert keys.display("NIMES", code) in page
    assert "31/08/2027" in page
    assert "Attribuée par la Ville de Nîmes" in page
    for heading in ("Licence", "Classes", "Élèves", "Reçue le", "Date d’expiration", "Clé d’activation"):
        assert heading in page
    assert re.search(r"TOUS NIVEAUX 3 90 ", page)


def test_with_htmx_a_redeemed_key_leads_to_the_dashboard_and_a_refused_one_stays_at_its_field(jaures, as_):
    code, _ = jaures.key(units=3)
    browser = as_(jaures.principal)
    answer = browser.post(f"{PAGE}cle/", {"cle": code}, headers=HTMX)
    assert (answer.status_code, answer["HX-Redirect"]) == (200, PAGE)
    assert "0 sur 3" in visible_text(browser.get(PAGE))
    answer = browser.post(f"{PAGE}cle/", {"cle": code}, headers=HTMX)
    assert answer.status_code == 409
    assert answer.content.decode().strip().startswith('<section class="tile mb-4" id="cle-recue"')


def test_a_refusal_is_shown_at_the_field_and_keeps_the_input(jaures, as_):
    answer = as_(jaures.principal).post(f"{PAGE}cle/", {"cle": "NIMES-7K3M-Q9TX-0000"})
    assert answer.status_code == 409
    assert "faute de frappe" in visible_text(answer)
    assert 'value="NIMES-7K3M-Q9TX-0000"' in answer.content.decode()
    assert as_(jaures.principal).post(f"{PAGE}cle/", {"cle": "x"}, headers=HTMX).status_code == 409


def test_too_many_guesses_are_answered_with_the_time_to_wait(jaures, as_):
    browser = as_(jaures.principal)
    for _ in range(10):
        with pytest.raises(UnknownKey):
            look_up(code=keys.generate(), by=jaures.principal, address="192.0.2.1", at=timezone.now())
    answer = browser.post(f"{PAGE}cle/", {"cle": keys.generate()})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 3000
    assert "patientez" in visible_text(answer)


def test_a_principal_with_a_typed_school_joins_the_directorys_by_activating(jaures, as_):
    principal = PrincipalFactory()
    Affiliation.objects.create(
        user=principal, name="Ecole J. Jaurès", address="x", postal_code="30000", city="Nîmes", since=TERM
    )
    code, _ = jaures.key()
    browser = as_(principal)
    answer = browser.post(f"{PAGE}cle/", {"cle": code})
    assert "la choisir et activer" in visible_text(answer)
    answer = browser.post(f"{PAGE}etablissement/rejoindre/", {"uai": jaures.school.uai, "cle": code}, follow=True)
    assert "0 sur 3" in visible_text(answer)
    assert [(a.school, a.verified_by) for a in principal.affiliations.all()] == [(jaures.school, "key")]


@pytest.mark.small
def test_no_address_ever_holds_a_key(jaures, as_):
    code, _ = jaures.key()
    as_(jaures.principal).get(f"{PAGE}cle/?cle={code}")
    assert not Subscription.objects.exists()


# --- Automatic mode -------------------------------------------------------------------------------------------------


def test_the_teachers_of_the_same_school_appear_and_one_click_gives_the_key(jaures, as_):
    _, subscription = jaures.subscription()
    teacher = jaures.teacher()
    browser = as_(jaures.principal)
    assert teacher.email in visible_text(browser.get(PAGE))
    answer = browser.post(f"{PAGE}attribuer/", {"abonnement": subscription.pk, "enseignant": teacher.pk}, headers=HTMX)
    assert "1 sur 3" in visible_text(answer)
    assert Seat.objects.get(holder=teacher).subscription == subscription
    answer = browser.post(f"{PAGE}attribuer/", {"abonnement": subscription.pk, "enseignant": teacher.pk}, follow=True)
    assert "détient déjà une licence" in visible_text(answer)


def test_teachers_of_other_schools_do_not_appear(jaures, as_):
    jaures.subscription()
    stranger = TeacherFactory()
    AffiliationFactory(user=stranger)
    assert stranger.email not in visible_text(as_(jaures.principal).get(PAGE))


def test_an_unverified_principal_sees_no_teacher_and_is_shown_why(jaures, as_):
    code, _ = jaures.subscription(exposed_at=TERM)
    listed, manual = jaures.teacher(), TeacherFactory()
    operations.claim(code=code, by=manual, at=TERM)
    page = visible_text(as_(jaures.principal).get(PAGE))
    for teacher in (listed, manual):
        assert teacher.email not in page
        assert str(teacher) not in page  # whole: a first name or a name alone may stand in the school's
    assert "1 sur 3" in page
    assert "mode manuel" in page
    assert "Une personne qui a saisi la clé elle-même" in page


def test_a_collectivity_that_gives_its_own_address_sees_no_teacher(jaures, as_):
    """A key sent to another mailbox than the directory's does not verify whoever redeems it."""
    code, _ = jaures.key(exposed_at=TERM)
    impostor = PrincipalFactory()
    AffiliationFactory(user=impostor, school=jaures.school)
    teacher = jaures.teacher()
    browser = as_(impostor)
    assert teacher.email not in visible_text(browser.post(f"{PAGE}cle/", {"cle": code}, follow=True))
    answer = browser.post(
        f"{PAGE}attribuer/", {"abonnement": Subscription.objects.get().pk, "enseignant": teacher.pk}, headers=HTMX
    )
    assert answer.status_code == 409
    assert teacher.last_name not in visible_text(answer)


def test_teachers_cannot_be_probed_by_id(jaures, as_):
    """A refusal names no teacher of a school that is not one's own."""
    _, subscription = jaures.subscription(exposed_at=TERM)
    stranger = TeacherFactory()
    answer = as_(jaures.principal).post(
        f"{PAGE}attribuer/", {"abonnement": subscription.pk, "enseignant": stranger.pk}, headers=HTMX
    )
    assert stranger.last_name not in visible_text(answer)
    verified = jaures.add_principal(verified=True)
    answer = as_(verified).post(
        f"{PAGE}attribuer/", {"abonnement": subscription.pk, "enseignant": stranger.pk}, headers=HTMX
    )
    assert stranger.last_name not in visible_text(answer)


def test_with_several_subscriptions_the_first_to_expire_is_offered_first(jaures, as_):
    _, late = jaures.subscription()
    code = keys.generate()
    early_entitlement = type(late.key.entitlement).objects.get(
        pk=KeyFactory(code=code, school=jaures.school).entitlement_id
    )
    early_entitlement.last_day = early_entitlement.last_day.replace(month=7)
    early_entitlement.save()
    early = operations.redeem(code=code, by=jaures.principal, at=TERM)
    jaures.teacher()
    page = as_(jaures.principal).get(PAGE).content.decode()
    options = re.findall(r'<option value="(\d+)">([^<]+) –', page)
    assert [int(number) for number, _ in options[:2]] == [early.pk, late.pk]
    assert options[0][1] == queries.unseal_key(early.key)


def test_a_principal_who_teaches_takes_a_seat(jaures, as_):
    _, subscription = jaures.subscription()
    browser = as_(jaures.principal)
    assert "Donner une licence à vous-même" in visible_text(browser.get(PAGE))
    answer = browser.post(
        f"{PAGE}attribuer/", {"abonnement": subscription.pk, "enseignant": jaures.principal.pk}, follow=True
    )
    assert "1 sur 3" in visible_text(answer)


@pytest.mark.small
@pytest.mark.parametrize("sent", [{}, {"abonnement": "x", "enseignant": "y"}, {"abonnement": "9" * 30}])
def test_invalid_input_is_a_404(jaures, as_, sent):
    assert as_(jaures.principal).post(f"{PAGE}attribuer/", sent).status_code == 404


# --- Manual mode ----------------------------------------------------------------------------------------------------


def test_the_teacher_types_the_key_and_sees_the_subscription(jaures, as_):
    code, _ = jaures.subscription()
    teacher = TeacherFactory()
    answer = as_(teacher).post(f"{PAGE}cle/", {"cle": code}, follow=True)
    page = visible_text(answer)
    assert "Compte de rattachement" in page
    assert "École Jean Jaurès" in page
    assert "31/08/2027" in page
    page = visible_text(as_(jaures.principal).get(PAGE))
    assert "1 sur 3" in page
    assert teacher.email in page


def test_the_principal_withdraws_a_seat_after_confirming(jaures, as_):
    code, subscription = jaures.subscription()
    teacher = TeacherFactory()
    seat = operations.claim(code=code, by=teacher, at=TERM)
    browser = as_(jaures.principal)
    page = visible_text(browser.get(f"{PAGE}retirer/{seat.pk}/"))
    assert teacher.email in page
    assert "ne pourra pas ressaisir la clé" in page
    answer = browser.post(f"{PAGE}retirer/{seat.pk}/", {"enseignant": teacher.pk}, follow=True)
    assert "0 sur 3" in visible_text(answer)
    assert "vous a retiré cette licence" in visible_text(as_(teacher).post(f"{PAGE}cle/", {"cle": code}))
    assert not subscription.seats.held().exists()


def test_another_user_neither_sees_nor_withdraws_a_seat(jaures, as_):
    code, _ = jaures.subscription()
    seat = operations.claim(code=code, by=TeacherFactory(), at=TERM)
    stranger = AffiliationFactory(user=PrincipalFactory(), verified_at=TERM, verified_by="operator").user
    browser = as_(stranger)
    assert browser.get(f"{PAGE}retirer/{seat.pk}/").status_code == 404
    browser.post(f"{PAGE}retirer/{seat.pk}/", {"enseignant": seat.holder_id})
    seat.refresh_from_db()
    assert seat.holder is not None


# --- Proposals ------------------------------------------------------------------------------------------------------


def test_a_teacher_who_typed_a_similar_school_is_proposed_and_joined_in_one_click(jaures, as_, elsewhere):
    jaures.subscription()
    teacher, far = elsewhere(TeacherFactory), TeacherFactory()
    AffiliationFactory(user=far, school=SchoolFactory(name="École des Garrigues", postal_code="48000", commune="Mende"))
    browser = as_(jaures.principal)
    page = visible_text(browser.get(PAGE))
    assert f"{teacher} a saisi « Ecole J. Jaurès » à la main à reconnaître" in page
    assert f"Ajouter à mes enseignants : {teacher}" in page
    assert teacher.email not in page
    answer = browser.post(f"{PAGE}enseignants/", {"ajouter": teacher.pk, "uai": jaures.school.uai}, headers=HTMX)
    assert teacher.email in visible_text(answer)
    assert [one.school for one in teacher.affiliations.all()] == [jaures.school]
    for someone in (far, teacher):
        answer = browser.post(f"{PAGE}enseignants/", {"ajouter": someone.pk, "uai": jaures.school.uai}, headers=HTMX)
        assert answer.status_code == 409
    assert not far.affiliations.filter(school=jaures.school).exists()


def test_nobody_is_proposed_to_a_principal_who_is_not_verified(jaures, as_, elsewhere):
    jaures.subscription(exposed_at=TERM)
    teacher = elsewhere(TeacherFactory)
    browser = as_(jaures.principal)
    assert "Ajouter à mes enseignants" not in visible_text(browser.get(PAGE))
    browser.post(f"{PAGE}enseignants/", {"ajouter": teacher.pk, "uai": jaures.school.uai})
    assert not teacher.affiliations.filter(school=jaures.school).exists()


# --- Several schools, several principals ----------------------------------------------------------------------------


def test_a_principal_of_two_schools_switches_between_them(jaures, as_):
    jaures.subscription()
    other = SchoolFactory(name="École des Garrigues")
    AffiliationFactory(user=jaures.principal, school=other, verified_at=TERM, verified_by="operator")
    colleague = jaures.teacher()
    browser = as_(jaures.principal)
    assert colleague.email in visible_text(browser.get(PAGE))
    page = visible_text(browser.get(PAGE, {"etablissement": other.uai}, follow=True))
    assert colleague.email not in page
    assert "Vous avez reçu une clé ?" in page
    assert "Aucun abonnement en cours" in visible_text(browser.get(LICENCES))


def test_only_verified_colleagues_see_the_subscriptions_of_the_school(jaures, as_):
    jaures.subscription()
    assert "0 sur 3" in visible_text(as_(jaures.add_principal(verified=True)).get(PAGE))
    assert "0 sur 3" not in visible_text(as_(jaures.add_principal()).get(PAGE))


def test_requesting_another_school_shows_ones_own(jaures, as_):
    jaures.subscription()
    stranger = AffiliationFactory(user=PrincipalFactory()).user
    page = visible_text(as_(stranger).get(PAGE, {"etablissement": jaures.school.uai}, follow=True))
    assert "École Jean Jaurès" not in page


@pytest.mark.small
def test_an_agent_is_sent_to_their_office(as_):
    assert "bureau" in visible_text(as_(UserFactory()).get(PAGE))


# --- Profile --------------------------------------------------------------------------------------------------------


@pytest.fixture
def teacher(db):
    teacher = TeacherFactory()
    teacher.set_password(PASSWORD)
    teacher.save()
    return teacher


def person(user, **changes):
    fields = {name: getattr(user, name) for name in ("last_name", "first_name", "email", "phone")}
    return {**fields, "old_password": "", "new_password": "", "confirmation": "", **changes}


@pytest.mark.small
def test_an_empty_new_password_changes_nothing(teacher, as_):
    as_(teacher).post(f"{PAGE}informations/", person(teacher, last_name="Colas", old_password="n'importe"))
    teacher.refresh_from_db()
    assert (teacher.last_name, teacher.check_password(PASSWORD)) == ("Colas", True)


@pytest.mark.small
@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ({"new_password": "quatre-petits-chats", "confirmation": "quatre-petits-chats"}, "old_password"),
        ({"old_password": PASSWORD, "new_password": "quatre-petits-chats", "confirmation": "x"}, "confirmation"),
        ({"old_password": PASSWORD, "new_password": "court", "confirmation": "court"}, "new_password"),
    ],
)
def test_a_new_password_needs_the_old_one_twice_the_same_and_not_weak(teacher, as_, typed, error):
    answer = as_(teacher).post(f"{PAGE}informations/", person(teacher, **typed))
    assert answer.status_code == 422
    assert error in answer.context["person_form"].errors
    assert "Les trois champs sont à saisir de nouveau" in visible_text(answer)
    teacher.refresh_from_db()
    assert teacher.check_password(PASSWORD)


def test_a_new_password_keeps_this_browser_signed_in(teacher, as_):
    browser = as_(teacher)
    typed = {"old_password": PASSWORD, "new_password": "quatre-petits-chats", "confirmation": "quatre-petits-chats"}
    page = visible_text(browser.post(f"{PAGE}informations/", person(teacher, **typed), follow=True))
    assert "Votre mot de passe est changé." in page
    assert "Changer de mot de passe" in page
    assert "Vos informations sont enregistrées" not in page
    teacher.refresh_from_db()
    assert teacher.check_password("quatre-petits-chats")
    assert Message.objects.get(kind="account.password_changed").recipient == teacher.email
    assert browser.get(PAGE).status_code == 200


def test_a_new_address_must_be_confirmed(teacher, as_):
    typed = {"email": "nouvelle@exemple.example", "old_password": PASSWORD}
    answer = as_(teacher).post(f"{PAGE}informations/", person(teacher, **typed), follow=True)
    assert "nouvelle@exemple.example" in visible_text(answer)
    assert User.objects.get(pk=teacher.pk).email == teacher.email


def test_a_teacher_moves_to_another_school(teacher, as_):
    AffiliationFactory(user=teacher)
    school = SchoolFactory()
    browser = as_(teacher)
    found = browser.post(f"{PAGE}etablissement/", {"school_query": school.uai, "rechercher": "1"})
    assert f'value="{school.uai}"' in found.content.decode()
    browser.post(f"{PAGE}etablissement/", {"uai": school.uai})
    assert [one.school for one in teacher.affiliations.all()] == [school]


def test_a_teacher_whose_school_is_not_listed_reads_who_hands_over_the_key(teacher, jaures, as_):
    sentence = "Votre chef d’établissement vous transmettra alors la clé, que vous saisirez vous-même."
    assert sentence in visible_text(as_(teacher).get(SCHOOL))
    assert sentence not in visible_text(as_(jaures.principal).get(SCHOOL))


def test_a_principal_adds_a_school_and_leaves_it(jaures, as_):
    school = SchoolFactory()
    browser = as_(jaures.principal)
    browser.post(f"{PAGE}etablissement/", {"uai": school.uai})
    affiliation = jaures.principal.affiliations.get(school=school)
    assert affiliation.verified_at is None
    assert "restent à l’établissement" in visible_text(browser.get(f"{PAGE}etablissement/{affiliation.pk}/quitter/"))
    browser.post(f"{PAGE}etablissement/{affiliation.pk}/quitter/")
    assert [one.school for one in jaures.principal.affiliations.all()] == [jaures.school]


@pytest.mark.small
def test_nobody_leaves_a_school_for_another(jaures, as_):
    affiliation = jaures.principal.affiliations.get()
    assert as_(PrincipalFactory()).post(f"{PAGE}etablissement/{affiliation.pk}/quitter/").status_code == 404


# --- Queries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("subscriptions", "teachers"), [(1, 2), (10, 60), (20, 120)])
def test_the_page_takes_eleven_queries(jaures, as_, subscriptions, teachers, django_assert_num_queries):
    made = [jaures.subscription(units=7)[1] for _ in range(subscriptions)]
    people = [jaures.teacher().pk for _ in range(teachers)]
    for number, subscription in enumerate(made):
        served = people[number * 3 : number * 3 + 3] if subscriptions > 1 else people[:1]
        operations.assign_many(subscription_id=subscription.pk, teacher_ids=served, by=jaures.principal, at=TERM)
    browser = as_(jaures.principal)
    with django_assert_num_queries(11):
        answer = browser.get(PAGE)
    assert answer.status_code == 200


def test_no_inline_script_or_style(jaures, as_):
    jaures.subscription()
    page = as_(jaures.principal).get(PAGE).content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", page)
