"""200,000 accounts at the 70,000 schools of the country, half of them teachers.

One in twenty typed their school by hand (`bench.misnamed_rows`); the others chose it in the directory.
"""

import datetime
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Profile, User
from bench import synthetic_directory
from bench.misnamed_rows import SampledSchool, misnamed
from bench.raw_copy import insert_rows
from bench.scratch_database import SHARED, as_owner
from schools.directory.operations import synchronise
from schools.models import Affiliation, School

ACCOUNTS, TYPED = 200_000, 10_000
_FIRST = ["Camille", "Nadine", "Benoît", "Awa", "Jean", "Chloé", "Karim", "Lucie", "Paul", "Inès", "Hugo", "Marie"]
_LAST = ["Martin", "Roux", "Colas", "Diop", "Petit", "Moreau", "Haddad", "Garnier", "Faure", "Lopez", "Blanc", "Leroy"]


def load_directory() -> str:
    """Load seventy thousand schools; return whether they are the `real` ones or `invented`."""
    real = SHARED / "directory" / "composite_national.csv.gz" if SHARED else None
    found = real is not None and real.is_file()
    with tempfile.TemporaryDirectory() as folder:
        path = real if found and real else synthetic_directory.write(Path(folder) / "annuaire.csv.gz")
        synchronise(path=path, by=None, at=timezone.now())
    return "real" if found else "invented"


def create_accounts() -> None:
    """Create the accounts and their affiliations, deterministically, then ANALYZE."""
    _insert_accounts()
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE accounts_user, account_emailaddress, schools_affiliation, schools_school, schools_directoryword"
        )


@transaction.atomic
def _insert_accounts() -> None:
    rng = random.Random(2026)  # noqa: S311 - invention, not secrecy
    columns = ("uai", "name", "commune", "postal_code")
    schools = [SampledSchool(*values) for values in School.objects.order_by("uai").values_list(*columns)]
    insert_rows(User, _people(rng))
    people = list(User.objects.order_by("pk").values_list("pk", flat=True))
    insert_rows(Affiliation, _affiliations(rng, people, schools))
    # As signing up leaves it.
    addresses = ({"user_id": pk, "email": f"compte{pk}@exemple.example"} for pk in people)
    insert_rows(EmailAddress, ({**address, "verified": True, "primary": True} for address in addresses))


def _people(rng: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(ACCOUNTS):
        yield {
            "username": f"personne{number}",
            "password": "!",
            "first_name": rng.choice(_FIRST),
            "last_name": rng.choice(_LAST),
            "email": f"personne{number}@exemple.example",
            "profile": Profile.TEACHER.value if number % 2 else Profile.PRINCIPAL.value,
        }


def _affiliations(
    rng: random.Random, people: Sequence[int], schools: Sequence[SampledSchool]
) -> Iterator[dict[str, Any]]:
    since = timezone.now() - datetime.timedelta(days=100)
    # Typed schools are spread over both profiles.
    by_hand = set(rng.sample(range(ACCOUNTS), TYPED))
    meant = [school for school in schools if school.name and school.commune]
    typed = iter(misnamed(rng.choices(meant, k=TYPED)))
    for number, person in enumerate(people):
        if number in by_hand:
            row, _ = next(typed)
            code = row.postal_code and row.postal_code.zfill(5)
            yield {"user_id": person, "name": row.name, "city": row.commune, "postal_code": code, "since": since}
        else:
            yield {"user_id": person, "school_id": rng.choice(schools).uai, "since": since}
