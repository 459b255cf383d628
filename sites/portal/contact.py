"""The contact page: sends a visitor's message to the team by e-mail, with keys masked."""

import datetime
import re
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts import throttling
from accounts.known_origins import get_client_ip
from accounts.throttling import RateLimit, RateLimitExceeded
from core.contact_details import check_plain_name
from mailing import operations as mailing
from mailing.kinds import RenderedEmail, register
from mailing.models import Message
from web.access import public_page
from web.page_actions import page_action

SUBJECTS = (
    ("cle", "Ma clé d’activation"),
    ("compte", "Mon compte ou mon mot de passe"),
    ("achat", "Un devis, un achat, une facture"),
    ("collectivite", "Le bureau de ma collectivité"),
    ("accessibilite", "Une difficulté d’accès au site"),
    ("donnees", "Mes données personnelles"),
    ("autre", "Autre chose"),
)
PROFILES = (
    ("principal", "Chef d’établissement"),
    ("teacher", "Enseignant"),
    ("agent", "Agent d’une collectivité"),
    ("parent", "Parent d’élève"),
    ("other", "Autre"),
)
# An activation key: three groups of four symbols, with or without a prefix.
KEY_PATTERN = re.compile(r"\b(?:[A-Z0-9]{2,10}[-\s])?[0-9A-Z]{4}[-–][0-9A-Z]{4}[-–][0-9A-Z]{4}\b", re.IGNORECASE)


def mask_keys(text: str) -> str:
    """Return the text with activation keys masked, as mailboxes and the outbox must not store them."""
    return KEY_PATTERN.sub("[clé masquée]", text)


class VisitorMessageForm(forms.Form):
    """A message to the team, with a reply address."""

    name = forms.CharField(
        label="Votre nom",
        max_length=150,
        validators=[check_plain_name],
        widget=forms.TextInput({"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label="Votre adresse e-mail",
        help_text="Nous répondrons à cette adresse.",
        widget=forms.EmailInput({"autocomplete": "email"}),
    )
    profile = forms.ChoiceField(label="Vous êtes", choices=PROFILES)
    school = forms.CharField(label="Votre établissement ou votre collectivité", max_length=250, required=False)
    subject = forms.ChoiceField(label="Au sujet de", choices=SUBJECTS)
    message = forms.CharField(label="Votre message", max_length=5000, widget=forms.Textarea({"rows": 7}))
    # Honeypot: hidden from people, filled in by bots.
    website = forms.CharField(
        label="Laissez ce champ vide", required=False, widget=forms.TextInput({"tabindex": "-1", "autocomplete": "off"})
    )

    def clean_name(self) -> str:
        """Return the name on one line, as it becomes part of an e-mail header."""
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean_message(self) -> str:
        """Return the message with activation keys masked."""
        return mask_keys(self.cleaned_data["message"])

    @property
    def is_spam(self) -> bool:
        """Whether the honeypot field was filled in."""
        return bool(self.cleaned_data.get("website"))

    def to_context(self) -> dict[str, Any]:
        """Return the context from which the e-mail is rendered."""
        return {name: self.cleaned_data[name] for name in ("name", "email", "profile", "school", "subject", "message")}


CONTACT = "contact.message"


def render_contact(message: Message) -> RenderedEmail:
    """Render the visitor's message as plain text, with the visitor as reply-to address."""
    data = message.context
    subject = dict(SUBJECTS).get(data["subject"], "Autre chose")
    profile = dict(PROFILES).get(data["profile"], "Autre")
    lines = [
        f"De : {data['name']} <{data['email']}>",
        f"Profil : {profile}",
        f"Établissement ou collectivité : {data['school'] or 'non indiqué'}",
        f"Sujet : {subject}",
        "",
        data["message"],
    ]
    return RenderedEmail(
        subject=f"[Contact] {subject} – {data['name']}",
        text="\n".join(lines),
        from_name="Contact Pep's",
        reply_to=data["email"],
    )


register(CONTACT, label="Message d'un visiteur", render=render_contact)


# High enough for a school's staff behind one IP address, low enough to stop bots.
CONTACT_LIMIT = RateLimit("contact/address", 10, datetime.timedelta(hours=1))


def _refuse(request: HttpRequest, refusal: RateLimitExceeded) -> HttpResponse:
    form = VisitorMessageForm(request.POST)
    form.add_error(None, f"{refusal} Votre message n’est pas parti ; il est conservé ci-dessous.")
    return render(request, "portal/contact.html", {"form": form}, status=429)


@public_page
@page_action("contact", refused=_refuse, errors=RateLimitExceeded)
def contact(request: HttpRequest) -> HttpResponse | str:
    """Show the form, then queue the e-mail; silently drop messages with the honeypot field filled in."""
    form = VisitorMessageForm(request.POST or None, initial=_build_initial(request))
    if request.method != "POST":
        return render(request, "portal/contact.html", {"form": form})
    if not form.is_valid():
        return render(request, "portal/contact.html", {"form": form}, status=422)
    at = timezone.now()
    throttling.count_attempts([(CONTACT_LIMIT, throttling.get_network(get_client_ip(request)))], at=at)
    if not form.is_spam:
        mailing.enqueue(kind=CONTACT, recipient=settings.CONTACT_EMAIL, at=at, context=form.to_context())
    return f"votre message est parti. La réponse viendra à {form.cleaned_data['email']}."


def _build_initial(request: HttpRequest) -> dict[str, str]:
    """Return initial values: the signed-in user's details, and the subject given in the URL."""
    subject = request.GET.get("sujet", "")
    initial = {"subject": subject} if subject in dict(SUBJECTS) else {}
    if request.user.is_authenticated:
        user = request.user
        initial |= {"name": user.get_full_name(), "email": user.email, "profile": user.profile}
    return initial
