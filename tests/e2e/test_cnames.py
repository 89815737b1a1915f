"""tsigate cnames --check against BIND: what is drift, and what the zone itself tells."""
from lab import SHADOW


def line(word, original, target):
    return f"{word} {original}. IN CNAME {target}."


def told(gateway):
    done = gateway.tool("cnames", "--check")
    return done, [" ".join(text.split()) for text in done.stdout.splitlines()]


def test_drift_is_found(gateway):
    done, lines = told(gateway)
    assert (done.returncode, done.stderr) == (1, "")
    assert line("missing", "_acme-challenge.bare.duckcorp.org",
                f"_acme-challenge.bare.{SHADOW}") in lines
    assert (line("elsewhere", "_acme-challenge.astray.duckcorp.org",
                 f"_acme-challenge.astray.{SHADOW}")
            + f" ; leads to _acme-challenge.mx2.{SHADOW}.") in lines
    # Delegated by the zone, granted to nobody.
    assert line("ungranted", "_465._tcp.mx1.duckcorp.org",
                f"_465._tcp.mx1.{SHADOW}") in lines
    assert not any("_acme-challenge.mx1." in text or "legacy-77" in text for text in lines)


def test_one_name_is_left(gateway):
    """Every delegation is granted but the one that leads to another host's name."""
    whole = gateway.acl.read_text()
    grants = "".join(f"grant {host}.duckcorp.org tlsa {host}.duckcorp.org 25/tcp 465/tcp\n"
                     for host in ("mx1", "mx2", "www1", "imap"))
    try:
        gateway.acl.write_text(whole.replace(" bare.duckcorp.org astray.duckcorp.org", "")
                               + grants)
        done, lines = told(gateway)
    finally:
        gateway.acl.write_text(whole)
    assert (done.returncode, done.stderr) == (1, "")
    assert lines == [line("ungranted", "_acme-challenge.astray.duckcorp.org",
                          f"_acme-challenge.mx2.{SHADOW}")]


def test_a_transfer_of_many_messages(new_lab):
    """BIND signs each of them, the second and later ones over the timers alone (RFC 8945
    5.3.1)."""
    lab = new_lab()
    lab.start_primary()
    zone = lab.primary.folder / "duckcorp.org.zone"
    zone.write_text(zone.read_text() + "".join(
        f"_acme-challenge.n{i:04} IN CNAME _acme-challenge.n{i:04}.{SHADOW}.\n"
        for i in range(3000)))
    lab.primary.restart()
    gateway = lab.make_gateway()
    done, lines = told(gateway)
    assert (done.returncode, done.stderr) == (1, "")
    many = [text for text in lines if text.startswith("ungranted _acme-challenge.n")]
    assert len(many) == 3000
    assert "AXFR ended: 1 messages" not in lab.primary.logged()
