"""The zone of a school's holidays, by its département or else its académie. Pure."""

from __future__ import annotations

from schools.folding import fold
from schools.models import HolidayZone

_A, _B, _C = HolidayZone.A, HolidayZone.B, HolidayZone.C
#: Départements of the metropolitan zones; the académies that share a line are of one zone.
_DEPARTEMENTS = {
    _A: (
        # Besançon, Bordeaux, Clermont-Ferrand, Dijon
        "025 039 070 090 024 033 040 047 064 003 015 043 063 021 058 071 089 "
        # Grenoble, Limoges, Lyon, Poitiers
        "007 026 038 073 074 019 023 087 001 042 069 016 017 079 086"
    ),
    _B: (
        # Aix-Marseille, Amiens, Lille, Nancy-Metz, Nantes, Nice
        "004 005 013 084 002 060 080 059 062 054 055 057 088 044 049 053 072 085 006 083 "
        # Normandie, Orléans-Tours, Reims, Rennes, Strasbourg
        "014 027 050 061 076 018 028 036 037 041 045 008 010 051 052 022 029 035 056 067 068"
    ),
    # Créteil, Montpellier, Paris, Toulouse, Versailles
    _C: "077 093 094 011 030 034 048 066 075 009 012 031 032 046 065 081 082 078 091 092 095",
    HolidayZone.CORSE: "02A 02B",
    # Saint-Barthélemy and Saint-Martin are of its académie.
    HolidayZone.GUADELOUPE: "971 977 978",
    HolidayZone.MARTINIQUE: "972",
    HolidayZone.GUYANE: "973",
    HolidayZone.REUNION: "974",
    HolidayZone.SAINT_PIERRE: "975",
    HolidayZone.MAYOTTE: "976",
    HolidayZone.WALLIS: "986",
    HolidayZone.POLYNESIE: "987",
    HolidayZone.NOUVELLE_CALEDONIE: "988",
}
#: Zone by code of département, as the directory writes it: `030`, `02A`, `974`.
ZONE_OF_DEPARTEMENT = {code: zone for zone, codes in _DEPARTEMENTS.items() for code in codes.split()}
_ACADEMIES = {
    _A: "besancon|bordeaux|clermont ferrand|dijon|grenoble|limoges|lyon|poitiers",
    _B: (
        "aix marseille|amiens|lille|nancy metz|nantes|nice|normandie|caen|rouen|orleans tours|reims|rennes|strasbourg"
    ),
    _C: "creteil|montpellier|paris|toulouse|versailles",
    HolidayZone.CORSE: "corse",
    HolidayZone.GUADELOUPE: "guadeloupe",
    HolidayZone.MARTINIQUE: "martinique",
    HolidayZone.GUYANE: "guyane",
    HolidayZone.REUNION: "la reunion|reunion",
    HolidayZone.SAINT_PIERRE: "saint pierre et miquelon",
    HolidayZone.MAYOTTE: "mayotte",
    HolidayZone.WALLIS: "wallis et futuna",
    HolidayZone.POLYNESIE: "polynesie francaise|polynesie",
    HolidayZone.NOUVELLE_CALEDONIE: "nouvelle caledonie",
}
ZONE_OF_ACADEMIE = {name: zone for zone, names in _ACADEMIES.items() for name in names.split("|")}


def find_zone(departement_code: str, academie: str = "") -> HolidayZone | None:
    """Return the zone of a school, None where neither its département nor its académie is known."""
    return ZONE_OF_DEPARTEMENT.get(departement_code) or ZONE_OF_ACADEMIE.get(fold(academie))
