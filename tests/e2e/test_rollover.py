"""A roll-over of certificate and TLSA, as mail servers see it that verify all the while."""
import contextlib
import os
import random
import shutil
import signal
import subprocess
import time

import dns.flags
import pytest

import clients
from dane_lab import HOST, PRIMARY, SECONDARY, STATIC, TTL, Certificate, Postfix
from lab import SHADOW, until
from prober import ask_tlsa, presented


@pytest.fixture(scope="module")
def postfix(dane_lab):
    return Postfix(dane_lab.folder / "postfix")


@pytest.fixture(scope="module")
def lab(dane_lab, postfix):
    """With a Postfix that has a certificate which nobody published, as installed."""
    dane_lab.start_all([postfix.port])
    Certificate(dane_lab.folder, "snakeoil").install(postfix)
    dane_lab.add(postfix)
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
    postfix.reload()
    time.sleep(TTL)
    with lab.prober(postfix.port) as prober:
        until(lambda: prober.held >= 10, 15, "the prober connects")
        assert prober.failed == 0, prober.texts
        update(lab, tmp_path, f"update delete {owner} TLSA",
               f"update add {owner} {TTL} TLSA {new.tlsa}")
        new.install(postfix)
        postfix.reload()
        until(lambda: prober.failed > 0, 15, "DANE fails")
        before = prober.held
        until(lambda: prober.held >= before + 10, 15, "caches learn")
    assert lab.primary.serial(STATIC) == serial


# ---- the roll-over -------------------------------------------------------------------

class Host:
    """A mail server's side: a lineage, its deployed copies, deploy.conf and the tool."""

    def __init__(self, lab, postfix, folder):
        self.lab = lab
        self.postfix = postfix
        self.owner = f"_{postfix.port}._tcp.{HOST}"
        self.folder = folder
        folder.mkdir()
        self.state = folder / "state"
        self.lineage = folder / "config" / "live" / HOST
        self.conf = folder / "deploy.conf"
        self.conf.write_text(f"""
state = "{self.state}";
certificates = ( {{
    name = "{HOST}";
    certificate = "{self.lineage}/fullchain.pem";
    key = "{self.lineage}/privkey.pem";
    tlsa = ( {{ name = "{HOST}"; ports = [ "{postfix.port}/tcp" ]; }} );
    consumers = ( {{
        name = "postfix";
        files = (
            {{ format = "fullchain"; path = "{postfix.tls}/cert.pem"; }},
            {{ format = "key"; path = "{postfix.tls}/key.pem"; mode = "0600"; }} );
        tell = {{ signal = "HUP"; pid_file = "{postfix.pid_file}"; }};
        probe = [ "127.0.0.1:{postfix.port}/smtp" ];
    }} );
}} );
""")

    def renew(self, certificate):
        """As an ACME client does it, and quicker."""
        self.lineage.mkdir(parents=True, exist_ok=True)
        for name, source in (("fullchain", certificate.path), ("privkey", certificate.key)):
            shutil.copy(source, self.lineage / f".{name}")
            os.replace(self.lineage / f".{name}", self.lineage / f"{name}.pem")

    def command(self, *words):
        return self.lab.tlsa_tool("rollover", "--deploy-conf", self.conf, *words)

    def roll(self, *words):
        done = subprocess.run(self.command("--wait", *words), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done
        return done

    def start(self):
        return subprocess.Popen(self.command("--wait"), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def remembered(self):
        """What is under way, as it stands on disk; not what is being written: killed at
        that it would write it again and again."""
        found = []
        for path in sorted(self.state.rglob("[!.]*")):
            with contextlib.suppress(OSError):
                found.append((path.name, path.read_bytes() if path.is_file() else b""))
        return found

    def step(self):
        text = (self.state / f"{HOST}.rollover").read_text()
        return text.split('step = "')[1].split('"')[0]

    def serves(self, certificate):
        return presented(self.postfix.port) == certificate.der

    def published(self, address=PRIMARY):
        found, _ = ask_tlsa(f"_{self.postfix.port}._tcp.mx1.{SHADOW}", address,
                            self.lab.dns_port, dns.flags.AA)
        return {f"3 1 1 {octets.hex()}" for *_, octets in found}

    def assert_over(self, certificate):
        """The service has it, its record is the only one, and everybody serves that."""
        assert self.serves(certificate)
        assert self.published() == {certificate.tlsa}
        until(lambda: self.published(SECONDARY) == {certificate.tlsa}, 5, "it is told")


@pytest.fixture(scope="module")
def host(lab, postfix):
    return Host(lab, postfix, lab.folder / "host")


@pytest.fixture(scope="module")
def authority(lab):
    return lab.start_authority()


def issue(host, authority, folder, name):
    """certbot, through the gateway, with a new key each time."""
    done = clients.certbot(host.folder, authority, host.lab.gateway.port,
                           host.lab.gateway.key(HOST), HOST, options=["--force-renewal"])
    assert done.returncode == 0, done.stdout
    return copy_of(host, folder, name)


def copy_of(host, folder, name):
    """Of the lineage as it is now."""
    shutil.copy(host.lineage / "fullchain.pem", folder / f"{name}.pem")
    shutil.copy(host.lineage / "privkey.pem", folder / f"{name}.key")
    return Certificate(folder, name)


@contextlib.contextmanager
def unbroken(host, seconds):
    """Not one mail server is turned away; the static zone is not touched."""
    serial = host.lab.primary.serial(STATIC)
    with host.lab.prober(host.postfix.port) as prober:
        yield prober
        time.sleep(2 * TTL)
    prober.assert_unbroken(seconds)
    assert host.lab.primary.serial(STATIC) == serial


def test_issue_publish_deploy(host, lab, postfix, authority, tmp_path):
    update(lab, tmp_path, f"update delete {host.owner} TLSA")
    issued = issue(host, authority, tmp_path, "issued")
    publish = lab.tlsa_tool("publish", "--ttl", TTL, "--cert", issued.path, HOST,
                            f"{postfix.port}/tcp")
    check = lab.tlsa_tool("check", "--starttls", "smtp", f"{HOST}:{postfix.port}")
    subprocess.run(publish, check=True, timeout=30)
    host.roll()
    host.assert_over(issued)
    subprocess.run(check, check=True, timeout=30)
    assert "Verified TLS connection" in lab.finger(postfix).stdout


def test_new_key(host, authority, tmp_path):
    with unbroken(host, 4):
        renewed = issue(host, authority, tmp_path, "renewed")
        host.roll()
        host.assert_over(renewed)


def test_same_key(host, lab, tmp_path):
    """Nothing to publish; the rest is done all the same."""
    serial = lab.primary.serial(SHADOW)
    renewed = Certificate(tmp_path, "again", copy_of(host, tmp_path, "old").key)
    host.renew(renewed)
    with unbroken(host, 2):
        host.roll()
        host.assert_over(renewed)
    assert lab.primary.serial(SHADOW) == serial


def test_killed_at_each_step(host, tmp_path):
    """As soon as anything that it remembers has changed on disk; run again each time."""
    renewed = Certificate(tmp_path, "renewed")
    steps = set()
    with unbroken(host, 6):
        host.renew(renewed)
        for _ in range(40):
            before = host.remembered()
            process = host.start()
            while process.poll() is None and host.remembered() == before:
                time.sleep(0.001)
            if process.poll() is not None:
                break
            process.kill()
            process.wait()
            steps.add(host.step())
        assert process.returncode == 0, process.stdout.read()
        host.assert_over(renewed)
    # One may pass unseen between two looks.
    assert len(steps & {"publish", "wait", "deploy", "retire"}) >= 3


def test_killed_at_any_moment(host, tmp_path):
    renewed = Certificate(tmp_path, "renewed")
    moments = random.Random(5)
    with unbroken(host, 6):
        host.renew(renewed)
        for _ in range(100):
            process = host.start()
            try:
                process.wait(moments.choice((0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.3)))
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        assert process.returncode == 0, process.stdout.read()
        host.assert_over(renewed)


def test_waits_for_who_lags(host, lab, tmp_path):
    old, new = copy_of(host, tmp_path, "old"), Certificate(tmp_path, "new")
    with unbroken(host, 6):
        with lab.secondary.lagging():
            host.renew(new)
            process = host.start()
            time.sleep(4 * TTL)
            assert process.poll() is None, process.stdout.read()
            assert host.published() == {old.tlsa, new.tlsa}
            assert host.published(SECONDARY) == {old.tlsa}
            assert host.serves(old)
        assert process.wait(60) == 0, process.stdout.read()
        host.assert_over(new)


def test_waits_for_who_is_away(host, lab, tmp_path):
    old, new = copy_of(host, tmp_path, "old"), Certificate(tmp_path, "new")
    with unbroken(host, 2):
        lab.secondary.signal(signal.SIGSTOP)
        try:
            host.renew(new)
            process = host.start()
            time.sleep(4 * TTL)
            assert process.poll() is None, process.stdout.read()
            assert host.serves(old)
        finally:
            lab.secondary.signal(signal.SIGCONT)
        assert process.wait(60) == 0, process.stdout.read()
        host.assert_over(new)


def test_a_service_that_does_not_take_it(host, tmp_path):
    """Its old files come back, both records stay, and the next run tries again."""
    old, new = copy_of(host, tmp_path, "old"), Certificate(tmp_path, "new")
    with unbroken(host, 4):
        host.renew(new)
        right = host.conf.read_text()
        fails_once = (f"kill -HUP $(cat {host.postfix.pid_file}); "
                      f"test -d {tmp_path}/once || {{ mkdir {tmp_path}/once; false; }}")
        host.conf.write_text("".join(
            f'tell = {{ command = "{fails_once}"; }};\n' if "tell =" in line else line
            for line in right.splitlines(keepends=True)))
        runs = []  # as a timer has it

        def has_failed():
            runs.append(subprocess.run(host.command(), capture_output=True, text=True,
                                       timeout=90))
            return runs[-1].returncode != 0
        until(has_failed, 30, "the service is told")
        host.conf.write_text(right)
        assert runs[-1].returncode == 4, runs[-1]
        assert host.serves(old)
        assert (host.postfix.tls / "cert.pem").read_bytes() == old.path.read_bytes()
        assert host.published() == {old.tlsa, new.tlsa}
        host.roll()
        host.assert_over(new)


def test_first_of_all(host, lab, tmp_path):
    """Nothing was published before, and who asked remembers that for a while."""
    new = Certificate(tmp_path, "new")
    update(lab, tmp_path, f"update delete {host.owner} TLSA")
    shutil.rmtree(host.state)
    host.renew(new)
    host.roll()
    host.assert_over(new)
