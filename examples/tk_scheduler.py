"""A scheduler in the main loop of a window. Run it: python examples/tk_scheduler.py"""

from __future__ import annotations

import time

from asyncz.schedulers.base import BaseScheduler


class TkScheduler(BaseScheduler):
    """Makes its passes in the main loop of Tk, and calls tasks there too, so that they may touch the window.

    ``root`` may be anything with ``after(milliseconds, callback)``. Other threads may change tasks: Tk carries
    ``after`` over to its own thread.
    """

    def __init__(self, root, global_config=None, **options):
        self.root = root
        super().__init__(global_config, **{"executors": {"default": {"type": "debug"}}, **options})

    def wakeup(self):
        self.root.after(0, self.look)

    def look(self):
        self.turn = turn = object()  # what was planned by an earlier look no longer counts
        wait = self.process_tasks()
        if wait is not None and turn is self.turn:
            self.root.after(int(wait * 1000) + 1, lambda: turn is self.turn and self.look())


if __name__ == "__main__":
    import tkinter

    root = tkinter.Tk()
    label = tkinter.Label(root, width=20, font=("TkFixedFont", 40))
    label.pack()
    with TkScheduler(root) as scheduler:
        scheduler.add_task(lambda: label.config(text=time.strftime("%H:%M:%S")), "interval", seconds=1)
        root.mainloop()
