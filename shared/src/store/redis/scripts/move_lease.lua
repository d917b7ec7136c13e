-- Moves the beat of a lease that is still held, and frees it when the new holder is empty.
--
-- KEYS: lease
-- ARGV: holder, epoch, new holder or ''
-- Returns the new beat, or false
local lease = redis.call('HMGET', KEYS[1], 'holder', 'epoch', 'beat')
if lease[1] ~= ARGV[1] or lease[2] ~= ARGV[2] then return false end
local beat = string.format('%.0f', tonumber(lease[3]) + 1)
redis.call('HSET', KEYS[1], 'holder', ARGV[3], 'beat', beat)
return beat
