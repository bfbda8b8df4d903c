-- wrk script: POST of a table of ROWS rows (environment), a new identity each
-- time, the same bytes as bench/reference.c makes.

local rows = tonumber(os.getenv("ROWS") or "10")
local cells = {}
local counter = 0
local thread_number = 0

for i = 0, rows - 1 do
    cells[#cells + 1] = string.format(
        '["host%d.example.net", "BOS", %d, %d, %d]', i % 1000, i, i * 7919,
        i % 97)
end

local tail = '", "table": {"tablename": "bench", "column_names": '
    .. '["host", "dc", "a", "b", "c"], "column_types": '
    .. '["text", "text", "int", "int", "int"], "rows": ['
    .. table.concat(cells, ", ") .. ']}}'

function setup(thread)
    thread:set("thread_number", thread_number)
    thread_number = thread_number + 1
end

function request()
    counter = counter + 1
    return wrk.format("POST", "/request?op=add_table_data",
        { ["Content-Type"] = "application/json" },
        string.format('{"op": "add_table_data", "identity": "h%s-%s-%d',
                      thread_number, os.time(), counter) .. tail)
end

function done(summary)
    io.write(string.format("rate %.1f errors %d\n",
        summary.requests / summary.duration * 1e6,
        summary.errors.status + summary.errors.connect + summary.errors.read
        + summary.errors.write + summary.errors.timeout))
end
