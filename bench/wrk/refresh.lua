-- refresh.lua FILE: each thread, with a single connection, exchanges a refresh
-- token of the file, a line each, for its successor, and so on.

require "report"

local body = '{"refresh_token":"%s"}'
local headers = { ["Host"] = "localhost", ["Content-Type"] = "application/json" }
local threads = 0

function setup(thread)
    threads = threads + 1
    thread:set("number", threads)
end

function init(args)
    local n = 0
    for line in io.lines(args[1]) do
        n = n + 1
        if n == number then
            token = line
        end
    end
end

function request()
    return wrk.format("POST", nil, headers, string.format(body, token))
end

function response(status, headers, body)
    token = body:match('"refresh_token": *"([^"]+)"') or token
end
