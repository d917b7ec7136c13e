-- KEYS: lease
-- ARGV: holder, then holder ('' for none), epoch and beat as the caller saw them, and an epoch that the new one shall be above
-- Returns the new {epoch, beat}, or false
local lease = redis.call('HMGET', KEYS[1], 'holder', 'epoch', 'beat')
local holder, epoch, beat = lease[1] or '', tonumber(lease[2] or '0'), tonumber(lease[3] or '0')
local seen_epoch, seen_beat, above = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
-- The same call again, after its answer was lost.
if holder == ARGV[1] and epoch == math.max(seen_epoch, above) + 1 and beat == seen_beat + 1 then
  return { lease[2], lease[3] }
end
if holder ~= '' and not (holder == ARGV[2] and epoch == seen_epoch and beat == seen_beat) then return false end
local new = { string.format('%.0f', math.max(epoch, above) + 1), string.format('%.0f', beat + 1) }
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'epoch', new[1], 'beat', new[2])
return new
