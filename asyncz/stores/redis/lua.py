"""What the scripts of the Redis store are made of: Lua that runs in the server, each as one atomic step.

A script is handed the keys that it names, which are those of :func:`asyncz.stores.redis.format.key_names`. Revisions
and due times are compared as text: a number of Lua is a float. A batch is read with one command and written with one of
each kind: what a script takes is above all its calls, and the bytes of the strings that it makes, each of which Lua
hashes from end to end.
"""

from __future__ import annotations

import hashlib

__all__ = ("BATCHES", "NEWS", "RECORDS", "Script")


class Script:
    """A script, the keys that it is handed, and the name under which a server knows it that has run it before."""

    __slots__ = ("keys", "sha", "text")

    def __init__(self, keys: str, *parts: str) -> None:
        self.keys = tuple(keys.split())
        numbered = ", ".join([f"KEYS[{number}]" for number, _key in enumerate(self.keys, 1)])
        self.text = "".join((f"local {', '.join(self.keys)} = {numbered}\nlocal call = redis.call\n", *parts))
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


BATCHES = """
local MOST = 4000 -- values that unpack() is given at once: the stack that it fills has some thousand places

-- what stands in a hash under each of these fields, false where there is nothing
local function fetched(key, fields)
  if #fields == 0 then return {} end
  if #fields <= MOST then return call('HMGET', key, unpack(fields)) end
  local all = {}
  for start = 1, #fields, MOST do
    local found = call('HMGET', key, unpack(fields, start, math.min(start + MOST - 1, #fields)))
    for n = 1, #found do all[#all + 1] = found[n] end
  end
  return all
end

-- run a command with a key and all of a list; pairs stay together
local function with_all(command, key, list)
  for start = 1, #list, MOST do
    call(command, key, unpack(list, start, math.min(start + MOST - 1, #list)))
  end
end
"""

# What is read of a record; format.py says how one is written, and reads it in the same way.
RECORDS = """
-- Its revision; its place, which is that of its task in the order where it ends in a due time, and in "-" where not;
-- whether it is hidden, whether it has live runs; where its definition begins is the sum of the last three.
local function head(record)
  local _, stop, revision, place, final, live_runs, nominal, signature =
    string.find(record, '^([1-9]%d*) (%S*:%S+) ([01]) (%d+) (%-?%d*) (%d+)\\n')
  if not stop or #revision > 16 or #live_runs > 9 or #signature > 9 or nominal == '' or #nominal > 18 then
    revision = string.match(record, '^([1-9]%d*) ')
    return revision and #revision <= 16 and revision or '0', ':-', false, false, 1, 0, 0
  end
  return revision, place, final == '1', live_runs ~= '0', stop + 1, live_runs, signature
end

local function is_due(place)
  return string.byte(place, -1) ~= 45 -- "-"
end
"""

NEWS = """
-- Whether anybody listens who is to be told. ARGV[3] is how many there are that need not be: the sender's own listener,
-- which would wake it for each thing that it does.
local is_heard = call('PUBSUB', 'NUMSUB', ARGV[1])[2] > tonumber(ARGV[3])

-- tell them that there is something to look at
local function tell()
  if is_heard then call('PUBLISH', ARGV[1], ARGV[2]) end
end
"""
