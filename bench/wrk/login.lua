-- login.lua NUMBER: logins of so many accounts, one after the other.

require "report"

local body = '{"email":"account%d@example.com","password":"correct horse battery staple"}'
local headers = { ["Host"] = "localhost", ["Content-Type"] = "application/json" }
local n, accounts = 0, 1

function init(args)
    accounts = tonumber(args[1])
end

function request()
    n = n % accounts + 1
    return wrk.format("POST", nil, headers, string.format(body, n))
end
