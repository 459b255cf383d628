"""The contact page: what a visitor writes leaves as an e-mail to the team."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone

from mailing import operations as mailing
from pages.contact_emails import CONTACT
from pages.contact_forms import SUBJECTS, ContactForm
from web.access import public_page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@public_page
def contact(request: HttpRequest) -> HttpResponse:
    """Ask, then queue the e-mail; a machine that fills in every field is thanked and not heard."""
    form = ContactForm(request.POST or None, initial=_known(request))
    status = 200
    if request.method == "POST":
        if form.is_valid():
            if not form.from_a_machine:
                mailing.enqueue(
                    kind=CONTACT, recipient=settings.CONTACT_EMAIL, at=timezone.now(), context=form.as_context()
                )
            messages.success(request, f"votre message est parti. La réponse viendra à {form.cleaned_data['email']}.")
            return redirect("contact")
        status = 422
    return render(request, "pages/contact.html", {"form": form}, status=status)


def _known(request: HttpRequest) -> dict[str, str]:
    """Return what need not be asked of somebody who has signed in, and the subject that the link named."""
    subject = request.GET.get("sujet", "")
    known = {"subject": subject} if subject in dict(SUBJECTS) else {}
    if request.user.is_authenticated:
        user = request.user
        known |= {"name": user.get_full_name(), "email": user.email, "profile": user.profile}
    return known
