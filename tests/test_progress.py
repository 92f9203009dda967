"""Progress of long loops."""

import pytest

from dtn_core.core.progress import report_to, track


def test_a_listener_is_called_with_the_share_after_every_item():
    shares = []
    with report_to(lambda words, share: shares.append((words, share))):
        assert list(track([1, 2, 3, 4], "counting")) == [1, 2, 3, 4]
    assert shares == [("counting", 0.25), ("counting", 0.5), ("counting", 0.75), ("counting", 1.0)]
    list(track([1], "counting"))
    assert len(shares) == 4, "no longer"


def test_a_listener_ends_the_loop():
    def stop(words, share):
        raise KeyError(words)

    with report_to(stop), pytest.raises(KeyError):
        list(track(iter("abc"), "reading", total=3))
