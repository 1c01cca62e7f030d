-- Carries out changes in order, or none of them: what was written is undone, last first, when one
-- is refused.
--
-- KEYS: records, paths, levels, intents, fences, revision.
-- ARGV: the channel, the news ('' for none), the longest path, and of each change its name and two
-- arguments.
-- Answers nothing, or why which change is refused, with a detail.

local RECORDS, PATHS, LEVELS, INTENTS, FENCES, REVISION = unpack(KEYS)
local CHANNEL, NEWS, LONGEST = ARGV[1], ARGV[2], tonumber(ARGV[3])
-- Paths in one command: `unpack` has a limit.
local PAGE = 500

local call = redis.call
local undo = {}
local last = tonumber(call('GET', REVISION) or '0')
local revision = last

local function refuse(why, detail)
  error({ why = why, detail = detail or '' })
end

-- As decimal digits: `tostring` would round.
local function number(value)
  return string.format('%.0f', value)
end

local function level(path)
  if path == '/' then
    return '0:/'
  end
  local _, depth = string.gsub(path, '/', '')
  return depth .. ':' .. path
end

-- Both exclusive.
local function below(path)
  local prefix = path == '/' and '' or path
  return '(' .. prefix .. '/', '(' .. prefix .. '0'
end

-- Makes a value what is recorded of each of a page of paths; nothing, where there is none.
local function write(paths, values)
  local records, named, levelled, gone, unlevelled = {}, {}, {}, {}, {}
  for i, path in ipairs(paths) do
    if values[i] then
      local n = #records
      records[n + 1], records[n + 2] = path, values[i]
      named[n + 1], named[n + 2] = 0, path
      levelled[n + 1], levelled[n + 2] = 0, level(path)
    else
      gone[#gone + 1] = path
      unlevelled[#gone] = level(path)
    end
  end
  if #records > 0 then
    call('HSET', RECORDS, unpack(records))
    call('ZADD', PATHS, unpack(named))
    call('ZADD', LEVELS, unpack(levelled))
  end
  if #gone > 0 then
    call('HDEL', RECORDS, unpack(gone))
    call('ZREM', PATHS, unpack(gone))
    call('ZREM', LEVELS, unpack(unlevelled))
  end
end

-- The same, so that it can be undone. Answers what was recorded.
local function set(paths, values)
  local old = call('HMGET', RECORDS, unpack(paths))
  undo[#undo + 1] = function() write(paths, old) end
  write(paths, values)
  return old
end

-- Calls with each page of what is below a path; what it does not remove comes once, what it removes
-- is gone.
local function pages(path, each)
  local lower, upper = below(path)
  while true do
    local page = call('ZRANGEBYLEX', PATHS, lower, upper, 'LIMIT', 0, PAGE)
    if #page == 0 then
      return
    end
    lower = '(' .. page[#page]
    each(page)
  end
end

local function remove_tree(path)
  set({ path }, {})
  pages(path, function(page) set(page, {}) end)
end

-- A record with the revision of now.
local function renewed(record)
  local colon = string.find(record, ':', 1, true)
  return number(revision) .. string.sub(record, colon)
end

local function refuse_too_long(from, to)
  local longer = #to - #from
  local longest = 0
  if longer > 0 then
    pages(from, function(page)
      for _, path in ipairs(page) do
        longest = math.max(longest, #path)
      end
    end)
  end
  if longest > 0 and longest + longer > LONGEST then
    refuse('too long', number(longest + longer))
  end
end

local steps = {}

function steps.put(path, body)
  revision = revision + 1
  set({ path }, { number(revision) .. ':' .. body })
end

function steps.remove(path)
  set({ path }, {})
end

function steps.remove_tree(path)
  remove_tree(path)
end

function steps.rename(from, to)
  if from == to then
    return
  end
  refuse_too_long(from, to)
  revision = revision + 1
  remove_tree(to)
  local record = call('HGET', RECORDS, from)
  if record then
    set({ from, to }, { false, renewed(record) })
  end
  pages(from, function(page)
    local old = set(page, {})
    local moved, records = {}, {}
    for i, path in ipairs(page) do
      moved[i] = to .. string.sub(path, #from + 1)
      records[i] = renewed(old[i])
    end
    set(moved, records)
  end)
end

function steps.exchange(one, other)
  if one == other then
    return
  end
  refuse_too_long(one, other)
  refuse_too_long(other, one)
  revision = revision + 1
  local taken = {}
  local function take(from, to)
    local function lift(page)
      local old = set(page, {})
      local moved, records = {}, {}
      for i, path in ipairs(page) do
        if old[i] then
          moved[#moved + 1] = to .. string.sub(path, #from + 1)
          records[#moved] = renewed(old[i])
        end
      end
      if #moved > 0 then
        taken[#taken + 1] = { moved, records }
      end
    end
    lift({ from })
    pages(from, lift)
  end
  -- Both are taken before either is put, so that no page of one holds records of the other.
  take(one, other)
  take(other, one)
  for _, page in ipairs(taken) do
    set(page[1], page[2])
  end
end

-- Their order is the one of the revisions.
function steps.begin(id, body)
  if call('HEXISTS', INTENTS, id) == 1 then
    refuse('begun')
  end
  revision = revision + 1
  undo[#undo + 1] = function() call('HDEL', INTENTS, id) end
  call('HSET', INTENTS, id, number(revision) .. ':' .. body)
end

steps['end'] = function(id)
  local old = call('HGET', INTENTS, id)
  if old then
    undo[#undo + 1] = function() call('HSET', INTENTS, id, old) end
    call('HDEL', INTENTS, id)
  end
end

function steps.expect(path, expected)
  local record = call('HGET', RECORDS, path)
  local found = record and string.match(record, '^%d+') or ''
  if found ~= expected then
    refuse('unexpected')
  end
end

function steps.under(lease)
  if call('SISMEMBER', FENCES, lease) == 1 then
    refuse('fenced')
  end
end

function steps.fence(lease)
  if call('SADD', FENCES, lease) == 1 then
    undo[#undo + 1] = function() call('SREM', FENCES, lease) end
  end
end

local position = 0
local done, failure = pcall(function()
  for i = 4, #ARGV, 3 do
    steps[ARGV[i]](ARGV[i + 1], ARGV[i + 2])
    position = position + 1
  end
  if revision ~= last then
    call('SET', REVISION, number(revision))
  end
  if NEWS ~= '' then
    call('PUBLISH', CHANNEL, NEWS)
  end
end)
if done then
  return {}
end
for i = #undo, 1, -1 do
  undo[i]()
end
if type(failure) == 'table' and failure.why then
  return { failure.why, tostring(position), failure.detail }
end
return redis.error_reply(type(failure) == 'table' and failure.err or tostring(failure))
