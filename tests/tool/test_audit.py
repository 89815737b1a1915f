"""tsigate audit, replay and tail's rows: the audit log in the hands of its reader."""
import json

import pytest

from audit_log import Log, change, sha256
from test_tool import CHALLENGE, TARGET, Site, site, tool  # noqa: F401


def make_log(count=8):
    log = Log()
    for n in range(count):
        log.result(changes=[change(f"h{n}.example.org")])
    return log


def verify(path, *words):
    """words, then path."""
    done = tool("audit", "verify", *words, path)
    return done.returncode, done.stdout


def test_whole(tmp_path):
    log = make_log()
    path = log.write(tmp_path / "a")
    code, out = verify(path)
    assert (code, out) == (0, "8 lines, number 1 to 8: whole\n" f"anchor 8:{log.prev}\n")
    done = tool("audit", "verify", "--json", path)
    found = json.loads(done.stdout)
    assert (found["ok"], found["lines"], found["last_sha256"]) == (True, 8, log.prev)


def test_empty(tmp_path):
    path = tmp_path / "a"
    path.touch()
    assert verify(path) == (0, "0 lines: whole\n")


def spoil(change_lines):
    """A way to spoil lines, with its name."""
    def spoiled(log):
        lines = list(log.lines)
        return change_lines(lines) or lines
    return spoiled


def swap(lines):
    lines[3], lines[4] = lines[4], lines[3]


@pytest.mark.parametrize("spoil_lines, findings", [
    (lambda l: l.pop(3), [("deleted", 4, 4, 4)]),
    (lambda l: l.__delitem__(slice(3, 6)), [("deleted", 4, 4, 6)]),
    (lambda l: l.__setitem__(3, l[3].replace("h3", "x3")), [("changed", 4, 4, 4)]),
    (lambda l: l.__setitem__(3, l[3].replace('"prev":"', '"prev":"0')[:-3] + '"}'),
     [("changed", 3, 3, 3), ("changed", 4, 4, 4)]),
    (lambda l: l.__setitem__(3, "gibberish"), [("torn", 4, None, None), ("changed", 4, 4, 4)]),
    (swap, [("reordered", 5, 4, 4)]),
    (lambda l: l.append(l.pop(2)), [("reordered", 8, 3, 3)]),
    (lambda l: l.insert(0, l.pop(5)), [("reordered", n, n - 1, n - 1) for n in range(2, 7)]),
    (lambda l: l.insert(5, l[2]), [("copied", 6, 3, 3)]),
    (lambda l: l.insert(5, l[2].replace("h2", "x2")), [("inserted", 6, 3, 3)]),
    (lambda l: l.extend(make_log(2).lines[:1] and [make_log(1).lines[0].replace("h0", "y0")]),
     [("inserted", 9, 1, 1)]),
    (lambda l: l.__setitem__(0, l[0].replace('"seq":1,', '"seq":0,')),
     [("torn", 1, None, None)]),
    (lambda l: l.append("torn"), [("torn", 9, None, None), ("cut-off", 9, None, None)]),
])
def test_spoiled(tmp_path, spoil_lines, findings):
    log = make_log()
    lines = list(log.lines)
    spoil_lines(lines)
    done = tool("audit", "verify", "--json", log.write(tmp_path / "a", lines))
    found = [(f["kind"], f["line"], f.get("first"), f.get("last"))
             for f in json.loads(done.stdout)["findings"]]
    if findings == [("torn", 1, None, None)]:
        assert found[:1] == findings
    else:
        assert found == findings
        assert done.returncode == 1
    assert tool("audit", "verify", tmp_path / "a").stdout.count("\n") >= len(findings)


def test_torn_by_a_crash_is_no_fault(tmp_path):
    """The writer ends it with a newline and chains it as it is; the numbers go on."""
    log = make_log(2)
    log.tear()
    log.result()
    log.tear("")
    log.result()
    code, out = verify(log.write(tmp_path / "a"))
    assert code == 0, out
    assert out.splitlines()[2:] == ["6 lines, 2 of them torn, number 1 to 4: whole",
                                    f"anchor 4:{log.prev}"]
    assert ":3: torn: " in out and ":5: torn: " in out


def test_torn_line_taken_away(tmp_path):
    log = make_log(2)
    log.tear()
    log.result()
    del log.lines[2]
    code, out = verify(log.write(tmp_path / "a"))
    assert code == 1 and ":2: changed: " in out


def test_torn_at_the_very_end(tmp_path):
    log = make_log()
    code, out = verify(log.write(tmp_path / "a", end=""))
    assert code == 1 and ":8: cut-off: " in out


def test_several_files(tmp_path):
    log = make_log(9)
    first = log.write(tmp_path / "a.1", log.lines[:4])
    second = log.write(tmp_path / "a.2", log.lines[4:])
    assert tool("audit", "verify", first, second).returncode == 0
    later = tool("audit", "verify", second)
    assert later.returncode == 0 and "number 1 to 4 are in older files" in later.stdout
    done = tool("audit", "verify", second, first)
    assert done.returncode == 1
    other = make_log(3).write(tmp_path / "b", ["x" + make_log(3).lines[0], *make_log(3).lines])
    assert tool("audit", "verify", other).returncode == 1


def test_a_new_chain(tmp_path):
    """As after a restart with an empty file: it is whole, and nothing ties it to the old."""
    first = make_log(3).write(tmp_path / "a.1")
    fresh = Log()
    fresh.result(host="other.example.org")
    second = fresh.write(tmp_path / "a.2")
    code, out = verify(second, first)
    assert code == 1 and f"{second}:1: new-chain: " in out


def test_anchor(tmp_path):
    """What seq and prev cannot tell: the end cut off, and all written anew."""
    log = make_log()
    path = log.write(tmp_path / "a")
    anchor = verify(path)[1].split()[-1]
    log.result()
    assert verify(log.write(path), "--anchor", anchor)[0] == 0
    code, out = verify(log.write(path, log.lines[:5]), "--anchor", anchor)
    assert code == 1 and "cut-off: the log ends before number 8" in out
    other = Log()
    for _ in range(9):
        other.result(host="evil.example.org")
    code, out = verify(other.write(path), "--anchor", anchor)
    assert code == 1 and ":8: rewritten: " in out
    assert tool("audit", "verify", "--anchor", "8:abc", path).returncode == 2


def test_verify_from_elsewhere(tmp_path, site):  # noqa: F811
    log = make_log()
    done = tool("audit", "verify", tmp_path / "missing")
    assert done.returncode == 4 and "missing" in done.stderr
    log.write(site.folder / "audit.jsonl")
    assert site.run("audit", "verify").returncode == 0


# ---- show ----------------------------------------------------------------------------

@pytest.fixture
def shown(tmp_path):
    log = Log()
    log.put("started", forgotten=None, transactions=0)
    log.result(changes=[change(CHALLENGE, TARGET)], event="intent")
    log.result(changes=[change(CHALLENGE, TARGET), change("a.dyn.example.org")],
               rule="site.acl:4")
    log.result(host="mx2.example.org", changes=[change("_acme-challenge.www.example.org")],
               verdict="refused", reason="name-not-granted")
    log.result(changes=[change(CHALLENGE, TARGET)], verdict="failed", reason="primary-failed")
    log.put("suppressed", host="mx1.example.org", duplicates=3, rate_limited=0)
    log.tear("{torn")
    return log.write(tmp_path / "a")


def rows(path, *words):
    done = tool("audit", "show", *words, path)
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert head.split()[:3] == ["TIME", "HOST", "VERDICT"]
    return lines


def test_show(shown):
    lines = rows(shown)
    assert len(lines) == 6
    assert lines[1].split() == [
        "2026-11-25T00:00:03Z", "mx1.example.org", "permitted", "permitted", "NOERROR", "add",
        "TXT", CHALLENGE, "->", TARGET, "site.acl:4"]
    assert lines[2].split() == ["add", "TXT", "a.dyn.example.org"]
    assert lines[3].split()[2:4] == ["refused", "name-not-granted"]
    assert "3 repeated" in lines[5]


@pytest.mark.parametrize("words, count", [
    (("--host", "mx2.example.org"), 1),
    (("--host", "MX1.example.org."), 4),
    (("--host", "mx3.example.org"), 0),
    (("--name", "www.example.org"), 1),
    (("--name", "_s.example.org"), 3),
    (("--name", "w.example.org"), 0),
    (("--verdict", "refused"), 1),
    (("--verdict", "primary-failed"), 1),
    (("--verdict", "failed", "--host", "mx2.example.org"), 0),
    (("--since", "2026-11-25T00:00:05Z"), 2),
    (("--since", "2026-11-25"), 6),
    (("--since", "2026-11-26"), 0),
])
def test_show_filters(shown, words, count):
    assert len(rows(shown, *words)) == count


def test_show_json_is_the_lines_themselves(shown):
    done = tool("audit", "show", "--json", "--verdict", "refused", shown)
    assert done.stdout == shown.read_text().splitlines()[3] + "\n"


def test_show_is_safe_for_a_terminal(tmp_path):
    log = Log()
    log.result(changes=[change("\\027[31mred.example.org")], rule="\u001b]0;title\u0007:1")
    text = log.write(tmp_path / "a")
    text.write_text(text.read_text().replace("\\u001B", "\\u001b"))
    assert "\x1b" not in tool("audit", "show", text).stdout


@pytest.mark.parametrize("words", [
    (), ("what",), ("show", "--since", "yesterday"), ("show", "--verdict", "maybe"),
    ("show", "--host", "a..b"), ("show", "--nonsense"), ("verify", "--nonsense")])
def test_audit_usage(words):
    assert tool("audit", *words).returncode == 2
