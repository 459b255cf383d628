"""« Mes données personnelles »: download the personal data, and delete the account."""

import datetime
import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe
from django_tenants.utils import get_public_schema_name, schema_context

from accounts import personal_data as accounts
from accounts import throttling
from accounts.models import User, lock_account
from accounts.personal_data import OperatorAccountNotClosable
from accounts.requests import AuthenticatedRequest
from accounts.throttling import RateLimit, RateLimitExceeded
from collectivities import personal_data as offices
from collectivities.exceptions import LastManager
from core.calendar import date_in_paris
from core.links import portal_url
from jobs.tasks import defer
from licensing.books.billing.queries import has_invoiced_orders
from licensing.classes import personal_data as classes
from licensing.classes.models import Classroom
from licensing.entitlements import personal_data as subscriptions
from licensing.entitlements.models import Seat, Subscription
from licensing.orders import personal_data as orders
from licensing.orders.models import Order
from licensing.payments import operations as payments
from licensing.requests.invitations import personal_data as invitations
from licensing.requests.returns import personal_data as returns
from licensing.requests.school_requests import personal_data as requests
from mailing import personal_data as outbox
from mailing.email_templates import render_email_template
from mailing.kinds import RenderedEmail, format_salutation, register
from mailing.models import Message
from mailing.operations import enqueue
from schools import affiliations as schools
from web.access import signed_in

# « Télécharger mes données »: export of a user's personal data as a readable JSON file.
#
# Each app exports its own part; without activation keys, passwords or names of other people.


def export_personal_data(user: User, *, at: datetime.datetime) -> dict[str, Any]:
    """Return the user's personal data by subject, in a constant number of queries."""
    return {
        "à propos de ce fichier": {
            "établi le": at,
            "par": portal_url(),
            "à savoir": (
                "Ce fichier contient ce que Pep's enregistre à votre sujet. Il ne contient ni mot de passe, ni code de "
                "clé d'activation, ni nom d'une autre personne. Les bureaux des collectivités dont vous êtes membre "
                "tiennent un journal de vos actions, que vous y lisez."
            ),
        },
        "compte": accounts.export_personal_data(user),
        **schools.export_personal_data(user),
        **subscriptions.export_personal_data(user),
        **invitations.export_personal_data(user),
        **requests.export_personal_data(user),
        **classes.export_personal_data(user),
        **returns.export_personal_data(user),
        **orders.export_personal_data(user),
        "bureaux de collectivités": offices.export_personal_data(user),
        "e-mails qui vous ont été écrits": outbox.export_personal_data(user.pk),
    }


def to_json(data: dict[str, Any]) -> str:
    """Return the data as indented JSON with unescaped accents and datetimes in Paris time."""
    return json.dumps(data, ensure_ascii=False, indent=2, default=_to_json_value) + "\n"


def _to_json_value(value: object) -> str:
    """Return a datetime as « 2026-11-24 10:00 », a date as « 2027-08-31 », other values as `str`."""
    if isinstance(value, datetime.datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
    return str(value)


# Renderer of the last e-mail to a user who deleted their account.
#
# The only message that stores personal data in the outbox, as the account is erased when it is sent. A periodic task
# deletes them once it is sent (`sites.portal.tasks`).

ACCOUNT_CLOSED = "account.closed"


def render_account_closed(message: Message) -> RenderedEmail:
    """Confirm that the account was deleted, with the consequences, and what to do if somebody else did it."""
    return render_email_template(
        "portal/emails/account_closed.txt",
        {"username": message.context["username"]},
        greeting=format_salutation(message.context["first_name"]),
        address=portal_url("contact/"),
    )


register(ACCOUNT_CLOSED, label="Compte supprimé", render=render_account_closed)


#: Delay of the second pass, which erases what concurrent transactions wrote to the account.
SECOND_PASS_DELAY = datetime.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ClosureConsequences:
    """The consequences of closing an account, as its page displays them."""

    #: Why the account cannot be closed; empty where it can.
    refusal: str
    seats: list[Seat]
    subscriptions: list[Subscription]
    #: Classes shared with another teacher, as holder or second teacher.
    shared: list[Classroom]
    #: Shop orders neither paid nor cancelled, which stay open.
    orders: list[Order]
    #: Whether the user's orders were invoiced.
    invoiced: bool
    offices: list[str]
    #: Current and former offices, whose audit logs keep the name.
    journals: list[str]

    @property
    def has_changes(self) -> bool:
        """Whether anything changes for other people, or for what the user holds or ordered."""
        return bool(self.seats or self.shared or self.subscriptions or self.offices or self.orders)

    @property
    def left_to_schools(self) -> list[Subscription]:
        return [one for one in self.subscriptions if one.school_id is not None]

    @property
    def left_to_nobody(self) -> list[Subscription]:
        return [one for one in self.subscriptions if subscriptions.is_left_to_nobody(one)]


def get_consequences(user: User) -> ClosureConsequences:
    """Return the consequences of closing the account, in a constant number of queries."""
    memberships = offices.list_memberships(user)
    sole_manager_of = [one.collectivity.name for one in memberships if one.last_manager]
    refusal = accounts.explain_closure_refusal(user) or (
        offices.format_last_manager_message(sole_manager_of) if sole_manager_of else ""
    )
    return ClosureConsequences(
        refusal=refusal,
        seats=subscriptions.list_held_seats(user),
        subscriptions=subscriptions.list_credited_subscriptions(user),
        shared=classes.list_shared_classes(user),
        orders=orders.list_unpaid_orders(user),
        invoiced=has_invoiced_orders(user),
        offices=[one.collectivity.name for one in memberships if one.left_at is None],
        journals=[one.collectivity.name for one in memberships],
    )


@transaction.atomic
def close_account(*, user_id: int, at: datetime.datetime) -> User:
    """Close the account and return its erased row.

    Licences are released, memberships end, queued e-mails are cancelled, and a last e-mail goes to the former address.
    Closing again erases what was written meanwhile. Raises `accounts.personal_data.OperatorAccountNotClosable` and
    `collectivities.exceptions.LastManager`, having changed nothing.
    """
    # The account, its outbox and its affiliations are in the public schema.
    with schema_context(get_public_schema_name()):
        return _close(user_id, at)


def _close(user_id: int, at: datetime.datetime) -> User:
    user = lock_account(user_id)
    already_closed = user.erased_at is not None
    if refusal := accounts.explain_closure_refusal(user):
        raise accounts.OperatorAccountNotClosable(refusal)
    addresses = accounts.list_email_addresses(user)
    context = {"username": user.username, "first_name": user.first_name}
    recipient = user.email
    offices.end_memberships(user, addresses=addresses, at=at)
    was_shared = classes.list_shared_classes(user)
    requests.withdraw_requests(user, at=at)
    subscriptions.release_all_seats(user, at=at)
    classes.leave_all(user, was_shared=was_shared, at=at)
    invitations.erase_addresses(user, addresses=addresses)
    requests.erase_requests(user)
    orders.cancel_drafts(user, addresses=addresses, at=at)
    payments.erase_billing_emails(user)
    schools.delete_affiliations(user, at=at)
    accounts.erase_account(user, at=at)
    if not already_closed:
        # The e-mail stores name and address, which the row no longer has; both are deleted once it is sent.
        enqueue(
            kind=ACCOUNT_CLOSED, recipient=recipient, at=at, topic=ACCOUNT_CLOSED, topic_id=user.pk, context=context
        )
        defer("portal.close_account_again", schema=get_public_schema_name(), at=at + SECOND_PASS_DELAY, user_id=user.pk)
    return user


# Prevents guessing the password from an unattended session.
PASSWORD_LIMIT = RateLimit("close/account", 5, datetime.timedelta(minutes=15))


class PasswordForm(forms.Form):
    """The password, before an irreversible action."""

    password = forms.CharField(
        label="Votre mot de passe",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )


@signed_in
@require_safe
@never_cache
def download_personal_data(request: AuthenticatedRequest) -> HttpResponse:
    """Return the user's personal data as a JSON file."""
    now = timezone.now()
    text = to_json(export_personal_data(request.user, at=now))
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="mes-donnees-peps-{date_in_paris(now)}.json"'
    return response


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters()
@sensitive_variables("form")
def close_account_page(request: AuthenticatedRequest) -> HttpResponse:
    """Show the consequences, ask for the password, then delete the account."""
    if request.method != "POST":
        return _render_page(request, PasswordForm())
    user = request.user
    form = PasswordForm(request.POST)
    try:
        if not form.is_valid() or not _check_password(form, user):
            return _render_page(request, form, status=422)
        close_account(user_id=user.pk, at=timezone.now())
    except RateLimitExceeded as throttled:
        form.add_error("password", str(throttled))
        response = _render_page(request, form, status=429)
        response["Retry-After"] = str(throttled.retry_after)
        return response
    except (LastManager, OperatorAccountNotClosable):
        # The page itself explains why.
        return _render_page(request, PasswordForm(), status=409)
    logout(request)
    messages.success(request, "votre compte est supprimé. Un dernier e-mail vous le confirme.")
    return redirect("home")


def _check_password(form: PasswordForm, user: User) -> bool:
    """Check the password; add an error to the form for a wrong one. Raises `RateLimitExceeded`."""
    subjects = [(PASSWORD_LIMIT, str(user.pk))]
    throttling.count_attempts(subjects, at=timezone.now())
    if not user.check_password(form.cleaned_data["password"]):
        form.add_error("password", "Ce n'est pas votre mot de passe.")
        return False
    throttling.refund_attempts(subjects)
    return True


def _render_page(request: AuthenticatedRequest, form: PasswordForm, *, status: int = 200) -> HttpResponse:
    user = request.user
    content = {"form": form, "consequences": get_consequences(user)}
    return render(request, "portal/my_account_close.html", content, status=status)
