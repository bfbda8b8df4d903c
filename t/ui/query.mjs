import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { publish, turn } from './fleet.mjs';
import { cells, clean, is, like, ok, open, run, setEditor, until, url }
    from './browser.mjs';

await publish(url, 'lab', 'samples', { name: 'text', n: 'int', x: 'real',
    big: 'int' }, [['a', 1, 0.5, null], ["b, \"c\"", 2, 250.75, 5],
    ['d|e\nf', null, -3, null], ["it's", 4, 2, 7]], { static: 1 });
await publish(url, 'lab', 'counters', { name: 'text', v: 'int' },
    [['fixed', 1], ['moving', 1]], { static: 1 });

await turn(url);

const ask = (sql) => `${url}query?sql=${encodeURIComponent(sql)}`;

await run(async (browser) => {
    const page = await open(browser, { acceptDownloads: true });
    const sql = "SELECT name, n FROM samples\nORDER BY n DESC";

    await page.context().grantPermissions(['clipboard-read',
        'clipboard-write']);
    // a link runs
    await page.goto(ask(sql));
    await until('a link anyone can share shows its result', async () =>
        (await cells(page)).map((row) => row.join()).join(';')
        === "it's,4;b, \"c\",2;a,1;d|e⏎f,NULL");
    await page.waitForSelector('.cm-content');
    is((await page.$$eval('.cm-line', (all) => all.map((l) =>
        l.textContent))).join('\n'), sql, '... and its statement');
    ok(await page.$eval('.cm-line', (line) => new Set([...line.querySelectorAll(
        'span')].map((s) => getComputedStyle(s).color)).size > 0
        && getComputedStyle(line.querySelector('span')).color
            !== getComputedStyle(line).color), 'SQL is highlighted');

    // Ctrl-Enter; 64 bits
    await setEditor(page, 'SELECT 9007199254740993 AS big, 1.0 AS one,'
        + " '9007199254740995' AS text, NULL AS none");
    await page.keyboard.press('Control+Enter');
    await until('Ctrl-Enter runs; integers keep 64 bits', async () =>
        (await cells(page)).join() === '9007199254740993,1,'
        + '9007199254740995,NULL');
    ok(page.url().endsWith(encodeURIComponent('NULL AS none')),
        'the address is that of what ran');

    // completion
    await setEditor(page, 'SELECT * FROM ');
    await page.keyboard.type('samp');
    await until('tables are completed', async () => (await page.$$eval(
        '.cm-tooltip-autocomplete li', (all) => all.map((one) =>
            one.textContent))).some((text) => text.startsWith('samples')));
    await page.keyboard.press('Enter');
    await page.keyboard.type(' WHERE samples.');
    await until('... columns', async () => (await page.$$eval(
        '.cm-tooltip-autocomplete li', (all) => all.map((one) =>
            one.textContent))).join() === 'big,n,name,x');
    await page.keyboard.press('Escape');
    await setEditor(page, 'SELECT ');
    await page.keyboard.type('group_c');
    await until('... functions', async () => (await page.$$eval(
        '.cm-tooltip-autocomplete li', (all) => all.map((one) =>
            one.textContent))).some((text) =>
        text.startsWith('group_concat')));
    await page.keyboard.press('Escape');

    // errors
    for (const [text, message, marked, place] of [
        ['SELECT name,\n  nosuch FROM samples', /no such column: nosuch/,
            'nosuch', 'line 2, column 3'],
        ['SELECT name\nFRO samples', /near "samples": syntax error/,
            'samples', 'line 2, column 5'],
        ["SELECT 'nosuchf(' || nosuchf(1)", /no such function: nosuchf/,
            'nosuchf', 'line 1, column 22'],
        ['SELECT 1 FROM nothere', /no such table: nothere/, 'nothere',
            'line 1, column 15'],
        ['SELECT (1', /./, '1', 'line 1, column 9'],
    ]) {
        await setEditor(page, text);
        await page.keyboard.press('Control+Enter');
        await until(`an error at its place: ${place}`, async () =>
            message.test(await page.textContent('.error span'))
            && await page.textContent('.cm-error') === marked
            && await page.textContent('.error button') === place);
    }
    await setEditor(page, 'DROP TABLE samples');
    await page.keyboard.press('Control+Enter');
    await until('what is refused says so', async () => /ERROR|not allowed|read/i
        .test(await page.textContent('.error span')));

    // results elsewhere
    await setEditor(page, 'SELECT name, n, x FROM samples');
    await page.click('button.primary');
    await until('the Run button', async () => (await cells(page)).length
        === 4 && await page.$eval('.error', (e) => e.hidden));

    const take = async (label) => {
        const coming = page.waitForEvent('download');

        await page.click('summary:has-text("Download")');
        await page.click(`.menu-list button:has-text("${label}")`);
        return readFileSync(await (await coming).path(), 'utf8');
    };
    is(await take('CSV'), 'name,n,x\r\na,1,0.5\r\n"b, ""c""",2,'
        + '250.75\r\n"d|e\nf",,-3\r\nit\'s,4,2\r\n',
    'download as CSV');
    is(JSON.parse(await take('JSON'))[1], { name: 'b, "c"', n: 2, x: 250.75 },
        '... as JSON');

    const copied = async (label) => {
        await page.click('summary:has-text("Copy")');
        await page.click(`.menu-list button:has-text("${label}")`);
        await page.waitForSelector('#toast.on');
        return page.evaluate(() => navigator.clipboard.readText());
    };
    like(await copied('Markdown'), new RegExp('^\\| name \\| n \\| x \\|\n'
        + '\\|---\\|---:\\|---:\\|\n.*\\| d\\\\\\|e⏎f \\|  \\| -3 \\|', 's'),
        'copy as Markdown');
    is(await copied('Link'), page.url(), '... as a link');
    await setEditor(page, "SELECT 'it''s' AS it");
    const line = await copied('curl');
    like(execFileSync('sh', ['-c', `${line} -s`], { encoding: 'utf8' }),
        /^ *it\n=*\nit's\n1 rows returned/, 'the curl line works');
    const client = await copied('qasino-sql');
    like(execFileSync('sh', ['-c', client], { encoding: 'utf8', env: {
        ...process.env, PATH: `${process.env.QASINO_BUILD_DIR}:${
            process.env.PATH}` } }), /it's/, 'the qasino-sql line works');

    // history, saved queries
    await page.click('summary:has-text("History")');
    await page.waitForSelector('.menu[open] .menu-list button');
    const history = await page.$$eval('.menu[open] .menu-list button',
        (all) => all.map((one) => one.firstChild.textContent));
    is(history[0], 'SELECT name, n, x FROM samples',
        'the history, newest first');
    ok(history.includes('SELECT name, n FROM samples ORDER BY n DESC'),
        '... has them all');
    await page.click('.menu-list button:has-text("ORDER BY n DESC")');
    await until('... and runs one', async () =>
        (await cells(page))[0]?.join() === "it's,4");
    await page.click('summary:has-text("Saved")');
    await page.click('.menu-list button:has-text("Save this")');
    await page.fill('dialog input', 'top <b>samples</b>');
    await page.click('dialog button.primary');
    await setEditor(page, 'SELECT 1');
    await page.reload();
    await page.waitForSelector('.cm-content');
    await page.click('summary:has-text("Saved")');
    await page.click('.saved button:has-text("top <b>samples</b>")');
    await until('a saved query comes back', async () =>
        (await cells(page))[0]?.join() === "it's,4");

    // charts
    await page.goto(ask('SELECT name, n, x FROM samples WHERE x < 100'));
    await page.waitForSelector('.grid-body .grid-row');
    await page.click('.tabs button:has-text("Chart")');
    for (const [type, says] of [['bar', 'Bar chart of n by name, 3 bars'],
        ['line', 'Line chart of n by x, 3 points'],
        ['scatter', 'Scatter chart of n by x, 3 points'],
        ['histogram', 'Histogram of n, 2 values in 4 bins']])
    {
        await page.selectOption('.chart-controls select >> nth=0', type);
        if (type === 'line') {
            await page.selectOption('.chart-controls select >> nth=1', 'x');
        }
        await until(`a ${type} chart`, async () => await page.getAttribute(
            '.chart', 'aria-label') === says);
    }
    await page.selectOption('.chart-controls select >> nth=0', 'bar');
    await page.selectOption('.chart-controls select >> nth=1', 'name');
    await page.click('.chart-controls button:has-text("Add y")');
    await until('another column', async () => await page.getAttribute(
        '.chart', 'aria-label') === 'Bar chart of n, x by name, 3 bars');
    const drawn = await page.$eval('.chart canvas', (canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0,
            canvas.width, canvas.height);
        const colors = new Set();

        for (let i = 0; i < data.length; i += 4) {
            if (data[i + 3] === 255) {
                colors.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
            }
        }
        return colors.size;
    });
    ok(drawn > 2, 'something is drawn', `${drawn} colours`);
    const chartUrl = page.url();
    await page.goto('about:blank');
    await page.goto(chartUrl);
    await until('a chart has an address', async () => await page.getAttribute(
        '.chart', 'aria-label') === 'Bar chart of n, x by name, 3 bars');
    clean(page, 'the query page');

    // a query that follows
    await page.goto(ask('SELECT name, v FROM counters ORDER BY name'));
    await until('to begin with', async () => (await cells(page)).join(';')
        === 'fixed,1;moving,1');
    await page.click('.follow');
    // the next result that is the same ends it
    await page.evaluate(() => {
        window.flashed = new Set();
        new MutationObserver(() => {
            for (const one of document.querySelectorAll('[class*=flash-]')) {
                window.flashed.add(one.textContent);
            }
        }).observe(document.body, { attributes: true, childList: true,
            subtree: true });
    });
    await publish(url, 'lab', 'counters', { name: 'text', v: 'int' },
        [['fixed', 1], ['moving', 2]], { static: 1 });
    await until('a static table shows its change at once, or soon',
        async () => (await cells(page)).join(';') === 'fixed,1;moving,2');
    await until('the cell that changed flashes, and no other', async () =>
        (await page.evaluate(() => [...window.flashed])).join() === '2');
    await publish(url, 'lab', 'moving', { v: 'int' }, [[1]]);
    await turn(url);
    await setEditor(page, 'SELECT generation_number FROM qasino_server_info');
    await page.keyboard.press('Control+Enter');
    await page.waitForSelector('.grid-cell:has-text("17"), .grid-cell');
    const numbers = new Set();
    await until('it follows the generations', async () => {
        numbers.add((await cells(page))[0]?.[0]);
        return numbers.size >= 3;
    });
    like(page.url(), /&live=1/, '... as the address says');

    // full screen
    await page.locator('h1').first().evaluate((e) => document.activeElement
        .blur());
    await page.keyboard.press('f');
    await page.waitForSelector('body.wall');
    ok(!await page.isVisible('nav') && !await page.isVisible('.editor')
        && await page.isVisible('.grid') && await page.isVisible(
        '.generation'), 'full screen: the result and the generation');
    like(page.url(), /&wall=1/, '... has an address');
    await page.keyboard.press('Escape');
    await until('Esc leaves it', async () =>
        !await page.$('body.wall'));
    clean(page, 'a query that follows');
});
