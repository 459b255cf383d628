"""Search of people, schools and offices by a telephone number, however it is written on their pages."""

from __future__ import annotations

from django.db.models import CharField, F, Func, Model, QuerySet, Value
from django.db.models.functions import Right

from accounts.models import User
from schools.models import School
from sites.back_office.name_search import MAX_NAMED
from tenants.models import OfficeRequest

#: A French number without its « 0 » or « +33 ».
_DIGITS = 9
OFFICE_SQL = r"""
SELECT 'Répond aux écoles', concat_ws(', ', nullif(contact_name, ''), contact_phone)
FROM {schema}.collectivities_officesettings WHERE right(regexp_replace(contact_phone, '\D', '', 'g'), 9) = %s
UNION ALL SELECT 'Contact d''une école', concat_ws(', ', school_id, nullif(contact_name, ''), contact_phone)
FROM {schema}.collectivities_portfolioschool WHERE right(regexp_replace(contact_phone, '\D', '', 'g'), 9) = %s
"""


def find_people_by_phone(number: str) -> list[User]:
    """Return the accounts with a number, given by its last nine digits."""
    return _find(User.objects.order_by("last_name", "pk"), number)


def find_schools_by_phone(number: str) -> list[School]:
    """Return the schools with a number. Reads the whole directory: some 0.1 s."""
    return _find(School.objects.order_by("pk"), number)


def find_requests_by_phone(number: str) -> list[OfficeRequest]:
    """Return the requests of an office with a number, the latest first."""
    return _find(OfficeRequest.objects.order_by("-pk"), number)


def _find[Row: Model](rows: QuerySet[Row], number: str) -> list[Row]:
    digits = Func(F("phone"), Value(r"\D"), Value(""), Value("g"), function="regexp_replace", output_field=CharField())
    return list(rows.exclude(phone="").alias(digits=Right(digits, _DIGITS)).filter(digits=number)[:MAX_NAMED])
