-- Log entries from a number on.
--
-- KEYS: epoch, log
-- ARGV: run, first number, most entries
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return {} end
return redis.call('XRANGE', KEYS[2], ARGV[2], '+', 'COUNT', ARGV[3])
