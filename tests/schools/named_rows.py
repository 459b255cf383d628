"""Schools of every kind by name, and rows of a list that name one, for the tests of the recognition."""

from schools.recognition import SchoolReference, SearchScope
from schools.recognition.pipeline import recognise
from tests.factories.schools import SchoolFactory

NOWHERE = SearchScope(frozenset(), frozenset())


def school(name, **fields):
    """Create the school that its name describes: its type, nature, levels and sector."""
    if "maternelle" in name:
        fields |= {"has_nursery": True, "has_elementary": False}
    elif "primaire" in name:
        fields |= {"has_nursery": True, "has_elementary": True}
    elif not name.startswith("École"):
        kind = name.split()[0]
        fields = {"type": kind, "nature": kind.upper(), "has_nursery": None, "has_elementary": None} | fields
    return SchoolFactory(name=name, **({"sector": "Privé"} if "privé" in name else {}), **fields)


def one(name, commune="", scope=NOWHERE, **cells):
    """Return the result of a list of one row."""
    [found] = recognise([SchoolReference(1, name=name, commune=commune, **cells)], scope).values()
    return found


def likeliest(found):
    """Return the UAI of a result, else the first that it proposes, "" if none."""
    return found.uai or next((proposal.uai for proposal in found.proposals), "")


def proposed(found):
    """Return the proposed UAI of a result."""
    return {proposal.uai for proposal in found.proposals}
