"""The stock clients, each run as its manual says. None of them knows about tsigate."""
import os
import subprocess

STOCK_TIMEOUT = 90


def run(command, text="", env=None, timeout=STOCK_TIMEOUT, cwd=None):
    """Run a client; returns the finished process, its two outputs in `stdout`."""
    return subprocess.run(
        [str(word) for word in command], input=text, text=True, timeout=timeout, cwd=cwd,
        env={**os.environ, "LC_ALL": "C", **(env or {})},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


# ---- DNS -----------------------------------------------------------------------------

def nsupdate(folder, port, key, *lines, zone=None, tcp=False, debug=False,
             host="127.0.0.1"):
    """Feed `lines` to nsupdate, then `send`. rc 0: done, 2: refused."""
    script = [f"server {host} {port}"]
    script += [f"zone {zone}"] if zone else []
    script += [*lines, "send", ""]
    key_file = key_path(folder, key)
    options = (["-v"] if tcp else []) + (["-d"] if debug else [])
    return run(["nsupdate", "-k", key_file, *options], "\n".join(script))


def knsupdate(folder, port, key, *lines, zone, tcp=False, debug=False):
    script = [f"server 127.0.0.1 {port}", f"zone {zone}.", *lines, "send", "quit", ""]
    options = (["-v"] if tcp else []) + (["-d"] if debug else [])
    return run(["knsupdate", "-y", f"{key.algorithm}:{key.name}:{key.base64}", *options],
               "\n".join(script))


def key_path(folder, key):
    path = folder / f"{key.name}.client-key"
    return path if path.exists() else key.write(path)


# ---- ACME ----------------------------------------------------------------------------
# Each function gets the folder to work in, the authority, the DNS server's port, the key
# and the names; `certificate` says which file then holds what was issued.

def certbot(folder, pebble, port, key, *names, options=(), env=None):
    credentials = folder / "rfc2136.ini"
    credentials.touch(mode=0o600)
    # The algorithm in upper case: certbot 2.1 signs with MD5 otherwise, silently.
    credentials.write_text(
        f"dns_rfc2136_server = 127.0.0.1\ndns_rfc2136_port = {port}\n"
        f"dns_rfc2136_name = {key.name}.\ndns_rfc2136_secret = {key.base64}\n"
        f"dns_rfc2136_algorithm = {key.algorithm.upper()}\n")
    domains = [word for name in names for word in ("-d", name)]
    return certbot_run(
        folder, pebble, "certonly", "--agree-tos", "--register-unsafely-without-email",
        "--server", pebble.directory, "--dns-rfc2136",
        "--dns-rfc2136-credentials", credentials,
        "--dns-rfc2136-propagation-seconds", "1", *options, *domains, env=env)


def certbot_renew(folder, pebble, *options, env=None):
    return certbot_run(folder, pebble, "renew", "--force-renewal",
                       "--no-random-sleep-on-renew", *options, env=env)


def certbot_run(folder, pebble, verb, *options, env=None):
    return run(
        ["certbot", verb, "--non-interactive", "--config-dir", folder / "config",
         "--work-dir", folder / "work", "--logs-dir", folder / "logs", *options],
        env={"REQUESTS_CA_BUNDLE": str(pebble.ca), **(env or {})})


def certbot_certificate(folder, name):
    return folder / "config" / "live" / name / "cert.pem"


def lego(folder, pebble, port, key, *names, resolver, follow_cname, command=("run",),
         env=None):
    domains = [word for name in names for word in ("-d", name)]
    env = {**(env or {}), "RFC2136_NAMESERVER": f"127.0.0.1:{port}",
           "RFC2136_TSIG_KEY": key.name,
           "RFC2136_TSIG_SECRET": key.base64,
           "RFC2136_TSIG_ALGORITHM": f"{key.algorithm}.",
           "RFC2136_POLLING_INTERVAL": "1", "RFC2136_SEQUENCE_INTERVAL": "1",
           "LEGO_CA_CERTIFICATES": str(pebble.ca)}
    if not follow_cname:
        env["LEGO_DISABLE_CNAME_SUPPORT"] = "true"
    return run(
        ["lego", "--path", folder, "--server", pebble.directory, "--accept-tos",
         "--email", "hostmaster@duckcorp.org", "--dns", "rfc2136",
         "--dns.resolvers", f"127.0.0.1:{resolver.port}", "--dns.disable-cp",
         *domains, *command], env=env)


def lego_certificate(folder, name):
    return folder / "certificates" / f"{name}.crt"


DEHYDRATED_HOOK = """#!/bin/sh
# Called as: deploy_challenge|clean_challenge DOMAIN TOKEN VALUE ...; other calls: nothing.
name=_acme-challenge.$2
case $1 in
deploy_challenge) verb=add rest="60 TXT \\"$4\\"" ;;
clean_challenge) verb=delete rest="TXT \\"$4\\"" ;;
*) exit 0 ;;
esac
"""


def dehydrated(folder, pebble, hook, *lines, settings="", options=(), env=None):
    """`hook` is a shell command: it changes $name by $verb and $rest. Each of `lines` are
    the names of one certificate. `settings` are further lines of its config."""
    script = folder / "hook.sh"
    script.write_text(f"{DEHYDRATED_HOOK}{hook}\n")
    script.chmod(0o755)
    (folder / "domains.txt").write_text("\n".join(lines) + "\n")
    (folder / "config").write_text(
        f"CA={pebble.directory}\nCHALLENGETYPE=dns-01\nBASEDIR={folder}\n"
        f"HOOK={script}\nCURL_OPTS='--cacert {pebble.ca}'\nKEY_ALGO=prime256v1\n"
        f"ACCOUNT_KEYSIZE=2048\n{settings}")
    command = ["dehydrated", "--config", folder / "config"]
    registered = run([*command, "--register", "--accept-terms"])
    assert registered.returncode == 0, registered.stdout
    return run([*command, "--cron", *options], env=env)


def dehydrated_certificate(folder, name):
    return folder / "certs" / name / "cert.pem"


def names_in(certificate):
    """The DNS names of a certificate; fails when there is no certificate."""
    shown = run(["openssl", "x509", "-in", certificate, "-noout", "-ext",
                 "subjectAltName"])
    assert shown.returncode == 0, shown.stdout
    words = shown.stdout.replace(",", " ").split()
    return {word.removeprefix("DNS:") for word in words if word.startswith("DNS:")}
