// The shell around the pages: header, navigation, keys, theme.
//
// The addresses are those of the original's pages, relative to wherever the
// first one was loaded from.  A link within is followed here; everything
// else is the browser's.

import { base } from './api.js';
import { dialog } from './dialog.js';
import { append, fill, h, icon, s } from './dom.js';
import { plural, time } from './format.js';
import { live } from './live.js';
import { router } from './router.js';
import { load, save } from './store.js';
import { notePublishers, publishersPage } from './pages/publishers.js';
import { queryPage } from './pages/query.js';
import { serverPage } from './pages/server.js';
import { tablePage } from './pages/table.js';
import { tablesPage } from './pages/tables.js';
import { viewsPage } from './pages/views.js';

const pages = {
    '': tablesPage, tables: tablesPage, desc: tablePage, query: queryPage,
    publishers: publishersPage, views: viewsPage, server: serverPage,
};
const sections = [
    ['tables', 'Tables', 't'], ['query', 'Query', 'q'],
    ['publishers', 'Publishers', 'p'], ['views', 'Views', 'v'],
    ['server', 'Server', 's'],
];
const RING = 2 * Math.PI * 8;

const main = h('main', { id: 'main', tabindex: -1 });
const nav = h('nav', { 'aria-label': 'Pages' });
const ringValue = s('circle', { cx: 10, cy: 10, r: 8, class: 'ring-value',
    'stroke-dasharray': RING, transform: 'rotate(-90 10 10)' });
const ring = s('svg', { viewBox: '0 0 20 20', class: 'ring', 'aria-hidden':
    'true' }, s('circle', { cx: 10, cy: 10, r: 8, class: 'ring-track' }),
    ringValue);
const generation = h('span', { class: 'generation-text' });
const status = h('div', { class: 'generation', role: 'status' }, ring,
    generation);
const alert = h('div', { id: 'alert', role: 'alert' });
let page = null;

router.show = () => {
    const name = location.pathname.slice(base.length);
    const make = pages[name] ?? tablesPage;

    page?.leave?.();
    document.body.classList.remove('wall');
    for (const link of nav.children) {
        link.dataset.page === (name === 'desc' ? 'tables' : name || 'tables')
            ? link.setAttribute('aria-current', 'page')
            : link.removeAttribute('aria-current');
    }
    page = make(new URLSearchParams(location.search));
    document.title = `${page.title} · Qasino`;
    fill(main, page.el);
    page.enter?.();
};

function shell() {
    append(nav, sections.map(([name, label, key]) => h('a', {
        href: base + name, 'data-page': name, title: `${label} (g ${key})`,
    }, label)));

    fill(document.body,
        h('a', { href: '#main', class: 'skip' }, 'Skip to the page'),
        h('header', null,
            h('a', { href: `${base}tables`, class: 'brand' }, brand(),
                h('span', null, 'Qasino')),
            nav, status,
            h('div', { class: 'header-buttons' }, themeButton(),
                h('button', { type: 'button', class: 'quiet', title:
                    'Keys (?)', 'aria-label': 'Keys', onclick: help },
                icon('help')))),
        alert, main,
        h('div', { id: 'toast', role: 'status', 'aria-live': 'polite' }));
}

function brand() {
    return s('svg', { viewBox: '0 0 32 32', class: 'logo', 'aria-hidden':
        'true' },
    s('rect', { width: 32, height: 32, rx: 8 }),
    s('circle', { cx: 16, cy: 16, r: 8.5, class: 'logo-track' }),
    s('path', { d: 'M16 7.5a8.5 8.5 0 1 1-7.36 12.75',
        class: 'logo-value' }));
}

function themeButton() {
    const next = { auto: 'light', light: 'dark', dark: 'auto' };
    const icons = { auto: 'auto', light: 'sun', dark: 'moon' };
    const button = h('button', { type: 'button', class: 'quiet',
        onclick: () => set(next[load('theme', 'auto')]) });

    function set(theme) {
        save('theme', theme);
        theme === 'auto' ? delete document.documentElement.dataset.theme
            : document.documentElement.dataset.theme = theme;
        button.title = `Colours: ${theme}`;
        button.setAttribute('aria-label', button.title);
        fill(button, icon(icons[theme]));
        dispatchEvent(new Event('themechange'));
    }

    set(load('theme', 'auto'));
    return button;
}

function drawStatus() {
    const what = live.status();
    const age = live.age() / 1000;
    const part = live.duration ? Math.min(1, age * 1000 / live.duration) : 0;

    status.dataset.status = what;
    ringValue.setAttribute('stroke-dashoffset', RING * (1 - part));
    // only what a screen reader should say is said: the number, not the age
    const text = live.generation ? time(live.generation) : '…';

    if (generation.textContent !== text) {
        generation.textContent = text;
    }
    status.title = live.generation
        ? `Generation ${live.generation}, ${Math.round(age)} s old of ${
            live.duration / 1000} s${live.counts
            ? `: ${plural(live.counts.tables, 'table')}, ${
                plural(live.counts.rows, 'row')}, ${
                plural(live.counts.publishers, 'publisher')}` : ''}`
        : 'Waiting for the server';

    const warning = {
        stalled: live.generation ? 'The server has stopped rotating: the next'
            + ' generation is overdue by '
            : 'The server does not say which generation it serves.',
        away: 'No connection to the server: what you see may be old.',
    }[what];

    const overdue = what === 'stalled' && live.generation
        ? Math.max(0, Math.round(age - live.duration / 1000)) : null;

    if (alert.dataset.status !== what) {
        alert.dataset.status = what;
        fill(alert, warning && [icon('warn'), h('span', null, warning),
            overdue !== null && h('time', { 'aria-live': 'off' })]);
    }
    const since = alert.querySelector('time');

    if (since && overdue !== null) {
        since.textContent = `${overdue} s.`;
    }
}

function help() {
    const keys = [
        ['g t, g q, g p, g v, g s', 'go to a page'],
        ['/', 'search, or the editor'],
        ['Ctrl Enter', 'run the query'],
        ['f', 'full screen (Query)'],
        ['l', 'follow the generations (Query)'],
        ['↑ ↓ ← →, Page, Home, End', 'move in a grid'],
        ['Enter', 'open the link or the cell; sort, on a column'],
        ['Esc', 'leave the full screen, a menu, a dialog'],
    ];
    dialog('Keys', h('dl', { class: 'keys' }, keys.map(([key, what]) =>
        [h('dt', null, h('kbd', null, key)), h('dd', null, what)])));
}

let prefix = 0;

function key(e) {
    const typing = e.target.closest?.(
        'input, textarea, select, [contenteditable=true]');

    if (e.ctrlKey || e.metaKey || e.altKey
        || document.querySelector('dialog[open]'))
    {
        return;
    }
    if (e.key === 'Escape' && page.escape?.()) {
        e.preventDefault();
        return;
    }
    if (typing) {
        return;
    }
    if (Date.now() - prefix < 1500) {
        const target = sections.find(([, , letter]) => letter === e.key);

        prefix = 0;
        if (target) {
            e.preventDefault();
            router.go(target[0]);
        }
    } else if (e.key === 'g') {
        prefix = Date.now();
    } else if (e.key === '?') {
        help();
    } else if (page.keys?.[e.key]) {
        e.preventDefault();
        page.keys[e.key]();
    }
}

function follow(e) {
    const link = e.target.closest('a[href]');

    if (!link || e.defaultPrevented || e.button || e.ctrlKey || e.metaKey
        || e.shiftKey || link.target || link.hasAttribute('download')
        || link.origin !== location.origin
        || link.getAttribute('href').startsWith('#'))
    {
        return;
    }

    const name = link.pathname.slice(base.length);

    if (link.pathname.startsWith(base) && pages[name]) {
        e.preventDefault();
        router.go(name + link.search + link.hash);
        main.focus({ preventScroll: true });
    }
}

shell();
document.addEventListener('click', follow);
document.addEventListener('keydown', key);
addEventListener('popstate', () => router.show());
live.addEventListener('status', drawStatus);
live.addEventListener('generation', () => page?.generation?.());
live.addEventListener('generation', () => notePublishers().catch(() => {}));
live.addEventListener('static', () => page?.generation?.());
setInterval(() => document.hidden || drawStatus(), 1000);
live.start();
drawStatus();
router.show();
