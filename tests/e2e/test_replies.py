"""What each kind of requestor is told: TSIG errors, reasons, sizes. And that an error
changes nothing."""
import struct
import time

import dns.opcode
import pytest

import wire
from lab import SHADOW, STATIC

CHALLENGE = f"_acme-challenge.mx1.{STATIC}"
TARGET = f"_acme-challenge.mx1.{SHADOW}"
TOKEN = wire.acme_token("replies")
ASK = pytest.mark.parametrize("ask", [wire.ask_udp, wire.ask_tcp], ids=["udp", "tcp"])


def change():
    return wire.update(STATIC, wire.add(CHALLENGE, "TXT", TOKEN))


def now(offset):
    return int(time.time()) + offset


# ---- TSIG ----------------------------------------------------------------------------

# case: (how the request is signed, RCODE, TSIG error or None for no TSIG, signed)
TSIG_CASES = {
    "no TSIG": (lambda key: wire.unsigned(change()), "REFUSED", None, False),
    "unknown key": (lambda key: wire.sign(change(), wire.Key("stranger")),
                    "NOTAUTH", wire.BADKEY, False),
    "another algorithm": (
        lambda key: wire.sign(change(), wire.Key(key.name, "hmac-sha512", key.secret)),
        "NOTAUTH", wire.BADKEY, False),
    "wrong MAC": (lambda key: wire.sign(change(), key, spoil_mac=True),
                  "NOTAUTH", wire.BADSIG, False),
    "another host's name over our MAC": (
        lambda key: wire.sign(change(), key, sign_as="mx2.duckcorp.org"),
        "NOTAUTH", wire.BADSIG, False),
    "wrong MAC and wrong time": (
        lambda key: wire.sign(change(), key, spoil_mac=True, time_signed=1),
        "NOTAUTH", wire.BADSIG, False),
    "clock behind": (lambda key: wire.sign(change(), key, time_signed=now(-400)),
                     "NOTAUTH", wire.BADTIME, True),
    "clock ahead": (lambda key: wire.sign(change(), key, time_signed=now(400)),
                    "NOTAUTH", wire.BADTIME, True),
    "behind, within the fudge it asks for": (
        lambda key: wire.sign(change(), key, time_signed=now(-400), fudge=65535),
        "NOTAUTH", wire.BADTIME, True),
    "narrow fudge": (
        lambda key: wire.sign(change(), key, time_signed=now(-20), fudge=5),
        "NOTAUTH", wire.BADTIME, True),
    "truncated MAC": (lambda key: wire.sign(change(), key, mac_octets=16),
                      "NOTAUTH", wire.BADTRUNC, True),
    "truncated wrong MAC": (
        lambda key: wire.sign(change(), key, mac_octets=16, spoil_mac=True),
        "NOTAUTH", wire.BADSIG, False),
    "MAC too short": (lambda key: wire.sign(change(), key, mac_octets=15),
                      "FORMERR", None, False),
    "no MAC at all": (lambda key: wire.sign(change(), key, mac_octets=0),
                      "FORMERR", None, False),
    "two TSIGs": (lambda key: wire.sign(wire.sign(change(), key).wire, key),
                  "FORMERR", None, False),
    "octets after TSIG": (
        lambda key: wire.Request(wire.sign(change(), key).wire + b"\0", key),
        "FORMERR", None, False),
}


@ASK
@pytest.mark.parametrize("case", TSIG_CASES)
def test_tsig(gateway, primary, ask, case):
    make, rcode, error, signed = TSIG_CASES[case]
    serial = primary.serial(SHADOW)
    request = make(gateway.key())
    reply = ask(request, gateway.port)
    assert reply.id == request.id
    assert (reply.rcode, reply.tsig and reply.tsig.error, reply.signed) == (
        rcode, error, signed)
    if not signed:
        assert not (reply.tsig and reply.tsig.mac), "a MAC over what was not verified"
        assert len(reply.wire) <= len(request.wire)
        assert reply.reason is None and reply.ede is None
    assert primary.serial(SHADOW) == serial
    assert primary.records() == set()


def test_expired_key(gateway, primary):
    reply = wire.ask_udp(wire.sign(change(), gateway.key("mx1-retired")), gateway.port)
    assert (reply.rcode, reply.tsig.error, reply.signed) == (
        "NOTAUTH", wire.BADKEY, False)
    assert primary.records() == set()


def test_the_gateways_own_key_is_no_client_key(gateway, primary):
    """U-10."""
    reply = wire.ask_udp(wire.sign(change(), gateway.gateway_key), gateway.port)
    assert (reply.rcode, reply.tsig.error, reply.signed) == (
        "NOTAUTH", wire.BADKEY, False)
    assert primary.records() == set()


def test_badtime_tells_the_servers_time(gateway):
    """RFC 8945 5.2.3 (T-9)."""
    signed_at = now(-1000)
    reply = wire.ask_udp(wire.sign(change(), gateway.key(), time_signed=signed_at,
                                   fudge=77), gateway.port)
    assert (reply.tsig.time_signed, reply.tsig.fudge) == (signed_at, 77)
    assert abs(int.from_bytes(reply.tsig.other, "big") - time.time()) < 5
    assert len(reply.tsig.other) == 6


def test_key_name_in_capitals(gateway, primary):
    request = wire.sign(change(), gateway.key(), sign_as="MX1.DuckCorp.ORG")
    reply = wire.ask_udp(request, gateway.port)
    assert (reply.rcode, reply.signed) == ("NOERROR", True)
    assert primary.records() == {(TARGET, "TXT", f'"{TOKEN}"')}
    wire.ask_udp(wire.sign(wire.update(STATIC, wire.delete(CHALLENGE, "TXT")),
                           gateway.key()), gateway.port)


# ---- verified, and still refused -----------------------------------------------------

def in_class_chaos():
    message = bytearray(change().to_wire())
    at = wire.name_end(message, 12) + 2
    message[at:at + 2] = struct.pack("!H", 3)
    return bytes(message)


def with_owner_outside():
    return wire.update(STATIC, wire.add("_acme-challenge.mx1.example", "TXT", TOKEN))


# case: (message, key's name, RCODE, reason)
REFUSALS = {
    "key without a host": (change, "stray.duckcorp.org", "REFUSED", "key-without-host"),
    "source": (change, "elsewhere.duckcorp.org", "REFUSED", "source-not-allowed"),
    "another host": (change, "mx2.duckcorp.org", "REFUSED", "name-not-granted"),
    "unknown zone": (lambda: wire.update("example.net"), "mx1.duckcorp.org", "NOTAUTH",
                     "zone-unknown"),
    "a name for the zone": (lambda: wire.update(f"mx1.{STATIC}"), "mx1.duckcorp.org",
                            "NOTAUTH", "zone-unknown"),
    "owner outside": (with_owner_outside, "mx1.duckcorp.org", "NOTZONE",
                      "name-outside-zone"),
    "class": (in_class_chaos, "mx1.duckcorp.org", "NOTIMP", "class-not-in"),
}


@ASK
@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(gateway, primary, ask, case):
    make, key, rcode, reason = REFUSALS[case]
    request = wire.sign(make(), gateway.key(key))
    reply = ask(request, gateway.port)
    assert (reply.rcode, reply.signed, reply.tsig.error) == (rcode, True, 0)
    assert reply.reason == reason
    assert len(reply.reason_texts) == 2 and reply.reason_texts[1]
    assert primary.records() == set()


def test_reply_echoes_id_and_zone(gateway):
    """D8: the client's own zone, not the one that was written."""
    request = wire.sign(change(), gateway.key("mx2.duckcorp.org"))
    reply = wire.ask_udp(request, gateway.port)
    assert reply.id == request.id
    (zone,) = reply.message.question
    assert (str(zone.name), zone.rdtype) == (f"{STATIC}.", 6)
    assert dns.opcode.to_text(reply.message.opcode()) == "UPDATE"


@pytest.mark.parametrize("key, code, reason", [
    ("mx2.duckcorp.org", 18, "name-not-granted"),
    ("stray.duckcorp.org", 18, "key-without-host")])
def test_ede_for_who_sends_opt(gateway, key, code, reason):
    with_opt = wire.update(STATIC, wire.add(CHALLENGE, "TXT", TOKEN), edns=True)
    reply = wire.ask_udp(wire.sign(with_opt, gateway.key(key)), gateway.port)
    assert reply.ede and reply.ede[0] == code
    assert reason in reply.ede[1]
    without = wire.ask_udp(wire.sign(change(), gateway.key(key)), gateway.port)
    assert without.ede is None
    assert without.message.edns == -1


def test_no_other_host_is_named(gateway):
    """D6: a refusal speaks of what the requestor sent and of its own host."""
    reply = wire.ask_udp(wire.sign(
        wire.update(STATIC, wire.add(f"_acme-challenge.www1.{STATIC}", "TXT", TOKEN)),
        gateway.key()), gateway.port)
    text = " ".join(reply.reason_texts)
    assert "mx1.duckcorp.org" in text and "_acme-challenge.www1.duckcorp.org" in text
    assert "mx2" not in text and "127.0.0.1" not in text and "tsigate.duckcorp" not in text


@ASK
@pytest.mark.parametrize("opcode", [1, 2, 4, 6, 15])
def test_other_opcodes(gateway, ask, opcode):
    """P1: header only."""
    octets = bytearray(wire.query(STATIC, "SOA").to_wire())
    octets[2] = opcode << 3
    reply = ask(wire.Request(bytes(octets)), gateway.port)
    assert (reply.rcode, len(reply.wire)) == ("NOTIMP", 12)


@ASK
def test_edns_of_another_version(gateway, ask):
    """W-9: the header and OPT."""
    message = wire.query(STATIC, "SOA")
    message.use_edns(1, payload=1232)
    request = wire.unsigned(message)
    reply = ask(request, gateway.port)
    assert (reply.rcode, reply.message.edns) == ("BADVERS", 0)
    assert len(reply.wire) == 12 + 11


@pytest.mark.parametrize("length", [12, 13, 20, 40, 60])
def test_torn_messages(gateway, primary, length):
    torn = wire.sign(change(), gateway.key()).wire[:length]
    reply = wire.ask_udp(wire.Request(torn), gateway.port)
    assert (reply.rcode, reply.tsig) == ("FORMERR", None)
    assert len(reply.wire) == 12
    assert primary.records() == set()
