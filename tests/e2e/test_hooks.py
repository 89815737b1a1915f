"""certbot, dehydrated and lego call the hooks: once for each new certificate, with its
folder; and a hook that fails is seen. tsigate-tlsa is a stand-in that writes down how it was
called, and the real one in the end of each."""
import shutil
import subprocess

import pytest

import clients
from lab import BUILD, SOURCE, STATIC
from test_acme import nsupdate_hook

MX1 = f"mx1.{STATIC}"


class Host:
    """A folder with the hooks of `make install` and a recording tsigate-tlsa."""

    def __init__(self, folder):
        self.folder = folder
        self.calls_file = folder / "calls"
        self.fails = folder / "fails"
        (folder / "bin").mkdir()
        tool = folder / "bin/tsigate-tlsa"
        tool.write_text(f'#!/bin/sh\necho "$*" >>{self.calls_file}\n'
                        f'[ ! -e {self.fails} ] || {{ echo no server >&2; exit 4; }}\n')
        tool.chmod(0o755)
        self.env = {"PATH": f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

    def install(self, client, folder):
        done = clients.run([BUILD / "install-hooks", "--dir", folder, client])
        assert done.returncode == 0, done.stdout

    def becomes_real(self, certificate, key):
        """The real program from now on, with this certificate to deploy, and no TLSA."""
        conf = self.folder / "deploy.conf"
        conf.write_text(f"""
state = "{self.folder}/state";
certificates = ( {{
    name = "{MX1}"; certificate = "{certificate}"; key = "{key}";
    consumers = ( {{ name = "service";
        files = ( {{ format = "certificate"; path = "{self.folder}/deployed.pem"; }} ); }} );
}} );
""")
        conf.chmod(0o644)
        (self.folder / "bin/tsigate-tlsa").write_text(
            f'#!/bin/sh\nexec {BUILD}/tsigate-tlsa "$@" --deploy-conf {conf}\n')

    def has_deployed(self, certificate):
        """The first certificate of the file, whatever stands behind it."""
        shown = [clients.run(["openssl", "x509", "-noout", "-fingerprint", "-in", path]).stdout
                 for path in (certificate, self.folder / "deployed.pem")]
        return shown[0] == shown[1] and "Fingerprint" in shown[0]

    def calls(self):
        """How it was called since it was last asked."""
        found = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        self.calls_file.unlink(missing_ok=True)
        return found


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_certbot(gateway, authority, host, tmp_path):
    host.install("certbot", tmp_path / "config")
    hook = tmp_path / "config/renewal-hooks/deploy/tsigate"
    wanted = [f"rollover --lineage {tmp_path}/config/live/{MX1}"]
    done = clients.certbot(tmp_path, authority, gateway.port, gateway.key(), MX1,
                           options=["--deploy-hook", hook], env=host.env)
    assert done.returncode == 0, done.stdout
    assert host.calls() == wanted

    # Named and in the folder: still once.
    done = clients.certbot_renew(tmp_path, authority, env=host.env)
    assert done.returncode == 0, done.stdout
    assert host.calls() == wanted
    assert f"New certificate for {MX1}" in done.stdout

    # certbot goes on after a hook that fails, and says so (with -q to its log alone).
    host.fails.touch()
    done = clients.certbot_renew(tmp_path, authority, env=host.env)
    assert host.calls() == wanted
    assert "error code 4" in done.stdout and "no server" in done.stdout, done.stdout

    live = tmp_path / "config/live" / MX1
    host.becomes_real(live / "fullchain.pem", live / "privkey.pem")
    done = clients.certbot_renew(tmp_path, authority, env=host.env)
    assert host.has_deployed(live / "cert.pem"), done.stdout


def test_certbot_first_issue_and_lineage(gateway, authority, host, tmp_path):
    host.install("certbot", tmp_path / "config")
    done = clients.certbot(tmp_path, authority, gateway.port, gateway.key(), MX1,
                           options=["--cert-name", "mail"], env=host.env)
    assert done.returncode == 0, done.stdout
    assert host.calls() == []  # a folder's hooks are for renewals alone
    done = clients.certbot_renew(tmp_path, authority, env=host.env)
    assert done.returncode == 0, done.stdout
    assert host.calls() == [f"rollover --lineage {tmp_path}/config/live/mail"]


def test_dehydrated(gateway, authority, host, tmp_path):
    host.install("dehydrated", tmp_path)
    site = nsupdate_hook(tmp_path, gateway, MX1)

    def cron(*options):
        return clients.dehydrated(tmp_path, authority, site, MX1, options=options,
                                  settings=f"CONFIG_D={tmp_path}/conf.d\n", env=host.env)

    wanted = [f"rollover --lineage {tmp_path}/certs/{MX1}"]
    done = cron()
    assert done.returncode == 0, done.stdout
    assert host.calls() == wanted
    done = cron()
    assert done.returncode == 0 and host.calls() == []  # not renewed
    done = cron("--force")
    assert done.returncode == 0 and host.calls() == wanted, done.stdout
    host.fails.touch()
    done = cron("--force")
    assert done.returncode != 0 and host.calls() == wanted
    assert "deploy_cert hook returned with non-zero exit code" in done.stdout

    certs = tmp_path / "certs" / MX1
    host.becomes_real(certs / "fullchain.pem", certs / "privkey.pem")
    done = cron("--force")
    assert done.returncode == 0 and host.has_deployed(certs / "cert.pem"), done.stdout


def test_dehydrated_whose_own_hook_fails(gateway, primary, authority, host, tmp_path):
    host.install("dehydrated", tmp_path)
    done = clients.dehydrated(tmp_path, authority, "exit 7", MX1, env=host.env,
                              settings=f"CONFIG_D={tmp_path}/conf.d\n")
    assert done.returncode != 0 and host.calls() == []
    assert "deploy_challenge hook returned with non-zero exit code" in done.stdout


def test_lego(gateway, authority, host, module_lab, tmp_path):
    resolver = next(one for one in module_lab.programs if one.name == "resolver")

    def lego(*command):
        return clients.lego(tmp_path, authority, gateway.port, gateway.key(), MX1,
                            resolver=resolver, follow_cname=True, command=command,
                            env=host.env)

    wanted = [f"rollover --lineage {tmp_path}/certificates"]
    done = lego("run", "--run-hook", f"{BUILD}/lego-hook")
    assert done.returncode == 0, done.stdout
    assert host.calls() == wanted
    renew = ("renew", "--no-random-sleep", "--renew-hook", f"{BUILD}/lego-hook", "--days")
    done = lego(*renew, "1")
    assert done.returncode == 0 and host.calls() == [], done.stdout
    done = lego(*renew, "99999")
    assert done.returncode == 0, done.stdout
    assert host.calls() == wanted
    host.fails.touch()
    done = lego(*renew, "99999")
    assert host.calls() == wanted
    assert done.returncode != 0 and "exit status 4" in done.stdout, done.stdout

    certificate = tmp_path / f"certificates/{MX1}.crt"
    host.becomes_real(certificate, certificate.with_suffix(".key"))
    done = lego(*renew, "99999")
    assert done.returncode == 0 and host.has_deployed(certificate), done.stdout


SCRIPTS = ["install-hooks", "certbot/deploy-hook", "dehydrated/hook", "dehydrated/conf.sh",
           "lego/hook"]


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not here")
def test_scripts_are_clean():
    subprocess.run(["shellcheck", *(SOURCE / "scripts" / name for name in SCRIPTS)],
                   check=True, timeout=60)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_units(tmp_path):
    """systemd knows each setting; the program need not be installed for it."""
    for unit in ("tsigate-rollover.service", "tsigate-rollover.timer"):
        text = (SOURCE / "scripts" / unit).read_text()
        (tmp_path / unit).write_text(
            text.replace("/usr/local/bin/tsigate-tlsa", "/bin/true"))
    done = clients.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                        *tmp_path.glob("tsigate-rollover.*")])
    assert done.returncode == 0 and done.stdout == "", done.stdout
