"""The laboratory of a host's side: signed zones at two name servers, a resolver that
validates, and Postfix and Dovecot with their certificates; daemons.py has more services.

The two name servers listen on one port, at 127.0.0.1 and at ::1 (named takes no address
that no interface has), so that a resolver finds the way to them as it does in the world.

TSIGATE_PROGRAMS names the folder where scripts/private-program unpacked postfix and
dovecot; installed ones will do. Postfix wants root (its master does), Dovecot a mount
namespace in which it lies where it was built to lie: without them, and without the
program, a test is skipped and says so.
"""
import contextlib
import hashlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

import dns.flags
import dns.opcode
import dns.query
import pytest

import wire
from finger import finger
from lab import BUILD, SHADOW, STATIC, Lab, Named, Primary, Program, accepts, \
    free_port, named_conf
from prober import Prober, ask_tlsa

PROGRAMS = pathlib.Path(os.environ.get("TSIGATE_PROGRAMS", "/nonexistent"))
PRIMARY, SECONDARY = "127.0.0.1", "::1"
HOST = f"mx1.{STATIC}"
TTL = 1

POLICY = """
dnssec-policy laboratory {
    keys { csk key-directory lifetime unlimited algorithm ecdsap256sha256; };
    signatures-validity 30d;
};
"""


def name_server_port():
    """Free at both addresses, for UDP and TCP."""
    for _ in range(50):
        port = free_port(PRIMARY)
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET6, kind) as sock:
                    sock.bind((SECONDARY, port))
            return port
        except OSError:
            continue
    raise AssertionError("no common port")


def program_root(name, path):
    """Where the package lies, or the test is skipped."""
    for root in (PROGRAMS / name, pathlib.Path("/")):
        if (root / path).exists():
            return root
    pytest.skip(f"{name} is neither installed nor in TSIGATE_PROGRAMS")


# ---- name servers --------------------------------------------------------------------

def make_key(folder, zone):
    """A zone's key; returns its DS, `tag algorithm type digest`."""
    name = subprocess.run(
        ["dnssec-keygen", "-q", "-K", folder, "-k", "laboratory", "-l",
         folder / "policy.conf", zone],
        check=True, capture_output=True, text=True, timeout=30).stdout.strip()
    ds = subprocess.run(["dnssec-dsfromkey", "-2", f"{name}.key"], cwd=folder, check=True,
                        capture_output=True, text=True, timeout=30).stdout
    return ds.split(" DS ")[1].strip()


def zone_head():
    return (f"$TTL {TTL}\n@ IN SOA ns1.{STATIC}. hostmaster.{STATIC}. 1 3600 600 86400 1\n"
            f"@ IN NS ns1.{STATIC}.\n@ IN NS ns2.{STATIC}.\n")


def static_zone(ports, shadow_ds, records):
    services = "".join(f"_{port}._tcp.mx1 IN CNAME _{port}._tcp.mx1.{SHADOW}.\n"
                       for port in ports)
    return (f"{zone_head()}ns1 IN A {PRIMARY}\nns2 IN AAAA {SECONDARY}\n"
            f"@ IN MX 10 mx1\nmx1 IN A 127.0.0.1\n"
            f"_kage IN NS ns1\n_kage IN NS ns2\n_kage IN DS {shadow_ds}\n"
            f"_acme-challenge.mx1 IN CNAME _acme-challenge.mx1.{SHADOW}.\n{services}"
            f"{records}")


class SignedPrimary(Primary):
    """Signs the static zone, whose file it does not touch, and the shadow."""

    def __init__(self, folder, gateway_key, port, service_ports, notify_port, records):
        folder.mkdir(parents=True)
        (folder / "policy.conf").write_text(POLICY)
        self.gateway_key = gateway_key
        shadow_ds = make_key(folder, SHADOW)
        self.anchor = make_key(folder, STATIC)
        (folder / f"{STATIC}.zone").write_text(
            static_zone(service_ports, shadow_ds, records))
        (folder / f"{SHADOW}.zone").write_text(zone_head())
        config = named_conf(folder, port, "recursion no; dnssec-validation no; "
                            f"allow-transfer {{ any; }}; notify-delay 0; "
                            f"also-notify {{ {PRIMARY} port {notify_port}; }};")
        config += POLICY + gateway_key.text
        statements = {
            STATIC: "inline-signing yes;",
            SHADOW: f"update-policy {{ grant {gateway_key.name} zonesub TXT TLSA; }}; "
                    "inline-signing no;"}
        for zone, more in statements.items():
            config += (f'zone "{zone}" {{ type primary; file "{zone}.zone"; '
                       f'dnssec-policy laboratory; {more} }};\n')
        Named.__init__(self, folder, "primary", config, port)

    def start(self):
        self.spawn()
        self.wait_ready(lambda: all(self.is_signed(zone) for zone in (STATIC, SHADOW)))

    def is_signed(self, zone):
        """Signing is over when the SOA comes with its signature, and one of the NS."""
        try:
            answers = [dns.query.tcp(wire.query(zone, type_, edns=True), PRIMARY, timeout=3,
                                     port=self.port) for type_ in ("RRSIG", "DNSKEY")]
        except OSError:
            return False
        return all(answer.answer for answer in answers)


class Secondary(Named):
    """Told of changes through `notify_port`, unless it is to lag behind: it answers then,
    and what it answers is old."""

    def __init__(self, folder, port):
        self.is_lagging = False
        self.told = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.told.bind(("127.0.0.1", 0))
        self.notify_port = self.told.getsockname()[1]
        config = named_conf(folder, port, "recursion no; dnssec-validation no;",
                            ipv4="none", ipv6=SECONDARY)
        for zone in (STATIC, SHADOW):
            config += (f'zone "{zone}" {{ type secondary; file "{zone}"; '
                       f"primaries {{ {PRIMARY} port {port}; }}; "
                       f"allow-notify {{ any; }}; }};\n")
        super().__init__(folder, "secondary", config, port)

    def start(self):
        self.spawn()
        self.wait_ready(lambda: self.logged().count("Transfer status: success") >= 2)
        threading.Thread(target=self._pass_on, daemon=True).start()

    def _pass_on(self):
        """The primary gets no reply and tells again; that does no harm."""
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as out:
            while True:
                octets = self.told.recv(4096)
                if not self.is_lagging:
                    out.sendto(octets, (SECONDARY, self.port))

    @contextlib.contextmanager
    def lagging(self):
        self.is_lagging = True
        try:
            yield
        finally:
            self.catch_up()

    def catch_up(self):
        self.is_lagging = False
        for zone in (STATIC, SHADOW):
            notify = wire.query(zone, "SOA")
            notify.set_opcode(dns.opcode.NOTIFY)
            dns.query.udp(notify, SECONDARY, timeout=3, port=self.port)


class Validator(Named):
    """A resolver with a trust anchor and a cache."""

    def __init__(self, folder, servers_port, anchor):
        port = free_port()
        config = named_conf(
            folder, port, f"port {servers_port}; recursion yes; empty-zones-enable no; "
            "dnssec-validation yes; qname-minimization off; max-cache-size 16m; "
            "allow-query { any; };")
        tag, algorithm, kind, digest = anchor.split(maxsplit=3)
        config += (f'trust-anchors {{ "{STATIC}." static-ds {tag} {algorithm} {kind} '
                   f'"{digest}"; }};\n'
                   f'zone "{STATIC}" {{ type static-stub; '
                   f"server-addresses {{ {PRIMARY}; {SECONDARY}; }}; }};\n")
        super().__init__(folder, "validator", config, port)

    def start(self):
        self.spawn()
        self.wait_ready(lambda: accepts(self.port) and self.validates(SHADOW))

    def validates(self, name):
        query = wire.query(name, "SOA")
        query.flags |= dns.flags.AD | dns.flags.RD
        try:
            reply = dns.query.tcp(query, "127.0.0.1", timeout=3, port=self.port)
        except OSError:
            return False
        return bool(reply.flags & dns.flags.AD)


# ---- services ------------------------------------------------------------------------

class Postfix(Program):
    """An instance in a folder of its own: STARTTLS at one port, and no mail at all."""

    PROTOCOLS = ("smtp",)

    def __init__(self, folder):
        root = program_root("postfix", "usr/lib/postfix/sbin/master")
        if os.geteuid() != 0:
            pytest.skip("Postfix's master runs as root alone")
        self.root = root
        self.port = free_port()
        self.ports = {"smtp": self.port}
        self.tls = folder / "tls"
        self.queue = folder / "queue"
        self.pid_file = self.queue / "pid" / "master.pid"
        self._make_folders(folder)
        libraries = root / "usr/lib/postfix"
        (folder / "main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {self.queue}
data_directory = {self.data}
command_directory = {root}/usr/sbin
daemon_directory = {libraries}/sbin
shlib_directory = no
meta_directory = {folder}
mail_owner = mail
setgid_group = list
default_privs = nobody
import_environment = LD_LIBRARY_PATH MAIL_CONFIG
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = {HOST}
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject
smtpd_tls_security_level = may
smtpd_tls_cert_file = {self.tls}/cert.pem
smtpd_tls_key_file = {self.tls}/key.pem
""")
        (folder / "master.cf").write_text(f"""
127.0.0.1:{self.port} inet n - n - - smtpd
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
""")
        # A group of its own: that is what its master ends.
        super().__init__(folder, "postfix",
                         ["setsid", libraries / "sbin/master", "-c", folder, "-d"],
                         {"LD_LIBRARY_PATH": str(libraries)})

    def _make_folders(self, folder):
        owner = pwd.getpwnam("mail").pw_uid
        self.tls.mkdir(parents=True)
        # Not in our folder, which pytest closes to other users.
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="tsigate-postfix."))
        os.chown(self.data, owner, -1)
        for name in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
                     "incoming", "maildrop", "private", "public", "saved", "trace"):
            (self.queue / name).mkdir(parents=True)
            os.chown(self.queue / name, owner, -1)
        (self.queue / "pid").mkdir()

    def start(self):
        self.spawn()
        self.wait_ready(lambda: accepts(self.port))

    def reload(self):
        self.signal(signal.SIGHUP)

    def stop(self, seconds=15):
        shutil.rmtree(self.data, ignore_errors=True)
        return super().stop(seconds)


class Dovecot(Program):
    """IMAP, POP3, ManageSieve and LMTP with STARTTLS, and IMAP in TLS; nobody can log in."""

    PROTOCOLS = ("imap", "pop3", "sieve", "lmtp", "imaps")

    def __init__(self, folder):
        root = program_root("dovecot", "usr/sbin/dovecot")
        enter = ("unshare", "--mount", "sh", "-c", '[ "$1" = / ] || mount -t overlay '
                 'overlay -o "lowerdir=$1/usr:/usr" /usr && shift && exec "$@"', "-", root)
        if subprocess.run([*enter, "true"], capture_output=True, timeout=30).returncode:
            pytest.skip("no mount namespace for Dovecot")
        self.ports = {protocol: free_port() for protocol in self.PROTOCOLS}
        self.pid_file = folder / "base" / "master.pid"
        self.tls = folder / "tls"
        self.tls.mkdir(parents=True)
        services = "".join(
            f"service {login}-login {{\nchroot =\n{listeners}}}\n" for login, listeners in (
                ("imap", self._listener("imap") + self._listener("imaps")),
                ("pop3", self._listener("pop3") + "inet_listener pop3s {\nport = 0\n}\n"),
                ("managesieve", self._listener("sieve"))))
        services += f"service lmtp {{\n{self._listener('lmtp')}}}\n"
        (folder / "dovecot.conf").write_text(f"""
base_dir = {folder}/base
state_dir = {folder}/state
log_path = /dev/stderr
default_internal_user = mail
default_internal_group = mail
default_login_user = nobody
protocols = imap pop3 sieve lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{self.tls}/cert.pem
ssl_key = <{self.tls}/key.pem
passdb {{
driver = static
args = password=x
}}
service anvil {{
chroot =
}}
{services}""")
        super().__init__(folder, "dovecot", [
            *enter, "/usr/sbin/dovecot", "-F", "-c", folder / "dovecot.conf"])

    def _listener(self, protocol):
        return f"inet_listener {protocol} {{\nport = {self.ports[protocol]}\n}}\n"

    def start(self):
        self.spawn()
        self.wait_ready(lambda: all(accepts(port) for port in self.ports.values()))


# ---- all of it -----------------------------------------------------------------------

def acl(ports):
    services = " ".join(f"{port}/tcp" for port in ports)
    return f"host {HOST}\n    key {HOST}\n    acme {HOST}\n    tlsa {HOST} {services}\n"


class DaneLab(Lab):
    def spawn_all(self, daemons):
        """Beside each other; they get ready while others do."""
        for daemon in daemons:
            self.programs.append(daemon)
            daemon.spawn()

    def start_all(self, ports, records=""):
        """Name servers and gateway, for TLSA at these ports of HOST; more records of the
        static zone."""
        self.dns_port = name_server_port()
        self.secondary = Secondary(self.folder / "secondary", self.dns_port)
        self.primary = self.add(SignedPrimary(
            self.folder / "primary", self.gateway_key, self.dns_port, ports,
            self.secondary.notify_port, records))
        self.add(self.secondary)
        self.validator = self.add(Validator(self.folder / "validator", self.dns_port,
                                            self.primary.anchor))
        self.start_gateway(acl=acl(ports), keys={HOST: wire.Key(HOST)})
        self.key_file = self.gateway.key(HOST).write(self.folder / "host.key")
        self.key_file.chmod(0o600)

    def tlsa_tool(self, command, *words):
        """The command line of tsigate-tlsa, which finds gateway and resolver."""
        where = {"publish": ["--server", f"127.0.0.1:{self.gateway.port}", "-k",
                             self.key_file, "--ns-port", self.dns_port],
                 "check": ["--ns-port", self.dns_port]}
        where["rollover"] = [*where["publish"][:4], *where["check"]]
        where["deploy"] = []
        if command != "deploy":
            words = ("--resolver", f"127.0.0.1:{self.validator.port}", *words)
        return [str(word) for word in (
            BUILD / "tsigate-tlsa", command, *where[command], *words)]

    def finger(self, postfix):
        """What another Postfix says that wants DANE."""
        return finger(postfix.folder, postfix.root, self.validator.port, HOST,
                      postfix.port)

    def prober(self, port):
        owner, target = f"_{port}._tcp.{HOST}", f"_{port}._tcp.mx1.{SHADOW}"
        sources = [lambda: ask_tlsa(owner, "127.0.0.1", self.validator.port,
                                    dns.flags.AD)]
        for address in (PRIMARY, SECONDARY):
            sources.append(lambda address=address: ask_tlsa(
                target, address, self.dns_port, dns.flags.AA))
        return Prober(port, sources)


def openssl(*words):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True,
                          timeout=30).stdout


class Certificate:
    """Self-signed, which is all that DANE-EE asks for; or an issuer's, for some names, and
    the issuer's behind it; or what an ACME client got."""

    def __init__(self, folder, name, key=None, issuer=None, names=()):
        self.path = folder / f"{name}.pem"
        self.key = key or folder / f"{name}.key"
        if not self.key.exists():
            openssl("genpkey", "-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-out", self.key)
        if not self.path.exists() and issuer is None:
            openssl("req", "-x509", "-new", "-days", 30, "-subj", f"/CN={HOST}", "-key",
                    self.key, "-out", self.path)
        elif not self.path.exists():
            wish = folder / f"{name}.csr"
            names = ",".join(f"DNS:{one}" for one in names)
            openssl("req", "-new", "-subj", f"/CN={name}", "-addext",
                    f"subjectAltName={names}", "-key", self.key, "-out", wish)
            own = openssl("x509", "-req", "-in", wish, "-days", 30, "-copy_extensions",
                          "copy", "-CA", issuer.path, "-CAkey", issuer.key)
            self.path.write_bytes(own + issuer.path.read_bytes())
        public = openssl("pkey", "-in", self.key, "-pubout", "-outform", "der")
        self.tlsa = f"3 1 1 {hashlib.sha256(public).hexdigest()}"
        self.der = openssl("x509", "-in", self.path, "-outform", "der")

    def install(self, service):
        shutil.copy(self.path, service.tls / "cert.pem")
        shutil.copy(self.key, service.tls / "key.pem")
