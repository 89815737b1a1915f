"""Stock ACME clients get real certificates through tsigate and leave nothing behind.

pebble looks the challenge up as any authority does: at the static name, along its CNAME,
in the shadow zone. That no record stays behind, and that the static zone does not move,
is checked by the `lab` fixture after each test.
"""
import shlex
import sys
import threading

import pytest

import clients
from lab import STATIC

MX1 = f"mx1.{STATIC}"
MX2 = f"mx2.{STATIC}"
WWW1 = f"www1.{STATIC}"
NAMES = pytest.mark.parametrize("names", [[MX1], [MX1, f"*.{MX1}"]],
                                ids=["one-name", "name-and-wildcard"])


@NAMES
def test_certbot(gateway, authority, tmp_path, names):
    done = clients.certbot(tmp_path, authority, gateway.port, gateway.key(), *names)
    assert done.returncode == 0, done.stdout
    assert clients.names_in(clients.certbot_certificate(tmp_path, MX1)) == set(names)


def test_certbot_with_sha512(gateway, authority, tmp_path):
    done = clients.certbot(tmp_path, authority, gateway.port, gateway.key("mx1-sha512"),
                           MX1)
    assert done.returncode == 0, done.stdout
    assert clients.names_in(clients.certbot_certificate(tmp_path, MX1)) == {MX1}


def test_certbot_for_another_host(gateway, primary, authority, tmp_path):
    done = clients.certbot(tmp_path, authority, gateway.port, gateway.key(), WWW1)
    assert done.returncode != 0
    assert "REFUSED" in done.stdout
    assert not clients.certbot_certificate(tmp_path, WWW1).exists()
    assert primary.records() == set()


def test_two_hosts_at_once(gateway, authority, tmp_path):
    results = {}

    def issue(host):
        folder = tmp_path / host
        folder.mkdir()
        results[host] = clients.certbot(folder, authority, gateway.port,
                                        gateway.key(host), host)

    threads = [threading.Thread(target=issue, args=(host,)) for host in (MX1, MX2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for host in (MX1, MX2):
        assert results[host].returncode == 0, results[host].stdout
        assert clients.names_in(
            clients.certbot_certificate(tmp_path / host, host)) == {host}


@NAMES
@pytest.mark.parametrize("follow_cname", [True, False], ids=["shadow", "static"])
def test_lego(gateway, authority, resolver, tmp_path, names, follow_cname):
    """lego follows the CNAME and writes to the shadow zone itself, unless told not to."""
    done = clients.lego(tmp_path, authority, gateway.port, gateway.key(), *names,
                        resolver=resolver, follow_cname=follow_cname)
    assert done.returncode == 0, done.stdout
    assert clients.names_in(clients.lego_certificate(tmp_path, MX1)) == set(names)


@pytest.mark.parametrize("follow_cname", [True, False], ids=["shadow", "static"])
def test_lego_for_another_host(gateway, primary, authority, resolver, tmp_path,
                               follow_cname):
    done = clients.lego(tmp_path, authority, gateway.port, gateway.key(), WWW1,
                        resolver=resolver, follow_cname=follow_cname)
    assert done.returncode != 0
    assert "REFUSED" in done.stdout
    assert not clients.lego_certificate(tmp_path, WWW1).exists()
    assert primary.records() == set()


# dehydrated with the hooks that people write: each is a shell command that changes the
# challenge of $name as $change says, `add 60 TXT "..."` or `delete TXT "..."`.

def nsupdate_hook(folder, gateway, key, options="", zone=""):
    path = clients.key_path(folder, gateway.key(key))
    return (f"printf '%s\\n' 'server 127.0.0.1 {gateway.port}' '{zone}' "
            f'"update $verb $name. $rest" send | nsupdate {options} -k {path}')


def knsupdate_hook(folder, gateway, key):
    key = gateway.key(key)
    return (f"printf '%s\\n' 'server 127.0.0.1 {gateway.port}' 'zone {STATIC}.' "
            f'"update $verb $name. $rest" send quit | '
            f"knsupdate -y {key.algorithm}:{key.name}:{key.base64}")


DNSPYTHON_HOOK = """
import sys, dns.query, dns.rcode, dns.tsigkeyring, dns.update
port, key, secret, verb, name, rest = sys.argv[1:]
message = dns.update.UpdateMessage({zone!r}, keyring=dns.tsigkeyring.from_text(
    {{key: secret}}), keyalgorithm="hmac-sha256")
words = rest.split()
value = words[-1].strip('"')
if verb == "add":
    message.add(name + ".", int(words[0]), "TXT", value)
else:
    message.delete(name + ".", "TXT", value)
reply = dns.query.tcp(message, "127.0.0.1", timeout=5, port=int(port))
sys.exit(dns.rcode.to_text(reply.rcode()) if reply.rcode() else 0)
"""


def dnspython_hook(folder, gateway, key):
    script = folder / "hook.py"
    script.write_text(DNSPYTHON_HOOK.format(zone=STATIC))
    key = gateway.key(key)
    command = shlex.join([sys.executable, str(script), str(gateway.port), key.name,
                          key.base64])
    return f'{command} "$verb" "$name" "$rest"'


HOOKS = {
    "nsupdate": (nsupdate_hook, {}),
    "nsupdate-tcp": (nsupdate_hook, {"options": "-v"}),
    "nsupdate-zone": (nsupdate_hook, {"zone": f"zone {STATIC}"}),
    "nsupdate-zone-tcp": (nsupdate_hook, {"zone": f"zone {STATIC}", "options": "-v"}),
    "knsupdate": (knsupdate_hook, {}),
    "dnspython": (dnspython_hook, {}),
}


@pytest.mark.parametrize("hook", HOOKS)
def test_dehydrated(gateway, authority, tmp_path, hook):
    make, options = HOOKS[hook]
    command = make(tmp_path, gateway, MX1, **options)
    done = clients.dehydrated(tmp_path, authority, command, MX1)
    assert done.returncode == 0, done.stdout
    assert clients.names_in(clients.dehydrated_certificate(tmp_path, MX1)) == {MX1}


def test_dehydrated_with_sha512_and_wildcard(gateway, authority, tmp_path):
    command = nsupdate_hook(tmp_path, gateway, "mx1-sha512")
    done = clients.dehydrated(tmp_path, authority, command, f"{MX1} *.{MX1}")
    assert done.returncode == 0, done.stdout
    assert clients.names_in(clients.dehydrated_certificate(tmp_path, MX1)) == {
        MX1, f"*.{MX1}"}


def test_dehydrated_for_another_host(gateway, primary, authority, tmp_path):
    command = nsupdate_hook(tmp_path, gateway, MX1)
    done = clients.dehydrated(tmp_path, authority, command, WWW1)
    assert done.returncode != 0
    assert "REFUSED" in done.stdout
    assert not clients.dehydrated_certificate(tmp_path, WWW1).exists()
    assert primary.records() == set()
