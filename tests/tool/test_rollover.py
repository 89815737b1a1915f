"""tsigate-tlsa rollover without a network: what it refuses, and what it says of a state."""
import json
import os
import re
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
    (["--wait", "--dry-run"], "one of --wait, --dry-run, --status and --clean"),
    (["--status", "--wait"], "one of --wait, --dry-run, --status and --clean"),
    (["--clean", "--status"], "one of --wait, --dry-run, --status and --clean"),
    (["--clean", "--lineage", "/"], "takes names and no --lineage"),
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
    said = ["a new certificate",
            "would be deployed to postfix (which is believed: it has no probe)"]
    assert done.stdout.splitlines() == [f"mx1: {line}" for line in said]
    found = json.loads(site.rollover("--dry-run", "--json").stdout)["certificates"][0]
    assert (found["messages"], found["until"]) == (said, None)
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
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "mx1: publish: the new records are being published"
    assert re.fullmatch(r"mx1: failed at 20[-0-9T:]+Z: resolver 127.0.0.1:1, asked for .*: "
                        "Connection refused", lines[1]) and len(lines) == 2
    failure = json.loads(site.rollover("--status", "--json").stdout)["certificates"][0]["failure"]
    assert f'failed at {failure["time"]}: {failure["text"]}' in lines[1]


def test_deploy_leaves_it_alone(site, authority):
    """What has records is deployed when these are known, or on the operator's word."""
    site.write(authority.folder / "one.pem", authority.folder / "one.key",
               f'tlsa = ( {{ name = "{NAME}"; ports = [ "25/tcp" ]; }} );')
    deploy = [TLSA, "deploy", "--deploy-conf", site.conf]
    done = subprocess.run(deploy, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "so rollover deploys it" in done.stderr
    assert not (site.folder / "cert.pem").exists()
    done = subprocess.run([*deploy, "mx1"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "mx1 has `tlsa`: deployed at once" in done.stderr
    assert (site.folder / "cert.pem").exists()


def test_status_before_there_is_any(site):
    done = site.rollover("--status")
    assert (done.returncode, done.stdout) == (0, "mx1: none: no roll-over yet\n")
    done = site.rollover("--status", "--json")
    assert json.loads(done.stdout) == {"certificates": [{
        "certificate": "mx1", "step": None, "waits_for": None, "until": None, "retired": 0,
        "messages": [], "failed": False, "failure": None}], "left": []}
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


def test_why_the_last_run_failed(site, authority):
    """Told by --status until a run succeeds; also where there is no state yet."""
    site.write(authority.folder / "one.pem", site.folder / "none.key")
    assert site.rollover().returncode == 3
    said = site.rollover("--status").stdout
    assert said.startswith("mx1: none: no roll-over yet\nmx1: failed at 20")
    assert f"{site.folder}/none.key: No such file" in said
    site.write(authority.folder / "one.pem", authority.folder / "one.key")
    assert "failed at" in site.rollover("--status").stdout
    assert site.rollover().returncode == 0
    assert site.rollover("--status").stdout == "mx1: done: nothing is under way\n"


def test_a_failure_that_would_steer_a_terminal(site, authority):
    """What is shown again is what can be read."""
    site.write(authority.folder / "one.pem", authority.folder / "one.key")
    site.conf.write_text(site.conf.read_text().replace(
        "cert.pem\"; }", "cert.pem\"; owner = \"65533\"; }"))
    state = site.folder / "state"
    state.mkdir(mode=0o700)
    path = state / "mx1.failure"
    for text in ("", "x", "2026-11-25T00:00:00Z", "\0\0 \0", "a b\nc\n"):
        path.write_text(text)
        path.chmod(0o600)
        done = site.rollover("--status")
        assert done.returncode == 0 and "mx1: none" in done.stdout


def test_a_certificate_that_is_gone(site, authority):
    """Its copies stay until somebody says that they may go."""
    assert site.rollover().returncode == 0
    site.conf.write_text(site.conf.read_text().replace('name = "mx1"', 'name = "mx2"'))
    assert site.rollover().returncode == 0
    done = site.rollover("--status")
    assert (done.returncode, done.stdout.splitlines()) == (0, [
        "mx2: done: nothing is under way", "mx1: stands in deploy.conf no more",
        'mx1: "tsigate-tlsa rollover --clean mx1" takes away what is left over'])
    assert (site.state / "mx1.new.key").exists()
    done = site.rollover("--clean", "mx3")
    assert done.returncode == 2 and 'has a certificate "mx3"' in done.stderr
    for words in (["mx2"], ["mx1"], []):
        done = site.rollover("--clean", *words)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert (site.state / "mx1.new.key").exists() == (words == ["mx2"])
    assert sorted(path.name for path in site.state.iterdir()) == [
        "lock", "mx2.new.certificate", "mx2.new.key", "mx2.old.certificate",
        "mx2.old.key", "mx2.rollover"]
    assert site.rollover("--status").stdout == "mx2: done: nothing is under way\n"


def test_lineage(site, authority, tmp_path):
    """Of a hook: a folder, by whatever path."""
    link = tmp_path / "link"
    os.symlink(authority.folder, link)
    done = site.rollover("--lineage", tmp_path)
    assert done.returncode == 0 and "has no certificate in" in done.stderr
    assert not site.state.exists()
    assert site.rollover("--lineage", f"{link}/").stdout.endswith("mx1: done\n")
