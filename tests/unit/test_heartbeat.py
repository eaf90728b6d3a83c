from pigment_watcher.heartbeat import Heartbeats


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_promise_is_kept_until_its_last_moment() -> None:
    clock = Clock()
    heartbeats = Heartbeats(clock)
    heartbeats.promise("worker-1", 5.0)
    clock.now += 5.0
    assert heartbeats.broken() == []


def test_a_promise_is_broken_after_its_last_moment() -> None:
    clock = Clock()
    heartbeats = Heartbeats(clock)
    heartbeats.promise("worker-1", 5.0)
    clock.now += 5.1
    assert heartbeats.broken() == ["worker-1"]


def test_the_overdue_are_named_in_order_and_only_they() -> None:
    clock = Clock()
    heartbeats = Heartbeats(clock)
    heartbeats.promise("worker-2", 1.0)
    heartbeats.promise("intake", 60.0)
    heartbeats.promise("worker-1", 2.0)
    clock.now += 10.0
    assert heartbeats.broken() == ["worker-1", "worker-2"]


def test_a_new_promise_replaces_the_old_one() -> None:
    clock = Clock()
    heartbeats = Heartbeats(clock)
    heartbeats.promise("intake", 1.0)
    clock.now += 2.0
    heartbeats.promise("intake", 1.0)
    assert heartbeats.broken() == []


def test_a_shorter_promise_replaces_a_longer_one() -> None:
    clock = Clock()
    heartbeats = Heartbeats(clock)
    heartbeats.promise("intake", 600.0)
    heartbeats.promise("intake", 1.0)
    clock.now += 2.0
    assert heartbeats.broken() == ["intake"]


def test_nothing_is_expected_of_a_thread_that_retired() -> None:
    clock = Clock()
    heartbeats = Heartbeats(clock)
    heartbeats.promise("worker-1", 1.0)
    heartbeats.retire("worker-1")
    clock.now += 2.0
    assert heartbeats.broken() == []


def test_a_thread_that_never_promised_may_retire() -> None:
    heartbeats = Heartbeats(Clock())
    heartbeats.retire("worker-9")
    assert heartbeats.broken() == []
