-- What Redis does for the nodes of a cluster. Each call is one operation, all or nothing; docs/cluster.md explains it.
--
-- KEYS: the stream, a hash of what the nodes agree on, leases by deadline, who reports after a restart, marks for trimming;
-- then, for `append`, the keys of private messages. ARGV: the operation, the node, and what the operation needs.
--
-- The hash: `run` (which start of Redis the nodes have agreed on), `last` (the last place), `counter` (the last node's number),
-- `bounds`, `trimmed` (no events below this place are kept), `renewed` (when a lease was renewed last), `before` and `base` (the run before, and the last place that survived
-- it), `node:N` (name, identity, whether ready, last batch, its first place), `identity:I` (the node on a data directory).
local stream, meta, leases, recovery, marks = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local op, node = ARGV[1], ARGV[2]

local GAP = 1048576 -- places left out where some may have been used that nobody here knows of
local RECOVERY = 5000 -- how long (ms) a node may take to report after a restart of Redis
local SECRET_SECONDS = 60 -- how long a private message waits for the node that it is for

local function integer(n)
    return string.format("%.0f", n)
end

local function now()
    local time = redis.call("TIME")
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function number(field)
    return tonumber(redis.call("HGET", meta, field) or "0")
end

local function run_id()
    return string.match(redis.call("INFO", "server"), "run_id:(%w+)")
end

local function details(of)
    local found = redis.call("HGET", meta, "node:" .. of)
    return found and cjson.decode(found)
end

local function set_details(of, it)
    -- cjson would write large numbers with an exponent
    local text = string.format('{"name":%s,"identity":%s,"ready":%s,"batch":%s,"first":%s}', cjson.encode(it.name),
        cjson.encode(it.identity), tostring(it.ready), integer(it.batch), integer(it.first))
    redis.call("HSET", meta, "node:" .. of, text)
end

-- Add an entry to the stream. XADD comes first: what follows an error half way is not done, what came before not undone.
local function add(from, batch, count, events)
    local first = number("last") + 1
    redis.call("XADD", stream, integer(first) .. "-" .. count, "n", from, "b", batch, "t", integer(now()), "d", events)
    redis.call("HSET", meta, "last", integer(first + count - 1))
    return first
end

local function note(event)
    return add(0, 0, 1, "[" .. cjson.encode(event) .. "]")
end

local function all_nodes()
    return redis.call("ZRANGE", leases, 0, -1)
end

local function forget(lost)
    local it = details(lost)
    if it and redis.call("HGET", meta, "identity:" .. it.identity) == lost then
        redis.call("HDEL", meta, "identity:" .. it.identity)
    end
    redis.call("HDEL", meta, "node:" .. lost)
    redis.call("ZREM", leases, lost)
end

local function lose(lost)
    note({ event = "nodelost", node = tonumber(lost) })
    forget(lost)
end

local function reap(at)
    for _, lost in ipairs(redis.call("ZRANGEBYSCORE", leases, "-inf", at)) do
        lose(lost)
    end
end

-- Everybody gets the whole lease again: while Redis was away or stuck, nobody could renew theirs.
local function restart_leases(at, length)
    for _, each in ipairs(all_nodes()) do
        redis.call("ZADD", leases, at + length, each)
    end
    redis.call("HSET", meta, "renewed", integer(at))
end

-- End a recovery: what survived ends at `base`.
local function agree(run, base, length)
    local before = redis.call("HGET", meta, "run") or ""
    local last = math.max(number("last"), base)
    local next_last = last > 0 and last + GAP or 0
    redis.call("HSET", meta, "before", before, "base", integer(base), "run", run, "last", integer(next_last))
    restart_leases(now(), length)
    for _, dead in ipairs(redis.call("SMEMBERS", recovery .. ":dead")) do
        if details(dead) then
            lose(dead)
        end
    end
    redis.call("DEL", recovery, recovery .. ":dead")
end

-- Begin a recovery, unless it has begun. Return when it did, and whether everybody has had time to report.
local function recover(run, at)
    if redis.call("HGET", recovery, "run") ~= run then
        redis.call("DEL", recovery, recovery .. ":dead")
        redis.call("HSET", recovery, "run", run, "since", integer(at))
    end
    return at - tonumber(redis.call("HGET", recovery, "since")) >= RECOVERY
end

local function reports()
    local found, fields = {}, redis.call("HGETALL", recovery)
    for i = 1, #fields, 2 do
        local reporter = string.match(fields[i], "^place:(%d+)$")
        if reporter then
            found[reporter] = tonumber(fields[i + 1])
        end
    end
    return found
end

local operations = {}

-- A process begins as a node. ARGV: "0", identity, name, the highest number and place it knows of, bounds, lease (ms).
function operations.join()
    local identity, name, length = ARGV[3], ARGV[4], tonumber(ARGV[8])
    local run, at = run_id(), now()
    local old = redis.call("HGET", meta, "identity:" .. identity) -- its process has ended: only one can have the directory
    if redis.call("HGET", meta, "run") ~= run then
        local over = recover(run, at)
        if old then
            redis.call("SADD", recovery .. ":dead", old)
        end
        local awaited = false
        for _, each in ipairs(all_nodes()) do
            awaited = awaited or redis.call("SISMEMBER", recovery .. ":dead", each) == 0
        end
        local heard = tonumber(redis.call("HGET", recovery, "heard") or "0")
        if at - heard < RECOVERY or (awaited and not over) then
            return { "recovering" }
        end
        for _, each in ipairs(all_nodes()) do -- they did not come
            redis.call("SADD", recovery .. ":dead", each)
        end
        agree(run, number("last"), length)
        old = redis.call("HGET", meta, "identity:" .. identity)
    end
    if old then
        lose(old)
    end
    reap(at)
    local others = all_nodes()
    if #others > 0 and redis.call("HGET", meta, "bounds") ~= ARGV[7] then
        return { "bounds", redis.call("HGET", meta, "bounds") }
    end
    local last, known = number("last"), tonumber(ARGV[6])
    if known > last then -- what was stored there, this Redis has lost, or never had
        redis.call("HSET", meta, "last", integer(known + GAP))
    end
    local new = math.max(number("counter"), tonumber(ARGV[5])) + 1
    local place = note({ event = "nodejoined", node = new, name = name, identity = identity })
    redis.call("HSET", meta, "counter", new, "bounds", ARGV[7], "identity:" .. identity, new, "renewed", integer(at))
    set_details(new, { name = name, identity = identity, ready = false, batch = 0, first = 0 })
    redis.call("ZADD", leases, at + length, new)
    local trimmed = redis.call("HGET", meta, "trimmed") or "0"
    local reply = { "joined", integer(new), integer(place), run, integer(last), trimmed }
    for _, each in ipairs(all_nodes()) do
        table.insert(reply, each)
        table.insert(reply, redis.call("HGET", meta, "node:" .. each))
    end
    return reply
end

-- Why a node can do nothing now, if so.
local function trouble()
    if redis.call("HGET", meta, "run") ~= run_id() then
        return { "restarted" }
    end
    if redis.call("HEXISTS", meta, "node:" .. node) == 0 then
        return { "unknown" }
    end
end

-- Append a batch. ARGV: node, batch, the last place it has seen, how many events, the events, the private messages' texts.
function operations.append()
    local no = trouble()
    if no then
        return no
    end
    local it, batch = details(node), tonumber(ARGV[3])
    if batch == it.batch then -- its answer was lost
        return { "ok", integer(it.first) }
    elseif batch ~= it.batch + 1 then
        return { "gap", integer(it.batch) }
    elseif tonumber(ARGV[4]) > number("last") then
        redis.call("HSET", meta, "run", "")
        return { "restarted" }
    end
    it.first, it.batch = add(node, ARGV[3], tonumber(ARGV[5]), ARGV[6]), batch
    set_details(node, it)
    for i = 6, #KEYS do
        redis.call("SET", KEYS[i], ARGV[i + 1], "EX", SECRET_SECONDS)
    end
    return { "ok", integer(it.first) }
end

-- Renew a lease. ARGV: node, lease (ms), how long to keep events (ms).
function operations.renew()
    local no = trouble()
    if no then
        return no
    end
    local at, length = now(), tonumber(ARGV[3])
    if at - number("renewed") > length / 2 then
        restart_leases(at, length)
    end
    redis.call("ZADD", leases, at + length, node)
    redis.call("HSET", meta, "renewed", integer(at))
    reap(at)
    local newest = redis.call("LINDEX", marks, -1)
    if not newest or at - tonumber(string.match(newest, "^%d+")) > 60000 then
        redis.call("RPUSH", marks, integer(at) .. " " .. integer(number("last")))
    end
    local upto
    local oldest = redis.call("LINDEX", marks, 0)
    while oldest and tonumber(string.match(oldest, "^%d+")) < at - tonumber(ARGV[4]) do
        upto = string.match(oldest, "%d+$")
        redis.call("LPOP", marks)
        oldest = redis.call("LINDEX", marks, 0)
    end
    if upto then
        redis.call("XTRIM", stream, "MINID", "~", upto)
        redis.call("HSET", meta, "trimmed", upto)
    end
    local reply = { "ok", integer(number("last")) }
    for _, each in ipairs(redis.call("ZRANGE", leases, 0, -1, "WITHSCORES")) do
        table.insert(reply, each)
    end
    table.insert(reply, integer(at))
    return reply
end

-- Take clients. `found` does so only if no node that is ready knows the state; then the chat begins anew, here.
local function be_ready()
    local it = details(node)
    it.ready = true
    set_details(node, it)
    return { "ok", integer(note({ event = "nodeready", node = tonumber(node) })) }
end

function operations.found()
    local no = trouble()
    if no then
        return no
    end
    reap(now())
    for _, each in ipairs(all_nodes()) do
        if details(each).ready then
            return { "no" }
        end
    end
    return be_ready()
end

function operations.ready()
    return trouble() or be_ready()
end

-- End as a node.
function operations.leave()
    local no = trouble()
    if no then
        return no
    end
    lose(node)
    return { "ok" }
end

-- Speak with Redis again after a connection was lost. ARGV: node, the run it knows, the last place it has seen, lease (ms),
-- the other nodes it knows of. Answers "fine", the run and the last batch of
-- this node that is there; "wait"; "refill" and the last place that is there; "unknown" if it is too late.
function operations.report()
    local run, at, seen, length = run_id(), now(), tonumber(ARGV[4]), tonumber(ARGV[5])
    if redis.call("HGET", meta, "run") == run then
        local known = details(node)
        local missed = ARGV[3] ~= run and (ARGV[3] ~= redis.call("HGET", meta, "before") or seen > number("base"))
        if not known or missed then
            return { "unknown" }
        end
        return { "fine", run, integer(known.batch) }
    end
    local over = recover(run, at)
    redis.call("HSET", recovery, "place:" .. node, integer(seen), "heard", integer(at))
    local best, most = nil, -1
    local found = reports()
    for reporter, place in pairs(found) do
        if place > most or (place == most and tonumber(reporter) < tonumber(best)) then
            best, most = reporter, place
        end
    end
    if best == node then
        redis.call("HSET", recovery, "nodes", table.concat(ARGV, " ", 6))
    end
    local nodes = redis.call("HGET", recovery, "nodes") or ""
    for each in string.gmatch(nodes, "%d+") do
        if not found[each] and redis.call("SISMEMBER", recovery .. ":dead", each) == 0 and not over then
            return { "wait" }
        end
    end
    if number("last") >= most then -- nothing that anybody has seen is missing
        agree(run, number("last"), length)
        return { "wait" }
    end
    if best == node then
        return { "refill", integer(number("last")), run }
    end
    if over and at - tonumber(redis.call("HGET", recovery, "since")) >= 2 * RECOVERY then -- it is gone
        redis.call("HDEL", recovery, "place:" .. best, "nodes")
        redis.call("HSET", recovery, "since", integer(at))
    end
    return { "wait" }
end

-- Put entries back that Redis has lost. ARGV: node, run, then of each entry: id, n, b, t, d.
function operations.refill()
    if redis.call("HGET", recovery, "run") ~= ARGV[3] or run_id() ~= ARGV[3] then
        return { "restarted" }
    end
    local last = number("last")
    for i = 4, #ARGV, 5 do
        local first, count = string.match(ARGV[i], "^(%d+)-(%d+)$")
        if tonumber(first) > last then
            redis.call("XADD", stream, ARGV[i], "n", ARGV[i + 1], "b", ARGV[i + 2], "t", ARGV[i + 3], "d", ARGV[i + 4])
            last = first + count - 1
            redis.call("HSET", meta, "last", integer(last))
        end
    end
    redis.call("HSET", recovery, "since", integer(now()), "heard", integer(now()))
    return { "ok" }
end

-- End a recovery: ARGV: node, run, the last place, lease (ms), bounds, then of each node its number and details.
function operations.refilled()
    if redis.call("HGET", recovery, "run") ~= ARGV[3] or run_id() ~= ARGV[3] then
        return { "restarted" }
    end
    for _, each in ipairs(all_nodes()) do
        forget(each)
    end
    local counter = number("counter")
    for i = 7, #ARGV, 2 do
        local it = cjson.decode(ARGV[i + 1])
        set_details(ARGV[i], it)
        redis.call("HSET", meta, "identity:" .. it.identity, ARGV[i])
        redis.call("ZADD", leases, 0, ARGV[i])
        counter = math.max(counter, tonumber(ARGV[i]))
    end
    redis.call("HSET", meta, "counter", counter, "bounds", ARGV[6])
    agree(ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]))
    return { "ok" }
end

return operations[op]()
