"""Choice of a new account's username: the requested one, or its first free variation.

Never an error: « déjà pris » would reveal which accounts exist (docs/decisions/0040).
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator

from django.db import IntegrityError, transaction

from accounts.models import User
from core.contact_details import MAX_LENGTH

#: Usernames per lookup, constant so that timing does not reveal whether the first is free.
_BATCH_SIZE = 20
_MAX_LENGTH = 150
#: As Django validates usernames, and no longer than those that our e-mails repeat.
_USERNAME = re.compile(rf"[\w.@+-]{{1,{MAX_LENGTH}}}", re.ASCII)
#: Prefix of the usernames of erased accounts.
RESERVED_PREFIX = "supprime-"


def generate_variations(requested: str) -> Iterator[str]:
    """Yield the requested username, then « mdupont2 », « mdupont3 »… (« classe3-2 » after a digit)."""
    yield requested
    separator = "-" if requested[-1:].isdigit() else ""
    for number in itertools.count(2):
        suffix = f"{separator}{number}"
        yield requested[: _MAX_LENGTH - len(suffix)] + suffix


def is_reserved(requested: str) -> bool:
    """Return whether the username is reserved for erased accounts."""
    return requested.strip().lower().startswith(RESERVED_PREFIX)


def is_free(address: str) -> bool:
    """Return whether an address can be the username of a new account. For whoever proved that it is theirs."""
    address = address.strip().lower()
    return _USERNAME.fullmatch(address) is not None and not User.objects.filter(username=address).exists()


def propose_username(address: str, first_name: str, last_name: str) -> str:
    """Return the address as the username of a new account, or « prenom.nom » where another account has it.

    Whoever learns the answer must have proved that the address is theirs.
    """
    if is_free(address):
        return address.strip().lower()
    words = unicodedata.normalize("NFKD", f"{first_name} {last_name}".lower())
    plain = "".join(letter for letter in words if letter.isascii() and (letter.isalnum() or letter in " -"))
    return ".".join(plain.split()) or "direction"


@transaction.atomic
def save_with_free_username(user: User) -> bool:
    """Save a new account under its username or a free variation; return whether it got the requested one."""
    requested = user.username
    candidates = generate_variations(requested)
    while True:
        batch = list(itertools.islice(candidates, _BATCH_SIZE))
        taken = set(User.objects.filter(username__in=batch).values_list("username", flat=True))
        for username in batch:
            if username not in taken and _try_insert(user, username):
                return username == requested


def _try_insert(user: User, username: str) -> bool:
    """Insert the account; return False where a concurrent insert took the username."""
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
