"""scripts/soak for a moment, so that it still runs when somebody needs it; and that it sees
what it is there for."""
import time

import pytest

from lab import SHADOW, STATIC
from soak import Slot, Soak


def test_a_moment(tmp_path):
    soak = Soak(tmp_path, seed=time.time_ns() % 10**9)
    try:
        soak.run(seconds=10)
    finally:
        soak.lab.stop()
    assert soak.counter.seen["change", "NOERROR"] > 0, soak.seed


@pytest.fixture
def slot():
    made = Slot(f"_acme-challenge.mx1.{STATIC}", f"_acme-challenge.mx1.{SHADOW}", "TXT")
    made.sure = {"acknowledged"}
    made.maybe = {"unanswered"}
    return made


@pytest.mark.parametrize("found", [{"acknowledged"}, {"acknowledged", "unanswered"}])
def test_what_may_be_found(slot, found):
    slot.settle(found)
    assert (slot.sure, slot.maybe) == (found, set())


@pytest.mark.parametrize("found, said", [
    (set(), "lost"), ({"unanswered"}, "lost"),
    ({"acknowledged", "refused"}, "not asked for, or refused")])
def test_what_may_not_be_found(slot, found, said):
    with pytest.raises(AssertionError, match=said):
        slot.settle(found)
