"""tsigate key: what it writes, what it says, and that it never says a secret.

What the clients then do with it is in tests/e2e/test_keys.py.
"""
import base64
import fcntl
import json
import os
import pathlib
import pty
import re
import shlex
import socket
import subprocess
import threading
import time

import pytest

from test_tool import SECRET, TSIGATE, Daemon, Site, site  # noqa: F401

CLIENTS = ["nsupdate", "certbot", "lego", "dehydrated", "acme.sh", "knsupdate",
           "cert-manager", "tsigate-tlsa"]
OWN_FILE = {"certbot", "lego", "knsupdate", "cert-manager"}
LENGTH = {"hmac-sha256": 32, "hmac-sha384": 48, "hmac-sha512": 64}
NEW = "mx9.example.org"


def secret_in(path):
    return re.search(r'secret "([^"]+)"', path.read_text())[1]


def mode(path):
    return path.stat().st_mode & 0o7777


# ---- new -----------------------------------------------------------------------------

@pytest.mark.parametrize("algorithm", LENGTH)
def test_new_writes_a_key_file(site, algorithm):
    done = site.run("key", "new", NEW, "--algorithm", algorithm.upper())
    assert (done.returncode, done.stderr) == (0, "")
    path = site.folder / f"{NEW}.key"
    secret = secret_in(path)
    assert path.read_text() == (f'key "{NEW}" {{\n\talgorithm {algorithm};\n'
                                f'\tsecret "{secret}";\n}};\n')
    assert mode(path) == 0o600
    assert len(base64.b64decode(secret, validate=True)) == LENGTH[algorithm]
    assert secret not in done.stdout
    keys = {row["key"]: row for row in site.json("key", "list")["keys"]}
    assert keys[NEW]["algorithm"] == algorithm
    assert not [left for left in site.folder.iterdir() if left.name.startswith(".")]


@pytest.mark.parametrize("host, said", [
    ("../evil", '"../evil" is no name\n'), ("a..b", '"a..b" is no name\n'),
    ("b\u00fccher.example", "as A-labels: xn--bcher-kva.example\n"),
])
def test_new_of_no_name(site, host, said):
    done = site.run("key", "new", host)
    assert done.returncode == 2 and done.stderr.startswith("tsigate: ") and said in done.stderr
    assert done.stderr.count(" is no name") == 1


def test_new_is_new_each_time(site):
    secrets = set()
    for number in range(3):
        site.run("key", "new", f"h{number}.example.org")
        secrets.add(secret_in(site.folder / f"h{number}.example.org.key"))
    assert len(secrets) == 3


def test_new_whatever_the_umask(site):
    old = os.umask(0)
    try:
        site.run("key", "new", NEW, "--client-file", site.folder / "copy")
    finally:
        os.umask(old)
    assert mode(site.folder / f"{NEW}.key") == mode(site.folder / "copy") == 0o600


@pytest.mark.parametrize("words, said", [
    (["mx1.example.org"], "is there already"),
    (["gateway"], "is there already"),
    ([NEW, "--name", "mx1-next"], "is there already"),
    ([NEW, "--name", "spare"], "is host mx1.example.org's"),
], ids=["host's own", "gateway's", "another's", "another's without a file"])
def test_new_of_a_known_key(tmp_path, words, said):
    site = Site(tmp_path)
    acl = tmp_path / "site.acl"
    acl.write_text(acl.read_text().replace("    key  mx1-next", "    key spare\n    key  mx1-next"))
    before = sorted(tmp_path.iterdir())
    done = site.run("key", "new", *words)
    assert done.returncode == 1 and said in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_new_overwrites_nothing(site):
    for name in (f"{NEW}.key", "copy"):
        (site.folder / name).touch(0o600)
        done = site.run("key", "new", NEW, "--client-file", site.folder / "copy")
        assert done.returncode == 1 and f"{name}: it is there already" in done.stderr
        assert (site.folder / name).read_text() == ""
        (site.folder / name).unlink()
        assert not (site.folder / f"{NEW}.key").exists()
        assert not (site.folder / "copy").exists()


@pytest.mark.parametrize("words", [
    [], ["new"], ["new", "a", "b"], ["old", "a"], ["list", "a"], ["list", "--for", "lego"],
    ["new", "a..b"], ["new", "a$b"], ["new", "."], ["new", "a", "--name", "../b"],
    ["new", "a", "--algorithm", "hmac-md5"], ["new", "a", "--algorithm", "hmac-sha1"],
    ["new", "a", "--for", "certbod"], ["new", "a", "--for", "certbot"],
    ["new", "a", "--for", "cert-manager", "--algorithm", "hmac-sha384", "--show-secret"],
    ["new", "a", "--server", "gateway"], ["new", "a", "--server", "192.0.2.1:0"],
    ["new", "a", "--server", "192.0.2.1:65536"], ["new", "a", "--server", "[::1"],
    ["new", "a", "--show-secret", "--json"], ["new", "a", "--days", "3"],
    ["retire", "a", "--days", "-1"], ["retire", "a", "--days", "x"],
    ["rotate"], ["retire"], ["retire", "a", "--name", "b"], ["new", "a", "--yes"],
], ids=" ".join)
def test_usage(site, words):
    before = sorted(site.folder.iterdir())
    done = site.run("key", *words)
    assert done.returncode == 2 and done.stderr and not done.stdout
    assert sorted(site.folder.iterdir()) == before


@pytest.mark.parametrize("text, endpoint", [
    ("192.0.2.1", "192.0.2.1:53"), ("192.0.2.1:5353", "192.0.2.1:5353"),
    ("2001:db8::1", "[2001:db8::1]:53"), ("[2001:db8::1]:5353", "[2001:db8::1]:5353"),
    ("[2001:db8::1]", "[2001:db8::1]:53"),
])
def test_server(site, text, endpoint):
    told = site.json("key", "new", NEW, "--server", text)
    assert told["server"] == endpoint


def test_json(site):
    copy = site.folder / "mx9.ini"
    told = site.json("key", "new", NEW, "--for", "certbot", "--client-file", copy)
    assert told == {
        "key": NEW, "host": NEW, "algorithm": "hmac-sha256",
        "file": f"{site.folder}/{NEW}.key", "server": "127.0.0.1:5300",
        "client": "certbot", "client_file": str(copy),
        "place": "/etc/letsencrypt/tsigate.ini"}


def test_new_where_no_pattern_names_files(site):
    conf = site.conf.read_text()
    keys = ", ".join(f'"{path.name}"' for path in site.folder.glob("*.key"))
    site.conf.write_text(conf.replace('"*.key"', keys))
    done = site.run("key", "new", NEW)
    assert done.returncode == 2 and "--file FILE" in done.stderr
    done = site.run("key", "new", NEW, "--file", site.folder / "mine")
    assert done.returncode == 0 and "no pattern of `keys`" in done.stderr
    assert (site.folder / "mine").exists()


def test_new_in_another_spelling_of_the_folder(site):
    command = [TSIGATE, "key", "new", NEW, "-c", "tsigate.conf", "--file", "./mine.key"]
    done = subprocess.run([pathlib.Path(TSIGATE).resolve(), *command[1:]], text=True,
                          capture_output=True, timeout=20, cwd=site.folder)
    assert (done.returncode, done.stderr) == (0, "")
    done = site.run("key", "new", f"b.{NEW}", "--file", site.folder / "b.key")
    assert (done.returncode, done.stderr) == (0, "")


def test_odd_paths_are_quoted(site):
    odd = site.folder / "it's an odd $folder"
    odd.mkdir()
    conf = odd / "tsigate.conf"
    conf.write_text(site.conf.read_text().replace('"*.', '"../*.'))
    done = subprocess.run([TSIGATE, "key", "new", NEW, "-c", conf, "--for", "certbot",
                           "--client-file", odd / "mx9.ini"], text=True,
                          capture_output=True, timeout=20)
    assert done.returncode == 0, done.stderr
    words = [shlex.split(line) for line in done.stdout.splitlines() if line[:1] != "#"]
    assert ["tsigate", "grant", "-c", str(conf), NEW, "acme", NEW] in words
    assert ["rm", str(odd / "mx9.ini")] in words


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_new_belongs_to_the_daemon(site):
    with site.conf.open("a") as conf:
        conf.write('user = "nobody";\n')
    for path in site.folder.glob("*.key"):
        os.chown(path, 65534, -1)
    copy = site.folder / "copy"
    assert site.run("key", "new", NEW, "--client-file", copy).returncode == 0
    assert (site.folder / f"{NEW}.key").stat().st_uid == 65534
    assert copy.stat().st_uid == 0


@pytest.mark.parametrize("words, lines", [
    ([NEW], ["The ACL has no host mx9.example.org", f"grant -c CONF {NEW} acme {NEW}"]),
    (["mx2.example.org", "--name", "mx2-next"],
     ["in the block of host mx2.example.org", "#     key mx2-next"]),
], ids=["new host", "known host"])
def test_new_says_what_to_do(site, words, lines):
    out = site.run("key", "new", *words).stdout.replace(str(site.conf), "CONF")
    for line in [*lines, f"root@{words[0]}:/etc/tsigate/"]:
        assert line in out
    assert ("tsigate reload -c CONF\n" in out) == ("tsigate grant" not in out)


@pytest.mark.parametrize("client", CLIENTS)
def test_clients(site, client):
    copy = site.folder / "client"
    done = site.run("key", "new", NEW, "--for", client, "--client-file", copy)
    assert (done.returncode, done.stderr) == (0, "")
    key_file = site.folder / f"{NEW}.key"
    secret = secret_in(key_file)
    assert mode(copy) == 0o600
    assert copy.read_text().count(secret) == 1 and secret not in done.stdout
    assert (copy.read_text() == key_file.read_text()) == (client not in OWN_FILE)
    for left in ("@", "ZONE"):
        assert left not in copy.read_text() + done.stdout.replace("root@", "")
    shell = subprocess.run(["sh", "-n"], input=done.stdout, text=True,
                           capture_output=True, timeout=10)
    assert shell.returncode == 0, shell.stderr


@pytest.mark.parametrize("client", CLIENTS)
def test_shown_secret(site, client):
    done = site.run("key", "new", NEW, "--for", client, "--show-secret")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(secret_in(site.folder / f"{NEW}.key")) == 1
    assert "scp" not in done.stdout


def test_certbot_has_upper_case(site):
    """certbot before 3.3.0 signs with HMAC-MD5 otherwise."""
    copy = site.folder / "client"
    site.run("key", "new", NEW, "--for", "certbot", "--client-file", copy,
             "--algorithm", "hmac-sha512")
    assert "dns_rfc2136_algorithm = HMAC-SHA512\n" in copy.read_text()


# What Kubernetes and cert-manager's definition (acme.cert-manager.io/v1) know of the fields
# that we use; a field that they do not know is dropped there without a word. A type, a set
# of values, or the fields of an object, those with ! required.
REFERENCE = {"name!": str, "key": str}
SECRET_FIELDS = {
    "apiVersion!": {"v1"}, "kind!": {"Secret"}, "metadata!": {"name!": str, "namespace": str},
    "type": str, "stringData": dict, "data": dict}
ISSUER_FIELDS = {
    "apiVersion!": {"cert-manager.io/v1"}, "kind!": {"Issuer", "ClusterIssuer"},
    "metadata!": {"name!": str, "namespace": str},
    "spec!": {"acme": {
        "server!": str, "email": str, "privateKeySecretRef!": REFERENCE,
        "solvers": [{"selector": dict, "dns01": {
            "cnameStrategy": {"None", "Follow"},
            "rfc2136": {
                "nameserver!": str, "protocol": {"TCP", "UDP"}, "tsigKeyName": str,
                "tsigAlgorithm": {"HMACMD5", "HMACSHA1", "HMACSHA256", "HMACSHA512"},
                "tsigSecretSecretRef": REFERENCE}}}]}}}


def unfit(fields, value, path=""):
    """What a definition would not take, or would drop."""
    if isinstance(fields, set):
        return [] if value in fields else [f"{path}: {value}"]
    if isinstance(fields, list):
        return [wrong for i, one in enumerate(value)
                for wrong in unfit(fields[0], one, f"{path}/{i}")]
    if not isinstance(fields, dict):
        return [] if isinstance(value, fields) else [f"{path}: {value!r}"]
    known = {name.rstrip("!"): inner for name, inner in fields.items()}
    wrong = [f"{path}/{name[:-1]}: missing" for name in fields
             if name[-1] == "!" and name[:-1] not in value]
    for name, inner in value.items():
        wrong += (unfit(known[name], inner, f"{path}/{name}") if name in known
                  else [f"{path}/{name}: unknown"])
    return wrong


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha512"])
def test_cert_manager_takes_it(site, algorithm):
    yaml = pytest.importorskip("yaml")
    out = site.run("key", "new", NEW, "--for", "cert-manager", "--client-file",
                   site.folder / "client", "--algorithm", algorithm).stdout
    secret = yaml.safe_load((site.folder / "client").read_text())
    issuer = yaml.safe_load(out.split("<<'END'\n")[1].split("END\n")[0])
    assert not unfit(SECRET_FIELDS, secret) and not unfit(ISSUER_FIELDS, issuer)
    solver = issuer["spec"]["acme"]["solvers"][0]["dns01"]["rfc2136"]
    solver["server"] = solver.pop("nameserver")
    del solver["tsigSecretSecretRef"]["name"]
    where = "/spec/acme/solvers/0/dns01/rfc2136"
    assert unfit(ISSUER_FIELDS, issuer) == [
        f"{where}/nameserver: missing", f"{where}/tsigSecretSecretRef/name: missing",
        f"{where}/server: unknown"]


def test_cert_manager_speaks_yaml(site):
    yaml = pytest.importorskip("yaml")
    copy = site.folder / "client"
    out = site.run("key", "new", NEW, "--for", "cert-manager", "--client-file",
                   copy, "--server", "2001:db8::53").stdout
    secret = yaml.safe_load(copy.read_text())
    assert secret["stringData"]["tsig-secret"] == secret_in(site.folder / f"{NEW}.key")
    issuer = yaml.safe_load(out.split("<<'END'\n")[1].split("END\n")[0])
    solver = issuer["spec"]["acme"]["solvers"][0]["dns01"]
    assert solver["cnameStrategy"] == "Follow"
    assert solver["rfc2136"] == {
        "nameserver": "[2001:db8::53]:53", "tsigKeyName": NEW,
        "tsigAlgorithm": "HMACSHA256",
        "tsigSecretSecretRef": {"name": secret["metadata"]["name"],
                                "key": "tsig-secret"}}


# ---- list ----------------------------------------------------------------------------

USED = {"ok": True, "uptime_s": 864000, "zones": [{"name": "mx2.example.org"}],
        "keys": [{"name": "mx1.example.org", "last_use": "2026-11-24T10:11:12Z",
                  "requests": 3}]}


def table(text):
    head, *rows = [re.split(r"\s{2,}", line.rstrip()) for line in text.splitlines()]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_list(site):
    (site.folder / "mx2.example.org.key").unlink()
    (site.folder / "stray.key").write_text(
        'key stray { algorithm hmac-sha512; secret "%s"; };\n' % ("K" * 85 + "A=="))
    (site.folder / "stray.key").chmod(0o600)
    Daemon(site.folder / "control.sock", json.dumps(USED).encode() + b"\n")
    done = site.run("key", "list")
    assert (done.returncode, done.stderr) == (0, "")
    none = dict.fromkeys(("HOST", "NOT-BEFORE", "NOT-AFTER", "LAST-USE", "FILE"), "-")
    place = {name: f"{site.folder}/{name}.key:1" for name in [*SECRET, "stray"]}
    sha256 = {**none, "ALGORITHM": "hmac-sha256"}
    assert table(done.stdout) == [
        {**sha256, "KEY": "gateway", "HOST": "(gateway)", "FILE": place["gateway"]},
        {**sha256, "KEY": "mx1-next", "HOST": "mx1.example.org",
         "NOT-BEFORE": "2099-01-01T00:00:00Z", "FILE": place["mx1-next"]},
        {**sha256, "KEY": "mx1.example.org", "HOST": "mx1.example.org",
         "LAST-USE": "2026-11-24T10:11:12Z", "FILE": place["mx1.example.org"]},
        {**none, "KEY": "mx2.example.org", "ALGORITHM": "-", "HOST": "mx2.example.org"},
        {**none, "KEY": "stray", "ALGORITHM": "hmac-sha512", "FILE": place["stray"]}]


def test_list_without_a_gateway(site):
    done = site.run("key", "list")
    assert done.returncode == 0 and "no tsigated is running" in done.stderr
    assert {row["LAST-USE"] for row in table(done.stdout)} == {"-"}
    told = site.json("key", "list")
    assert told["last_use_known"] is False and told["last_use_since"] is None


def test_list_of_files_that_cannot_be_used(site):
    (site.folder / "gateway.key").chmod(0o644)
    done = site.run("key", "list")
    assert done.returncode == 3 and not done.stdout
    assert done.stderr.count("gateway.key") == 1


# ---- rotate and retire ---------------------------------------------------------------

def stamp(days):
    """So many days ago."""
    then = time.gmtime(time.time() - days * 86400)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", then)


class Gateway(threading.Thread):
    """Answers status and reload, and notes what is asked."""

    def __init__(self, site, up_days=365, used=None, reload_ok=True):
        super().__init__(daemon=True)
        self.asked = []
        status = {"ok": True, "uptime_s": up_days * 86400,
                  "keys": [{"name": name, "last_use": stamp(days), "requests": 1}
                           for name, days in (used or {}).items()]}
        reload = {"ok": reload_ok, "generation": 7, "warnings": [],
                  "errors": [] if reload_ok else ["x.acl:1:1: no"]}
        self.answers = {b"status\n": status, b"reload\n": reload}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(site.folder / "control.sock"))
        self.listener.listen(4)
        self.start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                request = connection.recv(64)
                self.asked.append(request)
                connection.sendall(json.dumps(self.answers[request]).encode() + b"\n")


TODAY = time.strftime("%Y%m%d", time.gmtime())


def acl_of(site):
    return (site.folder / "site.acl").read_text()


def names_of(site):
    return sorted(path.name for path in site.folder.iterdir())


def test_rotate(site):
    gateway = Gateway(site)
    before = acl_of(site)
    done = site.run("key", "rotate", "mx1.example.org", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    new = f"mx1-{TODAY}.example.org"
    assert secret_in(site.folder / f"{new}.key") not in done.stdout
    last = "    key  mx1-next  not-before 2099-01-01T00:00:00Z\n"
    assert acl_of(site) == before.replace(last, f"{last}    key  {new}\n")
    assert gateway.asked == [b"reload\n"]
    for line in ["root@mx1.example.org:/etc/tsigate/", "key list", "key retire",
                 f"key retire -c {site.conf} mx1.example.org"]:
        assert line in done.stdout
    assert f"key retire -c {site.conf} mx1-next" not in done.stdout  # valid later only
    assert site.run("check").returncode == 0


def test_rotate_of_an_implicit_key(site):
    """With any key line only the listed ones count: the old key gets its line too."""
    Gateway(site)
    before = acl_of(site)
    copy = site.folder / "copy"
    done = site.run("key", "rotate", "mx2.example.org", "--yes", "--name", "mx2-next",
                    "--for", "certbot", "--client-file", copy)
    assert done.returncode == 0, done.stderr
    assert acl_of(site) == before.replace(
        "host mx2.example.org\n",
        "host mx2.example.org\n    key  mx2.example.org\n    key  mx2-next\n")
    assert secret_in(site.folder / "mx2-next.key") in copy.read_text()
    rows = {row["KEY"]: row["HOST"] for row in table(site.run("key", "list").stdout)}
    assert rows["mx2.example.org"] == rows["mx2-next"] == "mx2.example.org"


def test_rotate_twice_in_a_day(site):
    Gateway(site)
    assert site.run("key", "rotate", "mx2.example.org", "--yes").returncode == 0
    before = acl_of(site), names_of(site)
    done = site.run("key", "rotate", "mx2.example.org", "--yes")
    assert done.returncode == 1 and "is there already" in done.stderr
    assert "--name KEY" in done.stderr and (acl_of(site), names_of(site)) == before


def test_rotate_twice(site):
    Gateway(site)
    for name in ("a", "b"):
        assert site.run("key", "rotate", "mx2.example.org", "--yes", "--name",
                        name).returncode == 0
    assert acl_of(site).count("\n    key  mx2.example.org\n    key  a\n    key  b\n") == 1


@pytest.mark.parametrize("words, code, said", [
    (["mx9.example.org"], 1, "has no host mx9.example.org"),
    (["mx1.example.org", "--name", "mx1-next"], 1, "is there already"),
    (["mx1.example.org", "--name", "mx2.example.org"], 1, "is there already"),
    (["mx1.example.org", "--for", "lego"], 2, "--client-file"),
    (["mx1.example.org", "--json"], 2, "--json"),
    (["mx1.example.org", "--force"], 2, "takes no --force"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_rotate_refused(site, words, code, said):
    before = acl_of(site), names_of(site)
    done = site.run("key", "rotate", *words, "--yes")
    assert done.returncode == code and said in done.stderr
    assert (acl_of(site), names_of(site)) == before


def test_rotate_wants_an_answer(site):
    before = acl_of(site), names_of(site)
    done = site.run("key", "rotate", "mx1.example.org")
    assert done.returncode == 2 and "--yes" in done.stderr
    assert (acl_of(site), names_of(site)) == before


@pytest.mark.parametrize("answer", ["n\n", "\x03", "\x04"], ids=["no", "^C", "end"])
@pytest.mark.parametrize("words", [["rotate", "mx2.example.org"],
                                   ["retire", "old", "--force"]], ids=lambda w: w[0])
def test_no_is_no(site, words, answer):
    listed(site, "old", "new")
    before = acl_of(site), names_of(site)
    command = [TSIGATE, "key", "-c", site.conf, *words]
    pid, ours = pty.fork()
    if pid == 0:
        os.execv(TSIGATE, [str(word) for word in command])
    said = b""
    while not said.endswith(b"(n)o: "):
        said += os.read(ours, 1024)
    os.write(ours, answer.encode())
    _, status = os.waitpid(pid, 0)
    os.close(ours)
    assert status != 0
    (site.folder / ".site.acl.lock").unlink(missing_ok=True)
    assert (acl_of(site), names_of(site)) == before


def test_rotate_while_another_edits(site):
    """Nothing is left of the key when the ACL cannot be changed."""
    before = acl_of(site), names_of(site)
    lock = site.folder / ".site.acl.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = site.run("key", "rotate", "mx1.example.org", "--yes")
        lock.unlink()
    assert done.returncode == 4 and "is being changed" in done.stderr
    assert (acl_of(site), names_of(site)) == before


@pytest.mark.parametrize("is_refused", [False, True], ids=["nobody", "refused"])
def test_rotate_without_a_reload(site, is_refused):
    """The key and its line stay, and what is missing is said."""
    if is_refused:
        Gateway(site, reload_ok=False)
    done = site.run("key", "rotate", "mx1.example.org", "--yes", "--name", "new")
    assert done.returncode == (3 if is_refused else 4)
    assert "    key  new\n" in acl_of(site) and (site.folder / "new.key").exists()
    assert f"\ntsigate reload -c {site.conf}\n" in done.stdout


def listed(site, *names):
    """mx2 has these keys by lines; those beside its own are made."""
    for number, name in enumerate(names):
        path = site.folder / f"{name}.key"
        if not path.exists():
            secret = base64.b64encode(bytes([number + 1]) * 32).decode()
            path.touch(0o600)
            path.write_text(f'key "{name}" {{ algorithm hmac-sha256; secret "{secret}"; }};\n')
    lines = "".join(f"    key  {name}\n" for name in names)
    acl = site.folder / "site.acl"
    acl.write_text(acl.read_text().replace("host mx2.example.org\n",
                                           "host mx2.example.org\n" + lines))


@pytest.mark.parametrize("used", [{}, {"old": 8}, {"new": 1, "old": 30}], ids=repr)
def test_retire(site, used):
    listed(site, "old", "new")
    gateway = Gateway(site, used=used)
    before, secret = acl_of(site), secret_in(site.folder / "old.key")
    done = site.run("key", "retire", "old", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert acl_of(site) == before.replace("    key  old\n", "")
    assert not (site.folder / "old.key").exists()
    assert mode(site.folder / "old.key.retired") == 0o600
    assert secret_in(site.folder / "old.key.retired") == secret
    assert gateway.asked == [b"status\n", b"reload\n"]
    assert f"{site.folder}/old.key.retired" in done.stdout and secret not in done.stdout
    assert "old" not in [row["KEY"] for row in table(site.run("key", "list").stdout)]


@pytest.mark.parametrize("words, up_days, used, said", [
    (["old"], 365, {"old": 0}, "was last used at"),
    (["old"], 365, {"old": 6.9}, "within 7 days"),
    (["old", "--days", "31"], 365, {"old": 30}, "within 31 days"),
    (["old"], 6, {}, "remembers only what was since"),
    (["new"], 365, {"new": 3}, "was last used at"),
    (["mx1.example.org"], 365, {}, "no other key to sign with now"),
    (["none"], 365, {}, "there is no key none"),
    (["gateway"], 365, {}, "the gateway's own key"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_retire_refused(site, words, up_days, used, said):
    listed(site, "old", "new")
    Gateway(site, up_days, used)
    before = acl_of(site), names_of(site)
    done = site.run("key", "retire", *words, "--yes")
    assert done.returncode == 1 and said in done.stderr
    assert (acl_of(site), names_of(site)) == before


@pytest.mark.parametrize("validity", ["not-after 2026-01-01T00:00:00Z",
                                      "not-before 2099-01-01T00:00:00Z"])
def test_retire_of_a_key_that_nobody_can_use(site, validity):
    """It need not be asked for how long it was not used."""
    listed(site, "old", "new")
    acl = site.folder / "site.acl"
    acl.write_text(acl.read_text().replace("    key  old\n", f"    key  old {validity}\n"))
    gateway = Gateway(site, 0.1)
    done = site.run("key", "retire", "old", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert gateway.asked == [b"reload\n"] and "key  old" not in acl.read_text()


@pytest.mark.parametrize("days, up_days", [("0", 0.5), ("1", 2), ("3", 3.5)])
def test_retire_of_fewer_days(site, days, up_days):
    listed(site, "old", "new")
    Gateway(site, up_days, {"old": 3.2})
    assert site.run("key", "retire", "old", "--yes", "--days", days).returncode == 0


def test_retire_without_a_gateway(site):
    listed(site, "old", "new")
    before = acl_of(site), names_of(site)
    done = site.run("key", "retire", "old", "--yes")
    assert done.returncode == 1 and "may be in use" in done.stderr
    assert (acl_of(site), names_of(site)) == before
    done = site.run("key", "retire", "old", "--yes", "--force", "--no-reload")
    assert done.returncode == 0
    assert "key  old" not in acl_of(site)


def test_retire_by_force(site):
    """In use, and the host's last one."""
    Gateway(site, used={"mx2.example.org": 0})
    before = acl_of(site)
    done = site.run("key", "retire", "mx2.example.org", "--yes", "--force")
    assert done.returncode == 0, done.stderr
    assert acl_of(site) == before
    assert (site.folder / "mx2.example.org.key.retired").exists()


def test_retire_of_a_key_without_a_host(site):
    stray = site.folder / "stray.key"
    stray.touch(0o600)
    stray.write_text('key stray { algorithm hmac-sha256; secret "%s="; };\n' % ("M" * 43))
    gateway = Gateway(site)
    assert site.run("key", "retire", "stray", "--yes").returncode == 0
    assert not stray.exists() and gateway.asked == [b"status\n", b"reload\n"]


def test_retire_of_a_key_without_a_file(site):
    listed(site, "old", "new")
    (site.folder / "old.key").unlink()
    Gateway(site)
    done = site.run("key", "retire", "old", "--yes")
    assert done.returncode == 0 and "retired" not in done.stdout
    assert "key  old" not in acl_of(site)


@pytest.mark.parametrize("case, said", [
    ("two keys", "other keys as well"), ("named", "names the file"),
    ("pattern", "would still be read"), ("taken", "is there already"),
])
def test_retire_of_a_file_that_cannot_go(site, case, said):
    listed(site, "old", "new")
    Gateway(site)
    old, new = site.folder / "old.key", site.folder / "new.key"
    conf = site.conf.read_text()
    if case == "two keys":
        old.write_text(old.read_text() + new.read_text())
        new.unlink()
    elif case == "named":
        site.conf.write_text(conf.replace('"*.key"', '"*.key", "old.key"'))
    elif case == "pattern":
        site.conf.write_text(conf.replace('"*.key"', '"*.key*"'))
    else:
        (site.folder / "old.key.retired").touch()
    before = acl_of(site), names_of(site)
    done = site.run("key", "retire", "old", "--yes")
    assert done.returncode == 1 and said in done.stderr
    assert (acl_of(site), names_of(site)) == before


def test_retire_that_the_acl_does_not_allow(site):
    """The file comes back when the ACL stays: its folder cannot be written."""
    listed(site, "old", "new")
    Gateway(site)
    lock = site.folder / ".site.acl.lock"
    before = acl_of(site), names_of(site)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = site.run("key", "retire", "old", "--yes")
        lock.unlink()
    assert done.returncode == 4
    assert (acl_of(site), names_of(site)) == before


def test_whole_rotation(site):
    """new, rotate, retire: the host ends with one key more recent than the first."""
    Gateway(site)
    assert site.run("key", "rotate", "mx2.example.org", "--yes", "--name",
                    "mx2-next").returncode == 0
    assert site.run("key", "retire", "mx2.example.org", "--yes").returncode == 0
    assert "host mx2.example.org\n    key  mx2-next\n    from" in acl_of(site)
    assert site.run("check").returncode == 0
    done = site.run("key", "retire", "mx2-next", "--yes")
    assert done.returncode == 1 and "no other key" in done.stderr


# ---- secrets -------------------------------------------------------------------------

class Watcher(threading.Thread):
    """Reads the arguments and the environment of every process, again and again."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen = set()
        self.stop = threading.Event()
        self.start()

    def run(self):
        while not self.stop.is_set():
            for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                    self.seen.add(path.with_name("environ").read_bytes())
                except OSError:
                    pass
            time.sleep(0.001)


def test_no_secret_leaks(site):
    """Everything that is said or can be seen from outside, over all verbs and clients."""
    watcher = Watcher()
    said = []
    for number, client in enumerate(CLIENTS):
        host = f"h{number}.example.org"
        words = ["--for", client, "--client-file", site.folder / f"copy{number}"]
        said += [site.run("key", "new", host, *words),
                 site.run("key", "new", host, *words),
                 site.run("key", "new", f"j{host}", "--json")]
    said += [site.run("key", "rotate", "mx2.example.org", "--yes", "--name", "r"),
             site.run("key", "retire", "mx2.example.org", "--yes", "--force"),
             site.run("key", "list"), site.run("key", "list", "--json"),
             site.run("check"), site.run("check", "--effective")]
    watcher.stop.set()
    watcher.join()
    secrets = {secret_in(path) for path in [*site.folder.glob("*.key"),
                                            *site.folder.glob("*.retired")]}
    assert len(secrets) == len(SECRET) + 2 * len(CLIENTS) + 1
    text = "".join(done.stdout + done.stderr for done in said)
    assert TSIGATE.encode() in b"".join(watcher.seen)
    for secret in secrets:
        assert secret not in text
        assert secret.encode() not in b"".join(watcher.seen)
        assert base64.b64decode(secret).hex() not in text
