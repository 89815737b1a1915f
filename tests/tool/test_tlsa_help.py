"""What tsigate-tlsa says of itself: usage, manual and completion hold every option."""
import pathlib
import re
import shutil
import subprocess

import pytest

from test_tlsa import TLSA, tlsa

SOURCE = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = re.findall(r"^  ([a-z]+) ", tlsa("--help").stdout, re.M)
ALL = {"json", "help", "server"}  # of every command, though not all have a use for them


def taken(command):
    """The options in the command's table."""
    for name in (f"{command}.c", f"{command}_main.c"):
        path = SOURCE / "src" / "tlsa" / name
        if path.exists() and f"int {command}_main(" in path.read_text():
            return set(re.findall(r'\{"([a-z-]+)", \w+_argument', path.read_text())) - ALL
    raise AssertionError(f"no source of {command}")


def options_in(text):
    return set(re.findall(r"(?<![\w-])--([a-z][a-z-]+)", text))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_told(command):
    usage = options_in(tlsa("help", command).stdout)
    assert taken(command) <= usage <= taken(command) | ALL
    manual = (SOURCE / "doc" / "tsigate-tlsa.1").read_text()
    assert f".It Cm {command}" in manual
    for option in taken(command):
        assert f"Fl -{option}" in manual


def bash(*words):
    script = f"""
        . {SOURCE}/scripts/completion/tsigate-tlsa.bash
        compopt() {{ echo "$*"; }}
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _tsigate_tlsa; printf '%s\\n' "${{COMPREPLY[@]}}" """
    return subprocess.run(["bash", "-c", script, "bash", TLSA, *words], text=True,
                          capture_output=True, timeout=20).stdout.split("\n")[:-1]


def zsh(*words):
    script = f"""
        compadd() {{ printf '%s\\n' "$found[@]"; }}
        _files() {{ print files; }}
        words=("$@") CURRENT=$#
        . {SOURCE}/scripts/completion/_tsigate-tlsa"""
    return subprocess.run(["zsh", "-fc", script, "zsh", TLSA, *words], text=True,
                          capture_output=True, timeout=20).stdout.splitlines()


def test_bash():
    assert bash("") == COMMANDS
    assert bash("pub") == ["publish"]
    assert bash("check", "--mo") == ["--monitor"]
    assert bash("show", "x")[0] == "-o default"


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh():
    assert zsh("") == COMMANDS
    assert "--monitor" in zsh("check", "--mo")
    assert zsh("show", "x") == ["files"]
