"""The e-mail with a key as it will look: with the stored settings, or with those typed on the page « Réglages »."""

from __future__ import annotations

from typing import cast

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods

from collectivities.access import OfficeHttpRequest, office
from collectivities.forms import SettingsForm
from collectivities.models import Role
from collectivities.queries import get_office_settings
from core.calendar import date_in_paris
from core.connections import connection
from licensing.entitlements.models import Entitlement, available_on
from licensing.entitlements.office_keys import find_entitlements
from licensing.pools.emails import render_sample
from licensing.pools.models import Pool
from tenants.models import Collectivity
from web.email_frame import EMAIL_CSP

#: Of the number of a lot.
MAX_DIGITS = 18


@office(Role.MANAGER)
@require_http_methods(["GET", "POST"])
@xframe_options_sameorigin
@csp_override(EMAIL_CSP)
def sample_letter(request: OfficeHttpRequest) -> HttpResponse:
    """Show the e-mail with the stored settings; of a form that is posted, with its valid fields. Stores nothing.

    Its dates are those of the lot that is named (`?lot=`), else of the latest one from which licences are given.
    """
    settings = get_office_settings()
    if request.method == "POST":
        # Validation sets the valid fields on the instance, and leaves the stored ones.
        SettingsForm(request.POST, instance=settings).is_valid()
        if request.POST.get("without_logo"):
            settings.logo = None
    entitlement = _find_entitlement(request.GET.get("lot", ""))
    return HttpResponse(render_sample(cast("Collectivity", connection.tenant), settings, entitlement).html)


def _find_entitlement(lot: str) -> Entitlement | None:
    available = find_entitlements(available_on(date_in_paris(timezone.now()), ""))
    pools = Pool.objects.filter(entitlement__in=available).prefetch_related("entitlement")
    named = pools.filter(pk=int(lot)).first() if lot.isascii() and lot.isdecimal() and len(lot) <= MAX_DIGITS else None
    pool = named or pools.order_by("-opened_at", "-pk").first()
    return pool.entitlement if pool else None
