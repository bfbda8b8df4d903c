import { publish, turn } from './fleet.mjs';
import { cells, clean, is, ok, open, run, setEditor, until, url }
    from './browser.mjs';

const evil = ['<script>alert(1)</script>', '<img src=x onerror=alert(1)>',
    '"><svg/onload=alert(1)>', "'-alert(1)-'", 'javascript:alert(1)',
    '</textarea><iframe src=//x.example>', '{{7*7}}${alert(1)}', '<!--',
    '&lt;b&gt;', '\u202egnp.exe', 'a\u0000b', '[x](javascript:alert(1))'];

// Elements that none of the UI's own code makes, and links that lead out.
const strange = () => [...document.querySelectorAll('script, img, iframe,'
    + ' object, embed, base, link, form[action], svg [onload], [onerror],'
    + ' [onclick], [onload], b, a[href^="javascript:" i]')].filter((el) =>
    !(el.parentNode === document.head && /^(SCRIPT|LINK)$/.test(el.tagName)
        && el.outerHTML.includes('ui/'))).map((el) => el.outerHTML);

for (const [i, text] of evil.entries()) {
    await publish(url, `evil${i} ${text.replaceAll('\0', '')}`, 'evil',
        { a: 'text', [`b${i}`]: 'text' }, [[text, text]], { persist: 1 });
}
await turn(url);

await run(async (browser) => {
    const page = await open(browser);
    const safe = async (name) => {
        is(await page.evaluate(strange), [], `${name}: text stays text`);
        clean(page, name);
    };

    await page.goto(`${url}desc?tablename=evil`);
    await until('cells', async () => (await cells(page)).length
        === evil.length);
    is((await cells(page))[1][0], evil[1], 'a cell shows its text');
    ok((await cells(page)).some((row) => row[0] === '\\u202egnp.exe'),
        '... also what would turn it around');
    await page.click('.column >> nth=0');
    await until('facets', async () => (await page.$$('.facet li')).length
        === evil.length);
    await page.click('.facet li button >> nth=0');
    await page.waitForSelector('.chip');
    await page.dblclick('.grid-body .grid-cell');
    await page.waitForSelector('dialog');
    await page.keyboard.press('Escape');
    await safe('cells, facets, filters, publishers of a table');

    await page.goto(`${url}publishers`);
    await until('publishers', async () => (await cells(page)).length
        === evil.length);
    await safe('publishers');

    await page.goto(`${url}views`);
    await until('views', async () => (await page.$$('.card')).length === 2);
    await safe('views and their errors');
    await page.goto(`${url}desc?tablename=evil_view`);
    await page.waitForSelector('.error:not([hidden])');
    await page.goto(`${url}server`);
    await page.waitForSelector('.figure');
    await safe('the server');

    for (const text of evil) {
        for (const target of [`desc?tablename=${encodeURIComponent(text)}`,
            `query?sql=${encodeURIComponent(text)}`,
            `query?sql=${encodeURIComponent(`select * from "${text}"`)}`,
            `query?sql=select%201&chart=${encodeURIComponent(text)}&x=${
                encodeURIComponent(text)}&y=${encodeURIComponent(text)}`,
            `desc?tablename=evil#${encodeURIComponent(JSON.stringify({
                filters: [{ column: text, op: '=', value: text }],
                order: { column: text, direction: 1 } }))}`,
            `tables?${encodeURIComponent(text)}#${encodeURIComponent(text)}`])
        {
            await page.goto('about:blank');
            await page.goto(url + target);
            await page.waitForSelector('.error:not([hidden]), .chart,'
                + ' .grid-body .grid-row, .grid-empty:not(:empty),'
                + ' .cm-content');
        }
    }
    await safe('addresses');

    // names of columns, charts of them, errors, history, saved queries
    const names = evil.filter((text) => !/[\0\u202e]/.test(text));
    const sql = `SELECT ${names.map((text, i) =>
        `${i} AS "${text.replaceAll('"', '""')}"`).join(', ')}, a AS label`
        + ' FROM evil';

    await page.goto(`${url}query`);
    await setEditor(page, sql);
    await page.keyboard.press('Control+Enter');
    await until('columns', async () => (await cells(page)).length
        === evil.length);
    await page.click('.tabs button:has-text("Chart")');
    await page.waitForSelector('.chart canvas');
    for (const type of ['line', 'scatter', 'histogram', 'bar']) {
        await page.selectOption('.chart-controls select >> nth=0', type);
        await page.waitForSelector('.chart canvas');
    }
    await page.click('summary:has-text("History")');
    await page.waitForSelector('.menu[open] .menu-list button');
    await safe('names of columns, charts and the history');

    for (const text of evil) {
        await setEditor(page, `SELECT nosuch('${text.replaceAll("'", "''")
            .replaceAll('\0', '')}'), "${text.replaceAll('"', '""')
            .replaceAll('\0', '')}" FROM`);
        await page.keyboard.press('Control+Enter');
        await page.waitForSelector('.error:not([hidden])');
    }
    await safe('messages of errors');
});
