"""Accounts at the platforms, as the settings read them from the environment. Pure: imported before the apps."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ChorusProAccount:
    """The application at PISTE, and the technical account at Chorus Pro. Secrets stay out of tracebacks."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    login: str = field(repr=False)
    password: str = field(repr=False)
    # Where PISTE gives tokens, and where Chorus Pro's API answers.
    token_url: str
    api_base: str
