-- KEYS: epoch, checkpoint
-- ARGV: run, epoch, epoch of the lease as the caller saw it, then names and values in turn
-- Returns {'saved'}, {'fenced', held, in force} or {'stale', asked, current}
local state = redis.call('HMGET', KEYS[1], 'run', 'epoch')
local in_force = math.max(tonumber(state[2] or '0'), tonumber(ARGV[3]))
if tonumber(ARGV[2]) < in_force then return { 'fenced', ARGV[2], string.format('%.0f', in_force) } end
if state[1] ~= ARGV[1] then return { 'stale', ARGV[1], state[1] or '0' } end
redis.call('HLEN', KEYS[2])
redis.call('HSET', KEYS[1], 'epoch', ARGV[2])
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
return { 'saved' }
