"""The contact page: sends a visitor's message to the team by e-mail."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts import throttling
from accounts.addresses import client_address
from accounts.throttling import Limit, Throttled
from mailing import operations as mailing
from pages.contact_emails import CONTACT
from pages.contact_forms import SUBJECTS, ContactForm
from web.access import public_page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

# High enough for a school's staff behind one IP address, low enough to stop bots.
FROM_AN_ADDRESS = Limit("contact/address", 10, datetime.timedelta(hours=1))


@public_page
def contact(request: HttpRequest) -> HttpResponse:
    """Show the form, then queue the e-mail; silently drop messages with the honeypot field filled in."""
    form = ContactForm(request.POST or None, initial=_build_initial(request))
    if request.method != "POST":
        return render(request, "pages/contact.html", {"form": form})
    if not form.is_valid():
        return render(request, "pages/contact.html", {"form": form}, status=422)
    at = timezone.now()
    try:
        throttling.count([(FROM_AN_ADDRESS, throttling.network(client_address(request)))], at=at)
    except Throttled as refusal:
        form.add_error(None, f"{refusal} Votre message n’est pas parti ; il est conservé ci-dessous.")
        response = render(request, "pages/contact.html", {"form": form}, status=429)
        response["Retry-After"] = str(refusal.retry_after)
        return response
    if not form.from_a_machine:
        mailing.enqueue(kind=CONTACT, recipient=settings.CONTACT_EMAIL, at=at, context=form.as_context())
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
