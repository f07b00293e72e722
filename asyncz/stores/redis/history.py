"""What the Redis store has the server do with ended runs, in Lua.

Of each task there is a text that says when its runs were claimed, the latest first: 19 digits each, and 4 that number
those which were claimed in the same microsecond. An entry stands under the id of the task and these 23 digits.
"""

from __future__ import annotations

from .lua import BATCHES, Script

__all__ = ("HISTORY", "RECORD", "RUNS")

# What is written with tasks that change or go.
HISTORY = """
local WIDTH = 23 -- digits that say when a run was claimed, and which of those it was
local GONE = 1000 -- ended runs that are kept of tasks that are gone

-- What is known of when the runs of a task were claimed, with another one; and under which digits that stands.
local function with_another(whens, claimed_at)
  local at, number = 1, '0000'
  while at < #whens and string.sub(whens, at, at + 18) > claimed_at do at = at + WIDTH end
  if string.sub(whens, at, at + 18) == claimed_at then
    number = string.sub(whens, at + 19, at + 22)
    if number == '9999' then return whens, claimed_at .. number end -- in place of that one
    number = string.format('%04d', (tonumber(number) or 0) + 1)
  end
  local when = claimed_at .. number
  return whens == '' and when or string.sub(whens, 1, at - 1) .. when .. string.sub(whens, at), when
end

-- microseconds since 1970, as a score: what is written is shifted, so that it is never negative
local function score(when)
  if string.find(when, '^1%d+$') then return string.sub(when, 2) end
  return (tonumber(when) or 0) - 1e18
end

-- Add to the history of tasks: of each, its id and the entries of the runs that have ended.
local function keep(ids, lists, length)
  local entries, instants, scores, over = {}, {}, {}, {}
  for n, known in ipairs(fetched(claimed, ids)) do
    local id, whens = ids[n], known or ''
    for _, entry in ipairs(lists[n]) do
      local when
      whens, when = with_another(whens, string.sub(entry, 1, 19))
      entries[#entries + 1] = id .. when
      entries[#entries + 1] = entry
    end
    for at = length * WIDTH + 1, #whens, WIDTH do over[#over + 1] = id .. string.sub(whens, at, at + WIDTH - 1) end
    local latest_one = string.sub(whens, 1, 19)
    if not known or string.sub(known, 1, 19) ~= latest_one then
      scores[#scores + 1] = score(latest_one)
      scores[#scores + 1] = id
    end
    instants[#instants + 1] = id
    instants[#instants + 1] = #whens > length * WIDTH and string.sub(whens, 1, length * WIDTH) or whens
  end
  with_all('HSET', runs, entries)
  with_all('HDEL', runs, over)
  with_all('HSET', claimed, instants)
  with_all('ZADD', latest, scores)
end

-- Move what tasks have left when they go to that of tasks that are gone, and the entries of runs that end with them.
local function bury(ids, lists)
  local buried, fields, left = {}, {}, {}
  for n, whens in ipairs(fetched(claimed, ids)) do
    if whens then
      local own = {}
      for at = #whens - WIDTH + 1, 1, -WIDTH do own[#own + 1] = ids[n] .. string.sub(whens, at, at + WIDTH - 1) end
      for at, entry in ipairs(fetched(runs, own)) do
        fields[#fields + 1] = own[at]
        if entry then left[#left + 1] = entry end
      end
      buried[#buried + 1] = ids[n]
    end
    for _, entry in ipairs(lists[n] or {}) do left[#left + 1] = entry end
  end
  with_all('LPUSH', gone, left)
  with_all('HDEL', runs, fields)
  with_all('HDEL', claimed, buried)
  with_all('ZREM', latest, buried)
  if #left > 0 then call('LTRIM', gone, 0, GONE - 1) end
end
"""

# What is read of an entry; format.py says how one is written.
ENTRIES = """
-- the id of its run, that of its task, its state; nothing of what is no entry
local function parts(entry)
  local _, stop, state, run_size, task_size = string.find(entry, '^%d+ (%S+) (%d+) (%d+)\\n')
  if not stop or #run_size > 9 or #task_size > 9 then return end
  local task_at = stop + 1 + run_size
  return string.sub(entry, stop + 1, task_at - 1), string.sub(entry, task_at, task_at + task_size - 1), state
end

-- the entries of a task, the latest first
local function entries_of(id)
  local fields, found = {}, {}
  local whens = call('HGET', claimed, id) or ''
  for at = 1, #whens, WIDTH do fields[#fields + 1] = id .. string.sub(whens, at, at + WIDTH - 1) end
  for _, entry in ipairs(fetched(runs, fields)) do
    if entry then found[#found + 1] = entry end
  end
  return found
end
"""

RECORD = Script(
    "runs claimed latest gone",
    BATCHES,
    HISTORY,
    ENTRIES,
    """
-- ARGV: entries
local known, pushed, looked_at = {}, {}, {}

local function know(entries)
  for _, entry in ipairs(entries) do
    local run = parts(entry)
    if run then known[run] = true end
  end
end

know(call('LRANGE', gone, 0, -1))
for _, entry in ipairs(ARGV) do
  local run, task = parts(entry)
  if not looked_at[task] then
    know(entries_of(task))
    looked_at[task] = true
  end
  if not known[run] then
    pushed[#pushed + 1] = entry
    known[run] = true
  end
end
with_all('LPUSH', gone, pushed)
call('LTRIM', gone, 0, GONE - 1)
""",
)

RUNS = Script(
    "runs claimed latest gone",
    BATCHES,
    HISTORY,
    ENTRIES,
    """
-- ARGV: limit, state (empty: any), task (not given: all)
local limit, state, task = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local found, instants = {}, {}

local function add(entries)
  for _, entry in ipairs(entries) do
    local _, its_task, its_state = parts(entry)
    if its_task and (not task or its_task == task) and (state == '' or its_state == state) then
      found[#found + 1] = entry
      instants[#instants + 1] = tonumber(string.sub(entry, 2, 19)) - (string.sub(entry, 1, 1) == '1' and 0 or 1e18)
    end
  end
end

-- True when all that could still come was claimed before as many as are asked for.
local function is_enough(score)
  if #instants < limit then return false end
  table.sort(instants, function(a, b) return a > b end)
  return instants[limit] > score
end

add(call('LRANGE', gone, 0, -1))
if task then
  add(entries_of(task))
  return found
end
local start, page = 0, 200
while true do
  local ids = call('ZREVRANGE', latest, start, start + page - 1, 'WITHSCORES')
  for at = 1, #ids, 2 do add(entries_of(ids[at])) end
  if #ids < 2 * page or is_enough(tonumber(ids[#ids])) then return found end
  start = start + page
end
""",
)
