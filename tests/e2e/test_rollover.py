"""A roll-over of certificate and TLSA, as mail servers see it that verify all the while."""
import time

import pytest

import clients
from dane_lab import HOST, STATIC, TTL, Certificate, Postfix
from lab import until


@pytest.fixture(scope="module")
def postfix(dane_lab):
    return Postfix(dane_lab.folder / "postfix")


@pytest.fixture(scope="module")
def lab(dane_lab, postfix):
    dane_lab.start_all([postfix.port])
    return dane_lab


def update(lab, tmp_path, *changes):
    done = clients.nsupdate(tmp_path, lab.gateway.port, lab.gateway.key(HOST), *changes)
    assert done.returncode == 0, done.stdout


def test_the_simple_way_breaks(lab, postfix, tmp_path):
    """The RRset replaced at deployment: who keeps the old one cannot send mail. What is
    asked of a roll-over below is not given by itself."""
    old, new = (Certificate(tmp_path, name) for name in ("old", "new"))
    owner = f"_{postfix.port}._tcp.{HOST}"
    serial = lab.primary.serial(STATIC)
    update(lab, tmp_path, f"update add {owner} {TTL} TLSA {old.tlsa}")
    old.install(postfix)
    lab.add(postfix)
    time.sleep(TTL)
    with lab.prober(postfix.port) as prober:
        until(lambda: prober.held >= 20, 15, "the prober connects")
        assert prober.failed == 0, prober.texts
        update(lab, tmp_path, f"update delete {owner} TLSA",
               f"update add {owner} {TTL} TLSA {new.tlsa}")
        new.install(postfix)
        postfix.reload()
        until(lambda: prober.failed > 0, 15, "DANE fails")
        before = prober.held
        until(lambda: prober.held >= before + 20, 15, "caches learn")
    assert lab.primary.serial(STATIC) == serial
