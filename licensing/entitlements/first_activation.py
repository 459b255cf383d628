"""A new principal's account from the e-mail of a key: the account, its school and the redeemed key, or nothing."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from allauth.account.models import EmailAddress
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts import emails, personal_data, usernames
from accounts.emails import queue_email_to_user
from accounts.models import Profile, User
from licensing.entitlements import code_sealing, key_checks, mailbox_proof, operations
from licensing.entitlements.exceptions import MailboxNotProven, SchoolNotChosen
from licensing.entitlements.models import ActivationKey, Subscription
from schools import affiliations
from schools.models import School


class NewPrincipal(NamedTuple):
    """What a person says of themselves; `username` and `other_email` only where they chose them."""

    first_name: str
    last_name: str
    #: Hashed before: it takes a second, which the key's lock would last.
    password_hash: str
    username: str = ""
    other_email: str = ""


@sensitive_variables("code", "token", "person")
@transaction.atomic
def create_account_and_redeem(
    *, code: str, token: str, person: NewPrincipal, host: str, at: datetime.datetime
) -> Subscription:
    """Create a principal's account with the proven mailbox as its address, and redeem the key for the key's school.

    Another address becomes the account's once it is confirmed, as in « Mon compte ». Raises `MailboxNotProven`, and
    what `operations.redeem` raises, having created nothing.
    """
    symbols = key_checks.parse_code(code)
    key = (
        ActivationKey.objects.filter(sealed_code__in=code_sealing.seal_under_all_keys(symbols))
        # Two people who open one letter at once: the second finds the key redeemed, and gets no account.
        .locked()
        .select_related("school", "entitlement__collectivity")
        .first()
    )
    if key is None:
        raise key_checks.unknown_key_error(None)
    key_checks.check_not_revoked(key, None)
    if key.redeemed_at is not None:
        raise key_checks.already_redeemed_error(key, None)
    address = mailbox_proof.read(token, key)
    if address is None:
        raise MailboxNotProven("Ce lien ne prouve plus votre adresse : confirmez-la par l'e-mail qui vous sera envoyé.")
    if key.school is None:
        raise SchoolNotChosen("Indiquez d'abord votre établissement : la clé sera créditée pour lui.", None)
    user = create_principal(person, email=address, at=at, school=key.school)
    EmailAddress.objects.create(user=user, email=address, primary=True, verified=True)
    queue_email_to_user(user, emails.CREATED, host=host, at=at)
    if person.other_email and person.other_email.lower() != address:
        personal_data.request_change(user=user, email=person.other_email, host=host, at=at)
    return operations.redeem(code=symbols, by=user, at=at)


@sensitive_variables("person")
@transaction.atomic
def create_principal(person: NewPrincipal, *, email: str, school: School, at: datetime.datetime) -> User:
    """Create a principal's account at a school, under a free username; its address is not confirmed yet."""
    requested = person.username or usernames.propose_username(email, person.first_name, person.last_name)
    user = User(
        profile=Profile.PRINCIPAL,
        username=requested.strip().lower(),
        first_name=person.first_name.strip(),
        last_name=person.last_name.strip(),
        email=email,
        password=person.password_hash,
    )
    usernames.save_with_free_username(user)
    affiliations.choose(user=user, school=school, at=at)
    return user
