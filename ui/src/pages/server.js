// The server about itself: what its internal tables say of the generation
// before, as rates and sizes, with the course of those seen on this page,
// and what the events say of the result cache.

import { base, objects, query } from '../api.js';
import { fill, h, s } from '../dom.js';
import { columnsOf, Grid } from '../grid.js';
import { cell, compact, count, ms, time } from '../format.js';
import { live } from '../live.js';

const COURSE = 60;              // generations that are remembered
const LARGEST = 10;
const known = new Set(['info', 'tables', 'connections', 'views', 'sql_stats',
    'update_stats', 'reports'].map((name) => `qasino_server_${name}`));

const course = [];              // outlives a visit to another page

export function serverPage() {
    let stop = new AbortController();
    const summary = h('p', { class: 'summary' });
    const error = h('p', { class: 'error', role: 'alert', hidden: true });
    const figures = h('div', { class: 'figures' });
    const largest = h('section', { class: 'card' });
    const slow = h('section', { class: 'card' });
    const others = h('div', { class: 'others' });

    async function load() {
        stop.abort();
        stop = new AbortController();
        try {
            const [[info], [sql], [update], tables] = await Promise.all([
                objects('SELECT * FROM qasino_server_info', stop),
                objects('SELECT * FROM qasino_server_sql_stats', stop),
                objects('SELECT * FROM qasino_server_update_stats', stop),
                objects('SELECT tablename, nr_rows, nr_updates, static FROM'
                    + ' qasino_server_tables ORDER BY nr_rows DESC', stop),
            ]);
            const own = tables.filter((t) =>
                !t.tablename.startsWith('qasino_server_'));
            const rows = own.reduce((sum, t) => sum + t.nr_rows, 0);
            const seconds = info.generation_duration_s;

            if (course.at(-1)?.generation !== info.generation_number) {
                course.push({
                    generation: info.generation_number,
                    sql: sql.sql_completed / seconds,
                    errors: sql.sql_errors,
                    publishes: (update.inserts_completed
                        + update.updates_completed) / seconds,
                    rows, tables: own.length,
                });
                course.splice(0, course.length - COURSE);
            }
            noteCache();

            error.hidden = true;
            fill(summary, `generation ${info.generation_number}, collected`
                + ` from ${time(info.generation_number)} on, ${seconds} s`);
            fill(figures,
                figure('Queries', rate(sql.sql_completed / seconds),
                    `${count(sql.sql_received)} received, ${
                        count(sql.sql_errors)} failed`, 'sql'),
                figure('Publishes', rate((update.inserts_completed
                    + update.updates_completed) / seconds),
                `${count(update.inserts_received
                    + update.updates_received)} received, ${
                    count(update.update_errors)} failed`, 'publishes'),
                figure('Failed queries', count(sql.sql_errors),
                    'in this generation', 'errors'),
                cacheFigure(),
                figure('Rows', compact(rows), 'in all tables', 'rows'),
                figure('Tables', count(own.length), `${count(own.filter(
                    (t) => t.static).length)} static`, 'tables'),
                figure('Publishers', count(live.counts?.publishers ?? 0),
                    'in this generation'));
            drawLargest(own, rows);
            drawSlow(await slowest());
            await drawOthers(tables.map((t) => t.tablename).filter((name) =>
                name.startsWith('qasino_server_') && !known.has(name)));
        } catch (e) {
            if (e.name !== 'AbortError') {
                error.hidden = false;
                error.textContent = e.message;
            }
        }
    }

    const rate = (n) => `${n < 10 ? n.toFixed(1) : compact(Math.round(n))}/s`;

    function figure(label, value, note, key) {
        return h('section', { class: 'card figure' }, h('h2', null, label),
            h('p', { class: 'value' }, value), h('p', { class: 'note' },
                note), key && sparkline(course.map((one) => one[key])
                .filter((value) => value !== undefined)));
    }

    // What the cache had at hand of what it was asked since the event before.
    function noteCache() {
        const [before, now] = [course.at(-2), course.at(-1)];

        if (now.counted || !live.counts?.cache) {
            return;
        }

        const { hits, misses } = live.counts.cache;
        const since = before?.counted;
        // an emptied cache counts from 0 again
        const from = since && since.hits <= hits && since.misses <= misses
            ? since : { hits: 0, misses: 0 };

        now.counted = { hits, misses };
        now.hits = hits - from.hits;
        now.asked = now.hits + misses - from.misses;
        now.share = now.asked ? now.hits / now.asked : 0;
    }

    function cacheFigure() {
        const { counted, hits, asked, share } = course.at(-1);

        return counted && figure('Cache hits',
            asked ? `${(100 * share).toFixed(1)} %` : '–',
            `${count(hits)} of ${count(asked)} looked up`, 'share');
    }

    // What an older server left has no such table.
    async function slowest() {
        try {
            return await objects('SELECT * FROM qasino_server_slow_queries',
                stop);
        } catch (e) {
            if (e.status !== 400) {
                throw e;
            }
            return [];
        }
    }

    function drawSlow(queries) {
        fill(slow, h('h2', null, 'Slowest queries'),
            queries.length ? h('ol', { class: 'slow' },
                queries.map((q) => h('li', null,
                    h('a', { href: `${base}query?sql=${encodeURIComponent(
                        q.statement)}` }, cell(q.statement)),
                    q.status !== 200 && h('span', { class: 'mark late' },
                        q.status === 0 ? 'broke off' : q.status),
                    h('span', { class: 'n' }, ms(1000 * q.seconds)))))
                : h('p', { class: 'hint' }, 'None took 0.1 s'));
    }

    function drawLargest(tables, rows) {
        fill(largest, h('h2', null, 'Largest tables'),
            tables.length ? h('ol', { class: 'largest' },
                tables.slice(0, LARGEST).map((t) => {
                    const bar = h('span', { class: 'bar' });

                    bar.style.width = `${100 * t.nr_rows
                        / (tables[0].nr_rows || 1)}%`;
                    return h('li', null, bar, h('a', { href:
                        `${base}desc?tablename=${encodeURIComponent(
                            t.tablename)}` }, t.tablename),
                    h('span', { class: 'n' }, `${count(t.nr_rows)} · ${
                        (100 * t.nr_rows / (rows || 1)).toFixed(1)} %`));
                })) : h('p', { class: 'hint' }, 'No tables yet'));
    }

    // Whatever else the server keeps.
    async function drawOthers(names) {
        const parts = await Promise.all(names.map(async (name) => {
            const { columns, rows } = await query(
                `SELECT * FROM ${name} LIMIT 500`, stop);
            const title = name.slice('qasino_server_'.length)
                .replaceAll('_', ' ');

            if (rows.length === 1) {
                return h('section', { class: 'card' }, h('h2', null, title),
                    h('dl', { class: 'facts' }, columns.map((column, i) =>
                        [h('dt', null, column.replaceAll('_', ' ')),
                            h('dd', null, typeof rows[0][i] === 'number'
                                ? count(rows[0][i])
                                : String(rows[0][i] ?? ''))])));
            }

            const grid = new Grid({ label: title });

            grid.setColumns(columnsOf(columns, rows));
            grid.setRows(rows);
            return h('section', { class: 'card wide' }, h('h2', null, title),
                grid.el);
        }));

        fill(others, parts);
    }

    return {
        title: 'Server',
        el: h('div', { class: 'page scroll', role: 'region', tabindex: 0,
            'aria-label': 'Server' },
            h('div', { class: 'page-head' }, h('h1', null, 'Server'),
                summary),
            error, figures, largest, slow, others),
        enter: () => { load(); },
        leave: () => stop.abort(),
        generation: load,
    };
}

function sparkline(values) {
    const box = s('svg', { viewBox: '0 0 120 28', class: 'sparkline',
        preserveAspectRatio: 'none', 'aria-hidden': 'true' });

    if (values.length > 1) {
        const high = Math.max(...values, 1e-9);
        const points = values.map((v, i) => `${
            (120 * i / (values.length - 1)).toFixed(1)},${
            (26 - 24 * v / high).toFixed(1)}`).join(' ');

        box.append(s('polyline', { points }));
    }
    return box;
}
