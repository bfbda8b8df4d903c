// A fleet that publishes, for tests and screenshots: every host the same
// tables, their values made from its number and the generation, so that the
// same call says the same.

export async function post(url, body, op = 'add_table_data') {
    const answer = await fetch(`${url}request?op=${op}`, { method: 'POST',
        body: JSON.stringify(body) });
    const document = await answer.json();

    if (document.response_op !== 'ok') {
        throw new Error(`not acknowledged: ${JSON.stringify(document)}`);
    }
    return document;
}

export function publish(url, identity, tablename, columns, rows, more = {}) {
    return post(url, { op: 'add_table_data', identity, ...more, table: {
        tablename, column_names: Object.keys(columns),
        column_types: Object.values(columns), rows } });
}

export async function ask(url, sql) {
    const answer = await fetch(`${url}request?op=query&values=native`, {
        method: 'POST', body: JSON.stringify({ sql }) });
    const document = await answer.json();

    if (!document.table) {
        throw new Error(`${sql}: ${document.error_message}`);
    }
    return document.table.rows;
}

// Waits until another generation is served.
export async function turn(url) {
    const number = async () => (await ask(url,
        'select generation_number from qasino_server_info'))[0][0];
    const before = await number();

    while (await number() === before) {
        await new Promise((done) => setTimeout(done, 20));
    }
}

const kernels = ['6.1.0-25-amd64', '6.1.0-26-amd64', '6.1.0-27-amd64'];
const zones = ['fra1', 'fra2', 'nyc1', 'sin1'];
const roles = ['web', 'db', 'cache', 'queue', 'build'];
const packages = ['openssl', 'libc6', 'nginx', 'linux-image', 'curl', 'sudo',
    'openssh-server', 'python3', 'zlib1g', 'libsqlite3-0'];

// some number of n and m that looks like chance
function dice(n, m, sides) {
    let x = (Math.imul(n, 2654435761) ^ Math.imul(m, 40503)) >>> 0;

    x = Math.imul(x ^ x >>> 15, 2246822519) >>> 0;
    return ((x ^ x >>> 13) >>> 0) % sides;
}

export const host = (n) =>
    `${roles[n % 5]}${String(Math.floor(n / 5) + 1).padStart(2, '0')}.${
        zones[n % 4]}.example.org`;

export async function publishHost(url, n, step = 0) {
    const name = host(n);

    await publish(url, name, 'hosts', { host: 'text', role: 'text',
        zone: 'text', kernel: 'text', cpus: 'int', memory_gib: 'real',
        uptime_days: 'real', load1: 'real' }, [[name, roles[n % 5],
        zones[n % 4], kernels[dice(n, 1, 3)], 4 << dice(n, 2, 4),
        16 << dice(n, 3, 4), dice(n, 4, 3000) / 10,
        (dice(n, 5 + step, 400) + 20) / 100]]);
    await publish(url, name, 'disks', { host: 'text', mount: 'text',
        device: 'text', size_gb: 'int', free_gb: 'real',
        percent_used: 'real' }, ['/', '/var', '/srv'].map((mount, i) => {
        const size = 100 << dice(n, 10 + i, 4);
        const used = dice(n, 20 + i + step * (i === 1), 970) / 10;

        return [name, mount, `nvme${i}n1`, size,
            Math.round(size * (100 - used)) / 100, used];
    }));
    await publish(url, name, 'packages', { host: 'text', name: 'text',
        version: 'text' }, packages.map((p, i) => [name, p,
        `${1 + i % 4}.${dice(i, 1, 20)}.${dice(n, 30 + i, 8) ? 4 : 3}`]));
    await publish(url, name, 'processes', { host: 'text', pid: 'int',
        command: 'text', rss_mib: 'real', cpu_percent: 'real' },
    Array.from({ length: 12 + dice(n, 40 + step, 3) }, (_, i) => [name,
        300 + i * 37 + dice(n, i, 30),
        ['systemd', 'sshd', 'nginx', 'qasino-csvpublisher', 'postgres',
            'node', 'cron', 'journald'][i % 8],
        dice(n, 50 + i, 9000) / 10, dice(n, 60 + i + step, 300) / 10]));
    if (n % 5 === 3) {
        await publish(url, name, 'queues', { host: 'text', queue: 'text',
            depth: 'int', oldest_seconds: 'int' },
        ['mail', 'builds', 'invoices'].map((queue, i) => [name, queue,
            dice(n, 70 + i + Math.floor((step + n + i) / 3), 400),
            dice(n, 80 + i + Math.floor((step + n + i) / 3), 900)]));
    }
}

export async function publishFleet(url, hosts, step = 0, without = []) {
    for (let n = 0; n < hosts; n++) {
        if (!without.includes(n)) {
            await publishHost(url, n, step);
        }
    }
}
