"""Static files: a fixed list, hashed in production, without broken references."""

import functools
import json
import re

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import override_settings
from whitenoise import compress

from web.assets import PackagedAssets


def test_only_listed_files_are_served():
    finder = PackagedAssets()
    assert finder.find("bootstrap/css/bootstrap.min.css")
    assert finder.find("htmx/htmx.min.js")
    assert not finder.find("bootstrap/js/bootstrap.min.js")
    assert not finder.find("htmx/../../../manage.py")
    assert {name for name, _ in finder.list(None)} == {
        "css/bootstrap.min.css",
        "htmx.min.js",
        "andika-latin-400-normal.woff2",
        "andika-latin-700-normal.woff2",
        "atkinson-hyperlegible-next-latin-wght-normal.woff2",
        "atkinson-hyperlegible-next-latin-ext-wght-normal.woff2",
        *(path.name for path in (settings.ROOT / "docs" / "images").glob("*.png")),
    }


@pytest.mark.parametrize(
    "path",
    [
        "web/tokens.css",
        "web/peps.css",
        "web/frame.css",
        "web/office.css",
        "web/peps.js",
        "web/password-reveal.js",
        "web/icon.svg",
        "bootstrap/css/bootstrap.min.css",
    ],
)
def test_files_used_by_the_base_template_exist(path):
    assert finders.find(path)


def test_our_scripts_write_texts_and_run_nothing_that_they_were_given():
    writing = re.compile(
        r"innerHTML|outerHTML ?=|document\.write|\beval\(|new Function|createContextualFragment|__proto__"
        r"|insertAdjacentHTML\((?!\"beforeend\", '[^'$]*'\))"
        r"|window\.postMessage|(?<!tabs\.)addEventListener\(\"message\""
    )
    scripts = [path for name in ("platform/web", "sites/help") for path in (settings.ROOT / name).rglob("*.js")]
    assert len(scripts) > 15
    assert [f"{path.name}: {found}" for path in scripts for found in writing.findall(path.read_text("utf-8"))] == []


@pytest.mark.slow
def test_collectstatic_hashes_everything_and_references_no_source_map(tmp_path, monkeypatch):
    # Compression level is irrelevant here: the lowest takes a tenth of the time.
    monkeypatch.setattr(compress.brotli, "compress", functools.partial(compress.brotli.compress, quality=0))
    storages = {"staticfiles": {"BACKEND": "web.assets.HashedAssets"}}
    with override_settings(STATIC_ROOT=tmp_path, STORAGES=storages):
        call_command("collectstatic", interactive=False, verbosity=0)
    hashed = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    style = tmp_path / hashed["bootstrap/css/bootstrap.min.css"]
    assert "sourceMappingURL" not in style.read_text()
    assert style.with_name(style.name + ".br").exists()
    assert not list((tmp_path / "bootstrap").rglob("*.map"))
