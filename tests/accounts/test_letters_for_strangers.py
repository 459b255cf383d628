"""What a stranger can make us write to somebody else's mailbox: no link, no long text, three letters an hour."""

import datetime

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from accounts import personal_data
from accounts.models import User
from collectivities.forms import OfficeRequestForm
from collectivities.views.office import PER_NETWORK
from core.contact_details import check_no_address, check_person_name
from licensing.classes.forms import ClassNameForm
from sites.back_office.collectivities import OfficeOpeningForm
from sites.portal.contact import VisitorMessageForm
from tenants.models import OfficeRequest
from tests.accounts.emails import answer_resets
from tests.accounts.sign_up_fields import PERSON, TYPED
from tests.emails import list_emails, render_email
from tests.factories.accounts import TeacherFactory

LINKS = [
    "Voir https://pirate.example/x",
    "www.pirate.example",
    "gagnez sur pirate.com",
    "ecrire@pirate.example",
    "pirate．com",
    "pi\u200brate",
    "a\nb",
]
OFFICE = {
    "name": "Ville d'Alès",
    "kind": "commune",
    "siren": "213000078",
    "applicant": "Awa Diop",
    "email": "awa@ales.example",
}


@pytest.mark.parametrize("text", LINKS)
def test_a_name_with_an_address_or_an_invisible_letter_is_refused(text):
    with pytest.raises(ValidationError):
        check_no_address(text)
    with pytest.raises(ValidationError):
        check_person_name(text)


@pytest.mark.parametrize(
    "name",
    [
        "Benoît", "M. Dupont", "S.I.V.U. du Val", "D'Hérouville-Saint-Clair", "Jean-Noël (3)", "Ñ", "J.-B. Say",
        "Communauté d'agglomération « Cœur d'Essonne »", "x" * 60,
    ],
)  # fmt: skip
def test_ordinary_names_pass(name):
    check_person_name(name)


def test_a_long_name_is_refused_with_its_length():
    with pytest.raises(ValidationError, match="60 caractères au plus : ici, 61"):
        check_person_name("x" * 61)


@pytest.mark.parametrize("field", ["first_name", "last_name"])
@pytest.mark.parametrize("text", ["https://pirate.example", "x" * 61, "=1+1", "Préfet <prefet>"])
def test_sign_up_refuses_an_address_or_a_long_text_as_name(portal, field, text):
    answer = portal.post(reverse("account_signup"), PERSON | TYPED | {field: text})
    assert answer.context["form"].errors[field]
    assert not User.objects.exists()
    assert list_emails() == []


@pytest.mark.parametrize("username", ["x" * 61, "www.pirate.example", "autre@pirate.example"])
def test_sign_up_refuses_an_identifiant_that_is_an_address_or_long(portal, username):
    answer = portal.post(reverse("account_signup"), PERSON | TYPED | {"username": username})
    assert answer.context["form"].errors["username"]
    assert not User.objects.exists()


def test_ones_own_address_may_be_the_identifiant(portal):
    portal.post(reverse("account_signup"), PERSON | TYPED | {"username": PERSON["email"]})
    assert User.objects.get().username == PERSON["email"]


@pytest.mark.parametrize("field", ["school_name", "city"])
@pytest.mark.parametrize("text", ["pirate.example", "=1+1"])
def test_a_typed_school_holds_no_address_and_no_formula(portal, field, text):
    answer = portal.post(reverse("account_signup"), PERSON | TYPED | {field: text})
    assert answer.context["form"].errors[field]


@pytest.mark.parametrize("field", ["name", "applicant", "role"])
@pytest.mark.parametrize("text", ["Ville https://pirate.example", "=1+1"])
def test_an_office_request_refuses_an_address_and_a_formula(db, field, text):
    form = OfficeRequestForm(OFFICE | {field: text})
    assert list(form.errors) == [field]


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        (VisitorMessageForm, {"email": "a@b.fr", "profile": "other", "subject": "autre", "message": "Bonjour."}),
        (ClassNameForm, {}),
        (OfficeOpeningForm, {"kind": "commune", "siren": "213000078", "manager_email": "a@b.fr"}),
    ],
)
def test_every_other_form_with_a_name_refuses_them_too(form, fields):
    assert form(fields | {"name": "CE1 B"}).is_valid()
    for text in ("Préfet <prefet@gouv.fr>", "=1+1"):
        assert list(form(fields | {"name": text}).errors) == ["name"]


def test_an_office_request_refuses_a_long_applicant(db):
    assert list(OfficeRequestForm(OFFICE | {"applicant": "x" * 61}).errors) == ["applicant"]
    assert not OfficeRequestForm(OFFICE).errors


@pytest.mark.slow
def test_a_mailbox_gets_three_confirmation_letters_an_hour(portal):
    for number in range(5):
        answer = portal.post(reverse("account_signup"), PERSON | TYPED | {"username": f"compte{number}"})
        assert (answer.status_code, answer["Location"]) == (302, "/adresse/a-confirmer/")
        portal.cookies.clear()
    assert User.objects.count() == 5
    assert len(list_emails("account.confirm", recipient=PERSON["email"])) == 3


@pytest.mark.slow
def test_changes_of_address_count_for_the_mailbox_too(db):
    at = timezone.now()
    for _ in range(5):
        personal_data.request_change(user=TeacherFactory(), email="Cible@exemple.example", host="x", at=at)
    assert len(list_emails(recipient="cible@exemple.example")) == 3
    user = TeacherFactory()
    personal_data.request_change(
        user=user, email="cible@exemple.example", host="x", at=at + datetime.timedelta(hours=2)
    )
    assert len(list_emails(recipient="cible@exemple.example")) == 4


@pytest.mark.parametrize("host", ["nimes.peps.localhost", "nimes.peps.localhost:8000"])
def test_a_reset_link_leads_to_the_host_that_was_asked(office, host):
    TeacherFactory(email="agent@exemple.example")
    browser = office("nimes")
    browser.post(reverse("account_reset_password"), {"email": "agent@exemple.example"}, HTTP_HOST=host)
    answer_resets()
    [message] = list_emails("account.reset")
    assert "http://nimes.peps.localhost/mot-de-passe/nouveau/#jeton=" in render_email(message).text


@pytest.mark.slow
def test_office_requests_are_limited_by_visitor_not_by_proxy(portal, settings):
    settings.TRUSTED_PROXIES = 1
    path = reverse("office_request", urlconf=settings.PUBLIC_SCHEMA_URLCONF)

    def ask(visitor, number):
        data = OFFICE | {"email": f"awa{number}@ales.example"}
        return portal.post(path, data, headers={"X-Forwarded-For": visitor}).status_code

    assert [ask("192.0.2.1", number) for number in range(PER_NETWORK.tries + 1)] == [302] * PER_NETWORK.tries + [429]
    assert ask("192.0.2.2", 99) == 302
    assert OfficeRequest.objects.count() == PER_NETWORK.tries + 1
