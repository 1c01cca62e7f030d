-- Requests with paths from a file.
-- Arguments: METHOD FILE THREADS BYTES repeat|once PREFIX
--
-- Each thread of wrk takes every THREADSth line. With `once` it stops after its last line.

local created = 0

function setup(thread)
    thread:set("number", created)
    created = created + 1
end

function init(arguments)
    method = arguments[1]
    local threads = tonumber(arguments[3])
    local bytes = tonumber(arguments[4])
    local prefix = arguments[6] or ""
    repeats = arguments[5] == "repeat"
    body = bytes > 0 and string.rep("0123456789abcdef", bytes / 16) or nil
    paths = {}
    sent = 0
    local line = 0
    for path in io.lines(arguments[2]) do
        if line % threads == number then
            paths[#paths + 1] = prefix .. path
        end
        line = line + 1
    end
end

function request()
    if sent == #paths then
        if repeats then
            sent = 0
        else
            -- The last path is built again, and never answered.
            wrk.thread:stop()
            sent = sent - 1
        end
    end
    sent = sent + 1
    return wrk.format(method, paths[sent], nil, body)
end
