"""Accounts at the platforms, as the settings read them from the environment. Pure: imported before the apps."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedPlatformAccount:
    """The account at an approved platform (XP Z12-013). Secrets stay out of tracebacks."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    token_url: str
    # Of its « Flow Service », without « /v1 ».
    base_url: str
    # Sent as `Organization-Id` where one account serves several companies; may be empty.
    organization: str
    # Its four characters (« matricule ») and its name, which reports state; may be empty.
    number: str
    name: str
