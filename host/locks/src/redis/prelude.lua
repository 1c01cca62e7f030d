-- The queues of `local/queues.rs`, in keys: for each node of the tree, who is exclusive there and
-- who passes, by ticket. KEYS[1] is what every key begins with. Times are the server's, in
-- milliseconds.
local base = KEYS[1]
local function key(name) return base .. ':' .. name end

local function now()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Each node that paths touch, once, with whether they are exclusive there.
local function stands(paths)
    local found, order = {}, {}
    local function stand(node, exclusive)
        if found[node] == nil then order[#order + 1] = node end
        found[node] = found[node] or exclusive
    end
    for _, path in ipairs(paths) do
        if path == '/' then
            stand('/', true)
        else
            stand('/', false)
            local from = 2
            while true do
                local slash = string.find(path, '/', from, true)
                if not slash then break end
                stand(string.sub(path, 1, slash - 1), false)
                from = slash + 1
            end
            stand(path, true)
        end
    end
    return order, found
end

local function earliest(queue)
    local first = redis.call('ZRANGE', queue, 0, 0)[1]
    return first and tonumber(first)
end

-- Whether nobody who came earlier is in the way.
local function is_free(ticket, paths)
    local order, exclusive = stands(paths)
    for _, node in ipairs(order) do
        local first = earliest(key('x:' .. node))
        if first and first < ticket then return false end
        if exclusive[node] then
            first = earliest(key('p:' .. node))
            if first and first < ticket then return false end
        end
    end
    return true
end

local function grant(ticket, entry)
    entry.granted = true
    redis.call('HSET', key('tickets'), ticket, cjson.encode(entry))
    redis.call('PUBLISH', key('wake:' .. entry.lease), ticket)
end

-- Gives a place up, and lets those in for whom it was the last one in the way.
local function leave(ticket)
    local text = redis.call('HGET', key('tickets'), ticket)
    if not text then return end
    local entry = cjson.decode(text)
    redis.call('HDEL', key('tickets'), ticket)
    redis.call('SREM', key('of:' .. entry.lease), ticket)
    local order, exclusive = stands(entry.paths)
    local next = {}
    for _, node in ipairs(order) do
        local x, p = key('x:' .. node), key('p:' .. node)
        redis.call('ZREM', exclusive[node] and x or p, ticket)
        local first = redis.call('ZRANGE', x, 0, 0)[1]
        if exclusive[node] then
            local last = first and ('(' .. first) or '+inf'
            for _, passing in ipairs(redis.call('ZRANGEBYSCORE', p, '-inf', last)) do
                next[passing] = true
            end
        end
        if first then next[first] = true end
    end
    for waiting in pairs(next) do
        local text = redis.call('HGET', key('tickets'), waiting)
        local entry = text and cjson.decode(text)
        if entry and not entry.granted and is_free(tonumber(waiting), entry.paths) then
            grant(waiting, entry)
        end
    end
end
