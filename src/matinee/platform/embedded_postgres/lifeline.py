"""A child that must not outlive us: the kernel signals it when its parent dies, however that happens."""

import ctypes
import os
import signal
import threading
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)  # loaded now: nothing may be imported between fork and exec


def die_with_parent(signal_number: signal.Signals) -> Callable[[], None] | None:
    """Return a `preexec_fn` that has the kernel send `signal_number` to the child when we die.

    Linux ties this to the *thread* that starts the child, so it is only given on the main thread;
    elsewhere the answer is None and the child must be stopped by its owner.
    """
    if threading.current_thread() is not threading.main_thread():
        return None
    parent = os.getpid()

    def before_exec() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != parent:  # we died between fork and prctl
            os._exit(1)

    return before_exec
