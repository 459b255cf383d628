"""XMP metadata of a Factur-X PDF, in the form that every PDF/A validator reads.

`factur-x` declares every namespace on `x:xmpmeta` and leaves out `rdf:about`. ISO 16684-1 (7.4) asks for `rdf:about`
on each description, and released versions of veraPDF look for the namespaces on `rdf:RDF`: both then say that the
file has no PDF/A identification.
"""

from __future__ import annotations

import io
from typing import Any

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMPMETA = "adobe:ns:meta/"
# The packet's fixed header and trailer (ISO 16684-1, 7.3.2); the identifier is the standard's.
_HEADER = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_TRAILER = '\n<?xpacket end="w"?>'


def repair_xmp(pdf: bytes) -> bytes:
    """Return the PDF with its XMP metadata rewritten; nothing else of it changes. Raises `ValueError` without XMP."""
    # Imported lazily: heavy libraries that only invoicing needs.
    from pypdf import PdfReader, PdfWriter  # noqa: PLC0415

    reader = PdfReader(io.BytesIO(pdf))
    metadata: Any = reader.root_object.get("/Metadata")
    if metadata is None:
        raise ValueError("the PDF has no XMP metadata to repair")
    writer = PdfWriter(clone_from=reader)
    writer.pdf_header = reader.pdf_header
    writer.xmp_metadata = rewrite_packet(metadata.get_object().get_data())
    repaired = io.BytesIO()
    writer.write(repaired)
    return repaired.getvalue()


def rewrite_packet(packet: bytes) -> bytes:
    """Return an XMP packet whose `rdf:RDF` declares all namespaces, with `rdf:about` on each description."""
    from lxml import etree  # noqa: PLC0415

    source = etree.fromstring(packet).find(f"{{{_RDF}}}RDF")
    if source is None:
        raise ValueError("the XMP packet has no rdf:RDF")
    namespaces = {
        prefix: uri for prefix, uri in source.nsmap.items() if prefix not in ("x", "xml") and prefix is not None
    }
    root = etree.Element(f"{{{_XMPMETA}}}xmpmeta", nsmap={"x": _XMPMETA})
    target = etree.SubElement(root, f"{{{_RDF}}}RDF", nsmap=namespaces)
    for description in list(source):
        description.set(f"{{{_RDF}}}about", "")
        target.append(description)
    body = etree.tostring(root, encoding="unicode", pretty_print=True).strip()
    return f"{_HEADER}{body}{_TRAILER}".encode()
