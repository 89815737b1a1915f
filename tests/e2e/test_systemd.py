"""systemd as it is: units are told of certificates, and the units that we ship run inside
their fences, on a machine of their own (machine.py)."""
import json
import re
import subprocess

import pytest

import wire
from lab import GATEWAY_KEY, SHADOW, SOURCE, STATIC, Primary, until
from machine import Machine
from wire import Key

NAME = f"mx1.{STATIC}"
ETC = "local/etc/tsigate"
GATEWAY = "127.0.0.2"

# Presents what it has read at its start or at the last SIGHUP.
SERVICE = """
import os, signal, socket, ssl
def load(*_):
    global context
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/etc/web/cert.pem", "/etc/web/key.pem")
load()
signal.signal(signal.SIGHUP, load)
listener = socket.create_server(("127.0.0.1", 443))
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
while True:
    connection, _ = listener.accept()
    try:
        context.wrap_socket(connection, server_side=True).close()
    except OSError:
        connection.close()
"""
# Writes down what it is told of, and takes no certificate whose name says so.
RELOAD = """#!/bin/sh
subject=$(openssl x509 -noout -subject -nameopt multiline -in /etc/web/cert.pem)
echo "${subject##*= }" >>/etc/web/told
case $subject in
*refused) echo "this one not" >&2 && exit 1 ;;
*slow) exec sleep 60 ;;
esac
kill -HUP "$MAINPID"
"""
WEB = """[Service]
Type=notify
ExecStart=/usr/bin/python3 /srv/service.py
ExecReload=/srv/reload
TimeoutStartSec=3
"""
# There is no way to reload it.
STUBBORN = """[Service]
ExecStart=sleep infinity
"""


@pytest.fixture(scope="module")
def machine_lab(new_lab):
    return new_lab()


@pytest.fixture(scope="module")
def machine(machine_lab):
    return machine_lab.add(Machine(machine_lab.folder))


# ---- a service with a certificate ----------------------------------------------------

class Web:
    """web.service, its certificate in /etc/live and the deployed copy in /etc/web."""

    def __init__(self, machine):
        self.machine = machine
        self.live = machine.root / "etc/live"
        self.live.mkdir()
        (machine.root / "etc/web").mkdir()
        machine.write("srv/service.py", SERVICE)
        machine.write("srv/reload", RELOAD, 0o755)
        machine.write("etc/systemd/system/web.service", WEB)
        machine.write("etc/systemd/system/stubborn.service", STUBBORN)
        machine.systemctl("daemon-reload")
        self.renew("first")
        self.configure("")
        assert self.deploy().returncode == 0
        machine.systemctl("start", "web.service", "stubborn.service")

    def renew(self, name):
        """The service refuses a certificate with `refused` as name, and so on."""
        subprocess.run(
            ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-days", "9", "-subj", f"/CN={name}",
             "-keyout", "key.pem", "-out", "cert.pem"],
            cwd=self.live, check=True, capture_output=True, timeout=30)

    def configure(self, tell, probe="", tlsa=""):
        self.machine.write(f"{ETC}/deploy.conf", f"""
certificates = ( {{
    name = "web";
    certificate = "/etc/live/cert.pem";
    key = "/etc/live/key.pem";
    {tlsa}
    consumers = ( {{
        name = "service";
        files = ( {{ format = "fullchain"; path = "/etc/web/cert.pem"; }},
                  {{ format = "key"; path = "/etc/web/key.pem"; mode = "0600"; }} );
        {f"tell = {{ {tell} }};" if tell else ""}
        {f'probe = [ "127.0.0.1:443" ]; probe_s = {probe};' if probe else ""}
    }} );
}} );
""")

    def deploy(self):
        return self.machine.run("tsigate-tlsa", "deploy")

    def deployed(self):
        return self._subject("x509", "-in", "/etc/web/cert.pem")

    def presents(self):
        seen = self.machine.run("openssl", "s_client", "-connect", "127.0.0.1:443")
        return re.search(r"^subject=CN = (.*)$", seen.stdout, re.M)[1]

    def _subject(self, *words):
        done = self.machine.run("openssl", *words, "-noout", "-subject")
        return done.stdout.strip().removeprefix("subject=CN = ")

    def told(self):
        """What it was told of since this was asked last."""
        path = self.machine.root / "etc/web/told"
        told = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return told

    def pid(self):
        return self.machine.main_pid("web.service")


@pytest.fixture(scope="module")
def module_web(machine):
    machine.install("tsigate-rollover.service")
    machine.install("tsigate-rollover.timer")
    return Web(machine)


@pytest.fixture
def web(module_web):
    """It runs, and presents what is deployed."""
    module_web.told()
    module_web.machine.run("systemctl", "reset-failed", "tsigate-rollover.service")
    assert module_web.presents() == module_web.deployed()
    return module_web


@pytest.mark.parametrize("way, told", [("reload", ["reloaded"]), ("restart", [])])
def test_a_unit_is_told(web, way, told):
    """It is reloaded and goes on, or is another process, whom nobody told."""
    before = web.pid()
    web.renew(f"{way}ed")
    web.configure(f'{way} = "web.service";', probe=5)
    done = web.deploy()
    assert (done.returncode, done.stderr) == (0, "")
    assert web.presents() == f"{way}ed" and web.told() == told
    assert (web.pid() == before) == (way == "reload")


@pytest.mark.parametrize("name", ["refused", "slow"])
def test_a_unit_that_does_not_reload_gets_its_old_files_back(web, name):
    """Its reload fails, or takes longer than its TimeoutStartSec."""
    before, pid = web.deployed(), web.pid()
    web.renew(name)
    web.configure('reload = "web.service";')
    done = web.deploy()
    assert done.returncode == 4
    assert '"systemctl reload web.service" failed with exit status 1' in done.stderr
    assert web.deployed() == before == web.presents()
    assert web.told() == [name, before] and web.pid() == pid
    assert web.machine.show("web.service", "ActiveState") == "active"


def test_a_reload_that_outlasts_our_patience(web):
    """systemd still has it under way when the old files are back and told: in the end the
    service has these."""
    before, pid = web.deployed(), web.pid()
    web.renew("slow")
    web.configure('reload = "web.service"; timeout_s = 1;')
    done = web.deploy()
    assert done.returncode == 4
    assert '"systemctl reload web.service" did not end in 1 s' in done.stderr
    assert web.deployed() == before
    until(lambda: web.told()[-1:] == [before], 20, "systemd has given up on the reload")
    web.renew("quick")
    web.configure('reload = "web.service";', probe=5)
    done = web.deploy()
    assert (done.returncode, done.stderr) == (0, "")
    assert web.presents() == "quick" and web.pid() == pid


@pytest.mark.parametrize("unit, message", [
    ("nosuch.service", "Unit nosuch.service not found"),
    ("stubborn.service", "Job type reload is not applicable for unit stubborn.service")])
def test_a_unit_that_cannot_be_reloaded(web, unit, message):
    """There is none of that name, or it has no ExecReload: a mistake in deploy.conf, which
    does not look like a deployment. The next run without it does all."""
    before = web.deployed()
    web.renew("unheard")
    web.configure(f'reload = "{unit}";')
    done = web.deploy()
    assert done.returncode == 4 and message in done.stderr, done.stderr
    assert web.deployed() == before
    web.configure('reload = "web.service";', probe=5)
    done = web.deploy()
    assert (done.returncode, done.stderr) == (0, "")
    assert web.presents() == "unheard" and web.told() == ["unheard"]


@pytest.mark.parametrize("verb", ["reload", "restart"])
def test_a_unit_that_is_not_running_is_not_started(web, verb):
    web.machine.systemctl("stop", "web.service")
    web.renew(f"{verb}-later")
    web.configure(f'{verb} = "web.service";')
    done = web.deploy()
    assert (done.returncode, done.stderr) == (0, "")
    assert "web.service is not running" in done.stdout
    assert web.machine.show("web.service", "ActiveState") == "inactive"
    web.machine.systemctl("start", "web.service")
    assert web.presents() == f"{verb}-later"


def test_a_unit_that_is_just_starting_is_told(web):
    """As at boot: it has read the old files, and systemd waits for the rest of its start.
    What is told meanwhile would count as told by that start."""
    machine = web.machine
    machine.write("etc/systemd/system/web.service.d/late.conf",
                  "[Service]\nExecStartPost=sleep 2\n")
    machine.systemctl("daemon-reload")
    try:
        machine.systemctl("stop", "web.service")
        machine.systemctl("start", "--no-block", "web.service")
        until(lambda: machine.show("web.service", "SubState") == "start-post", 10,
              "the service has read its files")
        web.renew("early")
        web.configure('reload = "web.service";')
        done = web.deploy()
    finally:
        (machine.root / "etc/systemd/system/web.service.d/late.conf").unlink()
        machine.systemctl("daemon-reload")
    assert (done.returncode, done.stderr) == (0, "")
    assert web.presents() == "early" and web.told() == ["early"]


# ---- tsigate-rollover ----------------------------------------------------------------

def test_the_rollover_unit_deploys_through_its_fence(web):
    machine, before = web.machine, web.pid()
    web.renew("fenced")
    web.configure('reload = "web.service";', probe=5)
    machine.systemctl("start", "tsigate-rollover.service")
    assert web.presents() == "fenced" and web.told() == ["fenced"] and web.pid() == before
    state = machine.root / "var/lib/tsigate"
    assert state.stat().st_mode & 0o777 == 0o700
    assert 'step = "done";' in (state / "web.rollover").read_text()
    assert "web: done" in machine.journal("-u", "tsigate-rollover.service")


@pytest.mark.parametrize("command, fate", [
    ("touch /usr/local/mine", "failed with exit status 1"),
    ("touch /home/mine", "failed with exit status 1"),
    ("mknod /srv/mine b 8 0 && rm /srv/mine", "failed with exit status 1"),
    ("unshare --mount true", "failed with exit status 1"),
    ("chroot / true", "was killed by signal 31")])
def test_the_fence_of_the_rollover_unit_holds(web, command, fate):
    """What a command of deploy.conf may do by hand it may not do here; the unit fails, the
    journal says why, and the old files are back."""
    machine, before = web.machine, web.deployed()
    web.renew("outside")
    web.configure(f'command = "{command}";')
    done = machine.run("systemctl", "start", "tsigate-rollover.service")
    assert done.returncode == 1
    assert f'"{command}" {fate}' in machine.journal("-u", "tsigate-rollover.service")
    assert web.deployed() == before
    assert machine.run("sh", "-c", command).returncode == 0
    done = web.deploy()
    assert (done.returncode, done.stderr) == (0, "") and web.deployed() == "outside"
    machine.systemctl("reload", "web.service")


def test_the_tighter_fence_that_the_rollover_unit_proposes(web):
    """Only where the targets are may it write, and its state."""
    machine = web.machine
    drop_in = machine.write("etc/systemd/system/tsigate-rollover.service.d/tight.conf",
                            "[Service]\nProtectSystem=strict\nReadWritePaths=/etc/web\n")
    machine.systemctl("daemon-reload")
    try:
        web.renew("tight")
        web.configure('reload = "web.service";', probe=5)
        machine.systemctl("start", "tsigate-rollover.service")
        assert web.presents() == "tight"
        web.renew("beside")
        web.configure('command = "touch /etc/mine";')
        assert machine.run("systemctl", "start", "tsigate-rollover.service").returncode == 1
        assert web.deployed() == "tight" and not (machine.root / "etc/mine").exists()
    finally:
        drop_in.unlink()
        machine.systemctl("daemon-reload")
    machine.systemctl("start", "tsigate-rollover.service")
    assert web.deployed() == "beside" and (machine.root / "etc/mine").exists()
    machine.systemctl("reload", "web.service")


def test_the_timer_starts_the_rollover(web):
    """At its own moment: two minutes after the start are a second here."""
    machine, before = web.machine, web.pid()
    web.renew("timed")
    web.configure('reload = "web.service";', probe=5)
    machine.write("etc/systemd/system/tsigate-rollover.timer.d/soon.conf",
                  "[Timer]\nOnActiveSec=1s\nAccuracySec=10ms\n")
    machine.systemctl("daemon-reload")
    machine.systemctl("enable", "--now", "tsigate-rollover.timer")
    until(lambda: web.presents() == "timed", 20, "the timer fired")
    assert web.pid() == before
    until(lambda: machine.show("tsigate-rollover.service", "ActiveState") == "inactive", 20,
          "the run is over")
    assert machine.show("tsigate-rollover.service", "Result") == "success"
    # And on it goes.
    until(lambda: machine.show("tsigate-rollover.timer",
                                   "NextElapseUSecMonotonic") != "infinity", 20,
          "the next run has its time")
    machine.systemctl("disable", "--now", "tsigate-rollover.timer")


# ---- tsigated ------------------------------------------------------------------------

class Gateway:
    """tsigated.service, at port 53 of GATEWAY, and a primary at that of 127.0.0.1."""

    def __init__(self, machine, primary, key):
        self.machine = machine
        self.primary = primary
        self.key = Key(NAME)
        self.at = machine.root / ETC
        for one in (key, self.key):
            self.write(f"keys/{one.name}.key", one.text)
        self.write("profiles.acl", (SOURCE / "acl/profiles.acl").read_text())
        self.grant(True)
        self.configure()

    def write(self, path, text):
        """As the manual has it: root's, and readable for the daemon's group."""
        self.machine.write(f"{ETC}/{path}", text, 0o640)
        self.machine.run("chown", "-R", "root:tsigate", f"/usr/{ETC}")

    def grant(self, is_granted, text=""):
        right = f"    acme {NAME}\n    tlsa {NAME} 25/tcp\n" if is_granted else ""
        self.write("acl/site.acl", f"host {NAME}\n    key {NAME}\n{right}{text}")

    def configure(self, more=""):
        self.write("tsigate.conf", f"""
listen = ( {{ address = "{GATEWAY}"; port = 53; }} );
upstream = {{
    servers = ( {{ address = "127.0.0.1"; port = 53; }} );
    key = "{GATEWAY_KEY}";
}};
keys = [ "keys/*.key" ];
acl = [ "acl/*.acl" ];
zones = ( {{ name = "{STATIC}"; }}, {{ name = "{SHADOW}"; dynamic = true; }} );
shadows = ( {{ of = "{STATIC}"; at = "{SHADOW}"; }} );
audit = {{ file = "/var/log/tsigate/audit.jsonl"; sync = true; }};
control = "/run/tsigate/control.sock";
profiles = "profiles.acl";
{more}
""")

    def add(self, seed):
        """Publish a challenge; what comes back."""
        message = wire.update(STATIC, wire.add(f"_acme-challenge.{NAME}", "TXT",
                                               f'"{wire.acme_token(seed)}"'))
        return wire.ask_tcp(wire.sign(message, self.key), 53, GATEWAY).rcode

    def tool(self, *words):
        done = self.machine.run("tsigate", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def journal(self):
        return self.machine.journal("-u", "tsigated.service")

    def audit(self):
        path = self.machine.root / "var/log/tsigate/audit.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def module_gateway(machine_lab, machine):
    with machine.network():
        primary = machine_lab.add(
            Primary(machine_lab.folder / "primary", machine_lab.gateway_key, port=53))
        assert machine.run("adduser", "--system", "--group", "tsigate").returncode == 0
        machine.install("tsigated.service")
        machine.systemctl("daemon-reload")
        made = Gateway(machine, primary, machine_lab.gateway_key)
        machine.systemctl("enable", "--now", "tsigated.service")
        yield made


@pytest.fixture
def gateway(module_gateway):
    """Tests start it more often than a daemon that crashes in a loop may."""
    module_gateway.machine.run("systemctl", "reset-failed", "tsigated.service")
    return module_gateway


def test_tsigated_serves_as_its_own_user(gateway):
    machine = gateway.machine
    pid = machine.main_pid("tsigated.service")
    status = dict(line.split(":\t", 1) for line in machine.run(
        "cat", f"/proc/{pid}/status").stdout.splitlines() if ":\t" in line)
    uid = machine.run("id", "-u", "tsigate").stdout.strip()
    assert status["Uid"].split() == [uid] * 4
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert "generation" in gateway.tool("status")


def test_tsigated_permits_and_refuses(gateway):
    gateway.grant(True)
    gateway.machine.systemctl("reload", "tsigated.service")
    assert gateway.add("permitted") == "NOERROR"
    assert any(wire.acme_token("permitted") in value
               for _, _, value in gateway.primary.records())
    gateway.grant(False)
    assert gateway.add("still") == "NOERROR"
    gateway.machine.systemctl("reload", "tsigated.service")
    assert gateway.add("refused") == "REFUSED"
    verdicts = [line["verdict"] for line in gateway.audit() if line.get("event") == "result"]
    assert verdicts[-3:] == ["permitted", "permitted", "refused"]


def test_a_reload_of_a_broken_acl_fails(gateway):
    """systemctl says so, the journal says what, and the rules of before are in force."""
    machine, pid = gateway.machine, gateway.machine.main_pid("tsigated.service")
    gateway.grant(True)
    machine.systemctl("reload", "tsigated.service")
    gateway.grant(False, "    nonsense here\n")
    assert machine.run("systemctl", "reload", "tsigated.service").returncode == 1
    assert "site.acl:3" in gateway.journal()
    assert gateway.add("after") == "NOERROR"
    assert machine.main_pid("tsigated.service") == pid
    gateway.grant(True)
    machine.systemctl("reload", "tsigated.service")


def test_the_audit_log_rotates(gateway):
    """As logrotate does it; the daemon may make the new file."""
    folder = gateway.machine.root / "var/log/tsigate"
    gateway.add("before the rotation")
    (folder / "audit.jsonl").rename(folder / "audit.jsonl-1")
    gateway.tool("audit", "rotate")
    assert gateway.audit()[0]["event"] == "rotated"
    assert gateway.add("after the rotation") == "NOERROR"
    gateway.tool("audit", "verify", "/var/log/tsigate/audit.jsonl-1",
                 "/var/log/tsigate/audit.jsonl")


def test_tsigated_ends_and_starts_again(gateway):
    machine = gateway.machine
    before = machine.main_pid("tsigated.service")
    machine.systemctl("kill", "--signal=KILL", "tsigated.service")
    until(lambda: machine.show("tsigated.service", "MainPID") not in ("0", str(before)) and
          machine.show("tsigated.service", "ActiveState") == "active", 20,
          "it is there again after a crash")
    assert gateway.add("crashed") == "NOERROR"
    machine.systemctl("restart", "tsigated.service")
    assert gateway.add("restarted") == "NOERROR"
    machine.systemctl("stop", "tsigated.service")
    assert machine.show("tsigated.service", "Result") == "success"
    machine.systemctl("start", "tsigated.service")


def test_a_broken_configuration_does_not_start(gateway):
    """Once, without trying again, and the journal has the line."""
    machine = gateway.machine
    machine.systemctl("stop", "tsigated.service")
    gateway.configure("nonsense = true;")
    assert machine.run("systemctl", "start", "tsigated.service").returncode == 1
    assert machine.show("tsigated.service", "ActiveState") == "failed"
    assert machine.show("tsigated.service", "ExecMainStatus") == "3"
    assert machine.show("tsigated.service", "NRestarts") == "0"
    assert "tsigate.conf:14:1: unknown setting 'nonsense'" in gateway.journal()
    gateway.configure()
    machine.systemctl("start", "tsigated.service")
    assert gateway.add("mended") == "NOERROR"


def test_a_whole_rollover_by_the_timer(gateway, web):
    """Found by the timer, published through the gateway, waited for, deployed, done: each
    run inside the fence."""
    machine, primary = gateway.machine, gateway.primary
    owner = f"_25._tcp.mx1.{SHADOW}"
    machine.write("etc/resolv.conf", "nameserver 127.0.0.1\n")
    gateway.write("host.key", gateway.key.text)
    gateway.write("host.conf", f'server = "{GATEWAY}:53"; key = "/usr/{ETC}/host.key";\n')
    web.renew("whole")
    web.configure('reload = "web.service";', probe=5,
                  tlsa=f'tlsa = ( {{ name = "{NAME}"; ports = [ "25/tcp" ]; }} );')
    machine.write("etc/systemd/system/tsigate-rollover.timer.d/soon.conf",
                  "[Timer]\nOnActiveSec=0\nOnUnitInactiveSec=2500ms\nAccuracySec=10ms\n")
    machine.systemctl("daemon-reload")
    machine.systemctl("start", "tsigate-rollover.timer")
    until(lambda: web.presents() == "whole", 60, "the certificate is deployed")

    def told():
        return re.findall(r"web: (published|deployed|done)\b", machine.journal(
            "-u", "tsigate-rollover.service", "-n", 60))
    until(lambda: told()[-1:] == ["done"], 20, "the roll-over is done")
    machine.systemctl("stop", "tsigate-rollover.timer")
    assert told()[-3:] == ["published", "deployed", "done"]
    assert [name for name, type_, _ in primary.records() if type_ == "TLSA"] == [owner]
    status = machine.run("tsigate-tlsa", "rollover", "--status")
    assert status.stdout == "web: done: nothing is under way\n"
