-- wrk's end of a run as one line of JSON for bench.py. With POSTs: argument FILE, bodies, one a line; of two
-- threads each sends its own half.
local threads = 0

function setup(thread)
	thread:set("number", threads)
	threads = threads + 1
end

function init(args)
	if #args == 0 then
		return
	end
	bodies = {}
	local i = 0
	for line in io.lines(args[1]) do
		if i % 2 == number % 2 then
			bodies[#bodies + 1] = line
		end
		i = i + 1
	end
	at = 0
	round = os.time() * 1000	-- not one of an earlier run
	wrk.method = "POST"
	wrk.headers["content-type"] = "application/json"
end

function request()
	if not bodies then
		return wrk.format()
	end
	at = at % #bodies + 1
	if at == 1 then
		round = round + 1
	end
	-- the text changes each time, or there would be nothing to store
	return wrk.format(nil, nil, nil, (bodies[at]:gsub("@ROUND@", tostring(round))))
end

function done(summary, latency)
	local bad = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
	io.write(string.format('{"requests":%d,"us":%d,"bad":%d,"p50":%d,"p99":%d}\n', summary.requests, summary.duration, bad,
		latency:percentile(50), latency:percentile(99)))
end
