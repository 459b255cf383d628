"""« Supprimer mon compte »: the account row is anonymised and nobody else loses anything."""

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import BigIntegerField
from django.urls import reverse
from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import Profile, User
from accounts.sessions import Session
from accounts.tasks import delete_expired_sessions
from collectivities.capabilities import Role
from collectivities.exceptions import LastManager
from collectivities.models import Member
from core.exceptions import DomainError
from licensing.classes.models import Classroom, PupilAccount
from licensing.entitlements import operations
from licensing.entitlements.models import Seat, SeatEvent
from mailing import kinds
from mailing import personal_data as outbox
from mailing.models import Message, MessageState
from schools.models import Affiliation, PrincipalEvent
from sites.portal import tasks
from sites.portal.privacy import ACCOUNT_CLOSED, close_account, get_consequences
from tests import races
from tests.conftest import TERM
from tests.entitlements.school_scenario import SchoolScenario
from tests.factories.accounts import TeacherFactory, UserFactory
from tests.refusals import refuses
from tests.sites.portal import identifiable_person
from tests.sites.portal.my_account_page import visible_text
from tests.tenant_guard import allowing_all_schemas

pytestmark = pytest.mark.slow

PAGE = "/mon-compte/supprimer/"

#: References to an account that stay, to the anonymised row.
KEPT = {
    "returns.ReturnRequest.asked_by",
    "returns.ReturnRequest.answered_by",
    "returns.LicenceReturn.returned_by",
    "rebalancing.Rebalancing.applied_by_id",
    "rebalancing.Rebalancing.undone_by_id",
    "renewals.Renewal.changed_by_id",
    "renewals.Renewal.declined_by_id",
    "renewals.RenewalOrder.ordered_by_id",
    "renewals.RenewalApplication.applied_by_id",
    "renewals.RenewalApplication.undone_by_id",
    "tenants.OfficeRequest.decided_by",
    "schools.DirectorySync.by",
    "schools.HeldDirectoryFile.accepted_by",
    "schools.PrincipalEvent.user",
    "schools.PrincipalEvent.by",
    # The seller's books are kept ten years.
    "orders.Order.placed_by",
    "orders.OrderEvent.by",
    "orders.ContractWithdrawal.by",
    "payments.Payment.recorded_by",
    "billing.PlatformStatus.by",
    "transmission.Transmission.asked_by",
    "bank.BankStatement.uploaded_by",
    "bank.StatementLine.decided_by",
    "e_reporting.PeriodReport.made_by",
    "orders.PurchaseOrderScan.decided_by",
    "orders.PurchaseOrderScan.uploaded_by",
    "entitlements.ActivationKey.redeemed_by",
    "entitlements.Subscription.principal",
    "entitlements.SeatEvent.teacher",
    "entitlements.SeatEvent.by",
    "invitations.TeacherInvitation.invited_by",
    "invitations.TeacherInvitation.accepted_by",
    # Numbers and answers stay; the words are erased.
    "requests.LicenceRequest.asked_by",
    "requests.TeacherRequest.answered_by",
    "classes.DeletionCertificate.teacher",
    "classes.PupilHandover.by",
    "classes.PupilHandover.received_by",
    "classes.YearLetter.user",
    "classes.ApplicationToken.created_by",
    "admin.LogEntry.user",
    # Ended, and kept for the audit log, which still names the member.
    "collectivities.Member.user",
    # Numbers without a foreign key.
    "api.Token.created_by_id",
    "api.Token.revoked_by_id",
    # A token's own account, which names nobody.
    "api.Token.account",
    "webhooks.WebhookEndpoint.created_by_id",
    "collectivities.Invitation.invited_by_id",
    "collectivities.Invitation.accepted_by_id",
    "collectivities.AuditEntry.actor_id",
    "imports.SpreadsheetImport.created_by_id",
    "imports.SpreadsheetImport.applied_by_id",
    "imports.SpreadsheetImport.requested_by_id",
    "imports.SpreadsheetImport.undone_by_id",
    "imports.RememberedLayout.confirmed_by_id",
    "pools.Allocation.created_by_id",
    "pools.Allocation.revoked_by_id",
}
#: References to an account that end with it: the row is deleted, or the column set to null.
ENDED = {
    "accounts.User_groups.user",
    "accounts.User_user_permissions.user",
    "accounts.Session.account",
    "accounts.EnrolmentCode.user",
    "account.EmailAddress.user",
    "mfa.Authenticator.user",
    "schools.Affiliation.user",
    "schools.PrincipalRequest.user",
    "entitlements.Seat.holder",
    "requests.TeacherRequest.teacher",
    "requests.MutedLetter.user",
    "classes.Classroom.second_teacher",
    "classes.Classroom.second_invited_by",
    "classes.ClassInvitation.teacher",
    "classes.ClassInvitation.by",
    "classes.EntryTicket.user",
}
#: Columns that hold an account id without a foreign key.
NUMBERS = ("_by_id", "actor_id", "account")


def references():
    """Return every column that refers to an account: `app.Model.field`."""
    return {
        str(field): (model, field)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.local_fields  # noqa: SLF001 - documented
        if field.related_model is User or (type(field) is BigIntegerField and field.name.endswith(NUMBERS))
    }


def mentions(needle):
    """Return all rows of all schemas that contain the needle, as « schema.table: row »."""
    with allowing_all_schemas(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        tables = [name for (name,) in cursor.fetchall()]
        union = " UNION ALL ".join(
            f"SELECT '{name}: ' || row::text FROM {name} AS row WHERE row::text ILIKE %s"  # noqa: S608 - read from the catalogue
            for name in tables
        )
        cursor.execute(union, [f"%{needle}%"] * len(tables))
        return [row for (row,) in cursor.fetchall()]


# --- Nothing personal stays -----------------------------------------------------------------------------------------


@pytest.mark.small
def test_every_reference_to_an_account_is_declared_kept_or_removed():
    assert set(references()) == KEPT | ENDED


def test_removed_references_no_longer_point_to_the_account(jaures, nimes, portal):
    user = identifiable_person.create_person_with_all_data(jaures, nimes)
    portal.force_login(user)
    ending = {name: column for name, column in references().items() if name in ENDED}

    def referring():
        return {
            name for name, (model, field) in ending.items() if model.objects.filter(**{field.name: user.pk}).exists()
        }

    assert referring() == ENDED
    identifiable_person.delete_account(user)
    assert referring() == set()


def test_no_table_names_the_person_but_the_journal_and_the_farewell_email(jaures, nimes):
    user = identifiable_person.create_person_with_all_data(jaures, nimes)
    assert all(mentions(needle) for needle in identifiable_person.IDENTIFYING_TEXTS)
    identifiable_person.delete_account(user)
    with schema_context(get_public_schema_name()):
        Message.objects.filter(topic=ACCOUNT_CLOSED).update(state=MessageState.SENT, sent_at=TERM)
        tasks.delete_sent_closure_emails()
    left = {row.partition(":")[0] for needle in identifiable_person.IDENTIFYING_TEXTS for row in mentions(needle)}
    assert left == {f"{nimes.schema_name}.collectivities_auditentry", "public.accounts_accountevent"}


def test_the_account_row_is_kept_anonymised(jaures):
    user = identifiable_person.create_person()
    row = identifiable_person.delete_account(user)
    assert (row.username, str(row), row.is_active) == (f"supprime-{user.pk}", "Compte supprimé", False)
    assert not row.has_usable_password()
    assert {row.first_name, row.last_name, row.email, row.phone} == {""}
    assert row.erased_at == TERM


@pytest.mark.small
def test_a_username_like_an_anonymised_one_blocks_no_deletion(nimes):
    user = identifiable_person.create_person()
    UserFactory(username=f"Supprime-{user.pk}")
    assert identifiable_person.delete_account(user).username == f"supprime:{user.pk}"


def test_deletion_is_idempotent(jaures):
    user = identifiable_person.create_person()
    first = identifiable_person.delete_account(user)
    identifiable_person.attach_to_school(jaures.school, user)  # written at the very moment of the deletion
    tasks.erase_closed_account_again(user_id=user.pk)
    again = User.objects.get(pk=user.pk)
    assert (again.username, again.erased_at) == (first.username, first.erased_at)
    assert not Affiliation.objects.filter(user=user).exists()
    with schema_context(get_public_schema_name()):
        assert Message.objects.filter(kind=ACCOUNT_CLOSED).count() == 1


def test_a_deleted_account_cannot_be_named_by_sql_or_by_the_admin(nimes, portal):
    user = identifiable_person.delete_account(identifiable_person.create_person())
    with pytest.raises(IntegrityError, match="user_erased_says_nothing"), transaction.atomic():
        User.objects.filter(pk=user.pk).update(last_name="Quenouille")
    portal.force_login(UserFactory(is_staff=True, is_superuser=True))
    page = reverse("admin:accounts_user_change", urlconf="config.urls_public", args=[user.pk])
    assert portal.get(page).status_code == 200
    assert portal.post(page, {"last_name": "Quenouille", "is_active": "on"}).status_code == 403


def test_other_accounts_with_the_same_address_do_not_change(nimes):
    user = identifiable_person.create_person()
    other = identifiable_person.create_person(username="autre")
    identifiable_person.delete_account(user)
    assert EmailAddress.objects.filter(user=other, email=other.email).exists()
    assert User.objects.get(pk=other.pk).email == "zquenouille@exemple.example"


# --- Licences, classes, schools -------------------------------------------------------------------------------------


def test_a_seat_is_freed_and_the_principal_gets_an_anonymous_email(jaures):
    user = identifiable_person.create_person()
    identifiable_person.attach_to_school(jaures.school, user)
    code, subscription = jaures.subscription()
    seat = operations.assign(subscription_id=subscription.pk, teacher=user, by=jaures.principal, at=TERM)
    identifiable_person.create_classroom(seat)
    identifiable_person.delete_account(user)
    seat.refresh_from_db()
    assert seat.holder is None
    assert PupilAccount.objects.filter(classroom__seat=seat).count() == 1
    last = SeatEvent.objects.order_by("pk").last()
    assert (last.kind, last.teacher, last.by) == (SeatEvent.Kind.WITHDRAWN, user, user)
    with schema_context(get_public_schema_name()):
        data = Message.objects.get(kind="seat.left")
        email = kinds.get(data.kind).render(data)
    assert data.recipient == jaures.principal.email
    assert "0\xa0licence sur 3 en usage" in email.subject
    assert "Quenouille" not in email.text + email.html
    with refuses("withdrawn"):
        operations.claim(code=code, by=user, at=TERM)


def test_freeing_a_principals_own_seat_sends_no_email(jaures):
    _, subscription = jaures.subscription()
    operations.assign(subscription_id=subscription.pk, teacher=jaures.principal, by=jaures.principal, at=TERM)
    identifiable_person.delete_account(jaures.principal)
    assert not Seat.objects.held().exists()
    with schema_context(get_public_schema_name()):
        assert not Message.objects.filter(kind="seat.left").exists()


def test_second_teacher_links_end_on_both_sides_and_the_other_is_notified(jaures):
    user, colleague, stays = identifiable_person.create_person(), TeacherFactory(), TeacherFactory()
    Affiliation.objects.filter(user=jaures.principal).update(verified_at=TERM, verified_by="key")
    _, subscription = jaures.subscription()
    for teacher in (user, stays):
        identifiable_person.attach_to_school(jaures.school, teacher)

    def room(teacher, code, **second):
        seat = operations.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=TERM)
        return identifiable_person.create_classroom(seat, code, **second)

    room(user, "tulipe-1111", second_teacher=colleague, second_invited_by=user)
    room(jaures.principal, "tulipe-2222", second_teacher=user, second_invited_by=jaures.principal)
    room(stays, "tulipe-3333", second_teacher=colleague, second_invited_by=stays)
    identifiable_person.delete_account(user)
    assert list(Classroom.objects.exclude(second_teacher=None).values_list("code", flat=True)) == ["tulipe-3333"]
    with schema_context(get_public_schema_name()):
        data = {message.kind: message for message in Message.objects.filter(kind__startswith="class.")}
        assert {kind: message.recipient for kind, message in data.items()} == {
            "class.teacher_removed": colleague.email,
            "class.left": jaures.principal.email,
        }
        email = kinds.get("class.left").render(data["class.left"])
    assert email.subject.startswith("Votre second enseignant ne partage plus la classe")


def test_the_subscriptions_of_the_last_verified_principal_stay_with_the_school(jaures, as_):
    _, subscription = jaures.subscription()
    teacher = jaures.teacher()
    Affiliation.objects.filter(user=jaures.principal).update(verified_at=TERM, verified_by="key")
    operations.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=TERM)
    identifiable_person.delete_account(jaures.principal)
    assert Seat.objects.held().get().holder == teacher
    assert PrincipalEvent.objects.filter(
        user=jaures.principal, kind=PrincipalEvent.Kind.LEFT, school=jaures.school
    ).exists()
    successor = jaures.add_principal(verified=True)
    page = visible_text(as_(successor).get("/mon-compte/"))
    assert "1 sur 3" in page
    assert "activée par Compte supprimé" in visible_text(as_(successor).get("/mon-compte/licences/"))


def test_emails_then_go_to_whoever_leads_the_school(jaures):
    code, _ = jaures.subscription()
    successor = jaures.add_principal(verified=True)
    jaures.add_principal()  # who merely chose the school
    identifiable_person.delete_account(jaures.principal)
    operations.claim(code=code, by=jaures.teacher(), at=TERM)
    with schema_context(get_public_schema_name()):
        assert [message.recipient for message in Message.objects.filter(kind="seat.taken")] == [successor.email]


# --- The outbox -----------------------------------------------------------------------------------------------------


def test_pending_emails_are_cancelled_and_sent_ones_anonymised(jaures, nimes):
    user = identifiable_person.create_person_with_all_data(jaures, nimes)
    other = TeacherFactory(email=user.email)
    with schema_context(get_public_schema_name()):
        kept = Message.objects.create(
            kind="seat.assigned", recipient=user.email, context={"user": other.pk}, created_at=TERM, due_at=TERM
        )
        before = set(Message.objects.filter(recipient=user.email).exclude(pk=kept.pk).values_list("pk", flat=True))
        identifiable_person.delete_account(user)
        after = {message.pk: message for message in Message.objects.filter(pk__in=before)}
        assert {message.state for message in after.values()} == {MessageState.CANCELLED, MessageState.SENT}
        assert {(message.recipient, str(message.context), message.message_id) for message in after.values()} == {
            ("", "{}", "")
        }
        kept.refresh_from_db()
        assert (kept.recipient, kept.state) == (user.email, MessageState.QUEUED)


def test_the_farewell_email_goes_to_the_old_address_which_is_then_erased(nimes):
    user = identifiable_person.create_person()
    identifiable_person.delete_account(user)
    with schema_context(get_public_schema_name()):
        message = Message.objects.get(kind=ACCOUNT_CLOSED)
        assert message.recipient == user.email
        email = kinds.get(ACCOUNT_CLOSED).render(message)
        assert "zquenouille" in email.subject
        assert email.text.startswith("Bonjour Zéphirine,")
        assert outbox.anonymise_settled(ACCOUNT_CLOSED) == 0  # it has not left
        Message.objects.filter(pk=message.pk).update(state=MessageState.SENT, sent_at=TERM)
        assert outbox.anonymise_settled(ACCOUNT_CLOSED) == 1
        message.refresh_from_db()
        assert (message.recipient, message.context, message.state) == ("", {}, MessageState.SENT)


@pytest.mark.small
def test_expired_sessions_are_deleted(nimes, as_):
    as_(identifiable_person.create_person())
    Session.objects.update(expire_date=TERM.replace(year=2020))
    delete_expired_sessions()
    assert not Session.objects.exists()


# --- Concurrency ----------------------------------------------------------------------------------------------------


def test_concurrent_seat_changes_leave_nothing_on_a_deleted_account(committing):
    jaures = SchoolScenario()
    head = jaures.add_principal(verified=True)
    user = identifiable_person.create_person()
    identifiable_person.attach_to_school(jaures.school, user)
    held = []
    codes = []
    for _ in range(3):
        _, subscription = jaures.subscription()
        held.append(operations.assign(subscription_id=subscription.pk, teacher=user, by=head, at=TERM))
        codes.append(jaures.subscription())
    actions = [lambda: close_account(user_id=user.pk, at=TERM)] * 2
    actions += [lambda seat=seat: operations.release(seat_id=seat.pk, by=head, at=TERM) for seat in held]
    actions += [lambda code=code: operations.claim(code=code, by=user, at=TERM) for code, _ in codes]
    with schema_context(get_public_schema_name()):
        races.run_concurrently(get_public_schema_name(), actions, expected_errors=DomainError)
        tasks.erase_closed_account_again(user_id=user.pk)
        assert not Seat.objects.held().exists()
        assert Message.objects.filter(kind=ACCOUNT_CLOSED).count() == 1


def test_two_last_managers_deleted_at_once_leave_one_manager(committing):
    users = [identifiable_person.create_person(Profile.AGENT, username=f"zquenouille{n}") for n in range(2)]
    for user in users:
        Member.objects.create(user=user, roles=[Role.MANAGER], joined_at=TERM)
    done = races.run_concurrently(
        get_public_schema_name(),
        [lambda user=user: close_account(user_id=user.pk, at=TERM) for user in users],
        expected_errors=LastManager,
    )
    assert sum(isinstance(one, LastManager) for one in done) == 1
    assert Member.objects.active().count() == 1


@pytest.mark.small
def test_listing_the_consequences_changes_nothing(jaures):
    before = User.objects.get(pk=jaures.principal.pk).__dict__
    get_consequences(jaures.principal)
    after = User.objects.get(pk=jaures.principal.pk).__dict__
    assert {**before, "_state": None} == {**after, "_state": None}
