"""Renderer of the e-mail to the team with a visitor's message."""

from __future__ import annotations

from mailing.kinds import RenderedEmail, register
from mailing.models import Message
from sites.portal.contact_forms import PROFILES, SUBJECTS

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
