import { publish } from './fleet.mjs';
import { cells, clean, is, like, ok, open, run, until, url }
    from './browser.mjs';

const { QASINO_PREFIX: prefix, QASINO_HTTPS: https } = process.env;

await publish(url, 'host1', 'disks', { host: 'text' }, [['host1']],
    { static: 1 });

async function walk(page, home) {
    const seen = [];

    page.on('response', (r) => {
        const path = new URL(r.url());

        seen.push(path.pathname);
        if (r.status() >= 400) {
            ok(false, `${r.status()} for ${r.url()}`);
        }
    });
    await page.goto(home);
    await until(`${home}: tables`, async () => (await cells(page)).some(
        (row) => row[0].startsWith('disks')));
    await page.click('.grid a:has-text("disks")');
    await until('a table', async () => (await cells(page))[0][0] === 'host1');
    await page.click('a:has-text("Open as a query")');
    await until('a query', async () => (await cells(page))[0]?.[0]
        === 'host1');
    await page.waitForSelector('.cm-content');
    await page.click('.tabs button:has-text("Chart")');
    await page.waitForSelector('.chart canvas');
    for (const name of ['publishers', 'views', 'server', 'tables']) {
        await page.click(`nav a[data-page=${name}]`);
        is(page.url(), home + name, `${name} has its address`);
    }
    await until('events come', async () => await page.getAttribute(
        '.generation', 'data-status') === 'live');

    const first = await page.textContent('.generation-text');
    await until('... every generation', async () =>
        await page.textContent('.generation-text') !== first);
    ok(seen.every((path) => path.startsWith(new URL(home).pathname)),
        'nothing outside the prefix is asked for', seen);
    clean(page, home);
}

await run(async (browser) => {
    await walk(await open(browser), url);
    await walk(await open(browser, { home: prefix }), prefix);
    await walk(await open(browser, { home: https, ignoreHTTPSErrors: true,
        httpCredentials: { username: 'qasino', password: 'qasino' } }),
    https);

    const locked = await open(browser, { home: https,
        ignoreHTTPSErrors: true });
    is((await locked.goto(https).catch(() => null))?.status() ?? 401, 401,
        'without the password nothing');

    // without scripts
    for (const home of [url, prefix]) {
        const page = await open(browser, { javaScriptEnabled: false, home });

        for (const [path, plain, holds] of [
            ['', 'plain/', /disks/], ['tables', 'plain/tables?', /disks/],
            ['desc?tablename=static.disks',
                'plain/desc?tablename=static.disks', /host/],
            [`query?sql=${encodeURIComponent("select 'a<b' || \"x\" from"
                + " (select '&amp;' as x)")}`, null, /a<b&amp;/],
            ['publishers', 'plain/publishers?', /identity/],
            ['views', 'plain/views?', /viewname/],
            ['server', 'plain/server?', /generation_number/],
        ]) {
            await page.goto(home + path);
            await until(`without scripts: /${path}`, async () =>
                holds.test(await page.textContent('table')));
            if (plain) {
                is(page.url().replace(/\?$/, ''), (home + plain).replace(
                    /\?$/, ''), '... at a plain address');
            }
        }
        await page.goto(`${home}plain/tables`);
        await page.click('td a:has-text("disks")');
        like(page.url(), /plain\/desc\?tablename=disks$/,
            'plain pages lead to plain pages');
        await page.fill('textarea', 'select 40 + 2 as answer');
        await page.click('button');
        await until('... and ask', async () => /42/.test(
            await page.textContent('table')));
        // the icon of the page that it was led away from, still under way
        page.wrong.splice(0, Infinity, ...page.wrong.filter((text) =>
            !text.includes('/ui/icon-')));
        clean(page, 'without scripts');
        await page.context().close();
    }
});
