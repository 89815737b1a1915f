"""tsigate-tlsa publish and check in signed zones at two name servers, and check against
the services that people run."""
import ssl
import subprocess
import time

import pytest

from daemons import ANCHORED, ANOTHER, DAEMONS
from dane_lab import HOST, TTL, Certificate, Dovecot, Postfix
from lab import SHADOW, STATIC, until
from prober import presented

PORT = 4433  # nobody listens
MAIL = (Postfix, Dovecot)
PROTOCOLS = [protocol for one in (*MAIL, *DAEMONS) for protocol in one.PROTOCOLS]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory, authority):
    return Certificate(tmp_path_factory.mktemp("certificate"), "services",
                       issuer=authority, names=(HOST, ANOTHER, ANCHORED))


def make(services, *words):
    """Those that can run here."""
    made = []
    for service, folder in services:
        try:
            made.append(service(folder, *words))
        except pytest.skip.Exception as skipped:
            print(skipped)
    return made


def ports(services):
    return {protocol: port for service in services
            for protocol, port in service.ports.items()}


def more_records(authority, daemons):
    """Other names of the same services, and who leads to them."""
    lines = [f"{ANOTHER}. IN A 127.0.0.1", f"*._tcp.{ANOTHER}. IN TLSA 3 1 1 {'0d' * 32}",
             f"{ANCHORED}. IN A 127.0.0.1",
             f"*._tcp.{ANCHORED}. IN TLSA 2{authority.tlsa[1:]}"]
    lines += [f"_{protocol}._tcp IN SRV 0 0 {port} mx1"
              for protocol, port in ports(daemons).items() if protocol.startswith("xmpp")]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def plain(dane_lab):
    """What has no TLS."""
    daemons = make([(one, dane_lab.folder / f"{one.NAME}-plain") for one in DAEMONS], False)
    dane_lab.spawn_all(daemons)
    return daemons


@pytest.fixture(scope="module")
def services(dane_lab, authority, certificate, plain):
    """{protocol: port} of all that can run here; their records are published."""
    mail = make([(one, dane_lab.folder / one.__name__.lower()) for one in MAIL])
    daemons = make([(one, dane_lab.folder / one.NAME) for one in DAEMONS], True)
    for service in (*mail, *daemons):
        certificate.install(service)
    dane_lab.spawn_all(daemons)
    found = ports([*mail, *daemons])
    dane_lab.start_all([PORT, *found.values()], more_records(authority, daemons))
    for service in mail:
        dane_lab.add(service)
    for service in (*plain, *daemons):
        service.wait_ready(service.serves)
    return found


def run(command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60)


def publish(lab, certificate, *words):
    return lab.tlsa_tool("publish", "--ttl", TTL, "--cert", certificate.path, *words)


def test_publish_waits_for_who_lags(dane_lab, services, certificate):
    with dane_lab.secondary.lagging():
        done = run(publish(dane_lab, certificate, "--wait=1", HOST, f"{PORT}/tcp"))
        assert done.returncode == 4, done
        assert f"name server ns2.duckcorp.org. does not serve _{PORT}._tcp" in done.stderr
        assert "ns1.duckcorp.org." not in done.stderr
        told = run(dane_lab.tlsa_tool("check", f"{HOST}:{PORT}"))
        assert told.returncode == 1 and "name servers disagree: ns" in told.stdout, told
        waits = subprocess.Popen(
            publish(dane_lab, certificate, "--wait=30", HOST, f"{PORT}/tcp"),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(1)
        assert waits.poll() is None, waits.stdout.read()
    text, _ = waits.communicate(timeout=30)
    assert waits.returncode == 0, text
    assert text.endswith(f"served   by every name server of {SHADOW}. (2)\n")


@pytest.fixture(scope="module")
def published(dane_lab, services, certificate):
    ports = [f"{port}/tcp" for port in services.values()]
    if not ports:
        pytest.skip("no service runs here")
    done = run(publish(dane_lab, certificate, "--wait=20", HOST, *ports))
    assert done.returncode == 0, done


def check(lab, protocol, ports, host=HOST):
    if protocol not in ports:
        pytest.skip(f"nothing here serves {protocol}")
    words = [] if protocol == "imaps" else ["--starttls", protocol]
    return run(lab.tlsa_tool("check", *words, f"{host}:{ports[protocol]}"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_check(dane_lab, services, published, protocol):
    if protocol in services and protocol.startswith("xmpp"):
        done = run(dane_lab.tlsa_tool("check", "--srv", f"_{protocol}._tcp.{STATIC}"))
    else:
        done = check(dane_lab, protocol, services)
    assert done.returncode == 0 and "DANE holds" in done.stdout, done
    assert "the same at every name server (2)" in done.stdout
    assert "authenticated by the resolver (AD)" in done.stdout


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_another_key(dane_lab, services, protocol):
    done = check(dane_lab, protocol, services, ANOTHER)
    assert done.returncode == 1 and "DANE fails: no matching DANE TLSA" in done.stdout, done


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_authority(dane_lab, services, protocol):
    """The chain is presented, too."""
    done = check(dane_lab, protocol, services, ANCHORED)
    assert done.returncode == 0 and "DANE holds" in done.stdout, done


@pytest.mark.parametrize("protocol, why", [
    ("xmpp-client", "it answers <stream:error>"),
    ("xmpp-server", "it does not offer STARTTLS"),
    ("ftp", "it answers 530 "),
    ("ldap", "it refuses StartTLS"),
    ("nntp", "it answers 5"),
    ("postgres", "it has no TLS: it answers N"),
    ("irc", "it does not offer STARTTLS")])
def test_without_tls(dane_lab, services, plain, protocol, why):
    done = check(dane_lab, protocol, ports(plain), ANOTHER)
    assert done.returncode == 1 and f"DANE fails: {why}" in done.stdout, done


def test_host_is_no_domain(dane_lab, services, published):
    """XMPP is asked for a domain, which --srv tells."""
    done = check(dane_lab, "xmpp-client", services)
    assert done.returncode == 1 and "<host-unknown " in done.stdout, done


def test_mx(dane_lab, services):
    """Port 25 is not ours; that the MX is authenticated can be seen without."""
    done = run(dane_lab.tlsa_tool("check", "--mx", STATIC))
    assert done.returncode == 1 and f"no TLSA at _25._tcp.{HOST}" in done.stdout, done
    assert "not authenticated: that" not in done.stdout


def test_posttls_finger(dane_lab, services, published, certificate, tmp_path):
    """A mail server agrees with `check`, in what holds and in what does not."""
    if "smtp" not in services:
        pytest.skip("nothing here serves smtp")
    postfix = next(one for one in dane_lab.programs if one.name == "postfix")
    done = dane_lab.finger(postfix)
    assert "Verified TLS connection established to mx1.duckcorp.org" in done.stdout, done
    Certificate(tmp_path, "another").install(postfix)
    postfix.reload()
    try:
        until(lambda: "Verified" not in dane_lab.finger(postfix).stdout, 10, "DANE fails")
        assert check(dane_lab, "smtp", services).returncode == 1
    finally:
        certificate.install(postfix)
        postfix.reload()


CONSUMER = """{{
    name = "{name}";
    files = ( {{ format = "fullchain"; path = "{tls}/cert.pem"; mode = "0644"; }},
              {{ format = "key"; path = "{tls}/key.pem"; mode = "0600"; }} );
    tell = {{ signal = "HUP"; pid_file = "{pid_file}"; }};
    probe = [ "127.0.0.1:{port}/{protocol}" ];
}}"""


def test_deploy(dane_lab, services, certificate, tmp_path):
    """Two services at once, each told and seen; what they have already is left alone."""
    running = [one for one in dane_lab.programs if one.name in ("postfix", "dovecot")]
    if not running:
        pytest.skip("neither Postfix nor Dovecot runs here")
    new = Certificate(tmp_path, "new")
    consumers = ",".join(
        CONSUMER.format(name=one.name, tls=one.tls, pid_file=one.pid_file, port=port,
                        protocol=protocol)
        for one in running for protocol, port in list(one.ports.items())[:1])
    conf = tmp_path / "deploy.conf"
    conf.write_text(f"""
state = "{tmp_path}/state";
certificates = ( {{ name = "{HOST}"; certificate = "{new.path}"; key = "{new.key}";
                   consumers = ( {consumers} ); }} );
""")
    done = run(dane_lab.tlsa_tool("deploy", "--deploy-conf", conf))
    assert (done.returncode, done.stderr) == (0, ""), done
    assert [line.split()[1] for line in done.stdout.splitlines()] == [
        f"{one.name}:" for one in running]
    for one in running:
        assert (one.tls / "cert.pem").read_bytes() == new.path.read_bytes()
    if "smtp" in services:
        assert presented(services["smtp"]) == new.der
    if "imaps" in services:
        pem = ssl.get_server_certificate(("127.0.0.1", services["imaps"]))
        assert ssl.PEM_cert_to_DER_cert(pem) == new.der
    written = [(one.tls / "key.pem").stat() for one in running]
    done = run(dane_lab.tlsa_tool("deploy", "--deploy-conf", conf))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
    assert [(one.tls / "key.pem").stat().st_ino for one in running] == [
        old.st_ino for old in written]
