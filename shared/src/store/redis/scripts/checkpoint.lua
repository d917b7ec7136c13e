-- KEYS: epoch, checkpoint
-- ARGV: run, name
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return false end
return redis.call('HGET', KEYS[2], ARGV[2])
