"""`tsigate explain` and the daemon give one answer: both are driven over one table.

The table is a product, so that it holds permits beside their near-misses. For each row the
exit code and the reason of explain are compared with the RCODE and the reason of the reply,
and the target it names with what BIND then holds.
"""
import itertools

import pytest

import wire
from lab import DYNAMIC, SHADOW, STATIC

TOKEN = wire.acme_token("agreement")
WHO = ["mx1.duckcorp.org", "www1.duckcorp.org", "old.duckcorp.org",
       "elsewhere.duckcorp.org", "stray.duckcorp.org"]
NAMES = [f"_acme-challenge.mx1.{STATIC}", f"_ACME-challenge.Mx1.{STATIC}",
         f"_acme-challenge.mx2.{STATIC}", f"_acme-challenge.www1.{STATIC}",
         f"_acme-challenge.old.{STATIC}", f"_25._tcp.mx1.{STATIC}",
         f"_465._tcp.mx1.{STATIC}", f"mx1.{STATIC}", STATIC, f"mx1.{DYNAMIC}",
         f"_acme-challenge.mx1.{SHADOW}", f"_acme-challenge.legacy-77.{SHADOW}"]
QUOTED = f'"{TOKEN}"'
TLSA = wire.tlsa_value("agreement")
# (operation of explain, type, value or None, the change in dnspython's terms)
CHANGES = [
    ("add", "TXT", QUOTED, lambda name: wire.add(name, "TXT", TOKEN)),
    ("add", "TXT", '"hello"', lambda name: wire.add(name, "TXT", "hello")),
    ("add", "TLSA", TLSA, lambda name: wire.add(name, "TLSA", TLSA)),
    ("delete", "TXT", QUOTED, lambda name: wire.delete(name, "TXT", TOKEN)),
    ("delete-rrset", "TXT", None, lambda name: wire.delete(name, "TXT")),
    ("delete-rrset", "TLSA", None, lambda name: wire.delete(name, "TLSA")),
    ("delete-name", "ANY", None, wire.delete),
    ("prereq", "TXT", None, lambda name: wire.absent(name, "TXT")),
    ("prereq-any", "ANY", None, wire.absent),
]


def zone_of(name):
    return next(zone for zone in (SHADOW, DYNAMIC, STATIC)
                if name.lower().endswith(zone))


@pytest.mark.parametrize("who", WHO)
def test_explain_and_daemon_agree(gateway, primary, who):
    differences = []
    permitted = 0
    for name, (operation, type_, value, change) in itertools.product(NAMES, CHANGES):
        words = [who, operation, name, type_] + ([value] if value else [])
        explained = gateway.tool("explain", "--from", "127.0.0.1", *words)
        assert explained.returncode in (0, 1), explained.stderr
        reply = wire.ask_tcp(wire.sign(wire.update(zone_of(name), change(name)),
                                       gateway.key(who)), gateway.port)
        if reply.rcode == "NOERROR":
            permitted += 1
            agrees = explained.returncode == 0
            if operation == "add":
                ((owner, _, _),) = primary.records(zone_of_target(name))
                agrees = agrees and owner in explained.stdout.lower()
                wire.ask_tcp(wire.sign(
                    wire.update(zone_of(name), wire.delete(name, type_)),
                    gateway.key(who)), gateway.port)
        else:
            agrees = explained.returncode == 1 and reply.reason in explained.stdout
        if not agrees:
            differences.append(f"{words}: {reply.rcode} {reply.reason}, but explain "
                               f"({explained.returncode}): {explained.stdout.strip()}")
    assert not differences, "\n".join(differences)
    assert (permitted > 0) == (who in WHO[:3])


def zone_of_target(name):
    return DYNAMIC if name.endswith(DYNAMIC) else SHADOW
