-- Reads and changes links.
--
-- KEYS: links, uses, tokens, ids, makers, ends. A link is its token, its maker, both as hexadecimal
-- digits, and what never changes; its uses are its revision and what does.
-- ARGV: what is to be done, and its arguments.

local LINKS, USES, TOKENS, IDS, MAKERS, ENDS = unpack(KEYS)
local call = redis.call
local steps = {}

local function read(id, found)
  local link = call('HGET', LINKS, id)
  if link then
    found[#found + 1] = link
    found[#found + 1] = call('HGET', USES, id)
  end
end

-- Answers link and uses, or nothing, as all that read.
function steps.by_id(id)
  local found = {}
  read(id, found)
  return found
end

function steps.by_token(token)
  local id = call('HGET', TOKENS, token)
  return id and steps.by_id(id) or {}
end

function steps.list(index, lower, upper, limit)
  local found = {}
  local of_maker = index == 'makers'
  local from = of_maker and MAKERS or IDS
  for _, id in ipairs(call('ZRANGEBYLEX', from, lower, upper, 'LIMIT', 0, limit)) do
    read(string.sub(id, -16), found)
  end
  return found
end

-- Answers whether it was done, as all that change something.
function steps.create(id, token, maker, body, uses, kept)
  if call('HEXISTS', LINKS, id) == 1 or call('HEXISTS', TOKENS, token) == 1 then
    return 0
  end
  call('HSET', LINKS, id, token .. ' ' .. maker .. ' ' .. body)
  call('HSET', USES, id, '0:' .. uses)
  call('HSET', TOKENS, token, id)
  call('ZADD', IDS, 0, id)
  call('ZADD', MAKERS, 0, maker .. ':' .. id)
  call('ZADD', ENDS, kept, id)
  return 1
end

function steps.replace(id, revision, next, uses, kept)
  local old = call('HGET', USES, id)
  if not old or string.match(old, '^%d+') ~= revision then
    return 0
  end
  call('HSET', USES, id, next .. ':' .. uses)
  call('ZADD', ENDS, kept, id)
  return 1
end

function steps.remove(id)
  local link = call('HGET', LINKS, id)
  if not link then
    return 0
  end
  local token, maker = string.match(link, '^(%x+) (%x*) ')
  call('HDEL', LINKS, id)
  call('HDEL', USES, id)
  call('HDEL', TOKENS, token)
  call('ZREM', IDS, id)
  call('ZREM', MAKERS, maker .. ':' .. id)
  call('ZREM', ENDS, id)
  return 1
end

-- Answers how many are gone; there may be more if that is the limit.
function steps.sweep(before, limit)
  local over = call('ZRANGEBYSCORE', ENDS, '-inf', '(' .. before, 'LIMIT', 0, limit)
  for _, id in ipairs(over) do
    steps.remove(id)
  end
  return #over
end

return steps[ARGV[1]](unpack(ARGV, 2))
