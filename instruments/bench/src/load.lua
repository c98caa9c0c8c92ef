-- Replays the requests of a file, in turn. Arguments: the file, how long each connection rests between two requests (in
-- milliseconds), and "refresh" if each answer has the token that the next request shows.

local requests, count, at = {}, 0, 0
local counted, number, last

-- What is replaced by a number that never comes again.
local COUNTER = string.rep("#", 12)

local threads = 0
function setup(thread)
   threads = threads + 1
   thread:set("id", threads)
end

function init(args)
   local file = assert(io.open(args[1], "rb"))
   for request in file:read("*a"):gmatch("%z([^%z]+)") do
      count = count + 1
      requests[count] = request
   end
   file:close()
   counted = requests[1]:find(COUNTER, 1, true) ~= nil
   number = os.time() * 65536
   local pause = tonumber(args[2])
   if pause > 0 then
      delay = function() return pause end
   end
   if args[3] == "refresh" then
      last = requests[id]
      request = function() return last end
      response = function(_, _, body)
         local token = body:match('"refresh_token":"([^"]+)"')
         if token then
            last = last:gsub('("refresh_token":")[^"]+', "%1" .. token)
         end
      end
   end
end

function request()
   at = at % count + 1
   if counted then
      number = number + 1
      return (requests[at]:gsub(COUNTER, string.format("%012x", number)))
   end
   return requests[at]
end

function done(summary, latency)
   local points = {}
   for _, percentile in ipairs({1, 5, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.9, 99.99}) do
      points[#points + 1] = string.format("[%g,%d]", percentile, latency:percentile(percentile))
   end
   local errors = summary.errors
   print(string.format(
      'RESULT {"requests":%d,"microseconds":%d,"refused":%d,"broken":%d,"longest":%d,"percentiles":[%s]}',
      summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
      latency.max, table.concat(points, ",")))
end
