-- Raises a topic's epoch, and marks the topic if it holds less than it is known to have held.
--
-- KEYS: epoch, totals
-- ARGV: epoch, epoch of the lease as the caller saw it, which life of which server this is ('' where that is not known), then the run, the entries and
--       the attributes that the topic is known to have held
-- Returns {'claimed' or 'putback', run, entries, attributes, and the same three as known} or {'fenced', held, in force}
local state = redis.call('HMGET', KEYS[1], 'run', 'epoch', 'putback')
local in_force = math.max(tonumber(state[2] or '0'), tonumber(ARGV[2]))
if tonumber(ARGV[1]) < in_force then return { 'fenced', ARGV[1], string.format('%.0f', in_force) } end
-- Fails here, before anything is written, if the key is of another type.
local totals = redis.call('HMGET', KEYS[2], 'entries', 'attributes')
local held = { state[1] or '0', totals[1] or '0', totals[2] or '0' }
local known = { ARGV[4], ARGV[5], ARGV[6] }
local function less(a, b)
  local run_a, run_b = tonumber(a[1]), tonumber(b[1])
  return run_a < run_b or run_a == run_b and (tonumber(a[2]) < tonumber(b[2]) or tonumber(a[3]) < tonumber(b[3]))
end
if state[3] then
  local marked = { string.match(state[3], '^(%d+) (%d+) (%d+)$') }
  if marked[1] == known[1] then
    -- Who marked it may have known of one, and who claims it of the other.
    for i = 2, 3 do
      if tonumber(marked[i]) > tonumber(known[i]) then known[i] = marked[i] end
    end
  elseif not less(marked, known) then
    known = marked
  end
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
local word = 'claimed'
if state[3] or less(held, known) then
  redis.call('HSET', KEYS[1], 'putback', table.concat(known, ' '))
  word = 'putback'
elseif ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'life', ARGV[3])
end
return { word, held[1], held[2], held[3], known[1], known[2], known[3] }
