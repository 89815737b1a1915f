"""tsigate-tlsa check: what holds and what fails, against live TLS services.

The services are Python's ssl behind a scripted dialogue; the DNS is a zone in a table,
served over TCP from two loopback addresses, which can be made to disagree.
"""
import hashlib
import json
import ssl
import struct
import subprocess

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from lab import BUILD, accepts, free_port, until
from listener import Listener

HOST = "mx.duck.example."
ZONE = "duck.example."
SERVERS = ("127.0.0.1", "127.0.0.2")
FEATURES = ("<stream:stream id='1'><stream:features><starttls xmlns='x'/>"
            "</stream:features>")
# What a service says, then what it waits for, in turns.
DIALOGUES = {
    "smtp": ["220-mx\r\n220 mx\r\n", "EHLO", "250-mx\r\n250 STARTTLS\r\n", "STARTTLS",
             "220 go\r\n"],
    "lmtp": ["220 mx\r\n", "LHLO", "250-mx\r\n250 STARTTLS\r\n", "STARTTLS", "220 go\r\n"],
    "imap": ["* OK mx\r\n", "a1 STARTTLS", "a1 OK go\r\n"],
    "pop3": ["+OK mx\r\n", "STLS", "+OK go\r\n"],
    "sieve": ['"SIEVE" "x"\r\n"STARTTLS"\r\nOK\r\n', "STARTTLS", "OK\r\n"],
    "ftp": ["220 mx\r\n", "AUTH TLS", "234 go\r\n"],
    "nntp": ["200 mx\r\n", "STARTTLS", "382 go\r\n"],
    "irc": ["", "CAP LS", ":mx CAP * LS :sasl tls\r\n", "STARTTLS", ":mx 670 * :go\r\n"],
    "xmpp-client": ["", "jabber:client", FEATURES, "<starttls", "<proceed/>"],
    "xmpp-server": ["", "jabber:server", FEATURES, "<starttls", "<proceed/>"],
    "ldap": ["", "1.3.6.1.4.1.1466.20037",
             "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"],
    "postgres": ["", "\x04\u00d2\x16/", "S"],
}


class Service(Listener):
    def __init__(self, certificate, dialogue=()):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self.dialogue = dialogue
        super().__init__()

    def serve(self, connection):
        for turn, text in enumerate(self.dialogue):
            octets = text.encode("latin-1")
            if turn % 2 == 0:
                connection.sendall(octets)
            else:
                assert octets in connection.recv(4096)
        with self.context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)


class NameServer(Listener):
    def __init__(self, address, port, zone):
        self.zone = zone
        super().__init__(address, port)

    def serve(self, connection):
        with connection.makefile("rb") as stream:
            length, = struct.unpack("!H", stream.read(2))
            query = dns.message.from_wire(stream.read(length))
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        question = query.question[0]
        name, type_ = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        if self.zone.signed and query.flags & dns.flags.AD and \
                (name, type_) not in self.zone.insecure:
            reply.flags |= dns.flags.AD
        while (name, "CNAME") in self.zone.table and type_ != "CNAME":
            target = self.zone.table[name, "CNAME"]
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", *target))
            name = target[0]
        values = self.zone.table.get((name, type_), [])
        address = self.socket.getsockname()[0]
        values = self.zone.other.get(address, {}).get((name, type_), values)
        if values:
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", type_, *values))
        else:
            reply.authority.append(dns.rrset.from_text(
                ZONE, 60, "IN", "SOA", *self.zone.table[ZONE, "SOA"]))
        wire = reply.to_wire()
        connection.sendall(struct.pack("!H", len(wire)) + wire)


class World:
    """A zone at two name servers, and what check says about services in it."""

    def __init__(self):
        self.port = free_port()
        self.signed = True
        self.insecure = set()  # of a signed zone's answers: (name, type)
        self.other = {}
        self.table = {
            (ZONE, "NS"): ["ns1.duck.example.", "ns2.duck.example."],
            (ZONE, "SOA"): ["ns1.duck.example. host.duck.example. 1 60 60 60 60"],
            ("ns1.duck.example.", "A"): [SERVERS[0]],
            ("ns2.duck.example.", "A"): [SERVERS[1]],
            (HOST, "A"): ["127.0.0.1"],
        }
        self.listeners = [NameServer(address, self.port, self) for address in SERVERS]

    def serve(self, certificate, *tlsa, dialogue=()):
        service = Service(certificate, dialogue)
        self.listeners.append(service)
        if tlsa:
            self.table[f"_{service.port}._tcp.{HOST}", "TLSA"] = list(tlsa)
        return service.port

    def run(self, *words):
        return subprocess.run(
            [str(BUILD / "tsigate-tlsa"), "check", "--resolver", f"127.0.0.1:{self.port}",
             "--ns-port", str(self.port), *map(str, words)],
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)

    def close(self):
        for listener in self.listeners:
            listener.close()


@pytest.fixture
def world():
    made = World()
    yield made
    made.close()


def openssl(*words):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True,
                          timeout=60).stdout


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """good, soon (expires tomorrow), expired, and a chain below a private CA."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("good", "soon", "expired", "ca", "leaf"):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
                folder / f"{name}.key")
        openssl("req", "-new", "-key", folder / f"{name}.key", "-subj", f"/CN={name}",
                "-out", folder / f"{name}.csr")
    (folder / "ext").write_text(f"subjectAltName=DNS:{HOST.rstrip('.')}\n")
    (folder / "ca.ext").write_text("basicConstraints=critical,CA:TRUE\n")

    def sign(name, days, *signer, ext="ext"):
        openssl("x509", "-req", "-in", folder / f"{name}.csr", "-days", days, "-extfile",
                folder / ext, "-out", folder / f"{name}.pem", *signer)

    for name, days in (("good", 90), ("soon", 1), ("expired", -1)):
        sign(name, days, "-signkey", folder / f"{name}.key")
    sign("ca", 90, "-signkey", folder / "ca.key", ext="ca.ext")
    sign("leaf", 90, "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
         "-CAcreateserial")
    with open(folder / "leaf.pem", "a") as leaf:
        leaf.write((folder / "ca.pem").read_text())
    return folder


def tlsa(certificate, usage=3):
    key = openssl("x509", "-in", certificate, "-noout", "-pubkey")
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key,
                         check=True, capture_output=True).stdout
    return f"{usage} 1 1 {hashlib.sha256(der).hexdigest()}"


WRONG = "3 1 1 " + "00" * 32
NO_WAY = "255.255.255.255"  # as an IPv6 address is where there is no IPv6


def test_good(world, certificates):
    port = world.serve(certificates / "good.pem", tlsa(certificates / "good.pem"))
    done = world.run(f"{HOST}:{port}")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "DANE holds" in done.stdout
    assert "the same at every name server (2)" in done.stdout
    assert "(AD)" in done.stdout


def test_an_address_that_we_have_no_way_to(world, certificates):
    """It says nothing of the others of the same server; alone, nothing is known."""
    port = world.serve(certificates / "good.pem", tlsa(certificates / "good.pem"))
    world.table["ns1.duck.example.", "A"].append(NO_WAY)
    world.table[HOST, "A"].append(NO_WAY)
    done = world.run(f"{HOST}:{port}")
    assert (done.returncode, done.stderr) == (0, "") and ": good\n" in done.stdout
    world.table[HOST, "A"] = [NO_WAY]
    done = world.run(f"{HOST}:{port}")
    assert done.returncode == 4 and f"{NO_WAY}:{port}: " in done.stdout
    world.table[HOST, "A"] = ["127.0.0.1"]
    world.table["ns1.duck.example.", "A"] = [NO_WAY]
    done = world.run(f"{HOST}:{port}")
    assert done.returncode == 4 and f"ns1.duck.example. ({NO_WAY})" in done.stdout


def test_of_openssl(world, certificates):
    """The same against a TLS server that is not Python's."""
    port = free_port()
    world.table[f"_{port}._tcp.{HOST}", "TLSA"] = [tlsa(certificates / "good.pem")]
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", "-cert",
         certificates / "good.pem", "-key", certificates / "good.key"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: accepts(port), 10, "openssl s_server listens")
        done = world.run(f"{HOST}:{port}")
        assert done.returncode == 0 and "DANE holds" in done.stdout, done
    finally:
        server.kill()
        server.wait(timeout=10)
        server.stdin.close()


@pytest.mark.parametrize("protocol", DIALOGUES)
def test_starttls(world, certificates, protocol):
    port = world.serve(certificates / "good.pem", tlsa(certificates / "good.pem"),
                       dialogue=DIALOGUES[protocol])
    done = world.run("--starttls", protocol, f"{HOST}:{port}")
    assert done.returncode == 0, done


def test_starttls_refused(world, certificates):
    port = world.serve(certificates / "good.pem", tlsa(certificates / "good.pem"),
                       dialogue=["220 mx\r\n", "EHLO", "250 mx\r\n"])
    done = world.run("--starttls", "smtp", f"{HOST}:{port}")
    assert done.returncode == 1 and "does not offer STARTTLS" in done.stdout, done


def test_wrong(world, certificates):
    port = world.serve(certificates / "good.pem", WRONG)
    done = world.run("--json", f"{HOST}:{port}")
    assert done.returncode == 1, done
    service, = json.loads(done.stdout)["services"]
    assert service["verdict"] == "fails"
    assert any("DANE fails" in one["text"] for one in service["findings"])


def test_of_a_coming_certificate(world, certificates):
    port = world.serve(certificates / "good.pem", tlsa(certificates / "good.pem"), WRONG)
    done = world.run(f"{HOST}:{port}")
    assert done.returncode == 0 and "matches no certificate" in done.stdout, done


def test_issuer(world, certificates):
    port = world.serve(certificates / "leaf.pem", tlsa(certificates / "ca.pem", 2))
    assert world.run(f"{HOST}:{port}").returncode == 0
    # The same certificate under another name: 2 1 1 checks the name.
    world.table["www.duck.example.", "A"] = ["127.0.0.1"]
    world.table[f"_{port}._tcp.www.duck.example.", "TLSA"] = [
        tlsa(certificates / "ca.pem", 2)]
    done = world.run(f"www.duck.example:{port}")
    assert done.returncode == 1 and "ostname mismatch" in done.stdout, done


def test_expired(world, certificates):
    port = world.serve(certificates / "expired.pem", tlsa(certificates / "expired.pem"))
    done = world.run(f"{HOST}:{port}")
    assert done.returncode == 1 and "the certificate expired" in done.stdout, done


def test_expires_soon(world, certificates):
    port = world.serve(certificates / "soon.pem", tlsa(certificates / "soon.pem"))
    done = world.run(f"{HOST}:{port}")
    assert done.returncode == 0 and "expires in 23 hours" in done.stdout, done
    monitor = world.run("--monitor", f"{HOST}:{port}")
    assert monitor.returncode == 1 and "hours_left=23" in monitor.stdout, monitor


def test_no_tlsa(world, certificates):
    port = world.serve(certificates / "good.pem")
    done = world.run(f"{HOST}:{port}")
    assert done.returncode == 1 and "no TLSA at" in done.stdout, done


def test_servers_disagree(world, certificates):
    port = world.serve(certificates / "good.pem", tlsa(certificates / "good.pem"))
    world.other[SERVERS[1]] = {(f"_{port}._tcp.{HOST}", "TLSA"): [WRONG]}
    done = world.run(f"{HOST}:{port}")
    assert done.returncode == 1 and "name servers disagree: ns" in done.stdout, done


def test_unsigned(world, certificates):
    port = world.serve(certificates / "good.pem", tlsa(certificates / "good.pem"))
    world.signed = False
    done = world.run(f"{HOST}:{port}")
    assert done.returncode == 1 and "not authenticated" in done.stdout, done


def test_cname(world, certificates):
    port = world.serve(certificates / "good.pem")
    world.table[f"_{port}._tcp.{HOST}", "CNAME"] = ["tlsa._kage.duck.example."]
    world.table["tlsa._kage.duck.example.", "TLSA"] = [tlsa(certificates / "good.pem")]
    done = world.run(f"_{port}._tcp.{HOST}")
    assert done.returncode == 0 and "(by CNAME)" in done.stdout, done


def test_cname_loop(world, certificates):
    port = world.serve(certificates / "good.pem")
    owner = f"_{port}._tcp.{HOST}"
    for turn in range(40):
        world.table[f"x{turn}.duck.example.", "CNAME"] = [f"x{turn + 1}.duck.example."]
    world.table[owner, "CNAME"] = ["x0.duck.example."]
    assert world.run(f"{HOST}:{port}").returncode == 4


def test_nobody_there(world):
    port = free_port()
    world.table[f"_{port}._tcp.{HOST}", "TLSA"] = [WRONG]
    done = world.run(f"{HOST}:{port}")
    assert done.returncode == 4 and "refused" in done.stdout, done
    assert world.run("--monitor", f"{HOST}:{port}").returncode == 3


def test_srv(world, certificates):
    """XMPP is asked for the domain: of its hosts it knows nothing (RFC 6120 4.7.2)."""
    domain = f"to='{ZONE.rstrip('.')}'"
    port = world.serve(certificates / "good.pem", tlsa(certificates / "good.pem"),
                       dialogue=["", domain, *DIALOGUES["xmpp-server"][2:]])
    world.table[f"_xmpp-server._tcp.{ZONE}", "SRV"] = [f"0 0 {port} {HOST}"]
    done = world.run("--srv", f"_xmpp-server._tcp.{ZONE}")
    assert done.returncode == 0 and " xmpp-server: good" in done.stdout, done


def test_mx(world):
    # Port 25 is not ours to listen at: without a TLSA nothing is connected to.
    world.table[ZONE, "MX"] = [f"10 {HOST}"]
    done = world.run("--mx", ZONE)
    assert done.returncode == 1, done
    assert f"{HOST}:25 smtp: fails" in done.stdout
    assert f"no TLSA at _25._tcp.{HOST}" in done.stdout


@pytest.mark.parametrize("option, type_, owner", [
    ("--mx", "MX", ZONE), ("--srv", "SRV", f"_xmpp-server._tcp.{ZONE}")])
def test_pointer_that_is_not_authenticated(world, certificates, option, type_, owner):
    """Nobody looks for TLSA at a host that an unsigned zone names (RFC 7672 2.2.1)."""
    port = world.serve(certificates / "good.pem", tlsa(certificates / "good.pem"),
                       dialogue=DIALOGUES["xmpp-server"])
    world.table[owner, "MX"] = [f"10 {HOST}"]
    world.table[owner, "SRV"] = [f"0 0 {port} {HOST}"]
    said = f"not authenticated: that {owner} leads to this host"
    assert said not in world.run(option, owner).stdout
    world.insecure.add((owner, type_))
    done = world.run(option, owner)
    assert done.returncode == 1 and said in done.stdout, done


def test_table(world, certificates, tmp_path):
    good = world.serve(certificates / "good.pem", tlsa(certificates / "good.pem"),
                       dialogue=DIALOGUES["imap"])
    bad = world.serve(certificates / "good.pem", WRONG)
    table = tmp_path / "table"
    table.write_text(f"# host:port protocol\n\n{HOST}:{good} imap\n{HOST}:{bad} # web\n")
    done = world.run("--monitor", "--file", table)
    assert done.returncode == 2, done
    assert done.stdout.startswith(f"DANE CRITICAL: {HOST}:{bad}: ")
    assert "| good=1 warning=0 fails=1 unknown=0 hours_left=" in done.stdout
    assert done.stdout.count("\n") == 1
    table.write_text(f"{HOST}:{good} imaps\n")
    assert world.run("--file", table).returncode == 3


@pytest.mark.parametrize("words", [
    [], ["a:0"], ["a:65536"], ["a:x"], [":25"], ["a:1:2"], ["_25._udp.a"], ["_x._tcp.a"],
    ["--starttls", "smtps", "a"], ["--ns-port", "0", "a"], ["a..b:25"]])
def test_called_wrongly(world, words):
    assert world.run(*words).returncode == 2
    assert world.run("--monitor", *words).returncode == 3
