"""tsigate edit, grant and revoke with a gateway that runs: what they install is in force
when they return."""
import wire

NAME = "_acme-challenge.www1.duckcorp.org"


def delete(gateway):
    """mx1 deletes at a name of www1's: nothing is there, so nothing changes."""
    message = wire.update("duckcorp.org", wire.delete(NAME, "TXT"))
    reply = wire.ask_tcp(wire.sign(message, gateway.key("mx1.duckcorp.org")), gateway.port)
    return reply.rcode


def test_grant_and_revoke_are_in_force(gateway):
    before = gateway.acl.read_text()
    assert delete(gateway) == "REFUSED"
    words = ("mx1.duckcorp.org", "acme", "www1.duckcorp.org")
    done = gateway.tool("grant", "--yes", *words)
    assert done.returncode == 0, done.stderr
    assert "reloaded: generation " in done.stdout
    assert delete(gateway) == "NOERROR"
    done = gateway.tool("revoke", "--yes", *words)
    assert done.returncode == 0, done.stderr
    assert delete(gateway) == "REFUSED"
    assert gateway.acl.read_text() == before


def test_nobody_runs(gateway):
    """The file is installed all the same, and in force from the next start on."""
    before = gateway.acl.read_text()
    gateway.stop()
    try:
        done = gateway.tool("grant", "--yes", "mx1.duckcorp.org", "acme",
                            "www1.duckcorp.org")
        assert done.returncode == 4 and "stays installed" in done.stderr
        gateway.start()
        assert delete(gateway) == "NOERROR"
    finally:
        gateway.acl.write_text(before)
        if not gateway.alive:
            gateway.start()
        assert gateway.tool("reload").returncode == 0
    assert delete(gateway) == "REFUSED"
