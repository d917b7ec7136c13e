-- Opens a run, or sets the cap of the one that is open.
--
-- KEYS: epoch, seen, log, producers, totals, checkpoint
-- ARGV: run, epoch, cap or '', epoch of the lease as the caller saw it, layout of the set if the run is a new one, which life of which server this is or ''
-- Returns {'open', entries, attributes}, {'fenced', held, in force}, {'stale', asked, current} or
--         {'putback', run, entries and attributes as known, run, entries, attributes}
local run, epoch = tonumber(ARGV[1]), tonumber(ARGV[2])
local state = redis.call('HMGET', KEYS[1], 'run', 'epoch', 'putback', 'life')
local current = tonumber(state[1] or '0')
local in_force = math.max(tonumber(state[2] or '0'), tonumber(ARGV[4]))
if epoch < in_force then return { 'fenced', ARGV[2], string.format('%.0f', in_force) } end
if state[1] and run < current then return { 'stale', ARGV[1], state[1] } end
-- Fails here, before anything is written, if the key is of another type.
local totals = redis.call('HMGET', KEYS[5], 'entries', 'attributes')
if state[3] then
  local known_run, known_entries, known_attributes = string.match(state[3], '^(%d+) (%d+) (%d+)$')
  -- Only what was never begun is none of what was forgotten.
  if run <= math.max(current, tonumber(known_run)) then
    return { 'putback', known_run, known_entries, known_attributes, state[1] or '0', totals[1] or '0', totals[2] or '0' }
  end
end
redis.call('HSET', KEYS[1], 'run', ARGV[1], 'epoch', ARGV[2])
redis.call('HDEL', KEYS[1], 'putback')
-- Whether a server that was started anew holds all of a run that is open, a claim finds out.
if ARGV[6] ~= '' and (run ~= current or not state[4]) then redis.call('HSET', KEYS[1], 'life', ARGV[6]) end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], 'cap')
else
  redis.call('HSET', KEYS[1], 'cap', ARGV[3])
end
if state[1] and run == current then return { 'open', totals[1] or '0', totals[2] or '0' } end
-- An edition of its own: a server that was emptied may come to the same run again.
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], 'layout', ARGV[5], 'edition', string.format('%.0f', now[1] * 1000000 + now[2]))
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
return { 'open', '0', '0' }
