#!/usr/bin/env python3
"""Writes the seeds of the message, frame and text corpora, from the recorded client
messages and from the hostile forms below. Run it in tests/fuzz; it is no part of the
build."""

import hashlib
import hmac
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
VECTORS = HERE.parent / "vectors" / "client-messages.txt"

ZONE = "076578616d706c6500 0006 0001"
DELETE_A = "0161c00c 0001 00ff 00000000 0000"
OPT = "00 0029 04d0 00000000 0000"
TSIG = "016b00 00fa 00ff 00000000 000d 0b686d61632d73686132353600"
ADD = "0161c00c 0010 0001 0000003c 0002 0178"


def message(counts, *parts):
    return bytes.fromhex("1234 2800" + "".join("%04x" % n for n in counts) + "".join(parts))


def signed(body, mac_len=32, fudge=300, time=1800000000, key=bytes(range(32))):
    """body, with ARCOUNT as it was before, signed with hmac-sha256."""
    name = b"\3key\7example\0"
    algorithm = b"\x0bhmac-sha256\0"
    times = struct.pack("!HIH", time >> 32, time & 0xFFFFFFFF, fudge)
    variables = name + struct.pack("!HI", 255, 0) + algorithm + times + b"\0\0\0\0"
    mac = hmac.new(key, body + variables, hashlib.sha256).digest()[:mac_len]
    rdata = algorithm + times + struct.pack("!H", len(mac)) + mac + body[:2] + b"\0\0\0\0"
    arcount = struct.unpack("!H", body[10:12])[0] + 1
    record = name + struct.pack("!HHIH", 250, 255, 0, len(rdata)) + rdata
    return body[:10] + struct.pack("!H", arcount) + body[12:] + record


def rr(type_, rdata, class_=1, ttl=60, owner="0161c00c"):
    return owner + "%04x%04x%08x%04x" % (type_, class_, ttl, len(bytes.fromhex(rdata))) + rdata


RDATA = {
    "a": (1, "c0000201"),
    "ns": (2, "0162c00c"),
    "cname": (5, "0162c00c"),
    "soa": (6, "026e73c00c c027 0000000100000002000000030000000400000005".replace(" ", "")),
    "ptr": (12, "c00c"),
    "mx": (15, "000a0162c00c"),
    "txt": (16, "03616263036465ff"),
    "key": (25, "02000305aabb"),
    "aaaa": (28, "20010db8000000000000000000000001"),
    "srv": (33, "000100020003016200"),
    "dname": (39, "016200"),
    "ds": (43, "00010801" + "ab" * 20),
    "sshfp": (44, "0402" + "cd" * 32),
    "dnskey": (48, "0101030daabbccdd"),
    "dhcid": (49, "000101aabb"),
    "tlsa": (52, "030101" + "ef" * 32),
    "smimea": (53, "030101" + "ef" * 32),
    "cds": (59, "0000000000"),
    "cdnskey": (60, "0000030000"),
    "openpgpkey": (61, "99aabb"),
    "csync": (62, "000000420003000460000008"),
    "zonemd": (63, "000000010101" + "ab" * 48),
    "svcb": (64, "0001037376630000010003026832000300020bb8"),
    "https": (65, "0001000000000200030001000302683200020000000300020bb80004000401020304"),
    "uri": (256, "000a0001667470"),
    "caa": (257, "00056973737565636c"),
}

HOSTILE = {
    "empty": b"",
    "eleven-octets": bytes(11),
    "header-alone": message([0, 0, 0, 0]),
    "counts-of-65535": message([65535] * 4),
    "pointer-to-itself": message([1, 0, 1, 0], ZONE, "c019 0001 00ff 00000000 0000"),
    "pointer-loop-of-two": message([1, 0, 2, 0], ZONE, "0161c029 0001 00ff 00000000 0000",
                                   "0162c019 0001 00ff 00000000 0000"),
    "pointer-into-its-own-name": message([1, 0, 1, 0], ZONE, "0161c019 0001 00ff 00000000 0000"),
    "pointer-into-header": message([1, 0, 1, 0], ZONE, "c003 0001 00ff 00000000 0000"),
    "pointer-into-label": message([1, 0, 1, 0], ZONE, "c00d 0001 00ff 00000000 0000"),
    "pointer-to-pointer": message([1, 0, 2, 0], ZONE, "c00c 0001 00ff 00000000 0000",
                                  "c019 0001 00ff 00000000 0000"),
    "pointer-forward": message([1, 0, 2, 0], ZONE, "c023 0001 00ff 00000000 0000", DELETE_A),
    "pointer-half": message([1, 0, 0, 0], "c0"),
    "label-type-01": message([1, 0, 0, 0], "4161 00 0006 0001"),
    "trailing-octet": message([1, 0, 0, 0], ZONE, "00"),
    "trailing-record": message([1, 0, 0, 1], ZONE, TSIG, DELETE_A),
    "two-tsig": message([1, 0, 0, 2], ZONE, TSIG, TSIG),
    "opt-after-tsig": message([1, 0, 0, 2], ZONE, TSIG, OPT),
    "two-opt": message([1, 0, 0, 2], ZONE, OPT, OPT),
    "tsig-of-class-in": message([1, 0, 0, 1], ZONE, "016b00 00fa 0001 00000000 0000"),
    "tsig-cut": message([1, 0, 0, 1], ZONE, TSIG),
    "tsig-compressed-algorithm": message([1, 0, 0, 1], ZONE,
                                         "016b00 00fa 00ff 00000000 0012 c00c 000000000001 012c"
                                         "0000 0007 0000 0000 0000"),
    "rdlength-over-end": message([1, 0, 1, 0], ZONE, "00 0001 00ff 00000000 0001"),
    "ptr-over-rdlength": message([1, 0, 2, 0], ZONE, "0161c00c 000c 0001 00000000 0001 01",
                                 "6201 0001 00ff 00000000 0000"),
    "chain-of-sixteen": message([1, 0, 16, 0], ZONE,
                                *["01%02xc0%02x 0001 00ff 00000000 0000" %
                                  (97 + i % 26, 12 if i == 0 else 25 + 14 * (i - 1))
                                  for i in range(16)]),
    "any-any": message([1, 0, 1, 0], ZONE, "0161c00c 00ff 00ff 00000000 0000"),
    "prerequisites": message([1, 3, 1, 0], ZONE, "0161c00c 00ff 00fe 00000000 0000",
                             "0161c00c 0010 00ff 00000000 0000",
                             "0161c00c 0010 0001 00000000 0002 0178", ADD),
    "delete-value": message([1, 0, 1, 0], ZONE, "0161c00c 0010 00fe 00000000 0002 0178"),
    "signed": signed(message([1, 0, 1, 0], ZONE, ADD)),
    "signed-with-opt": signed(message([1, 0, 1, 1], ZONE, ADD, OPT)),
    "signed-truncated": signed(message([1, 0, 1, 0], ZONE, ADD), mac_len=16),
    "signed-too-short": signed(message([1, 0, 1, 0], ZONE, ADD), mac_len=15),
    "signed-no-mac": signed(message([1, 0, 1, 0], ZONE, ADD), mac_len=0),
    "signed-fudge-65535": signed(message([1, 0, 1, 0], ZONE, ADD), fudge=65535),
    "signed-time-0": signed(message([1, 0, 1, 0], ZONE, ADD), time=0),
    "signed-last-time": signed(message([1, 0, 1, 0], ZONE, ADD), time=2**48 - 1),
    "signed-by-another": signed(message([1, 0, 1, 0], ZONE, ADD), key=bytes(32)),
    "signed-query": signed(bytes.fromhex("1234 0000 0001 0000 0000 0000" + ZONE)),
}


def framed(*messages):
    return b"".join(struct.pack("!H", len(m)) + m for m in messages)


FRAMES = {
    "empty": b"",
    "one": b"\x01" + framed(bytes(12)),
    "three": b"\x02" + framed(bytes(12), bytes(range(13)), bytes(300)),
    "length-0": b"\x03" + framed(bytes(12)) + b"\0\0" + framed(bytes(12)),
    "length-11": b"\x04\0\x0b" + bytes(11),
    "length-over-limit": b"\x05\xff\xff" + bytes(40),
    "half-a-length": b"\x06" + framed(bytes(12)) + b"\0",
    "half-a-message": b"\x07\0\x20" + bytes(16),
}

TEXTS = {
    "a": (1, "192.0.2.1"), "a-generic": (1, "\\# 4 c0000201"), "txt": (16, '"a b" c\\065\\"'),
    "txt-unterminated": (16, '"a'), "txt-comment": (16, "a;b"),
    "tlsa": (52, "3 1 1 " + "ab" * 32), "https": (65, "1 . alpn=h2,h3 port=443"),
    "https-mandatory": (65, "1 svc.example. mandatory=alpn alpn=h2 ech=AAAA key65000=x"),
    "caa": (257, '0 issue "ca.example; a=b"'), "csync": (62, "66 3 A NS AAAA"),
    "soa": (6, "ns. admin. 1 2 3 4 5"), "uri": (256, '10 1 "ftp://x/"'),
    "parentheses": (1, "( 192.0.2.1 )"), "ptr": (12, "\\065b.example."),
}


# What the fuzzer found: a name and a parameter that read back as something else.
FOUND = {"octets-dname-at": "0027014000", "octets-svcb-parenthesis": "00400001000105000129"}


def write(corpus, name, octets):
    folder = HERE / "corpus" / corpus
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)


def main():
    seen = set()
    for line in VECTORS.read_text().splitlines():
        client, _, _, direction, digits = line.split()
        # One of each kind is enough: a client's message of one length in one direction.
        kind = (client, direction, len(digits))
        if kind not in seen:
            seen.add(kind)
            side = "request" if direction == "->" else "reply"
            write("message", "%s-%s-%d" % (client, side, len(digits) // 2),
                  bytes.fromhex(digits))
    for name, octets in HOSTILE.items():
        write("message", name, octets)
    for name, (type_, rdata) in RDATA.items():
        write("message", "add-" + name, message([1, 0, 1, 0], ZONE, rr(type_, rdata)))
        write("text", "octets-" + name, struct.pack("!H", type_) + bytes.fromhex(rdata))
    for name, octets in FRAMES.items():
        write("frame", name, octets)
    for name, digits in FOUND.items():
        write("text", name, bytes.fromhex(digits))
    for name, (type_, text) in TEXTS.items():
        write("text", "text-" + name, struct.pack("!H", type_ | 0x8000) + text.encode())


if __name__ == "__main__":
    main()
