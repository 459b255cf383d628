"""Demo step of requests: a teacher asks, and the school asks its collectivity, whose manager finds it waiting."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone

from accounts.models import User
from core.calendar import date_in_paris
from licensing.requests import operations as requests
from licensing.requests.models import LicenceRequest, TeacherRequest
from licensing.requests.queries import list_years_to_ask
from licensing.requests.wording import describe_asked
from tenants.models import Collectivity

#: How many the school asks for.
UNITS = 2


def ask_for_licences(
    principal: User,
    teacher: User,
    office: Collectivity,
    *,
    expect: Callable[[bool, str], None],
    print_line: Callable[[str], None],
) -> None:
    """Have the teacher ask the principal, and the principal the collectivity, without the teacher's name."""
    now = timezone.now()
    uai = principal.affiliations.values_list("school", flat=True).get()
    requests.ask_principal(uai=uai, by=teacher, at=now)
    expect(TeacherRequest.objects.pending().count() == 1, "la demande de l'enseignante attend sa direction")
    print_line(f"   {teacher} demande une licence à {principal}, qui le voit à côté de son nom.")
    request = requests.ask_collectivity(
        uai=uai,
        collectivity_id=office.pk,
        school_year=list_years_to_ask(date_in_paris(now))[0],
        units=UNITS,
        reason="Deux classes de plus à la rentrée de janvier.",
        by=principal,
        at=now,
    )
    expect(LicenceRequest.objects.pending().count() == 1, "la demande de l'école attend la collectivité")
    print_line(f"   {principal} demande {describe_asked(request)} : {office.name} la trouve sous « Demandes ».")
