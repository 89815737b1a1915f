"""What tsigate prints and how it exits, subcommand by subcommand.

TSIGATE names the program. No daemon and no primary: where one is wanted, a thread plays it.
"""
import json
import os
import pathlib
import socket
import subprocess
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import dns.tsig
import dns.tsigkeyring
import pytest

TSIGATE = os.environ.get("TSIGATE", "./tsigate")
PROFILES = pathlib.Path(__file__).resolve().parents[2] / "acl" / "profiles.acl"
TOKEN = '"rDL2UP41KBQ-HUXX9YTMuS-hROOYPGkfC1WlGW-gu1I"'
CHALLENGE = "_acme-challenge.mx1.example.org"
TARGET = "_acme-challenge.mx1._s.example.org"
SECRET = {name: letter * 42 + "A=" for name, letter in
          (("mx1.example.org", "A"), ("mx2.example.org", "B"), ("gateway", "E"),
           ("mx1-next", "I"))}

CONF = """\
listen = ( { address = "127.0.0.1"; port = 5300; } );
upstream = { servers = ( { address = "127.0.0.1"; port = %(primary)d; } ); key = "gateway"; };
keys = [ "*.key" ];
acl = [ "*.acl" ];
profiles = "%(profiles)s";
zones = ( { name = "example.org"; }, { name = "_s.example.org"; dynamic = true; },
          { name = "dyn.example.org"; dynamic = true; } );
shadows = ( { of = "example.org"; at = "_s.example.org"; } );
audit = { file = "audit.jsonl"; };
control = "control.sock";
"""
ACL = """\
host mx1.example.org
    key  mx1.example.org
    key  mx1-next  not-before 2099-01-01T00:00:00Z
    acme mx1.example.org
    acme **.lab.example.org  broad
    tlsa mx1.example.org 25/tcp  ttl=60..300 ttl-mode=refuse
profile note
    owner {name}
    type  TXT
    check match "note [0-9]+"
    may   add delete delete-name
host mx2.example.org
    from 192.0.2.26 2001:db8::/32
    acme mx2.example.org
    note note.dyn.example.org
"""


class Site:
    def __init__(self, folder, acl=ACL, primary=9):
        self.folder = folder
        self.conf = folder / "tsigate.conf"
        self.conf.write_text(CONF % {"profiles": PROFILES, "primary": primary})
        (folder / "site.acl").write_text(acl)
        for name, secret in SECRET.items():
            key = folder / f"{name}.key"
            key.write_text(f'key "{name}" {{ algorithm hmac-sha256; secret "{secret}"; }};\n')
            key.chmod(0o600)

    def run(self, command, *words):
        return subprocess.run([TSIGATE, command, "-c", self.conf, *map(str, words)],
                              text=True, capture_output=True, timeout=20,
                              stdin=subprocess.DEVNULL)

    def json(self, command, *words):
        return json.loads(self.run(command, "--json", *words).stdout)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def tool(*words):
    return subprocess.run([TSIGATE, *words], text=True, capture_output=True, timeout=20,
                          stdin=subprocess.DEVNULL)


# ---- help and usage ------------------------------------------------------------------

COMMANDS = ["check", "explain", "who-can", "rights", "cnames", "diff", "test", "edit",
            "grant", "revoke", "key", "status", "reload"]


def test_help():
    for words in (["--help"], ["help"]):
        done = tool(*words)
        assert done.returncode == 0 and not done.stderr
        for command in COMMANDS:
            assert f"\n  {command} " in done.stdout
    assert tool("--version").stdout.startswith("tsigate ")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command):
    for words in ([command, "--help"], ["help", command]):
        done = tool(*words)
        assert done.returncode == 0
        assert done.stdout.startswith(f"usage: tsigate {command}")


@pytest.mark.parametrize("words", [
    [], ["explian"], ["check", "word"], ["check", "--no-such"], ["explain"],
    ["explain", "a", "add", "b"], ["explain", "a", "create", "b", "TXT"],
    ["explain", "a", "add", "b..c", "TXT"], ["explain", "a", "add", "b", "NOTYPE"],
    ["explain", "--ttl", "-1", "a", "add", "b", "TXT"],
    ["explain", "--ttl", "2147483648", "a", "add", "b", "TXT"],
    ["explain", "--from", "somewhere", "a", "add", "b", "TXT"],
    ["who-can"], ["who-can", "a", "TXT", "b"], ["rights", "a", "b"], ["test"],
    ["diff"], ["diff", "a"], ["diff", "a", "b", "c"], ["diff", "-", "-"],
    ["status", "now"], ["cnames", "mx1"], ["help", "nothing"],
], ids=" ".join)
def test_usage(words):
    done = tool(*words)
    assert done.returncode == 2
    assert done.stderr and not done.stdout


# ---- check ---------------------------------------------------------------------------

def test_check(site):
    done = site.run("check")
    assert done.returncode == 0
    assert done.stdout == (f"{site.conf}: in order; 3 zones, 2 hosts, 3 keys, 5 rights; "
                           "1 warning\n")
    assert f"{site.folder}/site.acl:5:10: warning: " in done.stderr
    assert "[broad-grant]" in done.stderr


def test_check_lists_every_error(site):
    (site.folder / "site.acl").write_text(
        "host mx1.example.org\n    acmee mx1.example.org\n    tlsa mx1.example.org\n")
    (site.folder / "bad.key").write_text('key "x" { algorithm hmac-md5; secret "AAAA"; };')
    (site.folder / "bad.key").chmod(0o644)
    done = site.run("check")
    assert done.returncode == 1 and not done.stdout
    for place in ("site.acl:2:5:", "site.acl:3:5:", "bad.key"):
        assert f"{site.folder}/{place}" in done.stderr
    assert "acmee" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"{site.conf}: ")
    report = site.json("check")
    assert report["ok"] is False and report["errors"] >= 3


def test_check_of_an_unreadable_key_file(site):
    """That is the error, and not that keys are missing, or the gateway's."""
    for key in site.folder.glob("*.key"):
        key.chmod(0o644)
    done = site.run("check")
    assert done.returncode == 1 and "file-mode" in done.stderr
    assert "key-without-file" not in done.stderr and "gateway-key" not in done.stderr


def test_check_of_an_unreadable_acl_file(site):
    """That is the error, and not that keys have no host."""
    acl = site.folder / "site.acl"
    acl.write_text("")
    assert "key-without-host" in site.run("check").stderr
    acl.unlink()
    acl.mkdir()
    done = site.run("check")
    assert done.returncode == 1 and "file-not-regular" in done.stderr
    assert "key-without-host" not in done.stderr


def test_check_tells_a_remedy_once(site):
    (site.folder / "site.acl").write_bytes(b"host \xff\nhost \xfe\n")
    done = site.run("check")
    assert done.stderr.count("[acl-a-label]") == 2
    assert done.stderr.count("    -> ") == 1


def test_check_errors_of_the_configuration(site):
    site.conf.write_text(site.conf.read_text() + 'contrl = "x";\nmax_fudge = 0;\n')
    done = site.run("check")
    assert done.returncode == 1
    assert "contrl" in done.stderr and "max_fudge" in done.stderr


@pytest.mark.parametrize("command, words", [
    ("explain", ["mx1.example.org", "add", CHALLENGE, "TXT"]),
    ("who-can", [CHALLENGE]), ("rights", []), ("test", ["x.eval"])])
def test_bad_acl_is_3_for_all_others(site, command, words):
    (site.folder / "site.acl").write_text("host\n")
    done = site.run(command, *words)
    assert done.returncode == 3
    assert f"{site.folder}/site.acl:1:" in done.stderr and not done.stdout


def test_no_configuration(tmp_path):
    done = tool("rights", "-c", str(tmp_path / "nothing.conf"))
    assert done.returncode == 3
    assert "nothing.conf" in done.stderr


def test_effective_can_be_read_again(site):
    once = site.run("check", "--effective")
    assert once.returncode == 0
    assert "host_burst = 500;" in once.stdout and "cache_s = 10;" in once.stdout
    assert "secret" not in once.stdout and "A" * 42 not in once.stdout
    site.conf.write_text(once.stdout)
    twice = site.run("check", "--effective")
    assert twice.stdout == once.stdout
    assert site.json("check", "--effective")["effective"]["limits"]["host_rate"] == 20


def test_check_without_keys(site):
    """As in git, where no secrets are."""
    for path in site.folder.glob("*.key"):
        path.unlink()
    assert site.run("check").returncode == 1
    done = site.run("check", "--without-keys")
    assert done.returncode == 0 and " 0 keys, " in done.stdout and "[key-" not in done.stderr
    (site.folder / "site.acl").write_text(ACL + "hots x\n")
    done = site.run("check", "--without-keys")
    assert done.returncode == 1 and "did you mean host" in done.stderr


# ---- explain -------------------------------------------------------------------------

PERMITTED = """\
permitted
  who       host mx1.example.org
  asked     add _acme-challenge.mx1.example.org 3600 TXT "rDL2UP41KBQ-HUXX9YTMuS-hROOYPGkfC1WlGW-gu1I"
  grant     FOLDER/site.acl:4  (acme)
  original  _acme-challenge.mx1.example.org
  target    _acme-challenge.mx1._s.example.org
  zone      _s.example.org
  writes    add _acme-challenge.mx1._s.example.org 600 TXT (TTL 3600 asked, clamped by the grant)
  CNAME     taken for granted from original to target; --live asks
"""
REFUSED = """\
refused: name-not-granted [REFUSED]
  because   host mx1.example.org has no grant for _acme-challenge.mx2.example.org TXT
  remedy    to permit it, add to an ACL file: grant mx1.example.org acme mx2.example.org
  who       host mx1.example.org
  asked     add _acme-challenge.mx2.example.org 300 TXT ...
  original  _acme-challenge.mx2.example.org
  target    _acme-challenge.mx2._s.example.org
  zone      _s.example.org
"""


def test_explain_permitted(site):
    done = site.run("explain", "--ttl", 3600, "mx1.example.org", "add", CHALLENGE, "TXT",
                    TOKEN)
    assert done.stdout == PERMITTED.replace("FOLDER", str(site.folder))
    assert (done.returncode, done.stderr) == (0, "")


def test_explain_refused(site):
    done = site.run("explain", "mx1.example.org", "add",
                    "_acme-challenge.mx2.example.org", "TXT")
    assert done.stdout == REFUSED
    assert (done.returncode, done.stderr) == (1, "")


TLSA = "3 1 1 " + "ab" * 32


@pytest.mark.parametrize("options, words, reason", [
    ([], ["mx1.example.org", "add", TARGET, "TXT", TOKEN], "permitted"),
    ([], ["MX1.example.org.", "add", CHALLENGE.upper(), "txt", TOKEN], "permitted"),
    ([], ["mx1.example.org", "add", CHALLENGE, "TXT", '"hello"'], "value-not-allowed"),
    ([], ["mx1.example.org", "add", CHALLENGE, "A", "192.0.2.1"], "type-not-granted"),
    ([], ["mx1.example.org", "add", CHALLENGE, "TYPE65280", r"\#", "1", "00"],
     "type-not-granted"),
    ([], ["mx1.example.org", "delete", CHALLENGE, "TXT", '"left', 'over"'], "permitted"),
    ([], ["mx1.example.org", "delete-rrset", CHALLENGE, "TXT"], "permitted"),
    ([], ["mx1.example.org", "delete-rrset", CHALLENGE, "TXT", "-"], "permitted"),
    ([], ["mx1.example.org", "delete-name", CHALLENGE, "ANY"], "operation-not-granted"),
    ([], ["mx1.example.org", "prereq", CHALLENGE, "TXT"], "permitted"),
    ([], ["mx1.example.org", "prereq", "mx1.example.org", "A"], "prerequisite-not-granted"),
    ([], ["mx1.example.org", "prereq-any", CHALLENGE, "ANY"], "operation-not-granted"),
    ([], ["mx1.example.org", "add", "x.example.net", "TXT", TOKEN], "zone-unknown"),
    ([], ["mx1.example.org", "add", "_25._tcp.mx1.example.org", "TLSA", TLSA], "permitted"),
    ([], ["mx1.example.org", "add", "_25._tcp.mx1.example.org", "TLSA"], "permitted"),
    (["--ttl", "301"], ["mx1.example.org", "add", "_25._tcp.mx1.example.org", "TLSA", TLSA],
     "ttl-not-allowed"),
    ([], ["mx1-next", "add", CHALLENGE, "TXT", TOKEN], "key-expired"),
    ([], ["stray", "add", CHALLENGE, "TXT", TOKEN], "key-without-host"),
    ([], ["gateway", "add", CHALLENGE, "TXT", TOKEN], "key-unknown"),
    ([], ["mx2.example.org", "add", "_acme-challenge.mx2.example.org", "TXT"], "permitted"),
    (["--from", "192.0.2.26"],
     ["mx2.example.org", "add", "_acme-challenge.mx2.example.org", "TXT"], "permitted"),
    (["--from", "192.0.2.27"],
     ["mx2.example.org", "add", "_acme-challenge.mx2.example.org", "TXT"],
     "source-not-allowed"),
    ([], ["mx2.example.org", "delete-name", "note.dyn.example.org", "ANY"], "permitted"),
])
def test_explain_reasons(site, options, words, reason):
    told = site.json("explain", *options, *words)
    assert told["reason"] == reason
    assert told["verdict"] == ("permitted" if reason == "permitted" else "refused")
    done = site.run("explain", *options, *words)
    assert done.returncode == (0 if reason == "permitted" else 1)
    assert reason in done.stdout


def test_explain_json(site):
    told = site.json("explain", "--ttl", 9, "mx1.example.org", "add", TARGET, "TXT", TOKEN)
    assert told == {
        "verdict": "permitted", "reason": "permitted", "rcode": "NOERROR",
        "because": "permitted", "remedy": None, "who": "mx1.example.org",
        "host": "mx1.example.org", "op": "add", "name": TARGET, "type": "TXT",
        "ttl_asked": 9, "value": TOKEN, "original": CHALLENGE, "target": TARGET,
        "zone": "_s.example.org", "rule": f"{site.folder}/site.acl:4", "profile": "acme",
        "ttl": 9, "cname_asked": False}
    told = site.json("explain", "mx2.example.org", "delete-name", "note.dyn.example.org",
                     "ANY")
    assert told["types"] == ["TXT"]


def test_explain_wants_a_value_where_it_matters(site):
    done = site.run("explain", "mx2.example.org", "add", "note.dyn.example.org", "TXT")
    assert done.returncode == 2
    assert "site.acl:15" in done.stderr and "match" in done.stderr
    done = site.run("explain", "mx2.example.org", "add", "note.dyn.example.org", "TXT",
                    '"note 7"')
    assert done.returncode == 0


@pytest.mark.parametrize("words, said", [
    (["delete", CHALLENGE, "TXT"], "delete wants a TYPE and a VALUE"),
    (["delete-rrset", CHALLENGE, "TXT", TOKEN], "delete-rrset wants a TYPE and no VALUE"),
    (["delete-name", CHALLENGE, "TXT"], "delete-name wants the TYPE ANY and no VALUE"),
    (["add", CHALLENGE, "TLSA", "3 1 x"], "3 1 x is no value of type TLSA")])
def test_explain_what_makes_no_message(site, words, said):
    done = site.run("explain", "mx1.example.org", *words)
    assert done.returncode == 2 and said in done.stderr


# ---- explain --live ------------------------------------------------------------------

class Primary(threading.Thread):
    """Answers CNAME queries as it is told, signed with the gateway's key."""

    def __init__(self, target, secret="gateway", rcode=dns.rcode.NOERROR):
        super().__init__(daemon=True)
        self.target, self.secret, self.rcode = target, secret, rcode
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.asked = []
        self.start()

    def run(self):
        connection, _ = self.listener.accept()
        with connection:
            length = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
            wire = connection.recv(length, socket.MSG_WAITALL)
            ring = dns.tsigkeyring.from_text({"gateway": SECRET["gateway"]})
            query = dns.message.from_wire(wire, keyring=ring)
            self.asked.append(query.question[0])
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.AA
            reply.set_rcode(self.rcode)
            if self.target:
                reply.answer.append(dns.rrset.from_text(
                    query.question[0].name, 60, "IN", "CNAME", self.target))
            ring = dns.tsigkeyring.from_text({"gateway": SECRET[self.secret]})
            reply.use_tsig(ring, "gateway", algorithm=dns.tsig.HMAC_SHA256)
            reply.request_mac = query.mac
            wire = reply.to_wire()
            connection.sendall(len(wire).to_bytes(2, "big") + wire)


@pytest.mark.parametrize("target, code, word", [
    (TARGET + ".", 0, "leads from original to target"),
    ("_acme-challenge.mx2._s.example.org.", 1, "cname-unexpected"),
    (None, 1, "cname-missing")])
def test_live(tmp_path, target, code, word):
    primary = Primary(target)
    done = Site(tmp_path, primary=primary.port).run(
        "explain", "--live", "mx1.example.org", "add", CHALLENGE, "TXT", TOKEN)
    assert (done.returncode, done.stderr) == (code, "")
    assert word in done.stdout
    assert str(primary.asked[0].name) == CHALLENGE + "."


def test_live_does_not_believe_another_key(tmp_path):
    primary = Primary(TARGET + ".", secret="mx2.example.org")
    done = Site(tmp_path, primary=primary.port).run(
        "explain", "--live", "mx1.example.org", "add", CHALLENGE, "TXT", TOKEN)
    assert done.returncode == 4 and not done.stdout
    assert "signature" in done.stderr


def test_live_without_primary(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = Site(tmp_path, primary=port).run(
        "explain", "--live", "mx1.example.org", "add", CHALLENGE, "TXT", TOKEN)
    assert done.returncode == 4
    assert f"127.0.0.1:{port}" in done.stderr


# ---- who-can and rights --------------------------------------------------------------

WHO_CAN = """\
_acme-challenge.mx1.example.org, written at _acme-challenge.mx1._s.example.org

mx1.example.org
  key    mx1.example.org, mx1-next (from 2099-01-01T00:00:00Z)
  grant  FOLDER/site.acl:4  (acme _acme-challenge.mx1.example.org)
  may    TXT  add,delete,delete-rrset,prereq  ttl 0..600  check acme-token
"""


@pytest.mark.parametrize("name", [CHALLENGE, TARGET])
def test_who_can(site, name):
    done = site.run("who-can", name)
    assert done.stdout == WHO_CAN.replace("FOLDER", str(site.folder))
    assert done.returncode == 0
    assert site.run("who-can", name, "TXT").returncode == 0
    done = site.run("who-can", name, "TLSA")
    assert done.returncode == 1 and "nobody" in done.stdout
    assert [right["host"] for right in site.json("who-can", name)["rights"]] == [
        "mx1.example.org"]


def test_who_can_outside(site):
    done = site.run("who-can", "example.net")
    assert done.returncode == 1 and "no zone" in done.stderr


OPS = "add,delete,delete-rrset,prereq"
RIGHTS = [
    f"mx1.example.org\t_25._tcp.mx1.example.org\tTLSA\t{OPS}\t60..300 refuse\t"
    "tlsa 3-1-1 2-1-1\t-\tsite.acl:6",
    f"mx1.example.org\t_acme-challenge.**.lab.example.org\tTXT\t{OPS}\t0..600\t"
    "acme-token\t-\tsite.acl:5",
    f"mx1.example.org\t_acme-challenge.mx1.example.org\tTXT\t{OPS}\t0..600\t"
    "acme-token\t-\tsite.acl:4",
    f"mx2.example.org\t_acme-challenge.mx2.example.org\tTXT\t{OPS}\t0..600\t"
    "acme-token\t192.0.2.26,2001:db8::/32\tsite.acl:14",
    "mx2.example.org\tnote.dyn.example.org\tTXT\tadd,delete,delete-name\t0..3600\t"
    'match "note [0-9]+"\t192.0.2.26,2001:db8::/32\tsite.acl:15',
]


def test_rights(site):
    done = site.run("rights")
    assert done.returncode == 0 and not done.stderr
    lines = [line.replace(f"{site.folder}/", "") for line in done.stdout.splitlines()]
    assert lines == RIGHTS
    done = site.run("rights", "mx2.example.org")
    assert len(done.stdout.splitlines()) == 2
    assert site.run("rights", "mx3.example.org").returncode == 1
    assert len(site.json("rights")) == 5
    assert site.json("rights", "mx1.example.org")[0]["ttl_mode"] == "refuse"


# ---- check: lints --------------------------------------------------------------------

def test_check_says_what_to_do(site):
    (site.folder / "site.acl").write_text(
        ACL + f"grant {MX1} acme x.lab.example.org y.lab.example.org\n"
        f"grant {MX1} acme **.b.lab.example.org broad\n")
    done = site.run("check")
    assert done.returncode == 0
    lines = [line.replace(f"{site.folder}/", "") for line in done.stderr.splitlines()]
    assert [line.rsplit(" ", 1)[1] for line in lines if not line.startswith("    -> ")] == [
        "[broad-grant]", "[grant-shadowed]", "[grant-shadowed]", "[grant-shadowed]",
        "[broad-grant]"]
    remedies = [line for line in lines if line.startswith("    -> ")]
    assert lines[1] == remedies[0] and lines[3] == remedies[1] and len(remedies) == 2
    assert site.run("check", "--strict").returncode == 1

    report = site.json("check")
    assert report["ok"] and report["errors"] == 0 and report["warnings"] == 5
    shadowed = report["diagnostics"][1]
    assert shadowed.pop("message").startswith(
        "all that this permits at _acme-challenge.x.lab.example.org is permitted before, by ")
    assert shadowed == {
        "severity": "warning", "id": "grant-shadowed", "file": f"{site.folder}/site.acl",
        "line": 16, "column": 23,
        "remedy": "remove the line, or put it before the one that the message names"}


def test_check_strict_without_a_warning(site):
    (site.folder / "site.acl").write_text(ACL.replace("    acme **.lab.example.org  broad\n", ""))
    done = site.run("check", "--strict")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("word, remedy", [
    ("bücher.example.org", "write xn--bcher-kva.example.org"),
    ("www.MÜNCHEN.example.org", "write www.xn--mnchen-3ya.example.org"),
    ("**.faß.example.org", "write **.xn--fa-hia.example.org"),
    ("例え.example.org", "write xn--r8jz45g.example.org"),
    ("bu\u0308cher.example.org", "write xn--bcher-kva.example.org"),
    ("a\ufffd.example.org", "write each label that has other letters as an A-label (xn--...)"),
])
def test_check_suggests_a_labels(site, word, remedy):
    (site.folder / "site.acl").write_text(f"host mx1.example.org\n    acme a.example.org {word}\n")
    found = [diag for diag in site.json("check")["diagnostics"] if diag["severity"] == "error"]
    assert [(diag["id"], diag["line"], diag["remedy"]) for diag in found] == [
        ("acl-a-label", 2, remedy)]


@pytest.mark.parametrize("zone, remedy", [
    ("dün.example.org", "write xn--dn-xka.example.org"),
    ("dyn..example.org", "write a domain name"),
])
def test_check_suggests_a_labels_for_zones(site, zone, remedy):
    site.conf.write_text(site.conf.read_text().replace("dyn.example.org", zone))
    found = [diag for diag in site.json("check")["diagnostics"] if diag["id"] == "bad-name"]
    assert [diag["remedy"] for diag in found] == [remedy]


def test_names_on_the_command_line_are_a_labels(site):
    done = site.run("who-can", "bücher.example.org")
    assert done.returncode == 2
    assert '"bücher.example.org" is no name; as A-labels: xn--bcher-kva.example.org' in done.stderr


def test_check_names_the_alias_that_has_taken_a_target(site):
    (site.folder / "site.acl").write_text(
        ACL + "alias www.example.org _acme-challenge.mx2._s.example.org\n")
    done = site.run("check")
    assert done.returncode == 0 and f"the alias of {site.folder}/site.acl:16 has taken" in done.stderr


def test_check_has_no_needless_follow_ups(site):
    """What stands in a line with an error is not told to be missing."""
    (site.folder / "site.acl").write_text(
        f"host {MX1}\n    kye {MX1}\n    acme mx1..example.org\n"
        "host mx2.example.org\n    acme _acme-challenge._s.example.org\n")
    ids = [diag["id"] for diag in site.json("check")["diagnostics"]]
    assert ids == ["acl-unknown-statement", "acl-name", "grant-in-shadow"]


# ---- diff ----------------------------------------------------------------------------

ALL = "add,delete,delete-rrset,prereq"
MX1 = "mx1.example.org"


def diff(site, old, new, *options, stdin=""):
    """What changes between two texts; the lines without folders."""
    (site.folder / "old").mkdir(exist_ok=True)
    (site.folder / "old/a.acl").write_text(old)
    (site.folder / "new.acl").write_text(new)
    done = subprocess.run([TSIGATE, "diff", "-c", site.conf, *options, "old", "new.acl"],
                          text=True, capture_output=True, timeout=20, cwd=site.folder,
                          stdin=subprocess.DEVNULL)
    assert not done.stderr
    return done.returncode, done.stdout


def test_diff_of_one_effect(site):
    flat = (f"grant mx2.example.org acme mx2.example.org  # moved\n"
            f"grant {MX1} tlsa {MX1} 25/tcp ttl=60..300 ttl-mode=refuse\n"
            f"grant {MX1} acme **.lab.example.org a.b.lab.example.org broad\n"
            "profile remark\n    owner {name}\n    type TXT\n    may delete-name delete add\n"
            "    check match \"note [0-9]+\"\n"
            "grant mx2.example.org remark note.dyn.example.org\n"
            f"host {MX1}\n    key mx1-next not-before 2099-01-01T00:00:00Z\n"
            f"    key {MX1}\n    acme \\\n      {MX1}\n"
            "host mx2.example.org\n    from 2001:db8::/32\n    from 192.0.2.26\n")
    assert diff(site, ACL, flat) == (0, "")
    assert diff(site, ACL, flat, "--json") == (0, "[\n]\n")


def test_diff(site):
    new = (ACL.replace("**.lab", "*.lab").replace("ttl=60..300", "ttl=60..600")
           .replace("25/tcp", "25/tcp 465/tcp").replace("192.0.2.26 ", "")
           .replace("key  mx1-next  not-before 2099", "key  mx1-next  not-before 2098"))
    code, lines = diff(site, ACL, new)
    note = r'ttl=0..3600 check="match \"note [0-9]+\""'
    token = 'ttl=0..600 check="acme-token"'
    tlsa = 'ttl-mode=refuse check="tlsa 3-1-1 2-1-1"'
    both = "192.0.2.26,2001:db8::/32 -> 2001:db8::/32"
    assert (code, lines.splitlines()) == (1, ["\t".join(line) for line in [
        ("~", MX1, f"_25._tcp.{MX1}", "TLSA", "add",
         f"ttl=60..300 {tlsa} -> ttl=60..600 {tlsa}", "-", "old/a.acl:6 -> new.acl:6"),
        ("+", MX1, f"_465._tcp.{MX1}", "TLSA", ALL, f"ttl=60..600 {tlsa}", "-", "new.acl:6"),
        ("-", MX1, "_acme-challenge.**.*.lab.example.org", "TXT", ALL, token, "-",
         "old/a.acl:5"),
        ("~", MX1, "mx1-next", "key", "-", "not-before 2099-01-01T00:00:00Z -> "
         "not-before 2098-01-01T00:00:00Z", "-", "old/a.acl:3 -> new.acl:3"),
        ("~", "mx2.example.org", "_acme-challenge.mx2.example.org", "TXT", ALL, token, both,
         "old/a.acl:14 -> new.acl:14"),
        ("~", "mx2.example.org", "note.dyn.example.org", "TXT", "add,delete,delete-name",
         note, both, "old/a.acl:15 -> new.acl:15"),
    ]])
    rows = json.loads(diff(site, ACL, new, "--json")[1])
    assert [row["sign"] for row in rows] == ["~", "+", "-", "~", "~", "~"]
    assert rows[1] == {
        "sign": "+", "subject": "right", "host": MX1, "owner": f"_465._tcp.{MX1}",
        "type": "TLSA", "operations": ALL.split(","), "old": None,
        "new": {"conditions": f"ttl=60..600 {tlsa}", "from": None, "rule": "new.acl:6"}}


def test_diff_with_standard_input(site):
    """As `git show REV:acl/site.acl | tsigate diff - acl/site.acl`."""
    command = [TSIGATE, "diff", "-c", site.conf, "-", site.folder / "site.acl"]
    for text, code in ((ACL, 0), (ACL.replace("25/tcp", "26/tcp"), 1), ("", 1)):
        done = subprocess.run(command, input=text, text=True, capture_output=True, timeout=20)
        assert (done.returncode, done.stderr) == (code, "")
    assert "\tsite.acl:6\n" not in done.stdout and f"\t{site.folder}/site.acl:6\n" in done.stdout
    done = subprocess.run(command, input="host\n", text=True, capture_output=True, timeout=20)
    assert done.returncode == 3 and done.stderr.startswith("<stdin>:1:1: ")


def test_diff_with_streams(site):
    """/dev/null is an empty ACL, as git has it for a new file; a shell's <(...) a pipe."""
    acl = site.folder / "site.acl"
    done = site.run("diff", "/dev/null", acl)
    assert done.returncode == 1 and {line[0] for line in done.stdout.splitlines()} == {"+"}
    assert site.run("diff", "/dev/null", "/dev/null").returncode == 0
    done = subprocess.run(
        ["bash", "-c", '"$1" diff -c "$2" <(cat "$3") "$3"', "-", TSIGATE, site.conf, acl],
        text=True, capture_output=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = site.run("diff", "/dev/null/x", acl)
    assert done.returncode == 3 and "/dev/null/x" in done.stderr


def test_from_a_folder_that_is_gone(site):
    acl = site.folder / "site.acl"
    done = subprocess.run(
        ["sh", "-c", 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"', "-",
         site.folder / "gone", TSIGATE, "diff", "-c", site.conf, acl, acl],
        text=True, capture_output=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_diff_of_odd_paths(site):
    (site.folder / "a[b]").mkdir()
    (site.folder / "a[b]" / "x*.acl").write_text(ACL)
    for word in ("a[b]", "a[b]/x*.acl"):
        assert site.run("diff", site.folder / word, site.folder / "site.acl").returncode == 0
    assert site.run("diff", site.folder / "none", site.folder).returncode == 3


# ---- test ----------------------------------------------------------------------------

def test_tables(site):
    table = site.folder / "site.eval"
    table.write_text(
        "# comment\n"
        f"permit mx1.example.org add {CHALLENGE} TXT {TOKEN} -> {TARGET}\n"
        f"refuse mx1.example.org add {CHALLENGE} TXT {TOKEN} cname=none -> cname-missing\n"
        f"refuse mx1-next add {CHALLENGE} TXT {TOKEN} at=2098-12-31T23:59:59Z -> key-expired\n"
        f"permit mx1-next add {CHALLENGE} TXT {TOKEN} at=2099-01-01T00:00:00Z -> {TARGET}\n")
    done = site.run("test", table)
    assert (done.returncode, done.stdout, done.stderr) == (0, "4 passed, 0 failed\n", "")


def test_tables_that_fail(site):
    table = site.folder / "site.eval"
    table.write_text(
        f"permit mx2.example.org add {CHALLENGE} TXT {TOKEN} -> {TARGET}\n"
        f"refuse mx1.example.org add {CHALLENGE} TXT {TOKEN} -> name-not-granted\n"
        f"refuse mx1.example.org add {CHALLENGE} TXT {TOKEN} cname=none -> cname-unexpected\n"
        f"permit mx1.example.org add {CHALLENGE} TXT {TOKEN} -> {CHALLENGE}\n")
    done = site.run("test", table)
    assert done.returncode == 1
    acl = f"{site.folder}/site.acl"
    assert done.stdout.splitlines() == [
        f"{table}:1:1: expected permitted -> {TARGET}, got refused -> name-not-granted",
        f"{table}:2:1: expected refused -> name-not-granted, got permitted -> {TARGET} "
        f"({acl}:4)",
        f"{table}:3:1: expected refused -> cname-unexpected, got refused -> cname-missing "
        f"({acl}:4)",
        f"{table}:4:1: expected permitted -> {CHALLENGE}, got permitted -> {TARGET} "
        f"({acl}:4)",
        "0 passed, 4 failed"]
    report = site.json("test", table)
    assert report["failed"] == 4 and report["failures"][2]["line"] == 3


def test_tables_with_other_acl(site, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "next.acl"
    other.write_text("grant mx2.example.org acme mx1.example.org\n")
    table = site.folder / "site.eval"
    table.write_text(f"permit mx2.example.org add {CHALLENGE} TXT {TOKEN} -> {TARGET}\n")
    assert site.run("test", table).returncode == 1
    assert site.run("test", "--acl", other, table).returncode == 0
    assert site.run("test", "--acl", other, other, table).returncode == 0


def test_tables_without_keys(site):
    for key in site.folder.glob("*.key"):
        key.unlink()
    table = site.folder / "site.eval"
    table.write_text(f"permit mx1.example.org add {CHALLENGE} TXT {TOKEN} -> {TARGET}\n")
    assert site.run("test", table).returncode == 0


def test_tables_that_cannot_be_read(site):
    table = site.folder / "site.eval"
    table.write_text("allow mx1.example.org\n")
    done = site.run("test", table)
    assert done.returncode == 1 and f"{table}:1:1:" in done.stderr
    assert site.run("test", site.folder / "nothing.eval").returncode == 4


# ---- status and reload ---------------------------------------------------------------

class Daemon(threading.Thread):
    """The other end of the control socket."""

    def __init__(self, path, answer):
        super().__init__(daemon=True)
        self.answer = answer
        self.asked = None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.start()

    def run(self):
        connection, _ = self.listener.accept()
        with connection:
            self.asked = connection.recv(64)
            half = len(self.answer) // 2
            connection.sendall(self.answer[:half])
            connection.sendall(self.answer[half:])


STATUS = {"ok": True, "generation": 3, "config_stale": True,
          "reload_refused": {"first": "site.acl:3:1: no", "errors": 1},
          "listen": ["127.0.0.1:5300", "[::1]:5300"], "restart_needed": [],
          "primary": {"update": "up", "query": "down", "distrusted": "it has no key"},
          "zones": [{"name": "a", "dynamic": False, "served": True, "waiting": 0,
                     "refused_with": None},
                    {"name": "b", "dynamic": True, "served": False, "waiting": 2,
                     "refused_with": "NOTAUTH"}],
          "upstream": [{"link": "update", "server": "127.0.0.1:53", "last_error": None},
                       {"link": "query", "server": None, "last_error": "connection refused"}],
          "keys": [{"name": "k1", "host": "h1", "last_use": "2026-11-25T00:00:01Z",
                    "requests": 4},
                   {"name": "k3", "host": "h1", "last_use": None, "requests": 0},
                   {"name": "h2", "host": "h2", "last_use": None, "requests": 0},
                   {"name": "k2", "host": None, "last_use": "2026-11-25T00:00:02Z",
                    "requests": 5}],
          "version": "0.1.0", "pid": 7, "uptime_s": 10920, "config": "/etc/tsigate.conf",
          "loaded": "then", "hosts": 5, "rights": 9, "acl": ["acl/*.acl", "x"],
          "under_way": 1, "transactions": 2,
          "received": 3, "audit": {"file": "/var/audit", "writable": False, "error": "disk full"},
          "audit_chain": {"last_seq": 12}, "outcomes": {"permitted": 8, "a\n\x1b[31mb": 1}}
STATUS_TEXT = """\
! the last reload was refused, the files before it are in force: see tsigate check
! site.acl:3:1: no
! primary: the connection for queries is down
! what the primary answers is not believed: it has no key
! zone b: the primary does not give its SOA
! zone b: the primary refused the last update (NOTAUTH)
! the audit log cannot be written, so no update is carried out: disk full
! primary: connection refused
tsigated 0.1.0, pid 7, up 3 h 2 m
configuration  /etc/tsigate.conf, generation 3, loaded then
policy         5 hosts, 9 rights, from acl/*.acl x
listening on   127.0.0.1:5300 [::1]:5300
primary        updates up, queries down, at 127.0.0.1:53
requests       1 under way, 2 remembered, 3 received
audit          /var/audit, 12 lines

ZONE                                     KIND     SERVED  WAITING
a                                        static   yes     0
b                                        dynamic  NO      2

HOST  KEY  LAST USE              REQUESTS
-     k2   2026-11-25T00:00:02Z  5
h1    k1   2026-11-25T00:00:01Z  4
h1    k3   -                     0
h2    h2   -                     0

OUTCOME                      REQUESTS
permitted                    8
a??[31mb                     1
"""
VERBOSE_HEAD = """\
ok                          true
generation                  3
config_stale                true
reload_refused
  first                     site.acl:3:1: no
  errors                    1
listen
  127.0.0.1:5300
  [::1]:5300
restart_needed              none
primary
  update                    up
  query                     down
  distrusted                it has no key
zones
  - name                    a
    dynamic                 false
"""


def status(site, *options, code=0):
    (site.folder / "control.sock").unlink(missing_ok=True)
    daemon = Daemon(site.folder / "control.sock", json.dumps(STATUS).encode() + b"\n")
    done = site.run("status", *options)
    assert (done.returncode, daemon.asked) == (code, b"status\n")
    assert (done.stderr == "") == (code == 0)
    return done.stdout + done.stderr


def test_status(site):
    assert status(site) == STATUS_TEXT
    assert json.loads(status(site, "--json")) == STATUS
    verbose = status(site, "--verbose").splitlines(keepends=True)
    warnings = STATUS_TEXT.splitlines(keepends=True)[:8]
    assert verbose[:8] == warnings
    assert "".join(verbose[8:]).startswith(VERBOSE_HEAD)


def test_status_lists_the_keys_that_were_used_last(site):
    keys = STATUS["keys"]
    try:
        STATUS["keys"] = [{"name": f"k{n}", "host": None, "requests": 1,
                           "last_use": f"2026-11-25T00:00:{n:02}Z"} for n in (*range(9, 40), *range(9))]
        lines = status(site).splitlines()
    finally:
        STATUS["keys"] = keys
    at = next(n for n, line in enumerate(lines) if line.startswith("HOST"))
    assert [line.split()[1] for line in lines[at + 1:at + 21]] == [
        f"k{n}" for n in range(39, 19, -1)]
    assert lines[at + 21].startswith("... and 20 more keys: --host HOST")


def test_status_of_one_host(site):
    lines = status(site, "--host", "H1.").splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("HOST"))
    assert lines[at - 2].startswith("! primary: ")
    assert [line.split() for line in lines[at + 1:]] == [
        ["h1", "k1", "2026-11-25T00:00:01Z", "4"], ["h1", "k3", "-", "0"]]
    assert "no host h" in status(site, "--host", "h", code=1)
    for option in ("--json", "--verbose"):
        assert site.run("status", "--host", "h1", option).returncode == 2


OUTPUT = [["help"], ["help", "check"], ["--version"], ["rights"], ["check", "--effective"],
          ["diff", "/dev/null", "site.acl"], ["cnames"], ["rights", "--json"]]


@pytest.mark.parametrize("words", OUTPUT, ids=" ".join)
def test_output_that_does_not_come_out(site, words):
    """A full disk is no success, and no answer either."""
    command = [TSIGATE, *words]
    if words[0] not in ("help", "--version"):
        command[2:2] = ["-c", site.conf]
    for sink, said in (("/dev/full", "No space left"), (None, "Bad file descriptor")):
        script = 'exec "$@" >&-' if sink is None else f'exec "$@" >{sink}'
        done = subprocess.run(["sh", "-c", script, "-", *command], text=True,
                              cwd=site.folder, capture_output=True, timeout=20)
        assert done.returncode == 4 and f"standard output: {said}" in done.stderr


def test_reload(site):
    answer = {"ok": True, "generation": 4, "errors": [], "warnings": ["a.acl:1:1: hm"]}
    daemon = Daemon(site.folder / "control.sock", json.dumps(answer).encode() + b"\n")
    done = site.run("reload")
    assert (done.returncode, done.stdout) == (0, "reloaded: generation 4\n")
    assert done.stderr == "a.acl:1:1: hm\n"
    assert daemon.asked == b"reload\n"


def test_reload_refused(site):
    answer = {"ok": False, "generation": 3, "warnings": [],
              "errors": ['a.acl:1:5: "acmee" is no profile', "a.acl:2:1: no"]}
    Daemon(site.folder / "control.sock", json.dumps(answer).encode() + b"\n")
    done = site.run("reload")
    assert done.returncode == 3 and not done.stdout
    assert done.stderr.splitlines()[:2] == answer["errors"]
    assert "stays in force" in done.stderr


def test_reload_finds_the_daemon_of_a_broken_acl(site):
    (site.folder / "site.acl").write_text("host\n")
    Daemon(site.folder / "control.sock", b'{"ok":true,"generation":2}\n')
    assert site.run("reload").returncode == 0


@pytest.mark.parametrize("command", ["status", "reload", "tail"])
def test_no_daemon(site, command):
    done = site.run(command)
    assert done.returncode == 4 and "no tsigated is running" in done.stderr
    socket.socket(socket.AF_UNIX).bind(str(site.folder / "control.sock"))
    assert site.run(command).returncode == 4


@pytest.mark.parametrize("answer", [b"", b"{", b'{"ok":true', b"{}\n", b"nonsense\n"])
def test_half_an_answer(site, answer):
    Daemon(site.folder / "control.sock", answer)
    done = site.run("status")
    assert done.returncode == 4 and not done.stdout


def test_no_control_socket(site):
    site.conf.write_text(site.conf.read_text().replace('control = "control.sock";', ""))
    done = site.run("status")
    assert done.returncode == 3 and "control" in done.stderr
