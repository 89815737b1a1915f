"""Stock DNS clients update the shadow zone by the names of the static one.

After each step BIND is asked what it holds: an answer of NOERROR alone never passes.
"""
import concurrent.futures

import dns.query
import dns.tsig
import dns.tsigkeyring
import dns.update
import pytest

import clients
import wire
from lab import SHADOW, STATIC

CHALLENGE = f"_acme-challenge.mx1.{STATIC}"
TARGET = f"_acme-challenge.mx1.{SHADOW}"
OTHER = f"_acme-challenge.www1.{STATIC}"
TOKEN = wire.acme_token("updates")
KEYS = ["mx1.duckcorp.org", "mx1-sha384", "mx1-sha512"]
BY_TRANSPORT = pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
# The zone that the client names, and the spelling that goes with it. `shadow` is direct
# addressing: the client knows the target and its zone (C-5).
SPELLINGS = pytest.mark.parametrize(
    "zone, name", [(None, CHALLENGE), (STATIC, CHALLENGE), (SHADOW, TARGET)],
    ids=["no-zone", "static-zone", "shadow-zone"])


def assert_lands(primary, update):
    """`update(change)` adds a value and takes it away again, and BIND agrees."""
    update("add", f'60 TXT "{TOKEN}"')
    assert primary.records() == {(TARGET, "TXT", f'"{TOKEN}"')}
    update("delete", f'TXT "{TOKEN}"')
    assert primary.records() == set()


@SPELLINGS
@BY_TRANSPORT
@pytest.mark.parametrize("key", KEYS)
def test_nsupdate(gateway, primary, tmp_path, zone, name, tcp, key):
    def update(verb, rest):
        done = clients.nsupdate(tmp_path, gateway.port, gateway.key(key),
                                f"update {verb} {name}. {rest}", zone=zone, tcp=tcp)
        assert (done.returncode, done.stdout) == (0, "")

    assert_lands(primary, update)


@pytest.mark.parametrize("zone, name", [(STATIC, CHALLENGE), (SHADOW, TARGET)],
                         ids=["static-zone", "shadow-zone"])
@BY_TRANSPORT
@pytest.mark.parametrize("key", ["mx1.duckcorp.org", "mx1-sha512"])
def test_knsupdate(gateway, primary, tmp_path, zone, name, tcp, key):
    def update(verb, rest):
        done = clients.knsupdate(tmp_path, gateway.port, gateway.key(key),
                                 f"update {verb} {name}. {rest}", zone=zone, tcp=tcp)
        assert done.returncode == 0, done.stdout

    assert_lands(primary, update)


@pytest.mark.parametrize("ask", [dns.query.udp, dns.query.tcp], ids=["udp", "tcp"])
@pytest.mark.parametrize("key", KEYS)
def test_dnspython(gateway, primary, ask, key):
    """dnspython verifies the reply's TSIG itself: a second opinion on our signing."""
    secret = gateway.key(key)
    keyring = dns.tsigkeyring.from_text({secret.name: secret.base64})

    def send(*change, delete=False):
        message = dns.update.UpdateMessage(STATIC, keyring=keyring,
                                           keyalgorithm=secret.algorithm)
        (message.delete if delete else message.add)(wire.absolute(CHALLENGE), *change)
        reply = ask(message, "127.0.0.1", timeout=5, port=gateway.port)
        assert reply.rcode() == 0
        assert reply.had_tsig

    send(60, "TXT", TOKEN)
    assert primary.records() == {(TARGET, "TXT", f'"{TOKEN}"')}
    send("TXT", TOKEN, delete=True)
    assert primary.records() == set()


def test_tlsa(gateway, primary, tmp_path):
    value = wire.tlsa_value("updates")
    name = f"_25._tcp.mx1.{STATIC}."
    for change, expected in (
            (f"add {name} 300 TLSA {value}",
             {(f"_25._tcp.mx1.{SHADOW}", "TLSA", value)}),
            (f"delete {name} TLSA", set())):
        done = clients.nsupdate(tmp_path, gateway.port, gateway.key(), f"update {change}")
        assert (done.returncode, done.stdout) == (0, "")
        assert primary.records() == expected


def test_a_message_of_many_values_goes_by_tcp(gateway, primary, tmp_path):
    """Over 512 octets nsupdate takes TCP by itself."""
    tokens = {wire.acme_token(f"many {number}") for number in range(12)}
    done = clients.nsupdate(
        tmp_path, gateway.port, gateway.key(),
        *(f'update add {CHALLENGE}. 60 TXT "{token}"' for token in tokens))
    assert done.returncode == 0, done.stdout
    assert primary.ask(TARGET, "TXT") == {f'"{token}"' for token in tokens}
    done = clients.nsupdate(tmp_path, gateway.port, gateway.key(),
                            f"update delete {CHALLENGE}. TXT")
    assert done.returncode == 0, done.stdout


def test_values_of_two_clients_stay_side_by_side(gateway, primary, tmp_path):
    """An add never replaces, a delete of one value never takes another (clients of
    wildcard certificates rely on it)."""
    first, second = wire.acme_token("side 1"), wire.acme_token("side 2")

    def update(change):
        done = clients.nsupdate(tmp_path, gateway.port, gateway.key(), change)
        assert done.returncode == 0, done.stdout

    update(f'update add {CHALLENGE}. 60 TXT "{first}"')
    update(f'update add {CHALLENGE}. 60 TXT "{second}"')
    assert primary.ask(TARGET, "TXT") == {f'"{first}"', f'"{second}"'}
    update(f'update delete {CHALLENGE}. TXT "{first}"')
    assert primary.ask(TARGET, "TXT") == {f'"{second}"'}
    update(f'update delete {CHALLENGE}. TXT "{second}"')


def test_the_ttl_is_clamped(gateway, primary, tmp_path):
    done = clients.nsupdate(tmp_path, gateway.port, gateway.key(),
                            f'update add {CHALLENGE}. 86400 TXT "{TOKEN}"')
    assert done.returncode == 0, done.stdout
    assert primary.ttl(TARGET, "TXT") == 600
    clients.nsupdate(tmp_path, gateway.port, gateway.key(),
                     f"update delete {CHALLENGE}. TXT")


def test_prerequisites_are_asked_at_the_target(gateway, primary, tmp_path):
    """C-10: the same prerequisite fails and holds with what the shadow zone has, and the
    primary's own RCODE comes back."""
    def update(*lines):
        return clients.nsupdate(tmp_path, gateway.port, gateway.key(), *lines)

    absent = update(f"prereq yxrrset {CHALLENGE}. TXT",
                    f'update add {CHALLENGE}. 60 TXT "{TOKEN}"')
    assert "NXRRSET" in absent.stdout
    assert primary.records() == set()
    first = update(f"prereq nxrrset {CHALLENGE}. TXT",
                   f'update add {CHALLENGE}. 60 TXT "{TOKEN}"')
    assert first.returncode == 0, first.stdout
    second = update(f"prereq nxrrset {CHALLENGE}. TXT",
                    f'update add {CHALLENGE}. 60 TXT "{wire.acme_token(2)}"')
    assert "YXRRSET" in second.stdout
    assert primary.records() == {(TARGET, "TXT", f'"{TOKEN}"')}
    update(f"update delete {CHALLENGE}. TXT")


def test_an_alias_leads_to_its_pinned_target(gateway, primary, tmp_path):
    key = gateway.key("old.duckcorp.org")
    name = f"_acme-challenge.old.{STATIC}."
    done = clients.nsupdate(tmp_path, gateway.port, key,
                            f'update add {name} 60 TXT "{TOKEN}"')
    assert done.returncode == 0, done.stdout
    assert primary.records() == {
        (f"_acme-challenge.legacy-77.{SHADOW}", "TXT", f'"{TOKEN}"')}
    clients.nsupdate(tmp_path, gateway.port, key, f"update delete {name} TXT")


def test_many_clients_at_once_lose_nothing(gateway, primary):
    """I3: every NOERROR is in the zone."""
    hosts = ["mx1.duckcorp.org", "mx2.duckcorp.org", "www1.duckcorp.org",
             "imap.duckcorp.org"]

    def work(host):
        name = f"_acme-challenge.{host}"
        requests = [wire.sign(wire.update(STATIC, wire.add(
            name, "TXT", wire.acme_token(f"{host} {number}"))), gateway.key(host))
            for number in range(25)]
        with wire.Tcp(gateway.port, timeout=20) as connection:
            connection.send(*requests)
            return {reply.rcode for reply in connection.receive_for(requests)}

    with concurrent.futures.ThreadPoolExecutor(len(hosts)) as pool:
        assert list(pool.map(work, hosts)) == [{"NOERROR"}] * len(hosts)
    for host in hosts:
        assert primary.ask(f"_acme-challenge.{host.split('.')[0]}.{SHADOW}", "TXT") == {
            f'"{wire.acme_token(f"{host} {number}")}"' for number in range(25)}
    primary.wipe(SHADOW)


# ---- what is refused, and that nothing comes of it -----------------------------------

@pytest.mark.parametrize("zone, name", [
    (None, OTHER), (STATIC, OTHER), (SHADOW, f"_acme-challenge.www1.{SHADOW}")],
    ids=["no-zone", "static-zone", "shadow-zone"])
@BY_TRANSPORT
def test_nsupdate_for_another_host(gateway, primary, tmp_path, zone, name, tcp):
    serial = primary.serial(SHADOW)
    done = clients.nsupdate(tmp_path, gateway.port, gateway.key(),
                            f'update add {name}. 60 TXT "{TOKEN}"', zone=zone, tcp=tcp,
                            debug=True)
    assert done.returncode == 2
    assert "status: REFUSED" in done.stdout
    assert "name-not-granted" in done.stdout  # the reason, as nsupdate -d prints it
    assert primary.records() == set()
    assert primary.serial(SHADOW) == serial


def test_knsupdate_for_another_host(gateway, primary, tmp_path):
    done = clients.knsupdate(tmp_path, gateway.port, gateway.key(),
                             f'update add {OTHER}. 60 TXT "{TOKEN}"', zone=STATIC,
                             debug=True)
    assert done.returncode == 1
    assert "REFUSED" in done.stdout
    assert "name-not-granted" in done.stdout
    assert primary.records() == set()


def test_one_refused_change_refuses_the_message(gateway, primary, tmp_path):
    """A-8, I2."""
    done = clients.nsupdate(tmp_path, gateway.port, gateway.key(),
                            f'update add {CHALLENGE}. 60 TXT "{TOKEN}"',
                            f'update add {OTHER}. 60 TXT "{TOKEN}"')
    assert "REFUSED" in done.stdout
    assert primary.records() == set()


REFUSED_CHANGES = {
    "another type": (wire.add(CHALLENGE, "A", "192.0.2.1"), "type-not-granted"),
    "a value that is no token": (wire.add(CHALLENGE, "TXT", "hello"),
                                 "value-not-allowed"),
    "the name itself": (wire.add(f"mx1.{STATIC}", "TXT", TOKEN), "name-not-granted"),
    "a name below": (wire.add(f"x.{CHALLENGE}", "TXT", TOKEN), "name-not-granted"),
    "the parent's challenge": (wire.add(f"_acme-challenge.{STATIC}", "TXT", TOKEN),
                               "name-not-granted"),
    "a wildcard label": (wire.add(f"*.mx1.{STATIC}", "TXT", TOKEN), "name-not-granted"),
    "the apex": (wire.add(STATIC, "TXT", TOKEN), "name-not-granted"),
    "the whole name": (wire.delete(CHALLENGE), "operation-not-granted"),
    "a probe of another name": (wire.present(OTHER, "TXT"), "prerequisite-not-granted"),
    "a probe for any type": (wire.present(CHALLENGE), "operation-not-granted"),
    "no CNAME": (wire.add(f"_acme-challenge.bare.{STATIC}", "TXT", TOKEN),
                 "cname-missing"),
    "a CNAME to another host's name": (
        wire.add(f"_acme-challenge.astray.{STATIC}", "TXT", TOKEN), "cname-unexpected"),
    "a name of the shadow zone": (wire.add(TARGET, "TXT", TOKEN), "name-outside-zone"),
}


@pytest.mark.parametrize("case", REFUSED_CHANGES)
def test_refused_change(gateway, primary, case):
    change, reason = REFUSED_CHANGES[case]
    serial = primary.serial(SHADOW)
    reply = wire.ask_udp(wire.sign(wire.update(STATIC, change), gateway.key()),
                         gateway.port)
    assert reply.reason == reason
    assert reply.rcode == ("NOTZONE" if reason == "name-outside-zone" else "REFUSED")
    assert reply.signed
    assert primary.records() == set()
    assert primary.serial(SHADOW) == serial
