"""What the tool says of itself: help, "did you mean", completion in bash and zsh.

All three come from one table; it is held against what each subcommand really takes.
"""
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

from test_tool import TSIGATE, site, tool  # noqa: F401 (site is a fixture)

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LISTED = re.findall(r"^  ([a-z-]+) ", tool("help").stdout, re.M)
HELP = {command: tool("help", command).stdout for command in LISTED}
# Of options that are looked at as they are read; of the others any will do.
VALUES = {"--anchor": "1:" + 64 * "0", "--from": "192.0.2.1", "--since": "2h",
          "--shadow": "example.org=_s.example.org",
          "--verdict": "permitted"}
COMMON = {"--json", "--help"}


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


def complete(*words):
    """The candidates for the last word: {text: meaning}."""
    done = tool("complete", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return dict((line + "\t").split("\t")[:2] for line in done.stdout.splitlines())


# ---- help ----------------------------------------------------------------------------

def test_all_are_listed():
    assert LISTED and set(LISTED) == set(complete(""))


@pytest.mark.parametrize("command", LISTED)
def test_help_is_whole(command):
    text = HELP[command]
    assert re.search(r"^  example  (.* \| )?tsigate " + command, text, re.M), \
        f"{command} has no entry in src/tsigate/help.c"
    assert re.search(r"^  exit     \S", text, re.M)
    assert tool(command, "--help").stdout == text
    # However long the prefix of this build is.
    text = re.sub(r"/\S*/tsigate\.conf", "/usr/local/etc/tsigate/tsigate.conf", text)
    assert max(map(len, text.splitlines())) <= 88


@pytest.mark.parametrize("command", LISTED)
def test_options_are_explained(command):
    """Each option in the usage has its line, and the other way round."""
    usage, rest = HELP[command].split("\n\n", 1)
    explained = set(re.findall(r"^  (--[a-z-]+)", rest, re.M))
    assert options_in(usage) - COMMON == explained


@pytest.mark.parametrize("command", LISTED)
def test_options_are_taken(command):
    for line in re.findall(r"^  (--[a-z-]+ ?\S*)", HELP[command], re.M):
        option, value = (line + " ").split(" ", 1)
        verbs = [verb for verb in complete(command, "") if verb != ":files"
                 and f"tsigate {command} {verb}" in HELP[command]]
        taken = []
        for words in [[command, verb] for verb in verbs] or [[command]]:
            more = [VALUES.get(option, "7")] if value.strip() else []
            done = tool(*words, option, *more, "--help")
            taken.append(done.returncode == 0)
        assert any(taken), option


def test_no_option_is_hidden():
    """Each option that a source takes is one of the table."""
    table = (SOURCE / "src/tsigate/help.c").read_text()
    for path in sorted((SOURCE / "src/tsigate").glob("*.[ch]")):
        for name in re.findall(r'\{"([a-z-]+)", (?:no|required)_arg', path.read_text()):
            assert f"--{name}" in COMMON or f'"--{name}"' in table, (path.name, name)


@pytest.mark.parametrize("command", LISTED)
def test_examples_are_in_order(command):
    """What an example shows is a subcommand with options that it has."""
    for block in re.findall(r"^  example +((?:.*\n)+?)  exit", HELP[command], re.M):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"\||&&", line):
                words = shlex.split(part)
                if words[0] != "tsigate":
                    continue
                assert words[1] in LISTED
                assert options_in(part) <= options_in(HELP[words[1]])


# ---- did you mean --------------------------------------------------------------------

@pytest.mark.parametrize("words, meant", [
    (["chekc"], "; did you mean check (see"),
    (["help", "rihgts"], "; did you mean rights (see"),
    (["frobnicate"], 'no command "frobnicate" (see'),
    (["key", "lst"], "retire?; did you mean list\n"),
    (["audit", "verfy"], "rotate?; did you mean verify\n"),
    (["check", "--stict"], "did you mean --strict?"),
    (["cnames", "--chek"], "did you mean --check?"),
    (["key", "new", "--algoritm=x", "a.example"], "did you mean --algorithm?"),
])
def test_did_you_mean(words, meant):
    done = tool(*words)
    assert done.returncode == 2 and meant in done.stderr


@pytest.mark.parametrize("word", ["--frobnicate", "--x"])
def test_nothing_is_meant(word):
    done = tool("check", word)
    assert done.returncode == 2 and "did you mean" not in done.stderr


@pytest.mark.parametrize("words, code, meant", [
    (["rights", "mx3.example.org"], 1, "did you mean mx1.example.org"),
    (["rights", "mx1.exmaple.org"], 1, "did you mean mx1.example.org"),
    (["rights", "www.other.example"], 1, None),
    (["explain", "mx1.exampel.org", "add", "mx1.example.org", "TXT"], 1,
     "did you mean mx1.example.org"),
    (["grant", "--yes", "mx1.example.org", "amce", "a.example.org"], 2,
     "did you mean acme"),
    (["revoke", "--yes", "mx2.exmaple.org", "acme", "a.example.org"], 1,
     "did you mean mx2.example.org"),
    (["key", "rotate", "--yes", "mx2.example.og"], 1, "did you mean mx2.example.org"),
])
def test_did_you_mean_what_is_in_the_files(site, words, code, meant):
    done = site.run(*words)
    assert done.returncode == code
    assert meant is None or meant in done.stdout + done.stderr
    assert meant or "did you mean" not in done.stdout + done.stderr


# ---- completion ----------------------------------------------------------------------

@pytest.mark.parametrize("words, wanted", [
    (["ch"], {"check"}),
    (["re"], {"reload", "replay", "revoke"}),
    (["help", "ri"], {"rights"}),
    (["key", ""], {"new", "list", "rotate", "retire"}),
    (["key", "r"], {"rotate", "retire"}),
    (["key", "retire", "--f"], {"--force"}),
    (["key", "new", "--for", "ce"], {"certbot", "cert-manager"}),
    (["key", "new", "--algorithm", ""], {"hmac-sha256", "hmac-sha384", "hmac-sha512"}),
    (["check", "-"], {"--strict", "--effective", "--without-keys", "--json", "--help", "-c"}),
    (["check", ""], set()),
    (["check", "-c", ""], {":files"}),
    (["diff", "a", ""], {":files"}),
    (["diff", "a", "b", ""], set()),
    (["test", "--acl", "a", "b", ""], {":files"}),
    (["explain", "mx1", "delete-"], {"delete-name", "delete-rrset"}),
    (["explain", "--ttl", "5", "mx1", "prereq-"], {"prereq-any"}),
    (["explain", "mx1", "add", "x", "TL"], {"TLSA"}),
    (["tail", "--verdict", "per"], {"permitted"}),
    (["audit", "show", "--since", ""], set()),
    (["frobnicate", ""], set()),
    (["frobnicate", "x", "--"], set()),
])
def test_complete(words, wanted):
    assert set(complete(*words)) == wanted


def test_no_words_at_all():
    assert tool("complete").returncode == 0


@pytest.mark.parametrize("words, wanted", [
    (["rights"], {"mx1.example.org", "mx2.example.org"}),
    (["rights", "mx2"], {"mx2.example.org"}),
    (["grant", "mx1.example.org", "ac"], {"acme", "acme-account", "acme-persist"}),
    (["grant", "mx1.example.org", "no"], {"note"}),
    (["key", "retire"], {"mx1.example.org", "mx1-next", "mx2.example.org"}),
    (["explain", "mx1-"], {"mx1-next"}),
    (["who-can", "_25"], {"_25._tcp.mx1.example.org"}),
    (["tail", "--host"], {"mx1.example.org", "mx2.example.org"}),
])
def test_complete_from_the_files(site, words, wanted):
    command, *rest = words
    verb = [rest.pop(0)] if command == "key" else []
    last = [] if len(rest) > 0 and rest[-1] not in ("--host",) else [""]
    assert set(complete(command, *verb, "-c", str(site.conf), *rest, *last)) == wanted


def test_broken_files_give_nothing(site):
    (site.folder / "site.acl").write_text("hots x\n")
    assert complete("rights", "-c", str(site.conf), "") == {}
    assert complete("rights", "-c", "/no/such/file", "") == {}


def bash(*words):
    script = f"""
        . {SOURCE}/scripts/completion/tsigate.bash
        compopt() {{ echo "$*"; }}
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _tsigate; printf '%s\\n' "${{COMPREPLY[@]}}"
        complete -p tsigate"""
    return subprocess.run(["bash", "-c", script, "bash", TSIGATE, *words], text=True,
                          capture_output=True, timeout=20).stdout.splitlines()


def zsh(*words):
    script = f"""
        compadd() {{ printf '%s\\n' "$found[@]" "$lines[@]"; }}
        _files() {{ print files; }}
        words=("$@") CURRENT=$#
        . {SOURCE}/scripts/completion/_tsigate"""
    return subprocess.run(["zsh", "-fc", script, "zsh", TSIGATE, *words], text=True,
                          capture_output=True, timeout=20).stdout.splitlines()


def test_bash():
    assert bash("check", "--s") == ["--strict", "complete -F _tsigate tsigate"]
    assert bash("")[:-1] == LISTED
    assert bash("diff", "x")[0] == "-o default"


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh():
    assert zsh("check", "--s") == ["--strict",
                                   "--strict  -- exit 1 if there is any warning"]
    assert zsh("")[:len(LISTED)] == LISTED
    assert zsh("diff", "x") == ["files"]
