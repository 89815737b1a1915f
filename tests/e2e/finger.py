"""posttls-finger, Postfix's own verifier: whether a mail server with DANE would deliver.

It asks the resolver of /etc/resolv.conf at port 53 and nobody else. So it gets a network
of its own with nothing but a loopback in it, where port 53 and the service's port are
ours, and an /etc/resolv.conf of its own. That takes root.
"""
import ctypes
import fcntl
import os
import queue
import socket
import struct
import subprocess
import threading

import pytest

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def _enter_network():
    """This thread, and what it starts, in a network of its own; loopback goes up."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def _relay_datagrams(inside, resolver_port):
    while True:
        try:
            query, client = inside.recvfrom(4096)
        except OSError:
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside:
            outside.settimeout(5)
            outside.sendto(query, ("127.0.0.1", resolver_port))
            try:
                inside.sendto(outside.recv(65535), client)
            except OSError:
                pass


def _pump(source, target):
    try:
        while octets := source.recv(65536):
            target.sendall(octets)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _relay_connections(inside, port):
    while True:
        try:
            client, _ = inside.accept()
        except OSError:
            return
        server = socket.create_connection(("127.0.0.1", port), 5)
        for pair in ((client, server), (server, client)):
            threading.Thread(target=_pump, args=pair, daemon=True).start()


def finger(folder, root, resolver_port, host, port):
    """Run it against host:port; returns the finished process. `root`: where Postfix is
    unpacked; `folder`: with a main.cf."""
    resolv_conf = folder / "resolv.conf"
    resolv_conf.write_text("nameserver 127.0.0.1\noptions trust-ad edns0\n")
    command = ["unshare", "--mount", "sh", "-c",
               'mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && shift && exec "$@"',
               "-", resolv_conf, root / "usr/sbin/posttls-finger", "-c", "-l", "dane-only",
               "-L", "summary,verbose", f"[{host}]:{port}"]
    env = {**os.environ, "LD_LIBRARY_PATH": str(root / "usr/lib/postfix"),
           "MAIL_CONFIG": str(folder)}
    made, done = queue.SimpleQueue(), queue.SimpleQueue()

    def run():
        try:
            _enter_network()
        except OSError as wrong:
            made.put(wrong)
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, \
                socket.create_server(("127.0.0.1", port)) as connections:
            datagrams.bind(("127.0.0.1", 53))
            made.put((datagrams, connections))
            done.put(subprocess.run(
                [str(word) for word in command], env=env, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60))
    threading.Thread(target=run, daemon=True).start()
    # From this thread, whose network is the laboratory's.
    sockets = made.get(timeout=10)
    if isinstance(sockets, OSError):
        pytest.skip(f"no network of its own for posttls-finger: {sockets}")
    datagrams, connections = sockets
    for relay in ((_relay_datagrams, datagrams, resolver_port),
                  (_relay_connections, connections, port)):
        threading.Thread(target=relay[0], args=relay[1:], daemon=True).start()
    return done.get(timeout=70)
