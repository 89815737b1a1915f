"""The laboratory without the gateway: it can fail, and fails as BIND does.

What the other files see pass through tsigate is refused here, so their success is the
gateway's doing and not the laboratory's. The shadow names with a granted key pass, so the
refusals here are not the laboratory's either.
"""
import pytest

import clients
import wire
from lab import SHADOW, STATIC
from wire import Key

CHALLENGE = f"_acme-challenge.mx1.{STATIC}"
TARGET = f"_acme-challenge.mx1.{SHADOW}"
TOKEN = wire.acme_token("straight")


@pytest.fixture(scope="module")
def straight(new_lab):
    """A primary that also knows the key of mx1, which may write in the shadow zone."""
    lab = new_lab()
    lab.key = Key("mx1.duckcorp.org")
    lab.start_primary(keys=[lab.key], grants=f"grant {lab.key.name} zonesub TXT;")
    lab.start_authority()
    return lab


def test_certbot_is_refused(straight, tmp_path):
    done = clients.certbot(tmp_path, straight.pebble, straight.primary.port, straight.key,
                           "mx1.duckcorp.org")
    assert done.returncode != 0
    assert "REFUSED" in done.stdout
    assert straight.primary.records() == set()


def test_lego_without_cnames_is_refused(straight, tmp_path):
    done = clients.lego(tmp_path, straight.pebble, straight.primary.port, straight.key,
                        "mx1.duckcorp.org", resolver=straight.programs[1],
                        follow_cname=False)
    assert done.returncode != 0
    assert "REFUSED" in done.stdout
    assert straight.primary.records() == set()


def test_lego_that_follows_the_cname_gets_its_certificate(straight, tmp_path):
    done = clients.lego(tmp_path, straight.pebble, straight.primary.port, straight.key,
                        "mx1.duckcorp.org", resolver=straight.programs[1],
                        follow_cname=True)
    assert done.returncode == 0, done.stdout
    assert clients.names_in(clients.lego_certificate(tmp_path, "mx1.duckcorp.org")) == {
        "mx1.duckcorp.org"}
    assert straight.primary.records() == set()


@pytest.mark.parametrize("zone", [None, STATIC])
def test_nsupdate_of_the_static_name_is_refused(straight, tmp_path, zone):
    done = clients.nsupdate(tmp_path, straight.primary.port, straight.key,
                            f'update add {CHALLENGE}. 60 TXT "{TOKEN}"', zone=zone)
    assert done.returncode == 2
    assert "REFUSED" in done.stdout
    assert straight.primary.records() == set()


def test_nsupdate_of_the_shadow_name_lands(straight, tmp_path):
    def update(change):
        done = clients.nsupdate(tmp_path, straight.primary.port, straight.key, change,
                                zone=SHADOW)
        assert done.returncode == 0, done.stdout

    update(f'update add {TARGET}. 60 TXT "{TOKEN}"')
    assert straight.primary.records() == {(TARGET, "TXT", f'"{TOKEN}"')}
    update(f'update delete {TARGET}. TXT "{TOKEN}"')
    assert straight.primary.records() == set()


def test_replies_of_bind_verify(straight):
    """Our own signing and verifying agree with BIND's, for what is right and wrong."""
    port = straight.primary.port
    change = wire.update(SHADOW)
    good = wire.ask_udp(wire.sign(change, straight.key), port)
    assert (good.rcode, good.signed) == ("NOERROR", True)
    bad = wire.ask_udp(wire.sign(change, straight.key, spoil_mac=True), port)
    assert (bad.rcode, bad.tsig.error, bad.signed) == ("NOTAUTH", wire.BADSIG, False)
    late = wire.ask_udp(wire.sign(change, straight.key, time_signed=1), port)
    assert (late.rcode, late.tsig.error, late.signed) == ("NOTAUTH", wire.BADTIME, True)
    stranger = wire.ask_udp(wire.sign(change, Key("stranger")), port)
    assert (stranger.tsig.error, stranger.signed) == (wire.BADKEY, False)


def test_dehydrated_is_refused(straight, tmp_path):
    path = clients.key_path(tmp_path, straight.key)
    hook = (f"printf '%s\\n' 'server 127.0.0.1 {straight.primary.port}' "
            f'"update $verb $name. $rest" send | nsupdate -k {path}')
    done = clients.dehydrated(tmp_path, straight.pebble, hook, "mx1.duckcorp.org")
    assert done.returncode != 0
    assert "REFUSED" in done.stdout
    assert straight.primary.records() == set()
