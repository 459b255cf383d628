"""The letter to the principal who invited: who accepted, together with those who typed the key meanwhile."""

import functools

import pytest
from django.utils import timezone

from accounts.models import User
from core.exceptions import DomainError
from licensing.entitlements import operations as seats
from licensing.entitlements.notifications import SEAT_TAKEN
from licensing.requests.invitations import operations
from mailing import kinds
from tests.conftest import PASSWORD, TERM
from tests.emails import list_emails, render_only_email
from tests.factories.accounts import TeacherFactory
from tests.races import run_concurrently

LEA = "lea.martin@ac-nimes.example"


def accept(invitation, name="Léa Martin", at=TERM):
    return operations.accept_with_new_account(token=invitation.link_token, name=name, password=PASSWORD, at=at)


@pytest.mark.slow
def test_the_principal_reads_who_accepted(jaures):
    accept(jaures.invite_one(f"Léa Martin <{LEA}>"))
    letter = render_only_email(SEAT_TAKEN)
    assert letter.subject == "Léa Martin a accepté votre invitation : 1\xa0licence sur 3 en usage"
    assert f"Léa Martin ({LEA}) a accepté votre invitation et bénéficie désormais d'une licence." in letter.text
    assert "Ce n'est pas la personne que vous avez invitée ?" in letter.text
    assert "1\xa0licence sur 3 est utilisée." in letter.text


@pytest.mark.slow
def test_a_typed_key_and_an_acceptance_are_one_letter_with_one_number(jaures):
    claimed = TeacherFactory()
    seats.claim(code=jaures.code, by=claimed, at=TERM)
    accept(jaures.invite_one())
    letter = render_only_email(SEAT_TAKEN)
    assert letter.subject == "2\xa0enseignants de plus ont une licence : 2\xa0licences sur 3 en usage"
    for sentence in (
        f"{claimed} ({claimed.email}) a saisi la clé de votre abonnement et bénéficie désormais d'une licence.",
        "Si vous n'avez pas transmis la clé à cette personne, retirez-lui la licence depuis votre compte.",
        "a accepté votre invitation et bénéficie désormais d'une licence.",
        "2\xa0licences sur 3 sont utilisées.",
    ):
        assert letter.text.count(sentence) == 1


@pytest.mark.slow
def test_the_inviter_alone_reads_of_an_acceptance(jaures):
    jaures.add_principal(verified=True)
    accept(jaures.invite_one())
    assert [message.recipient for message in list_emails(SEAT_TAKEN)] == [jaures.principal.email]


@pytest.mark.slow
def test_an_inviter_whose_account_is_closed_is_not_written_to(jaures):
    invitation = jaures.invite_one()
    User.objects.filter(pk=jaures.principal.pk).update(is_active=False)
    accept(invitation)
    assert list_emails(SEAT_TAKEN) == []


def test_a_principal_who_leads_no_more_reads_no_name(jaures):
    accept(jaures.invite_one())
    jaures.principal.affiliations.update(verified_at=None, verified_by="")
    with pytest.raises(kinds.NoLongerDue, match="vérifiée"):
        render_only_email(SEAT_TAKEN)


@pytest.mark.slow
def test_a_licence_that_was_withdrawn_meanwhile_is_left_out(jaures):
    seat = accept(jaures.invite_one())
    seats.release(seat_id=seat.pk, by=jaures.principal, at=timezone.now())
    with pytest.raises(kinds.NoLongerDue, match="retirées"):
        render_only_email(SEAT_TAKEN)


@pytest.mark.slow
def test_a_claim_and_an_acceptance_at_once_are_one_letter(committing, committed_jaures):
    invitation = committed_jaures.invite_one()
    run_concurrently(
        committing.schema_name,
        [
            functools.partial(accept, invitation),
            functools.partial(seats.claim, code=committed_jaures.code, by=TeacherFactory(), at=TERM),
        ],
        expected_errors=DomainError,
    )
    [message] = list_emails(SEAT_TAKEN)
    assert sorted(means for _, _, means in message.context["events"]) == ["accepted", "typed"]
