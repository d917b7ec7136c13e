-- Commits one batch. Every key is read before the first write, since an error does not roll back what was written before it.
--
-- KEYS: epoch, seen, log, producers, totals
-- ARGV: run, producer:incarnation, number, lowest unresolved, head, count of novel, of spellings, of sightings,
--       texts of novel and spellings as MessagePack, then what the caller knows of known attributes: their numbers as MessagePack, how many, the
--       largest of them, which edition of the topic they are of, which life of which server this is ('' where that is not known), an edition and how
--       many entries are known to be in the log of that, how many elements were named by numbers that are not claimed, the number of the first seed if the
--       texts are seeds or '', and the largest's fingerprint; fingerprints of novel, spellings and sightings, as far as the set keeps them (14 bytes)
-- Returns {'stale'}, {'settled'}, {'doubt'}, {'unclaimed'}, {'again', receipt} or {'fresh', receipt, one letter per element, numbers of the known as MessagePack, edition}:
--         n new, k known, o over the cap, m missing; no letters where all are new. A receipt is six MessagePack numbers and the missing
--         fingerprints.
local epoch_key, seen_key, log_key, producers_key, totals_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local run, producer, number, head, texts, claims = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[5], ARGV[9], ARGV[10]
local lowest, novel, spellings, sightings = tonumber(ARGV[4]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local claimed, largest, unnumbered = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[17])
local first_seed = tonumber(ARGV[18])
local call, pack = redis.call, cmsgpack.pack
-- The fingerprint of the largest number that is claimed stands before those of the elements.
local FIRST = 19
-- Receipts removed by one call at most, and at least.
local MOST_SWEPT, LEAST_SWEPT = 500, 32

-- 1. Validate.
if not (totals_key and number and lowest and novel and spellings and sightings and claimed and largest and unnumbered) then
  return redis.error_reply('INVALID a number or a key is missing')
end
local named = novel + spellings
local elements = named + sightings
if elements + claimed + unnumbered > 1000 or #ARGV ~= FIRST + elements then
  return redis.error_reply('INVALID the number of elements does not fit')
end

-- 2. Run and topic.
local state = call('HMGET', epoch_key, 'run', 'cap', 'layout', 'putback', 'life', 'edition')
local function put_back(how)
  return redis.error_reply('PUTBACK the registry was put back to an older state' .. how
    .. ', so that nothing is committed to this topic; `igentai repair` says more')
end
if state[1] ~= run then
  -- Runs only grow, and are opened here before anybody is asked for answers to them: one that is not known here was forgotten.
  local held = tonumber(state[1] or '0')
  if tonumber(run) < held then return { 'stale' } end
  return put_back(string.format(': it held run %s, and now holds %s', run, held == 0 and 'no run' or 'run ' .. state[1]))
end
if state[4] then return put_back('') end

-- 3. Redelivery.
local receipt_field, watermark_field = 'r:' .. producer .. ':' .. ARGV[3], 'w:' .. producer
local known = call('HMGET', producers_key, watermark_field, receipt_field)
local watermark, swept = 0, 0
if known[1] then
  local w, s = string.match(known[1], '^(%d+) (%d+)$')
  watermark, swept = tonumber(w), tonumber(s)
end
if number <= watermark then return { 'settled' } end
if known[2] then return { 'again', known[2] } end

-- 4. Look all fingerprints up at once.
local totals = call('HMGET', totals_key, 'entries', 'attributes', 'seeds')
local entries, before, seeds = tonumber(totals[1] or '0'), tonumber(totals[2] or '0'), tonumber(totals[3] or '0')
local members = before + seeds
local size = state[3] == 'compact' and math.ceil(members / 16) or members
if call('XLEN', log_key) ~= entries or call('HLEN', seen_key) ~= size then
  return redis.error_reply('INCONSISTENT log, set and totals of the topic do not fit each other')
end
-- A server that was started anew may have lost something: the leader looks first.
if state[5] and ARGV[14] ~= '' and state[5] ~= ARGV[14] then return { 'unclaimed' } end
local edition = state[6] or '0'
-- What the caller has committed is there no more: it is noticed here, where a leader had not read it yet.
if edition == ARGV[15] and entries < tonumber(ARGV[16]) then
  call('HSET', epoch_key, 'putback', run .. ' ' .. ARGV[16] .. ' 0')
  return put_back('')
end
if claimed > 0 and edition ~= ARGV[13] then return { 'doubt' } end
local numbers, buckets = {}, nil
if state[3] == 'compact' then
  -- The set is strings of 18 bytes an attribute, its fingerprint and its number, in so many buckets that each holds 16 of them; the bucket that a new one
  -- is split from follows from how many there are (linear hashing), so nothing but the number of attributes and seeds has to be known.
  buckets = { of = {}, changed = {}, count = math.ceil(members / 16) }
  function buckets.at(fingerprint, count)
    local whole, hash = 1, struct.unpack('>I4', fingerprint)
    while whole < count do whole = whole * 2 end
    local at = hash % whole
    return at < count and at or hash % (whole / 2)
  end
  local wanted, places = {}, {}
  for i = FIRST, FIRST + elements do
    local at = buckets.at(ARGV[i], buckets.count)
    places[i] = at
    if not buckets.of[at] then
      buckets.of[at] = ''
      wanted[#wanted + 1] = at
    end
  end
  if members > 0 then
    local found = call('HMGET', seen_key, unpack(wanted))
    for i, at in ipairs(wanted) do buckets.of[at] = found[i] or '' end
  end
  for i = FIRST, FIRST + elements do
    local bucket, from = buckets.of[places[i]], 1
    repeat
      local at = string.find(bucket, ARGV[i], from, true)
      if at and at % 18 == 1 then numbers[i - FIRST + 1] = struct.unpack('>I4', bucket, at + 14) end
      from = at and at + 1
    until not at or at % 18 == 1
  end
elseif elements + claimed > 0 then
  numbers = call('HMGET', seen_key, unpack(ARGV, FIRST, FIRST + elements))
end
-- Numbers only grow: where the largest one stands, all that were given before it stand.
if claimed > 0 and tonumber(numbers[1] or '0') ~= largest then return { 'doubt' } end
local room = first_seed and named or math.max(tonumber(state[2] or '') or 2 ^ 53, before) - before
-- The last number that is given; seeds have their own.
local last = first_seed and first_seed - 1 + seeds or before
local letters, additions, again, variants, missing = {}, {}, {}, {}, {}
local new, repeated, over = 0, 0, 0
for i = 1, named do
  local value = numbers[i + 1]
  if value then
    letters[i] = 'k'
    repeated = repeated + 1
    again[repeated] = pack(tonumber(value))
  elseif new < room then
    letters[i] = 'n'
    new = new + 1
    additions[2 * new - 1] = ARGV[FIRST + i]
    additions[2 * new] = last + new
  else
    letters[i] = 'o'
    over = over + 1
  end
end
for i = named + 1, elements do
  local value = numbers[i + 1]
  if value then
    letters[i] = 'k'
    repeated = repeated + 1
    again[repeated] = pack(tonumber(value))
  else
    letters[i] = 'm'
    missing[#missing + 1] = ARGV[FIRST + i]
  end
end

-- Everything that could fail for its content is made before the first write. An empty table could be packed as a map.
local function array(count)
  return count < 16 and string.char(144 + count) or '\220' .. struct.pack('>H', count)
end
if new < named then
  local packed = {}
  for i, text in ipairs(cmsgpack.unpack(array(named) .. texts)) do
    if letters[i] == 'n' then
      packed[#packed + 1] = pack(text)
    elseif letters[i] == 'k' and i > novel then
      variants[#variants + 1] = '\146' .. pack(tonumber(numbers[i + 1]), text)
    end
  end
  texts = table.concat(packed)
end
local attributes, first_new = first_seed and before or before + new, new > 0 and last + 1 or 0
entries = entries + 1
local found = table.concat(again)
repeated = repeated + claimed
local tail = '\150' .. pack(first_new) .. array(new) .. texts .. array(repeated) .. found .. claims
  .. array(#variants) .. table.concat(variants) .. pack(#missing + unnumbered, over)
local receipt = pack(entries, first_new, new, repeated, over, unnumbered) .. table.concat(missing)
local next_watermark = math.max(watermark, math.min(lowest, number) - 1)
local done = {}
if next_watermark - swept >= LEAST_SWEPT then
  for n = swept + 1, math.min(next_watermark, swept + MOST_SWEPT) do
    done[#done + 1] = string.format('r:%s:%.0f', producer, n)
  end
end

local function add_to_buckets()
  local of, changed, count = buckets.of, buckets.changed, math.ceil((members + new) / 16)
  local function load(at)
    if not of[at] then of[at] = at < buckets.count and call('HGET', seen_key, at) or '' end
    return of[at]
  end
  -- Split first, so that what is new goes to its last place.
  for at = math.max(buckets.count, 1), count - 1 do
    local half = 1
    while half * 2 <= at do half = half * 2 end
    local from, stays, goes = at - half, {}, {}
    local bucket = load(from)
    for position = 1, #bucket, 18 do
      local record = string.sub(bucket, position, position + 17)
      local part = struct.unpack('>I4', record) % (2 * half) == at and goes or stays
      part[#part + 1] = record
    end
    of[from], of[at] = table.concat(stays), table.concat(goes)
    changed[from], changed[at] = true, true
  end
  for i = 1, 2 * new, 2 do
    local at = buckets.at(additions[i], count)
    of[at] = load(at) .. additions[i] .. struct.pack('>I4', additions[i + 1])
    changed[at] = true
  end
  local fields, n = {}, 0
  for at in pairs(changed) do
    fields[n + 1], fields[n + 2] = at, of[at]
    n = n + 2
  end
  additions = fields
end
if buckets and new > 0 then add_to_buckets() end

-- 5. Set and log. The identifier of an entry is its number and the number of attributes after it.
if new > 0 then call('HSET', seen_key, unpack(additions)) end
call('XADD', log_key, string.format('%.0f-%.0f', entries, attributes), 'e', head .. tail)
call('HSET', totals_key, 'entries', entries, 'attributes', attributes)
if first_seed and new > 0 then call('HSET', totals_key, 'seeds', seeds + new) end

-- 6. Receipt and watermark.
call('HSET', producers_key, receipt_field, receipt,
  watermark_field, string.format('%.0f %.0f', next_watermark, swept + #done))
if #done > 0 then call('HDEL', producers_key, unpack(done)) end
return { 'fresh', receipt, new < elements and table.concat(letters) or '', found, edition }
