# The file of the generation being served, deleted by hand: what persisted in
# it is lost, which is said, and the server goes on.

use v5.36;

use Test::More;

use Qasino::Process qw(wait_until);
use Qasino::Server qw(table);
use Qasino::Worker;

sub stores ($worker) {
    return sort glob $worker->{settings}{db_dir} . '/qasino_table_store_*.db';
}

sub persist ($worker, $value) {
    return $worker->publish('host', table(kept => [n => 'int'], [$value]),
        persist => 1)->{response_op} // '';
}

sub is_well ($worker, $when) {
    $worker->wait_generation;
    is(persist($worker, 7), 'ok', "$when publishes are taken");
    $worker->wait_generation(2);
    is_deeply($worker->rows('select n from kept'), [[7]],
        '... and carried');
}

# While it runs: as soon as the next one is there, before it has been looked
# into.  That succeeds in one generation of a few.
{
    my $worker = start_worker(generation_duration => 1);
    my $newest = '';

    wait_until('one to be deleted in time', sub {
        my @stores = stores($worker);

        if ($stores[-1] ne $newest) {
            unlink @stores[0 .. $#stores - 1] if $newest;
            $newest = $stores[-1];
            persist($worker, 1);
        }

        return $worker->log_text =~ /qasino_table_store_\d+\.db is gone:/;
    });
    pass('that it is gone is said');
    is_well($worker, 'then');
    unlike($worker->log_text, qr/cannot be sealed/, 'each was sealed');
}

# While it does not.
{
    my $worker = start_worker(generation_duration => 3600);

    is(persist($worker, 1), 'ok', 'something that persists');
    $worker->stop;

    my @stores = stores($worker);

    is(scalar @stores, 2, 'one is served, one collects');
    unlink $stores[0];
    $worker->{settings}{generation_duration} = 1;
    $worker->start;
    like($worker->log_text, qr/no sealed generation in db_dir/,
        'that none can be served is said');
    is_well($worker, 'then');
}

done_testing();
