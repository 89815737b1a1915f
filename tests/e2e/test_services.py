"""tsigate-tlsa publish and check in signed zones at two name servers, and check against
the services that people run."""
import ssl
import subprocess
import time

import pytest

from dane_lab import HOST, TTL, Certificate, Dovecot, Postfix
from lab import SHADOW, STATIC, until
from prober import presented

PORT = 4433  # nobody listens


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("certificate"), "services")


@pytest.fixture(scope="module")
def services(dane_lab, certificate):
    """{protocol: port} of all that can run here; their records are published."""
    made = []
    for service, name in ((Postfix, "postfix"), (Dovecot, "dovecot")):
        try:
            made.append(service(dane_lab.folder / name))
        except pytest.skip.Exception as skipped:
            print(skipped)
    found = {}
    for service in made:
        found.update(service.ports)
    dane_lab.start_all([PORT, *found.values()])
    for service in made:
        certificate.install(service)
        dane_lab.add(service)
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
    assert text.endswith(f"served   by all 2 name servers of {SHADOW}.\n")


@pytest.fixture(scope="module")
def published(dane_lab, services, certificate):
    ports = [f"{port}/tcp" for port in services.values()]
    if not ports:
        pytest.skip("neither Postfix nor Dovecot runs here")
    done = run(publish(dane_lab, certificate, "--wait=20", HOST, *ports))
    assert done.returncode == 0, done


@pytest.mark.parametrize("protocol", [*Postfix.PROTOCOLS, *Dovecot.PROTOCOLS])
def test_check(dane_lab, services, published, protocol):
    if protocol not in services:
        pytest.skip(f"nothing here serves {protocol}")
    words = [] if protocol == "imaps" else ["--starttls", protocol]
    done = run(dane_lab.tlsa_tool("check", *words, f"{HOST}:{services[protocol]}"))
    assert done.returncode == 0 and "DANE holds" in done.stdout, done
    assert "the same at all 2 name servers" in done.stdout
    assert "authenticated by the resolver (AD)" in done.stdout



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
        check = dane_lab.tlsa_tool("check", "--starttls", "smtp", f"{HOST}:{postfix.port}")
        assert run(check).returncode == 1
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
