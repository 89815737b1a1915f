"""A machine with systemd as its first process, beside the one that the tests run on.

Its root is a folder: /usr is the host's, read-only but for /usr/local, and /etc and /var
are its own. It has processes, mounts, network, control groups, IPC and a name of its own,
and no way to the host's; its end takes all of that with it. That takes root.
"""
import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from lab import BUILD, SANITIZER_REPORTS, Program, until

CLONE_NEWNET = 0x40000000
PROGRAMS = {"tsigated.service": ("tsigated", "tsigate"),
            "tsigate-rollover.service": ("tsigate-tlsa",)}

# What makes the folder $1 a machine: the first process of its namespaces runs it. /sys and
# /proc/sys are read-only, as systemd expects it of a container.
BOOT = """set -eu
cd "$1"
mount --bind . .
cd "$1"
mount --bind /usr usr
mount -o remount,bind,ro usr
mount --bind local usr/local
mount -t tmpfs -o mode=755 dev dev
for name in null zero full random urandom tty; do
    : >dev/$name
    mount --bind /dev/$name dev/$name
done
: >dev/console
mount --bind /dev/null dev/console
ln -s /proc/self/fd dev/fd
for number in 0,stdin 1,stdout 2,stderr; do
    ln -s "fd/${number%,*}" "dev/${number#*,}"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=755 run run
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mkdir run/host
pivot_root . run/host
umount -l run/host
rmdir run/host
exec env -i container=tsigate PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin \\
    /lib/systemd/systemd --system --unit=basic.target --show-status=no
"""


def _control_group():
    """The path of one that is not there yet, below our own."""
    mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    roots = [words[1] for words in mounts if words[2] == "cgroup2"]
    assert roots, "systemd needs control groups of version 2: no cgroup2 is mounted"
    own = re.search(r"^0::/(.*)$", pathlib.Path("/proc/self/cgroup").read_text(), re.M)[1]
    return pathlib.Path(roots[0], own, f"tsigate-test.{os.getpid()}")


class Machine(Program):
    def __init__(self, folder):
        if os.geteuid() != 0:
            pytest.skip("only root can make a machine for systemd")
        self.root = folder / "root"
        self.control_group = _control_group()
        self.first = None
        self._make_root()
        super().__init__(folder, "machine", [
            "sh", "-c", 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"', "-",
            self.control_group,
            "unshare", "--kill-child", "--pid", "--fork", "--mount", "--uts", "--ipc", "--net",
            "--cgroup", "sh", "-c", BOOT, "-", self.root])

    def _make_root(self):
        for name in ("dev", "etc/systemd/system", "home", "local", "proc", "root", "run", "srv",
                     "sys", "tmp", "usr", "var/lib", "var/log"):
            (self.root / name).mkdir(parents=True)
        self.root.chmod(0o755)
        for link in ("bin", "lib", "lib32", "lib64", "libx32", "sbin"):
            if pathlib.Path("/", link).is_symlink():
                (self.root / link).symlink_to(f"usr/{link}")
        # Of the host's settings what programs need to run, and none of its users.
        subprocess.run(["cp", "-a", "--parents", "etc/alternatives", "etc/ld.so.cache",
                        "etc/ssl/openssl.cnf", self.root], cwd="/", check=True, timeout=30)
        for name in ("passwd", "group"):
            shutil.copy(f"/usr/share/base-passwd/{name}.master", self.root / "etc" / name)
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
        self.write("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
        self.write("etc/machine-id", f"{1:032x}\n")
        # Of no use to us, and it would find the host's.
        for unit in ("sys-kernel-debug.mount", "sys-kernel-tracing.mount"):
            (self.root / "etc/systemd/system" / unit).symlink_to("/dev/null")
        # LeakSanitizer wants ptrace(2), which no fence allows.
        self.write("etc/systemd/system.conf",
                   "[Manager]\nDefaultEnvironment=ASAN_OPTIONS=detect_leaks=0\n")

    def write(self, path, text, mode=0o644):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def install(self, unit):
        """A unit as the build has it, and its programs where it looks for them."""
        text = (BUILD / unit).read_text()
        self.write(f"etc/systemd/system/{unit}", text)
        for program in PROGRAMS.get(unit, ()):
            path = re.search(rf"^Exec\w+=(/usr/local/\S*/{program})\s", text, re.M)
            assert path, f"{unit} of this build runs no {program} below /usr/local"
            target = self.root / "local" / pathlib.Path(path[1]).relative_to("/usr/local")
            target.parent.mkdir(exist_ok=True)
            shutil.copy(BUILD / program, target)

    # ---- its life ----

    def start(self):
        self.control_group.mkdir()
        self.spawn()
        self.wait_ready(self._has_booted, 30)

    def _has_booted(self):
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            return False
        self.first = int(children[0])
        if pathlib.Path(f"/proc/{self.first}/comm").read_text() != "systemd\n":
            return False
        return self.run("systemctl", "is-active", "basic.target").returncode == 0

    def stop(self, seconds=15):
        """Its first process takes all others along, and with them go mounts and network."""
        journal = self.journal() if self.alive and self.first else ""
        self.kill()
        if self.control_group.exists():
            until(self._remove_control_groups, seconds, f"{self.control_group} is empty")
        reports = [line for line in journal.splitlines()
                   if any(report in line for report in SANITIZER_REPORTS)]
        assert not reports, journal

    def _remove_control_groups(self):
        for folder, _, _ in os.walk(self.control_group, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        return not self.control_group.exists()

    @contextlib.contextmanager
    def network(self):
        """This thread, and what it starts, are in the machine's network."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net", "rb") as ours, \
                open(f"/proc/{self.first}/ns/net", "rb") as inside:
            def enter(network):
                if libc.setns(network.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            enter(inside)
            try:
                yield
            finally:
                enter(ours)

    # ---- in it ----

    def run(self, *words, timeout=60):
        return subprocess.run(
            ["nsenter", "--all", "-t", str(self.first), "env", "-i",
             "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LC_ALL=C",
             "ASAN_OPTIONS=detect_leaks=0", *map(str, words)],
            text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)

    def systemctl(self, *words):
        """It has to succeed."""
        done = self.run("systemctl", *words)
        assert done.returncode == 0, done.stdout + done.stderr + self.tail()
        return done.stdout

    def show(self, unit, name):
        return self.systemctl("show", "--value", "-p", name, unit).strip()

    def main_pid(self, unit):
        pid = int(self.show(unit, "MainPID"))
        assert pid > 0, f"{unit} does not run"
        return pid

    def journal(self, *words):
        """All that was said until now."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--no-pager", "-o", "short-monotonic", *words).stdout

    def tail(self, lines=25):
        journal = self.journal("-n", lines) if self.alive and self.first else ""
        return super().tail(lines) + journal
