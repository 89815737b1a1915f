"""Each command of the guides in doc/ is run, in order, and shows what the guide says.

A block that begins with a prompt is followed:

    $ command        on the gateway's machine; a \\ at its end continues it, and a loop
                     goes on to its done
    mx1$ command     on the host of that name
    what it shows    `...` stands for anything, alone in a line for any number of lines

A command that fails has `$ echo $?` behind it. `<!-- file: PATH -->` before a block says
that the block is that file, HOST:PATH one on a host. Questions are answered with y.

The machine is a laboratory: a BIND, a gateway, and a folder for each host. Paths and
addresses in the guides are a real site's and are exchanged on the way in and out.
"""
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/e2e"))

import lab as laboratory  # noqa: E402
from dane_lab import Certificate, DaneLab, Postfix  # noqa: E402
from wire import Key  # noqa: E402

GUIDES = sorted(SOURCE.glob("doc/guide-*.md"))
ACL = """\
host mx1.duckcorp.org
    acme  mx1.duckcorp.org
    tlsa  mx1.duckcorp.org 25/tcp

host www1.duckcorp.org
    acme  www1.duckcorp.org
"""
BLOCK = re.compile(r"(?:<!-- file: (\S+) -->\n+)?^```\S*\n(.*?)^```$", re.M | re.S)
PROMPT = re.compile(r"(?:([a-z0-9]+))?\$ (.*)")


class Machines:
    """Where commands run: the gateway's machine, and hosts with a folder for a root."""

    def __init__(self, folder):
        self.folder = folder
        self.lab = laboratory.Lab(folder)
        self.lab.start_primary()
        keys = {name: Key(name) for name in ("mx1.duckcorp.org", "www1.duckcorp.org")}
        self.gateway = self.lab.make_gateway(acl=ACL, keys=keys)
        conf = re.sub(r"^profiles = .*", f'profiles = "{SOURCE}/acl/profiles.acl";',
                      self.gateway.conf.read_text(), flags=re.M)
        self.gateway.conf.write_text(conf)  # a copy of it elsewhere works as well
        self.gateway.start()
        self._move_in(keys["mx1.duckcorp.org"])

    def _move_in(self, key):
        self.site = self.gateway.conf.parent
        self.cwd = self.folder / "home"
        self.cwd.mkdir()
        self.status = 0
        self._host("mx1", key)
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        self._programs()

    def _host(self, name, key):
        etc = self.root(name) / "etc/tsigate"
        etc.mkdir(parents=True)
        key.write(etc / f"{key.name}.key")

    def root(self, host):
        return self.folder / "hosts" / host

    def _programs(self):
        """tsigate with the site's configuration for the default one; ssh and scp that go
        to a folder; rndc that signals, since this named has no control channel, and
        returns when the zone is there."""
        programs = {
            "tsigate": 'case " $* " in *" -c "*) exec BUILD/tsigate "$@" ;; esac\n'
                       'command=$1; shift\n'
                       'exec BUILD/tsigate "$command" -c CONF "$@"\n',
            "ssh": 'root=HOSTS/${1#root@}; root=${root%%.*}; shift\n'
                   'for word; do case $word in /*) word=$root$word ;; esac\n'
                   '    set -- "$@" "$word"; shift; done; exec "$@"\n',
            "scp": 'for word; do case $word in root@*) host=${word#root@}\n'
                   '    word=HOSTS/${host%%[.:]*}${word#*:} ;; esac\n'
                   '    set -- "$@" "$word"; shift; done; exec cp "$@"\n',
            "tsigate-tlsa": 'exec BUILD/tsigate-tlsa "$@"\n',
            "rndc": 'wanted=$(awk "/; serial/ { print \\$1 }" PRIMARY/$2.zone)\n'
                    'kill -HUP "$(cat PRIMARY/named.pid)"\n'
                    'for i in {1..100}; do case $(dig @127.0.0.1 -p PORT +short SOA $2)\n'
                    '    in *" $wanted "*) echo zone reload up-to-date; exit ;; esac\n'
                    '    sleep 0.1; done; exit 1\n',
        }
        self._write_programs(programs, {
            "BUILD": laboratory.BUILD, "CONF": self.gateway.conf,
            "HOSTS": self.folder / "hosts", "PRIMARY": self.lab.primary.folder,
            "PORT": self.lab.primary.port})

    def _write_programs(self, programs, values):
        for name, script in programs.items():
            for word, value in values.items():
                script = script.replace(word, str(value))
            (self.bin / name).write_text("#!/bin/bash\n" + script)
            (self.bin / name).chmod(0o755)

    def inward(self, text, host=None):
        if text.startswith("ssh "):
            return text
        if host:
            text = re.sub(r"(?<![\w/.:])(?=/(?:etc|srv|var)/)", str(self.root(host)), text)
        for real, ours in self.places():
            text = re.sub(rf"(?<![\w:]){real}", ours, text)  # not of root@HOST:PATH
        for real, ours in (
                ("server 192.0.2.53", f"server 127.0.0.1 {self.gateway.port}"),
                ("@192.0.2.1 ", f"@127.0.0.1 -p {self.lab.primary.port} ")):
            text = text.replace(real, ours)
        return text

    def places(self):
        """Folders of the gateway's machine, and where they are here."""
        return (("/root", str(self.folder / "home")), ("/etc/tsigate", str(self.site)),
                ("/etc/bind", str(self.lab.primary.folder)),
                ("/srv", str(self.folder / "srv")),
                ("/usr/local/sbin", str(self.bin)),
                ("/usr/local/share/doc/tsigate", str(SOURCE / "doc")),
                ("/var/log/tsigate", str(self.site)))

    def outward(self, text):
        # What only a laboratory is told, and the answer, which no terminal echoes.
        text = re.sub(r"# The gateway's address is one that only .*\n", "", text)
        text = text.replace("(n)o: ", "(n)o: y\n")
        text = text.replace(f" -c {self.gateway.conf}", "")
        text = text.replace(f"127.0.0.1 {self.gateway.port}", "192.0.2.53")
        text = re.sub(rf"{self.folder}/hosts/\w+", "", text)
        for real, ours in self.places():
            text = text.replace(ours, real)
        return text

    def write(self, path, text):
        host, _, path = path.rpartition(":")
        path = self.cwd / self.inward(path, host)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.inward(text, host))
        path.chmod(0o644)

    def run(self, command, host):
        """The lines that it shows. Status, folder and variables are the next command's."""
        shell = self.folder / f"shell-{host}"
        script = f". {shell}\n(exit {self.status})\n{self.inward(command, host)}\n" \
                 f"status=$?; {{ echo cd $PWD; export -p; umask -p; }} >{shell}; exit $status"
        env = {**os.environ, "PATH": f"{self.bin}:/usr/sbin:{os.environ['PATH']}",
               "HOME": str(self.folder / "home"), "NO_COLOR": "1", "LC_ALL": "C.UTF-8",
               "ANSIBLE_TRANSPORT": "local", "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
               "ANSIBLE_NOCOLOR": "1", "ANSIBLE_DEPRECATION_WARNINGS": "0",
               "ANSIBLE_LOCALHOST_WARNING": "0",
               "GIT_AUTHOR_NAME": "admin", "GIT_AUTHOR_EMAIL": "admin@duckcorp.org",
               "GIT_COMMITTER_NAME": "admin", "GIT_COMMITTER_EMAIL": "admin@duckcorp.org",
               "GIT_CONFIG_GLOBAL": os.devnull}
        shell.touch()
        ours, theirs = pty.openpty()
        os.write(ours, b"y\n")
        done = subprocess.run(["bash", "-c", script], cwd=self.cwd, env=env, stdin=theirs,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=90)
        os.close(theirs)
        os.close(ours)
        if host is None:
            self.cwd = pathlib.Path(shell.read_text().split("\n")[0].removeprefix("cd "))
        self.status = done.returncode
        return self.outward(done.stdout)


class MailMachines(Machines):
    """The host has Postfix, in zones that are signed, and certbot an authority.

    Stand-ins: systemctl, which tells this Postfix alone; the others are the real programs,
    told where the laboratory's folders and ports are. Port 25 is exchanged for Postfix's.
    """

    def __init__(self, folder):
        self.folder = folder
        self.postfix = Postfix(folder / "postfix")  # or the test is skipped
        self.port = self.postfix.port
        self.lab = DaneLab(folder)
        self.lab.start_all([self.port])
        self.gateway = self.lab.gateway
        acl = self.gateway.acl.read_text()  # who waits, waits for a TTL
        self.gateway.acl.write_text(re.sub(r"((acme|tlsa) .*)", r"\1 ttl=0..1", acl))
        assert self.gateway.tool("reload").returncode == 0
        Certificate(folder, "snakeoil").install(self.postfix)
        self.lab.add(self.postfix)
        self.pebble = self.lab.add(
            laboratory.Pebble(folder / "pebble", self.lab.validator))
        self._move_in(self.gateway.key())

    def _host(self, name, key):
        super()._host(name, key)
        etc = self.root(name) / "etc"
        key.write(etc / "tsigate/host.key")
        (etc / "tsigate/host.key").chmod(0o600)
        (etc / "tsigate/host.conf").write_text(
            f'server = "127.0.0.1:{self.gateway.port}";\nkey = "host.key";\n')
        for path in ("letsencrypt", "systemd/system"):
            (etc / path).mkdir(parents=True)
        credentials = etc / "letsencrypt/rfc2136.ini"
        credentials.touch(mode=0o600)
        credentials.write_text(
            f"dns_rfc2136_server = 127.0.0.1\ndns_rfc2136_port = {self.gateway.port}\n"
            f"dns_rfc2136_name = {key.name}.\ndns_rfc2136_secret = {key.base64}\n"
            f"dns_rfc2136_algorithm = {key.algorithm.upper()}\n")

    def _programs(self):
        super()._programs()
        self._write_programs({
            "systemctl": 'case $1 in reload) kill -HUP $(cat QUEUE/pid/master.pid) ;; esac\n',
            "postconf": 'LD_LIBRARY_PATH=POSTFIX/usr/lib/postfix '
                        'exec POSTFIX/usr/sbin/postconf -c CONFIG "$@"\n',
            "posttls-finger":
                'exec /usr/bin/python3 -c "import sys, pathlib\n'
                'sys.path.insert(0, \'E2E\')\nfrom finger import finger\n'
                'print(finger(pathlib.Path(\'CONFIG\'), pathlib.Path(\'POSTFIX\'), RESOLVER,'
                ' \'mx1.duckcorp.org\', SMTP).stdout, end=\'\')"\n',
            "certbot":
                'verb=$1; shift\n'
                '[ $verb = renew ] && set -- --no-random-sleep-on-renew "$@" ||\n'
                '    set -- --agree-tos --register-unsafely-without-email --server ACME '
                '--dns-rfc2136-propagation-seconds 2 "$@"\n'
                'REQUESTS_CA_BUNDLE=CA exec /usr/bin/certbot $verb --non-interactive '
                '--config-dir ETC/letsencrypt --work-dir VAR --logs-dir VAR "$@" 2>&1\n',
            "tsigate-tlsa":
                'state=ETC/tsigate/deploy.conf; verb=$1; shift\n'
                'grep -qs "^state" $state || [ ! -e $state ] ||\n'
                '    sed -i "1i state = \\"VAR/tsigate\\";" $state\n'
                'case $verb in\n'
                'check) set -- --resolver 127.0.0.1:RESOLVER --ns-port DNS "$@" ;;\n'
                'rollover) set -- -c ETC/tsigate/host.conf --deploy-conf $state '
                '--resolver 127.0.0.1:RESOLVER --ns-port DNS "$@" ;;\n'
                'esac\nexec BUILD/tsigate-tlsa $verb "$@"\n',
        }, {"QUEUE": self.postfix.queue, "POSTFIX": self.postfix.root,
            "CONFIG": self.postfix.folder, "E2E": SOURCE / "tests/e2e",
            "RESOLVER": self.lab.validator.port, "SMTP": self.port,
            "ACME": self.pebble.directory, "REQUESTS_CA_BUNDLE=CA":
            f"REQUESTS_CA_BUNDLE={self.pebble.ca}", "ETC": self.root("mx1") / "etc",
            "VAR": self.root("mx1") / "var", "DNS": self.lab.dns_port,
            "BUILD": laboratory.BUILD})
        (self.root("mx1") / "var").mkdir()

    def places(self):
        return (("/usr/local/share/doc/tsigate/tsigate-rollover",
                 f"{laboratory.BUILD}/tsigate-rollover"),
                ("/usr/local/share/tsigate", str(laboratory.BUILD)), *super().places())

    def inward(self, text, host=None):
        text = super().inward(text, host)
        text = text.replace("@127.0.0.1 ", f"@127.0.0.1 -p {self.lab.validator.port} ")
        text = text.replace("install-hooks ",
                            f"install-hooks --dir {self.root('mx1')}/etc/letsencrypt ")
        return re.sub(r"(?<=:)25\b|\b25(?=/tcp)|(?<=_)25(?=\._tcp)", str(self.port), text)

    def outward(self, text):
        return super().outward(text).replace(str(self.port), "25")


def goes_on(command):
    """Into the next line: a \\, a loop up to done, or text up to END."""
    return command.endswith("\\") or \
        command.startswith("for ") and not command.endswith("\ndone") or \
        "<<'END'\n" in command + "\n" and not command.endswith("\nEND")


def steps(text):
    """(command, host, lines that are to be seen) of one block."""
    found = []
    for line in text.splitlines():
        prompt = PROMPT.fullmatch(line)
        if found and goes_on(found[-1][0]):
            found[-1][0] += "\n" + line
        elif prompt:
            found.append([prompt[2], prompt[1], []])
        else:
            found[-1][2].append(line)
    return found


def squeezed(line):
    """Columns may be wider or narrower elsewhere."""
    return re.sub(r"[ \t]+", " ", line).strip()


def pattern_of(lines):
    parts = [r"(?:.*\n)*" if line.strip() == "..." else
             re.escape(squeezed(line)).replace(r"\.\.\.", ".*") + r"\n" for line in lines]
    return re.compile("".join(parts))


def follow(machines, guide):
    text = guide.read_text()
    ran = 0
    for block in BLOCK.finditer(text):
        path, content = block.groups()
        if path is not None:
            machines.write(path, content)
            continue
        if not PROMPT.match(content):
            continue
        found = steps(content)
        for i, (command, host, wanted) in enumerate(found):
            shown = machines.run(command, host)
            seen = "".join(f"{squeezed(line)}\n" for line in shown.splitlines()
                           if squeezed(line))
            wanted = [line for line in wanted if line.strip()]
            assert pattern_of(wanted).fullmatch(seen), \
                f"{guide.name}: $ {command}\nis to show\n" + "\n".join(wanted) + \
                f"\nand shows (exit {machines.status})\n{shown}"
            tells = i + 1 < len(found) and found[i + 1][0] == "echo $?"
            assert machines.status == 0 or tells, \
                f"{guide.name}: $ {command}: exit {machines.status}\n{shown}"
            ran += 1
    assert ran > 0
    return ran


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_guide(guide, tmp_path):
    if "ansible-playbook" in guide.read_text() and not shutil.which("ansible-playbook"):
        pytest.skip("ansible-core is not here")
    machines = (MailMachines if "posttls-finger" in guide.read_text() else
                Machines)(tmp_path)
    try:
        follow(machines, guide)
    finally:
        machines.lab.stop()


def test_each_guide_is_named():
    readme = (SOURCE / "README").read_text()
    made = (SOURCE / "Makefile.am").read_text()
    assert GUIDES
    for guide in GUIDES:
        assert f"doc/{guide.name}" in readme and f"doc/{guide.name}" in made


# ---- the runner sees what is wrong -----------------------------------------------------

@pytest.mark.parametrize("wanted, shown, matches", [
    (["a"], "a\n", True), (["a"], "b\n", False), (["a"], "a\nb\n", False),
    ([], "a\n", False), ([], "", True), (["..."], "", True), (["..."], "a\nb\n", True),
    (["a ... c"], "a b c\n", True), (["a", "...", "c"], "a\nc\n", True),
    (["a.c"], "abc\n", False), (["a\tb"], "a b\n", True),
])
def test_lines(wanted, shown, matches):
    assert bool(pattern_of(wanted).fullmatch(shown)) == matches


def test_steps():
    assert steps("$ a \\\n    b\nx\nmx1$ c\n$ d <<'END'\n$ e\nEND\ny\n$ for f\ng\ndone\nz\n") == [
        ["a \\\n    b", None, ["x"]], ["c", "mx1", []],
        ["d <<'END'\n$ e\nEND", None, ["y"]],
        ["for f\ng\ndone", None, ["z"]]]
