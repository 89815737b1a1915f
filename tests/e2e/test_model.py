"""Random messages against a model of the rules, written independently in Python.

After each message three things agree with the model: the RCODE, the whole content of the
shadow zone, and what the gateway sent to the primary, as a monitor between the two read it
(I1, I2, I3, I6). A failure prints the seed; TSIGATE_SEED repeats it.
"""
import os
import random
import time

import dns.name
import dns.rdataclass
import dns.rdatatype
import pytest

import wire
from lab import ACL, SHADOW, STATIC
from monitor import Monitor

STEPS = 1000
HOSTS = ["mx1.duckcorp.org", "mx2.duckcorp.org", "www1.duckcorp.org",
         "old.duckcorp.org", "stray.duckcorp.org"]
ALIASES = {f"_acme-challenge.old.{STATIC}": f"_acme-challenge.legacy-77.{SHADOW}"}
# What the laboratory's ACL grants, written down once more: (original name, type).
RIGHTS = {
    "mx1.duckcorp.org": {(f"_acme-challenge.{name}.{STATIC}", "TXT")
                         for name in ("mx1", "bare", "astray")}
    | {(f"_25._tcp.mx1.{STATIC}", "TLSA")},
    "mx2.duckcorp.org": {(f"_acme-challenge.mx2.{STATIC}", "TXT")},
    "www1.duckcorp.org": {(f"_acme-challenge.www1.{STATIC}", "TXT")},
    "old.duckcorp.org": {(f"_acme-challenge.old.{STATIC}", "TXT")},
    "stray.duckcorp.org": set(),
}
# Names whose CNAME is missing or leads astray: never written, whoever may.
UNBOUND = {f"_acme-challenge.bare.{STATIC}", f"_acme-challenge.astray.{STATIC}"}
ORIGINALS = sorted({name for rights in RIGHTS.values() for name, _ in rights}
                   | {STATIC, f"mx1.{STATIC}", f"_25._tcp.mx2.{STATIC}"})
VALUES = {
    "TXT": [wire.acme_token(number) for number in range(3)] + ["hello"],
    "TLSA": [wire.tlsa_value(1), wire.tlsa_value(2), wire.tlsa_value(1, "1 0 1")],
}


def target_of(original):
    if original in ALIASES:
        return ALIASES[original]
    return original[:-len(STATIC)] + SHADOW


def spelled(rng, name):
    """Letters' case must not matter."""
    return name if rng.random() < 0.8 else "".join(
        rng.choice((letter.lower(), letter.upper())) for letter in name)


def quoted(type_, value):
    return f'"{value}"' if type_ == "TXT" else value


class Item:
    """One change or prerequisite, as the client sends it and as the model sees it."""

    OPERATIONS = ["add"] * 6 + ["delete"] * 3 + ["delete-rrset"] * 2 + [
        "delete-name", "present", "present-value", "absent"]

    def __init__(self, rng, host, in_shadow):
        # Mostly what the host may do, so that messages of several changes often pass.
        pool = sorted(RIGHTS[host]) if RIGHTS[host] and rng.random() < 0.85 else [
            (rng.choice(ORIGINALS), rng.choice(("TXT", "TLSA")))]
        self.original, self.type = rng.choice(pool)
        self.value = rng.choice(VALUES[self.type])
        if rng.random() < 0.8:
            self.value = VALUES[self.type][rng.randrange(2)]
        self.operation = rng.choice(self.OPERATIONS)
        self.is_prerequisite = self.operation in ("present", "present-value", "absent")
        in_shadow = in_shadow if rng.random() < 0.97 else not in_shadow
        self.target = target_of(self.original)
        self.name = spelled(rng, self.target if in_shadow else self.original)
        self.zone = SHADOW if in_shadow else STATIC

    def put(self, update):
        sent = {"add": wire.add(self.name, self.type, self.value),
                "delete": wire.delete(self.name, self.type, self.value),
                "delete-rrset": wire.delete(self.name, self.type),
                "delete-name": wire.delete(self.name),
                "present": wire.present(self.name, self.type),
                "present-value": wire.present(self.name, self.type, self.value),
                "absent": wire.absent(self.name, self.type)}
        sent[self.operation](update)

    def is_granted(self, host):
        if (self.original, self.type) not in RIGHTS[host]:
            return False
        if self.operation == "add" and (self.value == "hello" or
                                        self.value.startswith("1 0 1")):
            return False
        return self.operation != "delete-name"

    def __repr__(self):
        return f"{self.operation} {self.name} {self.type} {self.value}"


class Model:
    """The rules, and what the shadow zone then holds: {(target, type): {value}}."""

    def __init__(self):
        self.zone = {}

    def records(self):
        return {(target, type_, quoted(type_, value))
                for (target, type_), values in self.zone.items() for value in values}

    def judge(self, host, zone, items):
        """The RCODE, and whether the message is forwarded."""
        if any(item.zone != zone for item in items):
            return "NOTZONE", False
        if host == "stray.duckcorp.org":
            return "REFUSED", False
        if not all(item.is_granted(host) for item in items):
            return "REFUSED", False
        if any(item.original in UNBOUND for item in items):
            return "REFUSED", False
        if not items:
            return "NOERROR", False
        failed = self.failed_prerequisite(items)
        if not failed:
            for item in items:
                self.apply(item)
        return failed or "NOERROR", True

    def failed_prerequisite(self, items):
        """RFC 2136 3.2.5: first those that name no value, in order; then the values."""
        expected = {}
        for item in items:
            held = self.zone.get((item.target, item.type), set())
            if item.operation == "present" and not held:
                return "NXRRSET"
            if item.operation == "absent" and held:
                return "YXRRSET"
            if item.operation == "present-value":
                expected.setdefault((item.target, item.type), set()).add(item.value)
        for rrset, values in expected.items():
            if self.zone.get(rrset, set()) != values:
                return "NXRRSET"
        return None

    def apply(self, item):
        held = self.zone.setdefault((item.target, item.type), set())
        if item.operation == "add":
            held.add(item.value)
        elif item.operation == "delete":
            held.discard(item.value)
        elif item.operation == "delete-rrset":
            held.clear()


def flat(rrsets, rewrite=None):
    """[(owner, class, type, value or None)] of a section of an UPDATE."""
    rows = []
    for rrset in rrsets:
        owner = str(rrset.name).rstrip(".")
        if rewrite:
            owner = rewrite[owner]
        class_ = rrset.deleting or rrset.rdclass
        rows += [(owner, class_, rrset.rdtype, value)
                 for value in ([rdata.to_text() for rdata in rrset] or [None])]
    return rows


def expected_upstream(message, items):
    """(prerequisites as a set, updates in order) that the primary has to see."""
    rewrite = {item.name: item.target for item in items}
    guards = {(item.target, dns.rdataclass.NONE, dns.rdatatype.CNAME, None)
              for item in items if item.operation == "add"}
    return (set(flat(message.prerequisite, rewrite)) | guards,
            flat(message.update, rewrite))


@pytest.fixture(scope="module")
def watched(new_lab):
    lab = new_lab()
    lab.start_primary()
    lab.monitor = lab.add(Monitor(lab.primary, lab.gateway_key))
    lab.start_gateway(acl=ACL, upstream_port=lab.monitor.port,
                      limits="host_rate = 0; error_rate = 0;")
    return lab


def test_random_messages(watched):
    seed = int(os.environ.get("TSIGATE_SEED", time.time_ns() % 10**9))
    rng = random.Random(seed)
    model = Model()
    seen = {}
    watched.monitor.take_updates()
    for step in range(STEPS):
        host = rng.choice(HOSTS)
        zone = rng.choice((STATIC, STATIC, SHADOW))
        items = [Item(rng, host, zone == SHADOW)
                 for _ in range(rng.choice((0, 1, 1, 2, 3)))]
        # BIND counts a value twice that two prerequisites name.
        items = list({repr(item).lower(): item for item in items}.values())
        message = wire.update(zone)
        for item in items:
            item.put(message)
        rcode, forwarded = model.judge(host, zone, items)
        ask = rng.choice((wire.ask_udp, wire.ask_tcp))
        reply = ask(wire.sign(message, watched.gateway.key(host)), watched.gateway.port)
        where = f"TSIGATE_SEED={seed}, step {step}: {host}, zone {zone}, {items}"

        assert (reply.rcode, reply.signed) == (rcode, True), f"{where}\n{reply.reason}"
        updates = watched.monitor.take_updates()
        assert len(updates) == int(forwarded), where
        for upstream in updates:
            assert str(upstream.zone[0].name) == f"{SHADOW}.", where
            wanted = expected_upstream(message, items)
            assert set(flat(upstream.prerequisite)) == wanted[0], where
            assert flat(upstream.update) == wanted[1], where
        if step % 5 == 0 or updates:
            assert watched.primary.records() == model.records(), where
        seen[rcode] = seen.get(rcode, 0) + 1
    # The dice did not miss what the test is about.
    assert all(rcode in seen for rcode in (
        "NOERROR", "REFUSED", "NOTZONE", "NXRRSET", "YXRRSET")), seen
    assert watched.primary.serial(STATIC) == 1
