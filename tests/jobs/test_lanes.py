"""The lanes of a worker: which queues have threads of their own."""

from procrastinate.contrib.django import app

from jobs import tasks


def test_every_task_is_retried_and_every_queue_has_a_lane():
    ours = [one for one in app.tasks.values() if not one.name.startswith("builtin:")]
    assert [one.name for one in ours if one.retry_strategy is None] == []
    served = [queue for lane in tasks.plan_lanes(concurrency=2, queues=None) for queue in lane.queues]
    assert len(served) == len(set(served))
    assert {one.queue for one in ours} | {"imports_large", "mail"} <= set(served)


def test_a_worker_of_some_queues_serves_no_other():
    served = tasks.plan_lanes(concurrency=3, queues=["webhooks", "default"])
    assert [(lane.queues, lane.threads) for lane in served] == [(("webhooks",), 4), (("default",), 3)]


def test_small_lists_and_letters_wait_for_no_large_lists():
    served = {lane.queues for lane in tasks.plan_lanes(concurrency=2, queues=None)}
    assert {("mail",), ("imports",), ("imports_large",)} <= served
