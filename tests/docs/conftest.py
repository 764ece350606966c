"""Packages of the documents, installed for one test."""

import importlib
import sys
from functools import partial

import pytest

import daemon.plugins
import drivers.registry
import planners.registry
from tests.docs.blocks import write_package

CACHES = (daemon.plugins._installed, drivers.registry._entry_points, planners.registry._points)


def _forget(own):
    for cache in CACHES:
        cache.cache_clear()
    for module in [m for m in sys.modules if m.partition(".")[0] in own]:
        del sys.modules[module]
    importlib.invalidate_caches()


@pytest.fixture
def install(tmp_path, monkeypatch, request):
    """Return what installs the package of a document, for this process and its children."""

    def installed(document):
        folder = tmp_path / document.partition(".")[0]
        folder.mkdir()
        write_package(document, folder)
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
        own = {path.name for path in folder.iterdir() if path.is_dir()}
        _forget(own)
        request.addfinalizer(partial(_forget, own))
        return folder

    return installed
