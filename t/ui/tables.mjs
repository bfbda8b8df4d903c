import { ask, publish, turn } from './fleet.mjs';
import { cells, clean, is, like, ok, open, run, until, url }
    from './browser.mjs';

const disks = { host: 'text', mount: 'text', free: 'real', size: 'int' };

// Both hosts, every generation, while the test goes on; what the hosts say
// is changed by it.
const say = { web1: true, db1: true, extra: 0, incidents: false, flaky: true };
let stop = false;

async function fleet() {
    while (!stop) {
        try {
            if (say.web1) {
                await publish(url, 'web1', 'disks', disks, [
                    ['web1', '/', 1.5, 10], ['web1', '/srv', 2, 20],
                    ...Array.from({ length: say.extra }, (_, i) =>
                        ['web1', `/extra${i}`, null, 0])]);
            }
            if (say.db1) {
                await publish(url, 'db1', 'disks', disks, [
                    ['db1', '/', 3.25, 10], ['db1', '/srv', 0.5, 30]]);
            }
            if (say.incidents) {
                await publish(url, 'db1', 'incidents', { what: 'text' },
                    [['fire']]);
            }
            await publish(url, 'db1', 'kept', { n: 'int' }, [[1]],
                { persist: 1 });
            await turn(url);
        } catch {
            // between two generations of a busy machine
        }
    }
}

await publish(url, 'cmdb', 'owners', { host: 'text' }, [['db1'], ['web1']],
    { static: 1 });

const fleetDone = fleet();

await turn(url);
await turn(url);

await run(async (browser) => {
    const page = await open(browser);
    const rows = async () => Object.fromEntries((await cells(page)).map(
        (row) => [row[0], row.slice(1)]));

    for (const path of ['', 'tables']) {
        await page.goto(url + path);
        await page.waitForSelector('.grid-body .grid-row');
        is(await page.title(), 'Tables · Qasino', `/${path}: the title`);
        await until(`/${path}: how many`, async () =>
            /^3 tables 7 rows [23] publishers$/.test(
                await page.textContent('.summary')));
    }
    await until('every table: rows, publishers, marks', async () => {
        const now = await rows();

        return now.disks?.[0] === '4' && now.disks[2] === '2'
            && /^\d+ s ago$/.test(now.disks[3])
            && now.keptpersist?.[2] === '1' && now.ownersstatic?.[0] === '2';
    });

    // changes, each of which is marked for one generation only
    await page.evaluate(() => {
        globalThis.marks = {};
        new MutationObserver(() => {
            for (const row of document.querySelectorAll(
                '.grid-body .grid-row'))
            {
                const [name, , change] = [...row.children].map((c) =>
                    c.textContent);

                (globalThis.marks[name] ??= []).push(change);
            }
        }).observe(document.querySelector('.grid'), { childList: true,
            subtree: true, characterData: true });
    });

    const marked = (name, change) => page.evaluate(([n, c]) =>
        Boolean(globalThis.marks[n]?.includes(c)), [name, change]);

    say.extra = 3;
    say.incidents = true;
    await until('a table that grew', () => marked('disksgrown', '+3'));
    await until('... a new one', () => marked('incidentsnew', ''));
    say.extra = 0;
    say.incidents = false;
    await until('one that shrank', () => marked('disksshrunk', '−3'));
    await until('... one that vanished', () =>
        marked('incidentsvanished', '−1'));
    await page.click('.tabs button:has-text("Changed")');
    await until('changed tables alone', async () =>
        Object.keys(await rows()).every((name) =>
            /grown|shrunk|new|vanished/.test(name)));

    // internal ones, search, sort
    await page.click('.tabs button:has-text("Internal")');
    const internal = (await cells(page)).map((row) => row[0]);
    ok(internal.includes('qasino_server_info')
        && internal.every((name) => name.startsWith('qasino_server_')),
    'internal tables apart');
    await page.click('.tabs button:has-text("Published")');
    await page.fill('.search input', 'OWN');
    is((await cells(page)).map((row) => row[0]), ['ownersstatic'],
        'search as you type');
    await page.fill('.search input', 'nosuch');
    like(await page.textContent('.grid-empty'), /No table matches/,
        '... that finds nothing');
    await page.fill('.search input', '');
    await page.click('[role=columnheader]:has-text("Rows")');
    is((await cells(page))[0][0].replace(/shrunk|grown/, ''), 'disks',
        'sorted by rows');
    is(await page.getAttribute('[role=columnheader]:has-text("Rows")',
        'aria-sort'), 'descending', '... as the head says');
    clean(page, 'the list');

    // one table
    await page.click('.grid a:has-text("disks")');
    await page.waitForSelector('.column');
    like(page.url(), /\/desc\?tablename=disks$/, 'a table has its address');
    is(await page.$$eval('.column', (all) => all.map((b) => b.textContent)),
        ['hosttext', 'mounttext', 'freereal', 'sizeinteger'],
        'columns with their types');
    await until('its rows', async () => (await cells(page)).length === 4);

    const statement = () => page.textContent('.statement');
    is(await statement(), 'SELECT * FROM disks LIMIT 100000', 'the SQL');
    await page.click('[role=columnheader]:has-text("free")');
    is(await statement(), 'SELECT * FROM disks ORDER BY free LIMIT 100000',
        '... with the order');
    await until('... and so the rows', async () =>
        (await cells(page))[0][2] === '0.5');
    await page.selectOption('.filter select >> nth=0', 'mount');
    await page.selectOption('.filter select >> nth=1', 'contains');
    await page.fill('.filter input', "s'r_v%");
    await page.click('.filter button');
    is(await statement(), "SELECT * FROM disks WHERE mount LIKE '%s''r\\_v\\%%'"
        + " ESCAPE '\\' ORDER BY free LIMIT 100000",
    'a filter: quoted and escaped');
    await until('... of which there is none', async () =>
        (await cells(page)).length === 0);
    await page.click('.chip button');
    await page.click('.column:has-text("mount")');
    await until('top values with counts', async () => (await page.$$eval(
        '.facet:not([hidden]) li', (all) => all.map((one) =>
            one.textContent))).join() === '/2,/srv2');
    await page.click('.facet:not([hidden]) button:has-text("/srv")');
    await until('one of them as a filter', async () => await statement()
        === "SELECT * FROM disks WHERE mount = '/srv' ORDER BY free"
        + ' LIMIT 100000' && (await cells(page)).length === 2);

    const shared = page.url();
    const other = await open(browser);
    await other.goto(shared);
    await until('the address has it all', async () =>
        (await cells(other)).map((row) => row[0]).join() === 'db1,web1');
    is(await other.getAttribute('.bar-row a', 'href'), new URL(
        `query?sql=${encodeURIComponent(await statement())}`, url).pathname
        + `?sql=${encodeURIComponent(await statement())}`,
    'as a query');
    await other.context().close();

    // publishers of the table, then of all
    await until('who publishes it', async () => (await page.$$eval(
        '.publishers .who', (all) => all.map((one) => one.textContent)))
        .sort().join() === 'db1,web1');
    say.web1 = false;
    await until('who is late, first', async () => (await page.textContent(
        '.publishers li >> nth=0')).startsWith('web1late'));
    await page.click('nav a:has-text("Publishers")');
    await until('late ones first', async () => {
        const now = await cells(page);

        return now.length >= 2 && now[0][0] === 'web1'
            && now[0][1] === 'late' && now[0][2] === '1'
            && now.some((row) => row[0] === 'db1' && row[1] === 'reported');
    });
    say.web1 = true;
    await until('... until they report again', async () =>
        (await cells(page)).filter((row) => row[1] === 'reported')
            .map((row) => row[0]).join() === 'db1,web1');
    clean(page, 'a table and publishers');

    // views, server
    await page.click('nav a:has-text("Views")');
    await until('views: loaded or the error, with the definition',
        async () => {
            const all = await page.$$eval('.card', (cards) => cards.map(
                (card) => card.textContent));

            return all.length === 2
                && /^badnot loaded.*CREATE VIEW.*create table bad/s.test(all[0])
                && /^goodloadedcreate view good/.test(all[1]);
        });
    await page.click('.card a:has-text("good")');
    await until('a view is shown as a table', async () =>
        (await cells(page)).length === 4);
    await page.click('nav a:has-text("Server")');
    await until('the server: rates and sizes', async () => {
        const text = await page.textContent('main');

        return /Queries[\d.]+\/s\d+ received/.test(text)
            && /Publishes[\d.]+\/s/.test(text) && /Rows7/.test(text)
            && /Largest tablesdisks4/.test(text);
    });
    await until('... how often the cache had the answer', async () =>
        /Cache hits([\d.]+ %\d+|–0) of \d+ looked up/.test(
            await page.textContent('main')));

    // one of these takes long enough to be noted; the page may show it later
    const evil = '<img src=x onerror=alert(1)>';
    let limit = 250000;

    await until('slow queries', async () => {
        limit = Math.min(2 * limit, 4000000);
        await ask(url, 'with recursive n(i) as (select 1 union all select'
            + ` i + 1 from n limit ${limit}) select max(i), '${evil}' from n`);
        await turn(url);
        return (await page.$$eval('.slow li a', (all) => all.map((one) =>
            one.textContent))).some((text) => text.includes(evil));
    });
    // others may have been slow, too, on a busy machine
    const noted = `.slow li:has-text("${evil}")`;

    like(await page.textContent(`${noted} .n`), /^[\d.]+ m?s$/,
        '... with their times');
    like(await page.getAttribute(`${noted} a`, 'href'),
        /\/query\?sql=with%20recursive/, '... to be asked again');
    clean(page, 'views and the server');

    // back and forward
    await page.goBack();
    like(page.url(), /desc\?tablename=good/, 'back');
    await until('... shows what it did', async () =>
        (await cells(page)).length === 4);

    // a table that is not there
    await page.goto(`${url}desc?tablename=nosuch`);
    await page.waitForSelector('.error:not([hidden])');
    like(await page.textContent('.error'), /nosuch not found/,
        'a table that is not there');
    stop = true;
});
stop = true;
await fleetDone;
