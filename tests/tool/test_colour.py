"""Colour is for people: on a terminal, unless NO_COLOR or a dumb one forbids it."""
import os
import pty
import subprocess

import pytest

from audit_log import Log, change
from test_tool import ACL, CHALLENGE, TSIGATE, site  # noqa: F401 (site is a fixture)

GREEN, RED, YELLOW, BOLD = "\033[32m", "\033[31m", "\033[33m", "\033[1m"
OFF = "\033[0m"
EXPLAIN = ["explain", "mx1.example.org", "add", CHALLENGE, "TXT"]


def shown(site, *words, **variables):
    """What a terminal gets."""
    env = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    env.update({"TERM": "xterm", **variables})
    ours, theirs = pty.openpty()
    command = [TSIGATE, words[0], "-c", str(site.conf), *map(str, words[1:])]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                          env=env) as process:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:  # the other end is closed
            pass
        process.wait(20)
    os.close(ours)
    return text.decode().replace("\r\n", "\n")


def test_explain(site):
    assert shown(site, *EXPLAIN).startswith(f"{GREEN}permitted{OFF}\n")
    refused = shown(site, "explain", "mx2.example.org", *EXPLAIN[2:])
    assert refused.startswith(f"{RED}refused: name-not-granted [REFUSED]{OFF}\n")


def test_diff(site):
    old, new = site.folder / "site.acl", site.folder / "new"
    new.write_text(ACL.replace("ttl=60..300", "ttl=60..200")
                   .replace("acme mx2.example.org", "acme mx3.example.org"))
    lines = shown(site, "diff", old, new).splitlines()
    assert {line[:len(GREEN) + 1] for line in lines} == {
        f"{GREEN}+", f"{RED}-", f"{YELLOW}~"}
    assert all(line.endswith(OFF) for line in lines)


def test_a_table(site):
    (site.folder / "t.eval").write_text(f"refuse mx1.example.org add {CHALLENGE} TXT -\n")
    line = shown(site, "test", site.folder / "t.eval").splitlines()[0]
    assert line.startswith(RED) and line.endswith(OFF)


def test_errors_and_warnings(site):
    (site.folder / "site.acl").write_text(ACL + "acme x.example.org\nhots x\n")
    assert f"{BOLD}{site.folder}/site.acl:" in shown(site, "check")
    (site.folder / "site.acl").write_text(ACL + "host mx9.example.org\n")
    assert f"{YELLOW}{site.folder}/site.acl:" in shown(site, "check")
    assert shown(site, "rights", "nobody.example.org").startswith(f"{BOLD}tsigate: ")


def test_decisions(site):
    log = Log()
    log.result(changes=[change(CHALLENGE)])
    log.result(verdict="refused", reason="name-not-granted")
    path = log.write(site.folder / "audit.jsonl")
    text = shown(site, "audit", "show", path)
    assert f"{GREEN}permitted {OFF}" in text and f"{RED}refused   {OFF}" in text
    assert "VERDICT" in text.splitlines()[0] and "\033" not in text.splitlines()[0][:50]


@pytest.mark.parametrize("variables", [
    {"NO_COLOR": "1"}, {"NO_COLOR": "no"}, {"TERM": "dumb"}, {"TERM": ""}])
def test_no_colour_on_a_terminal(site, variables):
    for words in (EXPLAIN, ["rights", "nobody.example.org"]):
        assert "\033" not in shown(site, *words, **variables)


def test_an_empty_no_color_forbids_nothing(site):
    assert "\033" in shown(site, *EXPLAIN, NO_COLOR="")


def test_no_colour_in_a_file(site):
    """The terminal is elsewhere."""
    for words in (EXPLAIN, ["rights", "nobody.example.org"], ["check"]):
        done = site.run(*words)
        assert "\033" not in done.stdout + done.stderr


def test_no_colour_in_json(site):
    (site.folder / "empty").write_text("")
    for words in (["explain", "--json", *EXPLAIN[1:]],
                  ["diff", "--json", site.folder / "empty", site.folder / "site.acl"]):
        assert "\033" not in shown(site, *words)
