"""A kind of message that needs no other app."""

from __future__ import annotations

import pytest
from django.utils import timezone

from mailing import kinds, operations
from mailing.kinds import RenderedEmail


def render_note(message):
    if message.context.get("lapsed"):
        raise kinds.NoLongerDue("La clé a été reprise.")
    if message.context.get("broken"):
        raise RuntimeError("a bug in the renderer")
    return RenderedEmail(
        subject=f"Message n° {message.pk}",
        text=f"Bonjour,\nvoici le message n° {message.pk}.\n",
        html=f"<p>Bonjour,</p><p>voici le message n° {message.pk}.</p>",
        from_name="Ville de Nîmes",
        reply_to="education@nimes.example",
    )


@pytest.fixture
def note():
    """The name of a message kind whose messages contain their number."""
    kinds.register("note", label="Note", render=render_note)
    yield "note"
    kinds.unregister("note")


@pytest.fixture
def queue(note):
    """Queues notes in the current schema and returns them."""

    def put(count: int = 1, **context):
        return [
            operations.enqueue(kind=note, recipient=f"ecole{n}@exemple.example", at=timezone.now(), context=context)
            for n in range(count)
        ]

    return put
