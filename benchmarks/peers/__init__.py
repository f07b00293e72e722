"""Adapters: the same functions for every peer, as far as it has what they do.

Each module is imported in the environment of its peer only. ``PACKAGE`` and ``SCHEDULER`` are import statements.

Triggers: ``cron``, ``interval``, ``date`` build one; ``after`` asks one for a fire time; ``walk`` returns a function
that gives one fire time after the other.
Schedulers: ``scheduler`` makes one that is told to run however late; ``start``, ``stop``; ``every`` and ``once`` add a
task and return what ``remove`` takes.
Stores: ``scheduler_at`` makes a scheduler with a store at a place; ``pause`` and ``resume``; ``every_of`` adds many at
once, ``fill`` has many in the store, ``move`` makes one due; ``left`` counts what is due in the store or still runs.
"""
