import { readFileSync } from 'node:fs';

import { publish, turn } from './fleet.mjs';
import { axeSource, cells, clean, is, like, ok, open, run, setEditor, until,
    url } from './browser.mjs';

const axe = readFileSync(axeSource, 'utf8');

await publish(url, 'host1', 'disks', { host: 'text', free: 'real' },
    Array.from({ length: 500 }, (_, i) => [`host${i % 3}`, i]),
    { static: 1 });
await publish(url, 'host1', 'wide', Object.fromEntries(Array.from(
    { length: 300 }, (_, i) => [`c${i}`, 'int'])),
[Array.from({ length: 300 }, (_, i) => i)], { static: 1 });
await turn(url);

// Serious and critical findings, as rule: element.
async function audit(page, name) {
    // the policy forbids a script element, the protocol does not
    await page.evaluate(axe);

    const found = await page.evaluate(async () => {
        const { violations } = await globalThis.axe.run(document, {
            resultTypes: ['violations'] });

        return violations.filter((v) => ['serious', 'critical'].includes(
            v.impact)).flatMap((v) => v.nodes.map((node) =>
            `${v.id}: ${node.html.slice(0, 160)}`));
    });

    is(found, [], `axe: ${name}`);
}

const query = `query?sql=${encodeURIComponent('SELECT host, sum(free) AS free'
    + ' FROM static.disks GROUP BY host')}`;

await run(async (browser) => {
    for (const [device, options] of [
        ['light', { colorScheme: 'light' }],
        ['dark', { colorScheme: 'dark' }],
        ['phone', { viewport: { width: 360, height: 740 }, isMobile: true,
            hasTouch: true }],
    ]) {
        const page = await open(browser, options);

        for (const path of ['tables', 'desc?tablename=disks', query,
            `${query}&chart=bar`, `${query}&wall=1`, 'query?sql=nosuch',
            'publishers', 'views', 'server'])
        {
            await page.goto(url + path);
            await page.waitForSelector('.grid-body .grid-row, .card, .chart,'
                + ' .error:not([hidden]), .grid-empty:not(:empty)');
            if (path.startsWith('query')) {
                await page.waitForSelector('.cm-content', { state:
                    'attached' });
            }
            if (path.startsWith('desc')) {
                await page.click('.column >> nth=0');
                await page.waitForSelector('.facet li');
            }
            await audit(page, `${device}: ${path}`);
            ok(await page.evaluate(() =>
                document.documentElement.scrollWidth <= innerWidth),
            `... as wide as the window`);
        }
        clean(page, device);
        await page.context().close();
    }

    // without the mouse
    const page = await open(browser);
    const focused = () => page.evaluate(() =>
        document.activeElement.getAttribute('aria-label')
        || document.activeElement.textContent.trim());
    const active = () => page.$eval('.grid', (grid) => {
        const cell = document.getElementById(
            grid.getAttribute('aria-activedescendant'));
        return `${cell?.parentNode.getAttribute('aria-rowindex')},${
            cell?.getAttribute('aria-colindex')}`;
    });
    const press = async (...keys) => {
        for (const key of keys) {
            await page.keyboard.press(key);
        }
    };

    await page.goto(`${url}tables`);
    await page.waitForSelector('.grid-body .grid-row');
    await press('Tab');
    is(await focused(), 'Skip to the page', 'the first stop skips the header');
    await press('Enter');
    await press('/');
    is(await focused(), 'Search tables', '/ searches');
    await page.keyboard.type('dis');
    await press('Enter');
    is(await focused(), 'Tables', 'Enter goes to the grid');
    is(await active(), '2,1', '... with an active cell');
    await press('Enter');
    await until('Enter follows its link', async () =>
        page.url().includes('desc?tablename=disks'));
    await until('to the rows', async () => (await cells(page)).length > 5);
    await page.focus('.grid');
    await press('ArrowDown', 'ArrowDown', 'ArrowRight');
    is(await active(), '4,2', 'arrows move');
    await press('Control+End');
    is(await active(), '501,2', 'Ctrl-End goes to the last of all');
    await press('Home', 'PageUp');
    ok(/^4[5-9]\d,1$/.test(await active()), 'Home, Page up', await active());
    await press('Control+Home', 'Control+c');
    await until('Ctrl-C copies a cell', async () => await page.textContent(
        '#toast') === 'Cell copied');
    await press('ArrowUp');
    is(await active(), '1,1', 'up from the first row: the head');
    await press('ArrowRight', 'Enter');
    await until('Enter sorts', async () => (await cells(page))[0][1] === '0');
    await press('Enter');
    like(await page.textContent('.statement'), /ORDER BY free DESC/,
        '... and once more the other way');
    await until('so it does', async () => (await cells(page))[0][1] === '499');
    await page.focus('.grid');
    await press('Control+Home', 'Enter');
    await page.waitForSelector('dialog[open]');
    like(await page.textContent('.cell-text'), /^host\d$/,
        'Enter shows a cell in full');
    await press('Escape');
    await until('Esc closes it', async () => !await page.$('dialog'));
    await page.focus('.column >> nth=0');
    await press('Enter');
    await page.waitForSelector('.facet li');
    await press('Tab', 'Enter');
    await until('facets by keys', async () =>
        /WHERE host = 'host0'/.test(await page.textContent('.statement')));
    await page.focus('.chip button');
    await press('Enter');
    await until('... and their end', async () => !/WHERE/.test(
        await page.textContent('.statement')));

    await page.evaluate(() => document.activeElement.blur());
    for (const [key, path] of [['q', 'query'], ['p', 'publishers'],
        ['v', 'views'], ['s', 'server'], ['t', 'tables']])
    {
        await press('g', key);
        like(new URL(page.url()).pathname, new RegExp(`/${path}$`),
            `g ${key}: ${path}`);
        if (key === 'q') {          // its editor takes the keys once it is there
            await page.waitForFunction(() =>
                document.activeElement.closest('.cm-editor'));
        }
        await page.evaluate(() => document.activeElement.blur());
    }
    await press('?');
    await page.waitForSelector('dialog[open]');
    await press('Escape');

    await page.goto(`${url}query?sql=select%201`);
    await setEditor(page, 'SELECT 2');
    await press('Control+Enter');
    await until('Ctrl-Enter', async () => (await cells(page)).join() === '2');
    await page.focus('.cm-content');
    await press('Tab');
    is(await focused(), 'Run', 'Tab leaves the editor');
    await press('Tab', 'Enter');
    is(await page.getAttribute('.follow', 'aria-pressed'), 'true',
        'Live by keys');
    await press('Tab', 'Tab', 'Enter');
    await page.waitForSelector('.menu[open] .menu-list button');
    await press('ArrowDown');
    like(await focused(), /^SELECT 2/, 'a menu by keys');
    await press('Escape');
    is(await page.$('.menu[open]'), null, 'Esc closes it');

    // wide tables
    await page.goto(`${url}desc?tablename=wide`);
    await until('300 columns', async () => (await cells(page)).length === 1);
    ok(await page.$$eval('.grid [role=gridcell]', (all) => all.length) < 30,
        '... of which few have elements');
    await page.focus('.grid');
    await press('End');
    await until('End shows the last', async () => (await cells(page))[0].at(-1)
        === '299');
    is(await active(), '2,300', '... which is active');

    // the choice of colours is kept
    await page.click('[aria-label="Colours: auto"]');
    await page.click('[aria-label="Colours: light"]');
    await page.reload();
    is(await page.evaluate(() => document.documentElement.dataset.theme),
        'dark', 'dark stays dark');
    clean(page, 'keys');
});
