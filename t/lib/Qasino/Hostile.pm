package Qasino::Hostile;

# Statements that want to do harm, and what has to come of each: for
# t/hostile_sql.t, and for bench/hostile, which measures their answer times.

use v5.36;

use Exporter qw(import);

our @EXPORT_OK = qw(refused bombs);

# What only reads nothing: 400, each of them.
sub refused () {
    my @pragmas = map { ("pragma $_", "explain pragma $_") }
        qw(journal_mode wal_checkpoint query_only=0 writable_schema=1
        temp_store_directory='/tmp' hard_heap_limit=0 soft_heap_limit=0
        mmap_size=0 trusted_schema=1 database_list function_list
        module_list compile_options integrity_check quick_check
        foreign_key_check cell_size_check=1 busy_timeout=1000000
        cache_size=100000000 cache_spill=1 user_version=3 optimize
        case_sensitive_like=1 temp_store=1 threads=8 data_version
        locking_mode=exclusive lock_status secure_delete=1 synchronous=0
        table_info('t') table_list schema_version=1 application_id=1
        page_count freelist_count max_page_count=1 recursive_triggers=1
        reverse_unordered_selects=1 shrink_memory encoding='utf16'
        incremental_vacuum index_list('t') parser_trace=1 vdbe_trace=1
        vdbe_listing=1 vdbe_debug=1 stats collation_list
        analysis_limit=1 defer_foreign_keys=1 legacy_alter_table=1);
    my @functions = map { ("select * from pragma_$_",
        "select * from main.pragma_$_") } qw(database_list function_list
        module_list pragma_list compile_options integrity_check quick_check
        journal_mode table_list index_list('t') index_info('t')
        foreign_key_list('t') collation_list user_version data_version
        page_count cache_size mmap_size temp_store query_only
        wal_checkpoint optimize);

    return (
        # 1. several statements, disguises, bytes that are no text
        'select 1; select 2', 'select 1; drop table t', ';;',
        '/* x */ delete from t', "-- x\ndelete from t", '(select 1); vacuum',
        '((delete from t))', '/* never closed', "select 'never closed",
        'with x as (select 1) delete from t',
        'with x as (select 1) insert into t select 1, 2',
        'with x as (select 1) update t set a = 1',
        'with x as (select 1) replace into t select 1, 2',
        "select 1\0; drop table t", "\0", "select '\0'", "select 1;\0",
        'explain delete from t', 'explain query plan drop table t',
        'insert into t values (1, 2)', 'update t set a = 1',
        'delete from t', 'replace into t values (1, 2)', 'drop table t',
        'drop view v', 'alter table t rename to x',
        'alter table t add column c', 'create table x (a)',
        'create table x as select * from t', 'create view x as select 1',
        'create index x on t (a)', 'select 1 returning 2',
        'delete from t returning a',

        # 2. other databases, the file itself
        "attach 'x.db' as x", "attach ':memory:' as x",
        "attach 'file:/etc/passwd?mode=ro' as x", "attach '' as x",
        'detach main', 'detach static', 'detach temp', 'vacuum',
        'vacuum main', "vacuum into '/tmp/qasino-stolen.db'",
        "vacuum static into '/tmp/qasino-stolen.db'", 'reindex',
        'reindex t', 'analyze', 'analyze t', 'analyze sqlite_schema',

        # 3. and 5. pragmas
        @pragmas, @functions,

        # 4. doors
        "select load_extension('/tmp/x.so')",
        "select load_extension('/tmp/x.so', 'init')",
        "select fts3_tokenizer('simple')",
        "select fts3_tokenizer('simple', x'4141414141414141')",
        'create virtual table x using fts5(a)',
        'create virtual table temp.x using fts3(a)',
        'create virtual table x using dbstat',
        'create virtual table x using json_each',
        'select * from x_content', 'select * from x_segdir',
        'select * from sqlite_dbpage', 'select * from dbstat',
        'select * from dbstat(\'main\')', 'select * from sqlite_stmt',
        "select * from bytecode('select 1')",
        "select * from tables_used('select 1')",
        'select * from fts3tokenize', 'select * from fts5vocab',
        'select * from generate_series(1, 2)', 'select * from completion',
        'select sqlite_offset(a) from t', 'select sqlite_version()',
        'select sqlite_source_id()', 'select sqlite_compileoption_get(1)',
        "select sqlite_compileoption_used('x')",
        "select sqlite_log(1, 'x')", 'select fts5_source_id()',
        "select fts5(1)", "select rtreecheck('t')", "select rtreedepth(x'')",
        "select snippet('x')", "select offsets('x')", "select match('a')",
        "select readfile('/etc/passwd')",
        "select writefile('/tmp/x', 'y')", "select edit('x')",
        "select eval('select 1')", "select * from fsdir('/')",
        "select zipfile('x')", "select unknown(1)",
        "select 'a' regexp 'b'", "select 'a' match 'b'",
        'select subtype(1)', 'select json_pretty(1, 2, 3)',
        'select mark_json(1)', 'select * from _qasino_reports',
        'select * from main._QASINO_reports',
        'select (select identity from _qasino_reports)',

        # 6. what would hold a generation
        'create temp table x (a)', 'create temporary view x as select 1',
        'create temp trigger x after insert on t begin select 1; end',
        'begin', 'begin immediate', 'begin exclusive', 'commit', 'end',
        'rollback', 'savepoint s', 'release s', 'rollback to s'
    );
}

# Name, statement, the statuses it may end with: [...].  None may be wrong.
sub bombs () {
    my $many = 'with recursive n(i) as (select 1 union all'
        . ' select i + 1 from n)';
    my $keys = sub ($letter, $count) {
        return "(with recursive n(i) as (select 1 union all select i + 1"
            . " from n where i < $count) select json_group_object("
            . "'$letter' || i, i) from n)";
    };
    my $chars = "(with recursive n(i) as (select 300 union all select i + 1"
        . " from n where i < 200000) select group_concat(char(i), '')"
        . ' from n)';
    my $doubling = join ', ', 'c0(x) as (select 1)', map {
        "c$_(x) as (select a.x from c@{[$_ - 1]} a, c@{[$_ - 1]} b)"
    } 1 .. 40;

    return (
        # 7. and the table's time bombs: stopped at their deadline
        ['endless recursion', "$many select max(i) from n", 504],
        ['endless recursion, rows nobody can hold',
            "$many select count(*) from (select i from n order by -i)",
            504, 413],
        ['cross joins', 'select count(*) from many a, many b, many c', 504],
        ['60-way join', 'select count(*) from '
            . join(', ', map { "many m$_" } 1 .. 60), 504],
        ['a bounded instr() a row', "$many select count(instr("
            . "hex(zeroblob(400000)), hex(zeroblob(100000)) || '1'))"
            . ' from n', 504],

        # size bombs: refused
        ['randomblob', 'select length(randomblob(1000000000))', 413],
        ['hex of zeroblob', 'select length(hex(zeroblob(450000000)))', 413],
        ['zeroblob', 'select length(zeroblob(2147483647))', 413],
        ['json_each on 80 MB', 'select count(*) from json_each('
            . "'[' || replace(hex(zeroblob(20000000)), '0', '1,') || '1]')",
            413],
        ['printf with 2147483647 characters',
            "select printf('%.*c', 2147483647, 'x')", 413],
        ['format with a width', "select format('%2147483647d', 1)", 413],
        ['group_concat', "$many select group_concat(i) from n", 413,
            504],
        ['json_group_array', "$many select json_group_array(i) from n", 413,
            504],
        ['replace that grows', "select replace(hex(zeroblob(300000)), '0',"
            . ' hex(zeroblob(1000)))', 413],

        # long single calls: linear now, or refused
        ['instr() of a long near miss', 'select instr(hex(zeroblob(500000)),'
            . " hex(zeroblob(250000)) || '1')", 200],
        ['replace() of a long near miss', 'select length(replace('
            . "hex(zeroblob(500000)), hex(zeroblob(250000)) || '1', 'x'))",
            200],
        ['trim() with a large set', 'select length(trim(hex(zeroblob('
            . "250000)), $chars || '0'))", 200],
        ['json_patch of wide objects', 'select length(json_patch('
            . $keys->('a', 40000) . ', ' . $keys->('b', 40000) . '))', 400],
        ['json_set with a deep path', "select length(json_set('{}', '\$' ||"
            . " replace(hex(zeroblob(250000)), '0', '.a'), 1))", 400],
        ['deep JSON', 'select json_valid(replace(hex(zeroblob(250000)),'
            . " '0', '['))", 200],
        ['json_tree of much', "select count(*) from json_tree('[' ||"
            . " replace(hex(zeroblob(250000)), '0', '1,') || '1]')", 200,
            413],

        # 9. patterns, depth, breadth
        ['LIKE that backtracks', 'select hex(zeroblob(500000)) like'
            . " '%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0x'", 200],
        ['LIKE with a long near miss', "select hex(zeroblob(500000)) like"
            . " '%' || substr(hex(zeroblob(300)), 1, 250) || 'x'", 200],
        ['GLOB that backtracks', "select hex(zeroblob(500000)) glob '*' ||"
            . " replace('**********', '*', '[abcdefghijklmnop0]') || 'x'",
            200],
        ['a pattern too long', "select 'a' like hex(zeroblob(1000))", 400],
        ['deep expression', 'select ' . '(' x 2000 . '1' . ')' x 2000, 400],
        ['long expression', 'select ' . join('+', (1) x 5000), 400],
        ['500 unions', join(' union ', map { "select $_" } 1 .. 500), 400],
        ['long IN', 'select 1 in (' . join(',', 1 .. 5000) . ')', 200],
        ['longer IN', 'select 1 in (' . join(',', 1 .. 10000) . ')', 413],
        ['64-way join at prepare time', 'select count(*) from '
            . join(' natural join ', map { "wide w$_" } 1 .. 64), 400, 504],
        ['doubling expressions', "with $doubling select * from c40", 413],
        ['function arguments', 'select max(' . join(',', (1) x 200) . ')',
            400],
        ['columns', 'select ' . join(',', (1) x 3000), 400],
        ['variables', 'select ?1000', 400],
        ['a statement too long', "select '" . 'x' x 100_000 . "'", 413],

        # 10. what would spill or flood
        ['ORDER BY of wide rows', "$many select i from n order by"
            . ' hex(zeroblob(400000)) || random()', 413, 504],
        ['DISTINCT of wide rows', "$many select count(*) from (select"
            . ' distinct hex(zeroblob(100000)) || i from n)', 413, 504],
        ['a materialized endless table', "with recursive n(i) as materialized"
            . ' (select 1 union all select i + 1 from n) select count(*)'
            . ' from n a, n b', 413, 504],
        ['a window over much', "$many select sum(i) over (order by i rows"
            . ' between unbounded preceding and unbounded following) from n',
            413, 504],
        ['a flood of bytes', "$many select hex(zeroblob(499999)) from n",
            200, 504]
    );
}

1;
