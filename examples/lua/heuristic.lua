-- SPDX-License-Identifier: GPL-2.0-or-later
-- Takes any body that begins with certain bytes, whatever its operation: here those of a business
-- packet whose header of 31 bytes carries a cookie of 15.
local packed = Proto("packed", "A packet that I know")
packed.fields.version = ProtoField.uint32("packed.version", "Client version", base.HEX)

packed:register_heuristic("wechat", function(body, pinfo, tree)
    if body:len() < 6 or body(0, 2):uint() ~= 0x7e5f then return false end
    tree:add(packed, body()):add(packed.fields.version, body(2, 4))
    return true
end)
