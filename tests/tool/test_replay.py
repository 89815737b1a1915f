"""tsigate replay: past requests under another ACL."""
import json

import pytest

from audit_log import Log, change, txt
from test_tool import ACL, CHALLENGE, TARGET, TOKEN, site, tool  # noqa: F401

VALUE = txt(TOKEN.strip('"'))


def challenge(host, **fields):
    return change(f"_acme-challenge.{host}.example.org", f"_acme-challenge.{host}._s.example.org",
                  **{"rdata": VALUE, **fields})


def replay(site, log, acl=ACL):  # noqa: F811
    """(name, then, now) of each difference, with the exit code."""
    audit = log.write(site.folder / "audit.jsonl")
    new = site.folder / "new" / "new.acl"
    new.parent.mkdir(exist_ok=True)
    new.write_text(acl)
    done = site.run("replay", "--json", audit, "--acl", new)
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    return done.returncode, [(row["name"], row["then_reason"], row["now_reason"])
                             for row in found["differences"]], found


@pytest.fixture
def log():
    log = Log()
    log.put("started", forgotten=None, transactions=0)
    log.result(changes=[challenge("mx1")], event="intent")
    log.result(changes=[challenge("mx1")])
    log.result(changes=[challenge("mx1", op="delete-rrset", rdata=None)], zone="_s.example.org")
    log.result(host="mx2.example.org", source="192.0.2.26", changes=[challenge("mx2")])
    log.result(host="mx2.example.org", source="192.0.2.26", changes=[challenge("mx1")],
               verdict="refused", reason="name-not-granted")
    log.result(host="mx2.example.org", source="198.51.100.1", changes=[challenge("mx2")],
               verdict="refused", reason="source-not-allowed")
    log.result(changes=[challenge("mx1")], verdict="failed", reason="primary-unreachable")
    log.result(changes=[challenge("mx1")], verdict="refused", reason="cname-missing")
    log.result(host=None, key="stray", changes=[challenge("mx1")], verdict="refused",
               reason="key-without-host")
    log.result(changes=[], verdict="refused", reason="too-many-records")
    log.result(changes=None or [], zone=None, verdict="refused", reason="zone-unknown")
    log.result(changes=[])
    log.put("suppressed", host="mx1.example.org", duplicates=3, rate_limited=0)
    log.tear()
    return log


def test_the_same_acl_differs_nowhere(site, log):  # noqa: F811
    code, rows, found = replay(site, log)
    assert (code, rows) == (0, [])
    assert (found["requests"], found["not_judged"]) == (11, 0)
    done = site.run("replay", site.folder / "audit.jsonl")
    assert (done.returncode, done.stdout) == (
        0, "11 requests: 0 permitted then and refused now, 0 refused then and permitted now\n")


MX1 = f"{CHALLENGE}"
MX2 = "_acme-challenge.mx2.example.org"


@pytest.mark.parametrize("old, new, rows", [
    ("    acme mx1.example.org\n", "", [
        (MX1, "permitted", "name-not-granted"), (MX1, "permitted", "name-not-granted"),
        (MX1, "primary-unreachable", "name-not-granted")]),
    ("    acme mx1.example.org\n", "    acme mx1.example.org  may=add\n", [
        (MX1, "permitted", "operation-not-granted")]),
    ("    acme mx2.example.org\n", "    acme mx2.example.org mx1.example.org\n", [
        (MX1, "name-not-granted", "permitted")]),
    ("    from 192.0.2.26 2001:db8::/32\n", "    from 198.51.100.0/24\n", [
        (MX2, "permitted", "source-not-allowed"), (MX1, "name-not-granted", None),
        (MX2, "source-not-allowed", "permitted")]),
    ("host mx1.example.org\n", "host mx1.example.org\n    key stray\n", [
        (MX1, "key-without-host", "permitted")]),
    ("    key  mx1.example.org\n",
     "    key  mx1.example.org  not-after 2026-11-25T00:00:04Z\n", [
         (MX1, "permitted", "key-expired"), (MX1, "primary-unreachable", "key-expired"),
         ("-", "permitted", "key-expired")]),
    # The CNAMEs are not asked for, they are what they were: a new target has none.
    ("host mx1.example.org\n",
     f"alias {MX1} else._s.example.org\nhost mx1.example.org\n", [
         (MX1, "permitted", "cname-unexpected"), (MX1, "permitted", "cname-unexpected"),
         (MX1, "primary-unreachable", "cname-unexpected")]),
])
def test_differences(site, log, old, new, rows):  # noqa: F811
    assert old in ACL
    code, found, _ = replay(site, log, ACL.replace(old, new, 1))
    rows = [row for row in rows if row[2] is not None]
    assert (code, found) == (1, rows)


def test_rows_for_people(site, log):  # noqa: F811
    audit = log.write(site.folder / "audit.jsonl")
    (site.folder / "new").mkdir()
    (site.folder / "new" / "a.acl").write_text(
        ACL.replace("    acme mx2.example.org\n", "    acme mx1.example.org\n"))
    done = site.run("replay", audit, "--acl", site.folder / "new")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"2026-11-25T00:00:05Z mx2.example.org          add          {MX2} TXT"
        "  permitted/permitted -> name-not-granted",
        f"2026-11-25T00:00:06Z mx2.example.org          add          {MX1} TXT"
        "  refused/name-not-granted -> permitted",
        "11 requests: 1 permitted then and refused now, 1 refused then and permitted now"]


def test_the_message_counts_as_a_whole(site):  # noqa: F811
    """max-records, and a prerequisite that needs its grant (A-12)."""
    log = Log()
    log.result(changes=[challenge("mx1", op="prereq", rdata=None), challenge("mx1"),
                        challenge("mx1", rdata=txt("x" * 42 + "A"))])
    assert replay(site, log)[:2] == (0, [])
    one = ACL.replace("acme mx1.example.org", "acme mx1.example.org  max-records=1", 1)
    assert replay(site, log, one)[1] == [(MX1, "permitted", "too-many-records")]
    none = ACL.replace("acme mx1.example.org", "acme mx1.example.org  may=add,delete", 1)
    assert replay(site, log, none)[1] == [(MX1, "permitted", "operation-not-granted")]


def test_long_values_cannot_be_judged(site):  # noqa: F811
    log = Log()
    long = challenge("mx1")
    del long["rdata"]
    log.result(changes=[{**long, "rdata_sha256": "ab" * 32}])
    code, rows, found = replay(site, log)
    assert (code, rows, found["not_judged"]) == (0, [], 1)
    done = site.run("replay", site.folder / "audit.jsonl")
    assert "1 could not be judged" in done.stdout


def test_what_is_no_audit_log(site, log):  # noqa: F811
    """A wrong file is no file without differences; torn lines, one is in log, do no harm."""
    audit = log.write(site.folder / "audit.jsonl")
    acl = site.folder / "site.acl"
    for command in (["replay", site.conf, "--acl", acl], ["audit", "show", site.conf]):
        done = site.run(*command)
        assert done.returncode == 4 and "is it an audit log?" in done.stderr
    with open(audit, "a", encoding="ascii") as lines:
        lines.write("{torn")
    for command in (["replay", audit, "--acl", acl], ["audit", "show", audit]):
        done = site.run(*command)
        assert done.returncode in (0, 1) and "2 lines are none of an audit log" in done.stderr
    (site.folder / "empty.jsonl").touch()
    done = site.run("replay", site.folder / "empty.jsonl", "--acl", acl)
    assert (done.returncode, done.stderr) == (0, "")


def test_replay_from_elsewhere(site):  # noqa: F811
    assert site.run("replay").returncode == 2
    assert site.run("replay", site.folder / "missing").returncode == 4
    Log().write(site.folder / "empty", end="")
    assert site.run("replay", site.folder / "empty").returncode == 0
    (site.folder / "bad.acl").write_text("nonsense\n")
    assert site.run("replay", site.folder / "empty", "--acl",
                    site.folder / "bad.acl").returncode == 3
