# The operator's views: a YAML file that is read again when it changes.  What
# cannot be made says so in qasino_server_views, and a broken file changes
# nothing but that.

use v5.36;

use POSIX ();
use Test::More;

use Qasino::Process qw(slurp spew temp_dir wait_until);
use Qasino::Server qw(table);
use Qasino::Worker;

my $file = temp_dir() . '/views.yaml';

sub entry ($name, $sql) {
    return "- viewname: $name\n  view: |\n    $sql\n\n";
}

# As an editor or a package manager replaces a file: at no instant is half
# of it there.
sub put_file ($text) {
    spew("$file.new", $text);
    rename "$file.new", $file or die "rename: $!";
}

put_file(entry(first => 'create view first as select 1 as n;'));

my $worker = start_worker(generation_duration => 1, views_file => $file);

# viewname => "loaded errormsg"
sub views () {
    return { map { $_->[0] => $_->[1] . ($_->[2] eq '' ? '' : " $_->[2]") }
        @{$worker->rows('select viewname, loaded, errormsg'
            . ' from qasino_server_views')} };
}

sub until_views ($name, $condition) {
    my $views;

    ok(eval { wait_until($name, sub { $condition->($views = views()) }) },
        $name) or diag(explain($views));

    return $views;
}

sub value ($sql) { $worker->rows($sql)->[0][0] }

# There from the first snapshot after the start, and in each.
until_views('a view that was there at the start',
    sub ($views) { ($views->{first} // '') eq '1' });
is(value('select n from first'), 1, '... can be asked');
is(value("select view from qasino_server_views where viewname = 'first'"),
    "create view first as select 1 as n;\n", '... and shows its text');
is_deeply($worker->query('show views')->{table}{rows}[0][0], 'first',
    'SHOW VIEWS has it');
is(value('desc view first'), "create view first as select 1 as n;\n",
    'so does DESC VIEW');

$worker->publish('host1', table(base => [a => 'int', b => 'text'],
    [1, 'x'], [2, 'y']), persist => 1);
$worker->publish('host1', table(stat => [a => 'int'], [7]), static => 1);

# A new file, by rename: good and bad ones, each with its own verdict.
{
    my %bad = (
        syntax => ['create view syntax as selekt 1', qr/syntax/],
        base => ['create view base as select 3 as a', qr/base/],
        maketable => ['create table maketable(a)', qr/CREATE VIEW/],
        tableas => ['create table tableas as select * from base',
            qr/CREATE VIEW/],
        droptable => ['drop table base', qr/CREATE VIEW/],
        deletes => ['delete from base', qr/./],
        updates => ["update base set b = 'z'", qr/./],
        inserts => ["insert into base values(3, 'z')", qr/./],
        schema => ["insert into sqlite_master values('table', 'z', 'z', 0,"
            . " 'create table z(a)')", qr/./],
        pragma => ['pragma user_version = 7', qr/CREATE VIEW/],
        writable => ['pragma writable_schema = on', qr/CREATE VIEW/],
        attach => ["attach '$file.db' as x", qr/CREATE VIEW/],
        vacuum => ["vacuum into '$file.db'", qr/./],
        trigger => ['create trigger x after insert on base begin select 1;'
            . ' end', qr/CREATE VIEW/],
        virtual => ['create virtual table x using fts5(a)', qr/./],
        temporary => ['create temp view temporary as select 1', qr/./],
        commits => ['commit', qr/CREATE VIEW/],
        selects => ['select 1', qr/CREATE VIEW/],
        second => ['create view two_a as select 1 as n; drop table base',
            qr/CREATE VIEW/],
        third => ['create view two_b as select 1 as n;'
            . ' delete from base; select 2', qr/./],
        _own => ['create view _own as select 1', qr/reserved/],
        qasino_server_x => ['create view qasino_server_x as select 1',
            qr/reserved/],
        QASINO_SERVER_INFO => ['create view QASINO_SERVER_INFO as select 1',
            qr/./],
        sqlite_x => ['create view sqlite_x as select 1', qr/reserved/],
    );

    put_file(entry(joined => 'create view joined as select base.a, b, n'
            . ' from base, counted where base.a = counted.n')
        . entry(counted => 'CREATE VIEW counted AS SELECT 1 AS n'
            . ' UNION SELECT 2 -- a comment')
        . join('', map { entry($_, $bad{$_}[0]) } sort keys %bad)
        . "- viewname: no_view\n- view: create view no_name as select 1\n"
        . "- viewname: twice\n  view: create view twice as select 1\n"
        . "  view: create view twice as select 2\n"
        . "- viewname: nul\n  view: \"create view nul as select 1\\0, 2\"\n"
        . "- just text\n- {colour: blue, viewname: flow,"
        . " view: create view flow as select 'flow' as f}\n"
        . entry(several => 'create view several as select 1 as n;'
            . ' create view several_more as select 2 as n;')
        . entry(counted => 'create view counted as select 3 as n')
        . entry(on_views => 'create view on_views as select count(*) as n'
            . ' from joined join counted using(n)')
        . entry(on_static => 'create view on_static as select a from stat'));

    my $views = until_views('a file put in place by rename is read',
        sub ($views) { $views->{joined} });

    ok(!$views->{first}, '... and its views replace those before');
    like($views->{$_} // '', qr/^0 .*$bad{$_}[1]/, "$bad{$_}[0]: is refused")
        for sort keys %bad;
    is($views->{$_}, 1, "view $_ is loaded")
        for qw(joined flow several on_views);
    is_deeply($worker->rows('select loaded, errormsg <> \'\''
        . " from qasino_server_views where viewname = 'counted'"
        . ' order by loaded'), [[0, 1], [1, 0]],
        'of two with one name the first is made, the second has an error');
    ok(!grep({ exists $views->{$_} } qw(no_view no_name)),
        'an entry without name or text is none');
    ok(!grep({ exists $views->{$_} } qw(twice nul)),
        '... and neither is one with two texts, or half of one');

    is_deeply($worker->rows('select a, b, n from joined order by a'),
        [[1, 'x', 1], [2, 'y', 2]], 'a view on one that comes later');
    is(value('select n from on_views'), 2, '... and on those before');
    is(value('select f from flow'), 'flow', 'a flow mapping is an entry');
    is(value('select n from several_more'), 2, 'one entry, two views');
    is_deeply($worker->rows('select a, b from base'), [[1, 'x'], [2, 'y']],
        'nothing in the file has touched a table');
    is_deeply($worker->rows("select name from sqlite_schema where name in"
        . " ('maketable', 'tableas', 'z', 'x', 'temporary')"), [],
        '... or made one');
    ok(!-e "$file.db", '... or a file');
    like($worker->log_text, qr/entry on line \d+ does not have one viewname/,
        'the log names what was skipped');
}

# In place, as a shell does it.
spew($file, entry(in_place => 'create view in_place as select 2 as n'));
until_views('a file written in place is read',
    sub ($views) { join(' ', %$views) eq 'in_place 1' });
is(value('select n from in_place'), 2, '... and its view is there');

# What is no list of views leaves the last good set.
sub kept ($name, $change, $pattern) {
    my $seen = length $worker->log_text;

    $change->();
    my $views = until_views("$name: a row of qasino_server_views says so",
        sub ($views) { ($views->{views_file} // '') =~ /^0 .*$pattern/ });
    is($views->{in_place}, 1, '... and the views before stay');
    is(value('select n from in_place'), 2, '... for queries too');
    like(substr($worker->log_text, $seen),
        qr/views file \Q$file\E: .*$pattern.*stay/, '... and the log says so');
}

kept('broken YAML', sub { put_file(
    entry(other => 'create view other as select 1') . "- viewname: [x\n") },
    qr/line [4-9]/);
kept('another kind of broken', sub { spew($file, "\t- x: \"y\n") },
    qr/line [12]:/);
kept('no list', sub { put_file("viewname: x\nview: create view x as"
    . " select 1\n") }, qr/list/);
kept('two lists', sub { put_file(entry(other => 'create view other as'
    . " select 1") . "---\n- viewname: x\n") }, qr/line 6: all belongs into one document/);
kept('a pipe', sub { POSIX::mkfifo("$file.new", 0600) or die "mkfifo: $!";
    rename "$file.new", $file or die "rename: $!" }, qr/not a file/);
kept('no file', sub { unlink $file or die "unlink: $!" },
    qr/cannot be read: No such/);

{
    $worker->kill;
    $worker->start;
    like($worker->log_text, qr/views file \Q$file\E: cannot be read/,
        'a worker that starts without the file says so');
    until_views('... in the table as well', sub ($views) {
        ($views->{views_file} // '') =~ /cannot be read/ });
}

put_file(entry(back => 'create view back as select 5 as n'));
until_views('the file is back', sub ($views) {
    join(' ', %$views) eq 'back 1' });
is(value('select n from back'), 5, '... and its view');

# The same views once more, in a generation from a worker that was killed.
$worker->kill;
$worker->start;
$worker->wait_generation(2);
is_deeply(views(), { back => 1 }, 'a killed worker reads the file anew');
is(value('select n from back'), 5, '... for its generations');

# An empty file means none, and does not end the watch.
for my $empty ('', "# nothing\n", "---\n", "[]\n") {
    put_file($empty);
    until_views('a file without views', sub ($views) { !%$views });
    put_file(entry(again => 'create view again as select 6 as n'));
    until_views('... and one with a view again', sub ($views) {
        join(' ', %$views) eq 'again 1' });
}
like($worker->query('select * from back')->{error_message},
    qr/no such table/, 'those before are gone');

done_testing();
