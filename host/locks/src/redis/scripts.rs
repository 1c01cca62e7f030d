//! What is done in the server, each in one step. The queues are in `prelude.lua`.

use std::sync::LazyLock;

use ::redis::Script;

macro_rules! script {
    ($name:ident: $body:literal) => {
        pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!(include_str!("prelude.lua"), $body)));
    };
}

// Begins a lease of so many milliseconds, unless the memory of the server is younger than that:
// then it answers for how long nothing can be granted, because what it forgot may still be held.
script!(BEGIN: r#"
    local lease, length, time = ARGV[1], tonumber(ARGV[2]), now()
    redis.call('SET', key('since'), time, 'NX')
    local wait = redis.call('GET', key('since')) + length - time
    if wait > 0 then return wait end
    redis.call('ZADD', key('leases'), time + length, lease)
    return 0
"#);

// Puts the end of a lease off; answers which of its tickets are granted, or nothing if it is over.
script!(RENEW: r#"
    local lease, length, time = ARGV[1], tonumber(ARGV[2]), now()
    local ends = redis.call('ZSCORE', key('leases'), lease)
    if not ends or tonumber(ends) <= time then return false end
    redis.call('ZADD', key('leases'), time + length, lease)
    local granted = {}
    for _, ticket in ipairs(redis.call('SMEMBERS', key('of:' .. lease))) do
        local text = redis.call('HGET', key('tickets'), ticket)
        if text and cjson.decode(text).granted then granted[#granted + 1] = tonumber(ticket) end
    end
    return granted
"#);

// Takes a place in the queues; answers the ticket and whether its turn has come, or 0 if the lease
// is over.
script!(ENTER: r#"
    local lease, paths = ARGV[1], {}
    for at = 2, #ARGV do paths[#paths + 1] = ARGV[at] end
    local ends = redis.call('ZSCORE', key('leases'), lease)
    if not ends or tonumber(ends) <= now() then return {0, 0} end
    local ticket = redis.call('INCR', key('next'))
    local order, exclusive = stands(paths)
    for _, node in ipairs(order) do
        redis.call('ZADD', key((exclusive[node] and 'x:' or 'p:') .. node), ticket, ticket)
    end
    local granted = is_free(ticket, paths)
    local value = {lease = lease, paths = paths, granted = granted}
    redis.call('HSET', key('tickets'), ticket, cjson.encode(value))
    redis.call('SADD', key('of:' .. lease), ticket)
    return {ticket, granted and 1 or 0}
"#);

script!(LEAVE: "leave(ARGV[1])");

// Every place that was taken under a lease.
script!(TICKETS: r#"
    local tickets = {}
    for at, ticket in ipairs(redis.call('SMEMBERS', key('of:' .. ARGV[1]))) do
        tickets[at] = tonumber(ticket)
    end
    return tickets
"#);

script!(PING: "return now()");

// Finds leases that are over, which can never be renewed from now on; answers those whose locks are
// still held.
script!(EXPIRE: r#"
    for _, lease in ipairs(redis.call('ZRANGEBYSCORE', key('leases'), '-inf', now())) do
        redis.call('ZREM', key('leases'), lease)
        redis.call('SADD', key('dead'), lease)
    end
    return redis.call('SMEMBERS', key('dead'))
"#);

// Lets go of all that was locked under a lease that is over and fenced.
script!(BURY: r#"
    local lease = ARGV[1]
    redis.call('ZREM', key('leases'), lease)
    for _, ticket in ipairs(redis.call('SMEMBERS', key('of:' .. lease))) do leave(ticket) end
    redis.call('DEL', key('of:' .. lease))
    redis.call('SREM', key('dead'), lease)
"#);
