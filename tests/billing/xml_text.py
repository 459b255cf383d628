"""The texts of an invoice's XML, by a path of names without their namespaces."""

from lxml import etree


def xml_texts(xml: str, path: str) -> list[str]:
    """Return the texts at a path of local names: `BuyerTradeParty/GlobalID`."""
    steps = "/".join(f"*[local-name()='{step}']" for step in path.split("/"))
    return [node.text for node in etree.fromstring(xml.encode()).xpath(f"//{steps}")]
