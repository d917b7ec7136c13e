-- Stores a topic's record by compare-and-set.
--
-- KEYS: topics, lease
-- ARGV: id, expected version or '', epoch of the record, record
-- Returns {'stored'}, {'fenced', in force} or {'conflict', version or ''}
local stored = redis.call('HGET', KEYS[1], ARGV[1])
-- The same call again, after its answer was lost.
if stored == ARGV[4] then return { 'stored' } end
local version, epoch = '', 0
if stored then
  local record = cmsgpack.unpack(stored)
  version, epoch = string.format('%.0f', record.version), record.epoch or 0
end
local lease = tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0')
local held, in_force = tonumber(ARGV[3]), math.max(epoch, lease)
if held ~= 0 and held < in_force then return { 'fenced', string.format('%.0f', in_force) } end
if version ~= ARGV[2] then return { 'conflict', version } end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
return { 'stored' }
