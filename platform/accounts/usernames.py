"""The identifiant that a new account gets: the one that was wished, or the first free one that follows from it.

Never a refusal: a page that says « déjà pris » tells whoever asks which accounts there are (docs/decisions/0040).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from accounts.models import User

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How many identifiants are looked up at once: always so many, whether or not the first is free.
_AT_ONCE = 20
_LONGEST = 150
#: What closed accounts are called.
RESERVED = "supprime-"


def variations(wished: str) -> Iterator[str]:
    """Yield the identifiant that was wished, then « mdupont2 », « mdupont3 »… (« classe3-2 » after a figure)."""
    yield wished
    dash = "-" if wished[-1:].isdigit() else ""
    for number in itertools.count(2):
        ending = f"{dash}{number}"
        yield wished[: _LONGEST - len(ending)] + ending


def is_reserved(wished: str) -> bool:
    """Return whether no person may have it."""
    return wished.strip().lower().startswith(RESERVED)


@transaction.atomic
def store(user: User) -> bool:
    """Store a new account under its identifiant or the first free variation; return whether it is the one wished."""
    wished = user.username
    remaining = variations(wished)
    while True:
        some = list(itertools.islice(remaining, _AT_ONCE))
        taken = set(User.objects.filter(username__in=some).values_list("username", flat=True))
        for username in some:
            if username not in taken and _stored(user, username):
                return username == wished


def _stored(user: User, username: str) -> bool:
    """Store it, unless another took the identifiant at this very moment."""
    user.username = username
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        if not User.objects.filter(username=username).exists():
            raise
        user.pk = None
        return False
    return True
