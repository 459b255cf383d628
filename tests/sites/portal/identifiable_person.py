"""A person with data in every app, whose name occurs nowhere else in the database."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import EnrolmentCode, Profile, User
from collectivities import audit_log
from collectivities.capabilities import Role
from collectivities.models import Invitation, Member
from licensing.catalogue.operations import get_licence_product
from licensing.classes.models import ClassInvitation, Classroom, DeletionCertificate, EntryTicket, PupilAccount
from licensing.entitlements import operations
from licensing.orders.models import Order, OrderKind, OrderState
from licensing.requests.invitations.emails import notify_invited
from licensing.requests.invitations.models import TeacherInvitation
from licensing.requests.school_requests.models import LicenceRequest, MutedLetter, TeacherRequest
from mailing.models import MessageState
from mailing.operations import enqueue
from schools import affiliations
from schools.models import PrincipalEvent, PrincipalRequest, Verification
from sites.portal.privacy import close_account
from tests.conftest import PASSWORD, TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory

#: Texts that must occur nowhere once the account is deleted.
IDENTIFYING_TEXTS = ("Zéphirine", "Quenouille", "zquenouille", "0699887766")


def create_person(profile=Profile.TEACHER, **fields):
    """Create an account with a unique name, a password and a confirmed address."""
    user = UserFactory(
        profile=profile,
        first_name="Zéphirine",
        last_name="Quenouille",
        phone="0699887766",
        **{"username": "zquenouille", "email": "zquenouille@exemple.example", **fields},
    )
    user.set_password(PASSWORD)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user


def attach_to_school(school, user, *, verified=False):
    """Affiliate the account with the school; return the affiliation."""
    made = affiliations.choose(user=user, school=school, at=TERM)
    if verified:
        affiliations.verify(affiliation=made, means=Verification.OPERATOR, at=TERM)
    return made


def create_classroom(seat, code="tulipe-5830", **fields):
    """Create the class of a seat, with one pupil."""
    made = Classroom.objects.create(seat=seat, code=code, name="CE1 B", opened_at=TERM, **fields)
    PupilAccount.objects.create(
        classroom=made, number=1, word="lapin", code=code, password="x", created_at=TERM, password_set_at=TERM
    )
    return made


def create_person_with_all_data(jaures, nimes):
    """Create an account referenced by every foreign key that ends with it, and by most that stay."""
    user = create_person()
    attach_to_school(jaures.school, user, verified=True)
    _, subscription = jaures.subscription()
    seat = operations.assign(subscription_id=subscription.pk, teacher=user, by=jaures.principal, at=TERM)
    create_classroom(seat, second_teacher=UserFactory(), second_invited_by=user)
    shared = operations.assign(subscription_id=subscription.pk, teacher=jaures.principal, by=jaures.principal, at=TERM)
    room = create_classroom(shared, code="rose-1234", second_teacher=user, second_invited_by=jaures.principal)
    DeletionCertificate.objects.create(
        classroom=room, number="EFF-1", pupils=1, licence_ended_on=TERM.date(), erased_at=TERM, teacher=user
    )
    ClassInvitation.objects.create(classroom=room, teacher=user, by=jaures.principal, created_at=TERM)
    ClassInvitation.objects.create(
        classroom=Classroom.objects.get(seat=seat), teacher=jaures.principal, by=user, created_at=TERM
    )
    Order.objects.create(
        kind=OrderKind.SHOP, state=OrderState.DRAFT, placed_by=user, created_at=TERM, bill_name=str(user),
        bill_email=user.email,
    )  # fmt: skip
    for outcome, accepted_by in (("accepted", user), ("recalled", None)):
        ended = TeacherInvitation.objects.create(
            subscription=subscription, email=user.email, name=str(user), nonce="n", token_hash=outcome,
            invited_by=jaures.principal, created_at=TERM, expires_at=TERM, ended_at=TERM, outcome=outcome,
            accepted_by=accepted_by,
        )  # fmt: skip
        notify_invited([ended], TERM)
    TeacherRequest.objects.create(teacher=user, school=jaures.school, school_year=2027, created_at=TERM)
    LicenceRequest.objects.create(
        school=jaures.school, collectivity=nimes, product=get_licence_product(), school_year=2027, units=2,
        reason=f"De la part de {user}", asked_by=user, created_at=TERM,
    )  # fmt: skip
    MutedLetter.objects.create(user=user, muted_at=TERM)
    EntryTicket.objects.create(token_hash="ticket", user=user, created_at=TERM)
    PrincipalEvent.objects.create(school=jaures.school, kind=PrincipalEvent.Kind.REQUESTED, user=user, by=user, at=TERM)
    PrincipalRequest.objects.create(
        user=user, school=jaures.school, nonce="n", token_hash="h", requested_at=TERM, expires_at=TERM
    )
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "Quenouille"})
    EnrolmentCode.objects.create(user=user, code_hash="0" * 64, expires_at=TERM)
    user.groups.add(Group.objects.create(name="un groupe"))
    user.user_permissions.add(Permission.objects.first())
    LogEntry.objects.create(
        user=UserFactory(), content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk),
        object_repr=str(user), action_flag=CHANGE,
    )  # fmt: skip
    with schema_context(get_public_schema_name()):
        enqueue(kind="seat.assigned", recipient=user.email, at=TERM, context={"user": user.pk, "seat": seat.pk})
        sent = enqueue(
            kind="account.reset", recipient=user.email, at=TERM, about="Quenouille", context={"user": user.pk}
        )
        type(sent).objects.filter(pk=sent.pk).update(
            state=MessageState.SENT, sent_at=TERM, message_id="<quenouille@x>", reason="550 zquenouille unknown"
        )
        address = EmailAddress.objects.get(user=user)
        enqueue(kind="account.confirm", recipient=user.email, at=TERM, context={"address": address.pk})
    MemberFactory(roles=[Role.MANAGER])
    Member.objects.create(user=user, roles=[Role.MANAGER], joined_at=TERM)
    invitation = Invitation.objects.create(
        email=user.email, roles=[Role.MANAGER], nonce="n", token_hash="h", created_at=TERM, expires_at=TERM,
        accepted_at=TERM,
    )  # fmt: skip
    enqueue(kind="invitation", recipient=user.email, at=TERM, topic="invitation", topic_id=invitation.pk)
    audit_log.record(action="members.joined", by=user, at=TERM, summary=f"{user} a rejoint le bureau.")
    return user


class StatementCounter:
    """Counts SQL statements; for `connection.execute_wrapper`."""

    def __init__(self):
        self.times = 0

    def __call__(self, execute, sql, params, many, context):
        self.times += 1
        return execute(sql, params, many, context)


def delete_account(user):
    """Delete the account as its page does; return its row."""
    close_account(user_id=user.pk, at=TERM)
    return User.objects.get(pk=user.pk)
