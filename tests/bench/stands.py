"""The set-ups that the benchmark compares: each a primary with the zone dyn.example, and
what stands before it. All on the loopback, on free ports, in one folder; what was started
is stopped.

The site is that of site.h: hosts h0000000, h0000001, ..., each with a key of its own name
that may write the token of its own ACME challenge.
"""
import base64
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ZONE = "dyn.example"
SHADOW = f"_kage.{ZONE}"
GATEWAY_KEY = "gateway.example"
GATEWAY_NUMBER = 10000000  # SITE_HOSTS_MAX
KEYS_PER_FILE = 100000
SERVER_CPU = 0


class Missing(Exception):
    """A peer that cannot be had on this machine."""


def host_name(number):
    return f"h{number:07d}.{ZONE}"


def owner_name(number):
    return f"_acme-challenge.{host_name(number)}"


def secret(number):
    return base64.b64encode(b"%032d" % number).decode()


def free_port():
    """Free for UDP and TCP alike."""
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return tcp.getsockname()[1]
    raise AssertionError("no free port")


def find(program, package):
    path = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if path is None:
        raise Missing(f"{program} is not there, and package {package} could not be had")
    return path


def question(qtype):
    """A query for the zone's apex."""
    name = b"".join(bytes([len(label)]) + label.encode() for label in ZONE.split("."))
    return struct.pack(">6H", 4711, 0, 1, 0, 0, 0) + name + struct.pack(">BHH", 0, qtype, 1)


def serves(port, qtype=6):
    """Whether the zone's apex has that type there, over TCP: unsigned queries over UDP get
    nothing longer than they are from tsigated."""
    query = question(qtype)
    try:
        with socket.create_connection(("127.0.0.1", port), 0.5) as sock:
            sock.settimeout(0.5)
            sock.sendall(struct.pack(">H", len(query)) + query)
            answer = sock.makefile("rb").read(2 + 12)[2:]
    except OSError:
        return False
    if len(answer) < 12:
        return False
    _, flags, _, answers = struct.unpack(">4H", answer[:8])
    return flags & 15 == 0 and answers > 0


class Program:
    """A process on the servers' CPU."""

    def __init__(self, folder, name, command):
        self.folder, self.name = folder, name
        self.command = [str(word) for word in command]
        self.process = None

    def start(self):
        with (self.folder / f"{self.name}.log").open("w") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(SERVER_CPU), *self.command], cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def wait(self, condition, seconds):
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                log = (self.folder / f"{self.name}.log").read_text()[-2000:]
                raise AssertionError(f"{self.name} does not serve\n{log}")
            time.sleep(0.005)

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def cpu_ns(self):
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks)

    def rss_kib(self, field="VmRSS"):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().split("\n"):
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
        return 0


# ---- configurations ------------------------------------------------------------------

SHADOW_TEXT = f"""$TTL 60
@ IN SOA ns.{ZONE}. hostmaster.{ZONE}. 1 3600 600 86400 1
@ IN NS ns.{ZONE}.
"""
ZONE_TEXT = SHADOW_TEXT + "ns IN A 127.0.0.1\n"

NAMED_CONF = """
options {{
    directory "{folder}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    lock-file none;
    managed-keys-directory "{folder}";
    dnssec-validation no;
    recursion no;
    notify no;
    allow-transfer {{ any; }};
}};
logging {{ category default {{ null; }}; }}; // goes for a silent one alone
controls {{ inet 127.0.0.1 port {control} allow {{ 127.0.0.1; }}
           keys {{ "{gateway}"; }}; }};
"""


def key_text(name, number):
    return f'key "{name}" {{ algorithm hmac-sha256; secret "{secret(number)}"; }};\n'


def write_key_files(folder, keys):
    """Of at most KEYS_PER_FILE keys each, and the gateway's."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"gateway.key": key_text(GATEWAY_KEY, GATEWAY_NUMBER)}
    for first in range(0, keys, KEYS_PER_FILE):
        texts[f"hosts-{first}.key"] = "".join(
            key_text(host_name(i), i) for i in range(first, min(first + KEYS_PER_FILE, keys)))
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    return [folder / name for name in texts]


class Named(Program):
    """A primary, or a secondary of `primary` that forwards updates to it. With a shadow
    zone the challenges of that many hosts lead there, and their own zone is static. It
    logs updates and refusals to a file, as by default, or is silent."""

    def __init__(self, folder, keys, is_signed=False, primary=None, shadowed=0,
                 is_silent=False):
        folder.mkdir(parents=True)
        self.port, self.control = free_port(), free_port()
        self.keys, self.is_signed = keys, is_signed
        files = write_key_files(folder / "keys", keys)
        config = NAMED_CONF.format(folder=folder, port=self.port, control=self.control,
                                   gateway=GATEWAY_KEY)
        config += "".join(f'include "{file}";\n' for file in files)
        config += f'zone "{ZONE}" {{\n'
        if primary is not None:
            config += (f'    type secondary; file "zone.bin"; primaries port '
                       f"{primary.port} {{ 127.0.0.1; }};\n"
                       "    allow-update-forwarding { any; };\n")
        else:
            config += '    type primary; file "zone.text";\n'
            config += "    dnssec-policy default; inline-signing no;\n" * is_signed
            if shadowed:
                config += (f'}};\nzone "{SHADOW}" {{\n'
                           '    type primary; file "shadow.text";\n')
            config += f"    update-policy {{ grant {GATEWAY_KEY} zonesub TXT;\n"
            config += "".join(f"grant {host_name(i)} name {owner_name(i)} TXT;\n"
                              for i in range(keys)) + "    };\n"
        (folder / "named.conf").write_text(config + "};\n")
        (folder / "zone.text").write_text(ZONE_TEXT + "".join(
            f"{owner_name(i)}. CNAME {owner_name(i).removesuffix(ZONE)}{SHADOW}.\n"
            for i in range(shadowed)))
        (folder / "shadow.text").write_text(SHADOW_TEXT)
        # A copy: Debian's AppArmor profile goes by the path /usr/sbin/named.
        shutil.copy(find("named", "bind9"), folder / "named")
        # -g goes by no logging statement, and logs to stderr.
        super().__init__(folder, "named",
                         [folder / "named", "-f" if is_silent else "-g", "-n", "1", "-c",
                          folder / "named.conf"])

    def start(self, seconds=300):
        super().start()
        self.wait(lambda: serves(self.port, 48 if self.is_signed else 6), seconds)

    def reload(self):
        subprocess.run(["rndc", "-s", "127.0.0.1", "-p", str(self.control), "-k",
                        self.folder / "keys/gateway.key", "reconfig"], check=True,
                       capture_output=True, timeout=300)


ZONE_CONF = f'zones = ( {{ name = "{ZONE}"; dynamic = true; }} );'
SHADOW_CONF = f"""
zones = ( {{ name = "{ZONE}"; }}, {{ name = "{SHADOW}"; dynamic = true; }} );
shadows = ( {{ of = "{ZONE}"; at = "{SHADOW}"; }} );
"""


class Tsigated(Program):
    def __init__(self, folder, keys, primary, build, sync=True, with_keys=True,
                 has_shadow=False):
        folder.mkdir(parents=True)
        self.port, self.build = free_port(), build
        write_key_files(folder / "keys", keys if with_keys else 0)
        with (folder / "site.acl").open("w") as acl:
            for i in range(keys):
                acl.write(f"grant {host_name(i)} acme {host_name(i)}\n")
        self.conf = folder / "tsigate.conf"
        self.conf.write_text(f"""
listen = ( {{ address = "127.0.0.1"; port = {self.port}; }} );
upstream = {{
    servers = ( {{ address = "127.0.0.1"; port = {primary.port}; }} );
    key = "{GATEWAY_KEY}";
}};
keys = [ "keys/*.key" ];
acl = [ "site.acl" ];
{SHADOW_CONF if has_shadow else ZONE_CONF}
audit = {{ file = "{folder}/audit.jsonl"; sync = {str(sync).lower()}; }};
control = "{folder}/control.sock";
profiles = "{SOURCE}/acl/profiles.acl";
limits = {{ host_rate = 0; host_burst = 1000000; host_waiting = 10000; error_rate = 0;
           transactions = 4000000; requests = 100000; tcp_pipelined = 1000; }};
""")
        super().__init__(folder, "tsigated", [build / "tsigated", "-c", self.conf])

    def start(self, seconds=300):
        super().start()
        self.wait(lambda: serves(self.port), seconds)

    def reload(self):
        subprocess.run([self.build / "tsigate", "reload", "-c", self.conf], check=True,
                       capture_output=True, timeout=300)


class Dnsdist(Program):
    def __init__(self, folder, primary):
        folder.mkdir(parents=True)
        self.port = free_port()
        (folder / "dnsdist.conf").write_text(
            f'setLocal("127.0.0.1:{self.port}")\n'
            f'newServer({{address="127.0.0.1:{primary.port}", healthCheckMode="up"}})\n'
            "setSecurityPollSuffix('')\n")
        super().__init__(folder, "dnsdist",
                         [find("dnsdist", "dnsdist"), "--supervised",
                          "--disable-syslog", "-C", folder / "dnsdist.conf"])

    def start(self):
        super().start()
        self.wait(lambda: serves(self.port), 30)


class Relay(Program):
    """The least that can stand before a primary: see relay.c. Over UDP alone."""

    def __init__(self, folder, primary, build, sync):
        folder.mkdir(parents=True)
        self.port = free_port()
        super().__init__(folder, "relay",
                         [build / "tests/bench/relay", self.port, primary.port,
                          folder / "lines", *["sync"] * sync])

    def serves(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.5)
            sock.connect(("127.0.0.1", self.port))
            try:
                sock.send(question(6))
                return len(sock.recv(512)) > 12
            except OSError:
                return False

    def start(self):
        super().start()
        self.wait(self.serves, 30)


class Knot(Program):
    """A primary with an equal ACL, or, as a secondary, what forwards to `primary`."""

    def __init__(self, folder, keys, is_signed=False, primary=None):
        folder.mkdir(parents=True)
        self.port, self.is_signed = free_port(), is_signed
        names = [(GATEWAY_KEY, GATEWAY_NUMBER)] + [(host_name(i), i) for i in range(keys)]
        text = (f"server:\n  listen: 127.0.0.1@{self.port}\n  rundir: {folder}\n"
                "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
                "log:\n - target: stderr\n   any: error\n"
                f"database:\n  storage: {folder}\nkey:\n")
        text += "".join(f" - id: {name}\n   algorithm: hmac-sha256\n"
                        f"   secret: {secret(number)}\n" for name, number in names)
        text += (f"acl:\n - id: gateway\n   key: {GATEWAY_KEY}\n   action: update\n"
                 " - id: transfer\n   address: 127.0.0.1\n   action: transfer\n")
        text += "".join(f" - id: a{i}\n   key: {host_name(i)}\n   action: update\n"
                        f"   update-type: TXT\n   update-owner: name\n"
                        f"   update-owner-match: equal\n"
                        f"   update-owner-name: {owner_name(i)}.\n" for i in range(keys))
        if primary is not None:
            text += f"remote:\n - id: primary\n   address: 127.0.0.1@{primary.port}\n"
        acls = ["gateway", "transfer"] + [f"a{i}" for i in range(keys)]
        text += (f"zone:\n - domain: {ZONE}\n   storage: {folder}\n   file: zone.text\n"
                 f"   zonefile-sync: -1\n   acl: [{', '.join(acls)}]\n")
        text += "   dnssec-signing: on\n" * is_signed
        if primary is None:
            text += "   zonefile-load: difference\n   journal-content: all\n"
            (folder / "zone.text").write_text(ZONE_TEXT.replace("@", f"{ZONE}.").replace(
                "ns IN", f"ns.{ZONE}. IN"))
        else:
            text += "   master: primary\n"
        (folder / "knot.conf").write_text(text)
        super().__init__(folder, "knotd",
                         [find("knotd", "knot"), "-c", folder / "knot.conf"])

    def start(self):
        super().start()
        self.wait(lambda: serves(self.port, 48 if self.is_signed else 6), 300)


# ---- stands --------------------------------------------------------------------------

class Stand:
    """A set-up by name: `front` is what clients speak to, `primary` what has the zone."""

    def __init__(self, name, folder, keys, build, is_signed=False, sync=True,
                 has_shadow=False):
        folder = folder / name
        shutil.rmtree(folder, ignore_errors=True)
        self.name, self.folder, self.is_signed = name, folder, is_signed
        self.zone = SHADOW if has_shadow and name == "tsigated" else ZONE
        if name == "knot":
            self.primary = Knot(folder / "primary", keys, is_signed)
        else:
            self.primary = Named(folder / "primary", 0 if name == "tsigated" else keys,
                                 is_signed, shadowed=keys if self.zone == SHADOW else 0,
                                 is_silent=name == "direct-silent")
        self.front = self.primary
        if name == "tsigated":
            self.front = Tsigated(folder / "front", keys, self.primary, build, sync,
                                  has_shadow=has_shadow)
        elif name == "forward":
            self.front = Named(folder / "front", keys, primary=self.primary)
        elif name == "relay":
            self.front = Relay(folder / "front", self.primary, build, sync)
        elif name == "dnsdist":
            self.front = Dnsdist(folder / "front", self.primary)
        elif name == "knot-forward":
            self.front = Knot(folder / "front", keys, primary=self.primary)

    @property
    def programs(self):
        return [self.primary] if self.front is self.primary else [self.primary, self.front]

    def start(self):
        for program in self.programs:
            program.start()
        return self

    def stop(self):
        for program in reversed(self.programs):
            program.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def challenges(self):
        """What the dynamic zone has: {(owner in ZONE, token)}."""
        answer = subprocess.run(
            ["dig", "@127.0.0.1", "-p", str(self.primary.port), self.zone, "AXFR", "+noall",
             "+answer", "+onesoa"], text=True, capture_output=True, timeout=120)
        words = (line.split() for line in answer.stdout.splitlines())
        return {(word[0].removesuffix(f"{self.zone}.") + ZONE, word[4].strip('"'))
                for word in words if len(word) == 5 and word[3] == "TXT"}

    def wipe(self):
        """No challenge is left, whoever made it."""
        owners = sorted({owner for owner, _ in self.challenges()})
        for first in range(0, len(owners), 200):
            lines = [f"server 127.0.0.1 {self.primary.port}", f"zone {self.zone}"]
            lines += [f"update delete {owner.removesuffix(ZONE)}{self.zone} TXT"
                      for owner in owners[first:first + 200]]
            key = self.folder / "gateway.key"
            key.write_text(key_text(GATEWAY_KEY, GATEWAY_NUMBER))
            subprocess.run(["nsupdate", "-v", "-k", key], input="\n".join(lines + ["send\n"]),
                           text=True, check=True, capture_output=True, timeout=120)
