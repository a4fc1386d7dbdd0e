-- register.lua RUN: new accounts, whose addresses have the run's name, which has
-- not been used before.

require "report"

local body = '{"email":"%s-%d@example.com","password":"correct horse battery staple"}'
local headers = { ["Host"] = "localhost", ["Content-Type"] = "application/json" }
local n, run = 0

function init(args)
    run = args[1]
end

function request()
    n = n + 1
    return wrk.format("POST", nil, headers, string.format(body, run, n))
end
