"""tsigate edit, grant and revoke: what becomes of the file, whatever goes wrong.

The editor is a shell script; answers are typed at a pseudoterminal; the daemon is a thread
at the control socket.
"""
import fcntl
import json
import os
import pty
import random
import resource
import signal
import struct
import subprocess
import time

import pytest

from test_tool import ACL, TSIGATE, Daemon, Site

OK = b'{"ok":true,"generation":5,"errors":[],"warnings":[]}\n'
REFUSED = b'{"ok":false,"generation":4,"errors":["x.acl:1:1: no"],"warnings":[]}\n'


class Desk(Site):
    """A site with an admin at it."""

    def __init__(self, folder, acl=ACL):
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        site = folder / "site"
        site.mkdir()
        super().__init__(site, acl)
        self.acl = site / "site.acl"

    def editor(self, *rounds):
        """VISUAL: each round is a line of sh with the file as $1; the last one repeats."""
        for i, script in enumerate(rounds):
            (self.scratch / f"round{i}").write_text(script + "\n")
        (self.scratch / "editor").write_text(f"""\
cd {self.scratch}
echo "$1" >> seen
n=0; [ -f next ] && n=$(cat next)
[ -f round$n ] || n={len(rounds) - 1}
echo $((n + 1)) > next
. ./round$n
""")
        return f"sh {self.scratch}/editor"

    def do(self, *words, answers=None, editor="false"):
        """answers: what is typed; None: there is no terminal."""
        command = [TSIGATE, words[0], "-c", self.conf, *map(str, words[1:])]
        env = {**os.environ, "VISUAL": editor, "TMPDIR": str(self.scratch)}
        if answers is None:
            return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, text=True,
                                  capture_output=True, timeout=20)
        ours, theirs = pty.openpty()
        try:
            os.write(ours, answers.encode())
            return subprocess.run(command, env=env, stdin=theirs, text=True,
                                  capture_output=True, timeout=20)
        finally:
            os.close(theirs)
            os.close(ours)

    def daemon(self, answer=OK):
        return Daemon(self.folder / "control.sock", answer)

    def clean(self):
        """Nothing lies about: no lock, no new file, no copy."""
        hidden = [path.name for path in self.folder.iterdir() if path.name[0] == "."]
        return not hidden and not list(self.scratch.glob("tsigate-edit-*"))


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


ADD = 'echo "grant mx2.example.org acme new.example.org" >> "$1"'
BREAK = 'echo "grant mx2.example.org acne new.example.org" >> "$1"'


# ---- edit ----------------------------------------------------------------------------

def test_edit(desk):
    daemon = desk.daemon()
    desk.acl.chmod(0o640)
    done = desk.do("edit", desk.acl, answers="y\n", editor=desk.editor(ADD))
    assert (done.returncode, done.stderr) == (0, "")
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("+\tmx2.example.org\t_acme-challenge.new.example.org\tTXT\t")
    assert last == "reloaded: generation 5"
    assert desk.acl.read_text() == ACL + "grant mx2.example.org acme new.example.org\n"
    assert desk.acl.stat().st_mode & 0o7777 == 0o640
    assert daemon.asked == b"reload\n" and desk.clean()
    # It was a private copy that was edited, under the file's own name.
    seen = (desk.scratch / "seen").read_text()
    assert seen.startswith(str(desk.scratch / "tsigate-edit-")) and "/site.acl" in seen


def test_nothing_changed(desk):
    before = desk.acl.stat()
    done = desk.do("edit", desk.acl, answers="", editor=desk.editor("true"))
    after = desk.acl.stat()
    assert (done.returncode, done.stdout) == (0, f"{desk.acl}: nothing was changed\n")
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert desk.clean()


def test_no_right_changes(desk):
    desk.daemon()
    done = desk.do("edit", desk.acl, answers="y\n",
                   editor=desk.editor('echo "# a word" >> "$1"'))
    assert done.returncode == 0 and done.stdout.startswith("no right changes\n")
    assert desk.acl.read_text() == ACL + "# a word\n"


def test_an_error_is_edited_again(desk):
    desk.daemon()
    done = desk.do("edit", desk.acl, answers="e\ny\n",
                   editor=desk.editor(BREAK, "sed -i s/acne/acme/ \"$1\""))
    assert done.returncode == 0
    assert f"{desk.acl}:16:23: " in done.stderr and "acne" in done.stderr
    assert desk.acl.read_text().endswith("grant mx2.example.org acme new.example.org\n")


@pytest.mark.parametrize("answers", ["x\n", "", "what\nx\n", "x" * 200 + "\nx\n"])
def test_an_error_is_given_up(desk, answers):
    done = desk.do("edit", desk.acl, answers=answers + "\x04", editor=desk.editor(BREAK))
    assert done.returncode == 3
    assert desk.acl.read_text() == ACL and "stays as it was" in done.stderr and desk.clean()


def test_an_error_is_installed_nevertheless(desk):
    desk.daemon(REFUSED)
    done = desk.do("edit", desk.acl, answers="Q\n", editor=desk.editor(BREAK))
    assert done.returncode == 3 and "reload refused" in done.stderr
    assert "acne" in desk.acl.read_text() and desk.clean()


def test_an_error_without_a_terminal(desk):
    done = desk.do("edit", "--yes", desk.acl, editor=desk.editor(BREAK))
    assert done.returncode == 3 and desk.acl.read_text() == ACL and desk.clean()


def test_edited_again_although_in_order(desk):
    desk.daemon()
    done = desk.do("edit", desk.acl, answers="e\ny\n",
                   editor=desk.editor(ADD, "sed -i s/new/newer/ \"$1\""))
    assert done.returncode == 0 and "newer" in desk.acl.read_text()


def test_no(desk):
    done = desk.do("edit", desk.acl, answers="x\n", editor=desk.editor(ADD))
    assert done.returncode == 1 and desk.acl.read_text() == ACL and desk.clean()


@pytest.mark.parametrize("words", [["edit", "site.acl"],
                                   ["grant", "mx2.example.org", "acme", "a.example.org"],
                                   ["revoke", "mx2.example.org", "acme", "mx2.example.org"]],
                         ids=lambda words: words[0])
def test_nobody_to_ask(desk, words):
    done = desk.do(*words, editor=desk.editor(ADD))
    assert done.returncode == 2 and "--yes" in done.stderr
    assert desk.acl.read_text() == ACL and not (desk.scratch / "seen").exists()


@pytest.mark.parametrize("words", [
    ["edit"], ["edit", "a", "b"], ["edit", "--json", "a"],
    ["grant", "--yes", "mx1.example.org", "acme"],
    ["grant", "--yes", "mx1.example.org", "key", "mx3"],
    ["grant", "--yes", "a..b", "acme", "mx3.example.org"],
    ["grant", "--yes", "mx1.example.org", "acme", "a.example.org\nhost b"],
    ["revoke", "--yes", "mx1.example.org", "tlsa", "25/tcp"],
    ["revoke", "--yes", "mx1.example.org", "tlsa", "mx1.example.org", "ttl=1..2"],
])
def test_usage(desk, words):
    done = desk.do(*words)
    assert done.returncode == 2 and done.stderr and not done.stdout
    assert desk.acl.read_text() == ACL and desk.clean()


def test_the_editor_fails(desk):
    for editor, code in ((desk.editor(ADD + "; exit 1"), 1), ("/no/such/editor", 4)):
        done = desk.do("edit", "--yes", desk.acl, editor=editor)
        assert done.returncode == code and desk.acl.read_text() == ACL


def test_no_editor(desk):
    env = {name: value for name, value in os.environ.items() if name not in ("VISUAL", "EDITOR")}
    done = subprocess.run([TSIGATE, "edit", "--yes", "-c", desk.conf, desk.acl], env=env,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "no terminal for vi" in done.stderr and desk.clean()


def test_a_copy_that_nobody_changed_is_not_kept(desk):
    done = desk.do("edit", "--yes", desk.acl, editor="exec " + desk.editor("kill $$"))
    assert done.returncode == 4 and "is kept" not in done.stderr and desk.clean()
    done = desk.do("edit", "--yes", desk.acl, editor="/nonexistent/editor")
    assert done.returncode == 4 and "no such editor" in done.stderr and desk.clean()


def test_the_editor_is_killed(desk):
    done = desk.do("edit", "--yes", desk.acl, editor="exec " + desk.editor(ADD + "; kill $$"))
    assert done.returncode == 4 and desk.acl.read_text() == ACL
    kept, = desk.scratch.glob("tsigate-edit-*/site.acl")
    assert f"is kept in {kept}" in done.stderr and "new.example.org" in kept.read_text()


def test_editor_of_several_words_and_its_leavings(desk):
    desk.daemon()
    done = desk.do("edit", "--yes", desk.acl,
                   editor="sed --in-place=.bak s/mx2.example/mx3.example/")
    assert done.returncode == 0 and "mx3.example.org" in desk.acl.read_text()
    assert desk.clean()


def test_a_link_s_file_is_edited(desk):
    desk.daemon()
    link = desk.scratch / "link.acl"
    link.symlink_to(desk.acl)
    assert desk.do("edit", "--yes", link, editor=desk.editor(ADD)).returncode == 0
    assert link.is_symlink() and "new.example.org" in desk.acl.read_text()
    # And where the link is what the configuration finds.
    desk.acl.rename(desk.scratch / "real")
    desk.acl.symlink_to(desk.scratch / "real")
    desk.editor("sed -i s/new.example/newest.example/ \"$1\"")
    (desk.scratch / "next").unlink()
    (desk.folder / "control.sock").unlink()
    desk.daemon()
    assert desk.do("edit", "--yes", desk.acl,
                   editor=f"sh {desk.scratch}/editor").returncode == 0
    assert desk.acl.is_symlink()
    assert "newest.example.org" in (desk.scratch / "real").read_text()


def test_a_second_editor_is_told_who_has_the_first(desk):
    lock = desk.folder / ".site.acl.lock"
    lock.write_text("alice (process 42, since 2026-11-25T01:02:03Z)\n")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = desk.do("edit", "--yes", desk.acl, editor=desk.editor(ADD))
    assert done.returncode == 4 and "alice (process 42, since" in done.stderr
    assert desk.acl.read_text() == ACL and not (desk.scratch / "seen").exists()
    # Whoever has gone holds nothing.
    desk.daemon()
    assert desk.do("edit", "--yes", desk.acl, editor=desk.editor(ADD)).returncode == 0


def test_the_lock_is_held_while_the_editor_runs(desk):
    inner = (f'TSIGATE_INNER=1 {TSIGATE} grant --yes -c {desk.conf} mx2.example.org acme '
             f'a.example.org 2> {desk.scratch}/told; echo $? >> {desk.scratch}/told')
    desk.do("edit", "--yes", desk.acl, editor=desk.editor(inner))
    told = (desk.scratch / "told").read_text()
    assert "is being changed by" in told and told.endswith("4\n")


def test_a_change_meanwhile_is_not_lost(desk):
    meddle = f'{ADD}; echo "# by somebody else" >> {desk.acl}'
    done = desk.do("edit", "--yes", desk.acl, editor=desk.editor(meddle))
    assert done.returncode == 4 and "somebody else" in done.stderr
    assert desk.acl.read_text() == ACL + "# by somebody else\n"
    assert list(desk.scratch.glob("tsigate-edit-*/site.acl"))


def test_a_new_file(desk):
    desk.daemon()
    new = desk.folder / "new.acl"
    done = desk.do("edit", "--yes", new, editor=desk.editor(ADD))
    assert done.returncode == 0
    assert new.read_text() == "grant mx2.example.org acme new.example.org\n"
    other = desk.folder / "other.acl"
    assert desk.do("edit", "--yes", other, editor=desk.editor("true")).returncode == 0
    assert not other.exists() and desk.clean()


def test_a_name_alone_is_found_where_the_configuration_looks(desk):
    desk.daemon()
    done = desk.do("edit", "--yes", "site.acl", editor=desk.editor(ADD))
    assert done.returncode == 0 and f"{desk.acl}: installed" in done.stdout
    assert "new.example.org" in desk.acl.read_text()
    done = desk.do("grant", "--yes", "--no-reload", "--file", "site.acl", "mx1.example.org",
                   "acme", "b.example.org")
    assert done.returncode == 0
    assert desk.do("edit", "--yes", "sit.acl", editor="true").returncode == 3
    assert not os.path.exists("sit.acl")


def test_only_files_of_the_configuration(desk):
    stray = desk.scratch / "stray.acl"
    stray.write_text("")
    for name in (stray, desk.conf, desk.scratch / "missing.acl"):
        done = desk.do("edit", "--yes", name, editor=desk.editor(ADD))
        assert done.returncode == 3 and "none of the ACL files" in done.stderr
    assert stray.read_text() == "" and not (desk.scratch / "missing.acl").exists()
    done = desk.do("edit", "--yes", desk.scratch / "no" / "folder.acl")
    assert done.returncode == 4


def test_a_broken_acl_can_be_mended(desk):
    desk.daemon()
    desk.acl.write_text(ACL + "grant mx2.example.org acne new.example.org\n")
    done = desk.do("grant", "--yes", "mx2.example.org", "acme", "b.example.org")
    assert done.returncode == 3
    assert f"{desk.acl}:16:23: " in done.stderr
    done = desk.do("edit", "--yes", desk.acl, editor='sed -i s/acne/acme/')
    assert done.returncode == 0 and "nothing to compare" in done.stdout


def test_what_other_files_forbid(desk):
    """The whole ACL is judged, not the file alone."""
    (desk.folder / "a.acl").write_text("host mx9.example.org\n    key mx1.example.org\n")
    (desk.folder / "site.acl").write_text("host mx2.example.org\n")
    done = desk.do("edit", "--yes", desk.acl,
                   editor=desk.editor(f'cat > "$1" <<E\n{ACL}E'))
    assert done.returncode == 3 and "key-two-hosts" in done.stderr


@pytest.mark.parametrize("answer, code, word", [
    (None, 4, "no tsigated is running"), (REFUSED, 3, "reload refused"), (b"", 4, "")])
def test_the_outcome_of_the_reload(desk, answer, code, word):
    if answer is not None:
        desk.daemon(answer)
    done = desk.do("edit", "--yes", desk.acl, editor=desk.editor(ADD))
    assert done.returncode == code and word in done.stderr
    assert "stays installed" in done.stderr
    assert "new.example.org" in desk.acl.read_text()


def test_no_reload(desk):
    done = desk.do("edit", "--yes", "--no-reload", desk.acl, editor=desk.editor(ADD))
    assert (done.returncode, done.stderr) == (0, "")
    assert "not reloaded" in done.stdout and "new.example.org" in desk.acl.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_is_kept(desk):
    os.chown(desk.acl, 12345, 23456)
    desk.do("edit", "--yes", desk.acl, editor=desk.editor(ADD))
    stat = desk.acl.stat()
    assert (stat.st_uid, stat.st_gid) == (12345, 23456)
    assert "new.example.org" in desk.acl.read_text()


def test_the_access_list_is_kept(desk):
    # acl(5) as an attribute: owner rw-, user 12345 r--, group r--, mask r--, others ---.
    entries = [(1, 6, -1), (2, 4, 12345), (4, 4, -1), (16, 4, -1), (32, 0, -1)]
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *one) for one in entries)
    try:
        os.setxattr(desk.acl, "system.posix_acl_access", value)
    except OSError:
        pytest.skip("no access lists here")
    desk.do("edit", "--yes", desk.acl, editor=desk.editor(ADD))
    assert "new.example.org" in desk.acl.read_text()
    assert os.getxattr(desk.acl, "system.posix_acl_access") == value


def test_a_killed_edit_leaves_the_old_file(desk):
    command = [TSIGATE, "edit", "--yes", "-c", desk.conf, desk.acl]
    editor = desk.editor(f"{ADD}; touch ready; sleep 5")
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env={**os.environ, "VISUAL": editor, "TMPDIR": str(desk.scratch)},
                          start_new_session=True) as process:
        for _ in range(500):
            if (desk.scratch / "ready").exists():
                break
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    assert desk.acl.read_text() == ACL
    desk.daemon()
    assert desk.do("edit", "--yes", desk.acl, editor=desk.editor(ADD)).returncode == 0
    assert "new.example.org" in desk.acl.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM,
                                    signal.SIGHUP])
def test_an_interrupted_question_is_no(desk, number):
    ours, theirs = pty.openpty()
    env = {**os.environ, "VISUAL": desk.editor(ADD), "TMPDIR": str(desk.scratch)}
    with subprocess.Popen([TSIGATE, "edit", "-c", desk.conf, desk.acl], stdin=theirs, env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        shown = b""
        while b"Install it?" not in shown:
            piece = os.read(process.stdout.fileno(), 4096)
            assert piece
            shown += piece
        process.send_signal(number)
        assert process.wait(20) == 1
    os.close(ours)
    os.close(theirs)
    assert desk.acl.read_text() == ACL and desk.clean()


def full_disk():
    """Files end after a few octets: the lock's line fits, an ACL does not."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


def test_a_full_disk_leaves_the_old_file(desk):
    done = subprocess.run(
        [TSIGATE, "grant", "--yes", "-c", desk.conf, "mx1.example.org", "acme",
         "a.example.org"], preexec_fn=full_disk, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=20)
    assert done.returncode == 4 and "File too large" in done.stderr
    assert desk.acl.read_text() == ACL and desk.clean()


# ---- grant and revoke ----------------------------------------------------------------

def change(desk, *words, answers=None):
    if not (desk.folder / "control.sock").exists():
        desk.daemon()
    yes = [] if answers is not None else ["--yes"]
    done = desk.do(words[0], "--no-reload", *yes, *words[1:], answers=answers)
    return done, desk.acl.read_text()


def test_grant_into_the_block(desk):
    done, text = change(desk, "grant", "mx1.example.org", "acme", "a.example.org",
                        "b.example.org")
    assert (done.returncode, done.stderr) == (0, "")
    assert text == ACL.replace("profile note", "    acme a.example.org b.example.org\n"
                                               "profile note")
    assert [line.split("\t")[2] for line in done.stdout.splitlines() if line[0] == "+"] == [
        "_acme-challenge.a.example.org", "_acme-challenge.b.example.org"]


SHARED = """\
host a.example.org
    acme shared.example.org
host b.example.org
    acme shared.example.org
"""


def test_warnings_that_only_move_are_not_new(tmp_path):
    desk = Desk(tmp_path, ACL + SHARED)
    told = desk.run("check", "--without-keys")
    assert "shared-delete" in told.stdout + told.stderr
    done = desk.do("edit", desk.acl, "--yes", "--no-reload",
                   editor=desk.editor('sed -i "1i # a\\n# b" "$1"'))
    assert (done.returncode, done.stderr) == (0, "")
    done = desk.do("edit", desk.acl, "--yes", "--no-reload",
                   editor=desk.editor('printf "host c.example.org\\n'
                                      'acme shared.example.org\\n" >> "$1"'))
    assert done.returncode == 0
    told = [line for line in done.stderr.splitlines() if "shared-delete" in line]
    assert told and all("c.example.org" in line for line in told)


def test_the_same_warning_once_more_is_new(tmp_path):
    twice = "grant a.example.org acme x.example.org\n" * 2
    desk = Desk(tmp_path, ACL + twice)
    done = desk.do("edit", desk.acl, "--yes", "--no-reload",
                   editor=desk.editor(f'printf "{twice[:len(twice) // 2 - 1]}\\n" >> "$1"'))
    assert done.returncode == 0 and done.stderr.count("grant-twice") == 1


def test_grant_asks(desk):
    done, text = change(desk, "grant", "mx1.example.org", "acme", "a.example.org",
                        answers="n\n")
    assert done.returncode == 1 and text == ACL and "Install it?" in done.stdout
    done, text = change(desk, "grant", "mx1.example.org", "acme", "a.example.org",
                        answers="y\n")
    assert done.returncode == 0 and "a.example.org" in text


def test_grant_to_a_new_host(desk):
    done, text = change(desk, "grant", "mx3.example.org", "tlsa", "mx3.example.org", "25/tcp",
                        "check=tlsa 3-1-1", "ttl=60..120")
    assert done.returncode == 0
    assert text == ACL + ('grant mx3.example.org tlsa mx3.example.org 25/tcp '
                          'check="tlsa 3-1-1" ttl=60..120\n')


def test_grant_chooses_the_host_s_file(desk):
    (desk.folder / "more.acl").write_text("host mx9.example.org\n\tacme mx9.example.org\n")
    done, text = change(desk, "grant", "mx9.example.org", "acme", "a.example.org")
    assert done.returncode == 0 and text == ACL
    assert (desk.folder / "more.acl").read_text().endswith("\n\tacme a.example.org\n")
    done, _ = change(desk, "grant", "mx8.example.org", "acme", "a.example.org")
    assert done.returncode == 2 and "--file" in done.stderr
    done, text = change(desk, "grant", "--file", desk.acl, "mx9.example.org", "acme",
                        "b.example.org")
    assert done.returncode == 0
    assert text == ACL + "grant mx9.example.org acme b.example.org\n"


def test_grant_makes_the_first_file(desk):
    """Which a fresh site does not have yet; one that `acl` does not find is not made."""
    desk.acl.unlink()
    words = ["mx1.example.org", "acme", "mx1.example.org"]
    done = desk.do("grant", "--file", desk.folder / "site.txt", "--yes", *words)
    assert done.returncode == 3 and not (desk.folder / "site.txt").exists()
    done, text = change(desk, "grant", "--file", desk.acl, *words)
    assert done.returncode == 0
    assert text == "grant mx1.example.org acme mx1.example.org\n"


@pytest.mark.parametrize("words, told", [
    (["mx1.example.org", "acme", "mx1.example.org"], ":4: this gives"),
    (["MX1.example.org.", "acme", "MX1.example.org."], ":4: this gives"),
    (["mx1.example.org", "acme", "a.example.org", "mx1.example.org"], ":4: this gives"),
    (["mx1.example.org", "acme", "x.lab.example.org"], ":5: this gives"),
    (["mx1.example.org", "acme", "**.lab.example.org", "broad"], ":5: this gives"),
    (["mx2.example.org", "note", "note.dyn.example.org"], ":15: this gives"),
    (["mx1.example.org", "acme", "mx1.example.net"], "no right would change"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_granted_already(desk, words, told):
    done, text = change(desk, "grant", *words)
    assert done.returncode == 1 and text == ACL and desk.clean()
    assert told in done.stderr
    assert "grant-twice" not in done.stderr  # nothing comes of what it would warn of


def test_grant_under_other_terms(desk):
    done, text = change(desk, "grant", "mx1.example.org", "tlsa", "mx1.example.org", "25/tcp",
                        "may=add,delete-name")
    assert done.returncode == 0 and text != ACL


@pytest.mark.parametrize("words", [
    ["mx1.example.org", "tlsa", "mx1.example.org"],
    ["mx1.example.org", "acme", "*.example.org"],
    ["mx1.example.org", "acme", "a.example.org", "tll=5"],
    ["mx1.example.org", "acme", "a._s.example.org"]], ids=" ".join)
def test_grant_of_what_is_no_grant(desk, words):
    done, text = change(desk, "grant", *words)
    assert done.returncode == 3 and text == ACL and f"{desk.acl}:7:" in done.stderr


PRODUCT = """\
# The mail hosts.
host mx1.example.org       # the first
    key  mx1.example.org
    tlsa mx1.example.org imap.example.org 25/tcp 465/tcp  ttl=60..300   # mail
    acme mx1.example.org \\
         imap.example.org
every-host
    acme {host} all.example.org
host mx2.example.org
    acme *.lab.example.org broad
    acme {host}
grant mx1.example.org acme flat.example.org www.example.org
"""


@pytest.mark.parametrize("words, old, new", [
    ("mx1.example.org acme imap.example.org", " \\\n         imap.example.org\n", "\n"),
    ("mx1.example.org acme flat.example.org", "flat.example.org ", ""),
    ("mx1.example.org acme www.example.org flat.example.org",
     "grant mx1.example.org acme flat.example.org www.example.org\n", ""),
    ("mx1.example.org acme www.example.org imap.example.org",
     [" \\\n         imap.example.org\n", " www.example.org\n"], "\n"),
    ("mx1.example.org tlsa imap.example.org", "imap.example.org 25", "25"),
    ("mx1.example.org tlsa imap.example.org mx1.example.org 25/tcp", "25/tcp ", ""),
    ("mx1.example.org tlsa mx1.example.org 465/tcp",
     "tlsa mx1.example.org imap.example.org 25/tcp 465/tcp  ttl=60..300   # mail\n",
     "tlsa imap.example.org 25/tcp 465/tcp  ttl=60..300   # mail\n"
     "    tlsa mx1.example.org 25/tcp ttl=60..300\n"),
    ("mx2.example.org acme *.lab.example.org",
     "    acme *.lab.example.org broad\n", ""),
])
def test_revoke(tmp_path, words, old, new):
    desk = Desk(tmp_path, PRODUCT)
    host, profile, *names = words.split()
    done, text = change(desk, "revoke", host, profile, *names)
    expected = PRODUCT
    for piece in old if isinstance(old, list) else [old]:
        expected = expected.replace(piece, new)
    assert text == expected
    assert done.returncode == 0
    changes = [line for line in done.stdout.splitlines() if "\t" in line]
    assert changes and all(line[0] == "-" for line in changes)


@pytest.mark.parametrize("end", ["\n", "", "  # no newline"])
def test_grant_to_a_new_host_of_what_every_host_has(tmp_path, end):
    before = PRODUCT.rstrip("\n") + end
    desk = Desk(tmp_path, before)
    done, text = change(desk, "grant", "mx3.example.org", "acme", "mx3.example.org",
                        "all.example.org")
    assert done.returncode == 0 and "grant-twice" not in done.stderr
    assert text == before.rstrip("\n") + "\nhost mx3.example.org\n"
    gained = [line.split("\t")[1:3] for line in done.stdout.splitlines() if line[0] == "+"]
    assert ["mx3.example.org", "_acme-challenge.mx3.example.org"] in gained
    done, again = change(desk, "grant", "mx3.example.org", "acme", "mx3.example.org")
    assert done.returncode == 1 and again == text and ":8: this gives" in done.stderr


def test_grant_to_a_new_host_of_more_than_every_host_has(tmp_path):
    desk = Desk(tmp_path, PRODUCT)
    done, text = change(desk, "grant", "mx3.example.org", "acme", "mx3.example.org",
                        "lists.example.org")
    assert done.returncode == 1 and text == PRODUCT and "mx3.example.org already" in done.stderr


@pytest.mark.parametrize("words, told", [
    ("mx1.example.org acme all.example.org", ":8: every host has"),
    ("mx2.example.org acme mx2.example.org", ":8: every host has"),
    ("mx2.example.org acme x.lab.example.org", ":10: a pattern gives"),
    ("mx1.example.org acme far.example.org", "more.acl:1: this right is given in another"),
    ("mx1.example.org acme nothing.example.org", "has no acme nothing.example.org"),
    ("mx1.example.org acme www.example.org nothing.example.org", "has no acme nothing"),
    ("mx1.example.org tlsa mx1.example.org 993/tcp", "has no tlsa"),
    ("mx2.example.org acme **.lab.example.org", "has no acme **.lab.example.org"),
    ("mx7.example.org acme mx1.example.org", "no host mx7.example.org"),
])
def test_not_to_be_revoked(tmp_path, words, told):
    desk = Desk(tmp_path, PRODUCT)
    (desk.folder / "more.acl").write_text("grant mx1.example.org acme far.example.org\n")
    host, profile, *names = words.split()
    done, text = change(desk, "revoke", "--file", desk.acl, host, profile, *names)
    if "no host" in told:
        done, text = change(desk, "revoke", host, profile, *names)
    assert done.returncode == 1 and text == PRODUCT and told in done.stderr
    assert desk.clean()


def test_revoke_chooses_the_file_with_the_right(tmp_path):
    desk = Desk(tmp_path, PRODUCT)
    more = desk.folder / "more.acl"
    more.write_text("grant mx1.example.org acme far.example.org near.example.org\n")
    done, text = change(desk, "revoke", "mx1.example.org", "acme", "far.example.org")
    assert done.returncode == 0 and text == PRODUCT
    assert more.read_text() == "grant mx1.example.org acme near.example.org\n"


def test_keys_matter_only_where_a_daemon_reloads(desk):
    """A working copy of the ACL has no keys."""
    for key in desk.folder.glob("*.key"):
        key.unlink()
    done = desk.do("grant", "--yes", "mx1.example.org", "acme", "a.example.org")
    assert done.returncode == 3 and "gateway" in done.stderr and desk.clean()
    assert desk.acl.read_text() == ACL
    done, text = change(desk, "grant", "mx1.example.org", "acme", "a.example.org")
    assert done.returncode == 0 and "a.example.org" in text


# ---- there and back, over made ACLs --------------------------------------------------

def made_acl(rng):
    hosts = [f"h{i}.example.org" for i in range(rng.randint(1, 4))]
    lines = []
    for host in rng.sample(hosts, rng.randint(0, len(hosts))):
        indent = rng.choice(["    ", "\t", "  ", ""])
        lines.append(f"host {host}" + rng.choice(["", "  # why"]))
        for _ in range(rng.randint(0, 3)):
            lines.append(rng.choice([
                f"{indent}acme{rng.choice([' ', '   '])}n{rng.randint(0, 5)}.example.org",
                f"{indent}tlsa n{rng.randint(0, 5)}.example.org \\\n\t\t25/tcp 1/udp # x",
                f"{indent}from 192.0.2.{rng.randint(1, 9)}", "", "# acme nothing",
                f"{indent}acme **.l{rng.randint(0, 3)}.example.org broad"]))
    for _ in range(rng.randint(0, 3)):
        lines.append(f"grant {rng.choice(hosts)} acme n{rng.randint(0, 5)}.example.org")
    return "".join(line + "\n" for line in lines), hosts


@pytest.mark.parametrize("seed", range(40))
def test_there_and_back(tmp_path, seed):
    rng = random.Random(seed)
    before, hosts = made_acl(rng)
    desk = Desk(tmp_path, before)
    words = [rng.choice([*hosts, "new.example.org"]),
             *rng.choice([["acme", "right.example.org"],
                          ["tlsa", "right.example.org", "443/tcp"],
                          ["sshfp", "right.dyn.example.org"]])]
    # The host may do something before, so that its key is no part of the difference.
    desk.acl.write_text(before + f"host {words[0]}\n  acme own.example.org\n# its end\n")
    before = desk.acl.read_text()
    done, between = change(desk, "grant", *words)
    assert done.returncode == 0, done.stderr
    (desk.scratch / "old").write_text(before)
    (desk.scratch / "new").write_text(between)
    diff = desk.run("diff", desk.scratch / "old", desk.scratch / "new")
    assert diff.returncode == 1
    assert diff.stdout.count("\n") == 1, diff.stdout
    line, = diff.stdout.splitlines()
    assert line.startswith(f"+\t{words[0]}\t") and "right." in line
    done, after = change(desk, "revoke", *words)
    assert done.returncode == 0, done.stderr
    assert after == before


@pytest.mark.parametrize("host, told", [
    ("mx1.exmaple.org", "host mx1.exmaple.org is new; did you mean mx1.example.org\n"),
    ("printer.example.org", ""), ("mx1.example.org", "")])
def test_a_host_that_may_be_misspelt(desk, host, told):
    """Said before the question; --yes has answered it."""
    done = desk.do("grant", host, "acme", "a.example.org", answers="n\n")
    assert done.returncode == 1 and told in done.stderr
    assert told or "is new" not in done.stderr
    desk.daemon()
    assert "is new" not in desk.do("grant", "--yes", host, "acme", "a.example.org").stderr
