"""A server without the assets of its release does not start, and says which command collects them."""

import functools
import json

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.http import HttpResponse
from django.test import override_settings
from whitenoise import compress

from web import assets
from web.assets import AssetsMiddleware, HashedAssets

STORAGES = {"staticfiles": {"BACKEND": "web.assets.HashedAssets"}}
STYLE = "web/peps.css"


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """The folder into which the assets were collected."""
    folder = tmp_path_factory.mktemp("static")
    with pytest.MonkeyPatch.context() as patch, override_settings(STATIC_ROOT=folder, STORAGES=STORAGES):
        # Compression is irrelevant here: the lowest takes a tenth of the time.
        patch.setattr(compress.brotli, "compress", functools.partial(compress.brotli.compress, quality=0))
        call_command("collectstatic", interactive=False, verbosity=0)
    return folder


def list_stale(folder):
    return assets.list_stale_assets(HashedAssets(location=folder))


@pytest.mark.slow
def test_collected_assets_are_those_of_this_release(collected):
    assert list_stale(collected) == []


def test_no_assets_at_all_are_all_missing(tmp_path):
    assert STYLE in list_stale(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("content", ["body { color: red }", None])
def test_a_file_of_another_release_is_named(collected, content):
    style = collected / STYLE
    kept = style.read_bytes()
    try:
        style.unlink() if content is None else style.write_text(content, encoding="utf-8")
        assert list_stale(collected) == [STYLE]
    finally:
        style.write_bytes(kept)


def test_a_file_that_the_manifest_does_not_know_is_named(collected):
    manifest = collected / "staticfiles.json"
    kept = manifest.read_text(encoding="utf-8")
    try:
        content = json.loads(kept)
        del content["paths"][STYLE]
        manifest.write_text(json.dumps(content), encoding="utf-8")
        assert list_stale(collected) == [STYLE]
    finally:
        manifest.write_text(kept, encoding="utf-8")


def test_only_a_server_refuses_to_start_and_names_the_command(settings, monkeypatch, tmp_path):
    monkeypatch.setitem(assets.refuse_stale_assets.__globals__, "staticfiles_storage", HashedAssets(location=tmp_path))
    assets.refuse_stale_assets()
    assert assets.check_assets(None) == []
    settings.PRODUCTION = True
    with pytest.raises(ImproperlyConfigured, match=r"are not collected .* run manage\.py collectstatic --no-input"):
        assets.refuse_stale_assets()
    assert [error.id for error in assets.check_assets(None)] == ["peps.E022"]


def test_a_collected_file_is_found_when_it_is_asked_for_and_nothing_beside_its_folder(settings, tmp_path, rf):
    settings.STATIC_ROOT, settings.WHITENOISE_USE_FINDERS = tmp_path / "static", False
    settings.STATIC_ROOT.mkdir()
    middleware = AssetsMiddleware(lambda _request: HttpResponse(status=404))
    (settings.STATIC_ROOT / "mark.svg").write_text("<svg/>", encoding="utf-8")
    (tmp_path / "beside.txt").write_text("", encoding="utf-8")

    asked = ("/static/mark.svg", "/static/rien.svg", "/static/../beside.txt", "/static/", "/mark.svg")
    answers = [middleware(rf.head("/", PATH_INFO=path)) for path in asked]

    assert [answer.status_code for answer in answers] == [200, 404, 404, 404, 404]
    assert list(middleware.files) == ["/static/mark.svg"]
