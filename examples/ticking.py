"""Three tasks: one that repeats, one at fixed times, one that runs once. Stop it with Ctrl-C."""

from __future__ import annotations

from asyncz.schedulers import AsyncIOScheduler

scheduler = AsyncIOScheduler()


@scheduler.add_task(trigger="interval", seconds=2)
async def tick() -> None:
    print("tick")


@scheduler.add_task(trigger="cron", day_of_week="mon-fri", hour=9)
def say_good_morning() -> None:
    print("Good morning!")


scheduler.add_task(print, args=["The scheduler runs."])

if __name__ == "__main__":
    scheduler.run()
