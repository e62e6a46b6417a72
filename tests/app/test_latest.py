from __future__ import annotations

import threading

from app.latest import Latest


def test_the_newest_item_replaces_the_one_before_and_is_counted() -> None:
    latest: Latest[int] = Latest()
    for item in range(5):
        latest.put(item)
    assert latest.take() == 4
    assert latest.take() is None
    assert latest.num_dropped == 4


def test_an_offer_waits_until_the_mailbox_is_empty() -> None:
    latest: Latest[int] = Latest()
    assert latest.offer(1, 0.01)
    assert not latest.offer(2, 0.01)
    taker = threading.Timer(0.02, latest.take)
    taker.start()
    assert latest.offer(2, 5)
    taker.join()
    assert latest.take() == 2
    assert latest.num_dropped == 0


def test_a_waiting_reader_gets_what_comes() -> None:
    latest: Latest[str] = Latest()
    writer = threading.Timer(0.02, latest.put, ["late"])
    writer.start()
    assert latest.take(timeout_s=5) == "late"
    writer.join()


def test_nothing_is_lost_or_reordered_between_an_offering_and_a_taking_thread() -> None:
    latest: Latest[int] = Latest()
    taken: list[int] = []

    def read() -> None:
        while len(taken) < 2000 and (item := latest.take(5)) is not None:
            taken.append(item)

    reader = threading.Thread(target=read)
    reader.start()
    assert all(latest.offer(item, 5) for item in range(1, 2001))
    reader.join()
    assert taken == list(range(1, 2001))
