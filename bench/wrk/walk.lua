-- walk.lua FILE [COUNT [FIRST]]: requests with the tokens of a file, a line each, or
-- the first COUNT of them, one after the other, from the one after FIRST on, or from
-- anywhere: what an earlier run has made known is not what a later one begins with.
-- They are made before the run; then nothing is allocated, and nothing collected, so
-- that the client takes little more than with a single one.

require "report"

local requests, n, i = {}, 0, 0

-- LuaJIT's hash of a long string sees only its ends, four octets at its half and
-- four at a quarter.  A header of so many octets moves these to where the tokens
-- differ; else all requests would be in one chain, and to make a hundred thousand
-- of them would take minutes.
local function padding(lines, before, after)
    local best, most = 0, 0
    local some = {}
    for k = 1, math.min(#lines, 5000) do
        -- at random: one in each five hundred would have the last digits in common
        some[k] = lines[math.random(#lines)]
    end
    for pad = 1, 300 do
        local seen, count = {}, 0
        for _, line in ipairs(some) do
            local length = before + #line + after + pad
            local half = math.floor(length / 2) - 2 - before
            local quarter = math.floor(length / 4) - 1 - before
            local sample = line:sub(half + 1, half + 4)
                .. line:sub(math.max(quarter, 0) + 1, math.max(quarter + 4, 0))
            if not seen[sample] then
                seen[sample] = true
                count = count + 1
            end
        end
        if count > most then
            best, most = pad, count
        end
    end
    return best
end

function init(args)
    math.randomseed(os.time())
    local lines = {}
    local count = tonumber(args[2]) or math.huge
    for line in io.lines(args[1]) do
        if #lines == count then
            break
        end
        lines[#lines + 1] = line
    end
    local head = "GET " .. wrk.path .. " HTTP/1.1\r\nAuthorization: Bearer "
    local tail = "\r\nHost: localhost\r\nX-Pad: "
    local pad = padding(lines, #head, #tail + 4)
    tail = tail .. string.rep("x", pad) .. "\r\n\r\n"
    n = #lines
    i = (tonumber(args[3]) or math.random(0, n - 1)) % n
    for k = 1, n do
        requests[k] = head .. lines[k] .. tail
        lines[k] = nil
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
