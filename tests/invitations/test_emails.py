"""The letter to an invited teacher: who, which school, until when, one button; none where the link is dead."""

import datetime

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context

from accounts.models import User
from licensing.entitlements.models import Entitlement
from licensing.requests.invitations import emails, operations
from licensing.requests.invitations.models import TeacherInvitation
from mailing import kinds
from tests.emails import list_emails, render_email, render_only_email

LEA = "lea.martin@ac-nimes.example"


@pytest.fixture
def invitation(jaures):
    Entitlement.objects.update(first_day=timezone.localdate(), last_day=timezone.localdate() + datetime.timedelta(60))
    return jaures.invite_one(f"Léa Martin <{LEA}>", at=timezone.now())


def remind(jaures, invitation):
    at = timezone.now() + datetime.timedelta(days=1)
    operations.remind_invitation(invitation_id=invitation.pk, by=jaures.principal, at=at)


def test_the_letter_says_who_invites_which_school_and_until_when(jaures, invitation):
    letter = render_only_email(emails.INVITED)
    assert letter.subject == "Une licence Pep's vous attend à l’École Jean Jaurès"
    assert letter.reply_to == jaures.principal.email
    assert letter.from_name == "Pep’s – École Jean Jaurès"
    for text in (letter.text, letter.html):
        assert "Bonjour Léa" in text
        assert f"{jaures.principal}, de la direction de l’École Jean Jaurès (Nîmes), vous a réservé" in text
        assert invitation.link_token in text
        assert "entraînement personnalisé, du CP au CM2" in text
    # The button, and its address written out below for those whose mail program shows none.
    assert letter.html.count(f'#jeton={invitation.link_token}"') == 2
    assert f"{invitation.link_token}</a>" in letter.html


@pytest.mark.slow
def test_the_reminder_leads_to_the_same_link(jaures, invitation):
    remind(jaures, invitation)
    letter = render_only_email(emails.REMINDED)
    assert letter.subject.startswith("Rappel : ")
    assert invitation.link_token in letter.text


@pytest.mark.slow
def test_a_principal_who_left_is_not_named(jaures, invitation):
    colleague = jaures.add_principal(verified=True)
    User.objects.filter(pk=jaures.principal.pk).update(is_active=False)
    letter = render_only_email(emails.INVITED)
    assert letter.text.splitlines()[2].startswith("L’École Jean Jaurès (Nîmes) vous a réservé")
    assert letter.reply_to == ""
    assert str(colleague) not in letter.text


@pytest.mark.slow
def test_a_letter_with_a_dead_link_is_not_sent(jaures, invitation):
    [message] = list_emails(emails.INVITED)
    operations.recall_invitation(invitation_id=invitation.pk, by=jaures.principal, at=timezone.now())
    with pytest.raises(kinds.NoLongerDue, match="a annulé cette invitation"):
        render_email(message)
    TeacherInvitation.objects.all().delete()
    with pytest.raises(kinds.NoLongerDue, match="effacée"):
        render_email(message)


@pytest.mark.slow
def test_the_preview_shows_no_token(invitation):
    [message] = list_emails(emails.INVITED)
    with schema_context("public"):
        preview = kinds.get(message.kind).preview(message)
    assert invitation.link_token not in preview.text + preview.html


@pytest.mark.slow
def test_the_principal_reads_once_who_did_not_answer(jaures, invitation):
    second = jaures.invite_one("paul@x.example", at=invitation.created_at)
    operations.expire_invitations(at=second.expires_at)
    letter = render_only_email(emails.EXPIRED)
    assert letter.subject == "2 invitations sont restées sans réponse"
    assert f"Léa Martin ({LEA}) et paul@x.example n'ont pas répondu" in letter.text
    jaures.principal.affiliations.update(verified_at=None, verified_by="")
    with pytest.raises(kinds.NoLongerDue):
        render_only_email(emails.EXPIRED)


@pytest.mark.slow
def test_recalled_invitations_and_those_of_ended_licences_are_no_unanswered_ones(jaures, invitation):
    operations.recall_invitation(invitation_id=invitation.pk, by=jaures.principal, at=timezone.now())
    jaures.invite_one("paul@x.example", at=timezone.now())
    Entitlement.objects.update(suspended_at=timezone.now(), cancelled_at=timezone.now())
    operations.expire_invitations(at=timezone.now() + datetime.timedelta(days=40))
    assert list_emails(emails.EXPIRED) == []
