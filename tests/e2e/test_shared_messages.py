"""Requests that wait for the primary share a message to it (D4), and BIND agrees: what is
answered NOERROR is in the zone, in order, and one that fails takes no other with it.

The primary is stopped while the requests arrive, so the first one's message is under way
and all the others wait.
"""
import contextlib
import signal

import pytest

import wire
from lab import DYNAMIC, SHADOW, STATIC, until

HOSTS = ("mx1", "mx2", "www1")
NAME = f"mx1.{DYNAMIC}"
OPERATOR = wire.Key("operator")
ACL = f"""
profile plain
    owner {{name}}
    type  A
    may   add delete delete-rrset prereq
host mx1.{STATIC}
    acme  mx1.{STATIC}
    plain {NAME}
host mx2.{STATIC}
    acme  mx2.{STATIC}
host www1.{STATIC}
    acme  www1.{STATIC}
"""


@pytest.fixture(scope="module")
def crowded_lab(new_lab):
    lab = new_lab()
    lab.start_primary(keys=[OPERATOR], grants=f"grant {OPERATOR.name} zonesub CNAME;")
    lab.start_gateway(acl=ACL, keys={name: wire.Key(name) for name in
                                     (f"{host}.{STATIC}" for host in HOSTS)})
    return lab


@pytest.fixture
def gateway(crowded_lab):
    yield crowded_lab.gateway
    for zone in (SHADOW, DYNAMIC):
        crowded_lab.primary.wipe(zone)


@pytest.fixture
def primary(crowded_lab, gateway):
    return crowded_lab.primary


def received(gateway):
    return int(gateway.tool("status", "--json").stdout.split('"received":')[1].split(",")[0])


def ask_all(gateway, primary, requests):
    """Sends them, in order, while the primary does not listen; returns the replies."""
    with contextlib.ExitStack() as stack:
        connections = []
        before = received(gateway)
        primary.signal(signal.SIGSTOP)
        try:
            for at in range(0, len(requests), 8):
                connection = stack.enter_context(wire.Tcp(gateway.port))
                connection.send(*requests[at:at + 8])
                connections.append((connection, requests[at:at + 8]))
                until(lambda: received(gateway) == before + at + len(connections[-1][1]),
                      2, "the gateway takes them")
        finally:
            primary.signal(signal.SIGCONT)
        return [reply for connection, asked in connections
                for reply in connection.receive_for(asked)]


def batches(gateway, requests):
    """How many requests shared the message of each, as the audit log says."""
    found = {line["mac"]: line["batch"] for line in gateway.audit_lines()
             if line["event"] == "result"}
    return [found[request.mac.hex()] for request in requests]


def test_what_waits_shares_a_message(gateway, primary):
    addresses = [f"192.0.2.{number}" for number in range(1, 25)]
    requests = [wire.sign(wire.update(DYNAMIC, wire.add(NAME, "A", address)),
                          gateway.key()) for address in addresses]
    serial = primary.serial(DYNAMIC)
    replies = ask_all(gateway, primary, requests)
    assert {reply.rcode for reply in replies} == {"NOERROR"}
    assert primary.ask(NAME, "A") == set(addresses)
    assert primary.serial(DYNAMIC) == serial + 2
    assert batches(gateway, requests) == [1] + 23 * [23]


def test_order_is_kept(gateway, primary):
    """Each deletes what the one before has added; an own condition travels alone."""
    changes = [[wire.add(NAME, "A", "192.0.2.1")]]
    for number in range(2, 9):
        changes.append([wire.delete(NAME, "A", f"192.0.2.{number - 1}"),
                        wire.add(NAME, "A", f"192.0.2.{number}")])
    changes[4].insert(0, wire.present(NAME, "A", "192.0.2.4"))
    changes[5].insert(0, wire.present(NAME, "A", "192.0.2.4"))
    requests = [wire.sign(wire.update(DYNAMIC, *some), gateway.key()) for some in changes]
    replies = ask_all(gateway, primary, requests)
    rcodes = [reply.rcode for reply in replies]
    assert rcodes == 5 * ["NOERROR"] + ["NXRRSET"] + 2 * ["NOERROR"]
    # The sixth did nothing, so what the fifth has added is still there.
    assert primary.ask(NAME, "A") == {"192.0.2.5", "192.0.2.8"}
    assert batches(gateway, requests) == [1, 3, 3, 3, 1, 1, 2, 2]


def test_one_that_fails_takes_no_other_with_it(gateway, primary):
    """www1's target is a CNAME of its own: BIND would ignore an add there and say
    NOERROR (U-5)."""
    def request(host, number):
        name = f"_acme-challenge.{host}.{STATIC}"
        token = wire.acme_token(f"shared {host} {number}")
        return wire.sign(wire.update(STATIC, wire.add(name, "TXT", token)),
                         gateway.key(f"{host}.{STATIC}"))

    bent = f"_acme-challenge.www1.{SHADOW}"
    wire.ask_tcp(wire.sign(wire.update(SHADOW, wire.add(bent, "CNAME", "else.example.")),
                           OPERATOR), primary.port)
    for host in HOSTS:  # the look-ups are cached from here on
        wire.ask_tcp(request(host, "before"), gateway.port)
    hosts = 6 * ["mx1"] + ["www1"] + 7 * ["mx2"]
    requests = [request(host, number) for number, host in enumerate(hosts)]
    replies = ask_all(gateway, primary, requests)

    for host, reply in zip(hosts, replies):
        expected = ("REFUSED", "target-is-cname") if host == "www1" else ("NOERROR", None)
        assert (reply.rcode, reply.reason) == expected
    assert len(primary.ask(f"_acme-challenge.mx1.{SHADOW}", "TXT")) == 7
    assert len(primary.ask(f"_acme-challenge.mx2.{SHADOW}", "TXT")) == 8
    assert batches(gateway, requests)[6] == 1
