"""How schools and people are worded in letters about who leads a school. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schools.wording import school_name

if TYPE_CHECKING:
    from schools.models import School


def the_school(school: School) -> str:
    """Return « École Jean Jaurès (Nîmes) »: schools of one name abound."""
    name = school_name(school.name)
    return f"{name} ({school.commune})" if school.commune else name


def masked(address: str) -> str:
    """Return « m•••@exemple.example »: enough for who knows the address, too little for who does not."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}•••@{domain}"
