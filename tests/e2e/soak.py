"""A gateway with clients and mishaps around it, for as long as one likes.

Hosts add and delete values, each value once in its life, and each remembers what it was
told: a value is `sure` when a verified NOERROR said so, and `maybe` in the zone when nobody
answered or the answer was `outcome-unknown`. Others ask what is refused, sign wrongly, send
garbage or hang up; old messages come again. Meanwhile primary, ACL, audit file and gateway
have their mishaps. After each round, and at the end:

- the zones hold all that is sure and nothing that is neither sure nor maybe (I1, I3, I4);
- each NOERROR is in the audit log, whose chain is whole over all files (I8, L-4);
- descriptors and memory are what they were (I9), and no sanitizer has reported anything.

scripts/soak builds and runs it. The dice are thrown by the seed; what time does is not.
"""
import argparse
import collections
import concurrent.futures
import json
import pathlib
import random
import re
import signal
import socket
import struct
import sys
import threading
import time

import lab as laboratory
import wire
from lab import DYNAMIC, HOSTS, SANITIZER_REPORTS, SHADOW, STATIC, accepts, until

WORKERS = 8
HOSTS_OF_A_WORKER = 4
ROUND_S = 20
# F-5: by then the gateway has answered, also those who have hung up.
SETTLE_S = 3
# A client waits longer than the gateway takes (F-5), and then asks again.
CLIENT_S = 3.5
ATTEMPTS = 3
VALUES_OF_A_SLOT = 8
DESCRIPTORS_MORE = 8
MEMORY_MORE_KIB = 8 * 1024
# It gives back late what connections have held.
SANITIZED_MORE_KIB = 64 * 1024
# Whether it was done is not said. `repeated`: the reply says again what it was told before;
# `perhaps`: the reply is to the second attempt, and nothing was heard of the first.
UNKNOWN = ("outcome-unknown", "audit-unavailable", "repeated", "no answer", "perhaps")
# What a host may hear instead of what it is due: of mishaps, and when it asks too often.
EXCUSES = (*UNKNOWN, "primary-unreachable", "lookup-failed", "primary-failed",
           "rate-limited", "time-skew")
NOT_GRANTED = ("name-not-granted", "prerequisite-not-granted")


class Slot:
    """An RRset that one host changes: what is in it, and how that came about."""

    def __init__(self, original, target, type_, only_wide=False):
        self.original = original
        self.target = target
        self.type = type_
        self.only_wide = only_wide
        self.sure = set()
        self.maybe = set()
        self.history = collections.deque(maxlen=30)

    def note(self, what, outcome):
        self.history.append(f"{time.strftime('%H:%M:%S')} {what}: {outcome}")

    def settle(self, found):
        """Nothing is under way: what the zone holds is judged, and from now on sure."""
        story = "\n  ".join([f"{self.target} {self.type}", *self.history])
        assert self.sure <= found, f"lost: {self.sure - found}\n  {story}"
        assert found <= self.sure | self.maybe, (
            f"not asked for, or refused: {found - self.sure - self.maybe}\n  {story}")
        self.sure = found
        self.maybe = set()


class Step:
    """What one message does to one slot, and what it then means for the slot."""

    def __init__(self, dice, slot, new_value):
        self.slot = slot
        self.value = new_value
        self.adds, self.deletes = set(), set()
        self.asks_present = dice.random() < 0.1 and not slot.maybe
        self.kind = dice.choice(("add", "add", "add", "delete", "replace", "clear"))
        if len(slot.sure) > VALUES_OF_A_SLOT:
            self.kind = "clear"
        if self.kind == "delete" and slot.sure:
            self.value = dice.choice(sorted(slot.sure))
        if self.kind in ("add", "replace"):
            self.adds = {new_value}
        if self.kind in ("replace", "clear"):
            self.deletes = set(slot.sure)
        if self.kind == "delete":
            self.deletes = {self.value}

    def changes(self, name):
        type_ = self.slot.type
        if self.asks_present:
            yield wire.present(name, type_)
        if self.kind in ("replace", "clear"):
            yield wire.delete(name, type_)
        if self.kind == "delete":
            yield wire.delete(name, type_, self.value)
        if self.kind in ("add", "replace"):
            yield wire.add(name, type_, self.value)

    def fails(self):
        """Its prerequisite."""
        return self.asks_present and not self.slot.sure

    def end(self, outcome, number):
        slot = self.slot
        slot.note(f"{self} {number}", outcome)
        if outcome == "NOERROR":
            slot.sure = slot.sure - self.deletes | self.adds
        elif outcome in UNKNOWN:
            slot.sure = slot.sure - self.deletes
            slot.maybe |= self.adds | self.deletes

    def __str__(self):
        return f"{'present? ' * self.asks_present}{self.kind} {self.value}"


class Host:
    def __init__(self, name, zone):
        self.name = name
        self.key = wire.Key(name)
        self.zone = zone
        self.answered = collections.deque(maxlen=1000)  # NOERRORs: (Request, Slot)
        at = SHADOW if zone == STATIC else zone
        self.slots = []
        for label, type_ in (("_acme-challenge", "TXT"), ("_25._tcp", "TLSA"),
                             ("_465._tcp", "TLSA")):
            original = f"{label}.{name}"
            self.slots.append(Slot(original, original[:-len(zone)] + at, type_,
                                   label == "_465._tcp"))

    def grants(self, wide):
        return (f"host {self.name}\n    acme {self.name}\n"
                f"    tlsa {self.name} 25/tcp{' 465/tcp' if wide else ''}\n")


def the_hosts():
    """Some in the shadow of a static zone, the others in a zone of their own."""
    names = [(f"{name}.{STATIC}", STATIC) for name in HOSTS]
    names += [(f"h{number}.{DYNAMIC}", DYNAMIC)
              for number in range(WORKERS * HOSTS_OF_A_WORKER - len(names))]
    return [Host(*name) for name in names]


class Counter:
    """Of what happened, by several threads; also the source of values that are new."""

    def __init__(self):
        self.lock = threading.Lock()
        self.seen = collections.Counter()
        self.values = 0

    def count(self, *what):
        with self.lock:
            self.seen[what] += 1

    def new_value(self, type_):
        with self.lock:
            self.values += 1
            return (wire.acme_token if type_ == "TXT" else wire.tlsa_value)(self.values)


class Client:
    """The hosts of one thread: one request after the other, as a host's clients send them."""

    def __init__(self, soak, hosts, seed):
        self.soak = soak
        self.hosts = hosts
        self.dice = random.Random(seed)

    def run(self):
        kinds = {self.change: 60, self.ask: 6, self.be_refused: 8, self.sign_badly: 6,
                 self.come_again: 8, self.hang_up: 4, self.send_garbage: 4}
        while not self.soak.round_over.is_set():
            kind, = self.dice.choices(list(kinds), kinds.values())
            kind(self.dice.choice(self.hosts))

    def exchange(self, request):
        """As a stock client: the same octets until somebody answers. (Reply or None,
        whether the first attempt was answered.)"""
        ask = self.dice.choice((wire.ask_udp, wire.ask_tcp))
        for attempt in range(ATTEMPTS):
            try:
                reply = ask(request, self.soak.gateway.port, timeout=CLIENT_S)
            except (OSError, AssertionError):
                time.sleep(self.dice.uniform(0, 0.4))
                continue
            # Not to somebody whose port this was a moment ago.
            if reply.id == request.id:
                return reply, not attempt
        return None, False

    def message(self, host, slot, value):
        """It adds that value, by the original name or straight in the shadow."""
        zone, (name,) = self.spell(host, slot)
        return wire.update(zone, wire.add(name, slot.type, value))

    def spell(self, host, *slots):
        if host.zone == STATIC and self.dice.random() < 0.3:
            return SHADOW, [slot.target for slot in slots]
        return host.zone, [slot.original for slot in slots]

    def change(self, host):
        slots = self.dice.sample(host.slots, self.dice.choice((1, 1, 1, 2)))
        steps = [Step(self.dice, slot, self.soak.counter.new_value(slot.type))
                 for slot in slots]
        zone, names = self.spell(host, *slots)
        request = wire.sign(wire.update(zone, *(
            change for step, name in zip(steps, names) for change in step.changes(name))),
            host.key)
        before = self.soak.acl_version
        reply, at_once = self.exchange(request)
        granted = None
        if before == self.soak.acl_version and before % 2 == 0:
            granted = self.soak.acl_is_wide or not any(slot.only_wide for slot in slots)
        fails = any(step.fails() for step in steps)
        outcome = self.judge(reply, at_once, granted, fails, f"{host.name} {names}")
        for step in steps:
            step.end(outcome, request.id)
        self.soak.counter.count("change", outcome)
        if outcome == "NOERROR":
            host.answered.append((request, slots[0]))
            self.soak.acknowledged(request)
        elif outcome not in UNKNOWN:
            time.sleep(self.dice.uniform(0, 0.1))

    @staticmethod
    def judge(reply, at_once, granted, fails, what):
        if reply is None:
            return "no answer"
        assert reply.signed, f"{what}: {reply.rcode} that does not verify"
        if reply.rcode == "NOERROR":
            assert granted is not False and not fails, f"{what}: done, and should not be"
            return "NOERROR"
        reason = reply.reason or f"{reply.rcode} {reply.tsig.error}"
        if reply.tsig.error == wire.BADTIME:
            reason = "time-skew"
        assert (reason in EXCUSES or (reason == "prerequisite-failed" and fails)
                or (reason in NOT_GRANTED and not granted)), f"{what}: {reason}"
        return reason if at_once or reply.rcode == "REFUSED" else "perhaps"

    def ask(self, host):
        message = wire.query(self.dice.choice((host.zone, host.slots[0].original)), "SOA")
        signed = self.dice.random() < 0.5
        request = wire.sign(message, host.key) if signed else wire.unsigned(message)
        reply, _ = self.exchange(request)
        assert not reply or reply.signed == signed, "a signed query has a signed reply"
        self.soak.counter.count("query", reply.rcode if reply else "no answer")

    def be_refused(self, host):
        """Each with a value of its own: settle() would find it in the zone."""
        other = self.dice.choice([one for one in self.soak.hosts
                                  if one is not host and one.zone == host.zone])
        slot, foreign = host.slots[0], other.slots[0]
        value = self.soak.counter.new_value("TXT")
        self.soak.counter.count("refused", self.expect("REFUSED", wire.sign(
            self.dice.choice((
                self.message(host, foreign, value),
                wire.update(host.zone, wire.delete(foreign.original, "TXT")),
                self.message(host, slot, "hello"),
                wire.update(host.zone, wire.add(host.name, "TXT", value)),
                # Half of it is granted (I2).
                wire.update(host.zone, wire.add(slot.original, "TXT", value),
                            wire.add(foreign.original, "TXT", value)))), host.key)))

    def sign_badly(self, host):
        message = self.message(host, host.slots[0], self.soak.counter.new_value("TXT"))
        kind, rcode, request = self.dice.choice((
            ("badsig", "NOTAUTH", lambda: wire.sign(message, host.key, spoil_mac=True)),
            ("badtime", "NOTAUTH",
             lambda: wire.sign(message, host.key, time_signed=int(time.time()) - 1000)),
            ("badkey", "NOTAUTH", lambda: wire.sign(message, wire.Key("nobody.example"))),
            ("unsigned", "REFUSED", lambda: wire.unsigned(message))))
        self.soak.counter.count(kind, self.expect(rcode, request()))

    def expect(self, rcode, request):
        reply, _ = self.exchange(request)
        if reply is None:
            return "no answer"
        # What the judgement takes may not be known just now.
        assert reply.rcode in (rcode, "SERVFAIL") or (
            reply.tsig and reply.tsig.error == wire.BADTIME), (rcode, reply.rcode)
        return reply.rcode

    def come_again(self, host):
        """I4, T-19: the answer is the recorded one, or that it is too old, and the zone
        stays as it is."""
        if host.answered:
            request, slot = self.dice.choice(host.answered)
            reply, _ = self.exchange(request)
            outcome = reply.rcode if reply else "no answer"
            slot.note(f"again {request.id}", outcome)
            assert outcome in ("NOERROR", "NOTAUTH", "no answer"), (
                f"{host.name}: {outcome} {reply.reason} now, and NOERROR before")
            self.soak.counter.count("replay", outcome)

    def hang_up(self, host):
        slot = host.slots[0]
        value = self.soak.counter.new_value("TXT")
        whole = self.dice.random() < 0.5
        octets = wire.frame(wire.sign(self.message(host, slot, value), host.key))
        if whole:
            slot.maybe.add(value)
        else:
            octets = octets[:self.dice.randrange(len(octets))]
        slot.note(f"add {value} and hang up", "sent whole" if whole else "sent in part")
        try:
            with wire.Tcp(self.soak.gateway.port) as connection:
                connection.send_octets(octets)
                if self.dice.random() < 0.5:  # with an RST
                    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.soak.counter.count("hang up", "whole" if whole else "in part")

    def send_garbage(self, host):
        message = self.message(host, host.slots[0], self.soak.counter.new_value("TXT"))
        octets = bytearray(wire.sign(message, host.key).wire)
        for _ in range(self.dice.randint(1, 8)):
            octets[self.dice.randrange(2, len(octets))] = self.dice.randrange(256)
        octets = bytes(octets[:self.dice.randint(1, len(octets))])
        try:
            if self.dice.random() < 0.5:
                with wire.udp_socket("127.0.0.1") as sock:
                    sock.sendto(octets, ("127.0.0.1", self.soak.gateway.port))
            else:
                with wire.Tcp(self.soak.gateway.port) as connection:
                    connection.send_octets(octets)
        except OSError:
            pass
        self.soak.counter.count("garbage", "sent")


class Soak:
    def __init__(self, folder, seed):
        self.seed = seed
        self.dice = random.Random(f"{seed} mishaps")
        self.counter = Counter()
        self.hosts = the_hosts()
        self.acl_version = 0  # odd: neither the old one nor the new one is sure
        self.acl_is_wide = True
        self.round_over = threading.Event()
        self.macs = set()  # of NOERRORs that the audit log has not been asked for yet
        self.all_rotated = []
        self.rotated = []  # since the last look
        self.anchor = None
        self.log_seen = 0
        self.first_kib = {}  # by process: memory at the first look
        self.lab = laboratory.Lab(folder)
        self.primary = self.lab.start_primary()
        self.gateway = self.lab.make_gateway(
            acl=self.acl_text(), keys={host.name: host.key for host in self.hosts})
        # What is freed is soon reused, or growth would say nothing.
        self.gateway.env.setdefault("ASAN_OPTIONS", "quarantine_size_mb=4")
        self.gateway.start()
        _, self.first_descriptors = self.held()
        self.clients = [Client(self, self.hosts[number::WORKERS], f"{seed} {number}")
                        for number in range(WORKERS)]

    def acl_text(self):
        return "".join(host.grants(self.acl_is_wide) for host in self.hosts)

    def acknowledged(self, request):
        self.macs.add(request.mac.hex())

    # ---- mishaps ---------------------------------------------------------------------

    def reload(self):
        self.acl_version += 1
        self.acl_is_wide = not self.acl_is_wide
        self.gateway.acl.write_text(self.acl_text())
        done = self.gateway.tool("reload", timeout=60)
        assert done.returncode == 0, done.stderr
        self.acl_version += 1

    def rotate(self):
        old = self.gateway.audit.with_suffix(f".{len(self.all_rotated)}")
        self.gateway.audit.rename(old)
        self.all_rotated.append(old)
        self.rotated.append(old)
        done = self.gateway.tool("audit", "rotate", timeout=60)
        assert done.returncode == 0, done.stderr

    def stop_primary(self):
        self.primary.stop()
        time.sleep(self.dice.uniform(0, 4))
        self.primary.start()

    def hang_primary(self):
        self.primary.signal(signal.SIGSTOP)
        time.sleep(3)
        self.primary.signal(signal.SIGCONT)

    def kill_gateway(self):
        self.gateway.kill()
        time.sleep(self.dice.uniform(0, 1))
        self.gateway.start()

    def kill_gateway_without_primary(self):
        self.primary.signal(signal.SIGSTOP)
        time.sleep(self.dice.uniform(0, 1))
        self.gateway.kill()
        self.gateway.spawn()
        self.gateway.wait_ready(lambda: accepts(self.gateway.port))
        self.primary.signal(signal.SIGCONT)

    def stop_gateway(self):
        self.gateway.stop()
        self.gateway.start()

    def crowd(self):
        """Connections that say nothing."""
        connections = []
        try:
            for _ in range(100):
                connections.append(socket.create_connection(
                    ("127.0.0.1", self.gateway.port), 5))
            time.sleep(1)
        except OSError:
            pass
        for connection in connections:
            connection.close()

    def mishaps(self, gateway_lives):
        mishaps = [self.reload, self.rotate, self.stop_primary, self.hang_primary, self.crowd]
        if not gateway_lives:
            mishaps += [self.kill_gateway, self.kill_gateway_without_primary,
                        self.stop_gateway]
        return mishaps

    # ---- rounds ----------------------------------------------------------------------

    def run(self, seconds, say=lambda line: None):
        begin = time.monotonic()
        self.round(min(ROUND_S, seconds / 4), [])
        while time.monotonic() - begin < seconds:
            gone = time.monotonic() - begin
            # In the last third the gateway lives on, so that a leak can be seen.
            self.round(min(ROUND_S, max(seconds - gone, 1)),
                       self.mishaps(gateway_lives=gone > seconds * 2 / 3))
            kib, descriptors = self.held()
            say(f"{time.monotonic() - begin:5.0f} s: {self.counter.seen['change', 'NOERROR']}"
                f" updates done; {kib} KiB, {descriptors} descriptors")
        self.lab.stop()
        self.look_for_reports()
        for line in self.look_at_whole_audit():
            say(line)

    def round(self, seconds, mishaps):
        """The mishaps come from this thread: what a thread has started ends with it."""
        self.round_over.clear()
        end = time.monotonic() + seconds
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            running = [pool.submit(client.run) for client in self.clients]
            try:
                while time.monotonic() < end and not any(one.done() for one in running):
                    time.sleep(self.dice.uniform(0.2, 3))
                    if mishaps:
                        mishap = self.dice.choice(mishaps)
                        mishap()
                        self.counter.count("mishap", mishap.__name__.replace("_", " "))
            finally:
                self.round_over.set()
        for one in running:
            one.result()
        time.sleep(SETTLE_S)
        self.look()

    def look(self):
        assert self.gateway.alive, f"the gateway has ended:\n{self.gateway.tail(60)}"
        until(self.gateway.serves, 20, "the gateway serves again")
        found = collections.defaultdict(set)
        for zone in (SHADOW, DYNAMIC):
            for name, type_, value in self.primary.records(zone):
                found[name, type_].add(value.strip('"'))
        for host in self.hosts:
            for slot in host.slots:
                slot.settle(found.pop((slot.target, slot.type), set()))
        assert not found, f"refused, and in the zone: {dict(found)}"
        self.look_at_audit()
        self.look_for_reports()
        self.look_at_memory()

    def look_at_audit(self):
        """What has been written since the last time, from that one's end on."""
        files, self.rotated = [*self.rotated, self.gateway.audit], []
        anchor = ["--anchor", self.anchor] if self.anchor else []
        verified = self.gateway.tool("audit", "verify", *anchor, *files, timeout=120)
        assert verified.returncode == 0, verified.stdout
        self.anchor = verified.stdout.split()[-1]
        done = set()
        for path in files:
            for line in path.open(encoding="ascii"):
                if '"event":"result"' in line and '"rcode":"NOERROR"' in line:
                    done.add(json.loads(line)["mac"])
        assert self.macs <= done, f"no line for {self.macs - done}"  # I8
        self.macs = set()

    def look_at_whole_audit(self):
        verified = self.gateway.tool("audit", "verify", *self.all_rotated,
                                     self.gateway.audit, timeout=600)
        assert verified.returncode == 0, verified.stdout
        return verified.stdout.strip().splitlines()

    def look_for_reports(self):
        """In what the daemon has written since the last time, also in the lives that a
        SIGKILL has ended."""
        with self.gateway.log.open(errors="replace") as log:
            log.seek(self.log_seen)
            lines = log.readlines()
            self.log_seen = log.tell()
        reports = [line for line in lines
                   if any(report in line for report in SANITIZER_REPORTS)]
        assert not reports, f"{reports}, see {self.gateway.log}"

    def look_at_memory(self):
        """Both may be more for a moment: of connections that have just ended."""
        kib, descriptors = self.held()
        most_kib = self.first_kib.setdefault(self.gateway.process.pid, kib) + (
            SANITIZED_MORE_KIB if laboratory.is_sanitized() else MEMORY_MORE_KIB)
        most_descriptors = self.first_descriptors + DESCRIPTORS_MORE

        def is_little():
            kib, descriptors = self.held()
            return kib <= most_kib and descriptors <= most_descriptors
        until(is_little, 30, f"at most {most_kib} KiB and {most_descriptors} descriptors, "
              f"and not {kib} and {descriptors}")

    def held(self):
        """(KiB, descriptors) of the daemon."""
        process = pathlib.Path(f"/proc/{self.gateway.process.pid}")
        kib = re.search(r"VmRSS:\s+(\d+)", (process / "status").read_text())[1]
        return int(kib), len(list((process / "fd").iterdir()))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seconds", type=int, default=900)
    arguments.add_argument("--seed", type=int, default=time.time_ns() % 10**9)
    arguments.add_argument("--folder", type=pathlib.Path, required=True)
    chosen = arguments.parse_args()
    print(f"seed {chosen.seed}, all in {chosen.folder}", flush=True)
    soak = Soak(chosen.folder, chosen.seed)
    try:
        soak.run(chosen.seconds, lambda line: print(line, flush=True))
        failure = None
    except AssertionError as error:
        failure = error
    for what, number in sorted(soak.counter.seen.items()):
        print(f"{number:8}  {': '.join(what)}")
    if failure:
        sys.exit(f"FAIL, seed {chosen.seed}: {failure}")
    print(f"ok: {soak.counter.seen['change', 'NOERROR']} updates acknowledged, none lost")


if __name__ == "__main__":
    main()
