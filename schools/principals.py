"""Verification of a school's principals through its official mailbox, and hand-over to a successor.

`operations` sends and confirms links, `emails` renders the e-mails, `schools.affiliations` records the history.
Licensing moves subscriptions on a hand-over; it calls `operations.confirm_verification`.
"""

import datetime
from collections.abc import Collection
from typing import NamedTuple

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts import throttling
from accounts.models import Profile, User
from core.advisory_locks import hold_transaction_lock, share_transaction_lock
from core.exceptions import Refusal
from core.links import generate_nonce, hash_token
from schools import affiliations, emails
from schools.exceptions import PrincipalsChanged, TooManyVerificationRequests
from schools.models import Affiliation, PrincipalEvent, PrincipalRequest, School, Verification
from schools.queries import get_principal_request, list_verified_principals

# Verify a principal through the school's official mailbox.
#
# A link is sent to the school's e-mail address in the directory only. Whoever opens it states whether the user leads
# the school together with its current principals or in their place. Single use.

# The lock of a school's principals: they change one after another, and no subscription is credited meanwhile.
#
# Of no row: the directory stands on several machines, where a lock of one row of it would keep all others waiting.

_NAME = "schools/principals/{}"


def lock_principals(uai: str) -> None:
    """Keep the school's principals as they are, and let nobody credit a subscription to it, in this transaction."""
    hold_transaction_lock(_NAME.format(uai))


def share_principals(uai: str | None) -> None:
    """Wait for whoever changes the school's principals, and keep them unchanged until the end of the transaction.

    For a subscription that is to be credited: its transfer to a successor then misses none. None: no school.
    """
    if uai is not None:
        share_transaction_lock(_NAME.format(uai))


VALIDITY = datetime.timedelta(days=7)

_HOUR, _DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
PER_SCHOOL_AND_HOUR = throttling.RateLimit("principal/hour", 1, _HOUR)
PER_SCHOOL_AND_DAY = throttling.RateLimit("principal/day", 3, _DAY)
PER_ACCOUNT_AND_DAY = throttling.RateLimit("principal/account", 5, _DAY)


class ConfirmationResult(NamedTuple):
    """Result of a confirmation."""

    affiliation: Affiliation
    #: Principals who no longer lead the school.
    replaced: list[User]


@transaction.atomic
def request_verification(*, uai: str, by: User, has_subscription: bool, at: datetime.datetime) -> PrincipalRequest:
    """Send a link to the school's official mailbox, to confirm that `by` leads the school.

    `has_subscription`: whether the user holds a subscription for the school, which only licensing knows; else there
    must be a principal to replace. Raises a `DomainError`; `TooManyVerificationRequests` carries the delay.
    """
    if by.profile != Profile.PRINCIPAL:
        raise Refusal("not_a_principal", "Seul un compte « Chef d'établissement » peut diriger un établissement.")
    affiliation = by.affiliations.filter(school=uai).select_related("school").first()
    if affiliation is None or affiliation.school is None:
        raise Refusal(
            "no_chosen_school", "Choisissez d'abord votre établissement dans l'annuaire, depuis « Mon compte »."
        )
    if affiliation.verified_at is not None:
        raise Refusal(
            "already_verified", "Votre direction de cet établissement est déjà vérifiée : vous n'avez rien à demander."
        )
    school = affiliation.school
    if not school.email:
        raise Refusal(
            "no_mailbox",
            "L'annuaire national ne donne pas d'adresse e-mail officielle pour cet établissement : écrivez-nous par la "
            "page Contact, nous vérifierons votre direction.",
        )
    if not has_subscription and not list_verified_principals(school.pk).exists():
        raise Refusal(
            "nothing_to_lead",
            "Cet établissement n'a pas encore d'abonnement : activez d'abord la clé que vous avez reçue, ou passez "
            "commande. Le lien vous sera alors proposé.",
        )
    _apply_rate_limits(by, school, at)
    request = PrincipalRequest(
        user=by, school=school, nonce=generate_nonce(), requested_at=at, expires_at=at + VALIDITY
    )
    request.token_hash = hash_token(request.link_token)
    request.save(force_insert=True)
    affiliations.record_event(
        PrincipalEvent.Kind.REQUESTED, school_id=school.pk, user=by, by=by, means=Verification.MAILBOX, at=at
    )
    emails.notify_mailbox(request, at)
    return request


@sensitive_variables("token")
@transaction.atomic
def confirm_verification(
    *, token: str, replaced: Collection[int], kept: Collection[int], at: datetime.datetime
) -> ConfirmationResult:
    """Verify the principal of a link, replacing some of the school's principals or in addition to them.

    `replaced` and `kept`: user ids of the principals that the page showed. Raises `PrincipalLinkExpired`, or
    `PrincipalsChanged` where the principals differ by now; then nothing was changed.
    """
    request, affiliation = get_principal_request(token, at=at, lock=True)
    lock_principals(request.school_id)
    principals = list(list_verified_principals(request.school_id).locked())
    if {principal.user_id for principal in principals} != {*replaced, *kept} or set(replaced) & set(kept):
        raise PrincipalsChanged
    predecessors = [principal for principal in principals if principal.user_id in replaced]
    for principal in predecessors:
        affiliations.mark_replaced(affiliation=principal, successor=request.user, at=at)
    affiliations.verify(affiliation=affiliation, means=Verification.MAILBOX, at=at)
    request.confirmed_at = at
    request.save(update_fields=["confirmed_at"])
    # Other pending links of these users expire.
    user_ids = [request.user_id, *(principal.user_id for principal in predecessors)]
    PrincipalRequest.objects.filter(
        school=request.school_id, user__in=user_ids, confirmed_at=None, expires_at__gt=at
    ).update(expires_at=at)
    emails.notify_verified(affiliation, at)
    return ConfirmationResult(affiliation, [principal.user for principal in predecessors])


def _apply_rate_limits(by: User, school: School, at: datetime.datetime) -> None:
    """Apply the rate limits. In the caller's transaction: a refusal rolls the count back."""
    try:
        throttling.count_attempts(
            [(PER_SCHOOL_AND_HOUR, school.pk), (PER_SCHOOL_AND_DAY, school.pk), (PER_ACCOUNT_AND_DAY, str(by.pk))],
            at=at,
        )
    except throttling.RateLimitExceeded as throttled:
        raise TooManyVerificationRequests(
            "Un lien a déjà été envoyé à l'adresse officielle de l'établissement : regardez cette boîte et ses "
            f"courriers indésirables. Vous pourrez en demander un autre dans {throttling.format_wait(throttled.wait)}.",
            throttled.retry_after,
        ) from None
