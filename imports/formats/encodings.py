"""Detect the encoding of a text file, and repair mojibake.

In order: a byte order mark, the zero bytes of UTF-16, valid UTF-8. Else one of the three legacy encodings of French,
chosen by the accented letters found within words.
"""

import codecs
import re
from typing import NamedTuple

from imports.formats.exceptions import UnreadableFile

_SAMPLE_BYTES = 4096
#: In UTF-16 of Latin letters nearly every second byte is zero, and hardly any other.
_MIN_ZERO_SHARE, _MAX_ZERO_SHARE = 0.4, 0.1
#: French on Windows, the Macintosh and DOS. The first is the default.
_LEGACY_ENCODINGS = ("cp1252", "mac_roman", "cp850")
_ACCENTED = "éèêëàâçîïôùûü"
_ACCENTS_IN_WORDS = {
    name: re.compile(
        b"[a-z][" + re.escape(_ACCENTED.encode(name)) + b"](?=[a-z])|" + re.escape("É".encode(name)) + b"(?=[A-Za-z])"
    )
    for name in _LEGACY_ENCODINGS
}
#: The byte (from 0x80) behind each character when UTF-8 is decoded as Windows-1252, which leaves five undefined.
_BYTE_OF_CHARACTER = {bytes((byte,)).decode("cp1252", "ignore") or chr(byte): byte for byte in range(0x80, 0x100)}
_CONTINUATION = "".join(re.escape(character) for character, byte in _BYTE_OF_CHARACTER.items() if byte < 0xC0)  # noqa: PLR2004
_MOJIBAKE = re.compile(f"Ã[{_CONTINUATION}]|Å[“’¸¡½¾]|Â[{_CONTINUATION}]|â€[{_CONTINUATION}]|â‚¬|â„¢|Æ’|Ë[†œ]")
#: Sequences that occur in no language.
_CERTAIN_MOJIBAKE = re.compile("Ã[©¨ªª«§´®¯»‰ˆ€‡Ž”‹™]|Ã\xa0|â€[™˜œ“”¦]|â‚¬")
MOJIBAKE_REPAIRED = "Les accents de ce fichier étaient abîmés (« Ã© » au lieu de « é ») : ils ont été rétablis."


class DecodedText(NamedTuple):
    """The text of a file, and the repairs made to it, in French sentences for the member."""

    text: str
    remarks: list[str]


def decode(content: bytes) -> DecodedText:
    """Decode a file. Raises `UnreadableFile` where it is not text."""
    text = _detect_and_decode(content)
    if "\0" in text:
        raise _not_text()
    repaired = repair_mojibake(text)
    return DecodedText(repaired, [] if repaired is text else [MOJIBAKE_REPAIRED])


def repair_mojibake(text: str) -> str:
    """Undo the decoding of UTF-8 as Windows-1252; return any other text unchanged."""
    for _ in range(2):  # some files were damaged twice
        if not has_mojibake(text):
            break
        text = _MOJIBAKE.sub(_undo_once, text)
    return text


def has_mojibake(text: str) -> bool:
    """Whether a text certainly is UTF-8 decoded as Windows-1252."""
    return _CERTAIN_MOJIBAKE.search(text) is not None


def _undo_once(match: re.Match[str]) -> str:
    try:
        return bytes(_BYTE_OF_CHARACTER[letter] for letter in match[0]).decode()
    except UnicodeDecodeError:
        return match[0]


def _detect_and_decode(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decode_strictly(content, "utf-16")
    if b"\0" in content[:_SAMPLE_BYTES]:
        return _decode_strictly(content, _detect_utf16(content[:_SAMPLE_BYTES]))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A file truncated within its last character is still UTF-8.
        if error.reason == "unexpected end of data" and error.start >= len(content) - 3:
            return content.decode("utf-8-sig", "ignore")
    return _decode_strictly(
        content, max(_LEGACY_ENCODINGS, key=lambda name: len(_ACCENTS_IN_WORDS[name].findall(content)))
    )


def _decode_strictly(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            "encoding",
            "Les caractères de ce fichier n'ont pas pu être lus. Enregistrez-le en « CSV UTF-8 » ou en .xlsx depuis "
            "votre tableur, puis déposez-le.",
        ) from error


def _detect_utf16(sample: bytes) -> str:
    """Return the byte order of UTF-16 without a mark. Raises `UnreadableFile` where it is not UTF-16."""
    pairs = len(sample) // 2
    first, second = sample[0 : 2 * pairs : 2].count(0), sample[1 : 2 * pairs : 2].count(0)
    if second >= _MIN_ZERO_SHARE * pairs and first <= _MAX_ZERO_SHARE * pairs:
        return "utf-16-le"
    if first >= _MIN_ZERO_SHARE * pairs and second <= _MAX_ZERO_SHARE * pairs:
        return "utf-16-be"
    raise _not_text()


def _not_text() -> UnreadableFile:
    return UnreadableFile(
        "not_text",
        "Ce fichier contient des caractères nuls : ce n'est pas un tableau. Enregistrez-le en .xlsx ou en .csv depuis "
        "votre tableur, puis déposez-le.",
    )
