"""What the Redis store has the server look up, in Lua; :mod:`asyncz.stores.redis.scripts` has what it writes."""

from __future__ import annotations

from .scripts import HISTORY, KEYS, RECORDS, Script

__all__ = ("DUE", "LIVE", "RUNS")

DUE = Script(
    KEYS,
    RECORDS,
    """
-- ARGV: the first instant that is too late, limit, behind which due time and id (empty: none), executors
local too_late, limit, after = ARGV[1], tonumber(ARGV[2]), ARGV[3]

-- by bytes: the operators of Lua follow the locale of the server
local function is_before(a, b)
  for at = 1, math.min(#a, #b) do
    local x, y = string.byte(a, at), string.byte(b, at)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- due times and ids of an executor in their order; what is next is added to a list where they are not as many as may be
local function look(executor, next_ones)
  local prefix = #executor .. ':' .. executor
  local begin = prefix .. ':'
  local first = after == '' and '[' .. begin or '(' .. begin .. after
  local found = call('ZRANGEBYLEX', places, first, '(' .. begin .. too_late, 'LIMIT', 0, limit)
  for at, member in ipairs(found) do found[at] = string.sub(member, #begin + 1) end
  while #found < limit do
    local following = call('ZRANGEBYLEX', places, '[' .. begin .. too_late, '(' .. prefix .. ';', 'LIMIT', 0, 1)[1]
    if not following then break end
    local due = string.sub(following, #begin + 1, #begin + 19)
    if #due == 19 and not string.find(due, '%D') then
      next_ones[#next_ones + 1] = due
      break
    end
    call('ZREM', places, following) -- nothing that this store has written
  end
  return found
end

-- which executor is the next to give one: the number of its list
local function first_of(lists, heads)
  local best
  for n, list in ipairs(lists) do
    local key = list[heads[n]]
    if key and (not best or is_before(key, lists[best][heads[best]])) then best = n end
  end
  return best
end

local function merged(lists)
  local keys, from, heads = {}, {}, {}
  for n in ipairs(lists) do heads[n] = 1 end
  while #keys < limit do
    local n = #lists == 1 and lists[1][heads[1]] and 1 or first_of(lists, heads)
    if not n then break end
    keys[#keys + 1], from[#from + 1] = lists[n][heads[n]], ARGV[3 + n]
    heads[n] = heads[n] + 1
  end
  return keys, from
end

-- Members that no record stands behind, after somebody else's hand was at it, are put right.
local function is_sound(id, record, key, executor)
  local member = #executor .. ':' .. executor .. ':' .. key
  local right
  if record then
    local _, due, its_executor = head(record)
    right = place(id, due, its_executor)
  end
  if right == member then return true end
  call('ZREM', places, member)
  if right then call('ZADD', places, 0, right) end
  return false
end

while true do
  local next_ones, lists, rows, are_sound = {}, {}, {}, true
  for n = 4, #ARGV do lists[#lists + 1] = look(ARGV[n], next_ones) end
  local keys, from = merged(lists)
  for start = 1, #keys, 1000 do -- the stack that unpack() fills has some thousand places
    local ids = {}
    for n = start, math.min(start + 999, #keys) do ids[#ids + 1] = string.sub(keys[n], 20) end
    for n, record in ipairs(call('HMGET', tasks, unpack(ids))) do
      are_sound = is_sound(ids[n], record, keys[start + n - 1], from[start + n - 1]) and are_sound
      rows[#rows + 1] = ids[n]
      rows[#rows + 1] = record
    end
  end
  if are_sound then return {next_ones, rows} end
end
""",
)

LIVE = Script(
    KEYS,
    """
local rows = {}
for _, id in ipairs(call('SMEMBERS', live)) do
  local record = call('HGET', tasks, id)
  if record then
    rows[#rows + 1] = id
    rows[#rows + 1] = record
  end
end
return rows
""",
)

RUNS = Script(
    KEYS,
    HISTORY,
    """
-- ARGV: limit, state (empty: any), task (not given: all)
local limit, state, task = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local found, instants = {}, {}

local function add(entry)
  local claimed, _, head, stop = parts(entry)
  if not claimed or (task and head ~= #task .. ':' .. task .. ':') then return end
  if state == '' or string.match(entry, '^ (%S+)\\n', stop) == state then
    found[#found + 1] = entry
    instants[#instants + 1] = instant(claimed)
  end
end

local function add_all_of(id)
  local from, to = span(id)
  for _, entry in ipairs(call('ZREVRANGEBYLEX', runs, to, from)) do add(entry) end
end

-- True when all that could still come was claimed before as many as are asked for.
local function is_enough(score)
  if #instants < limit then return false end
  table.sort(instants, function(a, b) return a > b end)
  return instants[limit] > score
end

for _, entry in ipairs(call('LRANGE', gone, 0, -1)) do add(entry) end
if task then
  add_all_of(task)
  return found
end
local start, page = 0, 200
while true do
  local ids = call('ZREVRANGE', latest, start, start + page - 1, 'WITHSCORES')
  for at = 1, #ids, 2 do add_all_of(ids[at]) end
  if #ids < 2 * page or is_enough(tonumber(ids[#ids])) then return found end
  start = start + page
end
""",
)
