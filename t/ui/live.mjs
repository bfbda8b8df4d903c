import { publish, turn } from './fleet.mjs';
import { cells, clean, is, like, ok, open, run, until, url }
    from './browser.mjs';

const worker = Number(process.env.QASINO_WORKER);

await publish(url, 'host1', 'disks', { host: 'text' }, [['host1']],
    { persist: 1 });
await turn(url);

const status = (page) => page.getAttribute('.generation', 'data-status');
const number = async (page) => /Generation (\d+)/.exec(await page
    .getAttribute('.generation', 'title'))?.[1];
const ring = (page) => page.$eval('.ring-value', (ringValue) => Number(
    ringValue.getAttribute('stroke-dashoffset')));

await run(async (browser) => {
    const page = await open(browser);
    let streams = 0;

    page.on('request', (request) => {
        streams += request.url().endsWith('/events');
    });
    await page.goto(`${url}tables`);
    await until('live', async () => await status(page) === 'live');
    like(await page.getAttribute('.generation', 'title'),
        /^Generation \d+, \d+ s old of 1 s: 1 table, 1 row, 1 publisher$/,
        'which one, how old, what is in it');
    const first = await number(page);
    await until('the next one', async () => await number(page) > first);

    const seen = new Set();
    await until('the ring moves', async () => seen.add(await ring(page))
        .size >= 3);
    is(await page.textContent('#alert'), '', 'all is well');

    // the server stops rotating
    process.kill(worker, 'SIGSTOP');
    await until('a server that does not rotate', async () =>
        await status(page) === 'stalled');
    like(await page.textContent('#alert'),
        /stopped rotating.*overdue by \d+ s\.$/, '... is said in words');
    process.kill(worker, 'SIGCONT');
    await until('... until it does', async () => await status(page) === 'live'
        && await page.textContent('#alert') === '');

    // a worker that dies is no matter
    process.kill(worker, 'SIGKILL');
    const before = await number(page);
    await until('after the death of the worker', async () =>
        await number(page) > before && await status(page) === 'live');
    is(streams, 1, 'all of it on one stream');

    // a window that cannot be seen does not listen
    await page.evaluate(() => {
        Object.defineProperty(document, 'hidden', { configurable: true,
            get: () => globalThis.away });
        globalThis.away = true;
        document.dispatchEvent(new Event('visibilitychange'));
    });
    const frozen = await number(page);
    await turn(url);
    await turn(url);
    is(await number(page), frozen, 'hidden: nothing is heard');
    await page.evaluate(() => {
        globalThis.away = false;
        document.dispatchEvent(new Event('visibilitychange'));
    });
    await until('... and caught up with when it is seen again', async () =>
        await number(page) > frozen);
    is(streams, 2, '... on another stream');
    clean(page, 'live');
    await page.context().close();

    // no events: it asks
    const other = await open(browser);

    await other.route('**/events', (route) => route.fulfill({ status: 503,
        contentType: 'application/json', body: '{}' }));
    await other.goto(`${url}tables`);
    await until('without events', async () => await status(other) === 'live'
        && (await cells(other)).length === 1);
    const asked = await number(other);
    await until('... the next generation comes all the same', async () =>
        await number(other) > asked);

    // nobody there
    const gone = await open(browser);
    await gone.goto(`${url}tables`);
    await until('connected', async () => await status(gone) === 'live');
    await gone.route('**/*', (route) => route.abort());
    await gone.context().setOffline(true);
    await gone.evaluate(() => {
        // the stream that is open outlives "offline": end it as a network
        // would, by coming back from another page's time
        dispatchEvent(new Event('pagehide'));
        dispatchEvent(new Event('pageshow'));
    });
    await until('no connection', async () => ['away', 'stalled'].includes(
        await status(gone)));
    ok((await gone.textContent('#alert')).length > 20, '... in words',
        await gone.textContent('#alert'));
});
