"""The guides: which there are, and their texts in `docs/`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings

from core.urls import portal_url

if TYPE_CHECKING:
    from pathlib import Path

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
    ),
    Guide(
        "enseignant",
        "guide-enseignant.md",
        "Enseignantes et enseignants",
        "Recevoir une licence, ouvrir sa classe, imprimer les cartes des élèves.",
    ),
    Guide(
        "collectivite",
        "guide-collectivite.md",
        "Collectivités : gestion et achats",
        "Acheter des licences, les attribuer aux écoles, suivre ce qu’elles deviennent.",
    ),
    Guide(
        "referent-donnees",
        "guide-referent-donnees.md",
        "Collectivités : référents données",
        "Attribuer à toutes les écoles d’après un tableau, et tenir leur liste.",
    ),
    Guide(
        "exploitant",
        "guide-exploitant.md",
        "Exploitant du site",
        "Vendre, facturer, encaisser, et rendre compte.",
    ),
)
BY_SLUG = {guide.slug: guide for guide in GUIDES}
BY_FILE_NAME = {guide.file_name: guide for guide in GUIDES}
