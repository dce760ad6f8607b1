"""Several nodes, one chat: they share one stream of events, in Redis. To follow it, begin with member.py.

    script.lua     what Redis does for a node, all or nothing: append a batch, join, renew a lease, recover
    store.py       these operations as Python sees them, and what they answer
    redisstore.py  the same over two connections to Redis
    member.py      what a node does, and when: no I/O, so a simulation can let thousands of them crash

The journal that a hub sees is journal/redis.py. docs/cluster.md says what is promised.
"""
