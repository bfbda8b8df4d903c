import { post, publish, turn } from './fleet.mjs';
import { cells, clean, is, ok, open, run, until, url } from './browser.mjs';

const ROWS = 100000;
const ELEMENTS_MAX = 1500;      // of a whole page

// persist: in every generation from now on
async function tables(from, to) {
    for (let n = from; n < to; n += 100) {
        await Promise.all(Array.from({ length: 100 }, (_, i) => publish(url,
            `host${i}`, `table_${String(n + i).padStart(4, '0')}`,
            { a: 'int' }, [[1], [2]], { persist: 1 })));
    }
}

await tables(0, 200);
await publish(url, 'host1', 'large', { id: 'int', host: 'text', path: 'text',
    size: 'int', ratio: 'real' }, Array.from({ length: ROWS }, (_, i) =>
    [i, `host${i % 500}`, `/srv/data/${i * 7919 % ROWS}`, i * 37 % 9973,
        i / 3]), { static: 1 });
await turn(url);
await turn(url);

// Tasks of the main thread that took longer than 50 ms, and the first paint
// of something useful: the first row.
const watch = () => {
    globalThis.long = [];
    new PerformanceObserver((list) => globalThis.long.push(
        ...list.getEntries().map((e) => Math.round(e.duration))))
        .observe({ type: 'longtask', buffered: true });
    globalThis.useful = 0;
    new MutationObserver(() => {
        if (!globalThis.useful && document.querySelector(
            '.grid-body .grid-row'))
        {
            requestAnimationFrame(() => requestAnimationFrame(() => {
                globalThis.useful ||= Math.round(performance.now());
            }));
        }
    }).observe(document, { childList: true, subtree: true });
};
const measured = (page) => page.evaluate(() => ({ useful: globalThis.useful,
    long: globalThis.long }));
const elements = (page) => page.evaluate(() =>
    document.querySelectorAll('*').length);

// What a jump to somewhere else in the grid takes of the main thread: its CPU
// time, which other programs on the machine do not change.
async function jumps(page) {
    const cdp = await page.context().newCDPSession(page);
    const taken = [];

    await cdp.send('Performance.setTimeDomain', { timeDomain: 'threadTicks' });
    await cdp.send('Performance.enable');

    const busy = async () => (await cdp.send('Performance.getMetrics'))
        .metrics.find((m) => m.name === 'TaskDuration').value * 1000;

    for (let i = 0; i < 40; i++) {
        const before = await busy();

        await page.$eval('.grid', async (grid, at) => {
            grid.scrollTop = grid.scrollHeight * at;
            await new Promise((done) => requestAnimationFrame(() =>
                requestAnimationFrame(done)));
        }, i * 17 % 41 / 40);
        taken.push(await busy() - before);
    }
    taken.sort((a, b) => a - b);
    return `median ${taken[20].toFixed(1)}, most ${taken.at(-1).toFixed(1)}`;
}

await run(async (browser) => {
    const page = await open(browser);

    await page.addInitScript(watch);
    for (const [count, again] of [['201', 'cold'], ['201', 'warm'],
        ['1,001', 'warm']])
    {
        if (count === '1,001') {
            await tables(200, 1000);
            await turn(url);
            await turn(url);
        }
        await page.goto(`${url}tables`);
        await until(`${count} tables (${again})`, async () => (await page
            .textContent('.summary')).startsWith(`${count} tables`));
        await until('... painted', async () =>
            (await measured(page)).useful > 0);
        console.log(`first useful paint, ${count} tables, ${again}: ${
            JSON.stringify(await measured(page))}`);
    }
    ok(await elements(page) < ELEMENTS_MAX, 'few elements',
        await elements(page));
    await page.fill('.search input', '0987');
    is((await cells(page)).map((row) => row[0].slice(0, 10)), ['table_0987'],
        'search finds one of 1,000');
    await page.fill('.search input', '');
    await page.focus('.grid');
    await page.keyboard.press('Control+End');
    await until('the last of them', async () =>
        (await cells(page)).at(-1)[0].startsWith('table_0999'));

    await page.goto(`${url}desc?tablename=large`);
    await until('100,000 rows', async () => await page.getAttribute('.grid',
        'aria-rowcount') === String(ROWS + 1));
    ok(await elements(page) < ELEMENTS_MAX, '... few elements',
        await elements(page));
    console.log(`100,000 rows loaded: ${JSON.stringify(await measured(page))}`);

    // every way to scroll, a frame at a time
    await page.evaluate(() => { globalThis.long = []; });
    const most = await page.$eval('.grid', async (grid) => {
        const frame = () => new Promise((done) =>
            requestAnimationFrame(done));
        let count = 0;

        for (let y = 0; y < 30000; y += 400) {
            grid.scrollTop = y;
            await frame();
            count = Math.max(count, grid.querySelectorAll(
                '[role=row]').length);
        }
        for (let i = 0; i <= 60; i++) {
            grid.scrollTop = grid.scrollHeight * (i * 37 % 61) / 60;
            await frame();
            count = Math.max(count, grid.querySelectorAll(
                '[role=row]').length);
        }
        return count;
    });

    ok(most < 80, 'scrolling makes no more rows', most);
    console.log(`long tasks while scrolling: ${JSON.stringify(
        (await measured(page)).long)}`);
    console.log(`CPU of the main thread a jump: ${await jumps(page)} ms`);
    await page.focus('.grid');
    await page.keyboard.press('Control+End');
    await until('the last row is there', async () =>
        (await cells(page)).at(-1)[0] === String(ROWS - 1));
    await page.keyboard.press('Control+Home');
    await until('... and the first', async () =>
        (await cells(page))[0][0] === '0');

    await page.click('button:has-text("Show the new generation")');
    await until('a new generation of it is for who asks', async () =>
        page.isHidden('button:has-text("Show the new generation")'));

    // a result so long that scrolling is scaled
    await page.goto(`${url}query?sql=${encodeURIComponent('SELECT a.id * 5 +'
        + ' b.id AS n FROM large a, large b WHERE b.id < 5 ORDER BY 1')}`);
    await until('500,000 rows', async () => await page.getAttribute('.grid',
        'aria-rowcount') === String(5 * ROWS + 1));
    await page.focus('.grid');
    await page.keyboard.press('Control+End');
    await until('... up to the last', async () =>
        (await cells(page)).at(-1)[0] === String(5 * ROWS - 1));
    await page.keyboard.press('PageUp');
    await page.keyboard.press('ArrowUp');
    await until('... by keys, row by row', async () => {
        const now = (await cells(page)).map((row) => Number(row[0]));

        return now.every((n, i) => !i || n === now[i - 1] + 1);
    });
    clean(page, 'many of everything');
});
