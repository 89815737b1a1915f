"""The sample configurations in doc/examples fit each other and the programs they are for.

postconf, doveconf and nginx are those of scripts/private-program or installed ones;
haproxy's package wants libraries of its own, so of its part only the file is looked at.
systemctl is a stand-in that writes down what it is asked.
"""
import os
import re
import sys

import pytest

from test_guides import SOURCE

sys.path.insert(0, str(SOURCE / "tests/e2e"))

import clients  # noqa: E402
from dane_lab import openssl, program_root  # noqa: E402
from lab import BUILD, free_port  # noqa: E402

EXAMPLES = SOURCE / "doc/examples"
SITES = {"mail": "mx1.duckcorp.org", "web": "www1.duckcorp.org"}
BOTH = pytest.mark.parametrize("site", SITES)


class Host:
    """The example's files with `root` for /, and a certificate where certbot has it."""

    def __init__(self, root, site):
        self.root, self.site, self.name = root, site, SITES[site]
        self.live = root / f"etc/letsencrypt/live/{self.name}"
        self.live.mkdir(parents=True)
        for path in re.findall(r'path = "(/etc/[^"]+)/', (
                EXAMPLES / site / "deploy.conf").read_text()):
            (root / path[1:]).mkdir(parents=True, exist_ok=True)
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={self.name}",
                "-days", "30", "-keyout", self.live / "privkey.pem", "-out",
                self.live / "fullchain.pem")
        self.calls = root / "calls"
        systemctl = root / "systemctl"
        systemctl.write_text(f'#!/bin/sh\n[ "$1" = status ] || echo "$*" >>{self.calls}\n')
        systemctl.chmod(0o755)

    def write(self, name, change=lambda text: text):
        path = self.root / name
        path.write_text(change((EXAMPLES / self.site / name).read_text().replace(
            "/etc/", f"{self.root}/etc/")))
        path.chmod(0o644)
        return path

    def deploy(self, conf, *words):
        return clients.run(
            [BUILD / "tsigate-tlsa", "deploy", "--deploy-conf", conf, *words],
            env={"PATH": f"{self.root}:{os.environ['PATH']}"})


def alone(root):
    """Without what needs name servers and live services: `deploy` does the rest."""
    def change(text):
        text = re.sub(r"tlsa = \(\s*\{.*\}\s*\);", "", text)
        return f'state = "{root}/state";\n' + re.sub(r"probe = .*\n", "", text)
    return change


@pytest.fixture
def host(tmp_path, site):
    return Host(tmp_path, site)


@BOTH
def test_deploy(host):
    whole = host.write("deploy.conf", lambda text: f'state = "{host.root}/state";\n' + text)
    done = host.deploy(whole, "--dry-run")
    assert done.returncode == 0 and "rollover deploys it" in done.stdout, done.stdout
    conf = host.write("deploy.conf", alone(host.root))
    done = host.deploy(conf)
    assert done.returncode == 0, done.stdout
    units = re.findall(r'reload = "(.*)"', conf.read_text())
    assert host.calls.read_text().splitlines() == [f"reload -- {unit}" for unit in units]
    for path in re.findall(r'combined"; path = "([^"]+)"', conf.read_text()):
        blocks = re.findall("BEGIN (.*)-----", open(path).read())
        assert blocks == ["PRIVATE KEY", "CERTIFICATE"]
    host.calls.unlink()
    assert host.deploy(conf).returncode == 0 and not host.calls.exists()


@BOTH
def test_acl(tmp_path, site):
    """It grants what deploy.conf publishes, and no more than that."""
    acl = EXAMPLES / site / f"{site}.acl"
    conf = tmp_path / "tsigate.conf"
    conf.write_text(f"""
listen = ( {{ address = "127.0.0.1"; port = 5300; }} );
upstream = {{ servers = ( {{ address = "127.0.0.1"; }} ); key = "tsigate.duckcorp.org"; }};
keys = [ "*.key" ];
acl = [ "{acl}" ];
zones = ( {{ name = "duckcorp.org"; }}, {{ name = "_kage.duckcorp.org"; dynamic = true; }} );
shadows = ( {{ of = "duckcorp.org"; at = "_kage.duckcorp.org"; }} );
audit = {{ file = "{tmp_path}/audit.jsonl"; }};
control = "{tmp_path}/control.sock";
profiles = "{SOURCE}/acl/profiles.acl";
""")
    checked = clients.run([BUILD / "tsigate", "check", "--without-keys", "-c", conf])
    assert checked.returncode == 0, checked.stdout
    rights = clients.run([BUILD / "tsigate", "rights", "-c", conf]).stdout
    published = re.search(r'tlsa = \(\s*\{.*ports = \[(.*)\]',
                          (EXAMPLES / site / "deploy.conf").read_text())[1]
    ports = {port.strip(' "').removesuffix("/tcp") for port in published.split(",")}
    assert set(re.findall(r"\t_(\d+)\._tcp\.", rights)) == ports, rights


@pytest.mark.parametrize("site", ["mail"])
def test_postfix(host):
    root = program_root("postfix", "usr/sbin/postconf")
    host.write("main.cf")
    done = clients.run([root / "usr/sbin/postconf", "-n", "-c", host.root],
                       env={"LD_LIBRARY_PATH": f"{root}/usr/lib/postfix"})
    assert done.returncode == 0, done.stdout
    for line in (EXAMPLES / "mail/main.cf").read_text().splitlines():
        if not line.startswith("#"):
            assert line.split(" = ")[0] in done.stdout
    assert "unused parameter" not in done.stdout


@pytest.mark.parametrize("site", ["mail"])
def test_dovecot(host):
    root = program_root("dovecot", "usr/bin/doveconf")
    assert host.deploy(host.write("deploy.conf", alone(host.root))).returncode == 0
    done = clients.run([root / "usr/bin/doveconf", "-n", "-c", host.write(
        "dovecot.conf", lambda text: text + "default_login_user = nobody\n"
        "default_internal_user = mail\ndefault_internal_group = mail\n")],
                       env={"LD_LIBRARY_PATH": f"{root}/usr/lib/dovecot"})
    assert done.returncode == 0 and "ssl = required" in done.stdout, done.stdout


@pytest.mark.parametrize("site", ["web"])
def test_nginx(host):
    root = program_root("nginx", "usr/sbin/nginx")
    assert host.deploy(host.write("deploy.conf", alone(host.root))).returncode == 0
    server = host.write("nginx.conf", lambda text: text.replace(
        "listen 443", f"listen 127.0.0.1:{free_port()}"))
    folders = "".join(f"{kind}_temp_path {host.root}/{kind};\n" for kind in (
        "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    whole = host.root / "whole.conf"
    whole.write_text(f"pid {host.root}/pid;\nerror_log stderr;\nevents {{ }}\n"
                     f"http {{\naccess_log off;\n{folders}include {server};\n}}\n")
    done = clients.run([root / "usr/sbin/nginx", "-t", "-p", host.root, "-c", whole])
    assert done.returncode == 0 and "test is successful" in done.stdout, done.stdout
