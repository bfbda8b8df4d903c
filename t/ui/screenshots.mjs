// The pictures of docs/ui/, of a fleet made up: QASINO_URL is a server with
// nothing in it, generations of some ten seconds, and --views-file
// t/ui/views.yaml.
//
//   QASINO_URL=http://127.0.0.1:15597/ node t/ui/screenshots.mjs DIRECTORY
//       [NAME ...]
//
// For the sizes they have: pngquant --ext .png --force DIRECTORY/*.png

import { host, publish, publishFleet, turn } from './fleet.mjs';
import { open, run, url } from './browser.mjs';

const HOSTS = 40;
const more = { mounts: 4, interfaces: 3, users: 6, cron_jobs: 5, services: 9,
    listening_ports: 7, kernel_modules: 30, ssh_keys: 2, dns_servers: 2,
    failed_units: 1, raid_arrays: 1, containers: 4, images: 8, backups: 1,
    firewall_rules: 12, routes: 4, sysctl: 20, temperatures: 3 };
let stop = false;

async function fleet() {
    await publish(url, 'cmdb', 'owners', { host: 'text', team: 'text' },
        Array.from({ length: HOSTS }, (_, n) =>
            [host(n), ['edge', 'data', 'platform'][n % 3]]), { static: 1 });
    for (let step = 0; !stop; step++) {
        try {
            await publishFleet(url, HOSTS, step, step % 2 ? [] : [7, 12]);
            for (const [tablename, rows] of Object.entries(more)) {
                if (tablename === 'failed_units' && step % 2
                    || tablename === 'raid_arrays' && !(step % 2))
                {
                    continue;
                }
                await Promise.all(Array.from({ length: HOSTS }, (_, n) =>
                    n % 4 < 2 && publish(url, host(n), tablename,
                        { host: 'text', item: 'text' }, Array.from(
                            { length: rows + (tablename === 'containers'
                                ? (n + step) % 3 : 0) }, (_, i) =>
                                [host(n), `item ${i}`]))));
            }
            await publish(url, host(3), 'certificates', { host: 'text',
                path: 'text', days_left: 'int' }, [[host(3),
                '/etc/ssl/web.pem', 41]], { persist: 1 });
        } catch (e) {
            console.log(e.message);
        }
        await turn(url);
    }
}

// Some who look at the same in every generation, and ask too much.
async function dashboards() {
    for (const sql of [...Array(20).fill('SELECT role, count(*) FROM hosts'
        + ' GROUP BY role'), 'SELECT p.name, count(DISTINCT q.command) FROM'
        + ' packages AS p, processes AS q, services AS s GROUP BY p.name',
    'SELECT a.host, b.host, count(*) FROM packages AS a JOIN packages AS b'
        + ' ON a.version = b.version, users AS u GROUP BY a.host, b.host',
    'SELECT * FROM kernel_modules AS a, kernel_modules AS b'
        + ' ORDER BY a.item, b.item LIMIT 100'])
    {
        await (await fetch(`${url}request?op=query&sql=${
            encodeURIComponent(sql)}`)).text();
    }
}

const ask = (sql, rest = '') => `query?sql=${encodeURIComponent(sql)}${rest}`;
const rows = (page) => page.waitForSelector('.grid-body .grid-row.odd');
const editor = (page) => page.waitForSelector('.cm-content');
const turns = async (page, n) => {
    for (let i = 0; i < n; i++) {
        const before = await page.textContent('.generation-text');

        await page.waitForFunction((text) => document.querySelector(
            '.generation-text').textContent !== text, before);
    }
    await page.waitForTimeout(1200);
};

const shots = {
    tables: ['tables', { colorScheme: 'light' }, async (page) => {
        await rows(page);
        await turns(page, 3);
    }],
    table: ['desc?tablename=disks', { colorScheme: 'light' },
        async (page) => {
            await rows(page);
            await turns(page, 2);
            await page.click('.column:has-text("mount")');
            await page.click('.facet button:has-text("/srv")');
            await page.click('[role=columnheader]:has-text("percent")');
            await page.click('[role=columnheader]:has-text("percent")');
            await page.waitForTimeout(800);
        }],
    query: [ask('SELECT h.zone, count(*) AS hosts, sum(h.cpus) AS cpus,\n'
        + '       round(avg(h.load1), 2) AS load,\n'
        + '       round(min(d.free_gb)) AS least_free_gb\n'
        + 'FROM hosts h\nJOIN disks d ON d.host = h.host'
        + " AND d.mount = '/var'\nGROUP BY h.zone\nORDER BY load DESC"),
    { colorScheme: 'dark' }, async (page) => {
        await rows(page);
        await editor(page);
    }],
    chart: [ask('SELECT role, round(sum(load1), 1) AS load, count(*) AS'
        + ' hosts\nFROM hosts GROUP BY role ORDER BY load DESC',
    '&chart=bar&x=role&y=load'), { colorScheme: 'light' }, async (page) => {
        await page.waitForSelector('.chart canvas');
        await editor(page);
    }],
    publishers: ['publishers', { colorScheme: 'light' }, async (page) => {
        await rows(page);
        await turns(page, 2);
        await page.waitForSelector('.mark.late');
    }],
    server: ['server', { colorScheme: 'dark' }, async (page) => {
        await page.waitForSelector('.figure');
        for (let i = 0; i < 5; i++) {
            await dashboards();
            await turns(page, 1);
        }
    }],
    wall: [ask('SELECT host, queue, depth, oldest_seconds FROM queues'
        + ' ORDER BY depth DESC LIMIT 18', '&live=1&wall=1'),
    { colorScheme: 'dark', viewport: { width: 1600, height: 900 } },
    async (page) => {
        await rows(page);
        await turns(page, 1);
        await page.waitForSelector('[class*=flash-]');
    }],
    phone: ['desc?tablename=disks', { colorScheme: 'dark',
        viewport: { width: 390, height: 780 } }, rows],
};

fleet();
await turn(url);
await turn(url);
await run(async (browser) => {
    const names = process.argv.slice(3);

    for (const name of names.length ? names : Object.keys(shots)) {
        const [path, options, ready] = shots[name];
        const page = await open(browser, options);

        await page.goto(url + path);
        await ready(page);
        await page.waitForTimeout(500);
        await page.screenshot({ path: `${process.argv[2]}/${name}.png` });
        await page.context().close();
    }
});
stop = true;
process.exit();
