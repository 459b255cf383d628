"""Mutations of a file, drawn at random: of its bytes, of its archive's members, of XML nodes, of sheet names."""

import io
import random
import struct
from collections.abc import Callable

from lxml import etree
from xlrd.compdoc import CompDoc
from xlwt.CompoundDoc import XlsDoc

from bench.damaged.zip_archive import build_archive, read_archive

type Mutation = Callable[[bytes, random.Random], bytes | None]


#: The members and elements that name sheets.
_SHEET_ELEMENTS = {"sheet", "table"}
#: In an OpenDocument a sheet is one element, and nothing else tells of it: one without it is another document.
_WHOLE_SHEETS = {"table", "spreadsheet", "body"}
_RECORD = struct.Struct("<HH")


def flip_bytes(content: bytes, rng: random.Random) -> bytes:
    """Replace up to eight bytes."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def truncate(content: bytes, rng: random.Random) -> bytes:
    """Keep the beginning."""
    return content[: rng.randrange(1, len(content))]


def cut_out(content: bytes, rng: random.Random) -> bytes:
    """Remove up to 64 bytes from within."""
    start = rng.randrange(len(content))
    return content[:start] + content[start + rng.randint(1, 64) :]


def drop_member(content: bytes, rng: random.Random) -> bytes | None:
    """Remove a member of the archive; None where the file is none."""
    members = read_archive(content)
    if not members:
        return None
    del members[rng.choice(sorted(members))]
    return build_archive(members)


def damage_member(content: bytes, rng: random.Random) -> bytes | None:
    """Replace some bytes of a member before it is packed; None where the file is no archive."""
    members = read_archive(content)
    filled = sorted(name for name, body in members.items() if body)
    if not filled:
        return None
    name = rng.choice(filled)
    members[name] = rng.choice((flip_bytes, cut_out))(members[name], rng)
    return build_archive(members)


def remove_node(content: bytes, rng: random.Random) -> bytes | None:
    """Remove an XML element with what it holds; None where the file has no XML."""

    def change(root: etree._Element, rng: random.Random) -> bool:
        nodes = [
            node
            for node in root.iterdescendants()
            if isinstance(node.tag, str) and not ("oasis" in node.tag and _local_name(node) in _WHOLE_SHEETS)
        ]
        if not nodes:
            return False
        node = rng.choice(nodes)
        parent = node.getparent()
        if parent is not None:
            parent.remove(node)
        return True

    return _change_xml(content, rng, change)


def rename_sheet(content: bytes, rng: random.Random) -> bytes | None:
    """Give a sheet another name: that of another sheet, an empty one, or an odd one."""

    def change(root: etree._Element, rng: random.Random) -> bool:
        names = [
            (node, key)
            for node in root.iterdescendants()
            if isinstance(node.tag, str) and _local_name(node) in _SHEET_ELEMENTS
            for key in node.attrib
            if str(key).rpartition("}")[2] == "name"
        ]
        if not names:
            return False
        node, key = rng.choice(names)
        other, other_key = rng.choice(names)
        node.set(key, rng.choice((other.get(other_key) or "", "", "é" * 40, "#REF!", "Refusées")))
        return True

    return _change_xml(content, rng, change)


def damage_records(content: bytes, rng: random.Random) -> bytes | None:
    """Remove or damage some records of an .xls; None where the file is none."""
    try:
        stream = bytes(CompDoc(content, logfile=io.StringIO()).get_named_stream("Workbook") or b"")
    except Exception:  # noqa: BLE001 - xlrd raises its own kinds and others for what is no container
        return None
    records, at = [], 0
    while at + _RECORD.size <= len(stream):
        kind, length = _RECORD.unpack_from(stream, at)
        records.append((kind, stream[at + 4 : at + 4 + length]))
        at += _RECORD.size + length
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(records))
        kind, body = records[at]
        if body and rng.random() < 0.5:  # noqa: PLR2004 - as often as removed
            records[at] = (kind, flip_bytes(body, rng))
        else:
            del records[at]
    out = io.BytesIO()
    XlsDoc().save(out, b"".join(_RECORD.pack(kind, len(body)) + body for kind, body in records))
    return out.getvalue()


#: All mutations by name.
MUTATIONS: dict[str, Mutation] = {
    "bytes flipped": flip_bytes,
    "truncated": truncate,
    "bytes cut out": cut_out,
    "member dropped": drop_member,
    "member damaged": damage_member,
    "node removed": remove_node,
    "sheet renamed": rename_sheet,
    "records damaged": damage_records,
}


def _change_xml(
    content: bytes, rng: random.Random, change: Callable[[etree._Element, random.Random], bool]
) -> bytes | None:
    """Return the file with one of its XML documents changed; None where none can be."""
    members = read_archive(content)
    names = sorted(name for name, body in members.items() if body.lstrip().startswith(b"<"))
    rng.shuffle(names)
    for name in names:
        root = etree.fromstring(members[name])
        if change(root, rng):
            members[name] = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
            return build_archive(members)
    if content.lstrip().startswith(b"<"):
        root = etree.fromstring(content)
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8") if change(root, rng) else None
    return None


def _local_name(node: etree._Element) -> str:
    return str(node.tag).rpartition("}")[2]
