-- Says that a leader has claimed, in a life of the server, every topic that there is a definition of.
--
-- KEYS: lease
-- ARGV: epoch, which life of which server it began to claim them in
-- Returns {'noted'} or {'fenced', held, in force}
local in_force = redis.call('HGET', KEYS[1], 'epoch') or '0'
if tonumber(ARGV[1]) < tonumber(in_force) then return { 'fenced', ARGV[1], in_force } end
redis.call('HSET', KEYS[1], 'claimed', ARGV[2])
return { 'noted' }
