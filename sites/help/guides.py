"""The guides: which there are, their texts in `docs/`, each as a page and as a PDF; HTML in them is only text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from accounts.models import Profile, User
from core.links import portal_url

DOCUMENTS = settings.ROOT / "docs"


@dataclass(frozen=True)
class Guide:
    """A guide of one profile, in Markdown."""

    slug: str
    file_name: str
    #: Whom it is for, in French.
    readers: str
    #: What it explains, in French.
    summary: str
    #: The profile whose accounts it is for; empty for the operator's, which nobody else is shown.
    profile: str

    @property
    def path(self) -> Path:
        """Return the file of its text."""
        return DOCUMENTS / self.file_name

    def url(self) -> str:
        """Return the absolute URL of its page."""
        return portal_url(f"/aide/{self.slug}/")

    def read(self) -> str:
        """Return its text in Markdown."""
        return self.path.read_text(encoding="utf-8")


GUIDES = (
    Guide(
        "chef-etablissement",
        "guide-chef-etablissement.md",
        "Directions d’école et d’établissement",
        "De la clé reçue par e-mail à la première classe servie, la boutique, et ce qui se reprend.",
        Profile.PRINCIPAL,
    ),
    Guide(
        "enseignant",
        "guide-enseignant.md",
        "Enseignantes et enseignants",
        "Recevoir une licence, ouvrir sa classe, imprimer les cartes des élèves.",
        Profile.TEACHER,
    ),
    Guide(
        "collectivite",
        "guide-collectivite.md",
        "Collectivités : gestion et achats",
        "Acheter des licences, les attribuer aux écoles, suivre ce qu’elles deviennent.",
        Profile.AGENT,
    ),
    Guide(
        "referent-donnees",
        "guide-referent-donnees.md",
        "Collectivités : référents données",
        "Attribuer à toutes les écoles d’après un tableau, et tenir leur liste.",
        Profile.AGENT,
    ),
    Guide(
        "exploitant",
        "guide-exploitant.md",
        "Exploitant du site",
        "Vendre, facturer, encaisser, et rendre compte.",
        "",
    ),
)
BY_SLUG = {guide.slug: guide for guide in GUIDES}
BY_FILE_NAME = {guide.file_name: guide for guide in GUIDES}


def list_own(user: User | AnonymousUser, *, in_office: bool = False) -> tuple[Guide, ...]:
    """Return the guides of the reader's profile, or the operator's for an operator.

    Of a visitor the profile is known only where they come from an office; else there are none.
    """
    if user.is_authenticated:
        profile = "" if user.is_staff else user.profile
    elif in_office:
        profile = Profile.AGENT
    else:
        return ()
    return tuple(guide for guide in GUIDES if guide.profile == profile)


def list_others(user: User | AnonymousUser, *, in_office: bool = False) -> tuple[Guide, ...]:
    """Return the guides of other profiles, without the operator's."""
    own = list_own(user, in_office=in_office)
    return tuple(guide for guide in GUIDES if guide.profile and guide not in own)
