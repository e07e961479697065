"""A wait fails when nothing moves, not when a clock says so: the rule on a clock of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from include.errors import CheckFailedError, RetryLaterError
from include.local_stack.machine import MAX_FACTOR, LoadMeter, MachineLoad
from include.local_stack.waiting import Clock, wait_for

QUIET = MachineLoad(slowness=1.0, contention=1.0, load=0.3, cores=2, steal=0.0)
BUSY = MachineLoad(slowness=1.0, contention=3.0, load=8.0, cores=2, steal=0.1)


@dataclass
class Scene:
    """A machine on which time passes only by sleeping; the load is a function of the time."""

    load: list[tuple[float, MachineLoad]] = field(default_factory=lambda: [(0.0, QUIET)])
    now: float = 0.0

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep, self.load_now)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def load_now(self) -> MachineLoad:
        return next(load for since, load in reversed(self.load) if since <= self.now)

    def wait(self, until: float = float("inf"), **kwargs) -> bool:
        return wait_for(
            lambda: self.now >= until, what="it has not ended", clock=self.clock, **kwargs
        )


def test_work_that_moves_may_take_any_time():
    scene = Scene()

    assert scene.wait(until=5000, progress=lambda: scene.now // 50)
    assert scene.now == pytest.approx(5000)


def test_a_hang_on_a_quiet_machine_fails_within_two_minutes():
    scene = Scene()

    with pytest.raises(RetryLaterError, match=r"it has not ended: nothing has moved for 6\d s"):
        scene.wait(progress=lambda: min(scene.now, 100.0))
    assert scene.now < 100 + 120


def test_a_busy_machine_is_given_more_time_in_proportion():
    scene = Scene(load=[(0.0, BUSY)])

    assert scene.wait(until=200, progress=lambda: 0)
    scene = Scene(load=[(0.0, BUSY)])
    with pytest.raises(RetryLaterError):
        scene.wait(progress=lambda: 0)
    assert scene.now == pytest.approx(60 * BUSY.factor, abs=5)


def test_a_stopped_process_is_not_waited_for_longer_on_a_busy_machine():
    scene = Scene(load=[(0.0, BUSY)])

    with pytest.raises(RetryLaterError, match=r"nothing has moved for 6\d s"):
        scene.wait(progress=lambda: 0, broken=lambda: True)
    assert scene.now < 120


def test_load_that_comes_during_the_standstill_extends_it():
    scene = Scene(load=[(0.0, QUIET), (30.0, BUSY)])

    with pytest.raises(RetryLaterError):
        scene.wait(progress=lambda: 0)
    assert scene.now == pytest.approx(30 + 30 * BUSY.factor, abs=20)


def test_the_message_says_what_stood_still_and_whether_the_machine_is_busy():
    with pytest.raises(RetryLaterError) as quiet:
        Scene().wait(explain=lambda: "airflow-scheduler is stopped")
    with pytest.raises(RetryLaterError) as busy:
        Scene(load=[(0.0, BUSY)]).wait()

    assert "airflow-scheduler is stopped" in str(quiet.value)
    assert "The machine is not busy: load 0.3 on 2 cores" in str(quiet.value)
    assert "The machine is busy: load 8.0 on 2 cores, 10%" in str(busy.value)


def test_a_server_that_does_not_answer_is_asked_again_and_named_at_the_end():
    scene = Scene()

    def answers() -> bool:
        if scene.now < 30:
            raise RetryLaterError("the server does not answer")
        return True

    def never() -> bool:
        raise RetryLaterError("the server does not answer")

    assert wait_for(answers, what="it", clock=scene.clock)
    with pytest.raises(RetryLaterError, match="the server does not answer"):
        wait_for(never, what="it", progress=never, clock=scene.clock)


def test_an_empty_list_is_not_what_was_waited_for():
    scene = Scene()
    mails: list[str] = []

    def received() -> list[str]:
        if scene.now >= 20:
            mails.append("firing")
        return mails

    assert wait_for(received, what="no mail has arrived", clock=scene.clock) == ["firing"]
    assert scene.now == 20.0


def test_a_failed_check_ends_the_wait_at_once():
    scene = Scene()

    def failed() -> bool:
        raise CheckFailedError("the run failed")

    with pytest.raises(CheckFailedError, match="the run failed"):
        wait_for(failed, what="it", clock=scene.clock)
    assert scene.now == 0.0


def test_what_moves_for_ever_ends_at_the_outer_limit():
    scene = Scene()

    with pytest.raises(RetryLaterError, match="still moves after 900 s"):
        scene.wait(progress=lambda: scene.now, limit_s=900)
    assert scene.now < 910


@pytest.mark.parametrize(
    ("load", "factor"),
    [
        (QUIET, 1.0),
        (MachineLoad(0.5, 1.0, 0.0, 2, 0.0), 1.0),
        (MachineLoad(2.0, 1.0, 0.0, 2, 0.0), 2.0),
        (MachineLoad(1.0, 1.0, 8.0, 2, 0.0), 4.0),
        (MachineLoad(1.0, 1.0, 0.0, 2, 0.75), 4.0),
        (MachineLoad(3.0, 9.0, 99.0, 1, 1.0), MAX_FACTOR),
    ],
)
def test_the_factor_is_that_of_speed_times_the_worst_sign_of_load(load: MachineLoad, factor: float):
    assert load.factor == pytest.approx(factor)


def test_this_machine_can_be_measured():
    meter = LoadMeter()

    loads = [meter.measure() for _ in range(2)]

    assert all(load.slowness > 0 and load.contention >= 1 and load.cores >= 1 for load in loads)
    assert all(0 <= load.steal <= 1 and 1 <= load.factor <= MAX_FACTOR for load in loads)
