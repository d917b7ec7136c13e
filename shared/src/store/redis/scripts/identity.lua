-- KEYS: registry
-- ARGV: the id proposed
-- Returns the registry's id
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
