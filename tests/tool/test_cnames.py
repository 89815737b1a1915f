"""tsigate cnames: which CNAMEs the ACL needs, and what it says of a primary's.

The primary is a thread that answers CNAME queries and zone transfers out of one table.
"""
import socket
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.tsigkeyring
import dns.zone
import pytest

from test_tool import SECRET, Site

ACL = """\
host mx1.example.org
    acme mx1.example.org old.example.org
    tlsa mx1.example.org 25/tcp
    acme **.lab.example.org  broad
    acme native.dyn.example.org
host mx2.example.org
    acme mx1.example.org a.mx1.example.org
alias _acme-challenge.old.example.org _acme-challenge.legacy._s.example.org
"""
NEEDED = {
    "_acme-challenge.mx1": "_acme-challenge.mx1._s",
    "_acme-challenge.a.mx1": "_acme-challenge.a.mx1._s",
    "_25._tcp.mx1": "_25._tcp.mx1._s",
    "_acme-challenge.old": "_acme-challenge.legacy._s",
}
LINES = """\
_acme-challenge.mx1.example.org.   IN CNAME _acme-challenge.mx1._s.example.org.
_25._tcp.mx1.example.org.          IN CNAME _25._tcp.mx1._s.example.org.
_acme-challenge.a.mx1.example.org. IN CNAME _acme-challenge.a.mx1._s.example.org.
_acme-challenge.old.example.org.   IN CNAME _acme-challenge.legacy._s.example.org.
; _acme-challenge.**.lab.example.org. (host mx1.example.org, FOLDER/site.acl:4): \
a pattern: a CNAME for each name that is used
"""


class Primary(threading.Thread):
    """zone: owner to target, both relative to example.org; transfer: the RCODE of an AXFR,
    or how many records go into one of its messages."""

    def __init__(self, zone, transfer=2, last_signed_by="gateway"):
        super().__init__(daemon=True)
        self.zone, self.transfer, self.last_signed_by = zone, transfer, last_signed_by
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                while self.serve(connection):
                    pass

    @staticmethod
    def ring(secret="gateway"):
        return dns.tsigkeyring.from_text({"gateway": SECRET[secret]})

    def serve(self, connection):
        head = connection.recv(2, socket.MSG_WAITALL)
        if len(head) < 2:
            return False
        query = dns.message.from_wire(
            connection.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL),
            keyring=self.ring())
        name, type_ = query.question[0].name, query.question[0].rdtype
        if type_ == dns.rdatatype.AXFR and self.transfer is not dns.rcode.REFUSED:
            replies = self.zone_messages(query)
        else:
            replies = [self.reply(query)]
            if type_ == dns.rdatatype.AXFR:
                replies[0].set_rcode(dns.rcode.REFUSED)
            target = self.zone.get(str(name).removesuffix(".example.org."))
            if target:
                replies[0].answer.append(self.cname(name, target))
        self.send(connection, query, replies)
        return True

    @staticmethod
    def reply(query):
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        return reply

    @staticmethod
    def cname(name, target):
        return dns.rrset.from_text(name, 60, "IN", "CNAME", target + ".example.org.")

    def zone_messages(self, query):
        soa = dns.rrset.from_text("example.org.", 60, "IN", "SOA", "ns. root. 1 2 3 4 5")
        records = [soa, *(self.cname(f"{owner}.example.org.", target)
                          for owner, target in self.zone.items()), soa]
        replies = []
        for i in range(0, len(records), self.transfer):
            replies.append(self.reply(query))
            replies[-1].answer.extend(records[i:i + self.transfer])
        return replies

    def send(self, connection, query, replies):
        context = None
        for reply in replies:
            is_last = len(replies) > 1 and reply is replies[-1]
            ring = self.ring(self.last_signed_by if is_last else "gateway")
            reply.use_tsig(ring, "gateway", algorithm=dns.tsig.HMAC_SHA256)
            reply.request_mac = query.mac
            if is_last and self.last_signed_by != "gateway":
                context = None
            wire = reply.to_wire(multi=len(replies) > 1, tsig_ctx=context)
            context = reply.tsig_ctx
            connection.sendall(len(wire).to_bytes(2, "big") + wire)


def check(folder, zone, *words, **primary):
    site = Site(folder, ACL, Primary(zone, **primary).port)
    return site.run("cnames", "--check", *words), site


def test_what_is_needed(tmp_path):
    done = Site(tmp_path, ACL).run("cnames")
    assert done.stdout == LINES.replace("FOLDER", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    zone = dns.zone.from_text("@ 60 IN SOA ns. root. 1 2 3 4 5\n@ 60 IN NS ns.\n" +
                              done.stdout.replace(" IN CNAME", " 60 IN CNAME"),
                              "example.org.")
    cnames = {str(owner): str(rdata.target)
              for owner, _, rdata in zone.iterate_rdatas("CNAME")}
    assert cnames == NEEDED


def test_json(tmp_path):
    told = Site(tmp_path, ACL).json("cnames")
    assert {one["original"]: one["target"] for one in told["cnames"]} == {
        f"{owner}.example.org": f"{target}.example.org" for owner, target in NEEDED.items()}
    assert told["cnames"][0] == {
        "original": "_acme-challenge.mx1.example.org",
        "target": "_acme-challenge.mx1._s.example.org", "zone": "example.org",
        "host": "mx1.example.org", "rule": f"{tmp_path}/site.acl:2"}
    assert [one["rule"] for one in told["patterns"]] == [f"{tmp_path}/site.acl:4"]
    assert told["without_shadow"] == [] and "drift" not in told


@pytest.mark.parametrize("transfer", [1, 3, 100])
def test_all_in_place(tmp_path, transfer):
    zone = NEEDED | {"_acme-challenge.x.lab": "_acme-challenge.x.lab._s", "www": "mx1"}
    done, _ = check(tmp_path, zone, transfer=transfer)
    assert done.stdout == "all 4 CNAMEs are in place, and none without a grant\n"
    assert (done.returncode, done.stderr) == (0, "")


DRIFTED = NEEDED | {"_25._tcp.mx1": "_25._tcp.mx2._s",
                    "_acme-challenge.www": "_acme-challenge.www._s"}
del DRIFTED["_acme-challenge.mx1"]


def test_drift(tmp_path):
    done, site = check(tmp_path, DRIFTED)
    assert done.stdout.splitlines() == [
        "missing    _acme-challenge.mx1.example.org.   IN CNAME "
        "_acme-challenge.mx1._s.example.org.",
        "elsewhere  _25._tcp.mx1.example.org.          IN CNAME _25._tcp.mx1._s.example.org."
        " ; leads to _25._tcp.mx2._s.example.org.",
        "ungranted  _acme-challenge.www.example.org.   IN CNAME "
        "_acme-challenge.www._s.example.org."]
    assert (done.returncode, done.stderr) == (1, "")
    told = site.json("cnames", "--check")
    assert told["drift"] is True and told["zones_searched"] is True
    assert [one["state"] for one in told["cnames"]] == [
        "missing", "elsewhere", "in-place", "in-place"]
    assert [one["original"] for one in told["ungranted"]] == [
        "_acme-challenge.www.example.org"]


def test_no_transfer_is_said(tmp_path):
    zone = NEEDED | {"_acme-challenge.www": "_acme-challenge.www._s"}
    done, _ = check(tmp_path, zone, transfer=dns.rcode.REFUSED)
    assert done.stdout == "all 4 CNAMEs are in place\n"
    assert done.returncode == 0
    assert "example.org was not searched" in done.stderr
    assert 'allow-transfer { key "gateway"; }' in done.stderr


def test_a_transfer_is_believed_to_its_end(tmp_path):
    zone = NEEDED | {"_acme-challenge.www": "_acme-challenge.www._s"}
    done, _ = check(tmp_path, zone, transfer=2, last_signed_by="mx1.example.org")
    assert "example.org was not searched" in done.stderr
    assert "does not verify" in done.stderr


def test_no_primary(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = Site(tmp_path, ACL, port).run("cnames", "--check")
    assert done.returncode == 4 and not done.stdout
    assert f"127.0.0.1:{port}" in done.stderr
