"""What every test gets: virtual time on request, no leftover tasks, no silent skips in CI.

Mark a test, a class or a module (``pytestmark = pytest.mark.virtual``) to run its async tests and
fixtures on a virtual clock; unmarked async tests run in real time.
"""

import asyncio
import os
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import settings
from threadpoolctl import threadpool_limits

from simulators.virtualtime import VirtualTimeLoop

HERE = Path(__file__).parent
# folders that are not traced for coverage: whole days, every driver at once, bytes at random, pages and
# benchmarks. Whatever lines they run, the tests of the parts run as well, and tracing makes them two to
# three times as long.
UNTRACED = ("benchmarks", "campaigns", "contract", "docs", "fuzz")
REQUIRE_ALL = os.environ.get("TAYLORD_REQUIRE_ALL") == "1"

# a busy machine is no fault of the code; what lands is decided by the same examples everywhere
settings.register_profile("taylord", deadline=None, derandomize=REQUIRE_ALL)
settings.load_profile("taylord")


def pytest_configure(config):
    config.addinivalue_line("markers", "virtual: run on a clock that jumps from timer to timer")


def pytest_asyncio_loop_factories(config, item):
    if item.get_closest_marker("virtual") or "virtual" in item.fixturenames:
        return {"virtual": VirtualTimeLoop}
    return {"real": asyncio.new_event_loop}


@pytest.fixture
async def virtual():
    """The virtual loop itself; asking for it makes the test run on it."""
    return asyncio.get_running_loop()


@pytest.fixture(autouse=True)
def _no_leftover_tasks(request):
    """Fail a test that leaves a task running after its fixtures have cleaned up."""
    if not pytest_asyncio.is_async_test(request.node):
        yield
        return
    loop = request.getfixturevalue("_function_scoped_runner").get_loop()
    yield
    left = sorted(f"{task.get_name()}: {task.get_coro()}" for task in asyncio.all_tasks(loop))
    assert not left, f"tasks left running: {'; '.join(left)}"


def _require(report):
    """Turn a skip into a failure where everything must be present (TAYLORD_REQUIRE_ALL=1).

    The public data are never required: they are not part of the project.
    """
    if (
        report.skipped
        and "public data" not in str(report.longrepr)
        and REQUIRE_ALL
        and not hasattr(report, "wasxfail")
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped although TAYLORD_REQUIRE_ALL=1: {report.longrepr}"
    return report


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.relative_to(HERE).parts[0] in UNTRACED:
            item.add_marker(pytest.mark.no_cover)


def pytest_collection_finish():
    """Compute on one thread, now that all numerics are loaded: small matrices make more of them wait.

    In this process only: those that tests start have what a user's have.
    """
    threadpool_limits(1)


@contextmanager
def _traced_or_not(item):
    """Let tests marked ``no_cover`` run untraced also where several processes share the tests.

    There pytest-cov stops one tracer of two, and the other one costs as much; and it traces what
    their fixtures do.
    """
    tracer = sys.gettrace() if item.get_closest_marker("no_cover") else None
    if tracer is None:
        yield
        return
    of_threads = threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        yield
    finally:
        threading.settrace(of_threads)
        sys.settrace(tracer)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item):
    with _traced_or_not(item):
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item):
    with _traced_or_not(item):
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item):
    with _traced_or_not(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return _require((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return _require((yield))
