"""Draws beside other threads: free of the interpreter, ended by Ctrl-C, and after a fork."""

import hashlib
import multiprocessing
import signal
import threading
import time

import numpy as np
import pytest

import varscale

# Of a tensor that several threads draw.
LARGE = (700, 1000)


def test_threads_draw_at_once():
    # The interpreter is free while a tensor is drawn: were it not, this counter would stand still.
    done, counts = threading.Event(), []

    def count():
        counted = 0
        while not done.is_set():
            counted += 1
        counts.append(counted)

    counter = threading.Thread(target=count)
    counter.start()
    initializer = varscale.RandomNormal(seed=1)
    array = np.empty(20_000_000, "float32")
    initializer.fill_(array)
    done.set()
    counter.join()
    assert counts[0] > 1000

    results = []
    draws = [
        threading.Thread(target=lambda: results.append(varscale.HeNormal(7)(LARGE).tobytes()))
        for _ in range(4)
    ]
    for draw in draws:
        draw.start()
    for draw in draws:
        draw.join()
    assert len(results) == 4
    assert len(set(results)) == 1


class Interrupted(Exception):
    """What a signal handler raises."""


# What takes seconds, or days.
MILLIONS = (200_000_000,)
TOO_MANY = (2**41,)
LONG = {
    "keras-jax": lambda: varscale.RandomNormal(seed=1, stream="keras-jax")(MILLIONS),
    "filling": lambda: varscale.RandomNormal(seed=1, stream="keras-jax").fill_(
        np.empty(MILLIONS, ">f4")
    ),
    "the end of keras-torch": lambda: varscale.HeNormal(1, stream="keras-torch")(
        TOO_MANY, slice=np.s_[-3:]
    ),
    "rows of keras-numpy": lambda: varscale.HeNormal(1, stream="keras-numpy")(
        (3, *TOO_MANY), slice=np.s_[:, :3]
    ),
}


@pytest.mark.parametrize("name", LONG)
def test_a_signal_ends_a_long_draw(name):
    def interrupt(*_):
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        started = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(Interrupted):
            LONG[name]()
        assert time.monotonic() - started < 1.2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _digest(queue):
    queue.put(hashlib.sha256(varscale.HeNormal(7)(LARGE).tobytes()).hexdigest())


forks = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork"
)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
@forks
@pytest.mark.parametrize("busy", [False, True])
def test_a_forked_child_draws_with_threads_of_its_own(busy):
    expected = hashlib.sha256(varscale.HeNormal(7)(LARGE).tobytes()).hexdigest()
    done = threading.Event()

    def draw():
        while not done.is_set():
            varscale.HeNormal(7)(LARGE)

    # Another thread draws, and holds whatever it holds, while the process forks.
    other = threading.Thread(target=draw)
    if busy:
        other.start()
    try:
        context = multiprocessing.get_context("fork")
        for _ in range(10 if busy else 1):
            queue = context.Queue()
            child = context.Process(target=_digest, args=(queue,))
            child.start()
            assert queue.get(timeout=60) == expected
            child.join(60)
    finally:
        done.set()
        if busy:
            other.join()
