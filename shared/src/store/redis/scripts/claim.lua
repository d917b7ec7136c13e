-- Raises a topic's epoch.
--
-- KEYS: epoch, totals
-- ARGV: epoch, epoch of the lease as the caller saw it
-- Returns {'claimed', run, entries, attributes} or {'fenced', held, in force, 0}
local state = redis.call('HMGET', KEYS[1], 'run', 'epoch')
local in_force = math.max(tonumber(state[2] or '0'), tonumber(ARGV[2]))
if tonumber(ARGV[1]) < in_force then return { 'fenced', ARGV[1], string.format('%.0f', in_force), '0' } end
-- Fails here, before anything is written, if the key is of another type.
local totals = redis.call('HMGET', KEYS[2], 'entries', 'attributes')
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
return { 'claimed', state[1] or '0', totals[1] or '0', totals[2] or '0' }
