-- walk.lua FILE: requests with the tokens of a file, a line each, one after the
-- other.  They are made before the run; then nothing is allocated, and nothing
-- collected, so that the client takes little more than with a single one.

require "report"

local requests, n, i = {}, 0, 0

function init(args)
    for line in io.lines(args[1]) do
        n = n + 1
        requests[n] = wrk.format("GET", nil, {
            ["Host"] = "localhost",
            ["Authorization"] = "Bearer " .. line
        })
    end
    collectgarbage("collect")
    collectgarbage("stop")
end

function request()
    i = i + 1
    if i > n then
        i = 1
    end
    return requests[i]
end
