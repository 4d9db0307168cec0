-- What wrk sends for benches/xcap.sh, and what it makes of the answers. Arguments: the work, the file of users (name,
-- token and entity tag, separated by spaces) and the document.
--
-- Users take turns, and every PUT differs from the one before: a server may leave out what changes nothing.

local threads = {}

function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
end

local works = {
    document = { method = "GET", status = 200 },
    element = { method = "GET", status = 200, selects = true },
    unchanged = { method = "GET", status = 304, tagged = true },
    ["put-document"] = { method = "PUT", status = 200, media_type = "application/resource-lists+xml" },
    ["put-element"] = { method = "PUT", status = 200, media_type = "application/xcap-el+xml", selects = true },
}
local entry = "/~~/resource-lists/list%5B@name=%22friends%22%5D/entry%5B@uri=%22sip:friend7@example.org%22%5D"

function init(args)
    work = works[args[1]]
    work.name = args[1]
    wrong, wrong_status, sent, started = 0, 0, 0, os.time()
    users = {}
    for line in io.lines(args[2]) do
        local name, token, tag = line:match("^(%S+) (%S+) (%S+)$")
        local headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = work.media_type }
        if work.tagged then headers["If-None-Match"] = tag end
        local path = "/xcap-root/resource-lists/users/sip:" .. name .. "@example.org/index"
        if work.selects then path = path .. entry end
        local user = { path = path, headers = headers }
        user.request = wrk.format(work.method, path, headers)
        table.insert(users, user)
    end
    local file = io.open(args[3])
    document = file:read("*a")
    file:close()
    -- Threads begin with different users.
    sent = number * math.floor(#users / 2)
end

function request()
    sent = sent + 1
    local user = users[sent % #users + 1]
    if work.method == "GET" then return user.request end
    local text = string.format("%d %d %09d", started, number, sent)
    local body
    if work.selects then
        body = '<entry uri="sip:friend7@example.org"><display-name>' .. text .. "</display-name></entry>"
    else
        body = document:gsub("Friend 7", text, 1)
    end
    return wrk.format("PUT", user.path, user.headers, body)
end

function response(status)
    if status ~= work.status then
        wrong = wrong + 1
        wrong_status = status
    end
end

-- Prints: requests, requests a second, p50 and p99 in milliseconds, those that were not answered as expected.
function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.timeout
    for _, thread in ipairs(threads) do
        failed = failed + thread:get("wrong")
        if thread:get("wrong") > 0 then
            io.stderr:write("answered ", thread:get("wrong_status"), "\n")
        end
    end
    io.write(string.format("RESULT %d %.0f %.2f %.2f %d\n", summary.requests, summary.requests / summary.duration * 1e6,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000, failed))
end
