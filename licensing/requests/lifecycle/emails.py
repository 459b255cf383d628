"""E-mails about what somebody asked, signed by the collectivity that asks or answers."""

from dataclasses import replace

from django_tenants.utils import tenant_context

from collectivities.queries import get_office_contact, get_office_settings
from mailing.kinds import RenderedEmail
from tenants.models import Collectivity


def sign(email: RenderedEmail, collectivity: Collectivity) -> RenderedEmail:
    """Return an e-mail as the collectivity's own: a reply to it goes to them."""
    with tenant_context(collectivity):
        presentation = get_office_settings()
        contact = get_office_contact(presentation)
    return replace(email, from_name=presentation.sender_name or collectivity.name, reply_to=contact.email)
