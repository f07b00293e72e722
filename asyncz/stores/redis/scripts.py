"""What the Redis store has the server write, in Lua: each script is one atomic step and one round trip.

All scripts are handed the same keys, in the order of :func:`asyncz.stores.redis.format.key_names`. Revisions and due
times are compared as text: a number of Lua is a float.
"""

from __future__ import annotations

import hashlib

__all__ = ("CLEAR", "HISTORY", "KEYS", "OPEN", "PUT", "RECORD", "RECORDS", "SWAP", "Script")


class Script:
    """A script, and the name under which a server knows it that has run it before."""

    __slots__ = ("sha", "text")

    def __init__(self, *parts: str) -> None:
        self.text = "".join(parts)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


KEYS = """
local tasks, places, live, runs, latest, gone = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local call = redis.call
"""

# What is read of a record; format.py says how one is written, and reads it in the same way.
RECORDS = """
-- its revision, when it is due (nil: not at all), its executor, whether it has live runs and is hidden, where its
-- definition begins
local function head(record)
  local _, stop, revision, due, final, executor, live_runs, signature =
    string.find(record, '^([1-9]%d*) (%S+) %S+ ([01]) (%d+) (%d+) (%d+)\\n')
  if not stop or #revision > 16 then
    revision = string.match(record, '^([1-9]%d*) ')
    return revision and #revision <= 16 and revision or '0', nil, '', false, false, 1
  end
  if due == '-' then due = nil end
  local begin = stop + 1 + executor
  executor = string.sub(record, stop + 1, begin - 1)
  return revision, due, executor, live_runs ~= '0', final == '1', begin + live_runs + signature
end

-- the member of the order that stands for a task that is due then
local function place(id, due, executor)
  return due and #executor .. ':' .. executor .. ':' .. due .. id
end
"""

NEWS = """
-- Tell whoever listens that there is something to look at. ARGV[3] is how many listeners there are that need not be
-- told: the sender's own, which would wake it for each thing that it does.
local function tell()
  if call('PUBSUB', 'NUMSUB', ARGV[1])[2] > tonumber(ARGV[3]) then call('PUBLISH', ARGV[1], ARGV[2]) end
end
"""

HISTORY = """
local GONE = 1000 -- ended runs that are kept of tasks that are gone

-- between which members the entries of a task stand
local function span(id)
  local prefix = #id .. ':' .. id
  return '[' .. prefix .. ':', '(' .. prefix .. ';'
end

-- when it was claimed, as text; which run and task it was of; where its head ends; nothing of what is no entry
local function parts(entry)
  local size = string.match(entry, '^(%d+):')
  if not size then return end
  local at = #size + 1 + tonumber(size) + 1
  local run_size = string.match(entry, '^ (%d+):', at + 20)
  if not run_size then return end
  local run_at = at + 20 + 1 + #run_size + 1
  local stop = run_at + tonumber(run_size)
  return string.sub(entry, at + 1, at + 19), string.sub(entry, run_at, stop - 1), string.sub(entry, 1, at), stop
end

-- microseconds since 1970: what stands in the entry is shifted, so that it is never negative
local function instant(claimed)
  local number = tonumber(string.sub(claimed, 2))
  return string.sub(claimed, 1, 1) == '1' and number or number - 1e18
end

local function keep(id, entry, length)
  local from, to = span(id)
  call('ZADD', runs, 0, entry)
  local over = call('ZLEXCOUNT', runs, from, to) - length
  if over > 0 then
    for _, old in ipairs(call('ZRANGEBYLEX', runs, from, to, 'LIMIT', 0, over)) do call('ZREM', runs, old) end
  end
  local claimed, known = instant((parts(entry))), call('ZSCORE', latest, id)
  if not known or tonumber(known) < claimed then call('ZADD', latest, claimed, id) end
end

-- what a task has left when it goes
local function bury(id)
  local from, to = span(id)
  local entries = call('ZRANGEBYLEX', runs, from, to)
  for _, entry in ipairs(entries) do call('LPUSH', gone, entry) end
  if #entries > 0 then
    call('ZREMRANGEBYLEX', runs, from, to)
    call('ZREM', latest, id)
  end
end
"""

OPEN = Script(
    """
-- ARGV: the format to write, the names of the tasks and of the order
local format, of = redis.call('GET', KEYS[7]), redis.call('GET', KEYS[8])
if format or of then return {format or '', of or ''} end
if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then return {} end
redis.call('SET', KEYS[7], ARGV[1])
redis.call('SET', KEYS[8], ARGV[2])
return {ARGV[1], ARGV[2]}
"""
)

PUT = Script(
    KEYS,
    RECORDS,
    NEWS,
    """
-- ARGV: channel, origin, own listeners; id and record of each row
local are_new, is_news = {}, false
for at = 4, #ARGV, 2 do
  local id, record = ARGV[at], ARGV[at + 1]
  local is_new = call('HSETNX', tasks, id, record) == 1
  if is_new then
    local _, due, executor, has = head(record)
    if due then call('ZADD', places, 0, place(id, due, executor)) end
    if has then call('SADD', live, id) end
    is_news = true
  end
  are_new[#are_new + 1] = is_new and '1' or '0'
end
if is_news then tell() end
return table.concat(are_new)
""",
)

SWAP = Script(
    KEYS,
    RECORDS,
    NEWS,
    HISTORY,
    """
-- ARGV: channel, origin, own listeners, history length; of each row its id, the revision it is at, the record to put in
-- its place (empty: none), how many runs have ended with that, and their entries
local length = tonumber(ARGV[4])
local are_done, is_news, is_buried, at = {}, false, false, 5

-- True when it was done; others have to look again when something is new, or due before they expect it.
local function change(id, expected, fresh)
  local old = call('HGET', tasks, id)
  if not old then return false end
  local revision, was_due, was_executor, had, was_final, was_begin = head(old)
  if revision ~= expected then return false end
  local was_place = place(id, was_due, was_executor)
  if fresh == '' then
    call('HDEL', tasks, id)
    if was_place then call('ZREM', places, was_place) end
    if had then call('SREM', live, id) end
    is_news = is_news or not was_final
    return true
  end
  local _, due, executor, has, _, begin = head(fresh)
  local new_place = place(id, due, executor)
  call('HSET', tasks, id, fresh)
  if new_place ~= was_place then
    if was_place then call('ZREM', places, was_place) end
    if new_place then call('ZADD', places, 0, new_place) end
  end
  if has ~= had then call(has and 'SADD' or 'SREM', live, id) end
  is_news = is_news
    or due and (not was_due or due < was_due) -- of equal length, in any locale
    or executor ~= was_executor
    or string.sub(fresh, begin) ~= string.sub(old, was_begin)
  return true
end

while at <= #ARGV do
  local id, expected, fresh, ended = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local is_done = change(id, expected, fresh)
  if is_done then
    if fresh == '' then
      bury(id)
      is_buried = true
    end
    for n = at + 4, at + 3 + ended do
      if fresh == '' then call('LPUSH', gone, ARGV[n]) else keep(id, ARGV[n], length) end
    end
  end
  are_done[#are_done + 1] = is_done and '1' or '0'
  at = at + 4 + ended
end
if is_buried then call('LTRIM', gone, 0, GONE - 1) end
if is_news then tell() end
return table.concat(are_done)
""",
)

CLEAR = Script(
    KEYS,
    RECORDS,
    NEWS,
    HISTORY,
    """
-- ARGV: channel, origin, own listeners
local all, kept = call('HGETALL', tasks), {}
for at = 1, #all, 2 do
  local _, _, _, _, is_final = head(all[at + 1])
  if is_final then kept[all[at]] = all[at + 1] end
end
call('DEL', tasks, places)
for id, record in pairs(kept) do call('HSET', tasks, id, record) end
for _, id in ipairs(call('SMEMBERS', live)) do
  if not kept[id] then call('SREM', live, id) end
end
-- Each has one entry at least, so all that is buried before the last ones would be pushed out again.
local ids = call('ZRANGE', latest, 0, -1)
for n, id in ipairs(ids) do
  if not kept[id] then
    if n <= #ids - GONE then
      call('ZREMRANGEBYLEX', runs, span(id))
      call('ZREM', latest, id)
    else
      bury(id)
    end
  end
end
call('LTRIM', gone, 0, GONE - 1)
if #all > 0 then tell() end
""",
)

RECORD = Script(
    KEYS,
    HISTORY,
    """
-- ARGV: entries
local known = {}
for _, entry in ipairs(call('LRANGE', gone, 0, -1)) do
  local _, run = parts(entry)
  if run then known[run] = true end
end
for _, entry in ipairs(ARGV) do
  local _, run, _, stop = parts(entry)
  local head = string.sub(entry, 1, stop)
  if not known[run] and call('ZLEXCOUNT', runs, '[' .. head, '(' .. head .. '\\255') == 0 then
    call('LPUSH', gone, entry)
    known[run] = true
  end
end
call('LTRIM', gone, 0, GONE - 1)
""",
)
