"""An XML document, written from a table of its paths and texts."""

import itertools
from collections.abc import Mapping
from typing import Any


def add_texts(root: Any, texts: Mapping[str, str | None], namespaces: Mapping[str, str]) -> None:
    """Add the element of each path, `Party#2/ram:ID@scheme=SIREN`, in their order, with its text; None leaves it out.

    Paths that begin alike share their elements; `#` and a number tell apart those that repeat. `namespaces`: by prefix.
    """
    from lxml import etree  # noqa: PLC0415

    added: dict[str, Any] = {}
    for path, text in texts.items():
        if text is None:
            continue
        element = root
        for step in itertools.accumulate(path.split("/"), "{}/{}".format):
            if step not in added:
                tag, *attributes = step.rpartition("/")[2].split("@")
                prefix, _, name = tag.partition("#")[0].rpartition(":")
                qualified = f"{{{namespaces[prefix]}}}{name}" if prefix in namespaces else name
                added[step] = etree.SubElement(element, qualified, dict(pair.split("=") for pair in attributes))
            element = added[step]
        element.text = text
