"""django-unfold's settings: the frame of the back office."""

from __future__ import annotations

from typing import Any

#: `UNFOLD`. Functions are named by their path: no app is loaded yet when the settings are read.
BACK_OFFICE: dict[str, Any] = {
    "SITE_TITLE": "Pep's – exploitation",
    "SITE_HEADER": "Pep's – exploitation",
    "SITE_URL": "/",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    # Light: the only theme whose contrasts the browser tests check.
    "THEME": "light",
    "STYLES": ["sites.back_office.navigation.get_stylesheet_url"],
    "SCRIPTS": ["sites.back_office.navigation.get_script_url"],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "sites.back_office.navigation.build_sidebar",
    },
}
