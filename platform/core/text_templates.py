"""Texts as templates that a writer edits: paragraphs, some with a label, in one `.txt` file without escaping.

E-mails, documents and sentences of pages are made of them; where one enters HTML it is escaped there, as any text.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.template import Engine, Origin, engines
from django.template.loaders import app_directories

# Marks of what the file itself says. No database and no form lets a NUL through: what somebody typed, line breaks and
# brackets included, stays within its paragraph.
_PARAGRAPH_END, _LINE_END, _LABEL = "\0\n", "\0 ", "\0["
_PART = re.compile(r"(?:\0\[(?P<label>\w+)\])?(?P<words>.*)", re.DOTALL)


class UndeclaredName(str):
    """What a text writes for a name that its context lacks, or cannot read: it raises `NameError`."""

    __slots__ = ()

    def __mod__(self, name: object) -> str:
        """Raise `NameError`: Django puts the name where `%s` is."""
        raise NameError(f"The context of this text has no {name}.")

    def __str__(self) -> str:
        """Raise `NameError`."""
        raise NameError("A value of this text does not exist.")


class Loader(app_directories.Loader):
    """Loads the templates of texts, with marks in the place of their line breaks and labels."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        engine.string_if_invalid = UndeclaredName("%s")

    def get_contents(self, origin: Origin) -> str:
        """Return the marked template."""
        source = re.sub(r"^\[(\w+)\] ", rf"{_LABEL}\1]", super().get_contents(origin).strip(), flags=re.MULTILINE)
        source = re.sub(r"[ ]*\n\s*\n[ ]*", _PARAGRAPH_END, source)
        return re.sub(r"(?<!\0)[ ]*\n[ ]*", _LINE_END, source)


def read_text_template(template: str, context: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the paragraphs of a rendered template by label; under "" those without.

    A blank line ends a paragraph, and a line break within one counts as a space. A label is a word in brackets before a
    paragraph: `[button] Ouvrir la commande`. What is between `{% if %}` and `{% endif %}` may be part of a sentence or
    whole paragraphs; a paragraph that turns out empty is left out. The filters of `french`, `frame` and
    `french_filters` are at hand (`{{ day|long_date }}`, `{{ amount|euros }}`). A part that several texts share is a
    template whose name begins with « _ », for `{% include %}`. A template uses the names of `context` alone: raises
    `NameError` where it writes another; in a condition that is false.
    """
    parts = defaultdict(list)
    for part in engines["texts"].get_template(template).render(dict(context)).split(_PARAGRAPH_END):
        found = _PART.fullmatch(re.sub(f" *(?:{_LINE_END} *)+", " ", part).strip())
        if found and found["words"]:
            parts[found["label"] or ""].append(found["words"])
    return parts
