"""The contact page: sends a visitor's message to the team by e-mail, with keys masked."""

from __future__ import annotations

import datetime

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts import throttling
from accounts.known_origins import get_client_ip
from accounts.throttling import RateLimit, RateLimitExceeded
from mailing import operations as mailing
from sites.portal.contact_emails import CONTACT
from sites.portal.contact_forms import SUBJECTS, VisitorMessageForm
from web.access import public_page

# High enough for a school's staff behind one IP address, low enough to stop bots.
CONTACT_LIMIT = RateLimit("contact/address", 10, datetime.timedelta(hours=1))


@public_page
def contact(request: HttpRequest) -> HttpResponse:
    """Show the form, then queue the e-mail; silently drop messages with the honeypot field filled in."""
    form = VisitorMessageForm(request.POST or None, initial=_build_initial(request))
    if request.method != "POST":
        return render(request, "portal/contact.html", {"form": form})
    if not form.is_valid():
        return render(request, "portal/contact.html", {"form": form}, status=422)
    at = timezone.now()
    try:
        throttling.count_attempts([(CONTACT_LIMIT, throttling.get_network(get_client_ip(request)))], at=at)
    except RateLimitExceeded as refusal:
        form.add_error(None, f"{refusal} Votre message n’est pas parti ; il est conservé ci-dessous.")
        response = render(request, "portal/contact.html", {"form": form}, status=429)
        response["Retry-After"] = str(refusal.retry_after)
        return response
    if not form.is_spam:
        mailing.enqueue(kind=CONTACT, recipient=settings.CONTACT_EMAIL, at=at, context=form.to_context())
    messages.success(request, f"votre message est parti. La réponse viendra à {form.cleaned_data['email']}.")
    return redirect("contact")


def _build_initial(request: HttpRequest) -> dict[str, str]:
    """Return initial values: the signed-in user's details, and the subject given in the URL."""
    subject = request.GET.get("sujet", "")
    initial = {"subject": subject} if subject in dict(SUBJECTS) else {}
    if request.user.is_authenticated:
        user = request.user
        initial |= {"name": user.get_full_name(), "email": user.email, "profile": user.profile}
    return initial
