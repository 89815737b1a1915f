"""Queries that clients need: finding the zone, and reading back what was written."""
import pytest

import wire
from lab import SHADOW, STATIC, until

CHALLENGE = f"_acme-challenge.mx1.{STATIC}"
TARGET = f"_acme-challenge.mx1.{SHADOW}"
TOKEN = wire.acme_token("queries")


def soa_of(zone, section):
    return [owner for owner, type_, _ in section if (owner, type_) == (zone, "SOA")]


def prepare(gateway, name, type_, signed, key="mx1.duckcorp.org", edns=False):
    message = wire.query(name, type_, edns=edns)
    return wire.sign(message, gateway.key(key)) if signed else wire.unsigned(message)


SIGNED = pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])


@SIGNED
@pytest.mark.parametrize("zone", [STATIC, SHADOW, STATIC.upper()])
def test_soa_of_a_zone(gateway, primary, zone, signed):
    """Q-1: AA and the SOA in the answer, of the serial that the primary has."""
    reply = wire.ask_tcp(prepare(gateway, zone, "SOA", signed), gateway.port)
    assert (reply.rcode, reply.authoritative, reply.signed) == ("NOERROR", True, signed)
    assert (reply.tsig is not None) == signed
    ((owner, type_, value),) = reply.records(reply.message.answer)
    assert (owner.lower(), type_) == (zone.lower(), "SOA")
    assert int(value.split()[2]) == primary.serial(zone.lower())


@SIGNED
@pytest.mark.parametrize("name, zone", [
    (CHALLENGE, STATIC), (f"mx1.{STATIC}", STATIC), (f"absent.{STATIC}", STATIC),
    (TARGET, SHADOW)])
def test_soa_below_a_zone(gateway, name, zone, signed):
    """NOERROR whatever exists there, and the zone's SOA in the authority section."""
    reply = wire.ask_tcp(prepare(gateway, name, "SOA", signed), gateway.port)
    assert (reply.rcode, reply.authoritative, reply.signed) == ("NOERROR", True, signed)
    assert soa_of(zone, reply.records(reply.message.answer)) == []
    assert soa_of(zone, reply.records(reply.message.authority)) == [zone]


def test_signed_soa_by_udp(gateway):
    """nsupdate asks so, and dies of an unsigned answer."""
    reply = wire.ask_udp(prepare(gateway, CHALLENGE, "SOA", True), gateway.port)
    assert (reply.rcode, reply.authoritative, reply.signed, reply.truncated) == (
        "NOERROR", True, True, False)
    assert soa_of(STATIC, reply.records(reply.message.authority)) == [STATIC]


@pytest.mark.parametrize("name, type_", [
    (STATIC, "SOA"), (CHALLENGE, "SOA"), (CHALLENGE, "TXT"), ("example.net", "SOA"),
    (STATIC, "ANY")])
def test_unsigned_query_by_udp(gateway, name, type_):
    """Q-2, I7: the header, the question and TC; never longer than the request."""
    request = prepare(gateway, name, type_, False)
    reply = wire.ask_udp(request, gateway.port)
    assert reply.truncated
    assert len(reply.wire) <= len(request.wire)
    assert reply.message.answer == [] and reply.message.authority == []
    assert reply.message.question[0].name == wire.absolute(name)


def test_opt_is_answered_with_opt(gateway):
    for edns, expected in ((True, 0), (False, -1)):
        reply = wire.ask_tcp(prepare(gateway, STATIC, "SOA", False, edns=edns),
                             gateway.port)
        assert reply.message.edns == expected


@SIGNED
@pytest.mark.parametrize("name, type_", [
    ("example.net", "SOA"), ("org", "SOA"), (".", "SOA"), (STATIC, "AXFR"),
    (STATIC, "ANY"), (f"mx1.{STATIC}", "A"), (f"_acme-challenge.www1.{STATIC}", "TXT")])
def test_other_queries_are_refused(gateway, name, type_, signed):
    reply = wire.ask_tcp(prepare(gateway, name, type_, signed), gateway.port)
    assert (reply.rcode, reply.signed) == ("REFUSED", signed)
    assert reply.message.answer == []


@pytest.mark.parametrize("questions", [0, 2])
def test_other_numbers_of_questions(gateway, questions):
    octets = wire.query(STATIC, "SOA").to_wire()
    octets = octets[:4] + questions.to_bytes(2, "big") + octets[6:12] + octets[12:] * questions
    reply = wire.ask_tcp(wire.Request(octets), gateway.port)
    assert reply.rcode == "FORMERR"


def test_read_back(gateway, primary):
    """What was written under a name is read under that name: asked at the binding and
    answered under the original, for who may write it and for nobody else."""
    wire.ask_tcp(wire.sign(wire.update(STATIC, wire.add(CHALLENGE, "TXT", TOKEN)),
                           gateway.key()), gateway.port)
    for name in (CHALLENGE, TARGET):
        for ask in (wire.ask_udp, wire.ask_tcp):
            reply = ask(prepare(gateway, name, "TXT", True), gateway.port)
            assert (reply.rcode, reply.signed) == ("NOERROR", True)
            assert reply.records(reply.message.answer) == [(name, "TXT", f'"{TOKEN}"')]
    for key in ("mx2.duckcorp.org", "stray.duckcorp.org"):
        reply = wire.ask_tcp(prepare(gateway, CHALLENGE, "TXT", True, key), gateway.port)
        assert (reply.rcode, reply.message.answer) == ("REFUSED", [])
    unsigned = wire.ask_tcp(prepare(gateway, CHALLENGE, "TXT", False), gateway.port)
    assert (unsigned.rcode, unsigned.message.answer) == ("REFUSED", [])
    wire.ask_tcp(wire.sign(wire.update(STATIC, wire.delete(CHALLENGE, "TXT")),
                           gateway.key()), gateway.port)
    gone = wire.ask_tcp(prepare(gateway, CHALLENGE, "TXT", True), gateway.port)
    assert gone.message.answer == []
    assert primary.records() == set()


def test_the_serial_follows_an_update(gateway, primary):
    """Q-1: fetched again after each update through the gateway."""
    def serial():
        reply = wire.ask_tcp(prepare(gateway, SHADOW, "SOA", False), gateway.port)
        return int(reply.records(reply.message.answer)[0][2].split()[2])

    for change in (wire.add(CHALLENGE, "TXT", TOKEN), wire.delete(CHALLENGE, "TXT")):
        reply = wire.ask_tcp(wire.sign(wire.update(STATIC, change), gateway.key()),
                             gateway.port)
        assert reply.rcode == "NOERROR"
        until(lambda: serial() == primary.serial(SHADOW), 2, "the new serial is served")
