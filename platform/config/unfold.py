"""django-unfold's settings: the frame of the back office."""

from __future__ import annotations

from typing import Any

#: Shades of the one blue of `web/tokens.css`, from the palest.
BLUES = {
    "50": "#f1f5fb",
    "100": "#e5edf8",
    "200": "#c8d8ef",
    "300": "#9dbbe2",
    "400": "#6895d0",
    "500": "#3f78bf",
    "600": "#1f4e96",
    "700": "#1b4484",
    "800": "#163a73",
    "900": "#12305f",
    "950": "#0b1f3f",
}

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
    "SITE_ICON": "sites.back_office.navigation.get_icon_url",
    "COLORS": {"primary": BLUES},
    "STYLES": ["sites.back_office.navigation.get_stylesheet_url"],
    "SCRIPTS": ["sites.back_office.navigation.get_script_url"],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "sites.back_office.navigation.build_sidebar",
    },
}
