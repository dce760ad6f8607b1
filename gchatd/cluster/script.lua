-- What Redis does for the nodes of a cluster. Each call is one operation, all or nothing; docs/cluster.md explains it.
--
-- KEYS: the stream, a hash of what the nodes agree on, leases by deadline, who reports after a restart, marks for
-- trimming; then, for `append`, the keys of private messages. ARGV: the operation, the node, what the operation needs.
--
-- The hash: `run` (which start of Redis the nodes have agreed on), `last` (the last place), `counter` (a node's highest
-- number), `bounds`, `trimmed` (some events below this place are not kept), `renewed` (when leases were looked at),
-- `base` and `cut` (see `agree`), `founded` (where the chat last began anew), `fresh` (snapshots of places before this
-- are no longer good), `node:N` (see `Peer` in store.py), `identity:I` (the node on a data directory).
--
-- The hash for a recovery: `run`, `since`, `nodes` (those that whoever read most knows of), and of each node N that has
-- reported: the place it has read to, the one after which it remembers all, when it said so, whether it takes clients.
local stream, meta, leases, recovery, marks = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local op, node = ARGV[1], ARGV[2]

local GAP = 1048576 -- places left out where some may have been used that nobody here knows of
local EPOCH, PLACES_PER_MS = 1767225600000, 1024 -- 2026-01-01 in ms; more than are ever used in a millisecond
local SPARE_NODES = 16 -- numbers of nodes left out where some may have been used
local GRACE = 1000 -- how long (ms) a recovery takes at least: nodes of which nobody knows may report
local RECOVERY = 5000 -- how long (ms) nodes that are known may take to report
local MARK = 60000 -- how often (ms) it is noted where the stream ends
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

local function set_details(of, it, contact)
    -- cjson would write large numbers with an exponent
    redis.call("HSET", meta, "node:" .. of, string.format(
        '{"name":%s,"identity":%s,"ready":%s,"batch":%s,"first":%s,"contact":%s}', cjson.encode(it.name),
        cjson.encode(it.identity), tostring(it.ready), integer(it.batch), integer(it.first),
        integer(contact or it.contact)))
end

local function put(id, from, batch, at, events)
    redis.call("XADD", stream, id, "n", from, "b", batch, "t", at, "d", events)
end

-- Add an entry to the stream. XADD comes first: after an error half way, what came before it is not undone.
local function add(from, batch, count, events)
    local first = number("last") + 1
    put(integer(first) .. "-" .. count, from, batch, integer(now()), events)
    redis.call("HSET", meta, "last", integer(first + count - 1))
    return first
end

local function note(event)
    return add(0, 0, 1, "[" .. cjson.encode(event) .. "]")
end

-- A place above all that were ever used, also by a Redis of which this one is an older copy.
local function leap(last)
    return math.max(last + GAP, (now() - EPOCH) * PLACES_PER_MS)
end

local function all_nodes()
    return redis.call("ZRANGE", leases, 0, -1)
end

local function forget(lost)
    local it = details(lost)
    if redis.call("HGET", meta, "identity:" .. it.identity) == lost then
        redis.call("HDEL", meta, "identity:" .. it.identity)
    end
    redis.call("HDEL", meta, "node:" .. lost)
    redis.call("ZREM", leases, lost)
end

local function lose(lost)
    note({ event = "nodelost", node = tonumber(lost) })
    forget(lost)
end

-- End the nodes whose leases have run out. But while Redis was away or stuck, nobody could renew theirs: then everybody
-- gets the whole length again.
local function reap(at, length)
    for _, each in ipairs(at - number("renewed") > length / 2 and all_nodes() or {}) do
        redis.call("ZADD", leases, at + length, each)
    end
    redis.call("HSET", meta, "renewed", integer(at))
    for _, lost in ipairs(redis.call("ZRANGEBYSCORE", leases, "-inf", at)) do
        lose(lost)
    end
end

local function be_ready(ready)
    local it = details(ready)
    if it and not it.ready then
        it.ready = true
        set_details(ready, it)
        return note({ event = "nodeready", node = tonumber(ready) })
    end
    return number("last")
end

-- Begin a recovery, unless it has begun; note a report, if there is one; forget those of nodes that have been silent.
-- Return the reports by node, and the last place that anybody has read.
local function recover(run, at, report)
    if redis.call("HGET", recovery, "run") ~= run then
        redis.call("DEL", recovery, recovery .. ":dead")
        redis.call("HSET", recovery, "run", run, "since", integer(at))
    end
    if report then
        redis.call("HSET", recovery, node, report)
    end
    local found, most, fields = {}, -1, redis.call("HGETALL", recovery)
    for i = 1, #fields, 2 do
        local place, after, when, ready = string.match(fields[i + 1], "^(%d+) (%d+) (%d+) (%d)$")
        if place and at - tonumber(when) >= RECOVERY then
            redis.call("HDEL", recovery, fields[i])
        elseif place then
            found[fields[i]] = { place = tonumber(place), after = tonumber(after), ready = ready == "1" }
            most = math.max(most, tonumber(place))
        end
    end
    return found, most
end

-- Whether everybody has reported who may know more than Redis does, or has had the time to.
local function all_reported(at, found)
    local since, known = redis.call("HGET", recovery, "since"), redis.call("HGET", recovery, "nodes") or ""
    for each in string.gmatch(known .. " " .. table.concat(all_nodes(), " "), "%d+") do
        if not found[each] and redis.call("SISMEMBER", recovery .. ":dead", each) == 0 then
            return at - since >= RECOVERY
        end
    end
    return at - since >= GRACE
end

-- Whether this node puts back what is missing: nobody leaves a smaller hole, or no larger one and has read more.
local function puts_back(found)
    local last, me = number("last"), found[node]
    for _, it in pairs(found) do
        local hole, mine = math.max(it.after, last), math.max(me.after, last)
        if it.place > last and (hole < mine or (hole == mine and it.place > me.place)) then
            return false
        end
    end
    return me.place > last
end

-- End a recovery: what Redis has now is what there is. The stream says so: an entry without events, whose batch is the
-- last place before it. Whoever has read anything between the two has heard what nobody else will, and ends: whether it
-- reports first (`is_astray`) or reads this.
local function agree(run, at, length, found)
    local base = number("last")
    local last = leap(base)
    local counter = base == 0 and at % 65536 or number("counter") + SPARE_NODES -- 0: all is gone, if there was any
    put(integer(last + 1) .. "-0", 0, integer(base), integer(at), "[]")
    redis.call("HSET", meta, "run", run, "last", integer(last), "base", integer(base), "cut", integer(last + 1),
        "fresh", integer(last), "renewed", "0", "counter", integer(counter))
    reap(at, length)
    local dead = redis.call("SMEMBERS", recovery .. ":dead")
    table.sort(dead)
    for _, each in ipairs(dead) do
        if details(each) then
            lose(each)
        end
    end
    for _, each in ipairs(all_nodes()) do
        set_details(each, details(each), -1) -- it has to report before it appends
        if found[each] and found[each].ready then -- Redis may have lost that it is
            be_ready(each)
        end
    end
    redis.call("DEL", recovery, recovery .. ":dead")
end

-- Whether somebody who has read to this place has heard what the others will not.
local function is_astray(seen)
    return seen > number("base") and seen < number("cut") - 1
end

-- Whether the nodes have agreed on what this Redis has. If a node has read more than there is, they have not.
local function is_agreed(run, seen)
    if seen > number("last") and redis.call("HGET", meta, "run") == run then
        redis.call("HSET", meta, "run", "")
    end
    return redis.call("HGET", meta, "run") == run
end

local operations = {}

-- A process begins as a node. ARGV: "0", identity, name, the highest number and place it knows of, bounds, lease (ms).
function operations.join()
    local identity, name, incarnation, known = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
    local run, at, length = run_id(), now(), tonumber(ARGV[8])
    local old = redis.call("HGET", meta, "identity:" .. identity) -- its process has ended: it had the same directory
    if old and tonumber(old) > incarnation then -- the answer was lost with which it was told; or this comes late
        return { "outdated", old }
    end
    if not is_agreed(run, 0) then
        local found, most = recover(run, at)
        if old then
            redis.call("SADD", recovery .. ":dead", old)
        end
        local empty = redis.call("HEXISTS", meta, "run") == 0
        local since = redis.call("HGET", recovery, "since")
        local is_new = empty and incarnation == 0 and known == 0 and most < 0 -- else nodes may be about to report
        local is_over = all_reported(at, found) and most <= number("last") and not (empty and at - since < RECOVERY)
        if not (is_new or is_over) then
            return { "recovering" }
        end
        agree(run, at, length, found)
        old = redis.call("HGET", meta, "identity:" .. identity)
    end
    if old then
        lose(old)
    end
    reap(at, length)
    if #all_nodes() > 0 and redis.call("HGET", meta, "bounds") ~= ARGV[7] then
        return { "bounds", redis.call("HGET", meta, "bounds") }
    end
    local last = number("last")
    if known > last then -- what was stored there, this Redis has lost, or never had
        redis.call("HSET", meta, "last", integer(leap(known)))
    end
    local new = math.max(number("counter"), incarnation) + 1
    local place = note({ event = "nodejoined", node = new, name = name, identity = identity })
    redis.call("HSET", meta, "counter", new, "bounds", ARGV[7], "identity:" .. identity, new)
    set_details(new, { name = name, identity = identity, ready = false, batch = 0, first = 0, contact = 0 })
    redis.call("ZADD", leases, at + length, new)
    local reply = { "joined", integer(new), integer(place), integer(last), integer(number("trimmed")) }
    for _, each in ipairs(all_nodes()) do
        table.insert(reply, each)
        table.insert(reply, redis.call("HGET", meta, "node:" .. each))
    end
    return reply
end

-- Append a batch. ARGV: node, batch, how often the node has made contact, the last place it has read, how many events,
-- the events, the private messages' texts.
function operations.append()
    local it, batch = details(node), tonumber(ARGV[3])
    if it.contact ~= tonumber(ARGV[4]) then -- it comes late, after the node was told that it is not there
        return { "restarted" }
    elseif batch == it.batch then -- its answer was lost
        return { "ok", integer(it.first) }
    elseif batch ~= it.batch + 1 then
        return { "unknown" }
    end
    it.first, it.batch = add(node, ARGV[3], tonumber(ARGV[6]), ARGV[7]), batch
    set_details(node, it)
    for i = 6, #KEYS do
        redis.call("SET", KEYS[i], ARGV[i + 2], "EX", SECRET_SECONDS)
    end
    return { "ok", integer(it.first) }
end

-- Renew a lease. ARGV: node, lease (ms), how long to keep events (ms).
function operations.renew()
    local at, length = now(), tonumber(ARGV[3])
    redis.call("ZADD", leases, at + length, node)
    reap(at, length)
    local function age(index)
        local mark = redis.call("LINDEX", marks, index)
        return mark and at - tonumber(string.match(mark, "^%d+"))
    end
    if (age(-1) or math.huge) > MARK then
        redis.call("RPUSH", marks, integer(at) .. " " .. integer(number("last")))
    end
    local upto
    while (age(0) or 0) > tonumber(ARGV[4]) do
        upto = string.match(redis.call("LPOP", marks), "%d+$")
    end
    if upto then
        redis.call("XTRIM", stream, "MINID", "~", upto)
        redis.call("HSET", meta, "trimmed", upto)
    end
    return { "ok", integer(number("last")), integer(at), unpack(redis.call("ZRANGE", leases, 0, -1, "WITHSCORES")) }
end

-- Begin the chat anew, and take clients, if no node that is ready knows the state. ARGV: node, lease (ms).
function operations.found()
    local at, length = now(), tonumber(ARGV[3])
    redis.call("ZADD", leases, at + length, node)
    reap(at, length)
    for _, each in ipairs(all_nodes()) do
        if details(each).ready then
            return { "no" }
        end
    end
    local place = integer(be_ready(node))
    redis.call("HSET", meta, "founded", place, "fresh", place)
    return { "ok", place }
end

-- Take clients. ARGV: node, the place of the state it was given. That must not be a state of a chat that is over.
function operations.ready()
    return { tonumber(ARGV[3]) >= number("fresh") and be_ready(node) and "ok" or "no" }
end

-- End as a node.
function operations.leave()
    lose(node)
    return { "ok" }
end

-- Speak with Redis again after a connection was lost. ARGV: node, how often it has made contact, the last place it has
-- read, the place after which it remembers all, whether it takes clients, lease (ms), the other nodes it knows of.
-- Answers "fine" and this node's last batch that is there; "wait"; "refill", the last place that is there and the run;
-- "unknown" if it is too late.
function operations.report()
    local run, at, contact, seen, length = run_id(), now(), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[7])
    if is_agreed(run, seen) then
        local it = details(node)
        if not it or is_astray(seen) or (ARGV[6] == "1" and seen < number("founded")) then
            return { "unknown" }
        end
        set_details(node, it, math.max(it.contact, contact))
        if ARGV[6] == "1" then
            be_ready(node)
        end
        return { "fine", integer(it.batch) }
    end
    local found, most = recover(run, at, table.concat({ ARGV[4], ARGV[5], integer(at), ARGV[6] }, " "))
    if seen == most then
        redis.call("HSET", recovery, "nodes", table.concat(ARGV, " ", 8))
    end
    if all_reported(at, found) then
        if number("last") >= most then -- nothing that anybody has read is missing
            agree(run, at, length, found)
        elseif puts_back(found) then
            return { "refill", integer(number("last")), run }
        end
    end
    return { "wait" }
end

-- Put entries back that Redis has lost. ARGV: node, run, bounds, the highest number of a node, the place after which
-- this node remembers all, the last place, how many nodes there are, of each its number and details, then the entries:
-- of each id, n, b, t, d.
function operations.refill()
    local run, at, from, place, last = ARGV[3], now(), tonumber(ARGV[6]), tonumber(ARGV[7]), number("last")
    if run_id() ~= run or is_agreed(run, 0) or redis.call("HGET", recovery, "run") ~= run then
        return { "restarted" }
    end
    local found = recover(run, at)
    if not found[node] or found[node].place ~= place or not puts_back(found) then -- it took too long
        return { "restarted" }
    end
    if from > last then -- what was between them is gone; whoever has not read it has to end
        put(integer(from + 1) .. "-0", 0, integer(from), integer(at), "[]")
        redis.call("HSET", meta, "trimmed", integer(from + 1))
    end
    local entries = 9 + 2 * tonumber(ARGV[8])
    for i = entries, #ARGV, 5 do
        local first, count = string.match(ARGV[i], "^(%d+)-(%d+)$")
        if first + count - 1 > last then
            local after = count == "0" and integer(ARGV[i + 2] + 1) .. "-0" -- at a cut: nobody has read what comes here
            for _, each in ipairs(after and redis.call("XRANGE", stream, after, "(" .. ARGV[i]) or {}) do
                redis.call("XDEL", stream, each[1])
            end
            put(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
        end
    end
    for _, each in ipairs(all_nodes()) do
        forget(each)
    end
    for i = 9, entries - 1, 2 do
        local it = cjson.decode(ARGV[i + 1])
        set_details(ARGV[i], it)
        redis.call("HSET", meta, "identity:" .. it.identity, ARGV[i])
        redis.call("ZADD", leases, 0, ARGV[i])
    end
    redis.call("HSET", meta, "last", ARGV[7], "bounds", ARGV[4], "counter", math.max(number("counter"), ARGV[5]))
    return { "ok" }
end

-- Why a member that has read to `seen` can do nothing now, if so.
local function trouble(seen)
    if not is_agreed(run_id(), seen) then
        return { "restarted" }
    elseif redis.call("HEXISTS", meta, "node:" .. node) == 0 or is_astray(seen) then
        return { "unknown" }
    end
end

local for_anybody = op == "join" or op == "report" or op == "refill"
return not for_anybody and trouble(op == "append" and tonumber(ARGV[5]) or 0) or operations[op]()
