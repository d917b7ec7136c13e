-- Takes the mark away from a topic that was put back to an older state; with the keys of another topic, what that holds takes the place of its own.
--
-- KEYS: epoch, seen, log, totals, checkpoint, producers; then those of the other topic, in the same order
-- ARGV: epoch, epoch of the lease as the caller saw it, which life of which server this is or '', the run of what takes the place, then names of
--       checkpoints that stay if it is the same run
-- Returns {'settled', run, entries, attributes} or {'fenced', held, in force}
local call = redis.call
local state = call('HMGET', KEYS[1], 'run', 'epoch')
local in_force = math.max(tonumber(state[2] or '0'), tonumber(ARGV[2]))
if tonumber(ARGV[1]) < in_force then return { 'fenced', ARGV[1], string.format('%.0f', in_force) } end
local run = state[1] or '0'
if #KEYS > 6 then
  local other = call('HMGET', KEYS[7], 'run', 'layout')
  local totals = call('HMGET', KEYS[10], 'entries', 'attributes')
  if not other[1] or call('XLEN', KEYS[9]) ~= tonumber(totals[1] or '0') then
    return redis.error_reply('INCONSISTENT what is to take the place of the topic is not whole')
  end
  local kept = {}
  for i = 5, #ARGV do
    local bytes = run == ARGV[4] and call('HGET', KEYS[5], ARGV[i])
    if bytes then kept[#kept + 1], kept[#kept + 2] = ARGV[i], bytes end
  end
  for i = 2, 4 do
    if call('EXISTS', KEYS[i + 6]) == 1 then call('RENAME', KEYS[i + 6], KEYS[i]) else call('DEL', KEYS[i]) end
  end
  call('UNLINK', KEYS[5], KEYS[7], KEYS[11], KEYS[12])
  if #kept > 0 then call('HSET', KEYS[5], unpack(kept)) end
  if run ~= ARGV[4] then call('UNLINK', KEYS[6]) end
  run = ARGV[4]
  call('HSET', KEYS[1], 'run', run, 'layout', other[2])
end
-- Numbers may have changed: nobody goes by those that were told before, also where the same backup is brought back twice.
local now = redis.call('TIME')
call('HSET', KEYS[1], 'edition', string.format('%.0f', now[1] * 1000000 + now[2]))
call('HSET', KEYS[1], 'epoch', ARGV[1])
if ARGV[3] ~= '' then call('HSET', KEYS[1], 'life', ARGV[3]) end
call('HDEL', KEYS[1], 'putback')
local totals = call('HMGET', KEYS[4], 'entries', 'attributes')
return { 'settled', run, totals[1] or '0', totals[2] or '0' }
