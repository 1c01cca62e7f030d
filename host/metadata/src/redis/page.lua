-- A page of records, of one moment.
--
-- KEYS: the index that is scanned, records.
-- ARGV: its bounds, how many records, bytes before the path in what is indexed, and a path that
-- comes before the page ('' for none).
-- Answers path and record in turn.

local lower, upper, first = ARGV[1], ARGV[2], ARGV[5]
local limit, before = tonumber(ARGV[3]), tonumber(ARGV[4])
local PAGE = 500

local found = {}
local function add(path, record)
  if record then
    found[#found + 1] = path
    found[#found + 1] = record
  end
end

if first ~= '' and limit > 0 then
  add(first, redis.call('HGET', KEYS[2], first))
end
local members = redis.call('ZRANGEBYLEX', KEYS[1], lower, upper, 'LIMIT', 0, limit - #found / 2)
for start = 1, #members, PAGE do
  local paths = {}
  for i = start, math.min(start + PAGE - 1, #members) do
    paths[#paths + 1] = string.sub(members[i], before + 1)
  end
  local records = redis.call('HMGET', KEYS[2], unpack(paths))
  for i, path in ipairs(paths) do
    add(path, records[i])
  end
end
return found
