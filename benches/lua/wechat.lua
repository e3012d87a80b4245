-- SPDX-License-Identifier: GPL-2.0-or-later
--
-- The long link as a Lua dissector: frames by dissect_tcp_pdus, pairs in tables that are made on the first
-- pass and read on later ones. It shows what the plugin shows of the frames that `wechat-traffic bench`
-- makes. Only `cargo xtask bench` runs it, to have something to compare with.

local HEADER = 16
local ANSWER = 1000000000
local PORTS = { [80] = true, [8080] = true, [443] = true }
local OP_NOOP, OP_HEARTBEAT, OP_PUSH = 6, 12, 122
local OP_PUSH_ACK_OLD, OP_PUSH_ACK = 1000000122, 1000000190
local ACK_TOLERANCE = 0.050
local AES_CBC = 5

local request_names = {
    [6] = "noop", [8] = "directsend", [12] = "heartbeat (WeChat 6.0)", [34] = "searchcontact", [121] = "newsync",
    [205] = "identify", [237] = "newsendmsg", [OP_PUSH_ACK_OLD] = "push ack (before 5.4)", [OP_PUSH_ACK] = "push ack",
}
local request_titles = {
    [6] = "Heartbeat", [8] = "Direct send", [12] = "Heartbeat", [34] = "searchcontact", [121] = "Sync",
    [205] = "Identify", [237] = "Send message", [OP_PUSH_ACK_OLD] = "Push acknowledgement",
    [OP_PUSH_ACK] = "Push acknowledgement",
}
local push_names = { [12] = "redirect", [24] = "newnotify", [122] = "push" }
local push_titles = { [12] = "Redirect", [24] = "Notify", [122] = "Push" }
local cgi_names = { [106] = "searchcontact", [111] = "directsend", [138] = "newsync", [522] = "newsendmsg" }
local directions = { [1] = "client to server", [2] = "server to client" }
local compressions = { [1] = "zlib", [2] = "none" }
local algorithms = {
    [5] = "AES-128-CBC", [7] = "RSA, or RSA and AES", [10] = "RSA or DES variant", [12] = "hybrid ECDH",
    [13] = "AES-GCM",
}

local wechat = Proto("wechat", "WeChat long link")
local f = {
    packet_len = ProtoField.uint32("wechat.packet_len", "Packet length"),
    head_len = ProtoField.uint16("wechat.head_len", "Head length"),
    version = ProtoField.uint16("wechat.version", "Version"),
    op = ProtoField.uint32("wechat.op", "Operation", base.DEC_HEX),
    seq = ProtoField.uint32("wechat.seq", "Seqid", base.DEC_HEX),
    body = ProtoField.bytes("wechat.body", "Body"),
    kind = ProtoField.string("wechat.kind", "Kind"),
    op_base = ProtoField.uint32("wechat.op.base", "Base operation", base.DEC_HEX),
    op_name = ProtoField.string("wechat.op.name", "Operation name"),
    direction = ProtoField.uint8("wechat.direction", "Direction", base.DEC, directions),
    response_in = ProtoField.framenum("wechat.response_in", "Response in", base.NONE, frametype.RESPONSE),
    response_to = ProtoField.framenum("wechat.response_to", "Response to", base.NONE, frametype.REQUEST),
    response_time = ProtoField.relative_time("wechat.response_time", "Response time"),
    push_ack_in = ProtoField.framenum("wechat.push.ack_in", "Acknowledged in", base.NONE, frametype.ACK),
    ack_to = ProtoField.framenum("wechat.ack_to", "Acknowledges the push in", base.NONE, frametype.REQUEST),
    ack_time = ProtoField.relative_time("wechat.ack.time", "Time since the push"),
    ack_rule = ProtoField.string("wechat.ack.rule", "Matched by"),
    push_flags = ProtoField.uint32("wechat.push.flags", "Flags", base.HEX),
    push_flags_ack = ProtoField.bool("wechat.push.flags.ack", "Acknowledgement wanted", 32, nil, 1),
    push_len = ProtoField.uint32("wechat.push.len", "Length of the rest"),
    ack_elapsed = ProtoField.uint32("wechat.ack.elapsed", "Elapsed time"),
    ack_len = ProtoField.uint32("wechat.ack.len", "Length of the SyncKey"),
    synckey = ProtoField.bytes("wechat.synckey", "SyncKey"),
    synckey_count = ProtoField.uint64("wechat.synckey.count", "Count"),
    synckey_entry = ProtoField.none("wechat.synckey.entry", "Key and value"),
    synckey_key = ProtoField.uint64("wechat.synckey.key", "Key"),
    synckey_value = ProtoField.uint64("wechat.synckey.value", "Value"),
    business = ProtoField.none("wechat.business", "Business packet header"),
    business_head_len = ProtoField.uint8("wechat.business.head_len", "Header length", base.DEC, nil, 0xfc),
    business_compression = ProtoField.uint8("wechat.business.compression", "Compression", base.DEC, compressions, 0x03),
    business_algorithm = ProtoField.uint8("wechat.business.algorithm", "Algorithm", base.DEC, algorithms, 0xf0),
    business_cookie_len = ProtoField.uint8("wechat.business.cookie_len", "Cookie length", base.DEC, nil, 0x0f),
    client_version = ProtoField.uint32("wechat.client_version", "Client version", base.HEX),
    account_hidden = ProtoField.none("wechat.account_hidden", "Account data not shown (preference show_account)"),
    business_cgi = ProtoField.uint32("wechat.business.cgi", "Cgi type"),
    business_plain_len = ProtoField.uint32("wechat.business.plain_len", "Plain length"),
    business_packed_len = ProtoField.uint32("wechat.business.packed_len", "Compressed length"),
    business_rest = ProtoField.bytes("wechat.business.rest", "Rest of the header"),
    encrypted = ProtoField.bytes("wechat.encrypted", "Encrypted data"),
    undecoded = ProtoField.bytes("wechat.undecoded", "Undecoded data"),
}
wechat.fields = f

-- By connection: open requests by seqid, open pushes in order. By packet: the pair of each frame.
local streams, pairs_of

function wechat.init()
    streams, pairs_of = {}, {}
end

local function kind_of(op, seq, from_server)
    if op == OP_PUSH_ACK or op == OP_PUSH_ACK_OLD then return "push acknowledgement" end
    if op >= ANSWER then
        local base = op - ANSWER
        return (base == OP_NOOP or base == OP_HEARTBEAT) and "heartbeat response" or "response"
    end
    if (op == OP_NOOP or op == OP_HEARTBEAT) and not (from_server and seq == 0) then
        return from_server and "heartbeat response" or "heartbeat request"
    end
    if from_server then return (seq == 0 or op == OP_PUSH) and "push" or "response" end
    return op == 8 and "one-way" or "request"
end

local function answers(kind)
    return kind == "response" or kind == "heartbeat response"
end

local function wants_ack(tvb)
    return tvb:len() >= HEADER + 8 and tvb(HEADER + 3, 1):bitfield(7, 1) == 1
        and tvb(HEADER + 4, 4):uint() == tvb:len() - HEADER - 8
end

-- The push that was sent as long ago as the acknowledgement says, or else the oldest.
local function acknowledge(stream, tvb, now, number)
    local elapsed = tvb:len() >= HEADER + 4 and tvb(HEADER, 4):uint() / 1000
    local best, best_off
    for index, push in ipairs(stream.pushes) do
        local off = elapsed and math.abs(now - push.first_time - elapsed)
        if off and off <= ACK_TOLERANCE and (not best or off < best_off) then best, best_off = index, off end
    end
    local rule = best and "elapsed time" or "oldest open push"
    local found = stream.pushes[best or 1]
    if not found then return nil end
    found.rule = rule
    for _ = 1, best or 1 do table.remove(stream.pushes, 1).second = number end
    return found
end

-- The client's end first. A field extractor for tcp.stream gives nothing on a first pass without a tree.
local function connection(pinfo)
    if PORTS[pinfo.src_port] then
        return tostring(pinfo.dst) .. ":" .. pinfo.dst_port .. tostring(pinfo.src) .. ":" .. pinfo.src_port
    end
    return tostring(pinfo.src) .. ":" .. pinfo.src_port .. tostring(pinfo.dst) .. ":" .. pinfo.dst_port
end

local function find_pair(tvb, pinfo, kind, seq)
    local key = tvb:offset()
    if pinfo.visited then
        local pairs = pairs_of[pinfo.number]
        return pairs and pairs[key]
    end
    local name = connection(pinfo)
    local stream = streams[name]
    if not stream then
        stream = { requests = {}, pushes = {} }
        streams[name] = stream
    end
    local pair
    if kind == "request" or kind == "heartbeat request" then
        pair = { first = pinfo.number, first_time = pinfo.abs_ts }
        stream.requests[seq] = pair
    elseif answers(kind) then
        pair = stream.requests[seq]
        stream.requests[seq] = nil
        if pair then pair.second = pinfo.number end
    elseif kind == "push" then
        if wants_ack(tvb) then
            pair = { first = pinfo.number, first_time = pinfo.abs_ts }
            table.insert(stream.pushes, pair)
        end
    elseif kind == "push acknowledgement" then
        pair = acknowledge(stream, tvb, pinfo.abs_ts, pinfo.number)
    end
    if pair then
        local pairs = pairs_of[pinfo.number]
        if not pairs then
            pairs = {}
            pairs_of[pinfo.number] = pairs
        end
        pairs[key] = pair
    end
    return pair
end

local function show_pair(tree, tvb, pinfo, kind, pair)
    if not pair then return end
    local place = tvb(12, 4)
    if answers(kind) or kind == "push acknowledgement" then
        local ack = kind == "push acknowledgement"
        local elapsed = pinfo.abs_ts - pair.first_time
        local time = NSTime.new(math.floor(elapsed), math.floor((elapsed % 1) * 1e9 + 0.5))
        tree:add(ack and f.ack_to or f.response_to, place, pair.first):set_generated()
        tree:add(ack and f.ack_time or f.response_time, place, time):set_generated()
        if ack then tree:add(f.ack_rule, place, pair.rule):set_generated() end
    elseif pair.second and pinfo.visited then
        tree:add(kind == "push" and f.push_ack_in or f.response_in, place, pair.second):set_generated()
    end
end

-- A number in steps of seven bits, and its length.
local function varint(tvb, at)
    local value, factor = 0, 1
    for length = 1, math.min(10, tvb:len() - at) do
        local byte = tvb(at + length - 1, 1):uint()
        value = value + (byte % 128) * factor
        if byte < 128 then return value, length end
        factor = factor * 128
    end
    return nil
end

-- The header of the business packet, claimed when everything in it agrees.
local function dissect_business(tvb, start, tree, frame)
    local last = tvb:len()
    if last < start + 10 then return false end
    local lengths, kinds = tvb(start, 1):uint(), tvb(start + 1, 1):uint()
    local version = tvb(start + 2, 4):uint()
    local compression, algorithm = lengths % 4, math.floor(kinds / 16)
    local cookie_len = kinds % 16
    local head_end = start + math.floor(lengths / 4)
    local at = start + 10 + cookie_len
    if head_end > last or at + 3 > head_end or algorithm ~= AES_CBC then return false end
    local cgi, cgi_len = varint(tvb, at)
    if not cgi then return false end
    local plain, plain_len = varint(tvb, at + cgi_len)
    if not plain then return false end
    local packed, packed_len = varint(tvb, at + cgi_len + plain_len)
    if not packed then return false end
    local rest = at + cgi_len + plain_len + packed_len
    if rest > head_end or head_end - rest > 48 then return false end
    local system = math.floor(version / 2 ^ 28)
    if version == 0 and not frame.from_server or version ~= 0 and (system == 0 or system > 3) then return false end
    local call = cgi_names[cgi]
    if frame.kind == "push" then
        if cgi ~= 138 then return false end
    elseif call ~= request_names[frame.base] then
        return false
    end
    if compression == 1 then
        if packed > plain + 64 or plain > packed * 1032 then return false end
    elseif compression ~= 2 or packed ~= plain then
        return false
    end
    if last - head_end ~= (math.floor(packed / 16) + 1) * 16 then return false end

    local business = tree:add(f.business, tvb(start, head_end - start))
    business:append_text(": " .. call .. ", " .. algorithms[algorithm])
    business:add(f.business_head_len, tvb(start, 1))
    business:add(f.business_compression, tvb(start, 1))
    business:add(f.business_algorithm, tvb(start + 1, 1))
    business:add(f.business_cookie_len, tvb(start + 1, 1))
    local item = business:add(f.client_version, tvb(start + 2, 4))
    if system == 2 then
        item:append_text(string.format(", Android %d.%d.%d build %d", math.floor(version / 2 ^ 24) % 16,
            tvb(start + 3, 1):uint(), tvb(start + 4, 1):uint(), tvb(start + 5, 1):uint()))
    end
    business:add(f.account_hidden, tvb(start + 6, 4 + cookie_len))
    business:add(f.business_cgi, tvb(at, cgi_len), cgi):append_text(" (" .. call .. ")")
    business:add(f.business_plain_len, tvb(at + cgi_len, plain_len), plain)
    business:add(f.business_packed_len, tvb(rest - packed_len, packed_len), packed)
    if rest < head_end then business:add(f.business_rest, tvb(rest, head_end - rest)) end
    tree:add(f.encrypted, tvb(head_end)):append_text(" (" .. algorithms[algorithm] .. ")")
    return true
end

local function dissect_push(tvb, tree, frame)
    local flags = tree:add(f.push_flags, tvb(HEADER, 4))
    if tvb(HEADER + 3, 1):bitfield(7, 1) == 1 then flags:append_text(": acknowledgement wanted") end
    flags:add(f.push_flags_ack, tvb(HEADER, 4))
    tree:add(f.push_len, tvb(HEADER + 4, 4))
    if not dissect_business(tvb, HEADER + 8, tree, frame) then tree:add(f.undecoded, tvb(HEADER + 8)) end
end

local function dissect_synckey_entry(tvb, start, at, last, tree)
    local key, key_len = varint(tvb, at + 1)
    if not key then return end
    local value, value_len = varint(tvb, at + 2 + key_len)
    if not value then return end
    local entry = tree:add(f.synckey_entry, tvb(start, last - start))
    entry:append_text(string.format(": key %d = %d", key, value))
    local item = entry:add(f.synckey_key, tvb(at, 1 + key_len), UInt64.new(key))
    if key == 2 then item:append_text(" (messages)") end
    if key == 201 then item:append_text(" (unix time)") end
    entry:add(f.synckey_value, tvb(at + 1 + key_len, 1 + value_len), UInt64.new(value))
end

local function dissect_push_ack(tvb, tree)
    local at, last = HEADER + 8, tvb:len()
    tree:add(f.ack_elapsed, tvb(HEADER, 4)):append_text(" ms")
    tree:add(f.ack_len, tvb(HEADER + 4, 4))
    local synckey = tree:add(f.synckey, tvb(at))
    synckey:set_text("SyncKey (" .. (last - at) .. " bytes)")
    while at < last do
        local start, tag = at, tvb(at, 1):uint()
        local value, length = varint(tvb, at + 1)
        if not value then return end
        at = at + 1 + length
        if tag == 0x08 then
            synckey:add(f.synckey_count, tvb(start, 1 + length), UInt64.new(value))
        elseif tag == 0x12 and at + value <= last then
            dissect_synckey_entry(tvb, start, at, at + value, synckey)
            at = at + value
        else
            return
        end
    end
end

local function dissect_body(tvb, tree, frame)
    local length = tvb:len() - HEADER
    if length == 0 then return end
    local body = tree:add(f.body, tvb(HEADER))
    body:set_text("Body (" .. length .. " bytes)")
    if frame.kind == "push acknowledgement" and length >= 8 then
        dissect_push_ack(tvb, body)
    elseif frame.op == OP_PUSH and length >= 8 then
        dissect_push(tvb, body, frame)
    elseif not dissect_business(tvb, HEADER, body, frame) then
        body:add(f.undecoded, tvb(HEADER))
    end
end

local function sentence(tvb, pinfo, frame, pair)
    local kind = frame.kind
    local title = kind == "push" and push_titles[frame.op] or kind ~= "push" and request_titles[frame.base]
    local words = title or ("Operation " .. frame.base .. (kind == "push" and " push" or ""))
    if kind == "request" then words = words .. " request" end
    if answers(kind) then words = words .. " response" end
    if kind == "one-way" then words = words .. " one-way" end
    if frame.seq == 0xfffffffe then
        words = words .. " seq=identify"
    elseif frame.seq == 0xffffffff then
        words = words .. " seq=heartbeat"
    elseif frame.seq ~= 0 then
        words = words .. " seq=" .. frame.seq
    end
    if pair and (answers(kind) or kind == "push acknowledgement") then
        local elapsed = pinfo.abs_ts - pair.first_time
        words = words .. string.format(elapsed < 0.00995 and " → %.1f ms" or " → %.0f ms", elapsed * 1000)
    end
    if kind == "push" and wants_ack(tvb) then words = words .. " (acknowledgement wanted)" end
    return words
end

local function show_header(tree, tvb, frame)
    local name = frame.kind == "push" and push_names[frame.op] or frame.kind ~= "push" and request_names[frame.base]
    tree:add(f.packet_len, tvb(0, 4))
    tree:add(f.head_len, tvb(4, 2))
    tree:add(f.version, tvb(6, 2))
    local op = tree:add(f.op, tvb(8, 4))
    if name then op:append_text(", " .. name) end
    local seq = tree:add(f.seq, tvb(12, 4))
    if frame.seq == 0 then seq:append_text(" (push)") end
    if frame.seq == 0xfffffffe then seq:append_text(" (identify)") end
    if frame.seq == 0xffffffff then seq:append_text(" (heartbeat)") end
    tree:add(f.kind, tvb(8, 4), frame.kind):set_generated()
    tree:add(f.op_base, tvb(8, 4), frame.base):set_generated()
    if name then tree:add(f.op_name, tvb(8, 4), name):set_generated() end
    tree:add(f.direction, tvb(8, 4), frame.from_server and 2 or 1):set_generated()
end

local function dissect_frame(tvb, pinfo, root)
    local op, seq = tvb(8, 4):uint(), tvb(12, 4):uint()
    local frame = { op = op, seq = seq }
    local is_ack = op == OP_PUSH_ACK or op == OP_PUSH_ACK_OLD
    frame.from_server = not is_ack and (op >= ANSWER or op == OP_PUSH or PORTS[pinfo.src_port] == true)
    frame.kind = kind_of(op, seq, frame.from_server)
    frame.base = (not is_ack and op >= ANSWER) and op - ANSWER or op
    local pair = find_pair(tvb, pinfo, frame.kind, seq)
    local words = sentence(tvb, pinfo, frame, pair)
    local info = tostring(pinfo.cols.info)
    pinfo.cols.info:append((info == "" or info == "(info)") and words or " | " .. words)
    local tree = root:add(wechat, tvb())
    tree:append_text(", " .. words .. ", " .. tvb:len() .. " bytes")
    show_header(tree, tvb, frame)
    show_pair(tree, tvb, pinfo, frame.kind, pair)
    dissect_body(tvb, tree, frame)
    return tvb:len()
end

local function frame_length(tvb, _, offset)
    return tvb(offset, 4):uint()
end

function wechat.dissector(tvb, pinfo, root)
    pinfo.cols.protocol = "WeChat"
    pinfo.cols.info:clear()
    dissect_tcp_pdus(tvb, root, HEADER, frame_length, dissect_frame)
    return tvb:len()
end

for port in pairs(PORTS) do
    DissectorTable.get("tcp.port"):add(port, wechat)
end
