"""Audit logs as tsigated writes them, octet for octet in form, for the tests of the tool."""
import datetime
import hashlib
import json

ZEROS = "0" * 64
START = datetime.datetime(2026, 11, 25, tzinfo=datetime.timezone.utc)


def stamp(second):
    time = START + datetime.timedelta(seconds=second)
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def sha256(line):
    return hashlib.sha256(line.encode()).hexdigest()


def txt(text):
    return bytes([len(text)]).hex() + text.encode().hex()


def change(original, target=None, op="add", type_="TXT", ttl=60, rdata="026869", **fields):
    ttl = ttl if op == "add" else None
    return {"op": op, "type": type_, "original": original, "target": target or original,
            "ttl_asked": ttl, "ttl": ttl, "rdata": rdata, **fields}


class Log:
    """lines, without newlines; each add() is one second later."""

    def __init__(self, seq=1, prev=ZEROS):
        self.lines = []
        self.seq, self.prev = seq, prev

    def put(self, event, **fields):
        line = json.dumps({"event": event, "time": stamp(self.seq), "seq": self.seq, "gen": 1,
                           **fields, "prev": self.prev}, separators=(",", ":"))
        self.lines.append(line)
        self.seq += 1
        self.prev = sha256(line)

    def tear(self, octets="{\"event\":\"int"):
        self.lines.append(octets)
        self.prev = sha256(octets)

    def result(self, host="mx1.example.org", changes=(), verdict="permitted", reason=None,
               rcode=None, zone="example.org", event="result", rule=None, source="192.0.2.25",
               transport="udp", key=None):
        rcodes = {"permitted": "NOERROR", "refused": "REFUSED", "failed": "SERVFAIL"}
        self.put(event, host=host, key=key or host, mac=f"{self.seq:064x}",
                 time_signed=int(START.timestamp()) + self.seq, **{"from": source},
                 transport=transport, zone=zone, changes=list(changes), verdict=verdict,
                 reason=reason or verdict, rule=rule, rcode=rcode or rcodes[verdict],
                 primary_rcode=None, latency_us=1234, batch=1 if verdict == "permitted" else 0)

    def write(self, path, lines=None, end="\n"):
        path.write_text("\n".join(self.lines if lines is None else lines) + end)
        return path
