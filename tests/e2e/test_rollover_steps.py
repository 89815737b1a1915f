"""tsigate-tlsa rollover, step by step: a gateway, BIND, a service, and certificates that
are renewed. TTLs of a second keep the waits short."""
import json
import re
import shutil
import socket
import ssl
import subprocess
import time

import pytest

import clients

from lab import BUILD, SHADOW, Resolver, free_port, until
from listener import Listener
from test_tlsa import tlsa_of

NAME = "mx1.duckcorp.org"
OWNER = f"_25._tcp.{NAME}"
TARGET = f"_25._tcp.mx1.{SHADOW}"
STRANGER = "3 1 1 " + "ab" * 32
WAIT_S = 3.1  # twice the TTL of 1 s, and one because clocks are cut to seconds


def openssl(*words, cwd, stdin=None):
    return subprocess.run(["openssl", *map(str, words)], cwd=cwd, input=stdin, check=True,
                          capture_output=True, timeout=30).stdout


class Service(Listener):
    """Presents what lies in its folder, as of when it was told last."""

    def __init__(self, folder):
        self.folder = folder
        self.told = folder / "told"
        self.is_deaf = False
        self.context = None
        self.seen = None
        super().__init__()

    def load(self):
        told = self.told.stat().st_size if self.told.exists() else 0
        if self.context and (told == self.seen or self.is_deaf):
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        self.context, self.seen = context, told

    def serve(self, connection):
        self.load()
        with self.context.wrap_socket(connection, server_side=True):
            pass

    def presents(self):
        """The data of its 3 1 1."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.port), 5) as plain, \
                context.wrap_socket(plain) as connection:
            der = connection.getpeercert(True)
        return data_of(openssl("x509", "-inform", "der", cwd=self.folder, stdin=der),
                       self.folder)


def data_of(pem, folder):
    public = openssl("x509", "-noout", "-pubkey", cwd=folder, stdin=pem)
    der = openssl("pkey", "-pubin", "-outform", "der", cwd=folder, stdin=public)
    digest = openssl("dgst", "-sha256", "-hex", cwd=folder, stdin=der).decode().split()[-1]
    return f"3 1 1 {digest}"


class Host:
    """A host with one certificate, as certbot leaves it in live/."""

    def __init__(self, folder, lab, resolver):
        self.folder = folder
        self.lab = lab
        self.live = folder / "live"
        self.tls = folder / "tls"
        self.state = folder / "state"
        for one in (self.live, self.tls):
            one.mkdir()
        key = folder / "host.key"
        lab.gateway.key().write(key)
        key.chmod(0o600)
        self.tell = f"echo told >> {self.tls}/told"
        self.words = ["-k", key, "--server", f"127.0.0.1:{lab.gateway.port}",
                      "--resolver", f"127.0.0.1:{resolver.port}",
                      "--ns-port", lab.primary.port, "--deploy-conf", folder / "deploy.conf"]
        self.service = None

    def renew(self, reuse_key=False):
        """A new certificate; gives the data of its TLSA."""
        at = self.live
        if not reuse_key:
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-out", "new.key", cwd=at)
            (at / "new.key").replace(at / "privkey.pem")
        openssl("req", "-x509", "-new", "-key", "privkey.pem", "-subj", f"/CN={NAME}",
                "-days", "9", "-out", "fullchain.pem", cwd=at)
        return data_of((at / "fullchain.pem").read_bytes(), at)

    def in_use(self):
        """As it was before there was this tool: deployed by hand, published at TTL 1."""
        data = self.renew()
        shutil.copy(self.live / "fullchain.pem", self.tls / "cert.pem")
        shutil.copy(self.live / "privkey.pem", self.tls / "key.pem")
        self.publish(data, STRANGER)
        return data

    def renewed(self):
        """In use, and renewed since; gives the data of both TLSA."""
        old = self.in_use()
        self.start()
        return old, self.renew()

    def publish(self, *values, owner=OWNER):
        done = clients.nsupdate(self.folder, self.lab.gateway.port, self.lab.gateway.key(),
                                *(f"update add {owner}. 1 TLSA {one}" for one in values))
        assert done.returncode == 0, done.stdout

    def start(self):
        self.service = Service(self.tls)
        self.write_conf()

    def write_conf(self, tlsa=f'tlsa = ( {{ name = "{NAME}"; ports = [ "25/tcp" ]; }} );'):
        probe = f'probe = [ "127.0.0.1:{self.service.port}" ]; probe_s = 2;' \
            if self.service else ""
        conf = self.folder / "deploy.conf"
        conf.write_text(f"""
state = "{self.state}";
certificates = ( {{
    name = "mx1";
    certificate = "{self.live}/fullchain.pem";
    key = "{self.live}/privkey.pem";
    {tlsa}
    consumers = ( {{
        name = "service";
        files = ( {{ format = "fullchain"; path = "{self.tls}/cert.pem"; }},
                  {{ format = "key"; path = "{self.tls}/key.pem"; mode = "0600"; }} );
        tell = {{ command = "{self.tell}"; }};
        {probe}
    }} );
}} );
""")
        conf.chmod(0o644)

    def command(self, *words):
        return [str(word) for word in (BUILD / "tsigate-tlsa", "rollover", *self.words, *words)]

    def rollover(self, *words, timeout=60):
        return subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=timeout)

    def step(self):
        path = self.state / "mx1.rollover"
        return re.search(r'^step = "(.*)";', path.read_text(), re.M)[1] if path.exists() else None

    def tlsa(self):
        return tlsa_of(self.lab.primary, TARGET)


@pytest.fixture(scope="module")
def resolver(module_lab):
    return module_lab.add(Resolver(module_lab.folder / "resolver", module_lab.primary))


@pytest.fixture
def host(tmp_path, lab, resolver):
    made = Host(tmp_path, lab, resolver)
    yield made
    if made.service:
        made.service.close()
    lab.primary.wipe(SHADOW)


def is_good(done):
    assert (done.returncode, done.stderr) == (0, UNSIGNED), done.stdout + done.stderr
    return done.stdout


# The laboratory's zone is not signed; a roll-over that publishes says so.
UNSIGNED = f"tsigate-tlsa: warning: mx1: the zone {SHADOW}. is not signed: nobody believes " \
           "its TLSA\n"


def test_a_renewal(host):
    """Each run does what can be done; a stranger's record stays."""
    old, new = host.renewed()
    out = is_good(host.rollover())
    assert "mx1: published TLSA 3 1 1" in out
    assert "mx1: wait: every name server has the new records; waits for 20" in out
    assert host.tlsa() == {old, new, STRANGER}
    assert host.service.presents() == old and host.step() == "wait"
    status = json.loads(host.rollover("--status", "--json").stdout)["certificates"]
    assert [(one["certificate"], one["step"], one["retired"]) for one in status] == [
        ("mx1", "wait", 1)]
    time.sleep(WAIT_S)
    done = host.rollover()
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if "a new cert" not in line] == [
        "mx1: deployed to service", f"mx1: deleted TLSA {old[:22]}... at {OWNER}.",
        "mx1: done"]
    assert host.service.presents() == new
    assert host.tlsa() == {new, STRANGER} and host.step() == "done"
    # Nothing to do: nothing is said, written or told.
    told = host.service.told.read_text()
    written = (host.state / "mx1.rollover").stat().st_mtime_ns
    done = host.rollover()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert host.service.told.read_text() == told
    assert (host.state / "mx1.rollover").stat().st_mtime_ns == written
    for name in ("old.key", "new.key", "old.certificate", "rollover"):
        assert (host.state / f"mx1.{name}").stat().st_mode & 0o777 == 0o600
    assert host.state.stat().st_mode & 0o777 == 0o700


def test_it_stays_until_all_is_done(host):
    old, new = host.renewed()
    began = time.monotonic()
    out = is_good(host.rollover("--wait"))
    assert time.monotonic() - began >= 2
    assert out.endswith("mx1: done\n") and host.service.presents() == new
    assert host.tlsa() == {new, STRANGER} and old != new


def test_the_very_first_time(host):
    """Neither a record nor a certificate: the negative TTL, which is 1 here."""
    host.write_conf()
    new = host.renew()
    is_good(host.rollover("--wait"))
    assert host.tlsa() == {new} and host.step() == "done"
    assert (host.tls / "cert.pem").read_bytes() == (host.live / "fullchain.pem").read_bytes()


def test_a_reused_key(host):
    """Nothing is published, nothing is waited for, the rest runs."""
    old = host.in_use()
    host.start()
    assert host.renew(reuse_key=True) == old
    serial = host.lab.primary.serial(SHADOW)
    done = host.rollover()
    assert (done.returncode, done.stderr) == (0, "")
    assert "deployed to service" in done.stdout and done.stdout.endswith("mx1: done\n")
    assert host.lab.primary.serial(SHADOW) == serial
    assert (host.tls / "cert.pem").read_bytes() == (host.live / "fullchain.pem").read_bytes()


def test_nothing_published(host):
    host.write_conf(tlsa="")
    host.renew()
    done = host.rollover()
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.endswith("mx1: done\n")
    assert host.tlsa() == set()


def test_a_second_renewal(host):
    """It supersedes the first, whose value goes in the end as well."""
    old, first = host.renewed()
    is_good(host.rollover())
    second = host.renew()
    out = is_good(host.rollover())
    assert "mx1: a new certificate" in out
    assert host.tlsa() == {old, first, second, STRANGER} and host.service.presents() == old
    assert host.rollover("--wait").returncode == 0
    assert host.tlsa() == {second, STRANGER} and host.service.presents() == second


def test_a_service_that_does_not_hear(host):
    """It gets its old files back, both records stay, and the next run tries again."""
    old = host.in_use()
    host.start()
    assert host.service.presents() == old
    host.service.is_deaf = True
    new = host.renew()
    done = host.rollover("--wait")
    assert done.returncode == 4 and "mx1" in done.stderr
    assert host.tlsa() == {old, new, STRANGER} and host.step() == "deploy"
    assert data_of((host.tls / "cert.pem").read_bytes(), host.tls) == old
    host.service.is_deaf = False
    done = host.rollover()
    assert (done.returncode, done.stderr) == (0, "")
    assert host.tlsa() == {new, STRANGER} and host.service.presents() == new


def test_an_issuer_that_is_not_presented(host):
    """The right certificate, and still no client would believe it: with 2-1-1 the record
    is of the issuer, which this service leaves out."""
    host.in_use()
    host.start()
    at = host.live
    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *ec, "-subj", "/CN=ca", "-days", "9", "-keyout", "ca.key",
            "-out", "ca.pem", cwd=at)
    openssl("req", *ec, "-subj", f"/CN={NAME}", "-keyout", "privkey.pem", "-out", "csr", cwd=at)
    openssl("x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "9", "-out", "leaf.pem", cwd=at)
    (at / "fullchain.pem").write_text((at / "leaf.pem").read_text() +
                                      (at / "ca.pem").read_text())
    issuer = "2" + data_of((at / "ca.pem").read_bytes(), at)[1:]
    right = (host.folder / "deploy.conf").read_text().replace('mx1";', 'mx1"; form = "2-1-1";')
    (host.folder / "deploy.conf").write_text(right.replace('"fullchain"', '"certificate"'))
    done = host.rollover("--wait")
    assert done.returncode == 4
    assert "no TLSA record matches the chain that it presents" in done.stderr
    assert host.step() == "deploy" and issuer in host.tlsa()
    (host.folder / "deploy.conf").write_text(right)
    done = host.rollover()
    assert (done.returncode, done.stderr) == (0, "")
    assert issuer in host.tlsa() and host.step() == "done"


def test_a_service_that_could_not_be_told(host):
    """No pid file: it counts as not running, but the probe sees it with the old one."""
    old = host.in_use()
    host.start()
    assert host.service.presents() == old
    new = host.renew()
    conf = host.folder / "deploy.conf"
    text = conf.read_text()
    conf.write_text(re.sub(r'command = "[^"]*";', f'signal = "HUP"; pid_file = "{host.folder}/no";',
                           text))
    done = host.rollover("--wait")
    assert done.returncode == 4 and "the old records stay" in done.stderr
    assert host.tlsa() == {old, new, STRANGER} and host.step() == "retire"
    host.service.told.write_text("told\n")
    assert host.rollover().returncode == 0
    assert host.tlsa() == {new, STRANGER} and host.service.presents() == new


def test_somebody_deletes_the_record(host):
    """During the wait, and when all is done: published again, with a wait of its own."""
    old, new = host.renewed()
    is_good(host.rollover())
    host.lab.primary.wipe(SHADOW)
    time.sleep(WAIT_S)
    is_good(host.rollover())
    assert host.tlsa() == {new} and host.service.presents() == old and host.step() == "wait"
    assert host.rollover("--wait").returncode == 0
    assert host.service.presents() == new
    host.lab.primary.wipe(SHADOW)
    assert "published" in is_good(host.rollover("--wait"))
    assert host.tlsa() == {new} and host.step() == "done"


def test_killed_when_it_tells(host):
    """Files exchanged, service not told: the next run tells it."""
    old = host.in_use()
    host.tell = "kill -KILL $PPID; sleep 0.2"
    host.start()
    new = host.renew()
    done = host.rollover("--wait")
    assert done.returncode == -9 and host.step() == "deploy"
    assert host.tlsa() == {old, new, STRANGER}
    host.tell = f"echo told >> {host.tls}/told"
    host.write_conf()
    done = host.rollover()
    assert (done.returncode, done.stderr) == (0, "")
    assert host.tlsa() == {new, STRANGER} and host.service.presents() == new


def test_killed_again_and_again(host):
    """Wherever it is cut off, what is presented has a record."""
    _, new = host.renewed()
    for attempt in range(200):
        process = subprocess.Popen(host.command(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(0.01 + 0.004 * (attempt % 30))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert host.service.presents() in host.tlsa()
        if host.step() == "done":
            break
    assert host.step() == "done", "never done"
    assert host.tlsa() == {new, STRANGER} and host.service.presents() == new


def test_dry_run(host):
    old, new = host.renewed()
    done = host.rollover("--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "mx1: a new certificate, or other names or records",
        f"mx1: would publish TLSA {new[:22]}... at {OWNER}.",
        "mx1: would wait until all name servers serve them, and 2 s more",
        "mx1: would be deployed to service",
        f"mx1: would delete TLSA {old[:22]}... at {OWNER}."]
    said = [line.removeprefix("mx1: ") for line in done.stdout.splitlines()]
    found = json.loads(host.rollover("--dry-run", "--json").stdout)["certificates"][0]
    assert (found["messages"], found["until"], found["failed"]) == (said, None, False)
    assert host.tlsa() == {old, STRANGER} and not host.state.exists()
    is_good(host.rollover())
    found = json.loads(host.rollover("--dry-run", "--json").stdout)["certificates"][0]
    assert found["messages"][0] == f"would wait until {found['until']}"
    time.sleep(WAIT_S)
    found = json.loads(host.rollover("--json").stdout)["certificates"][0]
    assert found["messages"][-1] == "done" and "deployed to service" in found["messages"]


def test_a_name_server_that_is_away(host):
    host.renewed()
    host.words[host.words.index("--ns-port") + 1] = free_port()
    done = host.rollover()
    assert done.returncode == 0 and host.step() == "publish"
    assert "waits for name server ns.duckcorp.org., which cannot be asked" in done.stdout


def test_a_broken_renewal_does_not_stop_the_one_under_way(host):
    """certbot may be writing: the copy goes on, and the error is told."""
    _, new = host.renewed()
    is_good(host.rollover())
    (host.live / "privkey.pem").write_text("")
    time.sleep(WAIT_S)
    done = host.rollover()
    assert done.returncode == 3 and "privkey.pem" in done.stderr and "copy" in done.stderr
    assert host.service.presents() == new and host.tlsa() == {new, STRANGER}


def test_one_run_at_a_time(host):
    """The second waits for the first, and finds nothing left to do."""
    host.in_use()
    host.tell = f"touch {host.tls}/busy; sleep 2; echo told >> {host.tls}/told"
    host.start()
    host.renew(reuse_key=True)
    first = subprocess.Popen(host.command(), stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL)
    until((host.tls / "busy").exists, 10, "it tells")
    second = host.rollover()
    assert first.wait(20) == 0
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert host.step() == "done"


def test_lineage(host):
    """What a hook says: the certificates of that folder alone."""
    host.in_use()
    host.start()
    done = host.rollover("--lineage", host.folder)
    assert done.returncode == 0 and "has no certificate in" in done.stderr
    assert host.step() is None
    host.renew(reuse_key=True)
    assert host.rollover("--lineage", f"{host.live}/").returncode == 0
    assert host.step() == "done"
