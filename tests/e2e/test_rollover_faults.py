"""tsigate-tlsa rollover where name servers and resolvers are broken: nothing is deployed
too early, nothing is begun again without need, and what holds it up is told."""
import calendar
import json
import re
import socket
import struct
import threading
import time

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from lab import free_port
from test_rollover_steps import OWNER, STRANGER, TARGET, UNSIGNED, host, is_good, resolver

__all__ = ["host", "resolver"]
WEEK = 7 * 86400


class Bent:
    """In front of the primary, over TCP; `bend` may change each answer, or be silent."""

    def __init__(self, primary):
        self.primary = primary
        self.bend = lambda answer: answer
        self.asked = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=[connection], daemon=True).start()

    def answer(self, connection):
        try:
            self.pass_on(connection)
        except OSError:
            pass  # who asked has left

    def pass_on(self, connection):
        with connection, connection.makefile("rb") as octets:
            while len(head := octets.read(2)) == 2:
                query = dns.message.from_wire(octets.read(struct.unpack("!H", head)[0]))
                self.asked += 1
                answer = dns.query.tcp(query, "127.0.0.1", port=self.primary.port, timeout=5)
                answer = self.bend(answer)
                if answer is None:
                    return
                wire = answer.to_wire()
                connection.sendall(struct.pack("!H", len(wire)) + wire)

    def close(self):
        self.listener.close()


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
    old = host.in_use()
    host.start()
    new = host.renew()
    is_good(host.rollover())
    assert host.step() == "wait"
    saved = (host.state / "mx1.rollover").read_text()
    bent.bend = lame(rcode)
    time.sleep(2.1)
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
    host.in_use()
    host.start()
    host.renew()
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
    host.in_use()
    host.start()
    host.renew()
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
    old = host.in_use()
    host.start()
    new = host.renew()
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
    host.in_use()
    host.start()
    host.renew()
    bent.bend = lambda answer: None
    done = host.rollover()
    assert (done.returncode, done.stderr) == (0, "") and host.step() == "publish"
    assert "cannot be asked for" in done.stdout and "no answer" in done.stdout


def test_a_resolver_that_is_gone(host):
    """All is left as it is, and the next run goes on."""
    old = host.in_use()
    host.start()
    host.renew()
    at = host.words.index("--resolver") + 1
    good, host.words[at] = host.words[at], f"127.0.0.1:{free_port()}"
    done = host.rollover()
    assert done.returncode == 4
    assert re.search(rf"resolver 127.0.0.1:\d+, asked for {OWNER}.: Connection refused",
                     done.stderr)
    assert host.tlsa() == {old, STRANGER} and host.step() == "publish"
    host.words[at] = good
    assert host.rollover("--wait").stderr == UNSIGNED and host.step() == "done"
