"""tsigate-tlsa rollover without a network: what it refuses, and what it says of a state."""
import json
import os
import subprocess

import pytest

from test_tlsa import TLSA, Authority

NAME = "mx1.example.org"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = Authority(tmp_path_factory.mktemp("ca"))
    made.issue("one", names=[NAME])
    made.issue("two", names=[NAME])
    return made


class Site:
    def __init__(self, folder, authority):
        self.folder = folder
        self.conf = folder / "deploy.conf"
        self.state = folder / "state"
        self.write(authority.folder / "one.pem", authority.folder / "one.key")

    def write(self, certificate, key, tlsa=""):
        self.conf.write_text(f"""state = "state";
certificates = ( {{ name = "mx1"; certificate = "{certificate}"; key = "{key}"; {tlsa}
    consumers = ( {{ name = "postfix";
        files = ( {{ format = "fullchain"; path = "cert.pem"; }} ); }} ); }} );
""")
        self.conf.chmod(0o644)

    def rollover(self, *words):
        return subprocess.run([TLSA, "rollover", "--deploy-conf", self.conf, *map(str, words)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60)


@pytest.fixture
def site(tmp_path, authority):
    return Site(tmp_path, authority)


@pytest.mark.parametrize("words, said", [
    (["--wait", "--dry-run"], "one of --wait, --dry-run and --status"),
    (["--status", "--wait"], "one of --wait, --dry-run and --status"),
    (["--ns-port", "0"], "expected a port"),
    (["--ns-port", "x"], "expected a port"),
    (["mx2"], 'has no certificate "mx2"'),
    (["--frobnicate"], "usage: tsigate-tlsa rollover"),
])
def test_called_wrongly(site, words, said):
    done = site.rollover(*words)
    assert (done.returncode, done.stdout) == (2, "") and said in done.stderr
    assert not site.state.exists()


def test_no_deploy_conf(site):
    site.conf.unlink()
    done = site.rollover()
    assert done.returncode == 3 and str(site.conf) in done.stderr


def test_without_tlsa_it_deploys_at_once(site, authority):
    done = site.rollover("--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["mx1: a new certificate", "mx1: would be deployed to postfix"]
    assert not site.state.exists() and not (site.folder / "cert.pem").exists()
    done = site.rollover()
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.endswith("mx1: done\n")
    assert (site.folder / "cert.pem").read_bytes() == (authority.folder / "one.pem").read_bytes()
    done = site.rollover()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_somebody_changed_is_put_right(site, authority):
    assert site.rollover().returncode == 0
    (site.folder / "cert.pem").write_text("")
    assert "mx1: deployed to postfix" in site.rollover().stdout
    assert (site.folder / "cert.pem").read_bytes() == (authority.folder / "one.pem").read_bytes()


def test_a_key_of_another_certificate(site, authority):
    site.write(authority.folder / "one.pem", authority.folder / "two.key")
    done = site.rollover()
    assert done.returncode == 3 and "not the key of the certificate" in done.stderr
    assert not (site.folder / "cert.pem").exists()


def test_a_server_is_wanted_where_something_is_published(site, authority):
    """Nothing answers at the resolver's port: an error outside, and nothing is deployed."""
    site.write(authority.folder / "one.pem", authority.folder / "one.key",
               f'tlsa = ( {{ name = "{NAME}"; ports = [ "25/tcp" ]; }} );')
    done = site.rollover("--resolver", "127.0.0.1:1", "--server", "127.0.0.1:1")
    assert done.returncode == 4 and "127.0.0.1:1" in done.stderr
    assert not (site.folder / "cert.pem").exists()
    assert 'step = "publish"' in (site.state / "mx1.rollover").read_text()
    done = site.rollover("--status")
    assert (done.returncode, done.stdout) == (
        0, "mx1: publish: the new records are being published\n")


def test_deploy_leaves_it_alone(site, authority):
    """What has records is deployed when these are known, or on the operator's word."""
    site.write(authority.folder / "one.pem", authority.folder / "one.key",
               f'tlsa = ( {{ name = "{NAME}"; ports = [ "25/tcp" ]; }} );')
    deploy = [TLSA, "deploy", "--deploy-conf", site.conf]
    done = subprocess.run(deploy, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "so rollover deploys it" in done.stderr
    assert not (site.folder / "cert.pem").exists()
    subprocess.run([*deploy, "mx1"], check=True, timeout=60)
    assert (site.folder / "cert.pem").exists()


def test_status_before_there_is_any(site):
    done = site.rollover("--status")
    assert (done.returncode, done.stdout) == (0, "mx1: none: no roll-over yet\n")
    done = site.rollover("--status", "--json")
    assert json.loads(done.stdout) == {"certificates": [{
        "certificate": "mx1", "step": None, "waits_for": None, "until": None, "retired": 0,
        "failed": False}]}
    assert not site.state.exists()


@pytest.mark.parametrize("cut", [0, 1, 200, -3])
def test_a_state_that_was_cut_off(site, cut):
    """Never a guess, and never a reason to touch anything."""
    assert site.rollover().returncode == 0
    path = site.state / "mx1.rollover"
    path.write_text(path.read_text()[:cut])
    (site.folder / "cert.pem").unlink()
    for words in ((), ("--status",), ("--dry-run",)):
        done = site.rollover(*words)
        assert done.returncode == 3 and f"{path}: cut off, or not written" in done.stderr
    assert not (site.folder / "cert.pem").exists()
    path.unlink()  # as it says
    assert site.rollover().returncode == 0 and (site.folder / "cert.pem").exists()


def test_a_state_that_others_can_read(site):
    assert site.rollover().returncode == 0
    site.state.chmod(0o755)
    done = site.rollover()
    assert done.returncode == 4 and "chmod 0700" in done.stderr


def test_lineage(site, authority, tmp_path):
    """Of a hook: a folder, by whatever path."""
    link = tmp_path / "link"
    os.symlink(authority.folder, link)
    done = site.rollover("--lineage", tmp_path)
    assert done.returncode == 0 and "has no certificate in" in done.stderr
    assert not site.state.exists()
    assert site.rollover("--lineage", f"{link}/").stdout.endswith("mx1: done\n")
