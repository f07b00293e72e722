"""What the Redis store has the server look up, in Lua; :mod:`asyncz.stores.redis.scripts` has what it writes."""

from __future__ import annotations

from .lua import BATCHES, RECORDS, Script

__all__ = ("DUE", "LIVE")

ROWS = """
-- Rows are sent as how long their ids and records are, and these one behind the other, some at a time: a reply of many
-- parts takes long to read, and a long string takes long to make.
local sizes, parts = {}, {}

local function add(id, record)
  sizes[#sizes + 1], sizes[#sizes + 2] = #id, #record
  parts[#parts + 1], parts[#parts + 2] = id, record
end

local function reply()
  local joined = {}
  for start = 1, #parts, 32 do
    joined[#joined + 1] = table.concat(parts, '', start, math.min(start + 31, #parts))
  end
  return {table.concat(sizes, ' '), joined}
end
"""

DUE = Script(
    "tasks places",
    BATCHES,
    RECORDS,
    ROWS,
    """
-- ARGV: the first instant that is too late, limit, behind which due time and id (empty: none), executors
local too_late, limit, after = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local begins = {}

-- by the bytes behind so many: the operators of Lua follow the locale of the server
local function is_before(a, a_begin, b, b_begin)
  for at = 1, math.min(#a - a_begin, #b - b_begin) do
    local x, y = string.byte(a, a_begin + at), string.byte(b, b_begin + at)
    if x ~= y then return x < y end
  end
  return #a - a_begin < #b - b_begin
end

-- the members of an executor in their order; what is next is added to a list where they are not as many as may be
local function look(begin, next_ones)
  local first = after == '' and '[' .. begin or '(' .. begin .. after
  local found = call('ZRANGEBYLEX', places, first, '(' .. begin .. too_late, 'LIMIT', 0, limit)
  while #found < limit do
    local last = '(' .. string.sub(begin, 1, -2) .. ';' -- what comes after ":"
    local following = call('ZRANGEBYLEX', places, '[' .. begin .. too_late, last, 'LIMIT', 0, 1)[1]
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
    local member = list[heads[n]]
    if member and (not best or is_before(member, #begins[n], lists[best][heads[best]], #begins[best])) then best = n end
  end
  return best
end

-- the first of all members, and how long what comes before the due time is in each
local function merged(lists)
  local members, skipped, heads = {}, {}, {}
  for n in ipairs(lists) do heads[n] = 1 end
  while #members < limit do
    local n = #lists == 1 and lists[1][heads[1]] and 1 or first_of(lists, heads)
    if not n then break end
    members[#members + 1], skipped[#skipped + 1] = lists[n][heads[n]], #begins[n]
    heads[n] = heads[n] + 1
  end
  return members, skipped
end

-- Members that no record stands behind, after somebody else's hand was at it, are put right.
local function is_sound(id, record, member, place)
  local right
  if record then
    local _
    _, right = head(record)
    if right == place then return true end
  end
  call('ZREM', places, member)
  if right and string.find(right, ':' .. string.rep('%d', 19) .. '$') then call('ZADD', places, 0, right .. id) end
  return false
end

for n = 4, #ARGV do begins[#begins + 1] = ARGV[n] .. ':' end
while true do
  local next_ones, lists, ids, are_sound = {}, {}, {}, true
  for n, begin in ipairs(begins) do lists[n] = look(begin, next_ones) end
  local members, skipped = merged(lists)
  for n, member in ipairs(members) do ids[n] = string.sub(member, skipped[n] + 20) end
  local records = fetched(tasks, ids)
  for n, record in ipairs(records) do
    local place = string.sub(members[n], 1, skipped[n] + 19)
    are_sound = is_sound(ids[n], record, members[n], place) and are_sound
  end
  if are_sound then
    for n, record in ipairs(records) do add(ids[n], record) end
    return {next_ones, unpack(reply())}
  end
end
""",
)

LIVE = Script(
    "tasks live",
    BATCHES,
    ROWS,
    """
local ids = call('SMEMBERS', live)
for n, record in ipairs(fetched(tasks, ids)) do
  if record then add(ids[n], record) end
end
return reply()
""",
)
