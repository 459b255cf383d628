"""The operator finds invitations, misspelt or by name, reads what became of them, and sends an office's again."""

import datetime
from html import unescape
from typing import Any

import pytest
from django.utils import timezone
from django.utils.html import strip_tags
from django_tenants.utils import schema_context, tenant_context

from collectivities.capabilities import Role
from collectivities.models import AuditEntry, Invitation
from collectivities.operations import members
from mailing.models import Message
from sites.back_office.global_search import search_everywhere
from sites.back_office.invitations import InvitationDates
from tests.conftest import TERM
from tests.factories.accounts import UserFactory, confirm_address
from tests.factories.collectivities import MemberFactory
from tests.invitations.inviting_school import InvitingSchool


@pytest.fixture
def invited(nimes):
    """Return an invitation to the office of Nîmes."""
    return members.invite(email="compta.dupont@nimes.example", roles=[Role.BUYER], by=None, at=timezone.now())


def search(text):
    with schema_context("public"):
        return search_everywhere(text)


def read_text(answer):
    """Return the words of a page."""
    return " ".join(unescape(strip_tags(answer.content.decode())).split())


def url_of(collectivity, invitation):
    return f"/admin/clients/collectivite/{collectivity.pk}/invitations/{invitation.pk}/"


@pytest.mark.parametrize(
    "typed",
    [
        "COMPTA.DUPONT@nimes.example",
        "conpta@",
        "compta.dupond@nimes.example",
        "compta.dupont@nime.example",
        "compta.dupont@gmail.example",
        "Dupont",
        "dupond",
    ],
)
def test_an_invitation_to_an_office_is_found_misspelt_and_by_name(typed, invited, nimes, gard):
    with tenant_context(gard):
        members.invite(email="paul.durand@gard.example", roles=[Role.VIEWER], by=None, at=TERM)
    (found,) = search(typed).invitations
    assert (found.email, found.place, found.purpose) == (invited.email, "Ville de Nîmes", "bureau, acheteur")
    assert (found.collectivity, found.pk) == (nimes, invited.pk)


def test_an_exact_address_finds_its_invitation_alone(invited):
    members.invite(email="compta.dupont@nimes.example.org", roles=[Role.BUYER], by=None, at=TERM)
    assert [one.email for one in search(invited.email).invitations] == [invited.email]


@pytest.mark.slow
@pytest.mark.parametrize(
    "typed", ["Léa Martin", "Lea Martain", "martin lea", "lea.martim@", "lea.martin@ac-nimes.example"]
)
def test_an_invited_teacher_is_found_by_name_and_says_who_may_send_it_again(typed, nimes):
    school = InvitingSchool()
    [invitation] = school.invite("Léa Martin <lea.martin@ac-nimes.example>", at=TERM).invitations
    school.invite("Paul Durand <paul.durand@ac-nimes.example>", at=TERM)
    (found,) = search(typed).invitations
    assert (found.recipient, found.email) == ("Léa Martin", invitation.email)
    assert school.school.name in found.place
    assert found.school == school.school
    assert f"la direction de l'école ({school.principal})" in found.resent_by


@pytest.mark.slow
def test_results_lead_to_the_invitation_and_to_the_school(operator, nimes, invited):
    school = InvitingSchool()
    [teacher] = school.invite("Léa Dupont <lea.dupont@ac-nimes.example>", at=TERM).invitations
    answer = operator.get("/admin/rechercher/", {"query": "Dupont"})
    for url in (url_of(nimes, invited), f"/admin/clients/ecole/{school.school.pk}/#invitation-{teacher.pk}"):
        assert f'href="{url}"' in answer.content.decode()
        assert operator.get(url).status_code == 200
    assert "Qui peut la renvoyer : la direction de l’école" in read_text(answer).replace("\u00a0", " ")


def test_what_became_of_an_invitation_is_in_french():
    made = datetime.datetime(2026, 11, 2, 8, 5, tzinfo=datetime.UTC)
    end, later = made + datetime.timedelta(days=14), made + datetime.timedelta(days=1)
    sent: dict[str, Any] = {"letter_state": "sent", "letter_sent_at": made + datetime.timedelta(minutes=1)}
    described = {
        "pending": InvitationDates(made, end, **sent).describe(later),
        "expired": InvitationDates(made, end, **sent).describe(end),
        "accepted": InvitationDates(made, end, accepted_at=later, **sent).describe(end),
        "withdrawn": InvitationDates(made, end, ended_at=later, end="retirée", **sent).describe(end),
        "lost": InvitationDates(made, end, letter_state="bounced").describe(later),
        "queued": InvitationDates(made, end, letter_state="queued").describe(later),
    }
    assert {state: sentence.replace("\u00a0", " ") for state, sentence in described.items()} == {
        "pending": "en attente – envoyée le 2 novembre 2026 à 09:06, valable jusqu'au 16 novembre 2026 à 09:05",
        "expired": "expirée le 16 novembre 2026 à 09:05 sans réponse – envoyée le 2 novembre 2026 à 09:06",
        "accepted": "acceptée le 3 novembre 2026 à 09:05 – envoyée le 2 novembre 2026 à 09:06",
        "withdrawn": "retirée le 3 novembre 2026 à 09:05 – envoyée le 2 novembre 2026 à 09:06",
        "lost": "en attente – faite le 2 novembre 2026 à 09:05, e-mail non remis, valable jusqu'au "
        "16 novembre 2026 à 09:05",
        "queued": "en attente – faite le 2 novembre 2026 à 09:05, e-mail pas encore parti, valable jusqu'au "
        "16 novembre 2026 à 09:05",
    }


@pytest.mark.slow
def test_roles_and_states_of_offices_are_in_french(operator, nimes):
    person = UserFactory(email="awa@nimes.example")
    MemberFactory(user=person, roles=[Role.MANAGER, Role.BUYER])
    now = timezone.now()
    Message.objects.create(kind="key", recipient=person.email, state="sent", sent_at=now, created_at=now, due_at=now)
    details = {line.kind: line.detail for line in search(person.email).lines}
    assert details == {"Membre": "acheteur, gestionnaire", "E-mails": "1 (envoyé)"}


@pytest.mark.slow
def test_the_operator_sends_a_pending_invitation_again_with_a_new_link(operator, nimes, invited):
    url = url_of(nimes, invited)
    page = read_text(operator.get(url))
    assert "valable jusqu’au" in page
    assert "Renvoyer l’invitation" in page
    answer = operator.post(url, follow=True)
    assert "l’invitation repart" in read_text(answer) or "invitation repart" in read_text(answer)
    with tenant_context(nimes):
        renewed = Invitation.objects.pending().get()
        assert (renewed.email, renewed.roles) == (invited.email, invited.roles)
        assert renewed.token_hash != invited.token_hash
        assert list(Message.objects.order_by("pk").values_list("state", flat=True)) == ["cancelled", "queued"]
        assert AuditEntry.objects.latest("pk").actor_id == int(operator.session["_auth_user_id"])


@pytest.mark.slow
def test_an_invitation_that_was_accepted_is_not_sent_again(operator, nimes, invited):
    with tenant_context(nimes):
        members.accept_invitation(
            token=invited.link_token, by=confirm_address(UserFactory(), invited.email), at=timezone.now()
        )
    page = read_text(operator.get(url_of(nimes, invited)))
    assert "Elle est acceptée le" in page
    assert "Renvoyer l’invitation" not in page
    assert "rien n" in read_text(operator.post(url_of(nimes, invited), follow=True))
    with tenant_context(nimes):
        assert Invitation.objects.count() == 1
        assert Message.objects.filter(kind="invitation").count() == 1


def test_an_invitation_of_another_collectivity_or_for_another_visitor_has_no_page(
    operator, client, nimes, gard, invited
):
    assert operator.get(url_of(gard, invited)).status_code == 404
    operator.force_login(UserFactory())
    assert operator.get(url_of(nimes, invited)).status_code in {302, 403}
    assert operator.post(url_of(nimes, invited)).status_code in {302, 403}
    with tenant_context(nimes):
        assert Invitation.objects.get() == invited
