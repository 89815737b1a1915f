"""UDP, TCP and IPv6; framing; deadlines; the same octets again."""
import signal
import socket
import time

import pytest

import wire
from lab import SHADOW, STATIC, free_port, has_ipv6

CHALLENGE = f"_acme-challenge.mx1.{STATIC}"
TARGET = f"_acme-challenge.mx1.{SHADOW}"
OTHER = f"_acme-challenge.www1.{STATIC}"
TOKEN = wire.acme_token("transport")
QUOTED = f'"{TOKEN}"'


def signed_add(gateway, token=TOKEN, name=CHALLENGE, ttl=60):
    return wire.sign(wire.update(STATIC, wire.add(name, "TXT", token, ttl)),
                     gateway.key())


def signed_delete(gateway, *value):
    return wire.sign(wire.update(STATIC, wire.delete(CHALLENGE, "TXT", *value)),
                     gateway.key())


def clean(gateway):
    reply = wire.ask_tcp(signed_delete(gateway), gateway.port)
    assert reply.rcode == "NOERROR"


# ---- the same verdict on every transport (N-5) ---------------------------------------

TRANSPORTS = {
    "udp": (wire.ask_udp, "127.0.0.1"),
    "tcp": (wire.ask_tcp, "127.0.0.1"),
    "udp6": (wire.ask_udp, "::1"),
    "tcp6": (wire.ask_tcp, "::1"),
}


@pytest.fixture(scope="module")
def dual_lab(new_lab):
    """A gateway that also listens on ::1, where there is IPv6."""
    lab = new_lab()
    lab.start_primary()
    lab.port6 = free_port("::1") if has_ipv6() else None
    lab.start_gateway(more_listen=[("::1", lab.port6)] if lab.port6 else [])
    return lab


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_same_verdicts(dual_lab, transport):
    ask, host = TRANSPORTS[transport]
    port = dual_lab.port6 if host == "::1" else dual_lab.gateway.port
    if port is None:
        pytest.skip("no IPv6 loopback on this machine")
    gateway, primary = dual_lab.gateway, dual_lab.primary

    added = ask(signed_add(gateway), port, host)
    assert (added.rcode, added.signed) == ("NOERROR", True)
    assert primary.records() == {(TARGET, "TXT", QUOTED)}
    refused = ask(signed_add(gateway, name=OTHER), port, host)
    assert (refused.rcode, refused.signed, refused.reason) == (
        "REFUSED", True, "name-not-granted")
    unsigned = ask(wire.unsigned(wire.update(STATIC)), port, host)
    assert (unsigned.rcode, unsigned.tsig) == ("REFUSED", None)
    elsewhere = ask(wire.sign(wire.update(STATIC), wire.Key("stranger")), port, host)
    assert (elsewhere.rcode, elsewhere.tsig.error) == ("NOTAUTH", wire.BADKEY)
    deleted = ask(signed_delete(gateway, TOKEN), port, host)
    assert (deleted.rcode, deleted.signed) == ("NOERROR", True)
    assert primary.records() == set()


# ---- framing (N-2) -------------------------------------------------------------------

def test_one_frame_octet_by_octet(gateway, primary):
    request = signed_add(gateway)
    with wire.Tcp(gateway.port) as connection:
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in wire.frame(request):
            connection.send_octets(bytes([octet]))
        reply = connection.receive(request)
    assert (reply.rcode, reply.signed) == ("NOERROR", True)
    assert primary.records() == {(TARGET, "TXT", QUOTED)}
    clean(gateway)


@pytest.mark.parametrize("cut", [1, 2, 3, 13, 14, -1])
def test_one_frame_in_two_pieces(gateway, primary, cut):
    request = signed_add(gateway)
    octets = wire.frame(request)
    with wire.Tcp(gateway.port) as connection:
        connection.send_octets(octets[:cut])
        time.sleep(0.05)
        connection.send_octets(octets[cut:])
        assert connection.receive(request).rcode == "NOERROR"
    assert primary.records() == {(TARGET, "TXT", QUOTED)}
    clean(gateway)


def test_two_frames_and_a_half_at_once(gateway, primary):
    requests = [signed_add(gateway, wire.acme_token(number)) for number in range(3)]
    octets = b"".join(map(wire.frame, requests))
    with wire.Tcp(gateway.port) as connection:
        connection.send_octets(octets[:-20])
        first, second = connection.receive_for(requests[:2])
        connection.send_octets(octets[-20:])
        third = connection.receive(requests[2])
    for reply in (first, second, third):
        assert (reply.rcode, reply.signed) == ("NOERROR", True)
    assert len(primary.ask(TARGET, "TXT")) == 3
    clean(gateway)


def test_pipelined_updates_keep_their_order(gateway, primary):
    """More than may be under way on one connection; each answered once, in any order,
    each with the MAC of its own request (T-23); applied in order (U-11)."""
    requests = []
    for number in range(15):
        token = wire.acme_token(f"pipelined {number}")
        requests += [signed_add(gateway, token), signed_delete(gateway, token)]
    requests.append(signed_add(gateway))
    with wire.Tcp(gateway.port, timeout=20) as connection:
        connection.send(*requests)
        replies = connection.receive_for(requests)
    assert [(reply.rcode, reply.signed) for reply in replies] == [
        ("NOERROR", True)] * len(requests)
    assert primary.records() == {(TARGET, "TXT", QUOTED)}
    clean(gateway)


def test_half_closed_connection_gets_its_reply(gateway, primary):
    request = signed_add(gateway)
    with wire.Tcp(gateway.port) as connection:
        connection.send(request)
        connection.sock.shutdown(socket.SHUT_WR)
        assert connection.receive(request).rcode == "NOERROR"
        assert connection.receive() is None
    assert primary.records() == {(TARGET, "TXT", QUOTED)}
    clean(gateway)


@pytest.mark.parametrize("octets", [b"\0\0", b"\0\x0b" + bytes(11), b"\xff\xff"],
                         ids=["empty", "shorter-than-a-header", "over-the-limit"])
def test_impossible_frame_closes_the_connection(gateway, octets):
    with wire.Tcp(gateway.port) as connection:
        connection.send_octets(octets)
        assert connection.is_closed(2)


def test_message_over_the_limit_by_udp_is_dropped(gateway):
    request = wire.unsigned(wire.update(STATIC))
    assert wire.silent_udp(request.wire + bytes(20000), gateway.port)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_responses_and_scraps_are_not_answered(gateway, transport):
    """P0, I7: nothing with QR set, nothing shorter than a header."""
    response = bytearray(signed_add(gateway).wire)
    response[2] |= 0x80
    for octets in (bytes(response), b"", b"\0" * 11):
        if transport == "udp":
            assert wire.silent_udp(octets, gateway.port, seconds=0.3)
        elif len(octets) >= 12:
            with wire.Tcp(gateway.port, timeout=0.5) as connection:
                connection.send_octets(len(octets).to_bytes(2, "big") + octets)
                with pytest.raises((socket.timeout, AssertionError)):
                    assert connection.receive() is not None


# ---- deadlines and limits ------------------------------------------------------------

@pytest.fixture(scope="module")
def strict_lab(new_lab):
    lab = new_lab()
    lab.start_primary()
    lab.start_gateway(limits="""
        tcp_first_octet_ms = 400; tcp_message_ms = 800; tcp_idle_ms = 600;
        tcp_idle_verified_ms = 1500; tcp_per_source = 6; host_rate = 5; host_burst = 12;
        error_rate = 3;""")
    return lab


def seconds_until_closed(connection, limit=5):
    begin = time.monotonic()
    assert connection.is_closed(limit), f"still open after {limit} s"
    return time.monotonic() - begin


def test_first_octet_has_a_deadline(strict_lab):
    with wire.Tcp(strict_lab.gateway.port) as connection:
        assert 0.2 < seconds_until_closed(connection) < 2


def test_half_a_message_has_a_deadline(strict_lab):
    """Slow octets do not prolong it."""
    octets = wire.frame(signed_add(strict_lab.gateway))
    begin = time.monotonic()
    with wire.Tcp(strict_lab.gateway.port) as connection:
        connection.sock.settimeout(0.1)
        for octet in octets[:60]:
            try:
                connection.send_octets(bytes([octet]))
                if connection.sock.recv(1) == b"":
                    break
            except socket.timeout:
                continue
            except OSError:
                break
    assert 0.6 < time.monotonic() - begin < 3


def test_a_verified_connection_may_idle_longer(strict_lab):
    gateway = strict_lab.gateway
    query = wire.query(STATIC, "SOA")
    for request, least, most in ((wire.unsigned(query), 0.4, 1.4),
                                 (wire.sign(query, gateway.key()), 1.2, 3)):
        with wire.Tcp(gateway.port) as connection:
            connection.send(request)
            assert connection.receive(request).rcode == "NOERROR"
            assert least < seconds_until_closed(connection) < most


def test_connections_of_one_source_are_limited(strict_lab):
    """The one too many is closed; those within the limit are served."""
    gateway = strict_lab.gateway
    time.sleep(0.2)  # the connections of the tests before are being closed
    open_ones = [wire.Tcp(gateway.port) for _ in range(9)]
    try:
        time.sleep(0.1)
        closed = [connection for connection in open_ones if connection.is_closed(0.02)]
        assert len(closed) == 3
        request = wire.unsigned(wire.query(STATIC, "SOA"))
        served = next(one for one in open_ones if one not in closed)
        served.sock.settimeout(5)
        served.send(request)
        assert served.receive(request).rcode == "NOERROR"
    finally:
        for connection in open_ones:
            connection.sock.close()


def test_silent_connections_delay_nobody(gateway):
    silent = [wire.Tcp(gateway.port) for _ in range(30)]
    try:
        begin = time.monotonic()
        reply = wire.ask_tcp(wire.sign(wire.update(STATIC), gateway.key()), gateway.port)
        assert reply.rcode == "NOERROR"
        assert time.monotonic() - begin < 1
    finally:
        for connection in silent:
            connection.sock.close()


def test_a_host_over_its_rate_is_refused(strict_lab):
    """R-4: signed, with its reason, and another host does not notice."""
    gateway = strict_lab.gateway
    requests = [wire.sign(wire.update(STATIC), gateway.key("imap.duckcorp.org"),
                          time_signed=int(time.time()) - number)
                for number in range(30)]
    replies = [wire.ask_udp(request, gateway.port) for request in requests]
    reasons = [reply.reason for reply in replies if reply.rcode == "REFUSED"]
    assert 5 <= len(reasons) <= 18
    assert set(reasons) == {"rate-limited"}
    assert all(reply.signed for reply in replies)
    other = wire.ask_udp(wire.sign(wire.update(STATIC),
                                   gateway.key("www1.duckcorp.org")), gateway.port)
    assert other.rcode == "NOERROR"


def test_unauthenticated_errors_are_limited(strict_lab):
    """R-2."""
    port = strict_lab.gateway.port
    answered = 0
    with wire.udp_socket("127.0.0.1", 0.5) as sock:
        for _ in range(40):
            request = wire.sign(wire.update(STATIC), wire.Key("stranger"))
            sock.sendto(request.wire, ("127.0.0.1", port))
        try:
            while True:
                sock.recv(4096)
                answered += 1
        except socket.timeout:
            pass
    assert 1 <= answered <= 20


# ---- the same octets again (T-19, I4) ------------------------------------------------

def test_retransmission_is_executed_once(gateway, primary):
    """The same octets from other ports and by TCP: answered each time, executed once.
    The value is deleted in between, so a second execution would show."""
    request = signed_add(gateway)
    first = wire.ask_udp(request, gateway.port)
    assert (first.rcode, first.signed) == ("NOERROR", True)
    assert primary.records() == {(TARGET, "TXT", QUOTED)}
    clean(gateway)
    serial = primary.serial(SHADOW)
    for again in (wire.ask_udp(request, gateway.port), wire.ask_udp(request, gateway.port),
                  wire.ask_tcp(request, gateway.port)):
        assert (again.rcode, again.signed) == ("NOERROR", True)
    assert primary.records() == set()
    assert primary.serial(SHADOW) == serial


def test_replay_under_another_id_is_not_executed(gateway, primary):
    """The header's ID is not covered by the MAC (T-4)."""
    request = signed_add(gateway)
    assert wire.ask_udp(request, gateway.port).rcode == "NOERROR"
    clean(gateway)
    other_id = bytes([request.wire[0] ^ 0x55]) + request.wire[1:]
    wire.ask_udp(wire.Request(other_id, request.key, request.mac), gateway.port)
    assert primary.records() == set()


def test_copies_of_a_request_under_way_get_its_answer(gateway, primary):
    """knsupdate repeats from a new port each time. The first and the last three copies are
    answered (T-19); who was let go gets nothing at all, not even an empty datagram."""
    request = signed_add(gateway)
    serial = primary.serial(SHADOW)
    # The CNAME is in the gateway's cache: what waits for the primary is the update.
    wire.ask_udp(signed_delete(gateway), gateway.port)
    primary.signal(signal.SIGSTOP)
    try:
        sockets = [wire.udp_socket("127.0.0.1") for _ in range(6)]
        for sock in sockets:
            sock.sendto(request.wire, ("127.0.0.1", gateway.port))
            time.sleep(0.1)
    finally:
        primary.signal(signal.SIGCONT)
    for sock in (sockets[0], *sockets[3:]):
        reply = wire.read_reply(sock.recv(4096), request)
        assert (reply.rcode, reply.signed) == ("NOERROR", True)
    for sock in sockets[1:3]:
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(4096)
    for sock in sockets:
        sock.close()
    assert primary.records() == {(TARGET, "TXT", QUOTED)}
    assert primary.serial(SHADOW) == serial + 1
    clean(gateway)
