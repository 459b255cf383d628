"""Pages about reminders: a pool's, in the office, and the one of a letter's off switch, on the portal."""

import re
from typing import cast

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST
from django_tenants.utils import tenant_context

from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from core import formatting
from core.calendar import date_in_paris
from core.formatting import school_forms
from licensing.pools.emails import get_giver, read_stop_token
from licensing.pools.models import Allocation, Pool
from licensing.reminders import operations, queries
from licensing.reminders.models import MAX_DAYS, MAX_STEPS, Reminder, ReminderStop
from licensing.reminders.operations import PolicyValues
from schools.calendar import knows_holidays
from tenants.models import Collectivity
from web.access import public_page
from web.page_actions import RefusalsOn, page_action

_SEPARATORS = re.compile(r"[\s,;/]+|\bet\b")
_MAX_LENGTH = 60


class PolicyForm(forms.Form):
    """When the schools of a pool are reminded."""

    is_enabled = forms.BooleanField(
        label="Relancer automatiquement les écoles de ce lot",
        required=False,
        help_text="Sans cette case, aucune relance ne part d'elle-même ; vous relancez à la main.",
    )
    unredeemed_days = forms.CharField(
        label="Clé non activée : jours après l'envoi de la clé",
        required=False,
        max_length=_MAX_LENGTH,
        help_text=f"De 1 à {MAX_DAYS} jours, {MAX_STEPS} délais au plus, séparés par des virgules. Vide : aucune.",
    )
    unused_days = forms.IntegerField(
        label="Clé activée, aucune licence donnée : jours après l'activation",
        required=False,
        min_value=1,
        max_value=MAX_DAYS,
        help_text="Une seule lettre. Vide : aucune.",
    )
    writes_in_october = forms.BooleanField(
        label="Écrire en octobre aux écoles dont des licences dorment",
        required=False,
        help_text="Une lettre par an, à partir du 8 octobre : la clé est activée, des licences restent à donner.",
    )

    def clean_unredeemed_days(self) -> list[int]:
        """Return the numbers that were typed."""
        parts = [part for part in _SEPARATORS.split(self.cleaned_data["unredeemed_days"]) if part]
        if not all(part.isascii() and part.isdecimal() for part in parts):
            raise forms.ValidationError("Indiquez des nombres de jours séparés par des virgules : 10, 25, 45.")
        return [int(part) for part in parts]


#: Values of the field `choice`: about this key, about all of this collectivity, and to be reminded again.
THIS_KEY, WHOLE_SCHOOL, RESUME = "key", "school", "resume"
#: The body of a mail program's click (RFC 8058).
_ONE_CLICK_FIELD, _ONE_CLICK = "List-Unsubscribe", "One-Click"


# A mail program posts without a cookie; the link itself is what allows it.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("token")
@public_page
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether the reminders shall stop; stop them, or take that back."""
    link = read_stop_token(token)
    collectivity = None if link is None else Collectivity.objects.filter(schema_name=link.schema).first()
    if link is None or collectivity is None:
        return render(request, "reminders/stop_unknown.html", status=410)
    with tenant_context(collectivity):
        found = Allocation.objects.select_related("school", "pool").prefetch_related("pool__entitlement__collectivity")
        allocation = found.filter(pk=link.allocation_id).first()
        if allocation is None:
            return render(request, "reminders/stop_unknown.html", status=410)
        done = ""
        if request.method == "POST":
            done = _act(request, allocation.pk)
            if request.POST.get(_ONE_CLICK_FIELD) == _ONE_CLICK:
                return HttpResponse(status=200)
        stops = ReminderStop.objects.filter(school_id=allocation.school_id)
        context = {
            "giver": get_giver(allocation),
            "school": school_forms(allocation.school.name).the,
            "done": done,
            "stopped_key": stops.filter(allocation=allocation).exists(),
            "stopped_school": stops.filter(allocation=None).exists(),
        }
    return render(request, "reminders/stop.html", context)


def _act(request: HttpRequest, allocation_id: int) -> str:
    """Do what the form, or the mail program, asks for; return it, empty where it is nothing that we know."""
    choice = request.POST.get("choice", "")
    if request.POST.get(_ONE_CLICK_FIELD) == _ONE_CLICK:
        choice = THIS_KEY
    now = timezone.now()
    if choice in (THIS_KEY, WHOLE_SCHOOL):
        operations.stop(allocation_id=allocation_id, whole_school=choice == WHOLE_SCHOOL, at=now)
    elif choice == RESUME:
        operations.resume(allocation_id=allocation_id, at=now)
    else:
        return ""
    return choice


_PAGE_SIZE = 50
#: Stops that the page names.
_MAX_STOPS = 50
#: Value of the field `page` of a form that stands on the school's page.
_SCHOOL_PAGE = "school"


@office()
def policy(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show when the schools of a pool are reminded, and what is planned."""
    pool = get_object_or_404(Pool, pk=pk)
    current = queries.get_policy(pk)
    days = ", ".join(str(day) for day in current.unredeemed_days)
    return _render(request, pool, PolicyForm(initial=model_to_dict(current) | {"unredeemed_days": days}))


@require_POST
@office(Capability.GIVE_LICENCES)
@page_action("reminders:policy", "pk")
def set_policy(request: OfficeHttpRequest, pk: int) -> HttpResponse | str:
    """Change the policy; show the page again, with what was typed, where it is refused."""
    pool = get_object_or_404(Pool, pk=pk)
    form = PolicyForm(request.POST)
    if form.is_valid():
        with RefusalsOn(form, "unredeemed_days"):
            values = cast("PolicyValues", form.cleaned_data)
            changed = operations.set_policy(pool_id=pk, values=values, by=request.member.user, at=timezone.now())
            return f"Relances : {queries.describe_policy(changed)}"
    return _render(request, pool, form, status=422)


@require_POST
@office(Capability.GIVE_LICENCES)
@page_action("pools:pools")
def cancel(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Cancel one planned reminder, from the pool's page or from its school's."""
    get_object_or_404(Reminder, pk=pk)
    reminder = operations.cancel(reminder_id=pk, by=request.member.user, at=timezone.now())
    day = formatting.long_date(reminder.planned_for)
    school = school_forms(reminder.school.name).of_the
    messages.success(request, f"La relance {school}, le {day}, est annulée : l'école ne recevra rien ce jour-là.")
    if request.POST.get("page") == _SCHOOL_PAGE:
        return redirect("school", uai=reminder.school_id)
    return redirect("reminders:policy", pk=reminder.allocation.pool_id)


@require_POST
@office(Capability.GIVE_LICENCES)
def cancel_all(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Cancel all planned reminders of a pool."""
    get_object_or_404(Pool, pk=pk)
    count = operations.cancel_all(pool_id=pk, by=request.member.user, at=timezone.now())
    if count:
        cancelled = formatting.pluralize(count, "relance annulée", "relances annulées")
        messages.success(request, f"{formatting.start_sentence(cancelled)}. Les suivantes restent prévues.")
    else:
        messages.info(request, "Aucune relance n'était prévue : il n'y avait rien à annuler.")
    return redirect("reminders:policy", pk=pk)


def _render(request: OfficeHttpRequest, pool: Pool, form: PolicyForm, *, status: int = 200) -> HttpResponse:
    days = queries.count_by_day(pool.pk)
    paginator = Paginator(queries.list_planned(pool.pk), _PAGE_SIZE)
    # Counted already: a query less.
    paginator.count = sum(count for _, count in days)
    current = queries.get_policy(pool.pk)
    moment = queries.find_planning().get(pool.pk) if current.sends_any else None
    context = {
        "pool": pool,
        "form": form,
        "summary": formatting.start_sentence(queries.describe_policy(current)),
        "is_enabled": current.is_enabled,
        "planning": queries.describe_planning(moment) if moment is not None else "",
        "knows_holidays": knows_holidays(date_in_paris(timezone.now())),
        "days": [queries.describe_day(day, count) for day, count in days],
        "planned": paginator.get_page(request.GET.get("page")),
        "total": paginator.count,
        "stops": [
            queries.describe_stop(one.school.name, one.at, is_whole=one.allocation_id is None)
            for one in queries.list_stops(pool.pk)[:_MAX_STOPS]
        ],
        "manages": request.member.may(Capability.GIVE_LICENCES),
    }
    return render(request, "reminders/policy.html", context, status=status)
