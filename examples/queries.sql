-- What examples/this-machine publishes makes these worth asking of a fleet.
-- Each is one read-only statement: paste it anywhere, or run them all with
-- examples/ask examples/queries.sql

-- 1. The fleet at a glance.
SELECT count(*) AS hosts,
       sum(cpus) AS cpus,
       round(sum(memory_kb) / 1048576.0, 1) AS memory_gib,
       round(100.0 - 100.0 * sum(memory_available_kb) / sum(memory_kb), 1)
         AS memory_used_percent,
       count(DISTINCT kernel) AS kernels,
       round(min(uptime_s) / 86400.0, 1) AS youngest_days,
       round(max(uptime_s) / 86400.0, 1) AS oldest_days
  FROM machine;

-- 2. Which programs hold the most memory, everywhere together?
SELECT name,
       count(*) AS processes,
       count(DISTINCT host) AS hosts,
       round(sum(rss_kb) / 1024.0, 1) AS rss_mib,
       round(max(rss_kb) / 1024.0, 1) AS biggest_mib
  FROM processes
 GROUP BY name
 ORDER BY sum(rss_kb) DESC
 LIMIT 10;

-- 3. Which single processes take the largest part of their host's memory?
SELECT p.host, p.pid, p.name, p.user,
       round(p.rss_kb / 1024.0, 1) AS rss_mib,
       round(100.0 * p.rss_kb / m.memory_kb, 2) AS percent_of_host,
       round(100.0 * m.memory_available_kb / m.memory_kb, 1) AS percent_free
  FROM processes AS p
  JOIN machine AS m USING (host)
 ORDER BY percent_of_host DESC, p.host
 LIMIT 10;

-- 4. Which hosts miss a package that nine hosts in ten have?
WITH fleet AS (SELECT count(*) AS hosts FROM machine),
     present AS (SELECT DISTINCT host, name
                   FROM packages WHERE status = 'installed'),
     usual AS (SELECT name FROM present, fleet
                GROUP BY name HAVING count(*) >= 0.9 * fleet.hosts)
SELECT host, name AS missing_package
  FROM (SELECT host, name FROM machine, usual
        EXCEPT SELECT host, name FROM present)
 ORDER BY name, host
 LIMIT 20;

-- 5. Which packages are older somewhere than the newest of the fleet?
-- (version_key sorts as Debian sorts versions, version itself does not.)
WITH newest AS (SELECT name, architecture, version,
                       max(version_key) AS version_key
                  FROM packages WHERE status = 'installed'
                 GROUP BY name, architecture)
SELECT p.name, p.version, n.version AS newest,
       count(*) AS hosts, min(p.host) AS for_example
  FROM newest AS n
  JOIN packages AS p ON p.name = n.name AND p.architecture = n.architecture
 WHERE p.status = 'installed' AND p.version_key < n.version_key
 GROUP BY p.name, p.version, n.version
 ORDER BY hosts DESC, p.name
 LIMIT 20;

-- 6. Which file systems are nearly full? (Percent as df counts it.)
SELECT host, mountpoint, device, fstype,
       round(100.0 * used_kb / (used_kb + available_kb), 1) AS percent_used,
       round(available_kb / 1048576.0, 1) AS available_gib
  FROM mounts
 WHERE used_kb >= 0.9 * (used_kb + available_kb)
   AND used_kb > 0 AND options NOT LIKE 'ro%'
 ORDER BY percent_used DESC, host
 LIMIT 20;

-- 7. Who runs how much?
SELECT user,
       count(DISTINCT host) AS hosts,
       count(*) AS processes,
       sum(threads) AS threads,
       round(sum(rss_kb) / 1024.0, 1) AS rss_mib,
       round(sum(cpu_s) / 3600.0, 2) AS cpu_hours
  FROM processes
 GROUP BY user
 ORDER BY processes DESC;

-- 8. Where does a kernel parameter differ from what nine hosts in ten have?
WITH counted AS (SELECT name, value, count(*) AS hosts
                   FROM kernel_parameters GROUP BY name, value),
     usual AS (SELECT name, value, max(hosts) AS hosts
                 FROM counted GROUP BY name
               HAVING max(hosts) >= 0.9 * sum(hosts)
                  AND max(hosts) < sum(hosts))
SELECT k.host, k.name, k.value, u.value AS usual, u.hosts AS hosts_as_usual
  FROM usual AS u
  JOIN kernel_parameters AS k ON k.name = u.name AND k.value <> u.value
 ORDER BY k.name, k.host
 LIMIT 20;

-- 9. Which network interfaces count errors, and how many in a million bytes?
SELECT host, name, address, state, rx_bytes, rx_errors, tx_errors,
       round(1e6 * (rx_errors + tx_errors) / max(rx_bytes + tx_bytes, 1), 1)
         AS errors_per_mb
  FROM interfaces
 WHERE rx_errors + tx_errors > 0
 ORDER BY errors_per_mb DESC, host
 LIMIT 20;

-- 10. Which hosts run an older kernel than others, for how long already, and
-- how many processes would a reboot end?
WITH usual AS (SELECT kernel FROM machine
                GROUP BY kernel ORDER BY count(*) DESC LIMIT 1)
SELECT m.host, m.kernel, usual.kernel AS usual,
       round(m.uptime_s / 86400.0, 1) AS up_days,
       count(p.pid) AS processes,
       count(DISTINCT p.user) AS users
  FROM machine AS m
  JOIN usual ON m.kernel <> usual.kernel
  LEFT JOIN processes AS p ON p.host = m.host
 GROUP BY m.host
 ORDER BY up_days DESC;

-- 11. Whose report is incomplete or the oldest in this generation?
SELECT c.identity, c.nr_tables,
       round(i.generation_start_epoch - c.last_update_epoch, 1)
         AS seconds_before_snapshot
  FROM qasino_server_connections AS c, qasino_server_info AS i
 ORDER BY c.nr_tables, seconds_before_snapshot DESC
 LIMIT 10;
