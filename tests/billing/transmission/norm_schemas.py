"""XSDs and schematrons of the norm that no package ships, from the directory that `PEPS_NORM_SCHEMAS` names.

FNFE-MPE publishes those of CDAR (« France_RFE », folder CDAR), DGFiP those of e-reporting (external specifications).
The directory has `cdar_xsd/`, `BR-FR-CDV-Schematron-CDAR.xslt` and `ereporting_xsd/`.
"""

import os
import re
from pathlib import Path

import pytest
from lxml import etree

from tests.billing.schematron import list_failures

_DIRECTORY = os.environ.get("PEPS_NORM_SCHEMAS", "")
_CDAR_XSD = "cdar_xsd/CrossDomainAcknowledgementAndResponse_100pD22B.xsd"
_CDAR_RULES = "BR-FR-CDV-Schematron-CDAR.xslt"
_REPORT_XSD = "ereporting_xsd/ereporting.xsd"

needs_norm_schemas = pytest.mark.skipif(
    not _DIRECTORY, reason="PEPS_NORM_SCHEMAS names no directory with the norm's schemas, which no package ships"
)


def list_cdar_violations(xml: bytes) -> list[str]:
    """Return what CDAR's XSD and the French rules of life-cycle messages (BR-FR-CDV) refuse."""
    return _list_xsd_violations(_CDAR_XSD, xml) + list_failures(Path(_DIRECTORY, _CDAR_RULES), xml.decode())


def list_report_violations(xml: bytes) -> list[str]:
    """Return what the XSD of e-reporting refuses."""
    return _list_xsd_violations(_REPORT_XSD, xml)


def _list_xsd_violations(name: str, xml: bytes) -> list[str]:
    schema = etree.XMLSchema(file=str(Path(_DIRECTORY, name)))
    return [] if schema.validate(etree.fromstring(xml)) else [re.sub(r"\s+", " ", str(e)) for e in schema.error_log]
