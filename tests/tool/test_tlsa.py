"""tsigate-tlsa show, against what openssl's own commands make of the same files."""
import hashlib
import json
import os
import pathlib
import subprocess

import pytest

TLSA = os.environ.get("TSIGATE_TLSA") or str(
    pathlib.Path(os.environ.get("TSIGATE", "./tsigate")).absolute().with_name("tsigate-tlsa"))
KINDS = {"rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
         "ecdsa": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
         "ed25519": ["-algorithm", "ED25519"]}


def openssl(*words, stdin=b""):
    return subprocess.run(["openssl", *map(str, words)], input=stdin, check=True,
                          capture_output=True, timeout=60).stdout


def tlsa(*words, stdin=subprocess.DEVNULL, cwd=None):
    return subprocess.run([TLSA, *map(str, words)], stdin=stdin, capture_output=True,
                          text=True, timeout=60, cwd=cwd)


class Authority:
    """A root, a CA below it, and certificates for services, in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.root = self.issue("root", ca=True)
        self.ca = self.issue("ca", by="root", ca=True)

    def issue(self, name, kind="ecdsa", by=None, ca=False, days=30, names=()):
        at = self.folder
        openssl("genpkey", *KINDS[kind], "-out", at / f"{name}.key")
        openssl("req", "-new", "-key", at / f"{name}.key", "-subj", f"/CN={name}",
                "-out", at / f"{name}.csr")
        lines = [f"basicConstraints=critical,CA:{'TRUE' if ca else 'FALSE'}"]
        if names:
            lines.append("subjectAltName=" + ",".join(f"DNS:{one}" for one in names))
        (at / "ext").write_text("\n".join(lines) + "\n")
        signer = (["-CA", at / f"{by}.pem", "-CAkey", at / f"{by}.key", "-CAcreateserial"]
                  if by else ["-signkey", at / f"{name}.key"])
        openssl("x509", "-req", "-in", at / f"{name}.csr", *signer, "-days", days,
                "-extfile", at / "ext", "-out", at / f"{name}.pem")
        return at / f"{name}.pem"

    def chain(self, name, *names):
        path = self.folder / f"{name}-chain.pem"
        path.write_text("".join((self.folder / f"{one}.pem").read_text()
                                for one in (name, *names)))
        return path


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = Authority(tmp_path_factory.mktemp("ca"))
    for kind in KINDS:
        made.issue(kind, kind, by="ca")
    return made


def spki(certificate):
    """As the manuals say: x509 -pubkey | pkey -pubin -outform der."""
    public = openssl("x509", "-in", certificate, "-noout", "-pubkey")
    return openssl("pkey", "-pubin", "-outform", "der", stdin=public)


def sha256(octets):
    return hashlib.sha256(octets).hexdigest()


# ---- show ----------------------------------------------------------------------------

@pytest.mark.parametrize("form", ["pem", "der"])
@pytest.mark.parametrize("kind", KINDS)
def test_certificate_key_and_request_agree_with_openssl(authority, tmp_path, kind, form):
    at = authority.folder
    files = [tmp_path / name for name in ("cert", "private", "public", "csr")]
    openssl("x509", "-in", at / f"{kind}.pem", "-outform", form, "-out", files[0])
    openssl("pkey", "-in", at / f"{kind}.key", "-outform", form, "-out", files[1])
    openssl("pkey", "-in", at / f"{kind}.key", "-pubout", "-outform", form,
            "-out", files[2])
    openssl("req", "-in", at / f"{kind}.csr", "-outform", form, "-out", files[3])
    done = tlsa("show", *files)
    line = f"IN TLSA 3 1 1 {sha256(spki(at / f'{kind}.pem'))}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, 4 * line, "")


def test_old_key_formats(authority, tmp_path):
    for kind, command in (("rsa", "rsa"), ("ecdsa", "ec")):
        path = tmp_path / kind
        openssl(command, "-in", authority.folder / f"{kind}.key", "-out", path,
                *(["-traditional"] if command == "rsa" else []))
        assert f"BEGIN {command.upper()} PRIVATE" in path.read_text()
        done = tlsa("show", path)
        assert done.stdout.split()[-1] == sha256(spki(authority.folder / f"{kind}.pem"))


@pytest.mark.parametrize("form, octets", [
    ("3-0-1", lambda der, key: sha256(der)),
    ("3-0-0", lambda der, key: der.hex()),
    ("1-1-2", lambda der, key: hashlib.sha512(key).hexdigest()),
    ("3-1-0", lambda der, key: key.hex()),
    ("2-0-2", lambda der, key: hashlib.sha512(der).hexdigest()),
])
def test_forms(authority, form, octets):
    certificate = authority.folder / "rsa.pem"
    der = openssl("x509", "-in", certificate, "-outform", "der")
    done = tlsa("show", "--usage-selector-matching", form, certificate)
    wanted = f"IN TLSA {form.replace('-', ' ')} {octets(der, spki(certificate))}\n"
    assert (done.returncode, done.stdout) == (0, wanted)


def test_chain(authority):
    """3 1 1 for the service, 2 1 1 for each issuer."""
    done = tlsa("show", authority.chain("rsa", "ca", "root"))
    keys = [sha256(spki(authority.folder / f"{name}.pem"))
            for name in ("rsa", "ca", "root")]
    assert done.stdout.splitlines() == [f"IN TLSA 3 1 1 {keys[0]}",
                                        f"IN TLSA 2 1 1 {keys[1]}",
                                        f"IN TLSA 2 1 1 {keys[2]}"]
    done = tlsa("show", "--usage-selector-matching", "2-1-1",
                authority.chain("rsa", "ca"))
    assert done.stdout == f"IN TLSA 2 1 1 {keys[1]}\n"


def test_names_and_ports(authority):
    done = tlsa("show", "--name", "MX1.example.org", "--port", "25/tcp",
                "--port", "853/udp", authority.ca)
    key = sha256(spki(authority.ca))
    assert done.stdout.splitlines() == [
        f"_25._tcp.mx1.example.org. IN TLSA 3 1 1 {key}",
        f"_853._udp.mx1.example.org. IN TLSA 3 1 1 {key}"]


def test_json(authority):
    done = tlsa("show", "--json", "--name", "a.example", "--port", "1/tcp",
                authority.ca, authority.folder / "rsa.csr")
    rows = json.loads(done.stdout)["records"]
    assert [row["kind"] for row in rows] == ["certificate", "request"]
    assert rows[0] == {"file": str(authority.ca), "kind": "certificate",
                       "owner": "_1._tcp.a.example.", "usage": 3, "selector": 1,
                       "matching": 1, "data": sha256(spki(authority.ca))}


def bad_files(authority, folder):
    at = authority.folder
    key = (at / "rsa.key").read_bytes()
    der = openssl("x509", "-in", at / "rsa.pem", "-outform", "der")
    yield "empty", b"", "empty"
    yield "text", b"no certificate\n", "expected a certificate"
    yield "der with more behind it", der + b"\0", "damaged"
    yield "der cut", der[:-1], "expected a certificate"
    yield "pem cut", (at / "rsa.pem").read_bytes()[:-60], "damaged"
    yield "a hole", (at / "rsa.pem").read_bytes().replace(b"MII", b"MI", 1), "damaged"
    for name, words in (("pkcs8", ["pkcs8", "-topk8", "-v2", "aes256"]),
                        ("pkcs8 der", ["pkcs8", "-topk8", "-outform", "der"]),
                        ("old", ["rsa", "-aes256", "-traditional"])):
        yield (f"encrypted {name}", openssl(*words, "-passout", "pass:sesame", stdin=key),
               "encrypted")
    yield ("pkcs12", openssl("pkcs12", "-export", "-in", at / "rsa.pem", "-inkey",
                             at / "rsa.key", "-passout", "pass:"), "PKCS#12")
    yield ("chain out of order", b"".join((at / f"{name}.pem").read_bytes()
                                          for name in ("rsa", "root", "ca")),
           "did not issue")
    yield ("another's key", (at / "rsa.pem").read_bytes() +
           (at / "ecdsa.key").read_bytes(), "not that of its certificate")


def test_what_is_wrong_is_named_and_nothing_printed(authority, tmp_path):
    for name, octets, said in bad_files(authority, tmp_path):
        path = tmp_path / "bad file"
        path.write_bytes(octets)
        done = tlsa("show", authority.ca, path)
        assert (done.returncode, done.stdout) == (3, ""), name
        assert done.stderr.startswith(f"{path}: ") and said in done.stderr, name
        assert "[" not in done.stderr, name


def test_every_bad_file_is_named(authority, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    done = tlsa("show", tmp_path / "empty", authority.ca, tmp_path / "missing", tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        str(tmp_path / "empty"), str(tmp_path / "missing"), str(tmp_path)]


def test_selector_0_of_a_key(authority):
    done = tlsa("show", "--usage-selector-matching", "3-0-1", authority.folder / "rsa.key")
    assert (done.returncode, done.stdout) == (3, "")
    assert "selector 0" in done.stderr


@pytest.mark.parametrize("words", [
    [], ["--name", "a.example", "x"], ["--port", "25/tcp", "x"],
    ["--name", "a..b", "--port", "25/tcp", "x"],
    ["--name", "a.example", "--port", "25", "x"],
    ["--usage-selector-matching", "4-1-1", "x"], ["--frob", "x"],
])
def test_usage(words):
    done = tlsa("show", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: tsigate-tlsa show" in done.stderr


def test_help():
    assert tlsa().returncode == 2
    assert tlsa("frob").returncode == 2
    for words in (["--help"], ["help"], ["help", "show"], ["show", "--help"]):
        done = tlsa(*words)
        assert (done.returncode, done.stderr) == (0, "")
        assert "tsigate-tlsa" in done.stdout
    assert tlsa("--version").stdout.startswith("tsigate ")


# ---- publish (what it does on the wire is in tests/e2e) --------------------------------

@pytest.mark.parametrize("words", [
    [], ["a.example", "25/tcp"], ["--cert", "x", "a.example"],
    ["--cert", "x", "a.example", "25"], ["--cert", "x", "--ttl", "-1", "a.example", "25/tcp"],
    ["--cert", "x", "--ttl", "2147483648", "a.example", "25/tcp"],
    ["--cert", "x", "--wait=0", "a.example", "25/tcp"],
    ["--cert", "x", "--wait=soon", "a.example", "25/tcp"],
])
def test_publish_usage(words):
    done = tlsa("publish", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: tsigate-tlsa publish" in done.stderr


def test_publish_settings(authority, tmp_path):
    words = ["--cert", authority.ca, "a.example", "25/tcp"]
    assert tlsa("publish", "-c", tmp_path / "none", *words).returncode == 3
    for server in ("nowhere", "127.0.0.1:0", "127.0.0.1:65536", "[::1", "::ffff:127.0.0.1"):
        assert tlsa("publish", "--server", server, *words).returncode == 2, server
    key = tmp_path / "key"
    key.write_text("")
    key.chmod(0o600)
    done = tlsa("publish", "--server", "127.0.0.1:9", "-k", key, *words)
    assert done.returncode == 3 and "expected one key" in done.stderr
    key.chmod(0o644)
    assert tlsa("publish", "--server", "127.0.0.1:9", "-k", key, *words).returncode == 3


# ---- scan ----------------------------------------------------------------------------

class Folder:
    """A CA's folder with a sub-CA in it, and the include that comes out."""

    def __init__(self, folder):
        self.ca = folder / "ca"
        self.ca.mkdir()
        (self.ca / "sub").mkdir()
        self.authority = Authority(self.ca)
        self.mail = self.authority.issue("mail", by="ca", names=["mx1.example.org"])
        self.web = self.authority.issue("web", by="ca",
                                        names=["www.example.org", "*.apps.example.org"])
        self.out = folder / "zones" / "tlsa.inc"
        self.out.parent.mkdir()
        self.map = folder / "services"
        self.map.write_text("mx1.example.org 25/tcp 465/tcp\nwww.example.org 443/tcp\n"
                            "a.apps.example.org 443/tcp\n")
        self.told = folder / "told"

    def scan(self, *words):
        return tlsa("scan", self.ca, "--out", self.out, "--then",
                    f"echo x >>{self.told}", *words)

    @property
    def reloads(self):
        return self.told.read_text().count("x") if self.told.exists() else 0

    def lines(self):
        first, *lines = self.out.read_text().splitlines()
        assert first.startswith("; ")
        return lines


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_scan_with_a_map(folder):
    done = folder.scan("--map", folder.map)
    assert (done.returncode, done.stderr) == (0, "")
    mail, web = sha256(spki(folder.mail)), sha256(spki(folder.web))
    assert folder.lines() == [f"_25._tcp.mx1.example.org. IN TLSA 3 1 1 {mail}",
                              f"_443._tcp.a.apps.example.org. IN TLSA 3 1 1 {web}",
                              f"_443._tcp.www.example.org. IN TLSA 3 1 1 {web}",
                              f"_465._tcp.mx1.example.org. IN TLSA 3 1 1 {mail}"]
    assert folder.out.stat().st_mode & 0o777 == 0o644
    assert folder.reloads == 1


def test_scan_by_file_names(folder):
    """In a sub-CA's folder, with its chain; a copy of a certificate counts once."""
    name = "mx1.example.org_25-tcp_465-tcp"
    chain = folder.authority.chain("mail", "ca").read_text()
    (folder.ca / "sub" / f"{name}.crt").write_text(chain)
    (folder.ca / f"{name}.pem").write_text(folder.mail.read_text())
    done = folder.scan()
    assert (done.returncode, done.stderr) == (0, "")
    mail, issuer = sha256(spki(folder.mail)), sha256(spki(folder.authority.ca))
    assert folder.lines() == [f"_{port}._tcp.mx1.example.org. IN TLSA {data}"
                              for port in (25, 465)
                              for data in (f"2 1 1 {issuer}", f"3 1 1 {mail}")]


def test_scan_writes_on_change_only(folder):
    assert folder.scan("--map", folder.map).returncode == 0
    folder.out.chmod(0o640)
    before = folder.out.stat()
    done = folder.scan("--map", folder.map, "--json")
    assert json.loads(done.stdout) == {"file": str(folder.out), "changed": False,
                                       "records": 4}
    after = folder.out.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert folder.reloads == 1
    folder.authority.issue("mail", by="ca", names=["mx1.example.org"])
    done = folder.scan("--map", folder.map)
    assert (done.returncode, done.stdout) == (0, f"{folder.out}: 4 records\n")
    assert folder.out.stat().st_ino != before.st_ino and folder.reloads == 2
    assert folder.out.stat().st_mode & 0o777 == 0o640
    assert list(folder.out.parent.iterdir()) == [folder.out]


def test_scan_through_a_link(folder):
    folder.out.symlink_to(folder.out.parent / "real.inc")
    (folder.out.parent / "real.inc").write_text("")
    assert folder.scan("--map", folder.map).returncode == 0
    assert folder.out.is_symlink() and len(folder.lines()) == 4


def test_scan_tries_the_command_again(folder):
    words = ["scan", folder.ca, "--out", folder.out, "--map", folder.map, "--then"]
    done = tlsa(*words, "exit 7")
    assert done.returncode == 4 and "exit 7" in done.stderr
    assert len(folder.lines()) == 4
    assert folder.scan("--map", folder.map).returncode == 0
    assert folder.reloads == 1
    assert folder.scan("--map", folder.map).returncode == 0
    assert folder.reloads == 1


def test_scan_leaves_out_what_has_expired(folder):
    folder.authority.issue("mail", by="ca", names=["mx1.example.org"], days=-1)
    done = folder.scan("--map", folder.map)
    assert done.returncode == 0
    assert "mail.pem: certificate 1 has expired" in done.stderr
    assert len(folder.lines()) == 2


@pytest.mark.parametrize("octets", [b"", b"text\n", b"-----BEGIN CERTIFICATE-----\nMII"])
def test_scan_stops_at_what_it_cannot_read(folder, octets):
    assert folder.scan("--map", folder.map).returncode == 0
    before = folder.out.read_bytes()
    folder.authority.issue("mail", by="ca", names=["mx1.example.org"])
    (folder.ca / "sub" / "bad.pem").write_bytes(octets)
    done = folder.scan("--map", folder.map)
    assert done.returncode == 3
    assert f"{folder.ca}/sub/bad.pem: " in done.stderr
    assert folder.out.read_bytes() == before and folder.reloads == 1


def test_scan_passes_over_what_is_no_certificate(folder):
    openssl("pkcs8", "-topk8", "-in", folder.ca / "ca.key", "-passout", "pass:sesame",
            "-out", folder.ca / "cakey.pem")
    (folder.ca / "crl.pem").write_text("-----BEGIN X509 CRL-----\nMAA=\n"
                                       "-----END X509 CRL-----\n")
    (folder.ca / ".hidden.pem").write_text("")
    (folder.ca / "notes.txt").write_text("")
    done = folder.scan("--map", folder.map)
    assert (done.returncode, done.stderr) == (0, "")


def test_scan_writes_no_empty_include(folder):
    assert folder.scan("--map", folder.map).returncode == 0
    before = folder.out.read_bytes()
    folder.map.write_text("nobody.example.org 25/tcp\n")
    done = folder.scan("--map", folder.map)
    assert done.returncode == 1 and "nothing is written" in done.stderr
    assert "no certificate is for nobody.example.org." in done.stderr
    assert folder.out.read_bytes() == before


def test_scan_errors(folder):
    folder.map.write_text("mx1.example.org 25\nwww.example.org 443/tcp\na..b 1/tcp\n")
    done = folder.scan("--map", folder.map)
    assert done.returncode == 3 and not folder.out.exists()
    assert f'{folder.map}:1: "25"' in done.stderr
    assert f'{folder.map}:3: "a..b"' in done.stderr
    assert tlsa("scan", folder.ca / "none", "--out", folder.out).returncode == 4
    assert tlsa("scan", folder.ca).returncode == 2
    assert tlsa("scan", "--out", folder.out).returncode == 2


# ---- the words of the command line ---------------------------------------------------

def test_words():
    assert tlsa("--version").stdout.startswith("tsigate ")
    done = tlsa("shwo")
    assert done.returncode == 2 and "did you mean show" in done.stderr
    done = tlsa("help", "show")
    assert done.returncode == 0 and done.stdout.startswith("usage: tsigate-tlsa show ")
    assert tlsa("help", "nothing").returncode == 2


def test_output_that_does_not_come_out():
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([TLSA, "help"], stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=20)
    assert done.returncode == 4 and "standard output: No space left" in done.stderr
