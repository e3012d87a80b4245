-- SPDX-License-Identifier: GPL-2.0-or-later
-- Takes over the body of one operation: 237, newsendmsg. What is drawn here stands behind the frame.
local message = Proto("message", "A message of mine")
message.fields.first = ProtoField.uint8("message.first", "First byte", base.HEX)
message.fields.rest = ProtoField.bytes("message.rest", "The rest")

function message.dissector(body, pinfo, tree)
    local mine = tree:add(message, body())
    mine:add(message.fields.first, body(0, 1))
    mine:add(message.fields.rest, body(1))
end

DissectorTable.get("wechat.op"):add(237, message)
