"""Start, reload, stop, audit: what the operator relies on."""
import collections
import concurrent.futures
import json
import os
import pathlib
import pwd
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

import clients
import wire
from lab import (ACL, BUILD, DYNAMIC, SHADOW, STATIC, Lab, accepts, is_sanitized,
                 until)

CHALLENGE = f"_acme-challenge.mx1.{STATIC}"
TARGET = f"_acme-challenge.mx1.{SHADOW}"
OTHER = f"_acme-challenge.www1.{STATIC}"
TOKEN = wire.acme_token("operation")
MORE = ACL.replace("acme mx1.duckcorp.org", "acme mx1.duckcorp.org www1.duckcorp.org", 1)
BAD = ACL + "host mx1.duckcorp.org\n    acmee mx1.duckcorp.org\nalias only-one-name\n"


@pytest.fixture
def running(fresh_lab):
    fresh_lab.start_primary()
    fresh_lab.start_gateway()
    return fresh_lab


def add(gateway, name=CHALLENGE, token=TOKEN, key="mx1.duckcorp.org"):
    return wire.sign(wire.update(STATIC, wire.add(name, "TXT", token)), gateway.key(key))


# ---- reload (O-6) --------------------------------------------------------------------

def test_reload_is_in_force_when_it_returns(running):
    """Also on the connections that are open, which stay open."""
    gateway = running.gateway
    with wire.Tcp(gateway.port) as connection:
        def verdict():
            request = add(gateway, OTHER, wire.acme_token(time.time()))
            connection.send(request)
            return connection.receive(request).rcode

        for acl, expected in ((ACL, "REFUSED"), (MORE, "NOERROR"), (ACL, "REFUSED")):
            gateway.acl.write_text(acl)
            done = gateway.tool("reload")
            assert done.returncode == 0, done.stdout + done.stderr
            assert verdict() == expected


def test_bad_acl_is_refused_as_a_whole(running):
    """With all the reasons, in reload's output and in the log; the old ACL stays."""
    gateway = running.gateway
    gateway.acl.write_text(BAD + MORE)
    done = gateway.tool("reload")
    assert done.returncode == 3
    text = done.stdout + done.stderr
    lines = BAD.splitlines()
    for word in ("acmee", "only-one-name"):
        (number,) = (n for n, line in enumerate(lines, 1) if word in line)
        assert f"site.acl:{number}:" in text, text
        assert f"site.acl:{number}:" in gateway.logged()
    assert "acmee" in text
    assert wire.ask_udp(add(gateway, OTHER), gateway.port).rcode == "REFUSED"
    assert wire.ask_udp(add(gateway), gateway.port).rcode == "NOERROR"
    gateway.acl.write_text(MORE)
    assert gateway.tool("reload").returncode == 0
    assert wire.ask_udp(add(gateway, OTHER), gateway.port).rcode == "NOERROR"


def test_sighup_reloads(running):
    gateway = running.gateway
    gateway.acl.write_text(BAD)
    gateway.signal(signal.SIGHUP)
    until(lambda: "acmee" in gateway.logged(), 5, "the log has the reasons")
    assert wire.ask_udp(add(gateway), gateway.port).rcode == "NOERROR"
    gateway.acl.write_text(MORE)
    gateway.signal(signal.SIGHUP)

    def permitted():
        request = add(gateway, OTHER, wire.acme_token(time.time()))
        return wire.ask_udp(request, gateway.port).rcode == "NOERROR"
    until(permitted, 5, "the new ACL is in force")


def test_key_removed_by_reload_is_unknown(running):
    gateway = running.gateway
    (gateway.folder / "keys" / "mx1-sha512.key").unlink()
    assert gateway.tool("reload").returncode == 0
    reply = wire.ask_udp(add(gateway, key="mx1-sha512"), gateway.port)
    assert (reply.rcode, reply.tsig.error) == ("NOTAUTH", wire.BADKEY)
    assert wire.ask_udp(add(gateway), gateway.port).rcode == "NOERROR"


def held_kib(gateway):
    status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if "VmRSS" in line))


def test_many_reloads_under_load(fresh_lab):
    """Each request has its answer, by the snapshot before or after; none of them is left
    behind. Where a sanitizer looks for what is lost, nothing is given back at once."""
    fresh_lab.start_primary()
    keys = {f"h{number}.{DYNAMIC}": wire.Key(f"h{number}.{DYNAMIC}")
            for number in range(2000)}
    host, other = list(keys)[:2]
    grants = "".join(f"grant {name} acme {name}\n" for name in keys)
    gateway = fresh_lab.start_gateway(acl=grants, keys=keys,
                                      limits="error_rate = 0; host_rate = 0;")
    key_file = next(path for path in (gateway.folder / "keys").iterdir()
                    if f'"{other}"' in path.read_text())
    key_text = key_file.read_text()
    held = []

    def reload_often():
        for number in range(30):
            gateway.acl.write_text(grants + f"grant {host} acme {other}\n" * (number % 2))
            key_file.write_text(key_text if number % 2 else "")
            assert gateway.tool("reload").returncode == 0
            held.append(held_kib(gateway))

    verdicts = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        reloads = pool.submit(reload_often)
        while not reloads.done():
            token = wire.acme_token(time.time())
            for name, signer in ((host, host), (other, host), (host, other)):
                owner = f"_acme-challenge.{name}"
                update = wire.update(DYNAMIC, wire.delete(owner, "TXT"),
                                     wire.add(owner, "TXT", token))
                request = wire.sign(update, keys[signer])
                reply = wire.ask_udp(request, gateway.port)
                verdicts[name == host, signer == host, reply.rcode] += 1
        reloads.result()
    assert set(verdicts) == {(True, True, "NOERROR"),
                             (False, True, "NOERROR"), (False, True, "REFUSED"),
                             (True, False, "REFUSED"), (True, False, "NOTAUTH")}, verdicts
    status = json.loads(gateway.tool("status", "--json").stdout)
    assert status["generation"] == 31
    if not is_sanitized():
        assert held[-1] < held[9] + 2048, held


# ---- start ---------------------------------------------------------------------------

def unknown_setting(gateway):
    gateway.conf.write_text(gateway.conf.read_text() + "listne = 5;\n")
    return "listne"


def overflowing_integer(gateway):
    gateway.conf.write_text(gateway.conf.read_text().replace(
        "error_rate = 0;", "error_rate = 5000000000;"))
    return "5000000000"


def wildcard_address(gateway):
    gateway.conf.write_text(gateway.conf.read_text().replace(
        'listen = ( { address = "127.0.0.1"', 'listen = ( { address = "0.0.0.0"'))
    return "0.0.0.0"


def bad_acl(gateway):
    gateway.acl.write_text(BAD)
    return "acmee"


def readable_key(gateway):
    (gateway.folder / "keys" / "mx1.duckcorp.org.key").chmod(0o644)
    return "mx1.duckcorp.org.key"


def short_secret(gateway):
    wire.Key("short", secret=b"0123456789").write(gateway.folder / "keys" / "short.key")
    return "short"


def gateway_key_missing(gateway):
    (gateway.folder / "keys" / "tsigate.duckcorp.org.key").unlink()
    return "tsigate.duckcorp.org"


def syntax_error(gateway):
    gateway.conf.write_text(gateway.conf.read_text() + "zones = ((;\n")
    return "tsigate.conf"


def no_configuration(gateway):
    gateway.conf.unlink()
    return "tsigate.conf"


@pytest.mark.parametrize("spoil", [
    unknown_setting, overflowing_integer, wildcard_address, bad_acl, readable_key,
    short_secret, gateway_key_missing, syntax_error, no_configuration],
    ids=lambda spoil: spoil.__name__)
def test_start_with_a_bad_configuration(fresh_lab, spoil):
    """O-7: exit 3, no listener, and the offending word is named."""
    fresh_lab.start_primary()
    gateway = fresh_lab.make_gateway()
    word = spoil(gateway)
    gateway.spawn()
    assert gateway.process.wait(10) == 3
    assert word in gateway.logged()
    assert not accepts(gateway.port)


def test_start_with_an_empty_acl(fresh_lab):
    """O-7: it starts and refuses everything."""
    fresh_lab.start_primary()
    gateway = fresh_lab.start_gateway(acl="# nobody\n")
    reply = wire.ask_udp(add(gateway), gateway.port)
    assert (reply.rcode, reply.reason) == ("REFUSED", "key-without-host")


def test_start_on_an_address_in_use(fresh_lab):
    fresh_lab.start_primary()
    gateway = fresh_lab.make_gateway()
    gateway.listen = [("127.0.0.1", fresh_lab.primary.port)]
    gateway.write_conf()
    gateway.spawn()
    assert gateway.process.wait(10) in (3, 4)  # 3: it is also the upstream's (U-10)


def test_usage(fresh_lab):
    fresh_lab.start_primary()
    gateway = fresh_lab.make_gateway()
    gateway.command = [gateway.command[0], "--nonsense"]
    gateway.spawn()
    assert gateway.process.wait(10) == 2


@pytest.fixture
def unprivileged():
    """A gateway with `user = "nobody"`, in a folder that nobody can reach; root only."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tsigate-e2e-"))
    folder.chmod(0o755)
    lab = Lab(folder)
    lab.start_primary()
    gateway = lab.make_gateway(settings='user = "nobody";')
    for path in [gateway.folder, *gateway.folder.rglob("*")]:
        shutil.chown(path, "nobody", "nogroup")
    yield gateway
    lab.stop()
    shutil.rmtree(folder)


def test_user_is_taken_on(unprivileged):
    """O-1: another user, and no capability left."""
    unprivileged.start()
    status = dict(line.split(":", 1) for line in pathlib.Path(
        f"/proc/{unprivileged.process.pid}/status").read_text().splitlines())
    nobody = str(pwd.getpwnam("nobody").pw_uid)
    assert status["Uid"].split() == [nobody] * 4
    assert "0" not in status["Gid"].split() + status["Groups"].split()
    for field in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[field], 16) == 0, field
    assert wire.ask_udp(add(unprivileged), unprivileged.port).rcode == "NOERROR"
    unprivileged.acl.write_text(MORE)
    assert unprivileged.tool("reload").returncode == 0
    assert wire.ask_udp(add(unprivileged, OTHER), unprivileged.port).rcode == "NOERROR"


def test_files_are_read_as_the_user(unprivileged):
    """At start too: what a reload could not read does not start either."""
    key = unprivileged.folder / "keys" / "mx1.duckcorp.org.key"
    shutil.chown(key, "root", "root")
    unprivileged.spawn()
    assert unprivileged.process.wait(10) == 3
    assert "mx1.duckcorp.org.key" in unprivileged.logged()


# ---- stop ----------------------------------------------------------------------------

@pytest.mark.parametrize("ask", ["udp", "tcp"])
def test_sigterm_answers_what_is_under_way(running, ask):
    gateway, primary = running.gateway, running.primary
    first = add(gateway, token=wire.acme_token("first"))
    assert wire.ask_udp(first, gateway.port).rcode == "NOERROR"
    request = add(gateway)
    primary.signal(signal.SIGSTOP)
    try:
        if ask == "tcp":
            connection = wire.Tcp(gateway.port)
            connection.send(request)
        else:
            sock = wire.udp_socket("127.0.0.1")
            sock.sendto(request.wire, ("127.0.0.1", gateway.port))
        time.sleep(0.3)
        gateway.signal(signal.SIGTERM)
        time.sleep(0.3)
        assert gateway.alive, "it did not wait for the answer"
    finally:
        primary.signal(signal.SIGCONT)
    if ask == "tcp":
        reply = connection.receive(request)
        connection.sock.close()
    else:
        with sock:
            reply = wire.read_reply(sock.recv(4096), request)
    assert (reply.rcode, reply.signed) == ("NOERROR", True)
    assert gateway.process.wait(10) == 0
    assert f'"{TOKEN}"' in primary.ask(TARGET, "TXT")


def test_stop_and_start_again(running):
    gateway = running.gateway
    assert gateway.stop() == 0
    assert not accepts(gateway.port)
    gateway.start()

    def permitted():
        # What is signed in the second of the start counts as signed before it (T-20).
        return wire.ask_udp(add(gateway), gateway.port).rcode == "NOERROR"
    until(permitted, 3, "updates pass again")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_restart_does_not_open_a_replay(running, end):
    """T-20, I4: what was answered before the restart is not executed after it, also when
    all of that happens within one second."""
    gateway, primary = running.gateway, running.primary
    request = add(gateway)
    assert wire.ask_udp(request, gateway.port).rcode == "NOERROR"
    deleted = wire.sign(wire.update(STATIC, wire.delete(CHALLENGE, "TXT")), gateway.key())
    assert wire.ask_udp(deleted, gateway.port).rcode == "NOERROR"
    getattr(gateway, end)()
    gateway.start()
    again = wire.ask_udp(request, gateway.port)
    assert (again.rcode, again.signed) == ("NOERROR", True)  # as recorded (D9)
    assert primary.records() == set()


def kill_and_start(gateway):
    gateway.kill()
    gateway.start()


def test_the_table_outlives_a_crash(running):
    """D9, T-19: the answer was lost with the gateway; the same octets get it again, and
    nothing is executed a second time."""
    gateway, primary = running.gateway, running.primary
    request, other = add(gateway), add(gateway, token=wire.acme_token("other"))
    assert wire.ask_udp(request, gateway.port).rcode == "NOERROR"
    deleted = wire.sign(wire.update(STATIC, wire.delete(CHALLENGE, "TXT")), gateway.key())
    assert wire.ask_udp(deleted, gateway.port).rcode == "NOERROR"
    kill_and_start(gateway)
    assert wire.ask_udp(request, gateway.port).rcode == "NOERROR"
    assert primary.records() == set()
    with open("/proc/uptime", encoding="ascii") as file:
        if float(file.read().split()[0]) < 400:
            return  # T-20: what was signed before the machine started is too old
    assert wire.ask_udp(other, gateway.port).rcode == "NOERROR", "it had never come before"


def test_a_crash_before_the_answer(running):
    """D9, U-12: sent to the primary, and then nobody knows: the same octets are never
    executed again."""
    gateway, primary = running.gateway, running.primary
    assert wire.ask_udp(add(gateway, token=wire.acme_token("first")),
                        gateway.port).rcode == "NOERROR"
    request = add(gateway)
    primary.signal(signal.SIGSTOP)
    try:
        with wire.udp_socket("127.0.0.1") as sock:
            sock.sendto(request.wire, ("127.0.0.1", gateway.port))
            until(lambda: any(line.get("mac") == request.mac.hex()
                              for line in gateway.audit_lines()), 5, "the intent is written")
            gateway.kill()
    finally:
        primary.signal(signal.SIGCONT)
    until(lambda: f'"{TOKEN}"' in primary.ask(TARGET, "TXT"), 5, "the primary has applied it")
    gateway.start()
    deleted = wire.sign(wire.update(STATIC, wire.delete(CHALLENGE, "TXT")), gateway.key())
    assert wire.ask_udp(deleted, gateway.port).rcode == "NOERROR"
    assert wire.ask_udp(request, gateway.port).rcode == "SERVFAIL"
    assert primary.records() == set()
    results = [line for line in gateway.audit_lines() if line.get("mac") == request.mac.hex()]
    assert [line["event"] for line in results] == ["intent", "result"]
    assert results[1]["reason"] == "outcome-unknown"


# ---- the control socket --------------------------------------------------------------

def test_status(running):
    gateway = running.gateway
    done = gateway.tool("status", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    assert not gateway.tool("status").stdout.startswith("!")
    gateway.acl.write_text(BAD)
    assert gateway.tool("reload").returncode == 3
    warnings = [line for line in gateway.tool("status").stdout.splitlines()
                if line.startswith("!")]
    assert len(warnings) == 2 and "refused" in warnings[0] and "acmee" in warnings[1]
    gateway.acl.write_text(ACL)
    assert gateway.tool("reload").returncode == 0
    assert not gateway.tool("status").stdout.startswith("!")


def test_status_of_many_keys(fresh_lab):
    """Each host's keys are told with their last use, however many there are."""
    names = [f"{number}.{'x' * 60}.{'y' * 60}.{STATIC}" for number in range(1600)]
    keys = {name: wire.Key(name) for name in names}
    acl = "".join(f"grant {name} acme {name}\n" for name in names)
    acl += f"host idle.{STATIC}\nkey idle\nacme idle.{STATIC}\n"
    fresh_lab.start_primary()
    gateway = fresh_lab.start_gateway(acl=acl, keys=keys)
    with wire.Tcp(gateway.port) as connection:
        for key in keys.values():
            connection.send(wire.sign(wire.update(STATIC), key))
            assert connection.receive().rcode == "NOERROR"
    done = gateway.tool("status", "--json")
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)
    told = {key["name"]: (key["host"], key["requests"]) for key in status["keys"]}
    assert told == {**{name: (name, 1) for name in names}, "idle": (f"idle.{STATIC}", 0)}
    assert status["keys"][-1]["last_use"] is None
    done = gateway.tool("status", "--host", names[7])
    assert done.returncode == 0 and names[7] in done.stdout.splitlines()[-1]
    assert status["outcomes"]["permitted"] > len(names)


@pytest.mark.parametrize("command", ["status", "reload"])
def test_nobody_to_talk_to(fresh_lab, command):
    fresh_lab.start_primary()
    done = fresh_lab.make_gateway().tool(command)
    assert done.returncode == 4
    assert done.stderr.strip()


def test_tail(running):
    """Whoever watches sees each decision once, and only what it asked for."""
    gateway = running.gateway
    command = [BUILD / "tsigate", "tail", "-c", gateway.conf]
    watchers = [subprocess.Popen([*command, *words], text=True, stdout=subprocess.PIPE)
                for words in ([], ["--json"], ["--json", "--verdict", "refused"])]
    try:
        head = watchers[0].stdout.readline()
        assert head.split()[:2] == ["TIME", "HOST"]
        time.sleep(0.2)  # the others have no first line to wait for
        assert wire.ask_udp(add(gateway), gateway.port).rcode == "NOERROR"
        assert wire.ask_udp(add(gateway, OTHER), gateway.port).rcode == "REFUSED"
        row = watchers[0].stdout.readline().split()
        assert row[1:6] == ["mx1.duckcorp.org", "permitted", "permitted", "NOERROR", "add"]
        line = watchers[1].stdout.readline()
        assert line in gateway.audit.read_text() and '"permitted"' in line
        assert '"name-not-granted"' in watchers[2].stdout.readline()
        assert gateway.stop() == 0
        assert [watcher.wait(5) for watcher in watchers] == [4, 4, 4]
    finally:
        for watcher in watchers:
            watcher.kill()
            watcher.stdout.close()


def test_control_socket_is_private(running):
    assert os.stat(running.gateway.folder / "control.sock").st_mode & 0o077 == 0


# ---- audit ---------------------------------------------------------------------------

def test_audit_lines(running):
    gateway = running.gateway
    permitted, refused = add(gateway), add(gateway, OTHER)
    assert wire.ask_udp(permitted, gateway.port).rcode == "NOERROR"
    assert wire.ask_tcp(refused, gateway.port).rcode == "REFUSED"
    lines = [line for line in gateway.audit_lines() if line.get("host")]
    intent, result, refusal = lines
    assert [line["event"] for line in lines] == ["intent", "result", "result"]
    for line in lines:
        assert line["host"] == "mx1.duckcorp.org"
        assert line["key"] == "mx1.duckcorp.org"
        assert line["from"].startswith("127.0.0.1")
        assert line["zone"] == STATIC
    assert intent["mac"] == result["mac"] == permitted.mac.hex()
    assert refusal["mac"] == refused.mac.hex()
    assert (result["transport"], refusal["transport"]) == ("udp", "tcp")
    assert (result["verdict"], result["reason"], result["rcode"],
            result["primary_rcode"]) == ("permitted", "permitted", "NOERROR", "NOERROR")
    assert (refusal["verdict"], refusal["reason"], refusal["rcode"]) == (
        "refused", "name-not-granted", "REFUSED")
    (change,) = result["changes"]
    assert (change["op"], change["type"], change["original"], change["target"],
            change["ttl"]) == ("add", "TXT", CHALLENGE, TARGET, 60)
    assert bytes.fromhex(change["rdata"])[1:] == TOKEN.encode()
    number = next(n for n, line in enumerate(ACL.splitlines(), 1)
                  if "acme mx1.duckcorp.org" in line)
    assert result["rule"].endswith(f"site.acl:{number}")


def test_audit_tools(running):
    """The chain is whole, and the ACL that has decided
    decides the same again."""
    gateway = running.gateway
    for name in (CHALLENGE, OTHER):
        for message in (wire.update(STATIC, wire.add(name, "TXT", TOKEN)),
                        wire.update(STATIC, wire.delete(name, "TXT")),
                        wire.update(STATIC, wire.delete(name)),
                        wire.update(SHADOW, wire.add(name.replace(STATIC, SHADOW), "TXT", TOKEN)),
                        wire.update(STATIC, wire.present(name, "TXT"))):
            wire.ask_tcp(wire.sign(message, gateway.key()), gateway.port)
    wire.ask_tcp(add(gateway, key="stray.duckcorp.org"), gateway.port)
    verified = gateway.tool("audit", "verify")
    assert verified.returncode == 0, verified.stdout
    chain = json.loads(gateway.tool("status", "--json").stdout)["audit_chain"]
    anchor = f"{chain['last_seq']}:{chain['last_sha256']}"
    assert verified.stdout.splitlines()[-1] == f"anchor {anchor}"
    assert gateway.tool("audit", "verify", "--anchor", anchor).returncode == 0
    replayed = gateway.tool("replay", gateway.audit)
    assert (replayed.returncode, replayed.stderr) == (0, ""), replayed.stdout
    assert "11 requests: 0 " in replayed.stdout
    shown = gateway.tool("audit", "show", "--host", "mx1.duckcorp.org")
    assert shown.returncode == 0 and shown.stdout.count(OTHER) >= 5


@pytest.mark.parametrize("how", ["tool", "signal", "create"])
def test_rotation(running, how):
    """L-4: the chain goes on in the new file, and so does what is remembered."""
    gateway, primary = running.gateway, running.primary
    request = add(gateway)
    assert wire.ask_udp(request, gateway.port).rcode == "NOERROR"
    refused = gateway.tool("audit", "rotate")
    assert refused.returncode == 4 and "move it away first" in refused.stderr
    old = gateway.audit.rename(gateway.audit.with_suffix(".1"))
    if how == "create":
        gateway.audit.touch(mode=0o640)
    if how == "signal":
        gateway.signal(signal.SIGUSR1)
        until(lambda: len(gateway.audit_lines()) >= 2, 5, "the new file is written to")
    else:
        assert gateway.tool("audit", "rotate").returncode == 0
    assert [line["event"] for line in gateway.audit_lines()] == ["rotated", "carried"]
    verified = gateway.tool("audit", "verify", old, gateway.audit)
    assert verified.returncode == 0, verified.stdout
    deleted = wire.sign(wire.update(STATIC, wire.delete(CHALLENGE, "TXT")), gateway.key())
    assert wire.ask_udp(deleted, gateway.port).rcode == "NOERROR"
    kill_and_start(gateway)
    assert wire.ask_udp(request, gateway.port).rcode == "NOERROR"
    assert primary.records() == set()
    assert gateway.tool("audit", "verify", old, gateway.audit).returncode == 0


def test_no_secret_in_any_output(running, tmp_path):
    """O-4: log, audit, status, effective configuration, explanations, replies."""
    gateway = running.gateway
    seen = [clients.nsupdate(tmp_path, gateway.port, gateway.key(),
                             f'update add {OTHER}. 60 TXT "{TOKEN}"', debug=True).stdout]
    wire.ask_udp(add(gateway), gateway.port)
    wire.ask_udp(wire.sign(wire.update(STATIC), wire.Key("stranger")), gateway.port)
    for arguments in (["status"], ["status", "--json"], ["check", "--effective"],
                      ["rights"], ["reload"],
                      ["explain", "mx1.duckcorp.org", "add", CHALLENGE, "TXT",
                       f'"{TOKEN}"']):
        done = gateway.tool(*arguments)
        seen += [done.stdout, done.stderr]
    short = wire.Key("short", secret=b"0123456789")
    short.write(gateway.folder / "keys" / "short.key")
    done = gateway.tool("reload")
    assert done.returncode == 3
    seen += [done.stdout, done.stderr]
    assert gateway.stop() == 0
    seen += [gateway.logged(), gateway.audit.read_text()]
    text = "\n".join(seen)
    assert "mx1.duckcorp.org" in text
    for key in [*gateway.keys.values(), gateway.gateway_key, short]:
        assert key.base64 not in text, f"the secret of {key.name}"
        assert key.secret.hex() not in text.lower(), f"the secret of {key.name}"


def test_audit_that_cannot_be_written(fresh_lab):
    """I8: SERVFAIL and nothing in the zone, and the process lives."""
    fresh_lab.start_primary()
    gateway = fresh_lab.make_gateway()
    gateway.start()
    assert wire.ask_udp(add(gateway), gateway.port).rcode == "NOERROR"
    deleted = wire.sign(wire.update(STATIC, wire.delete(CHALLENGE, "TXT")), gateway.key())
    assert wire.ask_udp(deleted, gateway.port).rcode == "NOERROR"
    # From here no file of this process may grow: write() fails.
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE,
                     (1, resource.RLIM_INFINITY))
    again = add(gateway, token=wire.acme_token("unwritten"))
    reply = wire.ask_udp(again, gateway.port)
    assert (reply.rcode, reply.signed, reply.reason) == (
        "SERVFAIL", True, "audit-unavailable")
    assert fresh_lab.primary.records() == set()
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE,
                     (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until(lambda: wire.ask_udp(add(gateway, token=wire.acme_token(time.time())),
                               gateway.port).rcode == "NOERROR", 15,
          "it recovers with the file")


def test_burst_into_a_full_audit(running):
    """L-2: what comes together shares a write, and what of it is not in the file was not
    decided. Each reply is as the file says."""
    gateway = running.gateway
    requests = {request.wire[:2]: request for request in (
        add(gateway, f"_acme-challenge.not-granted.{STATIC}", wire.acme_token(i))
        for i in range(100))}
    room = gateway.audit.stat().st_size + 40 * 900
    with wire.udp_socket("127.0.0.1") as sock:
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE,
                         (room, resource.RLIM_INFINITY))
        gateway.process.send_signal(signal.SIGSTOP)
        for request in requests.values():
            sock.sendto(request.wire, ("127.0.0.1", gateway.port))
        gateway.process.send_signal(signal.SIGCONT)
        replies = []
        for _ in requests:
            octets = sock.recv(65535)
            replies.append(wire.read_reply(octets, requests[octets[:2]]))
    reasons = collections.Counter((reply.rcode, reply.signed, reply.reason)
                                  for reply in replies)
    told = gateway.audit.read_text().count('"reason":"name-not-granted"')
    assert reasons.keys() == {("REFUSED", True, "name-not-granted"),
                              ("SERVFAIL", True, "audit-unavailable")}
    assert reasons["REFUSED", True, "name-not-granted"] == told
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE,
                     (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until(lambda: wire.ask_udp(add(gateway, token=wire.acme_token(time.time())),
                               gateway.port).rcode == "NOERROR", 15,
          "it recovers with the file")
    assert gateway.stop() == 0
    assert gateway.tool("audit", "verify", gateway.audit).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with some 60 KiB left in which a file can be made
    append-only."""
    image, folder = tmp_path / "image", tmp_path / "disk"
    folder.mkdir()
    image.write_bytes(bytes(2 * 1024 * 1024))
    for command in (["mkfs.ext4", "-q", "-F", "-O", "^has_journal", image],
                    ["mount", "-o", "loop", image, folder]):
        try:
            if subprocess.run(command, capture_output=True, timeout=30).returncode != 0:
                pytest.skip(f"{command[0]} is not permitted here")
        except FileNotFoundError:
            pytest.skip(f"no {command[0]}")
    space = os.statvfs(folder)
    (folder / "ballast").write_bytes(bytes(space.f_bavail * space.f_bsize - 60 * 1024))
    yield folder
    subprocess.run(["chattr", "-a", folder / "audit.jsonl"], timeout=30)
    subprocess.run(["umount", folder], check=True, timeout=30)


def test_full_disk_with_an_append_only_audit(fresh_lab, small_disk):
    """L-4 advises `chattr +a`: nobody can cut half a line off such a file, so none is
    written, and the gateway goes on when there is room again."""
    fresh_lab.start_primary()
    gateway = fresh_lab.make_gateway()
    audit = small_disk / "audit.jsonl"
    gateway.conf.write_text(gateway.conf.read_text().replace(str(gateway.audit), str(audit)))
    gateway.start()
    subprocess.run(["chattr", "+a", audit], check=True, timeout=30)

    def reason():
        request = wire.sign(wire.update(STATIC, wire.delete(CHALLENGE, "TXT", TOKEN)),
                            gateway.key())
        return wire.ask_tcp(request, gateway.port).reason
    until(lambda: reason() == "audit-unavailable", 20, "the disk is full")
    assert gateway.tool("status").stdout.startswith(
        "! the audit log cannot be written, so no update is carried out: No space left")
    assert audit.read_bytes().endswith(b"\n")
    (small_disk / "ballast").unlink()
    until(lambda: reason() is None, 5, "it goes on")
    gateway.stop()


# ---- garbage -----------------------------------------------------------------------------

def test_garbage_does_not_kill_it(running):
    gateway = running.gateway
    whole = add(gateway).wire
    dice = random.Random(4711)
    with wire.udp_socket("127.0.0.1") as sock:
        for _ in range(2000):
            octets = bytearray(whole)
            for _ in range(dice.randint(1, 6)):
                octets[dice.randrange(len(octets))] = dice.randrange(256)
            sock.sendto(bytes(octets[:dice.randint(1, len(octets))]),
                        ("127.0.0.1", gateway.port))
    until(lambda: wire.ask_udp(add(gateway, token=wire.acme_token(time.time())),
                               gateway.port).rcode == "NOERROR", 10, "it still serves")
