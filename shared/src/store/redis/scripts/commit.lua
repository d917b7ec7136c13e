-- Commits one batch. Every key is read before the first write, since an error does not roll back what was written before it.
--
-- KEYS: epoch, seen, log, producers, totals
-- ARGV: run, producer:incarnation, number, lowest unresolved, head, count of novel, of spellings, of sightings,
--       fingerprints of all three in that order, texts of novel and spellings
-- Returns {'stale'}, {'settled'}, {'again', receipt} or {'fresh', receipt, one letter per element}:
--         n new, k known, o over the cap, m missing. A receipt is five MessagePack numbers and the missing fingerprints.
local epoch_key, seen_key, log_key, producers_key, totals_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local run, producer, number, head = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[5]
local lowest, novel, spellings, sightings = tonumber(ARGV[4]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local FIRST = 9
-- Receipts looked for and removed by one call at most.
local SWEPT = 500

-- 1. Validate.
if not (totals_key and number and lowest and novel and spellings and sightings) then
  return redis.error_reply('INVALID a number or a key is missing')
end
local texts = novel + spellings
local elements = texts + sightings
if elements > 1000 or #ARGV ~= FIRST - 1 + elements + texts then
  return redis.error_reply('INVALID the number of elements does not fit')
end

-- 2. Run and topic.
local state = redis.call('HMGET', epoch_key, 'run', 'cap')
if state[1] ~= run then return { 'stale' } end

-- 3. Redelivery.
local known = redis.call('HMGET', producers_key, 'w:' .. producer, 'r:' .. producer .. ':' .. ARGV[3])
local watermark, swept = 0, 0
if known[1] then
  local w, s = string.match(known[1], '^(%d+) (%d+)$')
  watermark, swept = tonumber(w), tonumber(s)
end
if number <= watermark then return { 'settled' } end
if known[2] then return { 'again', known[2] } end

-- 4. Look all fingerprints up at once.
local totals = redis.call('HMGET', totals_key, 'entries', 'attributes')
local entries, attributes = tonumber(totals[1] or '0'), tonumber(totals[2] or '0')
if redis.call('XLEN', log_key) ~= entries or redis.call('HLEN', seen_key) ~= attributes then
  return redis.error_reply('INCONSISTENT log, set and totals of the topic do not fit each other')
end
local cap = tonumber(state[2] or '')
local numbers = {}
if elements > 0 then numbers = redis.call('HMGET', seen_key, unpack(ARGV, FIRST, FIRST - 1 + elements)) end
local letters, additions, new, again, variants, missing = {}, {}, {}, {}, {}, {}
local over, first_new = 0, attributes + 1
for i = 1, elements do
  local text = ARGV[FIRST - 1 + elements + i]
  if numbers[i] then
    local seq = tonumber(numbers[i])
    letters[i] = 'k'
    again[#again + 1] = seq
    if i > novel and i <= texts then variants[#variants + 1] = { seq, text } end
  elseif i > texts then
    letters[i] = 'm'
    missing[#missing + 1] = ARGV[FIRST - 1 + i]
  elseif cap and attributes >= cap then
    letters[i] = 'o'
    over = over + 1
  else
    letters[i] = 'n'
    attributes = attributes + 1
    new[#new + 1] = text
    additions[#additions + 1] = ARGV[FIRST - 1 + i]
    additions[#additions + 1] = string.format('%.0f', attributes)
  end
end
if #new == 0 then first_new = 0 end
entries = entries + 1

-- Everything that could fail for its content is made before the first write. An empty table could be packed as a map.
local function array(items) return #items == 0 and '\144' or cmsgpack.pack(items) end
local tail = '\150' .. cmsgpack.pack(first_new) .. array(new) .. array(again) .. array(variants)
  .. cmsgpack.pack(#missing) .. cmsgpack.pack(over)
local receipt = cmsgpack.pack(entries) .. cmsgpack.pack(first_new) .. cmsgpack.pack(#new)
  .. cmsgpack.pack(#again) .. cmsgpack.pack(over) .. table.concat(missing)
local next_watermark = math.max(watermark, math.min(lowest, number) - 1)
local done = {}
for n = swept + 1, math.min(next_watermark, swept + SWEPT) do
  done[#done + 1] = string.format('r:%s:%.0f', producer, n)
end

-- 5. Set and log. The identifier of an entry is its number and the number of attributes after it.
if #additions > 0 then redis.call('HSET', seen_key, unpack(additions)) end
redis.call('XADD', log_key, string.format('%.0f-%.0f', entries, attributes), 'e', head .. tail)
redis.call('HSET', totals_key, 'entries', string.format('%.0f', entries),
  'attributes', string.format('%.0f', attributes))

-- 6. Receipt and watermark.
redis.call('HSET', producers_key, 'r:' .. producer .. ':' .. ARGV[3], receipt,
  'w:' .. producer, string.format('%.0f %.0f', next_watermark, swept + #done))
if #done > 0 then redis.call('HDEL', producers_key, unpack(done)) end
return { 'fresh', receipt, table.concat(letters) }
