"""« Supprimer mon compte », for members of offices and for the operator."""

import pytest
from django_tenants.utils import tenant_context

from accounts.models import Profile, User
from accounts.personal_data import OperatorAccountNotClosable
from collectivities.capabilities import Role
from collectivities.exceptions import LastManager
from collectivities.models import AuditEntry, Invitation, Member
from sites.portal.privacy import close_account
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory
from tests.sites.portal import identifiable_person
from tests.sites.portal.my_account_page import visible_text

PAGE = "/mon-compte/supprimer/"


@pytest.mark.slow
def test_memberships_end_in_every_office_and_each_journal_records_it(nimes, gard):
    user = identifiable_person.create_person(Profile.AGENT)
    for one in (nimes, gard):
        with tenant_context(one):
            MemberFactory()
            Member.objects.create(user=user, roles=[Role.MANAGER], joined_at=TERM)
    identifiable_person.delete_account(user)
    for one in (nimes, gard):
        with tenant_context(one):
            assert Member.objects.get(user=user).left_at == TERM
            assert AuditEntry.objects.get(action="members.left").actor_name == "Zéphirine Quenouille"


def test_an_accepted_invitation_loses_the_address_and_a_pending_one_keeps_it(nimes):
    user = identifiable_person.create_person(Profile.AGENT)
    Member.objects.create(user=user, roles=[Role.VIEWER], joined_at=TERM)
    fields = {"email": user.email, "roles": [Role.VIEWER], "nonce": "n", "created_at": TERM, "expires_at": TERM}
    spent = Invitation.objects.create(**fields, token_hash="a", accepted_at=TERM)
    waiting = Invitation.objects.create(**fields, token_hash="b")
    identifiable_person.delete_account(user)
    spent.refresh_from_db()
    waiting.refresh_from_db()
    assert (spent.email, waiting.email) == ("", user.email)


@pytest.mark.slow
def test_the_last_manager_of_an_office_stays_and_nothing_has_changed_anywhere(nimes, gard, as_):
    user = identifiable_person.create_person(Profile.AGENT)
    with tenant_context(gard):
        MemberFactory()
        Member.objects.create(user=user, roles=[Role.MANAGER], joined_at=TERM)
    Member.objects.create(user=user, roles=[Role.MANAGER], joined_at=TERM)
    with pytest.raises(LastManager, match="Ville de Nîmes"):
        close_account(user_id=user.pk, at=TERM)
    with tenant_context(gard):
        assert Member.objects.get(user=user).left_at is None
    assert User.objects.get(pk=user.pk).email == user.email
    page = as_(user).get(PAGE)
    assert "dernier gestionnaire du bureau « Ville de Nîmes »" in visible_text(page).replace("\xa0", " ")
    assert b'type="password"' not in page.content
    assert as_(user).post(PAGE, {"password": identifiable_person.PASSWORD}).status_code == 409


@pytest.mark.slow
def test_the_operator_cannot_delete_their_own_account(nimes, as_):
    user = identifiable_person.create_person(is_staff=True)
    with pytest.raises(OperatorAccountNotClosable):
        close_account(user_id=user.pk, at=TERM)
    assert "exploitation du site\xa0: il ne se supprime pas" in as_(user).get(PAGE).content.decode()
    assert as_(user).post(PAGE, {"password": identifiable_person.PASSWORD}).status_code == 409
    assert User.objects.get(pk=user.pk).is_active
