"""Each stock profile: one nsupdate that lands and is taken away, and a near-miss."""
import pytest

import clients
import wire
from lab import DYNAMIC, SHADOW, SIGNED, STATIC
from wire import Key

HOST = f"box.{DYNAMIC}"
KEY = Key("box")
HASH = "c93f1e400f26708f98cb19d936620da35eec8f72e57f9eec01c1afd6"
PERSIST = '"authority.example; accounturi=https://authority.example/acct/4711"'
DNSKEY = ("257 3 13 "
          "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxIL"
          "fDLUT0rAK9iUzy1L53eKGQ==")
DIGEST = "7F" * 32

ACL = f"""
host box
    key  box
    acme {HOST}
    tlsa {HOST} 443/tcp
    address {HOST}
    sshfp {HOST}
    openpgpkey {HOST}
    smimea {HOST}
    svcb {HOST}
    caa {HOST} check="caa-value issue=authority.example"
    acme-persist {HOST} check="acme-persist authority.example https://authority.example/acct/4711"
    acme-account {HOST}
    multi-signer {SIGNED}
"""

# profile: (owner, type, value, a value that its check refuses or None)
PROFILES = {
    "acme": (f"_acme-challenge.{HOST}", "TXT", f'"{wire.acme_token("profile")}"',
             '"hello"'),
    "tlsa": (f"_443._tcp.{HOST}", "TLSA", wire.tlsa_value("profile"),
             wire.tlsa_value("profile", "1 1 1")),
    "address": (HOST, "A", "127.0.0.1", "127.0.0.2"),
    "sshfp": (HOST, "SSHFP", f"4 2 {DIGEST}", None),
    "openpgpkey": (f"{HASH}._openpgpkey.{HOST}", "OPENPGPKEY", "mQENBFVHm5sB", None),
    "smimea": (f"{HASH}._smimecert.{HOST}", "SMIMEA", f"3 1 1 {DIGEST}", None),
    "svcb": (HOST, "HTTPS", '1 . alpn="h2"', "0 elsewhere.example."),
    "caa": (HOST, "CAA", '0 issue "authority.example"', '0 issue "other.example"'),
    "acme-persist": (f"_validation-persist.{HOST}", "TXT", PERSIST,
                     PERSIST.replace("4711", "4712")),
    "acme-account": (f"_ujmmovf2vn55tgye._acme-challenge.{HOST}", "TXT",
                     f'"{wire.acme_token("account")}"', '"hello"'),
}


@pytest.fixture(scope="module")
def profiles_lab(new_lab):
    lab = new_lab()
    lab.start_primary()
    lab.start_gateway(acl=ACL, keys={"box": KEY})
    return lab


@pytest.fixture
def update(profiles_lab, tmp_path):
    def send(*lines):
        # By TCP: over UDP a source address proves nothing, and `address` refuses.
        return clients.nsupdate(tmp_path, profiles_lab.gateway.port, KEY, *lines, tcp=True,
                                debug=True)
    return send


@pytest.mark.parametrize("profile", PROFILES)
def test_profile(profiles_lab, update, profile):
    owner, type_, value, _ = PROFILES[profile]
    done = update(f"update add {owner}. 60 {type_} {value}")
    assert done.returncode == 0, done.stdout
    assert len(profiles_lab.primary.ask(owner, type_)) == 1
    done = update(f"update delete {owner}. {type_} {value}")
    assert done.returncode == 0, done.stdout
    assert profiles_lab.primary.records(DYNAMIC) == set()


@pytest.mark.parametrize("profile", [name for name, row in PROFILES.items() if row[3]])
def test_value_that_a_profile_refuses(profiles_lab, update, profile):
    owner, type_, _, value = PROFILES[profile]
    done = update(f"update add {owner}. 60 {type_} {value}")
    assert done.returncode == 2
    assert "value-not-allowed" in done.stdout
    assert profiles_lab.primary.records(DYNAMIC) == set()


def test_source_address_proves_nothing_by_udp(profiles_lab):
    reply = wire.ask_udp(wire.sign(wire.update(DYNAMIC, wire.add(HOST, "A", "127.0.0.1")),
                                   KEY), profiles_lab.gateway.port)
    assert (reply.rcode, reply.reason) == ("REFUSED", "value-not-allowed")


MULTI_SIGNER = {
    "DNSKEY": DNSKEY,
    "CDS": f"4711 13 2 {DIGEST}",
    "CDNSKEY": DNSKEY,
    "CSYNC": "1 3 NS",
    "NS": "ns.other-signer.example.",
}


@pytest.mark.parametrize("type_", MULTI_SIGNER)
def test_multi_signer(profiles_lab, update, type_):
    """In a zone that BIND signs, without inline signing; foreign records beside BIND's."""
    before = profiles_lab.primary.ask(SIGNED, type_)
    done = update(f"update add {SIGNED}. 60 {type_} {MULTI_SIGNER[type_]}")
    assert done.returncode == 0, done.stdout
    assert len(profiles_lab.primary.ask(SIGNED, type_)) == len(before) + 1
    done = update(f"update delete {SIGNED}. {type_} {MULTI_SIGNER[type_]}")
    assert done.returncode == 0, done.stdout
    assert profiles_lab.primary.ask(SIGNED, type_) == before


def test_multi_signer_never_empties_the_name_servers(profiles_lab, update):
    """Primaries ignore it with NOERROR, so it is no operation of ours."""
    done = update(f"update delete {SIGNED}. NS")
    assert done.returncode == 2
    assert "operation-not-granted" in done.stdout
    assert len(profiles_lab.primary.ask(SIGNED, "NS")) == 1


def test_nothing_reached_the_other_zones(profiles_lab):
    assert profiles_lab.primary.records(SHADOW) == set()
    assert profiles_lab.primary.serial(STATIC) == 1
