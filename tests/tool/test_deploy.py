"""tsigate-tlsa deploy: files in every format, all or none, and services told."""
import functools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from test_tlsa import KINDS, TLSA, Authority, openssl, tlsa

NOBODY = 65534


def certificates_of(done):
    return json.loads(done.stdout)["certificates"]


class Site:
    """A certificate of the authority's in live/, a deploy.conf, and what was told."""

    def __init__(self, folder, authority):
        self.folder = folder
        self.authority = authority
        self.live = folder / "live"
        self.tls = folder / "tls"
        self.told = folder / "told"
        self.conf = folder / "deploy.conf"
        self.live.mkdir()
        self.tls.mkdir()
        (folder / "bin").mkdir()

    def renew(self, name, *issuers):
        self.authority.chain(name, *issuers)
        shutil.copy(self.authority.folder / f"{name}-chain.pem", self.live / "fullchain.pem")
        shutil.copy(self.authority.folder / f"{name}.key", self.live / "privkey.pem")

    def write(self, *consumers, certificates=None):
        """consumers: (name, files, more)."""
        texts = [f'{{ name = "{name}"; files = ( {", ".join(files)} ); {more} }}'
                 for name, files, more in consumers]
        text = f"""state = "state";
certificates = (
  {{ name = "mx1.example.org"; certificate = "live/fullchain.pem"; key = "live/privkey.pem";
    consumers = ( {", ".join(texts)} ); }} {certificates or ""} );
"""
        self.conf.write_text(text)
        self.conf.chmod(0o644)

    def tell(self, how="true"):
        return f'tell = {{ command = "echo told >> {self.told}; {how}"; }};'

    def tellings(self):
        return len(self.told.read_text().splitlines()) if self.told.exists() else 0

    def deploy(self, *words, env=None, prefix=()):
        if prefix:  # strace(1), below which LeakSanitizer cannot look for leaks
            env = {**(env or os.environ), "ASAN_OPTIONS": "detect_leaks=0"}
        return subprocess.run([*prefix, TLSA, "deploy", "--deploy-conf", self.conf,
                               *map(str, words)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=90, env=env)

    def names(self):
        return sorted(os.listdir(self.tls))


def what_it_is(path):
    """Who only reads it changes nothing: without the time of access."""
    stat = path.lstat()
    return (stat.st_ino, stat.st_mode, stat.st_uid, stat.st_gid, stat.st_nlink,
            stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def entry(path, kind="fullchain", more=""):
    return f'{{ format = "{kind}"; path = "tls/{path}"; {more} }}'


PAIR = [entry("cert.pem"), entry("key.pem", "key")]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = Authority(tmp_path_factory.mktemp("ca"))
    for kind in KINDS:
        made.issue(kind, kind, by="ca", names=["mx1.example.org"])
    made.issue("next", by="ca", names=["mx1.example.org"])
    made.issue("expired", by="ca", days=-1)
    return made


@pytest.fixture
def site(tmp_path, authority):
    made = Site(tmp_path, authority)
    made.renew("ecdsa", "ca")
    return made


def is_good(done, out=None):
    assert (done.returncode, done.stderr) == (0, "")
    if out is not None:
        assert done.stdout == out
    return True


@functools.lru_cache
def pem(folder, name):
    """Certificate and key as openssl writes them."""
    return (openssl("x509", "-in", folder / f"{name}.pem"),
            openssl("pkey", "-in", folder / f"{name}.key"))


def has(site, name):
    """The pair that is deployed is that certificate's."""
    certificate, key = pem(site.authority.folder, name)
    assert (site.tls / "cert.pem").read_bytes().startswith(certificate)
    assert (site.tls / "key.pem").read_bytes() == key
    return True


# ---- formats -------------------------------------------------------------------------

@pytest.mark.parametrize("kind", KINDS)
def test_every_format_opens_with_openssl(site, kind):
    at = site.authority.folder
    site.renew(kind, "ca", "root")
    (site.folder / "pw").write_text("correct horse\n")
    (site.folder / "pw").chmod(0o600)
    site.write(("all", [
        entry("certificate", "certificate"), entry("chain", "chain"), entry("fullchain"),
        entry("key", "key"), entry("combined", "combined"),
        entry("p12", "pkcs12", 'password_file = "pw";'),
        entry("certificate.der", "certificate-der"), entry("key.der", "key-der")], ""))
    is_good(site.deploy())
    own, ca, root = (
        openssl("x509", "-in", at / f"{name}.pem").decode() for name in (kind, "ca", "root"))
    key = openssl("pkey", "-in", at / f"{kind}.key").decode()
    texts = {"certificate": own, "chain": ca + root, "fullchain": own + ca + root,
             "key": key, "combined": key + own + ca + root}
    for name, text in texts.items():
        assert (site.tls / name).read_text() == text, name
    assert (site.tls / "certificate.der").read_bytes() == openssl(
        "x509", "-in", at / f"{kind}.pem", "-outform", "der")
    assert openssl("pkey", "-inform", "der", "-in", site.tls / "key.der").decode() == key
    opened = openssl("pkcs12", "-in", site.tls / "p12", "-passin", "pass:correct horse",
                     "-nodes").decode()
    for text in (own, ca, root, key):
        assert text.strip() in opened
    modes = {name: (site.tls / name).stat().st_mode & 0o777 for name in site.names()}
    assert modes == {name: 0o600 if name in ("key", "combined", "p12", "key.der") else 0o644
                     for name in modes}


def test_pkcs12_changes_with_its_content_and_its_password_only(site):
    (site.folder / "pw").write_text("one")
    (site.folder / "pw").chmod(0o600)
    site.write(("java", [entry("p12", "pkcs12", 'password_file = "pw";')], site.tell()))
    is_good(site.deploy())
    first = what_it_is(site.tls / "p12")
    is_good(site.deploy(), "")
    assert what_it_is(site.tls / "p12") == first
    site.renew("next", "ca")
    is_good(site.deploy())
    (site.folder / "pw").write_text("two")
    is_good(site.deploy())
    openssl("pkcs12", "-in", site.tls / "p12", "-passin", "pass:two", "-nodes")
    assert site.tellings() == 3


def test_a_password_file_is_ours_and_stays_in_no_message(site):
    (site.folder / "pw").write_text("verysecret\n")
    site.write(("java", [entry("p12", "pkcs12", 'password_file = "pw";')], ""))
    (site.folder / "pw").chmod(0o644)
    done = site.deploy()
    assert done.returncode == 3 and "chmod g-w,o-rwx" in done.stderr
    (site.folder / "pw").chmod(0o600)
    (site.folder / "pw").write_text("\nverysecret\n")
    done = site.deploy()
    assert done.returncode == 3 and "in the first line" in done.stderr
    assert "verysecret" not in done.stderr
    assert site.names() == []


def test_a_chain_of_none_is_an_error(site):
    site.renew("ecdsa")
    site.write(("x", [entry("chain", "chain"), entry("cert.pem")], site.tell()))
    done = site.deploy()
    assert done.returncode == 3 and "stands there alone" in done.stderr
    assert site.names() == [] and site.tellings() == 0


# ---- before anything is touched ------------------------------------------------------

def refuse(site, name, key):
    shutil.copy(site.authority.folder / name, site.live / "fullchain.pem")
    shutil.copy(site.authority.folder / key, site.live / "privkey.pem")
    site.write(("postfix", PAIR, site.tell()))
    done = site.deploy()
    assert done.returncode == 3 and done.stdout == ""
    assert site.names() == [] and site.tellings() == 0
    return done.stderr


def test_a_key_that_is_not_the_certificates_touches_nothing(site):
    assert "it is not the key of the certificate in" in refuse(site, "ecdsa.pem", "next.key")
    assert "it is not the key" in refuse(site, "ecdsa.pem", "rsa.key")


def test_an_expired_certificate_touches_nothing(site):
    assert "the certificate has expired, at 20" in refuse(site, "expired.pem", "expired.key")


def test_a_public_key_is_no_key(site):
    at = site.authority.folder
    openssl("pkey", "-in", at / "ecdsa.key", "-pubout", "-out", at / "public.key")
    assert "it holds no private key" in refuse(site, "ecdsa.pem", "public.key")
    assert "it holds no private key" in refuse(site, "ecdsa.pem", "ecdsa.pem")
    assert "expected a certificate" in refuse(site, "ecdsa.key", "ecdsa.key")


def test_a_configuration_that_others_write_is_refused(site):
    site.write(("postfix", PAIR, site.tell()))
    for mode in (0o664, 0o646):
        site.conf.chmod(mode)
        done = site.deploy()
        assert done.returncode == 3 and "chmod go-w" in done.stderr
        assert site.names() == [] and site.tellings() == 0
    site.conf.chmod(0o640)
    is_good(site.deploy())


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_a_configuration_of_somebody_else_is_refused(site):
    site.write(("postfix", PAIR, site.tell()))
    os.chown(site.conf, NOBODY, NOBODY)
    done = site.deploy()
    assert done.returncode == 3 and "who could change what is run" in done.stderr
    assert site.tellings() == 0


def test_all_errors_are_told_with_their_lines(site):
    site.write(("a", [entry("x", "pem"), entry("y", more='owner = "no-such-user-here";')], ""),
               ("b", [entry("y")], "tell = { relaod = 1; };"))
    done = site.deploy()
    assert done.returncode == 3
    for text in ("there is no format 'pem'", "no user 'no-such-user-here'",
                 "tls/y is written already, by line", "did you mean reload"):
        assert text in done.stderr
    assert all(f"{site.conf}:" in line for line in done.stderr.splitlines())


def test_two_paths_that_links_make_one(site):
    (site.folder / "other").symlink_to("tls")
    site.write(("a", [entry("cert.pem")], ""),
               ("b", ['{ format = "key"; path = "other/cert.pem"; }'], ""))
    done = site.deploy()
    assert done.returncode == 3 and "as another does" in done.stderr
    assert site.names() == []


def test_the_state_is_ours_alone(site):
    site.write(("postfix", PAIR, site.tell()))
    (site.folder / "state").mkdir(mode=0o755)
    done = site.deploy()
    assert done.returncode == 4 and "chmod 0700" in done.stderr
    assert site.names() == []


def test_one_run_at_a_time(site):
    go = site.folder / "go"
    site.write(("postfix", PAIR, f'tell = {{ command = "while ! test -e {go}; do '
                                 'sleep 0.05; done"; };'))
    with subprocess.Popen([TLSA, "deploy", "--deploy-conf", site.conf],
                          stdout=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + 10
        while not (site.tls / "key.pem").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        done = site.deploy()
        assert done.returncode == 4 and "another run is under way" in done.stderr
        assert site.deploy("--dry-run").returncode == 0
        go.touch()
        assert first.wait(20) == 0


# ---- all or none ---------------------------------------------------------------------

def test_a_missing_folder_leaves_all_as_it_was(site):
    site.write(("postfix", PAIR, site.tell()))
    is_good(site.deploy())
    before = {name: what_it_is(site.tls / name) for name in site.names()}
    site.renew("next", "ca")
    site.write(("postfix", PAIR, site.tell()),
               ("dovecot", [entry("none/cert.pem")], site.tell()))
    done = site.deploy()
    assert done.returncode == 4 and "tls/none/cert.pem: No such file" in done.stderr
    assert {name: what_it_is(site.tls / name) for name in site.names()} == before
    assert site.tellings() == 1


def test_a_full_disk_leaves_all_as_it_was(site):
    full = site.folder / "full"
    full.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", full],
                      capture_output=True, check=False).returncode != 0:
        pytest.skip("no mount")
    try:
        (full / "cert.pem").write_bytes(b"old")
        (full / "filler").write_bytes(b"")
        site.write(("postfix", PAIR, site.tell()),
                   ("dovecot", ['{ format = "fullchain"; path = "full/cert.pem"; }'],
                    site.tell()))
        done = site.deploy()
        assert done.returncode == 4 and "No space left" in done.stderr
        assert "nothing is deployed" in done.stderr
        assert site.names() == [] and site.tellings() == 0
        assert sorted(os.listdir(full)) == ["cert.pem", "filler"]
        assert (full / "cert.pem").read_bytes() == b"old"
        assert os.listdir(site.folder / "state") == ["lock"]
    finally:
        subprocess.run(["umount", full], check=True)


# ---- unprivileged --------------------------------------------------------------------

def as_nobody(site):
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("cannot become somebody else")
    for at in (site.folder, *site.folder.rglob("*")):
        os.chown(at, NOBODY, NOBODY)
    for at in reversed(site.folder.parents):
        if at != pathlib.Path("/") and at != pathlib.Path("/tmp") and at.owner() == "root":
            at.chmod(0o755)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def test_who_is_not_root_deploys_own_files(site):
    more = f'owner = "{NOBODY}"; group = "{NOBODY}";'
    site.write(("own", [entry("cert.pem", more=more), entry("key.pem", "key", more)],
                site.tell()))
    prefix = as_nobody(site)
    is_good(site.deploy(prefix=prefix))
    assert has(site, "ecdsa")


@pytest.mark.parametrize("more", ['owner = "root";', 'group = "root";'])
def test_who_is_not_root_gives_nothing_away(site, more):
    site.write(("own", [entry("cert.pem"), entry("key.pem", "key", more)], site.tell()))
    done = site.deploy(prefix=as_nobody(site))
    assert done.returncode == 4 and "only root" in done.stderr
    assert site.names() == [] and site.tellings() == 0


def test_a_read_only_folder_leaves_all_as_it_was(site):
    site.write(("own", [entry("cert.pem")], site.tell()),
               ("other", ['{ format = "key"; path = "closed/key.pem"; }'], site.tell()))
    (site.folder / "closed").mkdir()
    prefix = as_nobody(site)
    (site.folder / "closed").chmod(0o555)
    done = site.deploy(prefix=prefix)
    assert done.returncode == 4 and "closed/.key.pem.tsigate-new: Permission denied" in done.stderr
    assert site.names() == [] and site.tellings() == 0
    assert os.listdir(site.folder / "state") == ["lock"]


# ---- rights --------------------------------------------------------------------------

def test_nothing_changed_nothing_touched(site):
    site.write(("postfix", PAIR, site.tell()))
    is_good(site.deploy(), f"mx1.example.org: postfix: {site.tls}/cert.pem, "
                           f"{site.tls}/key.pem: told\n")
    before = {name: what_it_is(site.tls / name) for name in site.names()}
    is_good(site.deploy(), "")
    assert {name: what_it_is(site.tls / name) for name in site.names()} == before
    assert site.tellings() == 1


def test_what_is_not_said_stays_as_it_was(site):
    site.write(("postfix", PAIR, site.tell()))
    for name, mode in (("cert.pem", 0o640), ("key.pem", 0o644)):
        (site.tls / name).write_text("old")
        (site.tls / name).chmod(mode)
        if os.geteuid() == 0:
            os.chown(site.tls / name, NOBODY, 7)
    is_good(site.deploy())
    cert, key = ((site.tls / name).stat() for name in ("cert.pem", "key.pem"))
    assert (cert.st_mode & 0o777, key.st_mode & 0o777) == (0o640, 0o640), \
        "a key that all could read is closed"
    if os.geteuid() == 0:
        assert (cert.st_uid, key.st_gid) == (NOBODY, 7)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_what_is_said_is_set_and_corrected(site):
    rights = 'owner = "nobody"; group = "7"; mode = "0440";'
    site.write(("postfix", [entry("cert.pem"), entry("key.pem", "key", rights)],
                site.tell()))
    is_good(site.deploy())
    for wrong in (lambda at: os.chown(at, 0, 7), lambda at: os.chown(at, NOBODY, 0),
                  lambda at: at.chmod(0o444), lambda at: None):
        wrong(site.tls / "key.pem")
        is_good(site.deploy())
        key = (site.tls / "key.pem").stat()
        assert (key.st_uid, key.st_gid, key.st_mode & 0o7777) == (NOBODY, 7, 0o440)
    assert site.tellings() == 4


def test_keys_are_never_open_for_a_moment(site):
    if shutil.which("strace") is None:
        pytest.skip("no strace")
    site.write(("postfix", PAIR, ""))
    log = site.folder / "log"
    done = site.deploy(prefix=["strace", "-f", "-o", log, "-e",
                               "trace=openat,open,creat,fchmod,chmod,write"])
    if "ptrace" in done.stderr:
        pytest.skip("no ptrace")
    lines = [line for line in log.read_text().splitlines() if "key.pem.tsigate-new" in line]
    assert len(lines) == 1 and "O_EXCL" in lines[0] and "0600" in lines[0]


def test_what_a_link_leads_to_is_exchanged(site):
    real = site.folder / "real"
    real.mkdir()
    (real / "cert").write_text("old")
    (site.tls / "cert.pem").symlink_to("../real/cert")
    site.write(("postfix", PAIR, site.tell()))
    is_good(site.deploy())
    assert (site.tls / "cert.pem").is_symlink()
    assert os.listdir(real) == ["cert"] and has(site, "ecdsa")


def test_a_link_that_leads_nowhere_is_an_error(site):
    (site.tls / "cert.pem").symlink_to("../real/cert")
    site.write(("postfix", PAIR, site.tell()))
    done = site.deploy()
    assert done.returncode == 4 and "tls/cert.pem: No such file" in done.stderr
    assert site.names() == ["cert.pem"]


def test_a_folder_in_the_place_is_an_error(site):
    (site.tls / "cert.pem").mkdir()
    site.write(("postfix", PAIR, site.tell()))
    done = site.deploy()
    assert done.returncode == 4 and "not a regular file" in done.stderr


@pytest.mark.parametrize("what", ["old", "new"])
def test_something_else_beside_it_leaves_all_as_it_was(site, what):
    """Without the old file there is nothing to go back to."""
    site.write(("d", PAIR, site.tell()))
    is_good(site.deploy())
    told = site.tellings()
    site.renew("next", "ca")
    strange = site.tls / f".key.pem.tsigate-{what}"
    strange.mkdir()
    done = site.deploy()
    assert done.returncode == 4 and str(strange) in done.stderr
    assert has(site, "ecdsa") and site.tellings() == told
    assert site.names() == [strange.name, "cert.pem", "key.pem"]
    strange.rmdir()
    is_good(site.deploy())
    assert has(site, "next")


# ---- telling -------------------------------------------------------------------------

def test_each_consumer_that_changed_is_told(site):
    site.write(("postfix", PAIR, site.tell()))
    is_good(site.deploy())
    site.write(("postfix", PAIR, site.tell()), ("new", [entry("x")], site.tell("true; #new")))
    is_good(site.deploy(), f"mx1.example.org: new: {site.tls}/x: told\n")
    assert site.tellings() == 2


@pytest.mark.parametrize("command, said", [
    ("exit 7", "failed with exit status 7"),
    ("exit 255", "failed with exit status 255"),  # ssh and perl do
    ("kill -KILL $$", "was killed by signal 9"),
])
def test_how_a_command_failed_is_said(site, command, said):
    site.write(("postfix", PAIR, f'tell = {{ command = "{command}"; }};'))
    done = site.deploy()
    assert done.returncode == 4
    assert f'"{command}" {said}\n' in done.stderr


def test_who_fails_gets_its_old_files_back_and_is_told_again(site):
    site.write(("postfix", PAIR, site.tell()), ("other", [entry("x")], ""))
    is_good(site.deploy())
    first = {name: (site.tls / name).read_bytes() for name in site.names()}
    old = (site.tls / "key.pem").stat()
    site.renew("next", "ca")
    log = site.folder / "log"
    site.write(("postfix", PAIR,
                f'tell = {{ command = "openssl x509 -in {site.tls}/cert.pem -noout -serial '
                f'>> {log}; cmp -s {site.tls}/x {site.tls}/cert.pem && exit 7; true"; }};'),
               ("other", [entry("x")], ""))
    done = site.deploy("--json")
    assert done.returncode == 4
    assert '" failed with exit status 7' in done.stderr
    outcomes = certificates_of(done)[0]["consumers"]
    assert [one["outcome"] for one in outcomes] == ["went-back", "done"]
    now = {name: (site.tls / name).read_bytes() for name in site.names()}
    assert now["cert.pem"] == first["cert.pem"] and now["key.pem"] == first["key.pem"]
    assert now["x"] != first["x"], "the other one keeps its new certificate"
    kept = (site.tls / "key.pem").stat()
    assert (kept.st_ino, kept.st_mtime_ns) == (old.st_ino, old.st_mtime_ns)
    serials = log.read_text().split()
    assert len(serials) == 2 and serials[0] != serials[1], "told again, with the old ones"
    assert os.listdir(site.folder / "state") == ["lock"]
    assert site.names() == ["cert.pem", "key.pem", "x"]
    site.write(("postfix", PAIR, site.tell()), ("other", [entry("x")], ""))
    is_good(site.deploy())
    assert has(site, "next")


def test_a_first_deployment_that_fails_leaves_no_files(site):
    site.write(("postfix", PAIR, site.tell(f"test ! -e {site.tls}/key.pem")))
    done = site.deploy()
    assert done.returncode == 4 and "went" not in done.stderr
    assert site.names() == [] and site.tellings() == 2


def test_who_fails_with_its_old_files_too_is_told_by_the_next_run(site):
    site.write(("postfix", PAIR, site.tell("exit 1")))
    done = site.deploy("--json")
    assert done.returncode == 4
    assert certificates_of(done)[0]["consumers"][0]["outcome"] == "stuck"
    assert "the next run tells it" in done.stderr
    assert site.names() == [] and site.tellings() == 2
    site.write(("postfix", PAIR, site.tell()))
    is_good(site.deploy())
    assert has(site, "ecdsa") and site.tellings() == 3


def kill_parent(site, name):
    """A run that is killed while it tells."""
    site.write((name, PAIR, site.tell("kill -9 $PPID; sleep 0.2")))
    done = site.deploy()
    assert done.returncode == -signal.SIGKILL


def test_killed_between_exchange_and_telling_the_next_run_tells(site):
    kill_parent(site, "postfix")
    assert has(site, "ecdsa")
    site.write(("postfix", PAIR, site.tell()))
    dry = site.deploy("--dry-run")
    is_good(dry)
    assert dry.stdout.startswith("mx1.example.org: postfix: would run")
    is_good(site.deploy(), "mx1.example.org: postfix: told\n")
    is_good(site.deploy(), "")
    assert site.tellings() == 2
    assert site.names() == ["cert.pem", "key.pem"]


def test_killed_and_then_failing_it_still_goes_back_to_what_was_good(site):
    site.write(("postfix", PAIR, site.tell()))
    is_good(site.deploy())
    site.renew("next", "ca")
    kill_parent(site, "postfix")
    assert has(site, "next")
    site.renew("rsa", "ca")
    site.write(("postfix", PAIR, site.tell(
        f"openssl x509 -in {site.tls}/cert.pem -noout -subject | grep -q ecdsa")))
    done = site.deploy()
    assert done.returncode == 4
    assert has(site, "ecdsa"), "neither the one that was never told nor the new one"
    assert site.names() == ["cert.pem", "key.pem"]


def test_killed_at_a_first_deployment_and_then_failing_leaves_none(site):
    kill_parent(site, "postfix")
    site.write(("postfix", PAIR, site.tell(f"test ! -e {site.tls}/key.pem")))
    assert site.deploy().returncode == 4
    assert site.names() == []


def test_what_a_cut_off_run_left_goes(site):
    site.write(("postfix", PAIR, site.tell()))
    for name in (".key.pem.tsigate-new", ".cert.pem.tsigate-old"):
        (site.tls / name).write_text("leftover")
    is_good(site.deploy())
    assert site.names() == ["cert.pem", "key.pem"]


def record_systemctl(site, reload=0, active=0):
    """A systemctl that writes down what it is asked."""
    log = site.folder / "systemctl.log"
    path = site.folder / "bin" / "systemctl"
    path.write_text(f"#!/bin/sh\necho \"$*\" >> {log}\n"
                    f"case $1 in status) exit {active};; *) exit {reload};; esac\n")
    path.chmod(0o755)
    return log, dict(os.environ, PATH=f"{path.parent}:{os.environ['PATH']}")


@pytest.mark.parametrize("verb", ["reload", "restart"])
def test_a_unit_is_told_as_said(site, verb):
    log, env = record_systemctl(site)
    site.write(("postfix", PAIR, f'tell = {{ {verb} = "postfix.service"; }};'))
    is_good(site.deploy(env=env))
    assert log.read_text().splitlines() == ["status --lines=0 -- postfix.service",
                                            f"{verb} -- postfix.service"]


def test_a_unit_that_is_not_running_is_not_started(site):
    log, env = record_systemctl(site, active=3)
    site.write(("postfix", PAIR, 'tell = { restart = "postfix.service"; };'))
    done = site.deploy(env=env)
    is_good(done)
    assert "postfix.service is not running" in done.stdout
    assert log.read_text().splitlines() == ["status --lines=0 -- postfix.service",
                                            "show -p SubState --value -- postfix.service"]
    assert has(site, "ecdsa")


def test_a_unit_that_is_just_starting_is_told_when_it_has(site):
    """It may have read the old files."""
    log, env = record_systemctl(site)
    path = site.folder / "bin" / "systemctl"
    path.write_text(f"#!/bin/sh\necho $1 >> {log}\ncase $1 in\n"
                    f"status) [ -e {site.folder}/up ] || exit 3;;\n"
                    f"show) echo start-post; touch {site.folder}/up;;\nesac\n")
    site.write(("postfix", PAIR, 'tell = { reload = "postfix.service"; };'))
    is_good(site.deploy(env=env))
    assert log.read_text().split() == ["status", "show", "status", "reload"]


@pytest.mark.parametrize("active", [0, 4])
def test_a_unit_that_does_not_reload_goes_back(site, active):
    """Nor does one that systemd does not know: systemctl status has 4 for that."""
    log, env = record_systemctl(site, reload=1, active=active)
    site.write(("postfix", PAIR, 'tell = { reload = "postfix.service"; };'))
    done = site.deploy(env=env)
    assert done.returncode == 4
    assert '"systemctl reload postfix.service" failed with exit status 1' in done.stderr
    asked = [line.split()[0] for line in log.read_text().splitlines()]
    assert asked == ["status", *(["show"] if active else []), "reload", "reload"]
    assert site.names() == []


@pytest.mark.parametrize("width", [1, 32])  # 32: as Postfix does it
def test_a_signal_to_the_process_of_a_pid_file(site, width):
    script = ("import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1}); "
              "print('ready', flush=True); "
              "raise SystemExit(0 if signal.sigtimedwait({signal.SIGUSR1}, 20) else 1)")
    site.write(("d", PAIR, 'tell = { signal = "USR1"; pid_file = "pid"; };'))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as service:
        service.stdout.readline()
        (site.folder / "pid").write_text(f"{service.pid:{width}}\n")
        is_good(site.deploy())
        assert service.wait(30) == 0


@pytest.mark.parametrize("pid", [None, "", "1\n", "-1\n", "0\n", "12x\n", "99999999\n"])
def test_a_pid_file_without_a_process(site, pid):
    if pid is not None:
        (site.folder / "pid").write_text(pid)
    site.write(("d", PAIR, 'tell = { signal = "HUP"; pid_file = "pid"; };'))
    done = site.deploy()
    is_good(done)
    assert "names no running process" in done.stdout


def test_a_pid_file_that_is_none(site):
    """Whoever may write it must not hold up the program, or have another one told."""
    site.write(("d", PAIR, 'tell = { signal = "HUP"; pid_file = "pid"; };'))
    pid = site.folder / "pid"
    for make in (lambda: os.mkfifo(pid), pid.mkdir, lambda: pid.symlink_to("/dev/zero"),
                 lambda: pid.write_text("1" * 5000)):
        make()
        done = site.deploy()
        assert done.returncode == 0 and "names no running process" in done.stdout
        if pid.is_dir():
            pid.rmdir()
        else:
            pid.unlink()
        (site.tls / "cert.pem").unlink()


def test_a_commands_output_does_not_mix_with_ours(site):
    site.write(("d", PAIR, 'tell = { command = "echo noise; cat"; };'))
    done = site.deploy("--json")
    assert (done.returncode, done.stderr) == (0, "noise\n")
    assert certificates_of(done)[0]["deployed"] is True


def test_who_does_not_answer_fails_and_holds_up_nobody(site):
    """A command that hangs is ended with all that it started; the files go back, and the
    next run is not kept out."""
    started = site.folder / "started"
    site.write(("d", PAIR, site.tell()), ("e", [entry("e.pem")], site.tell()))
    is_good(site.deploy())
    site.renew("next", "ca")
    hangs = f'tell = {{ command = "(sleep 30; touch {started}) & wait"; timeout_s = 1; }};'
    site.write(("d", PAIR, hangs), ("e", [entry("e.pem")], site.tell()))
    began = time.monotonic()
    done = site.deploy("--json")
    assert time.monotonic() - began < 20
    assert done.returncode == 4 and 'wait" did not end in 1 s' in done.stderr
    assert [one["outcome"] for one in certificates_of(done)[0]["consumers"]] == [
        "stuck", "done"]
    assert has(site, "ecdsa")
    site.write(("d", PAIR, site.tell()), ("e", [entry("e.pem")], site.tell()))
    is_good(site.deploy())
    assert has(site, "next") and not started.exists()


@pytest.mark.parametrize("ends", [signal.SIGINT, signal.SIGTERM])
def test_who_is_stopped_stops_what_it_runs(site, ends):
    """It may hang: the lock is free at once, and the next run tells again."""
    late = site.folder / "late"
    site.write(("d", PAIR, f'tell = {{ command = "touch {site.told}; sleep 2; touch {late}"; }};'))
    process = subprocess.Popen(  # a shell's job in the background ignores SIGINT
        [TLSA, "deploy", "--deploy-conf", site.conf],
        preexec_fn=lambda: signal.signal(ends, signal.SIG_DFL))
    until = time.monotonic() + 30
    while not site.told.exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(ends)
    assert process.wait(10) == -ends
    time.sleep(2.2)
    assert not late.exists()
    site.write(("d", PAIR, site.tell()))
    is_good(site.deploy())
    assert has(site, "ecdsa") and site.tellings() == 1


# ---- probes --------------------------------------------------------------------------

class Service:
    """openssl s_server, started anew for each telling."""

    def __init__(self, site):
        self.site = site
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.pid = site.folder / "service.pid"
        self.script = site.folder / "restart.sh"
        self.script.write_text(f"""#!/bin/sh
test -s {self.pid} && kill $(cat {self.pid})
sleep 0.3
openssl s_server -www -accept 127.0.0.1:{self.port} -cert "$1/cert.pem" -key "$1/key.pem" \\
    </dev/null >/dev/null 2>&1 &
echo $! > {self.pid}
""")
        self.script.chmod(0o755)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid.exists():
            os.kill(int(self.pid.read_text()), signal.SIGTERM)


def test_a_probe_sees_the_new_certificate(site):
    with Service(site) as service:
        site.write(("s", PAIR, f'tell = {{ command = "{service.script} {site.tls}"; }}; '
                    f'probe = [ "127.0.0.1:{service.port}" ];'))
        is_good(site.deploy())
        site.renew("next", "ca")
        is_good(site.deploy())
        assert has(site, "next")


def test_a_probe_leaves_out_addresses_that_we_have_no_way_to(site):
    """Such as IPv6 ones where there is no IPv6; where there is no other, it fails."""
    hosts = site.folder / "hosts"
    inside = ["unshare", "--mount", "sh", "-c",
              f'mount --bind {hosts} /etc/hosts && exec "$@"', "-"]
    hosts.write_text("")
    if subprocess.run([*inside, "true"], capture_output=True, timeout=30).returncode:
        pytest.skip("no mount namespace")
    with Service(site) as service:
        site.write(("s", PAIR, f'tell = {{ command = "{service.script} {site.tls}"; }}; '
                    f'probe = [ "mx1.example.org:{service.port}" ]; probe_s = 3;'))
        hosts.write_text("255.255.255.255 mx1.example.org\n127.0.0.1 mx1.example.org\n")
        is_good(site.deploy(prefix=inside))
        assert has(site, "ecdsa")
        site.renew("next", "ca")
        hosts.write_text("255.255.255.255 mx1.example.org\n")
        done = site.deploy(prefix=inside)
        assert done.returncode == 4 and "at 255.255.255.255" in done.stderr
        assert has(site, "ecdsa")


def test_a_probe_that_sees_another_certificate_goes_back(site):
    stale = site.folder / "stale"
    stale.mkdir()
    shutil.copy(site.authority.folder / "rsa.pem", stale / "cert.pem")
    shutil.copy(site.authority.folder / "rsa.key", stale / "key.pem")
    with Service(site) as service:
        site.write(("s", PAIR, f'tell = {{ command = "{service.script} {stale}"; }}; '
                    f'probe_s = 1; probe = [ "127.0.0.1:{service.port}" ];'))
        done = site.deploy()
        assert done.returncode == 4
        assert f"127.0.0.1:{service.port} at 127.0.0.1:{service.port}: " \
               "it presents another certificate" in done.stderr
        assert site.names() == []


# ---- cut off anywhere, failing anywhere ----------------------------------------------

# What changes a folder or is waited for: the steps between which a run can end.
STEPS = ("link", "rename", "unlink", "fsync", "fchmod")


def injected(site, what, step, when):
    """The run, with strace(1) at the step; whether it came that far."""
    log = site.folder / "strace.log"
    done = site.deploy(prefix=["strace", "-o", log, "-e", f"trace={step}", "-e",
                               f"inject={step}:{what}:when={when}"])
    text = log.read_text()
    return done, "INJECTED" in text or "killed by SIGKILL" in text


@pytest.fixture
def renewed(site):
    """Deployed once, and renewed since."""
    if shutil.which("strace") is None:
        pytest.skip("no strace")
    more = entry("all.pem", "combined")
    site.write(("postfix", PAIR, site.tell()), ("other", [more], site.tell()))
    is_good(site.deploy())
    site.renew("next", "ca")
    return site


def start_over(site):
    site.renew("ecdsa", "ca")
    is_good(site.deploy())
    assert has(site, "ecdsa")
    site.renew("next", "ca")


def is_clean(site):
    return (site.names() == ["all.pem", "cert.pem", "key.pem"] and
            os.listdir(site.folder / "state") == ["lock"])


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_next_run_ends_it(renewed, step):
    site = renewed
    count = 0
    for when in range(1, 60):
        told = site.tellings()
        _, is_hit = injected(site, "signal=KILL", step, when)
        if not is_hit:
            break
        count += 1
        is_good(site.deploy())
        assert has(site, "next") and is_clean(site), when
        assert site.tellings() >= told + 2, f"{when}: both were told"
        start_over(site)
    assert count > 2


@pytest.mark.parametrize("step", STEPS)
def test_failing_at_any_step_it_is_all_or_none(renewed, step):
    site = renewed
    count = 0
    for when in range(1, 60):
        told = site.tellings()
        done, is_hit = injected(site, "error=EIO", step, when)
        if not is_hit:
            break
        count += 1
        told = site.tellings() - told
        has(site, "next" if told else "ecdsa")
        assert done.returncode == 0 or done.stderr, when
        if done.returncode == 0:
            assert told == 2 and has(site, "next"), when
        is_good(site.deploy())
        assert has(site, "next") and is_clean(site), when
        start_over(site)
    assert count > 2


@pytest.mark.parametrize("step", ["link", "rename", "unlink", "fsync"])
def test_killed_at_any_step_of_going_back_it_still_goes_back(renewed, step):
    site = renewed
    good = site.folder / "good"
    shutil.copy(site.tls / "cert.pem", good)
    site.write(("postfix", PAIR, site.tell(f"cmp -s {site.tls}/cert.pem {good}")),
               ("other", [entry("all.pem", "combined")], site.tell()))
    count = 0
    for when in range(1, 80):
        done, is_hit = injected(site, "signal=KILL", step, when)
        if not is_hit:
            assert done.returncode == 4
            break
        count += 1
        done = site.deploy("--json")
        assert done.returncode == 4, when
        outcomes = [one["outcome"] for one in certificates_of(done)[0]["consumers"]]
        assert outcomes[0] == "went-back" and outcomes[1] in ("done", "unchanged"), when
        assert has(site, "ecdsa") and is_clean(site), when
    assert count > 1


# ---- many ----------------------------------------------------------------------------

def second_certificate(site):
    at = site.authority.folder
    return (f', {{ name = "www"; certificate = "{at}/rsa.pem"; key = "{at}/rsa.key"; '
            f'consumers = ( {{ name = "w"; files = ( {entry("w.pem")} ); }} ); }}')


def test_names_choose_certificates(site):
    site.write(("postfix", PAIR, ""), certificates=second_certificate(site))
    is_good(site.deploy("www"))
    assert site.names() == ["w.pem"]
    done = site.deploy("ww")
    assert done.returncode == 2 and 'no certificate "ww"' in done.stderr
    is_good(site.deploy())
    assert site.names() == ["cert.pem", "key.pem", "w.pem"]


def test_one_that_fails_keeps_no_other_waiting(site):
    (site.live / "fullchain.pem").unlink()
    site.write(("postfix", PAIR, ""), certificates=second_certificate(site))
    done = site.deploy("--json")
    assert done.returncode == 3 and "live/fullchain.pem: No such file" in done.stderr
    assert [one["deployed"] for one in certificates_of(done)] == [False, True]
    assert site.names() == ["w.pem"]


def test_a_dry_run_touches_nothing(site):
    site.write(("postfix", PAIR, 'tell = { reload = "postfix.service"; };'))
    is_good(site.deploy("--dry-run"),
            f"mx1.example.org: postfix: would change {site.tls}/cert.pem, "
            f"{site.tls}/key.pem and reload postfix.service (and believe it: it has no "
            "probe)\n")
    site.write(("postfix", PAIR, 'tell = { reload = "postfix.service"; }; '
                'probe = [ "127.0.0.1:25" ];'))
    assert site.deploy("--dry-run").stdout.endswith(" and reload postfix.service\n")
    assert site.names() == [] and not (site.folder / "state").exists()


def test_help_and_usage():
    done = tlsa("deploy", "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: tsigate-tlsa deploy")
    assert tlsa("deploy", "--nonsense").returncode == 2
    assert tlsa("deploy", "--deploy-conf", "/nonexistent/x").returncode == 3
