"""The contacts on the page of a client: who they are, what they do there, and when they last came."""

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from collectivities.capabilities import Role
from collectivities.models import OfficeSettings
from collectivities.operations.members import invite
from licensing.orders import operations
from tenants.models import OfficeRequest
from tests.factories.accounts import OperatorFactory, PrincipalFactory, UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.sites.back_office.pages import page_text
from tests.sites.back_office.test_clients import collectivity_url, open_page

pytestmark = pytest.mark.slow


def test_a_collectivity_s_contacts_say_when_they_last_signed_in(operator, nimes, bought):
    member = MemberFactory(user=UserFactory(last_login=timezone.now()), roles=[Role.VIEWER]).user
    gone = MemberFactory(left_at=timezone.now()).user
    invite(email="invitee@nimes.example", roles=["viewer"], by=None, at=timezone.now())
    OfficeSettings.objects.create(contact_name="Accueil scolaire", contact_phone="04 66 00 00 00")
    contacts = open_page(operator, collectivity_url(nimes)).context["contacts"]
    by_function = {contact.function: contact for contact in contacts}
    assert by_function["Lecteur"].email == member.email
    assert by_function["Lecteur"].last_login == member.last_login
    never = by_function["Acheteur et gestionnaire"]
    assert (never.email, never.has_account, never.last_login) == (bought.placed_by.email, True, None)
    assert by_function["Répond aux écoles"].phone == "04 66 00 00 00"
    assert by_function["Facturation"].email == bought.bill_email
    assert any(contact.email == "invitee@nimes.example" and "Invitation" in contact.function for contact in contacts)
    assert gone.email not in {contact.email for contact in contacts}
    assert [contact.email for contact in contacts].count(bought.placed_by.email) == 1


def test_the_operator_who_grants_is_no_contact_of_the_client(operator, nimes, bought):
    granter = OperatorFactory()
    operations.grant(collectivity=nimes, licences=5, reason="Essai", name="Lot", by=granter, at=timezone.now())
    contacts = open_page(operator, collectivity_url(nimes)).context["contacts"]
    assert granter.email not in {one.email for one in contacts}


def test_a_person_is_one_contact_with_all_their_functions_and_the_hour_of_their_last_visit(operator, nimes, bought):
    seen = timezone.now()
    member = MemberFactory(user=UserFactory(last_login=seen, phone=""), roles=[Role.VIEWER]).user
    now = timezone.now()
    OfficeRequest.objects.create(
        name="Ville de Nîmes", kind="commune", siren="213001894", applicant="Awa Diop", role="DGS",
        email=member.email.upper(), phone="04 66 00 00 00", created_at=now, collectivity=nimes, state="accepted",
        decided_at=now,
    )  # fmt: skip
    answer = open_page(operator, collectivity_url(nimes))
    (one,) = [one for one in answer.context["contacts"] if one.email.lower() == member.email.lower()]
    assert (one.name, one.phone) == (str(member), "04 66 00 00 00")
    assert one.function == "Lecteur ; A demandé le bureau (DGS)"
    assert f" à {timezone.localtime(seen):%H:%M}" in page_text(answer)


def test_a_buyer_who_left_the_office_is_still_named(operator, nimes, bought):
    with tenant_context(nimes):
        type(MemberFactory()).objects.filter(user=bought.placed_by).update(left_at=timezone.now())
    contacts = open_page(operator, collectivity_url(nimes)).context["contacts"]
    assert [one.email for one in contacts if one.function == "A commandé"] == [bought.placed_by.email]


@pytest.mark.small
def test_who_is_verified_to_lead_the_school_says_so(operator, db):
    school = SchoolFactory()
    AffiliationFactory(school=school, user=PrincipalFactory(email="cheffe@ecole.example"), verified_at=timezone.now(),
                       verified_by="operator")  # fmt: skip
    contacts = open_page(operator, f"/admin/clients/ecole/{school.pk}/").context["contacts"]
    assert [one.function for one in contacts if one.email == "cheffe@ecole.example"] == ["Direction vérifiée"]


def test_who_answers_schools_and_is_billed_is_the_same_contact_by_name_or_address(operator, nimes, bought):
    named = UserFactory(first_name="Aïcha", last_name="Benali", email="aicha@nimes.example")
    member = MemberFactory(user=named, roles=[Role.VIEWER]).user
    OfficeSettings.objects.create(
        contact_name="Aicha BENALI", contact_phone="04 66 12 34 56", reply_to="ecoles@nimes.example"
    )
    with tenant_context(nimes):
        type(bought).objects.filter(pk=bought.pk).update(bill_name="Mairie de Nîmes", bill_email="AICHA@nimes.example")
    answer = open_page(operator, collectivity_url(nimes))
    (one,) = [one for one in answer.context["contacts"] if "Benali" in one.name or "BENALI" in one.name]
    assert one.function == "Lecteur ; Répond aux écoles ; Facturation (Mairie de Nîmes)"
    assert (one.emails, one.phone) == ((member.email, "ecoles@nimes.example"), "04 66 12 34 56")
    assert "Mairie de Nîmes" not in {one.name for one in answer.context["contacts"]}


def test_two_accounts_of_one_name_are_two_contacts(operator, nimes, bought):
    for rank in range(2):
        MemberFactory(user=UserFactory(first_name="Paul", last_name="Durand", email=f"paul{rank}@nimes.example"))
    contacts = open_page(operator, collectivity_url(nimes)).context["contacts"]
    assert [one.name for one in contacts].count("Paul Durand") == 2
