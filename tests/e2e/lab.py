"""The laboratory: a private primary, a resolver, a certificate authority and tsigated.

Everything lives in one folder and on free ports of the loopback; no root is needed. What
was started is stopped with the laboratory; what is waited for is waited for in bounded
time. To run some of the tests against a build of your own:

    TSIGATE_BUILD=/path/to/build /usr/bin/python3 -m pytest tests/e2e -k certbot

TSIGATE_NAMED names a named that is not at /usr/sbin/named (see scripts/private-program).
"""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import dns.query
import dns.rdatatype
import dns.zone

import wire
from wire import Key

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TSIGATE_BUILD", SOURCE)).resolve()
NAMED = os.environ.get("TSIGATE_NAMED", "/usr/sbin/named")
STATIC = "duckcorp.org"
SHADOW = "_kage.duckcorp.org"
# Dynamic zones that shadow nothing: a plain one, and one that BIND signs.
DYNAMIC = "dyn.example"
SIGNED = "signed.example"
GATEWAY_KEY = "tsigate.duckcorp.org"
# Of the daemon, whatever a test does to it: done, or one that it is started to refuse.
EXIT_CODES = (None, 0, 2, 3, 4)
SANITIZER_REPORTS = ("AddressSanitizer", "LeakSanitizer", "runtime error:")


def until(condition, seconds, what):
    """Ask until the answer is true; return it. Bounded."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def free_port(host="127.0.0.1"):
    """A port that is free for UDP and TCP alike."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(50):
        with socket.socket(family, socket.SOCK_STREAM) as tcp, \
                socket.socket(family, socket.SOCK_DGRAM) as udp:
            tcp.bind((host, 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind((host, port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


def accepts(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


def is_sanitized():
    return b"__asan_init" in (BUILD / "tsigated").read_bytes()


def _prepare_child():
    """It dies with the test run. SIGXFSZ stays ignored, as Python has it: a test lets
    write() fail by a limit on the size of files."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


class Program:
    """A process of ours with its log, started and stopped as often as a test likes."""

    def __init__(self, folder, name, command, env=None):
        self.folder = folder
        self.name = name
        self.command = [str(word) for word in command]
        self.env = {**os.environ, **(env or {})}
        self.log = folder / f"{name}.log"
        self.process = None

    def spawn(self):
        assert not self.alive, f"{self.name} runs already"
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, preexec_fn=_prepare_child)

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def wait_ready(self, condition, seconds=15):
        def ready():
            assert self.alive, f"{self.name} ended at once:\n{self.tail()}"
            return condition()
        until(ready, seconds, f"{self.name} serves\n{self.tail()}")

    def signal(self, number):
        self.process.send_signal(number)
        if number == signal.SIGSTOP:
            until(self.has_stopped, 5, f"{self.name} stops")

    def has_stopped(self):
        """Every thread of it: one that runs goes on for a moment after the signal."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        return all(task.read_text().rpartition(")")[2].split()[0] == "T"
                   for task in tasks)

    def stop(self, seconds=15):
        """SIGTERM, and SIGKILL for who does not listen; returns the exit code."""
        if not self.alive:
            return self.process.returncode if self.process else None
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not stop:\n{self.tail()}") from None

    def kill(self):
        if self.alive:
            self.process.kill()
            self.process.wait()

    def logged(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines=25):
        return "\n".join(self.logged().splitlines()[-lines:])


# ---- the primary ---------------------------------------------------------------------

NAMED_COMMON = """
controls {{ }};
options {{
    directory "{folder}";
    listen-on port {port} {{ {ipv4}; }};
    listen-on-v6 port {port} {{ {ipv6}; }};
    pid-file "{folder}/named.pid";
    session-keyfile "{folder}/session.key";
    managed-keys-directory "{folder}";
    lock-file none;
    notify explicit;
    {options}
}};
"""


def named_conf(folder, port, options, ipv4="127.0.0.1", ipv6="none"):
    return NAMED_COMMON.format(folder=folder, port=port, options=options, ipv4=ipv4,
                               ipv6=ipv6)


# `_kage` is no host name, so the name server's is in the static zone for all of them.
ZONE_HEAD = f"""$TTL 60
@ IN SOA ns.{STATIC}. hostmaster.{STATIC}. (
    1 ; serial
    3600 600 86400 1 )
@ IN NS ns.{STATIC}.
"""

# Hosts with an ordinary delegation of challenge and TLSA names into the shadow.
HOSTS = ("mx1", "mx2", "www1", "imap")


def static_zone():
    lines = [ZONE_HEAD, "ns IN A 127.0.0.1\n", "_kage IN NS ns\n"]
    for host in HOSTS:
        lines.append(f"{host} IN A 192.0.2.1\n")
        for label in ("_acme-challenge", "_25._tcp", "_465._tcp"):
            lines.append(f"{label}.{host} IN CNAME {label}.{host}.{SHADOW}.\n")
    # Where the template does not fit: an alias of the ACL.
    lines.append(f"_acme-challenge.old IN CNAME _acme-challenge.legacy-77.{SHADOW}.\n")
    # Granted, but delegated elsewhere than the template says: to another host's name.
    lines.append(f"_acme-challenge.astray IN CNAME _acme-challenge.mx2.{SHADOW}.\n")
    # "bare" is granted as well and has no CNAME at all.
    lines.append("_acme-challenge.bare IN TXT static\n")
    return "".join(lines)


class Named(Program):
    def __init__(self, folder, name, config, port):
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port
        # A copy: Debian's AppArmor profile goes by the path /usr/sbin/named.
        binary = folder / "named"
        if not binary.exists():
            shutil.copy(NAMED, binary)
        (folder / "named.conf").write_text(config)
        super().__init__(folder, name, [binary, "-g", "-n", "1", "-c",
                                        folder / "named.conf"])


class Primary(Named):
    """The authoritative server of all zones; only the gateway's key may update.

    `grants`: further lines of the shadow zone's update-policy, and `keys` for them, for
    tests that go straight to BIND.
    """

    def __init__(self, folder, gateway_key, keys=(), grants="", port=None):
        folder.mkdir(parents=True, exist_ok=True)
        port = port or free_port()
        self.gateway_key = gateway_key
        name = gateway_key.name
        zones = {
            STATIC: "",
            SHADOW: f"update-policy {{ grant {name} zonesub TXT TLSA; {grants} }};",
            DYNAMIC: f"update-policy {{ grant {name} zonesub A AAAA CAA HTTPS OPENPGPKEY "
                     "SMIMEA SSHFP SVCB TLSA TXT; };",
            SIGNED: f"update-policy {{ grant {name} zonesub CDNSKEY CDS CSYNC DNSKEY NS; "
                    "}; dnssec-policy default; inline-signing no;",
        }
        config = named_conf(folder, port, "recursion no; dnssec-validation no; "
                            "allow-transfer { any; };")
        config += "".join(key.text for key in [gateway_key, *keys])
        for zone, statements in zones.items():
            text = static_zone() if zone == STATIC else ZONE_HEAD
            (folder / f"{zone}.zone").write_text(text)
            config += (f'zone "{zone}" {{ type primary; file "{zone}.zone"; '
                       f'{statements} }};\n')
        super().__init__(folder, "primary", config, port)

    def start(self):
        self.spawn()
        self.wait_ready(lambda: self.logged().count(" running\n") and
                        accepts(self.port) and self.serial(SIGNED))

    def restart(self):
        self.stop()
        self.log.write_text("")
        self.start()

    def serial(self, zone):
        try:
            answer = dns.query.tcp(wire.query(zone, "SOA"), "127.0.0.1", timeout=3,
                                   port=self.port)
        except OSError:
            return None
        return answer.answer[0][0].serial if answer.answer else None

    def records(self, zone=SHADOW):
        """All of a zone but SOA and NS at its apex: {(name, type, value)}."""
        transfer = dns.query.xfr("127.0.0.1", zone, port=self.port, lifetime=10,
                                  relativize=False)
        content = dns.zone.from_xfr(transfer, relativize=False)
        found = set()
        for owner, _, rdata in content.iterate_rdatas():
            name = str(owner).rstrip(".")
            type_ = dns.rdatatype.to_text(rdata.rdtype)
            if name != zone or type_ not in ("SOA", "NS"):
                found.add((name, type_, rdata.to_text()))
        return found

    def wipe(self, zone):
        """Delete all of records(), straight at BIND: one test's dirt is not the next's."""
        changes = [wire.delete(name) for name, _, _ in self.records(zone)]
        wire.ask_tcp(wire.sign(wire.update(zone, *changes), self.gateway_key), self.port)

    def ask(self, name, type_):
        """The values of one RRset: a set of texts."""
        answer = dns.query.tcp(wire.query(name, type_), "127.0.0.1", timeout=3,
                               port=self.port)
        return {rdata.to_text() for rrset in answer.answer
                if rrset.rdtype == dns.rdatatype.from_text(type_) for rdata in rrset}

    def ttl(self, name, type_):
        answer = dns.query.tcp(wire.query(name, type_), "127.0.0.1", timeout=3,
                               port=self.port)
        return answer.answer[0].ttl


class Resolver(Named):
    """What the authority asks: named answers a CNAME into another zone with the CNAME
    alone when it may not recurse. It caches nothing, or a challenge would fail that was
    asked for too early once."""

    def __init__(self, folder, primary):
        port = free_port()
        config = named_conf(
            folder, port,
            "recursion yes; empty-zones-enable no; max-cache-ttl 0; max-ncache-ttl 0; "
            "max-cache-size 16m; synth-from-dnssec no; qname-minimization off; "
            "dnssec-validation no; allow-query { 127.0.0.1; };")
        config += (f'zone "{STATIC}" {{ type forward; forward only; '
                   f"forwarders {{ 127.0.0.1 port {primary.port}; }}; }};\n")
        super().__init__(folder, "resolver", config, port)

    def start(self):
        self.spawn()
        self.wait_ready(lambda: self.logged().count(" running\n") and accepts(self.port))


# ---- the certificate authority -------------------------------------------------------

class Pebble(Program):
    """An ACME authority that asks `resolver`."""

    def __init__(self, folder, resolver):
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.ca = folder / "ca.pem"
        self._make_certificates(folder)
        (folder / "pebble.json").write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{free_port()}",
            "certificate": str(folder / "server.pem"),
            "privateKey": str(folder / "server.key"),
            "httpPort": free_port(), "tlsPort": free_port(),
            "ocspResponderURL": "", "externalAccountBindingRequired": False}}))
        super().__init__(
            folder, "pebble",
            ["pebble", "-config", folder / "pebble.json", "-strict=false",
             "-dnsserver", f"127.0.0.1:{resolver.port}"],
            {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0",
             "PEBBLE_AUTHZREUSE": "0"})

    @property
    def directory(self):
        return f"https://127.0.0.1:{self.port}/dir"

    def start(self):
        self.spawn()
        self.wait_ready(lambda: accepts(self.port))

    @staticmethod
    def _make_certificates(folder):
        def openssl(*words):
            subprocess.run(["openssl", *map(str, words)], check=True, cwd=folder,
                           capture_output=True, timeout=30)
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", "-x509", *new_key, "-days", 2, "-subj", "/CN=laboratory CA",
                "-keyout", "ca.key", "-out", "ca.pem")
        openssl("req", *new_key, "-subj", "/CN=localhost", "-keyout", "server.key",
                "-out", "server.csr")
        (folder / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", 2, "-extfile", "san", "-out", "server.pem")


# ---- the gateway ---------------------------------------------------------------------

ACL = f"""
host mx1.duckcorp.org
    key  mx1.duckcorp.org
    key  mx1-sha512
    key  mx1-sha384
    key  mx1-retired      not-after 2020-01-01T00:00:00Z
    acme mx1.duckcorp.org bare.duckcorp.org astray.duckcorp.org
    tlsa mx1.duckcorp.org 25/tcp
    address mx1.{DYNAMIC}

host mx2.duckcorp.org
    acme mx2.duckcorp.org

host www1.duckcorp.org
    acme www1.duckcorp.org

host imap.duckcorp.org
    acme imap.duckcorp.org

host elsewhere.duckcorp.org
    from 192.0.2.99
    acme mx2.duckcorp.org

host old.duckcorp.org
    acme old.duckcorp.org

alias _acme-challenge.old.duckcorp.org _acme-challenge.legacy-77.{SHADOW}
"""


def acl_keys():
    keys = [Key("mx1-sha512", "hmac-sha512"), Key("mx1-sha384", "hmac-sha384"),
            Key("mx1-retired"), Key("stray.duckcorp.org")]
    keys += [Key(f"{host}.duckcorp.org") for host in (*HOSTS, "elsewhere", "old")]
    return {key.name: key for key in keys}


class Gateway(Program):
    """tsigated with its configuration, keys and ACL; `settings` are further lines of
    tsigate.conf, `more_listen` further addresses. Error replies are unlimited unless a
    test says otherwise: these tests provoke more of them than any client. A relay between
    gateway and primary has its port in `upstream_port`."""

    def __init__(self, folder, primary, gateway_key, acl=ACL, keys=None, settings="",
                 limits="error_rate = 0;", more_listen=(), upstream_port=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.upstream_port = upstream_port or primary.port
        self.port = free_port()
        self.keys = keys if keys is not None else acl_keys()
        self.gateway_key = gateway_key
        self.listen = [("127.0.0.1", self.port), *more_listen]
        self.settings = f"limits = {{ {limits} }};\n{settings}"
        self.acl = folder / "acl" / "site.acl"
        self.audit = folder / "audit.jsonl"
        self.conf = folder / "tsigate.conf"
        for sub in ("keys", "acl"):
            (folder / sub).mkdir(exist_ok=True)
        for key in [gateway_key, *self.keys.values()]:
            key.write(folder / "keys" / f"{key.name}.key")
        self.acl.write_text(acl)
        # A copy: another user than root may have no way into the source tree.
        shutil.copy(SOURCE / "acl" / "profiles.acl", folder)
        self.write_conf()
        super().__init__(folder, "gateway", [BUILD / "tsigated", "-c", self.conf])

    def write_conf(self):
        folder = self.conf.parent
        listen = ", ".join(f'{{ address = "{host}"; port = {port}; }}'
                           for host, port in self.listen)
        zones = ", ".join(f'{{ name = "{zone}"; dynamic = true; }}'
                          for zone in (SHADOW, DYNAMIC, SIGNED))
        self.conf.write_text(f"""
listen = ( {listen} );
upstream = {{
    servers = ( {{ address = "127.0.0.1"; port = {self.upstream_port}; }} );
    key = "{self.gateway_key.name}";
}};
keys = [ "keys/*.key" ];
acl = [ "acl/*.acl" ];
zones = ( {{ name = "{STATIC}"; }}, {zones} );
shadows = ( {{ of = "{STATIC}"; at = "{SHADOW}"; }} );
audit = {{ file = "{folder}/audit.jsonl"; sync = true; }};
control = "{folder}/control.sock";
profiles = "profiles.acl";
{self.settings}
""")

    def start(self):
        self.spawn()
        self.wait_ready(self.serves)

    def serves(self):
        """It answers the SOA of a zone over TCP: it listens and has reached the primary."""
        try:
            reply = wire.ask_tcp(wire.unsigned(wire.query(SHADOW, "SOA")), self.port)
        except OSError:
            return False
        return reply.rcode == "NOERROR"

    def key(self, host="mx1.duckcorp.org"):
        return self.keys[host]

    def tool(self, *arguments, timeout=20):
        """Run tsigate; returns the finished process."""
        subcommand, *rest = [str(word) for word in arguments]
        return subprocess.run(
            [BUILD / "tsigate", subcommand, "-c", self.conf, *rest], text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)

    def audit_lines(self):
        if not self.audit.exists():
            return []
        return [json.loads(line) for line in self.audit.read_text().splitlines()]

    def stop(self, seconds=15):
        """As Program.stop; a crash or a sanitizer's report fails the test."""
        code = super().stop(seconds)
        reports = [line for line in self.logged().splitlines()
                   if any(report in line for report in SANITIZER_REPORTS)]
        assert not reports and code in EXIT_CODES, f"exit {code}\n{self.tail(60)}"
        return code


class Lab:
    """Primary and gateway of one test module or test; more programs on demand."""

    def __init__(self, folder):
        self.folder = folder
        self.programs = []
        self.gateway_key = Key(GATEWAY_KEY)

    def add(self, program):
        self.programs.append(program)
        program.start()
        return program

    def start_primary(self, **options):
        self.primary = self.add(
            Primary(self.folder / "primary", self.gateway_key, **options))
        return self.primary

    def make_gateway(self, **options):
        """Configured, and not started yet."""
        self.gateway = Gateway(self.folder / "gateway", self.primary, self.gateway_key,
                               **options)
        self.programs.append(self.gateway)
        return self.gateway

    def start_gateway(self, **options):
        self.make_gateway(**options).start()
        return self.gateway

    def start_authority(self):
        resolver = self.add(Resolver(self.folder / "resolver", self.primary))
        self.pebble = self.add(Pebble(self.folder / "pebble", resolver))
        return self.pebble

    def stop(self):
        failures = []
        for program in reversed(self.programs):
            try:
                program.stop()
            except AssertionError as failure:
                failures.append(str(failure))
        assert not failures, "\n".join(failures)

    def tails(self):
        return [(f"{program.log}", program.tail(15)) for program in self.programs]
