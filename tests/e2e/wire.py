"""DNS messages as a test wants them: any TSIG, any framing, and nothing taken on trust.

The messages are dnspython's; signing and verifying are done here, independently of it and
of tsigate, so that a test can sign wrongly on purpose and can verify a reply that says
BADTIME (dnspython raises before it looks at the MAC).
"""
import base64
import functools
import hashlib
import hmac
import os
import socket
import struct
import time
from dataclasses import dataclass, field

import dns.edns
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.update

ANY_CLASS = 255
TSIG_TYPE = 250
BADSIG, BADKEY, BADTIME, BADTRUNC = 16, 17, 18, 22
REASON_OWNER = dns.name.from_text("reason.tsigate.")


@dataclass
class Key:
    """A TSIG key. The secret is random and as long as the digest, unless given."""
    name: str
    algorithm: str = "hmac-sha256"
    secret: bytes = field(default=b"", repr=False)

    def __post_init__(self):
        self.secret = self.secret or os.urandom(hashlib.new(self.hash).digest_size)

    @property
    def hash(self):
        return self.algorithm.removeprefix("hmac-")

    @property
    def base64(self):
        return base64.b64encode(self.secret).decode()

    @property
    def text(self):
        """As tsig-keygen writes it: for named.conf, tsigate and nsupdate -k."""
        return (f'key "{self.name}" {{\n\talgorithm {self.algorithm};\n'
                f'\tsecret "{self.base64}";\n}};\n')

    def write(self, path):
        path.touch(mode=0o600)
        path.write_text(self.text)
        return path

    def digest(self, octets):
        return hmac.new(self.secret, octets, self.hash).digest()


# ---- requests ------------------------------------------------------------------------

@dataclass
class Request:
    wire: bytes
    key: Key = None
    mac: bytes = b""

    @property
    def id(self):
        return struct.unpack("!H", self.wire[:2])[0]


def absolute(name):
    return dns.name.from_text(name)


def add(name, type_, value, ttl=60):
    return lambda update: update.add(absolute(name), ttl, type_, value)


def delete(name, *type_and_value):
    """Of a value, of an RRset (a type and no value) or of a name (neither)."""
    return lambda update: update.delete(absolute(name), *type_and_value)


def present(name, *type_and_value):
    return lambda update: update.present(absolute(name), *type_and_value)


def absent(name, *type_):
    return lambda update: update.absent(absolute(name), *type_)


def update(zone, *changes, edns=False):
    message = dns.update.UpdateMessage(zone, id=None)
    for change in changes:
        change(message)
    if edns:
        message.use_edns(0, payload=1232)
    return message


def query(name, type_, edns=False):
    message = dns.message.make_query(name, type_, use_edns=0 if edns else False)
    message.flags = 0
    return message


def variables(owner, algorithm, time_signed, fudge, error=0, other=b""):
    """RFC 8945 4.3.3."""
    return (dns.name.from_text(owner).canonicalize().to_wire()
            + struct.pack("!HI", ANY_CLASS, 0)
            + dns.name.from_text(algorithm).canonicalize().to_wire()
            + time_signed.to_bytes(6, "big")
            + struct.pack("!HHH", fudge, error, len(other)) + other)


def sign(message, key, time_signed=None, fudge=300, mac_octets=None, algorithm=None,
         spoil_mac=False, sign_as=None):
    """Sign a message of dnspython's, or octets; the keywords are the ways to do it wrong."""
    wire = message if isinstance(message, bytes) else message.to_wire()
    time_signed = int(time.time()) if time_signed is None else time_signed
    owner = sign_as or key.name
    algorithm = algorithm or key.algorithm
    mac = key.digest(wire + variables(owner, algorithm, time_signed, fudge))
    if spoil_mac:
        mac = bytes([mac[0] ^ 1]) + mac[1:]
    sent = mac if mac_octets is None else mac[:mac_octets]
    rdata = (dns.name.from_text(algorithm).to_wire() + time_signed.to_bytes(6, "big")
             + struct.pack("!HH", fudge, len(sent)) + sent + wire[:2]
             + struct.pack("!HH", 0, 0))
    record = (dns.name.from_text(owner).to_wire()
              + struct.pack("!HHIH", TSIG_TYPE, ANY_CLASS, 0, len(rdata)) + rdata)
    (additional,) = struct.unpack("!H", wire[10:12])
    return Request(wire[:10] + struct.pack("!H", additional + 1) + wire[12:] + record,
                   key, sent)


def unsigned(message):
    return Request(message if isinstance(message, bytes) else message.to_wire())


# ---- replies -------------------------------------------------------------------------

@dataclass
class Tsig:
    owner: str
    time_signed: int
    fudge: int
    mac: bytes
    original_id: int
    error: int
    other: bytes


@dataclass
class Reply:
    wire: bytes
    bare: bytes  # without its TSIG
    tsig: Tsig
    signed: bool  # its MAC verifies with the request's key and MAC

    @functools.cached_property
    def message(self):
        return dns.message.from_wire(self.bare)

    @property
    def id(self):
        return struct.unpack("!H", self.wire[:2])[0]

    @property
    def rcode(self):
        """A bare header may have an opcode that dnspython does not know."""
        return dns.rcode.to_text(self.message.rcode() if len(self.bare) > 12
                                 else self.wire[3] & 15)

    @property
    def truncated(self):
        return bool(self.wire[2] & 0x02)

    @property
    def authoritative(self):
        return bool(self.wire[2] & 0x04)

    @property
    def reason(self):
        """The identifier in the TXT record that explains a refusal, or None."""
        texts = self.reason_texts
        return texts[0] if texts else None

    @property
    def reason_texts(self):
        for rrset in self.message.additional:
            if rrset.name == REASON_OWNER:
                return [part.decode() for part in rrset[0].strings]
        return []

    @property
    def ede(self):
        """(INFO-CODE, EXTRA-TEXT) of the Extended DNS Error, or None."""
        for option in self.message.options:
            if option.otype == dns.edns.OptionType.EDE:
                return int(option.code), option.text
        return None

    def records(self, section):
        return [(str(rrset.name).rstrip("."), dns.rdatatype.to_text(rrset.rdtype),
                 rdata.to_text()) for rrset in section for rdata in rrset]


def name_end(wire, at):
    """Where the name at `at` ends, compressed or not."""
    while wire[at] and wire[at] < 0xC0:
        at += 1 + wire[at]
    return at + (2 if wire[at] else 1)


def find_tsig(wire):
    """(where the last record starts, its Tsig), or (None, None)."""
    questions, *records = struct.unpack("!HHHH", wire[4:12])
    at = 12
    for _ in range(questions):
        at = name_end(wire, at) + 4
    start = type_ = None
    for _ in range(sum(records)):
        start = at
        at = name_end(wire, at)
        type_, _, _, length = struct.unpack("!HHIH", wire[at:at + 10])
        rdata_at, at = at + 10, at + 10 + length
    assert at == len(wire), "octets after the last record"
    if type_ != TSIG_TYPE:
        return None, None
    owner, _ = dns.name.from_wire(wire, start)
    _, used = dns.name.from_wire(wire, rdata_at)
    at = rdata_at + used
    time_signed = int.from_bytes(wire[at:at + 6], "big")
    fudge, mac_length = struct.unpack("!HH", wire[at + 6:at + 10])
    at += 10
    mac = wire[at:at + mac_length]
    original_id, error, other_length = struct.unpack(
        "!HHH", wire[at + mac_length:at + mac_length + 6])
    other = wire[at + mac_length + 6:at + mac_length + 6 + other_length]
    return start, Tsig(str(owner).rstrip("."), time_signed, fudge, mac, original_id,
                       error, other)


def read_reply(wire, request=None):
    start, tsig = find_tsig(wire)
    signed = False
    bare = wire
    if tsig:
        (additional,) = struct.unpack("!H", wire[10:12])
        bare = wire[:10] + struct.pack("!H", additional - 1) + wire[12:start]
        if request and request.key and tsig.mac:
            key = request.key
            expected = key.digest(
                struct.pack("!H", len(request.mac)) + request.mac
                + struct.pack("!H", tsig.original_id) + bare[2:]
                + variables(key.name, key.algorithm, tsig.time_signed, tsig.fudge,
                            tsig.error, tsig.other))
            signed = hmac.compare_digest(expected, tsig.mac)
    return Reply(wire, bare, tsig, signed)


# ---- transports ----------------------------------------------------------------------

def udp_socket(host, timeout=5):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(timeout)
    return sock


def ask_udp(request, port, host="127.0.0.1", timeout=5, source=None):
    with udp_socket(host, timeout) as sock:
        if source:
            sock.bind((host, source))
        sock.sendto(request.wire, (host, port))
        wire, peer = sock.recvfrom(65535)
    assert peer[:2] == (host, port), f"the answer came from {peer}"
    return read_reply(wire, request)


def silent_udp(octets, port, host="127.0.0.1", seconds=0.5):
    """True when nothing comes back."""
    with udp_socket(host, seconds) as sock:
        sock.sendto(octets, (host, port))
        try:
            sock.recv(65535)
        except socket.timeout:
            return True
    return False


class Tcp:
    """A connection: whole messages by `send`, any octets by `send_octets`."""

    def __init__(self, port, host="127.0.0.1", timeout=5):
        self.sock = socket.create_connection((host, port), timeout)
        self.sock.settimeout(timeout)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send_octets(self, octets):
        self.sock.sendall(octets)

    def send(self, *requests):
        self.send_octets(b"".join(frame(request) for request in requests))

    def receive(self, request=None):
        """The next reply, whosever it is; None when the peer has closed."""
        (length,) = struct.unpack("!H", self._take(2) or b"\0\0")
        if length == 0:
            return None
        return read_reply(self._take(length), request)

    def receive_for(self, requests):
        """The replies to these requests in their order, whatever order they come in."""
        by_id = {request.id: request for request in requests}
        replies = {}
        while len(replies) < len(requests):
            (length,) = struct.unpack("!H", self._take(2) or b"\0\0")
            assert length, f"closed after {len(replies)} of {len(requests)} replies"
            wire = self._take(length)
            (number,) = struct.unpack("!H", wire[:2])
            assert number not in replies, "two replies to one request"
            replies[number] = read_reply(wire, by_id[number])
        return [replies[request.id] for request in requests]

    def is_closed(self, seconds):
        """True when the peer closes within that time without sending anything."""
        self.sock.settimeout(seconds)
        try:
            return self.sock.recv(1) == b""
        except socket.timeout:
            return False
        except ConnectionResetError:
            return True

    def _take(self, length):
        while len(self.buffer) < length:
            more = self.sock.recv(65535)
            if not more:
                assert not self.buffer, "closed within a frame"
                return b""
            self.buffer += more
        taken, self.buffer = self.buffer[:length], self.buffer[length:]
        return taken


def frame(request):
    return struct.pack("!H", len(request.wire)) + request.wire


def ask_tcp(request, port, host="127.0.0.1", timeout=5):
    with Tcp(port, host, timeout) as connection:
        connection.send(request)
        reply = connection.receive(request)
    assert reply, "closed without an answer"
    return reply


def acme_token(seed):
    """A value that the acme profile takes: 43 characters, of a SHA-256 (A-17)."""
    digest = hashlib.sha256(str(seed).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def tlsa_value(seed, usage="3 1 1"):
    return f"{usage} {hashlib.sha256(str(seed).encode()).hexdigest()}"
