"""The pass: what is due is claimed in its store, and what was won is handed to an executor.

::

    collect   store.due(now, limit)               rows in order of time, a batch of them
    decide    planning.due(task, now) -> Firing   pure: run times, what was skipped, what comes next
    claim     store.claim(firings, owner)         atomic per task: advances the schedule and records the run
    submit    executor.send_task(task, times)     only what was won
    settle    store.finish(runs)                  outcomes that executors reported since the last step
    alarm     the earliest next due time          the face sleeps until then, or until it is woken

A claim comes before its submission. A run that has been claimed and whose owner is lost may be run again by another
owner: a callable must bear that, or be added with ``recover=False`` and be reported missed instead.

Nothing here has a thread, a loop or a clock of its own: the instant is an argument, and a face (a scheduler class)
decides when and where a step is made.
"""
