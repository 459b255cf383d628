"""The cells of an installation that has several: `MARK:domain:name`, with commas between."""

import re
from itertools import permutations

from django.core.exceptions import ImproperlyConfigured

from config import env
from core.cells import Cell, CellMap
from core.start_checks import is_domain

_MARK = re.compile(r"[A-Z]{2}")


def read_cells(base_domain: str) -> CellMap:
    """Return the cells; this one is that of `base_domain`. Raises `ImproperlyConfigured`."""
    cells = [_read(item) for item in env.items("CELLS")]
    if not cells:
        return CellMap()
    here = [cell for cell in cells if cell.domain == base_domain]
    if len(here) != 1:
        raise ImproperlyConfigured(f"CELLS must have one cell whose domain is BASE_DOMAIN, {base_domain}.")
    for one, other in permutations(cells, 2):
        if one.mark == other.mark or one.name == other.name or f".{one.domain}".endswith(f".{other.domain}"):
            raise ImproperlyConfigured(
                f"CELLS: {one.domain} and {other.domain} have the same letters or name, or one lies below the other."
            )
    return CellMap(here[0], tuple(cell for cell in cells if cell.domain != base_domain))


def _read(item: str) -> Cell:
    mark, _, rest = item.partition(":")
    domain, _, name = rest.partition(":")
    if not (_MARK.fullmatch(mark) and is_domain(domain) and name.strip()):
        raise ImproperlyConfigured(
            f"CELLS must be items such as OC:occitanie.peps.example:Occitanie, two capitals first, not {item!r}."
        )
    return Cell(mark, domain, name.strip())
