"""Mail servers that want DANE: they connect, ten times a second, and believe their caches.

Nothing of tsigate's is in here: dnspython asks, Python's ssl connects, the digests are
hashlib's over what python3-cryptography takes out of the certificate.
"""
import functools
import hashlib
import random
import smtplib
import ssl
import threading
import time

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rdatatype
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CACHES = 5
# Of each cache: together they connect ten times a second.
INTERVAL_S = CACHES / 10


def ask_tlsa(name, address, port, wanted):
    """The TLSA records where `name` leads: {(usage, selector, matching, octets)}, and
    for how long they may be kept. `wanted`: the flag without which nobody believes."""
    query = dns.message.make_query(name, "TLSA", flags=dns.flags.RD | dns.flags.AD)
    reply = dns.query.udp(query, address, timeout=1, port=port, ignore_unexpected=True)
    if not reply.flags & wanted:
        return frozenset(), 0
    found = [rdata for rrset in reply.answer
             if rrset.rdtype == dns.rdatatype.TLSA for rdata in rrset]
    ttl = min((rrset.ttl for rrset in reply.answer), default=0)
    return frozenset((one.usage, one.selector, one.mtype, one.cert) for one in found), ttl


def presented(port):
    """The certificate of the live service, DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", port, "prober.example", timeout=5) as smtp:
        smtp.starttls(context=context)
        return smtp.sock.getpeercert(True)


@functools.lru_cache(maxsize=64)
def digests(der):
    """What DANE-EE may say of a certificate."""
    public = x509.load_der_x509_certificate(der).public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {(3, selector, matching, octets)
            for selector, whole in ((0, der), (1, public))
            for matching, octets in ((0, whole), (1, hashlib.sha256(whole).digest()),
                                     (2, hashlib.sha512(whole).digest()))}


class Cache(threading.Thread):
    """One mail server. It keeps an RRset for its TTL, asks anybody for the next one, and
    takes the certificate for good if a record that it keeps matches."""

    def __init__(self, prober, number):
        super().__init__(daemon=True)
        self.prober = prober
        self.phase = INTERVAL_S * number / CACHES
        self.random = random.Random(number)
        self.records = frozenset()
        self.expires = 0.0

    def run(self):
        due = time.monotonic() + self.phase
        while not self.prober.is_over.wait(max(due - time.monotonic(), 0)):
            due += INTERVAL_S
            self.prober.count(*self.connect())

    def connect(self):
        try:
            if time.monotonic() >= self.expires:
                self.records, ttl = self.random.choice(self.prober.sources)()
                self.expires = time.monotonic() + ttl
        except (OSError, dns.exception.DNSException) as wrong:
            return "unasked", repr(wrong)
        try:
            der = presented(self.prober.port)
        except (OSError, smtplib.SMTPException) as wrong:
            return "away", repr(wrong)
        if self.records & digests(der):
            return "held", ""
        kept = sorted(octets[:4].hex() for *_, octets in self.records)
        return "failed", f"kept {kept}: {digests(der)}"


class Prober:
    """Connects to 127.0.0.1:port while the `with` lasts. `sources` are functions that
    give what ask_tlsa() does: the resolver and the name servers."""

    def __init__(self, port, sources):
        self.port = port
        self.sources = sources
        self.is_over = threading.Event()
        self.lock = threading.Lock()
        self.counts = {"held": 0, "failed": 0, "away": 0, "unasked": 0}
        self.texts = []

    def count(self, outcome, text):
        with self.lock:
            self.counts[outcome] += 1
            if outcome != "held":
                self.texts.append(f"{time.monotonic() - self.begin:.1f} s: {outcome}: "
                                  f"{text}")

    def __enter__(self):
        self.begin = time.monotonic()
        self.caches = [Cache(self, number) for number in range(CACHES)]
        for cache in self.caches:
            cache.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for cache in self.caches:
            cache.join(20)

    def __getattr__(self, name):
        return self.__dict__["counts"][name]

    def assert_unbroken(self, seconds):
        """It has seen so many seconds, and DANE in all of them. While the service
        reloads, and while a name server is stopped, a few miss."""
        told = "\n".join([str(self.counts), *self.texts[:20]])
        assert self.failed == 0, told
        assert self.held >= seconds * 5, told
