from __future__ import annotations

import importlib.util
import os
import re
import time
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from oracle import Expression, fires_between

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
#: The crontabs of many packages, beside the repository.
CRON_D = Path(os.environ.get("ASYNCZ_CRON_D") or ROOT.parent / "shared" / "data" / "cron.d")


@pytest.fixture(scope="module")
def example() -> Any:
    spec = importlib.util.spec_from_file_location("crontab_replay", ROOT / "examples" / "crontab_replay.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def schedules_in(path: Path) -> dict[str, str]:
    """Read a crontab that is all right once more, in a simpler way: place -> the five fields, or the nickname."""
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#") and not re.match(r"""\s*["'\w ]+=""", line):
            words = line.split()
            found[f"{path}:{number}"] = words[0] if words[0].startswith("@") else " ".join(words[:5])
    return found


def counted(schedule: str, year: int, zone: tzinfo) -> int:
    """How often a schedule fires in a year, by brute force."""
    if schedule == "@reboot":
        return 1
    start, end = (datetime(each, 1, 1, tzinfo=zone).astimezone(timezone.utc) for each in (year, year + 1))
    return len(fires_between(Expression.crontab(schedule), zone, start, end - timedelta(seconds=1)))


def replayed(example: Any, paths: list[Path], year: int, zone: tzinfo, user_column: bool = True) -> dict[str, int]:
    lines, problems = example.read_all(example.crontabs(map(str, paths)), user_column)
    assert problems == []
    counters = example.replay(lines, year, zone)
    return {line.where: counter.runs for line, counter in zip(lines, counters, strict=True)}


def by_brute_force(paths: list[Path], year: int, zone: tzinfo) -> dict[str, int]:
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    schedules = {where: schedule for file in files for where, schedule in schedules_in(file).items()}
    known = {schedule: counted(schedule, year, zone) for schedule in set(schedules.values())}
    return {where: known[schedule] for where, schedule in schedules.items()}


# Counts


@pytest.mark.long
@pytest.mark.parametrize(
    ("year", "zone"),
    [(2023, "UTC"), (2024, "Europe/Berlin"), (2024, "Australia/Lord_Howe"), (2025, "America/St_Johns")],
)
def test_each_line_runs_as_often_as_brute_force_counts(example: Any, year: int, zone: str) -> None:
    paths = [DATA / "cron.d"]
    counts = replayed(example, paths, year, ZoneInfo(zone))
    assert len(counts) == 24
    assert counts == by_brute_force(paths, year, ZoneInfo(zone))


@pytest.mark.long
@pytest.mark.parametrize(("year", "zone"), [(2024, "Europe/Berlin")])
def test_the_crontabs_of_many_packages_run_as_often_as_brute_force_counts(example: Any, year: int, zone: str) -> None:
    if not CRON_D.is_dir():
        pytest.skip(f"THE CRONTABS OF MANY PACKAGES ARE NOT TESTED: {CRON_D} is absent; ASYNCZ_CRON_D may say where")
    counts = replayed(example, [CRON_D], year, ZoneInfo(zone))
    assert counts
    assert counts == by_brute_force([CRON_D], year, ZoneInfo(zone))


def test_a_crontab_of_a_user_has_no_user_column(example: Any) -> None:
    counts = replayed(example, [DATA / "user.crontab"], 2023, timezone.utc, user_column=False)
    assert list(counts.values()) == [260, 24, 53]
    assert counts == by_brute_force([DATA / "user.crontab"], 2023, timezone.utc)


@pytest.mark.parametrize(
    ("schedule", "year", "zone", "expected"),
    [
        ("@reboot", 2023, "UTC", 1),
        ("@yearly", 2023, "UTC", 1),
        ("@weekly", 2023, "UTC", 53),  # it began on a Sunday
        ("0 0 29 2 *", 2023, "UTC", 0),
        ("0 0 29 2 *", 2024, "UTC", 1),
        ("0 0 30 2 *", 2024, "UTC", 0),
        ("59 23 31 12 *", 2024, "UTC", 1),
        ("0 0 13 * 5", 2023, "UTC", 52 + 12 - 2),  # two of the thirteenths were Fridays
        # Fixed times run once each; those with a star as often as the clocks show them.
        ("30 2 * * *", 2024, "Europe/Berlin", 366),
        ("*/30 2 * * *", 2024, "Europe/Berlin", 732),  # none in March, four in October
        ("30 2 31 3 *", 2024, "Europe/Berlin", 1),
        ("*/30 2 31 3 *", 2024, "Europe/Berlin", 0),
        ("*/30 2 27 10 *", 2024, "Europe/Berlin", 4),
    ],
)
def test_what_is_known_by_heart(example: Any, schedule: str, year: int, zone: str, expected: int) -> None:
    line = example.read_command("here", f"{schedule} root true", True, {})
    (counter,) = example.replay([line], year, ZoneInfo(zone))
    assert counter.runs == expected
    assert counted(schedule, year, ZoneInfo(zone)) == expected


@pytest.mark.long
def test_every_minute_of_a_year_takes_seconds(example: Any) -> None:
    line = example.read_command("here", "* * * * * root true", True, {})
    started = time.process_time()
    (counter,) = example.replay([line], 2023, timezone.utc)
    assert counter.runs == 365 * 24 * 60
    assert counter.first == datetime(2023, 1, 1, tzinfo=timezone.utc)
    assert time.process_time() - started < 120  # the slowest machine under load; an idle one takes a tenth


# Reading


def commands(example: Any, tmp_path: Path, text: str, user_column: bool = True) -> list[Any]:
    path = tmp_path / "crontab"
    path.write_bytes(text.encode())
    return list(example.read_crontab(path, user_column))


def test_comments_and_blank_lines_are_passed_over(example: Any, tmp_path: Path) -> None:
    text = "# one\n\n \t \n\t# two\n#* * * * * root three\n@daily root four # not a comment\n"
    (line,) = commands(example, tmp_path, text)
    assert (line.where, line.schedule, line.command) == (f"{tmp_path / 'crontab'}:6", "@daily", "four # not a comment")


def test_comments_of_any_encoding_are_passed_over(example: Any, tmp_path: Path) -> None:
    path = tmp_path / "crontab"
    path.write_bytes(b"# caf\xe9\n0 0 * * * root echo caf\xe9\n")
    (line,) = example.read_crontab(path)
    assert line.command == r"echo caf\xe9"


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("SHELL=/bin/sh", "SHELL", "/bin/sh"),
        ("  PATH  =  /usr/bin:/bin  ", "PATH", "/usr/bin:/bin"),
        ("A = b c\td", "A", "b c\td"),
        ("A = b # no comment", "A", "b # no comment"),
        ("URL=http://x/?a=b", "URL", "http://x/?a=b"),
        ('MAILTO=""', "MAILTO", ""),
        ("MAILTO=''  ", "MAILTO", ""),
        ("""'A' = " b " """, "A", " b "),
        ('''"A B"="it's"''', "A B", "it's"),
        ("A=b'c'", "A", "b'c'"),
    ],
)
def test_variables_are_set_for_the_lines_below_them(
    example: Any, tmp_path: Path, text: str, name: str, value: str
) -> None:
    before, after, last = commands(example, tmp_path, f"@daily root x\n{text}\n@daily root x\nZ=1\n@daily root x\n")
    assert before.environment == {}
    assert after.environment == {name: value}
    assert last.environment == {name: value, "Z": "1"}


@pytest.mark.parametrize("name", ["CRON_TZ", "TZ"])
def test_a_zone_in_a_variable_does_not_move_the_schedule(example: Any, tmp_path: Path, name: str) -> None:
    (line,) = commands(example, tmp_path, f"{name}=Asia/Tokyo\n0 6 * * * root x\n")
    (counter,) = example.replay([line], 2024, ZoneInfo("Europe/Berlin"))
    assert counter.first.astimezone(ZoneInfo("Europe/Berlin")).hour == 6


@pytest.mark.parametrize(
    ("text", "user", "command"),
    [
        ("0 0 * * * root echo  two  blanks ", "root", "echo  two  blanks "),
        ("\t0  0\t* *\t*\t \twww-data\t\tcommand\twith tab", "www-data", "command\twith tab"),
        ("@daily\t_apt\t[ -x /bin/true ]", "_apt", "[ -x /bin/true ]"),
        ("@daily root A=b command", "root", "A=b command"),
    ],
)
def test_blanks_and_tabs_part_the_fields(example: Any, tmp_path: Path, text: str, user: str, command: str) -> None:
    (line,) = commands(example, tmp_path, f"{text}\n")
    assert (line.user, line.command) == (user, command)


def test_without_a_user_column_all_the_rest_is_the_command(example: Any, tmp_path: Path) -> None:
    (line,) = commands(example, tmp_path, "0 0 * * * root  command\n", user_column=False)
    assert (line.user, line.command) == ("", "root  command")


@pytest.mark.parametrize(
    ("text", "command", "stdin"),
    [
        ("mail%hello", "mail", "hello\n"),
        ("mail%hello%world%", "mail", "hello\nworld\n\n"),
        (r"date +\%F%\%", "date +%F", "%\n"),
        (r"printf 'a\n'", r"printf 'a\n'", ""),
    ],
)
def test_percent_signs_begin_lines_of_the_standard_input(
    example: Any, tmp_path: Path, text: str, command: str, stdin: str
) -> None:
    (line,) = commands(example, tmp_path, f"@daily root {text}\n")
    assert (line.command, line.stdin) == (command, stdin)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("NAME=", "NAME="),
        ('"A"="b" c', "b"),
        ("61 * * * * root x", "61"),
        ("* 24 * * * root x", "24"),
        ("0 0 0 * * root x", "0"),
        ("0 0 * foo * root x", "foo"),
        ("0 0 * * 8 root x", "8"),
        ("* * * * root x", "root"),
        ("* * *", "Got 3"),
        ("*/0 * * * * root x", "*/0"),
        ("5/15 * * * * root x", "5/15"),
        ("0 0 last * * root x", "last"),
        ("0 0 * * 1,,2 root x", "1,,2"),
        ("20-10 * * * * root x", "20-10"),
        ("-1 * * * * root x", "-1"),
        ("٣ * * * * root x", "٣"),
        ("0 0 * * * root", "root"),
        ("0 0 * * * root \t", "root"),
        ("0 0 * * * /usr/bin/backup now", "/usr/bin/backup"),
        ("0 0 * * * * root x", "*"),
        ("@daily", "''"),
        ("@fortnightly root x", "@fortnightly"),
        ("@Daily root x", "@Daily"),
        ("\r", r"\r"),
    ],
)
def test_a_bad_line_is_reported_by_its_place_and_the_others_replay(
    example: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, got: str
) -> None:
    path = tmp_path / "crontab"
    path.write_bytes(f"0 0 * * * root before\n{text}\n0 1 * * * root after\n".encode())
    assert example.main([str(path), "--year", "2023", "--timezone", "UTC"]) == 1
    shown = capsys.readouterr()
    (problem,) = [line for line in shown.err.splitlines() if line.startswith(f"{path}:")]
    assert problem.startswith(f"{path}:2: expected ")
    assert got in problem.partition(": expected ")[2]
    assert re.findall(r"^ *(\S+) .*(before|after)$", shown.out, re.MULTILINE) == [("365", "before"), ("365", "after")]


def test_the_last_line_needs_its_newline(example: Any, tmp_path: Path) -> None:
    good, bad = commands(example, tmp_path, "@daily root good\n@daily root bad")
    assert good.command == "good"
    assert bad.where == f"{tmp_path / 'crontab'}:2"
    assert "newline" in bad.problem
    assert [line.command for line in commands(example, tmp_path, "@daily root good\n# no newline")] == ["good"]


# The program


def test_in_a_directory_the_files_count_that_cron_would_read(example: Any, tmp_path: Path) -> None:
    for name in ("b-1", "a_2", ".placeholder", "c.dpkg-old", "d~"):
        (tmp_path / name).write_text("@daily root x\n")
    (tmp_path / "directory").mkdir()
    assert list(example.crontabs([str(tmp_path)])) == [tmp_path / "a_2", tmp_path / "b-1"]


def test_the_table_is_aligned(example: Any, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(DATA / "user.crontab"), "--no-user-column", "--year", "2024", "--timezone", "UTC"]
    assert example.main(arguments) == 0
    heading, *rows, blank, total = capsys.readouterr().out.splitlines()
    assert heading.split() == ["RUNS", "FIRST", "SCHEDULE", "USER", "LINE", "COMMAND"]
    assert [row.split()[0] for row in rows] == ["262", "24", "52"]
    assert [row[: len("RUNS")] for row in rows] == [" 262", "  24", "  52"]
    at = heading.index("COMMAND")
    assert [row[at - 1 : at + 4] for row in rows] == [" echo", " pay", " find"]
    assert blank == ""
    assert total.startswith("3 lines, 338 runs in 2024 (UTC), replayed in ")


def test_a_file_that_cannot_be_read_is_reported(
    example: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert example.main([str(tmp_path / "absent"), "--timezone", "UTC"]) == 1
    assert f"{tmp_path / 'absent'}: expected a readable file, got " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"), [("--year", "24"), ("--year", "9999"), ("--timezone", "Mars/Olympus"), ("--timezone", "")]
)
def test_an_option_that_makes_no_sense_is_refused_in_words(
    example: Any, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        example.main(["x", option, value])
    assert stopped.value.code == 2
    assert f"argument {option}: expected " in capsys.readouterr().err
