"""The e-mail that a visitor's message becomes, on its way to the team."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailing.kinds import Rendered, register
from pages.contact_forms import PROFILES, SUBJECTS

if TYPE_CHECKING:
    from mailing.models import Message

CONTACT = "pages.contact"


def render_contact(message: Message) -> Rendered:
    """Return the visitor's words as they are, in plain text, to be answered to the visitor."""
    said = message.context
    subject = dict(SUBJECTS).get(said["subject"], "Autre chose")
    profile = dict(PROFILES).get(said["profile"], "Autre")
    lines = [
        f"De : {said['name']} <{said['email']}>",
        f"Profil : {profile}",
        f"Établissement ou collectivité : {said['school'] or 'non indiqué'}",
        f"Sujet : {subject}",
        "",
        said["message"],
    ]
    return Rendered(
        subject=f"[Contact] {subject} – {said['name']}",
        text="\n".join(lines),
        from_name="Contact Pep's",
        reply_to=said["email"],
    )


register(CONTACT, label="Message d'un visiteur", render=render_contact)
