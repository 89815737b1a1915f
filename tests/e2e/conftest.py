"""Fixtures. `lab` is shared by a module and left as it was found by each test, which is
checked; a test that breaks things takes `fresh_lab`."""
import pytest

import lab as laboratory
from dane_lab import DaneLab


def _open_labs(config):
    return config.__dict__.setdefault("_open_labs", [])


@pytest.fixture(scope="module")
def new_lab(tmp_path_factory, request):
    """Make laboratories that are stopped at the end of the module."""
    made = []

    def make():
        made.append(laboratory.Lab(tmp_path_factory.mktemp("lab")))
        _open_labs(request.config).append(made[-1])
        return made[-1]

    yield make
    for one in made:
        _open_labs(request.config).remove(one)
    for one in made:
        one.stop()


@pytest.fixture(scope="module")
def module_lab(new_lab):
    shared = new_lab()
    shared.start_primary()
    shared.start_gateway()
    return shared


@pytest.fixture(scope="module")
def authority(module_lab):
    return module_lab.start_authority()


@pytest.fixture
def resolver(module_lab, authority):
    return next(program for program in module_lab.programs if program.name == "resolver")


@pytest.fixture
def lab(module_lab):
    """A running primary and gateway; no record and no change of a static zone stays."""
    primary = module_lab.primary
    static = primary.serial(laboratory.STATIC)
    yield module_lab
    assert module_lab.gateway.alive, module_lab.gateway.tail(60)
    assert primary.serial(laboratory.STATIC) == static, "the static zone was changed"
    for zone in (laboratory.SHADOW, laboratory.DYNAMIC):
        left = primary.records(zone)
        if left:
            primary.wipe(zone)
        assert left == set(), f"records stay behind in {zone}"


@pytest.fixture
def gateway(lab):
    return lab.gateway


@pytest.fixture
def primary(lab):
    return lab.primary


@pytest.fixture
def fresh_lab(tmp_path, request):
    """A laboratory of one test's own, with nothing started yet."""
    own = laboratory.Lab(tmp_path)
    _open_labs(request.config).append(own)
    yield own
    _open_labs(request.config).remove(own)
    own.stop()


@pytest.fixture(scope="module")
def dane_lab(tmp_path_factory, request):
    """Signed zones, and what else dane_lab.py has; nothing started yet."""
    own = DaneLab(tmp_path_factory.mktemp("dane"))
    _open_labs(request.config).append(own)
    yield own
    _open_labs(request.config).remove(own)
    own.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure shows where the logs lie and how they end."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for one in _open_labs(item.config):
            for path, text in one.tails():
                report.sections.append((path, text))
