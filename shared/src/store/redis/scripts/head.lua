-- KEYS: epoch, totals
-- Returns run, entries, attributes
local totals = redis.call('HMGET', KEYS[2], 'entries', 'attributes')
return { redis.call('HGET', KEYS[1], 'run') or '0', totals[1] or '0', totals[2] or '0' }
