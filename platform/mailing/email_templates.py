"""E-mails as templates that a writer edits: their subject, paragraphs, button and small print, in one `.txt` file."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.template import Engine, Origin, engines
from django.template.loaders import app_directories

from core import formatting
from mailing.kinds import EmailItem, RenderedEmail, render_email

# Marks of what the file itself says. No database and no form lets a NUL through: what somebody typed, line breaks and
# brackets included, stays within its paragraph.
_PARAGRAPH_END, _LINE_END, _LABEL = "\0\n", "\0 ", "\0["
_PART = re.compile(r"(?:\0\[(?P<label>\w+)\])?(?P<words>.*)", re.DOTALL)


class UndeclaredName(str):
    """What an e-mail writes for a name that its context lacks, or cannot read: it raises `NameError`."""

    __slots__ = ()

    def __mod__(self, name: object) -> str:
        """Raise `NameError`: Django puts the name where `%s` is."""
        raise NameError(f"The context of this e-mail has no {name}.")

    def __str__(self) -> str:
        """Raise `NameError`."""
        raise NameError("A value of this e-mail does not exist.")


class Loader(app_directories.Loader):
    """Loads the templates of e-mails, with marks in the place of their line breaks and labels."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        engine.string_if_invalid = UndeclaredName("%s")

    def get_contents(self, origin: Origin) -> str:
        """Return the marked template."""
        source = re.sub(r"^\[(\w+)\] ", rf"{_LABEL}\1]", super().get_contents(origin).strip(), flags=re.MULTILINE)
        source = re.sub(r"[ ]*\n\s*\n[ ]*", _PARAGRAPH_END, source)
        return re.sub(r"(?<!\0)[ ]*\n[ ]*", _LINE_END, source)


def read_email_template(template: str, context: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the paragraphs of a rendered template by label, "" for those without, of which the first is the subject.

    Read as `render_email_template` says, but that the labels are the caller's and that spaces stay plain. Raises
    `NameError` where the template writes a name that the context lacks.
    """
    parts = defaultdict(list)
    for part in engines["emails"].get_template(template).render(dict(context)).split(_PARAGRAPH_END):
        found = _PART.fullmatch(re.sub(f" *(?:{_LINE_END} *)+", " ", part).strip())
        if found and found["words"]:
            parts[found["label"] or ""].append(found["words"])
    return parts


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

    The first paragraph is the subject, those that follow are the text; a blank line ends a paragraph, and a line break
    within one counts as a space. Some paragraphs begin with a word in brackets: `[button] Ouvrir la commande`, which
    leads to `address`; `[item] …` and `[link] …`, of a list, a sentence and what leads to the next of `links`;
    `[note] …`, in small print, as many as there are; `[reason] …`, why a letter that comes again by itself came, above
    the link that stops it. What is between `{% if %}` and `{% endif %}` may be part of a
    sentence or whole paragraphs; a paragraph that turns out empty is left out. The filters of `french`, `frame` and
    `french_filters` are at hand (`{{ day|long_date }}`, `{{ amount|euros }}`), and non-breaking spaces come by
    themselves; with `typeset=str`, its spaces stay as they are written. A part that several e-mails share is a template
    whose name begins with « _ », for `{% include %}`. A template uses the names of `context` alone: raises `NameError`
    where it writes another; in a condition that is false.
    """
    read = read_email_template(template, context)
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
