"""What the Redis store has the server write of tasks, in Lua: each script is one atomic step and one round trip."""

from __future__ import annotations

from .history import HISTORY
from .lua import BATCHES, NEWS, RECORDS, Script

__all__ = ("CLEAR", "OPEN", "PUT", "SWAP")

OPEN = Script(
    "tasks places format of",
    """
-- ARGV: the format to write, the names of the tasks and of the order
local found, belongs = call('GET', format), call('GET', of)
if found or belongs then return {found or '', belongs or ''} end
if call('EXISTS', tasks, places) > 0 then return {} end
call('SET', format, ARGV[1])
call('SET', of, ARGV[2])
return {ARGV[1], ARGV[2]}
""",
)

PUT = Script(
    "tasks places live",
    BATCHES,
    RECORDS,
    NEWS,
    """
-- ARGV: channel, origin, own listeners; id and record of each row
local ids, are_new, rows, members, running = {}, {}, {}, {}, {}
for at = 4, #ARGV, 2 do ids[#ids + 1] = ARGV[at] end
local seen, known = {}, fetched(tasks, ids)
for n, id in ipairs(ids) do
  local is_new = not known[n] and not seen[id]
  if is_new then
    local record = ARGV[2 * n + 3]
    local _, place, _, has = head(record)
    if is_due(place) then
      members[#members + 1] = '0'
      members[#members + 1] = place .. id
    end
    if has then running[#running + 1] = id end
    rows[#rows + 1] = id
    rows[#rows + 1] = record
    seen[id] = true
  end
  are_new[n] = is_new and '1' or '0'
end
with_all('HSET', tasks, rows)
with_all('ZADD', places, members)
with_all('SADD', live, running)
if #rows > 0 then tell() end
return table.concat(are_new)
""",
)

SWAP = Script(
    "tasks places live runs claimed latest gone",
    BATCHES,
    RECORDS,
    NEWS,
    HISTORY,
    """
-- ARGV: channel, origin, own listeners, history length; of each row its id, the revision it is at, the record to put in
-- its place (empty: none), how many runs have ended with that, and their entries
local ids, places_of, at = {}, {}, 5
while at <= #ARGV do
  ids[#ids + 1], places_of[#places_of + 1] = ARGV[at], at
  at = at + 4 + ARGV[at + 3]
end

local removed, rows, out, members, started, stopped = {}, {}, {}, {}, {}, {}
local is_news = false

-- Whether others have to look again: something is due before they expect it, or is another thing.
local function is_earlier_or_other(place, was_place, definition, was_definition)
  local executor, due = string.match(place, '^(.*):(.*)$')
  local was_executor, was_due = string.match(was_place, '^(.*):(.*)$')
  return due ~= '-' and (was_due == '-' or due < was_due) -- of equal length, in any locale
    or executor ~= was_executor
    or definition ~= was_definition
end

-- Take down what is to be done with a row; false when it is at another revision.
local function change(id, old, expected, fresh)
  local revision, was_place, was_final, had, was_at, was_runs, was_signature = head(old)
  if revision ~= expected then return false end
  local place, has = ':-', false
  if fresh == '' then
    removed[#removed + 1] = id
    is_news = is_news or not was_final
  else
    local _, at, live_runs, signature
    _, place, _, has, at, live_runs, signature = head(fresh)
    rows[#rows + 1] = id
    rows[#rows + 1] = fresh
    is_news = is_news or is_heard and is_earlier_or_other(place, was_place,
      string.sub(fresh, at + live_runs + signature), string.sub(old, was_at + was_runs + was_signature))
  end
  if place ~= was_place then
    if is_due(was_place) then out[#out + 1] = was_place .. id end
    if is_due(place) then
      members[#members + 1] = '0'
      members[#members + 1] = place .. id
    end
  end
  if had and not has then stopped[#stopped + 1] = id end
  if has and not had then started[#started + 1] = id end
  return true
end

local are_done, ending, ended, buried = {}, {}, {}, {}
for n, old in ipairs(fetched(tasks, ids)) do
  local id, at = ids[n], places_of[n]
  local fresh, count = ARGV[at + 2], ARGV[at + 3]
  local is_done = old and change(id, old, ARGV[at + 1], fresh)
  if is_done and (fresh == '' or count ~= '0') then
    local entries = {unpack(ARGV, at + 4, at + 3 + count)}
    if fresh == '' then
      buried[#buried + 1] = entries
    else
      ending[#ending + 1], ended[#ended + 1] = id, entries
    end
  end
  are_done[n] = is_done and '1' or '0'
end
with_all('HDEL', tasks, removed)
with_all('HSET', tasks, rows)
with_all('ZREM', places, out)
with_all('ZADD', places, members)
with_all('SREM', live, stopped)
with_all('SADD', live, started)
if #ending > 0 then keep(ending, ended, tonumber(ARGV[4])) end
if #removed > 0 then bury(removed, buried) end
if is_news then tell() end
return table.concat(are_done)
""",
)

CLEAR = Script(
    "tasks places live runs claimed latest gone",
    BATCHES,
    RECORDS,
    NEWS,
    HISTORY,
    """
-- ARGV: channel, origin, own listeners
local all, kept = call('HGETALL', tasks), {}
for at = 1, #all, 2 do
  local _, _, is_final = head(all[at + 1])
  if is_final then kept[all[at]] = all[at + 1] end
end
call('DEL', tasks, places)
for id, record in pairs(kept) do call('HSET', tasks, id, record) end
for _, id in ipairs(call('SMEMBERS', live)) do
  if not kept[id] then call('SREM', live, id) end
end
-- Each has one entry at least, so what is buried before the last ones is pushed out again. Some go at a time, for there
-- may be more of them than Lua has room for.
local ids = {}
for _, id in ipairs(call('ZRANGE', latest, 0, -1)) do
  if not kept[id] then ids[#ids + 1] = id end
end
for start = 1, #ids, GONE do
  bury({unpack(ids, start, math.min(start + GONE - 1, #ids))}, {})
end
if #all > 0 then tell() end
""",
)
