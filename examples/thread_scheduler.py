"""A scheduler in a plain thread, for programs that have no event loop. Run it: python examples/thread_scheduler.py"""

from __future__ import annotations

import threading

from asyncz.schedulers.base import BaseScheduler


class ThreadScheduler(BaseScheduler):
    """Makes its passes in a thread of its own."""

    def __init__(self, global_config=None, **options):
        self.alarm = threading.Event()
        super().__init__(global_config, **options)

    def wakeup(self):
        self.alarm.set()

    def start(self, paused=False):
        has_started = super().start(paused)
        if has_started:
            self.alarm = threading.Event()  # one for each start, and a thread that ends with it
            threading.Thread(target=self.work, args=[self.alarm], daemon=True).start()
        return has_started

    def work(self, alarm):
        while self.running and self.alarm is alarm:
            alarm.wait(self.process_tasks())
            alarm.clear()

    def shutdown(self, wait=True):
        try:
            return super().shutdown(wait)
        finally:
            self.alarm.set()


if __name__ == "__main__":
    done = threading.Event()
    with ThreadScheduler() as scheduler:
        scheduler.add_task(lambda: print("every second"), "interval", seconds=1)
        scheduler.add_task(done.set, "interval", seconds=5)
        done.wait()
