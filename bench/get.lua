-- wrk script: GETs; the rate in a line that is easy to read by programs.

function done(summary)
    io.write(string.format("rate %.1f errors %d\n",
        summary.requests / summary.duration * 1e6,
        summary.errors.status + summary.errors.connect + summary.errors.read
        + summary.errors.write + summary.errors.timeout))
end
