"""Keys that tsigate makes, in the hands of the stock clients.

What `key new` prints is run as it stands, but for the paths on the host and what the
laboratory needs: its authority, its resolver.
"""
import itertools
import os
import re
import shlex

import pytest

import clients
from lab import SHADOW, STATIC

# Names of the static zone whose host has no key of its own yet.
HOST = f"www1.{STATIC}"
CHALLENGE = f"_acme-challenge.{HOST}"
NUMBERS = itertools.count(1)  # each key has a name of its own in the audit log


class Made:
    """A key and its client's file; `script` is what to do on the host."""

    def __init__(self, gateway, folder, client, *words):
        number = next(NUMBERS)
        key = f"made-{number}.{STATIC}"
        acl = gateway.acl.read_text()
        gateway.acl.write_text(acl + f"\nhost {HOST}\n    key {key}\n")
        self.file = folder / f"client-{number}"
        done = gateway.tool("key", "new", HOST, "--name", key, "--for", client,
                            "--client-file", self.file, *words)
        assert done.returncode == 0, done.stderr
        assert gateway.tool("reload").returncode == 0
        self.key = key
        script = re.split(r"\n# On .*:\n", done.stdout)[1]
        place = re.search(r"root@\S+:(\S+)\n", done.stdout)[1]
        self.script = script.replace(place, str(self.file))

    def run(self, env=None, cwd=None):
        return clients.run(["sh", "-e"], self.script, env=env, cwd=cwd)


@pytest.fixture
def made(gateway, tmp_path):
    """Makes keys of HOST; ACL and key files are put back."""
    acl = gateway.acl.read_text()
    yield lambda client, *words: Made(gateway, tmp_path, client, *words)
    gateway.acl.write_text(acl)
    for path in (gateway.conf.parent / "keys").glob("made-*.key"):
        path.unlink()
    assert gateway.tool("reload").returncode == 0


def changes_of(gateway, key):
    return [(change["op"], change["target"]) for line in gateway.audit_lines()
            if line["event"] == "result" and line["key"] == key and
            line["verdict"] == "permitted" for change in line["changes"]]


ADDED_AND_DELETED = [("add", f"_acme-challenge.www1.{SHADOW}"),
                     ("delete", f"_acme-challenge.www1.{SHADOW}")]


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha384", "hmac-sha512"])
@pytest.mark.parametrize("client", ["nsupdate", "knsupdate"])
def test_update_client(gateway, made, client, algorithm):
    key = made(client, "--algorithm", algorithm)
    done = key.run()
    assert done.returncode == 0, done.stdout
    assert changes_of(gateway, key.key) == ADDED_AND_DELETED


@pytest.mark.parametrize("client", ["nsupdate", "knsupdate"])
def test_shown_secret(gateway, tmp_path, client):
    """The script itself holds the file: nothing is to be copied."""
    acl = gateway.acl.read_text()
    key = f"shown-{client}.{STATIC}"
    gateway.acl.write_text(acl + f"\nhost {HOST}\n    key {key}\n")
    made = gateway.tool("key", "new", HOST, "--name", key, "--for", client,
                        "--show-secret")
    assert made.returncode == 0 and gateway.tool("reload").returncode == 0
    script = made.stdout.split(f"\n# On {HOST}:\n")[1]
    done = clients.run(["sh", "-e"], script.replace("/etc/tsigate", str(tmp_path)))
    assert done.returncode == 0, done.stdout
    assert changes_of(gateway, key) == ADDED_AND_DELETED
    (file,) = tmp_path.glob(f"{key}.*")
    assert file.stat().st_mode & 0o777 == 0o600
    gateway.acl.write_text(acl)
    (gateway.conf.parent / "keys" / f"{key}.key").unlink()
    assert gateway.tool("reload").returncode == 0


def test_update_client_without_the_grant(gateway, made):
    """The near miss: the same script for a name that the host may not change."""
    key = made("nsupdate")
    key.script = key.script.replace("www1", "mx1")
    assert "REFUSED" in key.run().stdout
    assert changes_of(gateway, key.key) == []


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha512"])
def test_certbot(made, authority, tmp_path, algorithm):
    key = made("certbot", "--algorithm", algorithm)
    key.script = key.script.replace("certbot certonly", shlex.join([
        "certbot", "certonly", "--non-interactive", "--agree-tos",
        "--register-unsafely-without-email", "--server", authority.directory,
        "--config-dir", f"{tmp_path}/config", "--work-dir", f"{tmp_path}/work",
        "--logs-dir", f"{tmp_path}/logs", "--dns-rfc2136-propagation-seconds", "1"]))
    done = key.run(env={"REQUESTS_CA_BUNDLE": str(authority.ca)})
    assert done.returncode == 0, done.stdout
    assert clients.names_in(clients.certbot_certificate(tmp_path, HOST)) == {HOST}
    secret = re.search(r"secret = (\S+)", key.file.read_text())[1]
    logs = "".join(path.read_text() for path in (tmp_path / "logs").iterdir())
    assert secret not in done.stdout + logs


def test_lego(made, authority, resolver, tmp_path):
    key = made("lego")
    key.script = key.script.replace("lego --accept-tos", shlex.join([
        "lego", "--path", str(tmp_path), "--server", authority.directory,
        "--dns.resolvers", f"127.0.0.1:{resolver.port}", "--dns.disable-cp",
        "--accept-tos"]))
    done = key.run(env={
        "EMAIL": f"hostmaster@{STATIC}", "LEGO_CA_CERTIFICATES": str(authority.ca),
        "RFC2136_POLLING_INTERVAL": "1", "RFC2136_SEQUENCE_INTERVAL": "1"})
    assert done.returncode == 0, done.stdout
    assert clients.names_in(clients.lego_certificate(tmp_path, HOST)) == {HOST}


def test_lego_asks_for_an_address(made):
    key = made("lego")
    env = {name: value for name, value in os.environ.items() if name != "EMAIL"}
    assert "EMAIL" not in env
    done = key.run()
    assert done.returncode != 0 and "your address" in done.stdout


def test_dehydrated(made, authority, tmp_path):
    key = made("dehydrated")
    (tmp_path / "config").write_text(
        f"CA={authority.directory}\nBASEDIR={tmp_path}\nKEY_ALGO=prime256v1\n"
        f"CURL_OPTS='--cacert {authority.ca}'\nACCOUNT_KEYSIZE=2048\n")
    key.script = key.script.replace("/etc/dehydrated", str(tmp_path)).replace(
        "dehydrated --", f"dehydrated --config {tmp_path}/config --")
    done = key.run()
    assert done.returncode == 0, done.stdout
    assert clients.names_in(clients.dehydrated_certificate(tmp_path, HOST)) == {HOST}


ACME_SH_PART = """
nsupdate -k "$NSUPDATE_KEY" <<END
server $NSUPDATE_SERVER $NSUPDATE_SERVER_PORT
update add {name}. 60 in txt "{value}"
send
update delete {name}. txt
send
END
"""


def test_acme_sh(gateway, made):
    """What acme.sh's own part for nsupdate does with these variables; acme.sh is in no
    package of Debian."""
    key = made("acme.sh")
    variables, _, _ = key.script.partition("acme.sh --issue")
    key.script = variables + ACME_SH_PART.format(name=CHALLENGE, value="A" * 43)
    done = key.run()
    assert done.returncode == 0, done.stdout
    assert [op for op, _ in changes_of(gateway, key.key)] == ["add", "delete-rrset"]


def try_out(file, port, name=HOST):
    """One add and one delete with a key file; nsupdate's exit code and what it says."""
    owner = f"_acme-challenge.{name}"
    text = (f"server 127.0.0.1 {port}\nupdate add {owner} 60 TXT {'A' * 43}\nsend\n"
            f"update delete {owner} TXT {'A' * 43}\nsend\n")
    done = clients.run(["nsupdate", "-k", file], text)
    return done.returncode, done.stdout


def test_rotation(gateway, tmp_path):
    """Old and new key side by side; then the old one is refused by name."""
    acl = gateway.acl.read_text()
    keys = gateway.conf.parent / "keys"
    old, new = keys / f"{HOST}.key", tmp_path / "new"
    assert try_out(old, gateway.port) == (0, "")
    done = gateway.tool("key", "rotate", HOST, "--yes", "--name", f"second.{STATIC}",
                        "--client-file", new)
    assert done.returncode == 0, done.stderr
    assert try_out(new, gateway.port) == try_out(old, gateway.port) == (0, "")

    done = gateway.tool("key", "retire", HOST, "--yes")
    assert done.returncode == 1 and "was last used at" in done.stderr
    done = gateway.tool("key", "retire", "mx1-sha384", "--yes")
    assert done.returncode == 1 and "remembers only what was since" in done.stderr
    assert try_out(old, gateway.port) == (0, "")

    done = gateway.tool("key", "retire", HOST, "--yes", "--force")
    assert done.returncode == 0, done.stderr
    assert try_out(keys / f"{HOST}.key.retired", gateway.port)[0] != 0
    assert f"reason=key-unknown rcode=NOTAUTH key={HOST}" in gateway.logged()
    assert try_out(new, gateway.port) == (0, "")
    assert gateway.acl.read_text() == acl.replace(
        f"host {HOST}\n", f"host {HOST}\n    key  second.{STATIC}\n")

    (keys / f"{HOST}.key.retired").rename(old)
    (keys / f"second.{STATIC}.key").unlink()
    gateway.acl.write_text(acl)
    assert gateway.tool("reload").returncode == 0


def test_list_has_the_last_use(gateway, made):
    key = made("nsupdate")
    keys = gateway.tool("key", "list", "--json").stdout
    assert f'"key":"{key.key}"' in keys
    row = keys.split(f'"key":"{key.key}"')[1].split("}")[0]
    assert '"last_use":null' in row
    assert key.run().returncode == 0
    keys = gateway.tool("key", "list", "--json").stdout
    row = keys.split(f'"key":"{key.key}"')[1].split("}")[0]
    assert re.search(r'"last_use":"20\d\d-', row)


def test_no_secret_in_the_logs(gateway, made):
    key = made("nsupdate")
    assert key.run().returncode == 0
    secret = re.search(r'secret "([^"]+)"', key.file.read_text())[1]
    assert key.key in gateway.audit.read_text()
    assert secret not in gateway.audit.read_text() + gateway.logged()
