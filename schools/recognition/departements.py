"""Codes of the départements by name: « Gard » is `030`. Data only."""

from __future__ import annotations

from typing import Final

_METROPOLITAN = """
    ain, aisne, allier, alpes de haute provence, hautes alpes, alpes maritimes, ardeche, ardennes, ariege, aube,
    aude,
    aveyron, bouches du rhone, calvados, cantal, charente, charente maritime, cher, correze, -, cote d or,
    cotes d armor,
    creuse, dordogne, doubs, drome, eure, eure et loir, finistere, gard, haute garonne, gers, gironde, herault,
    ille et vilaine, indre, indre et loire, isere, jura, landes, loir et cher, loire, haute loire, loire atlantique,
    loiret, lot, lot et garonne, lozere, maine et loire, manche, marne, haute marne, mayenne, meurthe et moselle, meuse,
    morbihan, moselle, nievre, nord, oise, orne, pas de calais, puy de dome, pyrenees atlantiques, hautes pyrenees,
    pyrenees orientales, bas rhin, haut rhin, rhone, haute saone, saone et loire, sarthe, savoie, haute savoie, paris,
    seine maritime, seine et marne, yvelines, deux sevres, somme, tarn, tarn et garonne, var, vaucluse, vendee, vienne,
    haute vienne, vosges, yonne, territoire de belfort, essonne, hauts de seine, seine saint denis, val de marne,
    val d oise
"""

#: Directory code by folded name.
CODES: Final = {
    name: f"{number:03d}" for number, name in enumerate((each.strip() for each in _METROPOLITAN.split(",")), 1)
} | {
    "corse du sud": "02A", "haute corse": "02B", "guadeloupe": "971", "martinique": "972", "guyane": "973",
    "la reunion": "974", "reunion": "974", "saint pierre et miquelon": "975", "mayotte": "976",
    "saint barthelemy": "977", "saint martin": "978", "wallis et futuna": "986", "polynesie francaise": "987",
    "nouvelle caledonie": "988",
}  # fmt: skip
