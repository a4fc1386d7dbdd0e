-- What Bench::Wrk reads.  Without a function request() wrk sends the same octets
-- each time, and calls nothing of this meanwhile.

function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format(
        "report: requests=%d microseconds=%d errors=%d p50=%.1f p99=%.1f p999=%.1f\n",
        summary.requests, summary.duration,
        e.connect + e.read + e.write + e.status + e.timeout,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
