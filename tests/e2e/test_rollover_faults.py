"""tsigate-tlsa rollover where name servers and resolvers are broken: nothing is deployed
too early, nothing is begun again without need, and what holds it up is told."""
import calendar
import json
import re
import shutil
import struct
import time

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from lab import ACL, SHADOW, free_port
from listener import Listener
from test_rollover_steps import NAME, OWNER, STRANGER, TARGET, UNSIGNED, WAIT_S, host, \
    is_good, resolver
from test_tlsa import tlsa_of

__all__ = ["host", "resolver"]
WEEK = 7 * 86400


@pytest.fixture(scope="module")
def module_lab(new_lab):
    """The host has two services."""
    shared = new_lab()
    shared.start_primary()
    shared.start_gateway(acl=ACL.replace("25/tcp", "25/tcp 465/tcp"))
    return shared


class Bent(Listener):
    """In front of the primary, over TCP; `bend` may change each answer, or be silent."""

    def __init__(self, primary):
        self.primary = primary
        self.bend = lambda answer: answer
        self.asked = 0
        super().__init__()

    def serve(self, connection):
        with connection.makefile("rb") as octets:
            while len(head := octets.read(2)) == 2:
                query = dns.message.from_wire(octets.read(struct.unpack("!H", head)[0]))
                self.asked += 1
                answer = dns.query.tcp(query, "127.0.0.1", port=self.primary.port, timeout=5)
                answer = self.bend(answer)
                if answer is None:
                    return
                wire = answer.to_wire()
                connection.sendall(struct.pack("!H", len(wire)) + wire)


@pytest.fixture
def bent(host):
    """What the host takes for the name server of the zone."""
    made = Bent(host.lab.primary)
    host.words[host.words.index("--ns-port") + 1] = made.port
    yield made
    made.close()


def lame(rcode):
    def bend(answer):
        answer.set_rcode(rcode)
        answer.flags &= ~dns.flags.AA
        answer.answer, answer.authority = [], []
        return answer
    return bend


def with_ttl(ttl):
    def bend(answer):
        for section in (answer.answer, answer.authority):
            for rrset in section:
                rrset.ttl = ttl
        return answer
    return bend


def without_soa(answer):
    answer.authority = []
    return answer


# Not those that the answer's reader calls malformed.
LAME = [dns.rcode.REFUSED, dns.rcode.SERVFAIL, dns.rcode.NOTIMP, dns.rcode.NOERROR]


@pytest.mark.parametrize("rcode", LAME, ids=dns.rcode.to_text)
def test_a_lame_server_holds_it_up_and_undoes_nothing(host, bent, rcode):
    """Resolvers keep nothing of it: nobody has to be waited for again."""
    old, new = host.renewed()
    is_good(host.rollover())
    assert host.step() == "wait"
    saved = (host.state / "mx1.rollover").read_text()
    bent.bend = lame(rcode)
    time.sleep(WAIT_S)
    done = host.rollover()
    said = "it is not authoritative" if rcode == dns.rcode.NOERROR else dns.rcode.to_text(rcode)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"cannot be asked for {TARGET}.: {said}" in done.stdout
    assert (host.state / "mx1.rollover").read_text() == saved
    assert host.service.presents() == old
    bent.bend = lambda answer: answer
    done = host.rollover()
    assert (done.returncode, done.stderr) == (0, "") and host.step() == "done"
    assert host.service.presents() == new
    bent.bend = lame(rcode)
    done = host.rollover()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "") and host.step() == "done"


def test_what_is_published_is_said_once(host, bent):
    host.renewed()
    before = {}

    def stale(answer):
        """A secondary that stays as it was."""
        key = str(answer.question[0])
        before.setdefault(key, (answer.answer, answer.authority))
        answer.answer, answer.authority = before[key]
        return answer

    bent.bend = stale
    assert "mx1: published TLSA" in host.rollover().stdout
    done = host.rollover()
    assert "published TLSA" not in done.stdout and "does not serve the records" in done.stdout
    assert host.step() == "publish"


@pytest.mark.parametrize("ttl", [10 * 365 * 86400, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1])
def test_a_ttl_that_no_cache_obeys(host, bent, ttl):
    """RFC 8767 4: caches make seven days of it, whatever its highest bit."""
    host.renewed()
    bent.bend = with_ttl(ttl)
    began = time.time()
    assert "waits for" in is_good(host.rollover())
    for words in (["--status"], []):
        done = host.rollover(*words, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        until = json.loads(done.stdout)["certificates"][0]["until"]
        left = calendar.timegm(time.strptime(until, "%Y-%m-%dT%H:%M:%SZ")) - began
        assert 2 * WEEK <= left + 1 and left <= 2 * WEEK + 30


def test_a_ttl_of_0(host, bent):
    """Nobody keeps anything: no wait."""
    old, new = host.renewed()
    bent.bend = with_ttl(0)
    out = is_good(host.rollover())
    assert out.endswith("mx1: done\n") and host.tlsa() == {new, STRANGER} != {old, STRANGER}


def test_an_absence_that_no_cache_keeps(host, bent):
    """No SOA with it (RFC 2308 5): published, and not waited for."""
    host.write_conf()
    new = host.renew()
    bent.bend = without_soa
    out = is_good(host.rollover())
    assert "published" in out and host.tlsa() == {new}


def test_a_server_that_is_silent(host, bent):
    host.renewed()
    bent.bend = lambda answer: None
    done = host.rollover()
    assert (done.returncode, done.stderr) == (0, "") and host.step() == "publish"
    assert "cannot be asked for" in done.stdout and "no answer" in done.stdout


def test_a_resolver_that_is_gone(host):
    """All is left as it is, and the next run goes on."""
    old, _ = host.renewed()
    at = host.words.index("--resolver") + 1
    good, host.words[at] = host.words[at], f"127.0.0.1:{free_port()}"
    done = host.rollover()
    assert done.returncode == 4
    assert re.search(rf"resolver 127.0.0.1:\d+, asked for {OWNER}.: Connection refused",
                     done.stderr)
    assert host.tlsa() == {old, STRANGER} and host.step() == "publish"
    host.words[at] = good
    assert host.rollover("--wait").stderr == UNSIGNED and host.step() == "done"


# ---- names that come and go ----------------------------------------------------------

SECOND = f"_465._tcp.{NAME}"
BOTH = f'tlsa = ( {{ name = "{NAME}"; ports = [ "25/tcp", "465/tcp" ]; }} );'


def tlsa_at(host, port):
    return tlsa_of(host.lab.primary, f"_{port}._tcp.mx1.{SHADOW}")


@pytest.fixture
def host_of_two(host):
    """Rolled over once, at two names."""
    host.renew()
    host.publish(STRANGER)
    host.publish(STRANGER, owner=SECOND)
    host.start()
    host.write_conf(tlsa=BOTH)
    is_good(host.rollover("--wait"))
    return host


def test_a_name_that_is_taken_out(host_of_two):
    """Its record stays, is told, and goes when somebody says so."""
    host = host_of_two
    data, = tlsa_at(host, 25) - {STRANGER}
    host.write_conf()
    done = host.rollover("--wait")
    assert "mx1: left over at names that deploy.conf has no more: 1 TLSA" in done.stdout
    assert tlsa_at(host, 25) == tlsa_at(host, 465) == {STRANGER, data}
    assert host.step() == "done"
    assert "left" not in host.rollover().stdout
    new = host.renew()
    is_good(host.rollover("--wait"))
    assert (tlsa_at(host, 25), tlsa_at(host, 465)) == ({STRANGER, new}, {STRANGER, data})
    status = host.rollover("--status")
    assert status.stdout.splitlines() == [
        "mx1: done: nothing is under way", f"mx1: left over TLSA {data[:22]}... at {SECOND}.",
        'mx1: "tsigate-tlsa rollover --clean mx1" takes away what is left over']
    left = json.loads(host.rollover("--status", "--json").stdout)["left"]
    assert [(one["certificate"], one["owner"], one["data"]) for one in left] == [
        ("mx1", f"{SECOND}.", data.split()[-1])]
    done = host.rollover("--clean")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"mx1: deleted TLSA {data[:22]}... at {SECOND}.\n"
    assert (tlsa_at(host, 25), tlsa_at(host, 465)) == ({STRANGER, new}, {STRANGER})
    assert host.rollover("--status").stdout == "mx1: done: nothing is under way\n"
    assert host.rollover("--clean").stdout == ""


def test_a_state_of_a_certificate_that_is_gone_is_damaged(host_of_two):
    """It holds up nobody; who asks for it is told."""
    host = host_of_two
    gone = host.state / "gone.rollover"
    gone.write_text("cut of")
    gone.chmod(0o600)
    new = host.renew()
    is_good(host.rollover("--wait"))
    assert tlsa_at(host, 25) == tlsa_at(host, 465) == {STRANGER, new}
    done = host.rollover("--status")
    assert done.returncode == 3 and f"{gone}: cut off" in done.stderr
    assert "mx1: done" in done.stdout


def test_what_is_left_and_may_not_be_deleted(host_of_two):
    """It is told and stays; what may go goes."""
    host = host_of_two
    host.write_conf()
    assert host.rollover("--wait").returncode == 0
    state = host.state / "mx1.rollover"
    other = SECOND.replace("_465", "_587")
    state.write_text(state.read_text().replace(
        "left = [", f'left = [\n  "{other}. 030101{"cd" * 32}",', 1))
    done = host.rollover("--clean")
    assert done.returncode == 1 and f"{other}.: REFUSED" in done.stderr
    assert "mx1: deleted" in done.stdout and tlsa_at(host, 465) == {STRANGER}
    assert f"left over TLSA 3 1 1 {'cd' * 8}... at {other}." in host.rollover("--status").stdout
    assert host.rollover("--clean").returncode == 1


def test_a_name_that_comes_back(host_of_two):
    """What was left there goes as in any roll-over."""
    host = host_of_two
    host.write_conf()
    assert host.rollover("--wait").returncode == 0
    new = host.renew()
    is_good(host.rollover("--wait"))
    host.write_conf(tlsa=BOTH)
    is_good(host.rollover("--wait"))
    assert tlsa_at(host, 25) == tlsa_at(host, 465) == {STRANGER, new}
    assert host.step() == "done"
    assert host.rollover("--status").stdout == "mx1: done: nothing is under way\n"


def test_a_certificate_that_is_taken_out(host_of_two):
    """All its records, and its copies; what others have published stays."""
    host = host_of_two
    conf = host.folder / "deploy.conf"
    conf.write_text(conf.read_text().replace('name = "mx1";', 'name = "other";')
                    .replace(BOTH, ""))
    assert host.rollover("other").returncode == 0
    done = host.rollover("--clean", "--json", "mx1")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(one["owner"] for one in json.loads(done.stdout)["deleted"]) == [
        f"{OWNER}.", f"{SECOND}."]
    assert tlsa_at(host, 25) == tlsa_at(host, 465) == {STRANGER}
    assert not [path for path in host.state.iterdir() if path.name.startswith("mx1.")]


def test_a_certificate_of_another_name_takes_over(host_of_two):
    """certbot made a lineage mx1-0001: its records are no leftovers of mx1's."""
    host = host_of_two
    data = tlsa_at(host, 25)
    conf = host.folder / "deploy.conf"
    conf.write_text(conf.read_text().replace('name = "mx1";', 'name = "mx1-0001";'))
    assert host.rollover("--wait").returncode == 0
    done = host.rollover("--clean")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert tlsa_at(host, 25) == tlsa_at(host, 465) == data


def test_a_record_that_another_certificate_needs(host):
    """Two certificates with one key at one name, and one of them gets a new key: the
    other's service still presents the old one."""
    shared = host.renew()
    host.publish(STRANGER)
    host.start()
    second = host.folder / "second"
    second.mkdir()
    for name in ("fullchain.pem", "privkey.pem"):
        shutil.copy(host.live / name, second)
    conf = host.folder / "deploy.conf"
    first = conf.read_text()[:-4]
    conf.write_text(first + f""", {{ name = "second";
    certificate = "{second}/fullchain.pem"; key = "{second}/privkey.pem";
    tlsa = ( {{ name = "{NAME}"; ports = [ "25/tcp" ]; }} );
    consumers = ( {{ name = "s"; files = (
        {{ format = "fullchain"; path = "{second}/deployed.pem"; }} ); }} ); }} );
""")
    assert host.rollover("--wait").returncode == 0
    assert host.tlsa() == {shared, STRANGER}
    new = host.renew()
    assert host.rollover("--wait").returncode == 0
    assert host.service.presents() == new and host.tlsa() == {shared, new, STRANGER}
    for name in ("fullchain.pem", "privkey.pem"):
        shutil.copy(host.live / name, second)
    assert host.rollover("--wait").returncode == 0
    assert host.tlsa() == {new, STRANGER}
