"""HTML without the white space that no browser shows: line breaks and indentation of templates."""

import json
import re
from typing import Any

#: Elements beside which white space is not rendered: https://html.spec.whatwg.org/#flow-content-3 with display block.
_BLOCK = (
    "address|article|aside|body|caption|dd|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|head|header|hr|html|"
    "legend|li|main|nav|ol|option|p|section|summary|table|tbody|td|tfoot|th|thead|title|tr|ul|br|button"
)
_PREFORMATTED = re.compile(r"(<(?:pre|textarea|script)\b.*?</(?:pre|textarea|script)>)", re.DOTALL)
_SPACES = re.compile(r" {2,}")
# Each begins with what is looked for, not with an optional space: twice as fast (0.4 ms a page instead of 0.7).
_BEFORE_BLOCK = re.compile(rf" <(?=/?(?:{_BLOCK})\b[^<>]*>)")
_AFTER_BLOCK = re.compile(rf"(</?(?:{_BLOCK})\b[^<>]*>) ")
_IN_TAG = re.compile(r"(<[a-z][^<>]*) (/?>)")


def collapse(html: str) -> str:
    """Return the HTML with each run of white space as a single space, and none beside block elements."""
    parts = _PREFORMATTED.split(html)
    parts[::2] = [_collapse_part(part) for part in parts[::2]]
    return "".join(parts)


def _collapse_part(html: str) -> str:
    spaced = _SPACES.sub(" ", html.replace("\n", " ").replace("\t", " ").replace("\r", " "))
    in_tags = _IN_TAG.sub(r"\1\2", spaced)
    return _AFTER_BLOCK.sub(r"\1", _BEFORE_BLOCK.sub("<", in_tags))


def read_json_script(page: str, element_id: str) -> Any:
    """Return the value that a page gives to its scripts in a JSON element. Raises `KeyError` where there is none."""
    match = re.search(rf'<script id="{element_id}" type="application/json">(.*?)</script>', page, re.DOTALL)
    if match is None:
        raise KeyError(element_id)
    return json.loads(match[1])
