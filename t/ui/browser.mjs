// What the browser tests share: chromium, pages that watch for what must
// never happen, and TAP for Qasino::Browser.

import { createRequire } from 'node:module';

const require = createRequire(new URL('../../ui/package.json',
    import.meta.url));
const { chromium } = require('playwright-core');

export const axeSource = require.resolve('axe-core/axe.min.js');
export const url = process.env.QASINO_URL;
export const patience = Number(process.env.QASINO_PATIENCE ?? 30) * 1000;

export function ok(condition, name, ...more) {
    console.log(`${condition ? '' : 'not '}ok - ${name}`);
    if (!condition) {
        more.forEach((one) => console.log(typeof one === 'string' ? one
            : JSON.stringify(one)));
    }
    return condition;
}

export function is(got, expected, name) {
    return ok(JSON.stringify(got) === JSON.stringify(expected), name,
        { got, expected });
}

export function like(got, pattern, name) {
    return ok(pattern.test(got ?? ''), name, { got, pattern: String(pattern) });
}

// Asks until the answer is yes.
export async function until(name, condition) {
    const end = Date.now() + patience;
    let last;

    for (;;) {
        try {
            if (await condition()) {
                return ok(true, name);
            }
        } catch (e) {
            last = e;
        }
        if (Date.now() > end) {
            return ok(false, name, `gave up waiting ${last?.message ?? ''}`);
        }
        await new Promise((done) => setTimeout(done, 25));
    }
}

export async function run(test) {
    const browser = await chromium.launch({
        executablePath: '/usr/bin/chromium',
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic',
            '--no-first-run', '--disable-background-networking',
            '--disable-component-update', '--disable-sync'],
    });

    try {
        await test(browser);
        console.log('done');
    } catch (e) {
        console.log(`not ok - ${e.stack}`);
    } finally {
        await browser.close();
    }
}

// A page of a context of its own.  What it must not do is collected:
// requests to other hosts, violations of the policy, errors, dialogs.
export async function open(browser, options = {}) {
    const context = await browser.newContext({
        viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    const wrong = [];
    const own = new URL(options.home ?? url).origin;

    page.wrong = wrong;
    page.setDefaultTimeout(patience);
    page.on('request', (request) => {
        const target = request.url();

        if (!target.startsWith(own) && !/^(blob|data):/.test(target)) {
            wrong.push(`request to ${target}`);
        }
    });
    page.on('pageerror', (e) => wrong.push(`error: ${e.message}`));
    page.on('dialog', (dialog) => {
        wrong.push(`dialog: ${dialog.message()}`);
        dialog.dismiss();
    });
    page.on('console', (message) => {
        if (/Content.Security.Policy|Trusted|Refused/i.test(message.text())) {
            wrong.push(message.text());
        }
    });
    await page.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', (e) =>
            console.error(`Content-Security-Policy: ${e.violatedDirective} ${
                e.blockedURI} ${e.sourceFile}`));
    });
    return page;
}

export function clean(page, name) {
    return is(page.wrong, [], `${name}: no foreign request, no violation of`
        + ' the policy, no error');
}

// Texts of the cells that are in the document, a row an array.
export function cells(page, selector = '.grid') {
    return page.$eval(selector, (grid) => [...grid.querySelectorAll(
        '.grid-body .grid-row')].sort((a, b) =>
        a.getAttribute('aria-rowindex') - b.getAttribute('aria-rowindex'))
        .map((row) => [...row.children].map((c) => c.textContent)));
}

export async function setEditor(page, sql) {
    await page.waitForSelector('.cm-content');
    await page.click('.cm-content');
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText(sql);
    await page.keyboard.press('Escape');
}
