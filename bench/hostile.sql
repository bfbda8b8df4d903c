with recursive c(x) as (select 1 union all select x+1 from c) select count(*) from c
with recursive c(x) as (select 1 union all select x+1 from c) select hex(zeroblob(499999)) from c
select count(*) from point a, point b, point c
select count(*) from point a join point b on a.host < b.host join point c on b.host < c.host
select max(length(randomblob(1000000000)))
select length(hex(zeroblob(450000000)))
select instr(hex(zeroblob(3000000)), hex(zeroblob(1400000)) || 'x')
with recursive c(x) as (select 1 union all select x+1 from c) select sum(instr(hex(zeroblob(60000)), hex(zeroblob(25000)) || 'x')) from c
select length(replace(hex(zeroblob(500000)), hex(zeroblob(200000)) || 'x', 'y'))
with recursive c(x) as (select 1 union all select x+1 from c) select sum(length(replace(hex(zeroblob(60000)), hex(zeroblob(25000)) || 'x', 'y'))) from c
select length(printf('%.*c', 2147483647, 'x'))
select count(*) from (select a.host, b.host, a.b from point a, point b order by random())
select count(*) from point a, point b where a.host like '%9%9%9%9%9%9%9%9%9%9%x' and b.host glob '*9*9*9*9*9*9*9*9*x'
with recursive c(x) as (select 1 union all select x+1 from c) select sum('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' like '%a%a%a%a%a%a%a%a%a%a%a%a%b') from c
select group_concat(a.host || b.host) from point a, point b
select json_patch('{"a":' || hex(zeroblob(200000)) || '}', '{"a":' || hex(zeroblob(200000)) || '}')
select count(*) from json_each('[' || replace(hex(zeroblob(200000)), '00', '1,') || '1]') a, point b
select count(distinct a.host || b.host) from point a, point b
select sum(a.a * b.b) from point a, point b, point c group by a.host, b.host order by 1
with recursive f(n, s) as (select 1, 'x' union all select n+1, s || s from f where n < 60) select max(length(s)) from f
