"""From bytes to text: nobody who exports a list knows how its letters are written.

What can be proven comes first: a mark at the beginning, the zeros of UTF-16, UTF-8, which hardly any other text happens
to be. What is left is one of the three old ways of writing French, told by the letters within words.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from imports.readers.refusals import Unreadable

_SAMPLE = 4096
#: Of UTF-16 in Latin letters, nearly every second byte is zero, and hardly any other is.
_MANY, _FEW = 0.4, 0.1
#: How Windows, the Macintosh and DOS wrote French. The first one wins where nothing speaks for another.
_OLD = ("cp1252", "mac_roman", "cp850")
_LETTERS = "éèêëàâçîïôùûü"
_WITHIN_WORDS = {
    name: re.compile(
        b"[a-z][" + re.escape(_LETTERS.encode(name)) + b"](?=[a-z])|" + re.escape("É".encode(name)) + b"(?=[A-Za-z])"
    )
    for name in _OLD
}
#: How each byte from 80 on looks to whoever takes UTF-8 for Windows-1252; five of them are nothing there.
_LOOKS = {bytes((byte,)).decode("cp1252", "ignore") or chr(byte): byte for byte in range(0x80, 0x100)}
_FOLLOWING = "".join(re.escape(look) for look, byte in _LOOKS.items() if byte < 0xC0)  # noqa: PLR2004
_DOUBLE = re.compile(f"Ã[{_FOLLOWING}]|Å[“’¸¡½¾]|Â[{_FOLLOWING}]|â€[{_FOLLOWING}]|â‚¬|â„¢|Æ’|Ë[†œ]")
#: What no language that we know of writes.
_UNMISTAKABLE = re.compile("Ã[©¨ªª«§´®¯»‰ˆ€‡Ž”‹™]|Ã\xa0|â€[™˜œ“”¦]|â‚¬")
MENDED = "Les accents de ce fichier étaient abîmés (« Ã© » au lieu de « é ») : ils ont été rétablis."


class Decoded(NamedTuple):
    """A file's text, and what was put right in it, in sentences for its owner."""

    text: str
    remarks: list[str]


def decode(content: bytes) -> Decoded:
    """Return the text of the bytes. Raises `Unreadable` where they are no text."""
    text = _decoded(content)
    if "\0" in text:
        raise _no_text()
    mended = mend(text)
    return Decoded(mended, [] if mended is text else [MENDED])


def mend(text: str) -> str:
    """Return a text whose accents were written in UTF-8 and read in Windows-1252 as it was; others as they are."""
    for _ in range(2):  # it happens twice
        if not is_broken(text):
            break
        text = _DOUBLE.sub(_once_less, text)
    return text


def is_broken(text: str) -> bool:
    """Tell whether there are accents that were written in UTF-8 and read in Windows-1252, beyond doubt."""
    return _UNMISTAKABLE.search(text) is not None


def _once_less(match: re.Match[str]) -> str:
    try:
        return bytes(_LOOKS[letter] for letter in match[0]).decode()
    except UnicodeDecodeError:
        return match[0]


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _strictly(content, "utf-16")
    if b"\0" in content[:_SAMPLE]:
        return _strictly(content, _order_of(content[:_SAMPLE]))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A file that was cut off within its last letter is UTF-8 all the same.
        if error.reason == "unexpected end of data" and error.start >= len(content) - 3:
            return content.decode("utf-8-sig", "ignore")
    return _strictly(content, max(_OLD, key=lambda name: len(_WITHIN_WORDS[name].findall(content))))


def _strictly(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(
            "encoding",
            "Les caractères de ce fichier n'ont pas pu être lus. Enregistrez-le en « CSV UTF-8 » ou en .xlsx depuis "
            "votre tableur, puis déposez-le.",
        ) from error


def _order_of(sample: bytes) -> str:
    """Return which UTF-16 it is that has no mark. Raises `Unreadable` where it is none."""
    pairs = len(sample) // 2
    first, second = sample[0 : 2 * pairs : 2].count(0), sample[1 : 2 * pairs : 2].count(0)
    if second >= _MANY * pairs and first <= _FEW * pairs:
        return "utf-16-le"
    if first >= _MANY * pairs and second <= _FEW * pairs:
        return "utf-16-be"
    raise _no_text()


def _no_text() -> Unreadable:
    return Unreadable(
        "not_text",
        "Ce fichier contient des caractères nuls : ce n'est pas un tableau. Enregistrez-le en .xlsx ou en .csv depuis "
        "votre tableur, puis déposez-le.",
    )
