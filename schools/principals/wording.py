"""Format schools and e-mail addresses for e-mails about principals. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schools.wording import format_school_name

if TYPE_CHECKING:
    from schools.models import School


def format_school(school: School) -> str:
    """Return name and commune, as many schools share a name: « École Jean Jaurès (Nîmes) »."""
    name = format_school_name(school.name)
    return f"{name} ({school.commune})" if school.commune else name


def mask_email(address: str) -> str:
    """Mask an e-mail address so that only those who know it recognise it: « m•••@exemple.example »."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}•••@{domain}"
