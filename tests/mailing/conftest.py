"""A kind of message that needs no other app, and a sink with its settings."""

from __future__ import annotations

import pytest

from mailing import kinds
from mailing.kinds import Rendered


def render(message):
    if message.context.get("lapsed"):
        raise kinds.NoLongerDue("La clé a été reprise.")
    if message.context.get("broken"):
        raise RuntimeError("a renderer's own mistake")
    return Rendered(
        subject=f"Message n° {message.pk}",
        text=f"Bonjour,\nvoici le message n° {message.pk}.\n",
        html=f"<p>Bonjour,</p><p>voici le message n° {message.pk}.</p>",
        from_name="Ville de Nîmes",
        reply_to="education@nimes.example",
    )


@pytest.fixture
def note():
    """The name of a kind whose messages say their number."""
    kinds.register("note", label="Note", render=render)
    yield "note"
    kinds.unregister("note")
