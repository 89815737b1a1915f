"""A roll-over of certificate and TLSA, as mail servers see it that verify all the while."""
import hashlib
import subprocess
import time

import pytest

import clients
import dane_lab
from lab import until


class Certificate:
    """Self-signed: DANE-EE asks for no more."""

    def __init__(self, folder, name):
        self.path = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"

        def openssl(*words, stdin=None):
            return subprocess.run(["openssl", *map(str, words)], input=stdin, check=True,
                                  capture_output=True, timeout=30).stdout
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-days", 2, "-subj", f"/CN={dane_lab.HOST}", "-keyout", self.key,
                "-out", self.path)
        public = openssl("x509", "-in", self.path, "-noout", "-pubkey")
        der = openssl("pkey", "-pubin", "-outform", "der", stdin=public)
        self.tlsa = f"3 1 1 {hashlib.sha256(der).hexdigest()}"


@pytest.fixture(scope="module")
def lab(tmp_path_factory, request):
    one = dane_lab.DaneLab(tmp_path_factory.mktemp("dane"))
    postfix = dane_lab.Postfix(one.folder / "postfix")
    request.config.__dict__.setdefault("_open_labs", []).append(one)
    one.start_all(postfix)
    yield one
    request.config.__dict__["_open_labs"].remove(one)
    one.stop()


def update(lab, tmp_path, *changes):
    done = clients.nsupdate(tmp_path, lab.gateway.port, lab.gateway.key(dane_lab.HOST),
                            *(change.format(lab.owner) for change in changes))
    assert done.returncode == 0, done.stdout


def test_the_simple_way_breaks(lab, tmp_path):
    """The RRset replaced at deployment: who keeps the old one cannot send mail. What is
    asked of a roll-over below is not given by itself."""
    old, new = (Certificate(tmp_path, name) for name in ("old", "new"))
    serial = lab.primary.serial(dane_lab.STATIC)
    update(lab, tmp_path, f"update add {{}} {dane_lab.TTL} TLSA {old.tlsa}")
    lab.postfix.install(old.path, old.key)
    lab.add(lab.postfix)
    time.sleep(dane_lab.TTL)
    with lab.prober() as prober:
        until(lambda: prober.held >= 20, 15, "the prober connects")
        assert prober.failed == 0, prober.texts
        update(lab, tmp_path, "update delete {} TLSA",
               f"update add {{}} {dane_lab.TTL} TLSA {new.tlsa}")
        lab.postfix.install(new.path, new.key)
        lab.postfix.reload()
        until(lambda: prober.failed > 0, 15, "DANE fails")
        before = prober.held
        until(lambda: prober.held >= before + 20, 15, "caches learn")
    assert lab.primary.serial(dane_lab.STATIC) == serial
