"""tsigate-tlsa publish, through the gateway and against a BIND without one."""
import hashlib
import json
import subprocess

import pytest

import clients

from lab import BUILD, DYNAMIC, SHADOW, Resolver, free_port
from wire import Key

NAME = "mx1.duckcorp.org"
OWNER = f"_25._tcp.{NAME}"
TARGET = f"_25._tcp.mx1.{SHADOW}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key's certificate, and the data of its 3 1 1."""
    at = tmp_path_factory.mktemp("certificate")

    def openssl(*words, stdin=None):
        return subprocess.run(["openssl", *words], cwd=at, input=stdin, check=True,
                              capture_output=True, timeout=30).stdout
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=x", "-keyout", "key", "-out", "cert")
    public = openssl("x509", "-in", "cert", "-noout", "-pubkey")
    der = openssl("pkey", "-pubin", "-outform", "der", stdin=public)
    path = at / "cert"
    return path, f"3 1 1 {hashlib.sha256(der).hexdigest()}"


def publish(server, key, certificate, *words, folder):
    path = folder / "host.key"
    key.write(path)
    path.chmod(0o600)
    return subprocess.run(
        [str(word) for word in (
            BUILD / "tsigate-tlsa", "publish", "--cert", certificate[0], "-k", path,
            "--server", f"127.0.0.1:{server.port}", *words)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def tlsa_of(primary, name):
    """The values as one line each: dnspython cuts long ones into words."""
    return {" ".join((*text.split()[:3], "".join(text.split()[3:])))
            for text in primary.ask(name, "TLSA")}


# ---- through the gateway -------------------------------------------------------------

def test_the_gateway_finds_the_shadow(lab, gateway, primary, certificate, tmp_path):
    data = certificate[1]
    done = publish(gateway, gateway.key(), certificate, NAME, "25/tcp", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"added    {OWNER}. IN TLSA {data}\n"
    assert tlsa_of(primary, TARGET) == {data}
    assert primary.ttl(TARGET, "TLSA") == 300
    # What is right is left alone: no second UPDATE.
    serial = primary.serial(SHADOW)
    lines = len(gateway.audit_lines())
    done = publish(gateway, gateway.key(), certificate, NAME, "25/tcp", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"there    {OWNER}. IN TLSA {data}\n")
    assert primary.serial(SHADOW) == serial
    assert len(gateway.audit_lines()) == lines
    primary.wipe(SHADOW)


def test_another_record_stays(lab, gateway, primary, certificate, tmp_path):
    """Never deletes; the RRset keeps its TTL."""
    old = "3 1 1 " + "ab" * 32
    done = clients.nsupdate(tmp_path, gateway.port, gateway.key(),
                            f"update add {OWNER}. 120 TLSA {old}")
    assert done.returncode == 0, done.stdout
    done = publish(gateway, gateway.key(), certificate, "--json", NAME, "25/tcp",
                   folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    row, = json.loads(done.stdout)["records"]
    assert (row["owner"], row["added"]) == (f"{OWNER}.", True)
    assert tlsa_of(primary, TARGET) == {old, certificate[1]}
    assert primary.ttl(TARGET, "TLSA") == 120
    primary.wipe(SHADOW)


def test_what_is_not_granted(lab, gateway, primary, certificate, tmp_path):
    done = publish(gateway, gateway.key(), certificate, NAME, "465/tcp", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"REFUSED: query-not-allowed: host {NAME} may not write " in done.stderr
    done = publish(gateway, gateway.key("mx2.duckcorp.org"), certificate, NAME, "25/tcp",
                   folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert primary.records() == set()


@pytest.mark.parametrize("key, said", [
    (Key("nobody.duckcorp.org"), "BADKEY"), (Key(NAME), "BADSIG")])
def test_a_key_that_is_wrong(lab, gateway, certificate, tmp_path, key, said):
    done = publish(gateway, key, certificate, NAME, "25/tcp", folder=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert said in done.stderr


def test_host_conf(lab, gateway, primary, certificate, tmp_path):
    """server and key from host.conf, as `tsigate key new --for tsigate-tlsa` says."""
    gateway.key().write(tmp_path / "host.key")
    (tmp_path / "host.key").chmod(0o600)
    conf = tmp_path / "host.conf"
    command = [BUILD / "tsigate-tlsa", "publish", "-c", conf, "--cert", certificate[0],
               NAME, "25/tcp"]
    conf.write_text(f'server = "127.0.0.1:{gateway.port}";\nkey = "host.key";\n')
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert tlsa_of(primary, TARGET) == {certificate[1]}
    primary.wipe(SHADOW)
    conf.write_text(f'server = "127.0.0.1:{gateway.port}";\n')
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "REFUSED (without a key: see -k)" in done.stderr
    for text, said in (("server = 5;\n", ":1:1: 'server' wants a text"),
                       ('\nservers = "::1";\n', ":2:1: unknown setting 'servers'; did you mean"),
                       ("server = \n", ":")):
        conf.write_text(text)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 3 and done.stderr.startswith(f"{conf}{said}")


# ---- until everybody serves it -------------------------------------------------------

def test_wait(new_lab, certificate, tmp_path):
    """The record's own zone is found behind the CNAME, and its name servers asked."""
    lab = new_lab()
    primary = lab.start_primary()
    gateway = lab.start_gateway()
    resolver = lab.add(Resolver(lab.folder / "resolver", primary))
    words = ["--wait=5", "--resolver", f"127.0.0.1:{resolver.port}", "--ns-port"]
    done = publish(gateway, gateway.key(), certificate, *words, primary.port,
                   NAME, "25/tcp", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"served   by every name server of {SHADOW}. (1)\n")
    # A name server that has nothing to say of it: it is published, and the wait fails.
    done = publish(gateway, gateway.key(), certificate, *words, gateway.port,
                   NAME, "25/tcp", folder=tmp_path)
    assert done.returncode == 4
    assert done.stdout.startswith("there ")
    assert f"name server ns.duckcorp.org. cannot be asked for {TARGET}.: REFUSED" in done.stderr
    done = publish(gateway, gateway.key(), certificate, *words, free_port(),
                   NAME, "25/tcp", folder=tmp_path)
    assert done.returncode == 4 and "cannot be asked" in done.stderr


# ---- a BIND without a gateway --------------------------------------------------------

@pytest.fixture(scope="module")
def bare(new_lab):
    lab = new_lab()
    lab.start_primary()
    return lab


def test_a_dynamic_zone_of_bind(bare, certificate, tmp_path):
    owner = f"_443._tcp.www.{DYNAMIC}"
    for word in ("added", "there"):
        done = publish(bare.primary, bare.gateway_key, certificate, "--ttl", 60,
                       f"www.{DYNAMIC}", "443/tcp", folder=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.split()[0] == word
    assert tlsa_of(bare.primary, owner) == {certificate[1]}
    assert bare.primary.ttl(owner, "TLSA") == 60


def test_a_cname_is_not_written_over(bare, certificate, tmp_path):
    """BIND would answer NOERROR and ignore it."""
    done = publish(bare.primary, bare.gateway_key, certificate, NAME, "25/tcp",
                   folder=tmp_path)
    assert done.returncode == 1 and "a CNAME stands there" in done.stderr


def test_a_zone_that_takes_no_update(bare, certificate, tmp_path):
    done = publish(bare.primary, bare.gateway_key, certificate, NAME, "993/tcp",
                   folder=tmp_path)
    assert done.returncode == 1 and "REFUSED" in done.stderr
    done = publish(bare.primary, bare.gateway_key, certificate, "www.elsewhere.example",
                   "443/tcp", folder=tmp_path)
    assert done.returncode == 1


def test_nobody_listens(certificate, tmp_path):
    class Nobody:
        port = free_port()
    done = publish(Nobody, Key(NAME), certificate, NAME, "25/tcp", folder=tmp_path)
    assert done.returncode == 4 and "refused" in done.stderr
