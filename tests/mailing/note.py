"""The note: a kind of message that needs no other app."""

from mailing import kinds
from mailing.kinds import RenderedEmail


def render_note(message):
    if message.context.get("lapsed"):
        raise kinds.NoLongerDue("La clé a été reprise.")
    if message.context.get("waits"):
        raise kinds.OnHold("La clé attend le règlement.")
    if message.context.get("broken"):
        raise RuntimeError("a bug in the renderer")
    return RenderedEmail(
        subject=f"Message n° {message.pk}",
        text=f"Bonjour,\nvoici le message n° {message.pk}.\n",
        html=f"<p>Bonjour,</p><p>voici le message n° {message.pk}.</p>",
        from_name="Ville de Nîmes",
        reply_to="education@nimes.example",
    )
