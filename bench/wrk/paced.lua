-- paced.lua MILLISECONDS: each connection waits for so long between two
-- requests, on average, as clients do.  wrk adds the waits of requests that a
-- delayed one has kept from being sent.

require "report"

local pause = 0

function init(args)
    pause = tonumber(args[1])
    math.randomseed(os.time())
end

function delay()
    return math.random(0, 2 * pause)
end
