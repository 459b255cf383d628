"""« Mes e-mails »: which letters come to a member, with a switch each; and the e-mail with a key as it will look."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods

from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.forms import SettingsForm
from collectivities.letters import choose_letters, find_wanted
from collectivities.models import Letter
from collectivities.queries import get_current_collectivity, get_office_settings
from core.calendar import date_in_paris
from core.formatting import collectivity_forms
from licensing.entitlements.models import Entitlement, available_on
from licensing.entitlements.office_keys import find_entitlements
from licensing.pools.emails import render_sample
from licensing.pools.models import Pool
from web.email_frame import EMAIL_CSP

#: Of the number of a lot.
MAX_DIGITS = 18


@office(Capability.MANAGE_OFFICE)
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
    return HttpResponse(render_sample(get_current_collectivity(), settings, entitlement).html)


def _find_entitlement(lot: str) -> Entitlement | None:
    available = find_entitlements(available_on(date_in_paris(timezone.now()), ""))
    pools = Pool.objects.filter(entitlement__in=available).prefetch_related("entitlement")
    named = pools.filter(pk=int(lot)).first() if lot.isascii() and lot.isdecimal() and len(lot) <= MAX_DIGITS else None
    pool = named or pools.order_by("-opened_at", "-pk").first()
    return pool.entitlement if pool else None


#: Name of the field.
FIELD = "lettres"
_DETAILS = {
    Letter.WEEKLY: (
        "Le premier jour ouvré de la semaine, à 8\xa0h, quand quelque chose attend un geste de votre part. Ce "
        "qu'elle a dit ne la fait revenir qu'après quatre semaines."
    ),
    Letter.FAILURE: (
        "Dans les minutes qui suivent, une fois par envoi, quand dix e-mails au moins, et un sur cinq, n'arrivent pas."
    ),
    Letter.RENEWAL: (
        "Au début d'avril, de juin et d'août, tant que la reconduction des licences n'est ni commandée ni écartée. "
        "Aux acheteurs, et aux gestionnaires là où il n'y a pas d'acheteur."
    ),
    Letter.REQUESTS: "Quand une école demande des licences, une fois par jour au plus.",
}


@office()
@require_http_methods(["GET", "POST"])
def my_letters(request: OfficeHttpRequest) -> HttpResponse:
    """Show the letters that the member may get, and store which they want."""
    if request.method == "POST":
        chosen = set(request.POST.getlist(FIELD))
        wanted = {letter: letter in chosen for letter in find_wanted(request.member)}
        choose_letters(member=request.member, wanted=wanted, at=timezone.now())
        messages.success(request, "votre choix est enregistré.")
        return redirect("my_letters")
    context = {
        "field": FIELD,
        "letters": [(letter, _DETAILS[letter], wanted) for letter, wanted in find_wanted(request.member).items()],
        "office": collectivity_forms(get_current_collectivity().name).of_the,
    }
    return render(request, "office/my_letters.html", context)
