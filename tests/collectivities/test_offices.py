"""Opening an office; requesting one; accepting and declining requests."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from collectivities.capabilities import Role
from collectivities.exceptions import InvalidAddress
from collectivities.models import AuditEntry, Invitation, Member, OfficeSettings
from collectivities.operations import offices
from collectivities.operations.members import VALIDITY
from collectivities.operations.offices import accept_request, decline_request, open_office, request_office
from core.calendar import date_in_paris
from core.exceptions import DomainError
from core.formatting import long_date
from mailing import kinds
from mailing.models import Message
from tenants.models import Collectivity, OfficeRequest
from tenants.provisioning import OpeningRefused
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.refusals import refuses

ALES = {"name": "Ville d'Alès", "kind": "commune", "siren": "213000078"}
ASKED = ALES | {"applicant": "Awa Diop", "email": "awa@ales.example"}


@pytest.fixture
def operator(db):
    return UserFactory(is_staff=True, is_superuser=True)


def test_an_office_opens_with_its_settings_its_journal_and_an_invitation(db):
    now = timezone.now()
    ales = open_office(**ALES, manager_email=" awa@ales.example ", by=None, at=now)
    with tenant_context(ales):
        assert OfficeSettings.objects.get().sender_name == "Ville d'Alès"
        assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == [
            "office.opened",
            "members.invited",
        ]
        # Alone in the office, they would find nobody who may buy.
        assert Invitation.objects.get().roles == [Role.BUYER, Role.MANAGER]
        message = Message.objects.get()
        rendered = kinds.get(message.kind).render(message)
    assert message.recipient == "awa@ales.example"
    assert "http://ales.peps.localhost/invitation/#jeton=" in rendered.text
    assert long_date(date_in_paris(now + VALIDITY)) in rendered.text
    assert "Gestionnaire" in rendered.html


def test_a_bad_slug_and_a_bad_siren_are_both_reported_and_nothing_is_opened(db):
    with pytest.raises(OpeningRefused) as refused:
        open_office(**(ALES | {"siren": "1"}), manager_email="awa", by=None, at=TERM)
    assert set(refused.value.problems) == {"siren", "manager_email"}
    assert not Collectivity.objects.filter(slug="ales").exists()


def test_a_failure_after_the_schema_is_created_rolls_it_back(db, monkeypatch):
    def fail(**_):
        raise RuntimeError("the outbox is gone")

    monkeypatch.setattr(offices, "invite", fail)
    with pytest.raises(RuntimeError):
        open_office(**ALES, manager_email="awa@ales.example", by=None, at=TERM)
    assert not Collectivity.objects.filter(slug="ales").exists()
    monkeypatch.undo()
    open_office(**ALES, manager_email="awa@ales.example", by=None, at=TERM)


def test_the_command_opens_an_office_and_answers_in_json(db):
    out = io.StringIO()
    options = ["--name", "Ville d'Alès", "--kind", "commune", "--siren", "213 000 078", "--manager-email", "a@ales.fr"]
    call_command("open_collectivity", *options, "--json", stdout=out)
    opened = json.loads(out.getvalue())
    assert (opened["slug"], opened["key_prefix"], opened["url"]) == ("ales", "ALES", "http://ales.peps.localhost/")
    with pytest.raises(CommandError, match="--siren Une collectivité de SIREN 213000078 a déjà un bureau"):
        call_command("open_collectivity", *options, stdout=out)


def test_a_request_notifies_the_operator_and_is_acknowledged(db, settings):
    settings.OPERATOR_EMAIL = "exploitant@peps.example"
    request = request_office(**ASKED, at=TERM)
    messages = Message.objects.order_by("pk")
    assert [(message.kind, message.recipient) for message in messages] == [
        ("office_requested", "awa@ales.example"),
        ("office_request_arrived", "exploitant@peps.example"),
    ]
    texts = [kinds.get(message.kind).render(message).text for message in messages]
    assert "213000078" in texts[0]
    # The mailbox may be a stranger's: nothing that was typed reaches it.
    assert "Ville d'Alès" not in texts[0]
    assert "Awa" not in texts[0]
    assert kinds.get("office_requested").render(messages[0]).reply_to == settings.CONTACT_EMAIL
    assert f"/admin/tenants/officerequest/{request.pk}/" in texts[1]


def test_requesting_an_office_is_idempotent(db):
    first = request_office(**ASKED, at=TERM)
    assert request_office(**(ASKED | {"email": "AWA@ales.example"}), at=TERM) == first
    assert Message.objects.count() == 1


def test_a_request_needs_a_real_siren_and_an_address(db):
    with pytest.raises(DomainError):
        request_office(**(ASKED | {"siren": "213000079"}), at=TERM)
    with pytest.raises(InvalidAddress):
        request_office(**(ASKED | {"email": "awa"}), at=TERM)
    assert not OfficeRequest.objects.exists()


def test_an_accepted_request_opens_the_office_once(operator):
    request = request_office(**ASKED, at=TERM)
    ales = accept_request(request_id=request.pk, by=operator, at=TERM)
    request.refresh_from_db()
    assert (request.state, request.collectivity, request.decided_by) == ("accepted", ales, operator)
    with tenant_context(ales):
        assert Invitation.objects.get().email == "awa@ales.example"
        assert not Member.objects.exists()
    with refuses("already_decided"):
        accept_request(request_id=request.pk, by=operator, at=TERM)
    with refuses("already_decided"):
        decline_request(request_id=request.pk, reason="Doublon", by=operator, at=TERM)


def test_a_request_for_an_existing_office_stays_pending(nimes, operator):
    with schema_context("public"):
        request = request_office(**(ASKED | {"siren": nimes.siren}), at=TERM)
        with pytest.raises(OpeningRefused):
            accept_request(request_id=request.pk, by=operator, at=TERM)
    request.refresh_from_db()
    assert request.state == "pending"


def test_a_declined_request_says_why(operator):
    request = request_office(**ASKED, at=TERM)
    with pytest.raises(DomainError):
        decline_request(request_id=request.pk, reason=" ", by=operator, at=TERM)
    decline_request(request_id=request.pk, reason="Nîmes a déjà un bureau.", by=operator, at=TERM)
    message = Message.objects.get(kind="office_declined")
    assert "Nîmes a déjà un bureau." in kinds.get(message.kind).render(message).text
