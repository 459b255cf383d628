"""Asking the official mailbox of a school who leads it, and what happens when it answers.

A link is sent to the directory's address of the school, and there alone. Whoever opens it says whether the person
leads the school with those who do, or in their place; it is used once.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts import throttling
from accounts.models import Profile
from schools import affiliations
from schools.heads import events, links, notices
from schools.heads.exceptions import (
    AlreadyVerified,
    AskedTooOften,
    HeadsHaveChanged,
    NoChosenSchool,
    NoMailbox,
    NotAPrincipal,
    NothingToLead,
)
from schools.heads.limits import A_SCHOOL_A_DAY, A_SCHOOL_AN_HOUR, AN_ACCOUNT_A_DAY
from schools.heads.queries import request_by_token, verified_heads
from schools.models import Affiliation, HeadEvent, HeadRequest, School, Verification

if TYPE_CHECKING:
    from collections.abc import Collection

    from accounts.models import User

VALID_FOR = datetime.timedelta(days=7)


class Confirmed(NamedTuple):
    """What a confirmation did."""

    affiliation: Affiliation
    #: Those who led the school and no longer do.
    replaced: list[User]


@transaction.atomic
def ask(*, uai: str, by: User, served: bool, at: datetime.datetime) -> HeadRequest:
    """Send a link to the official mailbox of the school, by which it confirms that `by` leads it.

    `served`: whether he has a subscription for the school, which stands above this package; without one there must be
    somebody to take over from. Raises a `HeadRefused`; one who asks too often is told how long to wait.
    """
    if by.profile != Profile.PRINCIPAL:
        raise NotAPrincipal("Seul un compte « Chef d'établissement » peut diriger un établissement.")
    affiliation = by.affiliations.filter(school=uai).select_related("school").first()
    if affiliation is None or affiliation.school is None:
        raise NoChosenSchool("Choisissez d'abord votre établissement dans l'annuaire, depuis « Mon compte ».")
    if affiliation.verified_at is not None:
        raise AlreadyVerified("Votre direction de cet établissement est déjà vérifiée : vous n'avez rien à demander.")
    school = affiliation.school
    if not school.email:
        raise NoMailbox(
            "L'annuaire national ne donne pas d'adresse e-mail officielle pour cet établissement : écrivez-nous par la "
            "page Contact, nous vérifierons votre direction."
        )
    if not served and not verified_heads(school.pk).exists():
        raise NothingToLead(
            "Cet établissement n'a pas encore d'abonnement : activez d'abord la clé que vous avez reçue, ou passez "
            "commande. Le lien vous sera alors proposé."
        )
    _count(by, school, at)
    nonce = links.new_nonce()
    request = HeadRequest.objects.create(
        user=by,
        school=school,
        nonce=nonce,
        token_hash=links.token_hash(links.token(nonce)),
        asked_at=at,
        expires_at=at + VALID_FOR,
    )
    events.record(HeadEvent.Kind.ASKED, school_id=school.pk, user=by, by=by, means=Verification.MAILBOX, at=at)
    notices.ask_mailbox(request, at)
    return request


@sensitive_variables("token")
@transaction.atomic
def confirm(*, token: str, replaced: Collection[int], kept: Collection[int], at: datetime.datetime) -> Confirmed:
    """Verify the principal whom a link names, in the place of some of the school's heads or beside them.

    `replaced` and `kept`: the numbers of the accounts of those who led the school when the page was shown. Raises
    `HeadLinkGone`, or `HeadsHaveChanged` where they are others by now; then nothing was changed.
    """
    request, affiliation = request_by_token(token, at=at, lock=True)
    # In full: two links of one school are confirmed one after the other, and a key that is being redeemed for it waits
    # with its subscription until those of the predecessors have passed on.
    School.objects.select_for_update(of=("self",)).get(pk=request.school_id)
    heads = list(verified_heads(request.school_id).select_for_update(of=("self",), no_key=True))
    if {head.user_id for head in heads} != {*replaced, *kept} or set(replaced) & set(kept):
        raise HeadsHaveChanged
    gone = [head for head in heads if head.user_id in replaced]
    for head in gone:
        affiliations.replaced(affiliation=head, successor=request.user, at=at)
    affiliations.verify(affiliation=affiliation, means=Verification.MAILBOX, at=at)
    request.confirmed_at = at
    request.save(update_fields=["confirmed_at"])
    # What else was sent for these people opens nothing more.
    settled = [request.user_id, *(head.user_id for head in gone)]
    HeadRequest.objects.filter(school=request.school_id, user__in=settled, confirmed_at=None, expires_at__gt=at).update(
        expires_at=at
    )
    notices.tell_verified(affiliation, at)
    return Confirmed(affiliation, [head.user for head in gone])


def _count(by: User, school: School, at: datetime.datetime) -> None:
    """Count the letter. In the caller's transaction: one that is refused leaves no trace."""
    try:
        throttling.count(
            [(A_SCHOOL_AN_HOUR, school.pk), (A_SCHOOL_A_DAY, school.pk), (AN_ACCOUNT_A_DAY, str(by.pk))], at=at
        )
    except throttling.Throttled as throttled:
        raise AskedTooOften(
            "Un lien a déjà été envoyé à l'adresse officielle de l'établissement : regardez cette boîte et ses "
            f"courriers indésirables. Vous pourrez en demander un autre dans {throttling.in_words(throttled.wait)}.",
            throttled.retry_after,
        ) from None
