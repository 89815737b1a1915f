"""A relay between gateway and primary that keeps what the gateway sends.

It reads the octets with dnspython and our own TSIG, not with tsigate's code, so that what
is forwarded is judged by somebody else (I1, I2, I6).
"""
import socket
import struct
import threading

import dns.message
import dns.opcode

import wire


class Monitor:
    """A Lab program like the others: start, stop, alive. Gateways take its port for the
    primary's."""

    name = "monitor"
    log = "(the monitor has no log)"

    def __init__(self, primary, gateway_key):
        self.primary = primary
        self.key = gateway_key
        self.messages = []  # (dns.message.Message, whether the gateway's TSIG verifies)
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def start(self):
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.listener.close()

    @staticmethod
    def tail(_lines=0):
        return ""

    def take_updates(self):
        """The UPDATE messages since the last call."""
        with self.lock:
            taken, self.messages = self.messages, []
        for message, verified in taken:
            assert verified, f"not signed with the gateway's key:\n{message}"
        return [message for message, _ in taken
                if message.opcode() == dns.opcode.UPDATE]

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.primary.port), 5)
            except OSError:
                return
            server.settimeout(None)
            for source, target, keep in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._relay, args=(source, target, keep),
                                 daemon=True).start()

    def _relay(self, source, target, keep):
        buffer = b""
        try:
            while octets := source.recv(65535):
                buffer += octets
                while len(buffer) >= 2:
                    (length,) = struct.unpack("!H", buffer[:2])
                    if len(buffer) < 2 + length:
                        break
                    if keep:
                        self._keep(buffer[2:2 + length])
                    target.sendall(buffer[:2 + length])
                    buffer = buffer[2 + length:]
        except OSError:
            pass
        for sock in (source, target):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _keep(self, octets):
        start, tsig = wire.find_tsig(octets)
        verified = False
        bare = octets
        if tsig:
            (additional,) = struct.unpack("!H", octets[10:12])
            bare = octets[:10] + struct.pack("!H", additional - 1) + octets[12:start]
            digest = self.key.digest(bare + wire.variables(
                tsig.owner, self.key.algorithm, tsig.time_signed, tsig.fudge))
            verified = (tsig.owner, tsig.mac) == (self.key.name, digest)
        with self.lock:
            self.messages.append((dns.message.from_wire(bare), verified))
