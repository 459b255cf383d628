"""French formatting of the directory's names and types, and of masked e-mail addresses. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.formatting import restore_capital

if TYPE_CHECKING:
    # A child process that looks at an image loads this module, and no model.
    from schools.models import School


def format_school_name(name: str) -> str:
    """Return a school's name with its missing accent: « Ecole » becomes « École », « ECOLE » « ÉCOLE »."""
    return restore_capital(name)


def format_school(school: School) -> str:
    """Return name and commune, as many schools share a name: « École Jean Jaurès (Nîmes) »."""
    name = format_school_name(school.name)
    return f"{name} ({school.commune})" if school.commune else name


def format_school_type(kind: str, sector: str) -> str:
    """Return type and sector as « École – Public »; either may be empty."""
    return " – ".join(part for part in (format_school_name(kind), sector) if part)


def mask_email(address: str) -> str:
    """Mask an e-mail address so that only those who know it recognise it: « m•••@exemple.example »."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}•••@{domain}"
