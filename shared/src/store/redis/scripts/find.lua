-- The log entry that holds the attribute after a number: a binary search, since identifiers carry the attributes after each entry.
--
-- KEYS: epoch, log, totals
-- ARGV: run, number
-- Returns the entry's number and the number of attributes; {'0', '0'} when there is none
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return { '0', '0' } end
local totals = redis.call('HMGET', KEYS[3], 'entries', 'attributes')
local low, high, attributes = 1, tonumber(totals[1] or '0'), tonumber(totals[2] or '0')
local after = tonumber(ARGV[2])
if after >= attributes then return { '0', '0' } end
while low < high do
  local middle = math.floor((low + high) / 2)
  local entry = redis.call('XRANGE', KEYS[2], string.format('%.0f', middle), '+', 'COUNT', 1)[1]
  if tonumber(string.match(entry[1], '%-(%d+)$')) > after then high = middle else low = middle + 1 end
end
return { string.format('%.0f', low), string.format('%.0f', attributes) }
