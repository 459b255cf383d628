"""200,000 accounts at the 70,000 schools of the country, half of them teachers.

One in twenty typed their school by hand (`bench.misnamed`); the others chose it in the directory.
"""

from __future__ import annotations

import datetime
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Profile, User
from bench import invented_directory
from bench.copying import copy_new
from bench.misnamed import Told, misnamed
from bench.scratch import SHARED
from schools.directory.operations import synchronise
from schools.models import Affiliation, School

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ACCOUNTS, TYPED = 200_000, 10_000
_FIRST = ["Camille", "Nadine", "Benoît", "Awa", "Jean", "Chloé", "Karim", "Lucie", "Paul", "Inès", "Hugo", "Marie"]
_LAST = ["Martin", "Roux", "Colas", "Diop", "Petit", "Moreau", "Haddad", "Garnier", "Faure", "Lopez", "Blanc", "Leroy"]


def load_directory() -> str:
    """Load seventy thousand schools; return whether they are the `real` ones or `invented`."""
    real = SHARED / "directory" / "composite_national.csv.gz" if SHARED else None
    found = real is not None and real.is_file()
    with tempfile.TemporaryDirectory() as folder:
        path = real if found and real else invented_directory.write(Path(folder) / "annuaire.csv.gz")
        synchronise(path=path, by=None, at=timezone.now())
    return "real" if found else "invented"


@transaction.atomic
def settle() -> None:
    """Create the accounts and their affiliations, deterministically, then ANALYZE."""
    chance = random.Random(2026)  # noqa: S311 - invention, not secrecy
    columns = ("uai", "name", "commune", "postal_code")
    schools = [Told(*values) for values in School.objects.order_by("uai").values_list(*columns)]
    copy_new(User, _people(chance))
    people = list(User.objects.order_by("pk").values_list("pk", flat=True))
    copy_new(Affiliation, _affiliations(chance, people, schools))
    # As signing up leaves it.
    addresses = ({"user_id": pk, "email": f"compte{pk}@exemple.example"} for pk in people)
    copy_new(EmailAddress, ({**address, "verified": True, "primary": True} for address in addresses))
    with connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE accounts_user, account_emailaddress, schools_affiliation, schools_school, schools_directoryword"
        )


def _people(chance: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(ACCOUNTS):
        yield {
            "username": f"personne{number}",
            "password": "!",
            "first_name": chance.choice(_FIRST),
            "last_name": chance.choice(_LAST),
            "email": f"personne{number}@exemple.example",
            "profile": Profile.TEACHER.value if number % 2 else Profile.PRINCIPAL.value,
        }


def _affiliations(chance: random.Random, people: Sequence[int], schools: Sequence[Told]) -> Iterator[dict[str, Any]]:
    since = timezone.now() - datetime.timedelta(days=100)
    # Typed schools are spread over both profiles.
    by_hand = set(chance.sample(range(ACCOUNTS), TYPED))
    meant = [school for school in schools if school.name and school.commune]
    typed = iter(misnamed(chance.choices(meant, k=TYPED)))
    for number, person in enumerate(people):
        if number in by_hand:
            row, _ = next(typed)
            code = row.postal_code and row.postal_code.zfill(5)
            yield {"user_id": person, "name": row.name, "city": row.commune, "postal_code": code, "since": since}
        else:
            yield {"user_id": person, "school_id": chance.choice(schools).uai, "since": since}
