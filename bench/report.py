"""« Rapport pour le conseil » of an office with 10,000 allocations and 60 weeks, in a country of 200,000 other keys."""

from bench.measure import MeasureGroup
from bench.office_home import create_year, measure_page, sign_in_viewer
from bench.registry import measure

MAX_QUERIES, MAX_S = 20, 0.600


@measure("report")
def report() -> MeasureGroup:
    """The page of a viewer: three counts of all allocations, the weeks, and the first fifty schools."""
    office = create_year()
    browser = sign_in_viewer(office)
    page = measure_page(office, browser, "report", "/rapport/", max_queries=MAX_QUERIES, max_s=MAX_S)
    return MeasureGroup("report", (page,))
