# The plots of docs/performance.md from docs/fleet.tsv; "docs" is set by
# bench/plots, and so is "when", which says when and where they are from.

file = docs . "/fleet.tsv"
set datafile separator tab
set terminal svg size 760,460 dynamic background "white" \
    font "Helvetica,13"
set title when font ",10" tc rgb "#777777"
set grid lc rgb "#dddddd"
set border 3 lc rgb "#555555"
set tics nomirror
set key below left Left reverse maxrows 3
set rmargin 5
set style data linespoints
set pointsize 0.7
set logscale x
set logscale y
set format x "%.0f"
set yrange [*:*]

# a column by its name, of lines of that sweep and transport in which no row
# is missing (a function has to have an argument)
whole(sweep) = strcol("sweep") eq sweep \
    && column("whole") == column("generations")
fleet(name, transport) = \
    (whole("fleet") && strcol("transport") eq transport) ? column(name) : NaN
size(name) = whole("size") ? column(name) : NaN
rows(unit) = column("publishers") * column("tables") * column("rows") / unit

set xlabel "publishers (10 tables of 20 rows each a generation)"

set output docs . "/fleet-throughput.svg"
set ylabel "publishes a second, mean of the generation"
plot file using "publishers":(fleet("publishes_per_s", "http")) \
        title "HTTP" lw 2, \
     file using "publishers":(fleet("publishes_per_s", "zmq")) \
        title "ZeroMQ" lw 2

set output docs . "/fleet-latency.svg"
set ylabel "ms"
plot file using "publishers":(fleet("publish_p50_us", "http") / 1000) \
        title "publish over HTTP, median" lw 2, \
     file using "publishers":(fleet("publish_p99_us", "http") / 1000) \
        title "publish over HTTP, p99" lw 2, \
     file using "publishers":(fleet("publish_p99_us", "zmq") / 1000) \
        title "publish over ZeroMQ, p99" lw 2, \
     file using "publishers":(fleet("query_p50_us", "http") / 1000) \
        title "query, median" lw 2, \
     file using "publishers":(fleet("query_p99_us", "http") / 1000) \
        title "query, p99" lw 2

set output docs . "/fleet-memory.svg"
set ylabel "MiB at the peak"
plot file using "publishers":(fleet("files_mib", "http")) \
        title "files on the tmpfs" lw 2, \
     file using "publishers":(fleet("private_mib", "http")) \
        title "private, all processes" lw 2, \
     file using "publishers":(fleet("worker_mib", "http")) \
        title "private, worker" lw 2, \
     file using "publishers":(fleet("nginx_mib", "http")) \
        title "private, nginx workers" lw 2, \
     file using "publishers":(fleet("bridge_mib", "http")) \
        title "private, ZeroMQ bridge (subscribers)" lw 2, \
     file using "publishers":(fleet("bridge_mib", "zmq")) \
        title "the same, publishing over ZeroMQ" lw 2

set output docs . "/fleet-cpu.svg"
set ylabel "percent of both cores"
plot file using "publishers":(fleet("server_cpu_percent", "http")) \
        title "server, HTTP" lw 2, \
     file using "publishers":(fleet("server_cpu_percent", "zmq")) \
        title "server, ZeroMQ" lw 2, \
     file using "publishers":(fleet("generator_cpu", "http")) \
        title "the simulated fleet itself" lw 2

set xlabel "rows of a snapshot (100 publishers x 10 tables)"

set output docs . "/fleet-size-latency.svg"
set ylabel "ms"
plot file using (rows(1)):(size("publish_p50_us") / 1000) \
        title "publish, median" lw 2, \
     file using (rows(1)):(size("publish_p99_us") / 1000) \
        title "publish, p99" lw 2, \
     file using (rows(1)):(size("query_p50_us") / 1000) \
        title "query, median" lw 2, \
     file using (rows(1)):(size("query_p99_us") / 1000) \
        title "query, p99 (aggregates of a whole table)" lw 2

set output docs . "/fleet-size-memory.svg"
set ylabel "MiB at the peak"
plot file using (rows(1)):(size("files_mib")) \
        title "files on the tmpfs (two generations)" lw 2, \
     file using (rows(1)):(size("private_mib")) \
        title "private, all processes" lw 2, \
     file using (rows(1)):(size("worker_mib")) \
        title "private, worker" lw 2

set output docs . "/fleet-size-cpu.svg"
set ylabel "percent of both cores"
plot file using (rows(1)):(size("server_cpu_percent")) \
        title "server" lw 2, \
     file using (rows(1)):(size("generator_cpu")) \
        title "the simulated fleet itself" lw 2
