"""Servers beside those of mail whose TLS begins in a dialogue, from Debian's packages, each
with TLS or without.

They lie where scripts/private-program unpacked them or where they are installed; without
its program, a test is skipped and says so. Nobody can log in to any.
"""
import os

import pytest

from dane_lab import HOST, program_root
from lab import STATIC, Program, accepts, free_port

# Other names of HOST: where the TLSA are of another key, and of the authority.
ANOTHER, ANCHORED = f"another.{STATIC}", f"anchored.{STATIC}"

# For who refuses to be root: nobody, who may read and write what is ours.
UNPRIVILEGED = [] if os.geteuid() != 0 else [
    "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig=KILL",
    "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]


class Daemon(Program):
    """At `ports`, by protocol; what it presents is in `tls`."""

    NAME = PROGRAM = None  # the folder of private-program, and a file in it
    PROTOCOLS = ()

    def __init__(self, folder, has_tls):
        self.root = program_root(self.NAME, self.PROGRAM)
        self.folder = folder
        self.has_tls = has_tls
        self.ports = {protocol: free_port() for protocol in self.PROTOCOLS}
        self.tls = folder / "tls"
        self.certificate, self.key = self.tls / "cert.pem", self.tls / "key.pem"
        self.tls.mkdir(parents=True)
        super().__init__(folder, self.NAME, self.configure(), self.environment())

    @property
    def port(self):
        return next(iter(self.ports.values()))

    def configure(self):
        """Writes what it reads; returns the command."""
        raise NotImplementedError

    def environment(self):
        return {}

    def write(self, name, text, only_with_tls=""):
        path = self.folder / name
        path.write_text(text + (only_with_tls if self.has_tls else ""))
        return path

    def serves(self):
        return all(accepts(port) for port in self.ports.values())


class Prosody(Daemon):
    """Serves domains, one with an SRV, and does not know that it is at HOST."""

    NAME, PROGRAM = "prosody", "usr/bin/prosody"
    PROTOCOLS = ("xmpp-client", "xmpp-server")

    def configure(self):
        code = (self.root / self.PROGRAM).read_text()
        program = self.write("prosody", code.replace(
            "'/usr/lib/", f"'{self.root}/usr/lib/"))
        domains = "".join(f'VirtualHost "{domain}"\n'
                          for domain in (STATIC, ANOTHER, ANCHORED))
        conf = self.write("prosody.cfg.lua", f"""
data_path = "{self.folder}"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.ports["xmpp-client"]} }}
s2s_ports = {{ {self.ports["xmpp-server"]} }}
modules_enabled = {{ "saslauth", "dialback", {'"tls"' if self.has_tls else ""} }}
modules_disabled = {{ "posix" }}
log = {{ info = "*console" }}
ssl = {{ certificate = "{self.certificate}", key = "{self.key}" }}
{domains}""")
        return [*UNPRIVILEGED, "lua5.4", program, "--config", conf]


class Vsftpd(Daemon):
    NAME, PROGRAM = "vsftpd", "usr/sbin/vsftpd"
    PROTOCOLS = ("ftp",)

    def configure(self):
        conf = self.write("vsftpd.conf", f"""\
listen=YES
listen_address=127.0.0.1
listen_port={self.port}
background=NO
run_as_launching_user=YES
seccomp_sandbox=NO
secure_chroot_dir={self.tls}
anonymous_enable=NO
local_enable=YES
""", f"""\
ssl_enable=YES
rsa_cert_file={self.certificate}
rsa_private_key_file={self.key}
""")
        return [self.root / self.PROGRAM, conf]


class Slapd(Daemon):
    NAME, PROGRAM = "slapd", "usr/sbin/slapd"
    PROTOCOLS = ("ldap",)

    def configure(self):
        conf = self.write("slapd.conf", "", f"""\
TLSCertificateFile {self.certificate}
TLSCertificateKeyFile {self.key}
""")
        with conf.open("a") as text:
            text.write("database config\n")
        return [self.root / self.PROGRAM, "-d", "0", "-f", conf, "-h",
                f"ldap://127.0.0.1:{self.port}"]

    def environment(self):
        library = next((self.root / "usr/lib").glob("*/libslapi-2.5.so.0"))
        return {"LD_LIBRARY_PATH": str(library.parent)}


class Nnrpd(Daemon):
    """The part of INN that readers talk to, over an empty spool."""

    NAME, PROGRAM = "inn2", "usr/lib/news/bin/nnrpd"
    PROTOCOLS = ("nntp",)

    def configure(self):
        if os.geteuid() != 0:
            pytest.skip("INN's innbind works where it is installed, or for root")
        folders = "".join(f"path{name}: {self.folder}\n" for name in (
            "etc", "db", "run", "log", "spool", "overview", "tmp"))
        self.write("inn.conf", f"""\
mta: "/bin/false"
pathnews: {self.root}/usr/lib/news
{folders}pathhost: {HOST}
domain: {HOST}
hismethod: hisv6
enableoverview: true
ovmethod: tradindexed
runasuser: root
runasgroup: root
tlscertfile: {self.certificate}
tlskeyfile: {self.key}
""")
        self.write("readers.conf", """\
auth all { default: "<all>" }
access all { users: "<all>" newsgroups: "*" }
""")
        for empty in ("active", "group.index", "newsgroups", "storage.conf"):
            self.write(empty, "")
        program = str(self.root / self.PROGRAM) + ("-ssl" if self.has_tls else "")
        return [program, "-D", "-f", "-n", "-p", self.port, "-4", "127.0.0.1"]

    def environment(self):
        return {"LD_LIBRARY_PATH": f"{self.root}/usr/lib/news",
                "INNCONF": f"{self.folder}/inn.conf"}


class Postgres(Daemon):
    NAME, PROGRAM = "postgresql", "usr/lib/postgresql/15/bin/postgres"
    PROTOCOLS = ("postgres",)

    def configure(self):
        programs = (self.root / self.PROGRAM).parent
        conf = self.write("postgresql.conf", f"""\
data_directory = '{self.folder}/data'
hba_file = '{self.folder}/data/pg_hba.conf'
ident_file = '{self.folder}/data/pg_ident.conf'
listen_addresses = '127.0.0.1'
port = {self.port}
unix_socket_directories = ''
shared_buffers = 1MB
fsync = off
""", f"""\
ssl = on
ssl_cert_file = '{self.certificate}'
ssl_key_file = '{self.key}'
""")
        return [*UNPRIVILEGED, "sh", "-c",
                '"$1/initdb" -D data --no-sync --no-locale -E SQL_ASCII && '
                'exec "$1/postgres" "--config-file=$2"', "-", programs, conf]


class Inspircd(Daemon):
    NAME, PROGRAM = "inspircd", "usr/sbin/inspircd"
    PROTOCOLS = ("irc",)

    def configure(self):
        paths = " ".join(f'{name}dir="{self.folder}"' for name in (
            "config", "data", "log", "runtime"))
        conf = self.write("inspircd.conf", f"""\
<server name="{HOST}" description="ducks" network="ducks">
<admin name="duck" nick="duck" email="duck@{HOST}">
<bind address="127.0.0.1" port="{self.port}" type="clients">
<path {paths} moduledir="{self.root}/usr/lib/inspircd/modules">
<pid file="{self.folder}/inspircd.pid">
<connect allow="*" resolvehostnames="no">
<module name="cap">
""", f"""\
<module name="ssl_gnutls">
<module name="starttls">
<sslprofile name="Clients" provider="gnutls" certfile="{self.certificate}"
    keyfile="{self.key}">
<starttls sslprofile="Clients">
""")
        return [self.root / self.PROGRAM, "--nofork", "--runasroot", f"--config={conf}"]

    def stop(self, seconds=15):
        """With TLS it trips over its modules on its way out, and dumps its core."""
        self.kill()


DAEMONS = (Prosody, Vsftpd, Slapd, Nnrpd, Postgres, Inspircd)
