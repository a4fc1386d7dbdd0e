-- bad.lua FILE: as walk.lua, but no signature is good.

local good = io.lines

function io.lines(name)
    local each = good(name)
    return function()
        local line = each()
        return line and line:gsub("%.([^.]+)$", function(signature)
            return "." .. signature:sub(2, 2) .. signature:sub(1, 1) .. signature:sub(3)
        end)
    end
end

require "walk"
