"""The page of a teacher's invitation: two fields, the way in of each visitor, and a refusal for each reason."""

import datetime
import re
from html import unescape

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import AccountEvent, User
from licensing.entitlements.models import Entitlement
from licensing.requests.invitations import emails, operations
from licensing.requests.invitations.models import InvitationEnd, TeacherInvitation
from tests.conftest import PASSWORD
from tests.emails import list_emails, render_only_email
from tests.factories.accounts import PrincipalFactory, TeacherFactory, enable_second_factor, get_totp_code
from tests.invitations.inviting_school import InvitingSchool
from tests.tiers import sampled

pytestmark = pytest.mark.slow

LEA = "lea.martin@ac-nimes.example"


@pytest.fixture
def jaures(nimes):
    school = InvitingSchool()
    # Begun, whenever the tests run.
    today = timezone.localdate()
    Entitlement.objects.update(
        first_day=today - datetime.timedelta(days=30), last_day=today + datetime.timedelta(days=200)
    )
    return school


@pytest.fixture
def invitation(jaures):
    return jaures.invite_one(f"Léa Martin <{LEA}>", at=timezone.now())


def read(response):
    """Return what a page says, without its tags and non-breaking spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def path_of(invitation):
    return f"/invitation/#jeton={invitation.link_token}"


def seats_of(user):
    return list(user.seats.values_list("pk", flat=True))


def give_address(user, address=LEA):
    user.email = address
    user.set_password(PASSWORD)
    user.save()
    EmailAddress.objects.create(user=user, email=address, primary=True, verified=True)
    return user


def test_the_letter_leads_to_a_page_with_two_fields_one_filled_in(invitation, portal):
    letter = render_only_email(emails.INVITED)
    [link] = set(re.findall(r"https?://\S+/invitation/#\S+", letter.text))
    page = portal.get(portal.open_link(link))
    html = page.content.decode()
    assert "Bienvenue à l’École Jean Jaurès" in read(page)
    assert html.count('type="password"') == 2  # with the one of the sign-in form, in its closed details
    assert 'value="Léa Martin"' in html
    assert invitation.link_token not in page.request["PATH_INFO"]
    assert invitation.link_token not in html


def test_a_name_and_a_password_make_an_account_that_is_signed_in(invitation, portal, jaures):
    response = portal.post_link(path_of(invitation), {"name": "Léa Martin", "password": PASSWORD})
    teacher = User.objects.get(username=LEA)
    [seat] = seats_of(teacher)
    assert response["Location"] == reverse("teacher_welcome", args=[seat], urlconf=settings.PUBLIC_SCHEMA_URLCONF)
    welcome = portal.get(response["Location"])
    assert "Bienvenue, Léa" in read(welcome)
    assert LEA in welcome.content.decode()
    assert f"/mes-classes/ouvrir/{seat}/" in welcome.content.decode()
    assert AccountEvent.objects.filter(action="signed_in", account_id=teacher.pk).exists()
    assert [letter.recipient for letter in list_emails("account.created")] == [LEA]
    # The address is proven: no confirmation is asked for.
    assert list_emails("account.confirm") == []


def test_the_class_is_opened_later_where_the_licences_have_not_begun(invitation, portal):
    tomorrow = timezone.localdate() + datetime.timedelta(days=1)
    Entitlement.objects.update(first_day=tomorrow)
    response = portal.post_link(path_of(invitation), {"name": "Léa Martin", "password": PASSWORD})
    page = portal.get(response["Location"]).content.decode()
    assert "/mes-classes/ouvrir/" not in page
    assert "Vous ouvrirez votre classe à partir du" in read(portal.get(response["Location"]))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "Léa", "password": PASSWORD}, "Indiquez votre prénom et votre nom"),
        ({"name": "", "password": PASSWORD}, "Ce champ est obligatoire"),
        ({"name": "Léa Martin", "password": "123456"}, "trop court"),
        ({"name": "Léa Martin", "password": "motdepasse2026"}, "se devine vite"),
    ],
)
def test_each_error_stands_at_its_field_and_on_top(invitation, portal, fields, sentence):
    response = portal.post_link(path_of(invitation), fields)
    assert response.status_code == 422
    page = response.content.decode()
    assert read(response).count(sentence) == 2
    assert 'href="#id_' in page
    assert TeacherInvitation.objects.get().ended_at is None


def test_a_shared_mailbox_is_announced_and_gives_a_sign_in_name_of_its_own(jaures, portal):
    mailbox = jaures.principal.email
    invitation = jaures.invite_one(f"Léa Martin <{mailbox}>", at=timezone.now())
    page = portal.get(portal.open_link(path_of(invitation)))
    assert "Cette adresse sert à plusieurs personnes" in read(page)
    response = portal.post_link(path_of(invitation), {"name": "Léa Martin", "password": PASSWORD})
    assert "lea.martin" in read(portal.get(response["Location"]))
    assert User.objects.get(username="lea.martin").email == mailbox


def test_an_account_of_the_address_signs_in_there_and_has_the_seat(invitation, portal):
    teacher = give_address(TeacherFactory())
    page = portal.open_link(path_of(invitation))
    assert "Cette adresse a déjà un compte" in read(portal.get(page))
    response = portal.post(f"{page}connexion/", {"login": teacher.username, "password": PASSWORD})
    [seat] = seats_of(teacher)
    assert response["Location"].endswith(f"/bienvenue/{seat}/")
    # Their sign-in name is no news, and no e-mail repeats it.
    assert "Votre identifiant" not in read(portal.get(response["Location"]))
    assert list_emails("account.created") == []


def test_another_account_takes_the_seat_by_signing_in_at_the_page(invitation, portal):
    teacher = give_address(TeacherFactory(), "autre@x.example")
    page = portal.open_link(path_of(invitation))
    portal.post(f"{page}connexion/", {"login": teacher.username, "password": PASSWORD})
    assert seats_of(teacher) == [TeacherInvitation.objects.get(pk=invitation.pk).subscription.seats.held().get().pk]


def test_a_wrong_password_keeps_the_invitation(invitation, portal):
    teacher = give_address(TeacherFactory())
    page = portal.open_link(path_of(invitation))
    response = portal.post(f"{page}connexion/", {"login": teacher.username, "password": "faux"})
    assert response.status_code == 422
    assert "n’est pas le bon" in read(response)
    assert portal.get(page).status_code == 200


def test_a_second_factor_comes_before_the_seat(invitation, portal):
    teacher = give_address(TeacherFactory(), "autre@x.example")
    secret = enable_second_factor(teacher)
    page = portal.open_link(path_of(invitation))
    response = portal.post(f"{page}connexion/", {"login": teacher.username, "password": PASSWORD})
    assert response["Location"].startswith("/securite/code/")
    assert seats_of(teacher) == []
    response = portal.post(response["Location"], {"code": get_totp_code(secret)})
    assert response["Location"] == page
    portal.post(page)
    assert len(seats_of(teacher)) == 1


def test_the_account_of_the_address_accepts_by_one_button(invitation, portal):
    teacher = give_address(TeacherFactory())
    portal.force_login(teacher)
    page = portal.get(portal.open_link(path_of(invitation)))
    assert "Accepter ma licence" in page.content.decode()
    assert 'type="password"' not in page.content.decode()
    portal.post(page.request["PATH_INFO"])
    assert len(seats_of(teacher)) == 1


@pytest.mark.parametrize("factory", [TeacherFactory, PrincipalFactory])
def test_somebody_else_who_is_signed_in_takes_nothing_and_may_sign_out(invitation, portal, factory):
    other = give_address(factory(), "autre@x.example")
    portal.force_login(other)
    page = portal.open_link(path_of(invitation))
    assert "Cette invitation n’est pas pour ce compte" in read(portal.get(page))
    assert portal.post(page).status_code == 410
    assert seats_of(other) == []
    assert portal.post(f"{page}deconnexion/")["Location"] == page
    assert "Créer mon compte" in portal.get(page).content.decode()


def test_a_link_that_was_not_opened_in_this_browser_shows_nothing(invitation, portal):
    page = portal.get(f"/invitation/{invitation.pk}/")
    assert page.status_code == 410
    assert "Jaurès" not in page.content.decode()
    for way in ("", "connexion/", "deconnexion/"):
        portal.post(f"/invitation/{invitation.pk}/{way}", {"name": "Léa Martin", "password": PASSWORD})
    assert TeacherInvitation.objects.get().ended_at is None


@pytest.mark.parametrize("state", sampled([*InvitationEnd.values, "late", "unknown"], fast=2))
def test_each_dead_link_says_why_and_names_nobody(invitation, jaures, portal, state):
    path = path_of(invitation)
    if state == "unknown":
        path = "/invitation/#jeton=" + "x" * 43
    elif state == "late":
        TeacherInvitation.objects.update(expires_at=timezone.now())
    else:
        by = TeacherFactory() if state == InvitationEnd.ACCEPTED else None
        jaures.licences.seats.update(reserved_at=None)
        TeacherInvitation.objects.update(seat=None, outcome=state, ended_at=timezone.now(), accepted_by=by)
    response = portal.follow_link(path)
    page = read(response)
    assert response.status_code == 410
    assert "Cette invitation ne peut pas servir" in page
    for secret in ("Jaurès", "Léa", LEA, jaures.principal.last_name):
        assert secret not in page


def test_who_has_the_licence_already_is_led_to_their_classes_by_the_same_link(invitation, portal):
    portal.post_link(path_of(invitation), {"name": "Léa Martin", "password": PASSWORD})
    answer = portal.follow_link(path_of(invitation))
    assert answer.status_code == 410
    assert "Votre licence est déjà dans votre compte" in read(answer)
    assert 'href="/mes-classes/"' in answer.content.decode()
    # Somebody else who is signed in here is not asked to do so.
    portal.force_login(TeacherFactory())
    page = read(portal.follow_link(path_of(invitation)))
    assert "avec un autre compte que celui de" in page
    assert "Connectez-vous" not in page
    portal.logout()
    assert "Connectez-vous" in read(portal.follow_link(path_of(invitation)))


def test_an_invitation_that_ends_meanwhile_is_refused_with_its_reason(invitation, jaures, portal):
    page = portal.open_link(path_of(invitation))
    operations.recall_invitation(invitation_id=invitation.pk, by=jaures.principal, at=timezone.now())
    response = portal.post(page, {"name": "Léa Martin", "password": PASSWORD})
    assert response.status_code == 410
    assert "a annulé cette invitation" in read(response)
    assert not User.objects.filter(email=LEA).exists()


def test_the_welcome_page_is_its_holder_s(invitation, portal, jaures):
    seat = operations.accept_with_new_account(
        token=invitation.link_token, name="Léa Martin", password=PASSWORD, at=timezone.now()
    )
    portal.force_login(jaures.principal)
    assert portal.get(f"/bienvenue/{seat.pk}/").status_code == 404
