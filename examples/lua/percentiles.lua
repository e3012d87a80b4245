-- SPDX-License-Identifier: GPL-2.0-or-later
-- How long answers take, by operation: tshark -q -r FILE -X lua_script:percentiles.lua
--
-- Wireshark hands Lua no record of a plugin's tap, so this reads the fields. A packet may hold several
-- frames: their fields come in the order of the tree, and "wechat" begins the next frame.
local times = {}

local function add(frame)
    if not frame.time then return end
    local name = frame.name or ("operation " .. frame.number)
    times[name] = times[name] or {}
    table.insert(times[name], frame.time)
end

-- The last argument asks for all fields, not just those that a filter names.
local listener = Listener.new("frame", "wechat.response_time", true)

function listener.packet()
    local frame = {}
    for _, field in ipairs({ all_field_infos() }) do
        if field.name == "wechat" then
            add(frame)
            frame = {}
        elseif field.name == "wechat.op.base" then
            frame.number = field.value
        elseif field.name == "wechat.op.name" then
            frame.name = field.value
        elseif field.name == "wechat.response_time" then
            frame.time = field.value.secs + field.value.nsecs / 1e9
        end
    end
    add(frame)
end

function listener.reset()
    times = {}
end

-- The smallest time that so many percent of the answers do not exceed.
local function percentile(sorted, percent)
    return sorted[math.max(1, math.ceil(#sorted * percent / 100))]
end

function listener.draw()
    local names = {}
    for name in pairs(times) do table.insert(names, name) end
    table.sort(names)
    print(string.format("%-30s %8s %10s %10s %10s %10s", "operation", "answers", "p50 (s)", "p90 (s)", "p99 (s)", "max (s)"))
    for _, name in ipairs(names) do
        local sorted = times[name]
        table.sort(sorted)
        print(string.format("%-30s %8d %10.6f %10.6f %10.6f %10.6f", name, #sorted, percentile(sorted, 50),
            percentile(sorted, 90), percentile(sorted, 99), sorted[#sorted]))
    end
end
