"""E-mails as templates that a writer edits: their subject, paragraphs, button and small print, in one `.txt` file."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core import formatting
from core.text_templates import read_text_template
from mailing.kinds import EmailItem, RenderedEmail, render_email


def _format_spaces(sentence: str) -> str:
    return formatting.add_nonbreaking_spaces(sentence).replace("n° ", f"n°{formatting.NO_BREAK_SPACE}")


def render_email_template(
    template: str,
    context: Mapping[str, Any],
    *,
    address: str = "",
    links: Sequence[str] = (),
    greeting: str = "Bonjour,",
    unsubscribe_url: str = "",
    typeset: Callable[[str], str] = _format_spaces,
) -> RenderedEmail:
    """Render an e-mail from its template, such as `orders/emails/placed.txt`, as text and HTML.

    Read as `core.text_templates.read_text_template` says. The first paragraph is the subject, those that follow are the
    text. Labels: `[button] Ouvrir la commande`, which leads to `address`; `[item] …` and `[link] …`, of a list, a
    sentence and what leads to the next of `links`; `[note] …`, in small print, as many as there are; `[reason] …`, why
    an e-mail that comes again by itself came, above the link that stops it. Non-breaking spaces come by themselves;
    with `typeset=str`, its spaces stay as they are written.
    """
    read = read_text_template(template, context)
    words, items, actions, button, notes, reason = (
        [typeset(part) for part in read.get(label, ())] for label in ("", "item", "link", "button", "note", "reason")
    )
    return render_email(
        subject=words[0],
        paragraphs=words[1:],
        items=[EmailItem(*item) for item in zip(items, links, actions, strict=True)],
        button="".join(button),
        address=address,
        notes=notes,
        greeting=greeting,
        reason="".join(reason),
        unsubscribe_url=unsubscribe_url,
    )
