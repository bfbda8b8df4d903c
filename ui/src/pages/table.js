// One table: its columns, its rows under a filter and an order that are
// visible as SQL, the most frequent values of a column, and who publishes it.

import { base, objects, query } from '../api.js';
import { showCell } from '../dialog.js';
import { fill, h, icon } from '../dom.js';
import { age, cell, count, isNumber, plural } from '../format.js';
import { Grid } from '../grid.js';
import { live } from '../live.js';
import { router } from '../router.js';
import * as sql from '../sql.js';
import { comparePublishers } from '../store.js';

const ROWS_MAX = 100000;
const FOLLOW_MAX = 20000;       // rows that come anew with a generation
const FACET = 12;

export function tablePage(params) {
    const tablename = params.get('tablename') ?? '';
    const given = readHash();
    let filters = given.filters;
    let order = given.order;    // { column, direction } or null
    let columns = [];           // { name, type, numeric }
    let total = null;
    let open = null;            // the column whose facet is open
    let stop = new AbortController();

    const summary = h('p', { class: 'summary' });
    const error = h('p', { class: 'error', role: 'alert', hidden: true });
    const chips = h('div', { class: 'chips' });
    const statement = h('code', { class: 'statement' });
    const toQuery = h('a', { class: 'button' }, 'Open as a query');
    const found = h('span', { class: 'found', role: 'status' });
    const newer = h('button', { type: 'button', hidden: true, onclick: () =>
        load(true) }, 'Show the new generation');
    const list = h('ul', { class: 'columns' });
    const publishers = h('section', { class: 'panel-part',
        'aria-label': 'Publishers' });
    const grid = new Grid({
        label: `Rows of ${tablename}`,
        empty: 'No rows',
        onSort(c) {
            const column = grid.columns[c].name;

            order = order?.column !== column ? { column, direction: 1 }
                : order.direction === 1 ? { column, direction: -1 } : null;
            changed();
        },
        onOpen: (row, c) => showCell(grid.columns[c].name, row[c]),
    });

    const field = h('select', { 'aria-label': 'Column' });
    const op = h('select', { 'aria-label': 'Comparison', onchange: () => {
        value.hidden = op.value.endsWith('null');
    } }, Object.entries(sql.operators).map(([name, label]) =>
        h('option', { value: name }, label)));
    const value = h('input', { type: 'text', 'aria-label': 'Value',
        placeholder: 'value', spellcheck: 'false' });
    const form = h('form', { class: 'filter', onsubmit: (e) => {
        e.preventDefault();
        if (field.value) {
            add({ column: field.value, op: op.value, value: value.value });
            value.value = '';
        }
    } }, icon('filter'), field, op, value,
    h('button', { type: 'submit' }, 'Filter'));

    const source = sql.table(tablename);
    const conditions = (without) => sql.where(filters.filter((f) =>
        f.column !== without), columns);

    function text() {
        return `SELECT * FROM ${source}${conditions()}${order
            ? ` ORDER BY ${sql.name(order.column)}${
                order.direction < 0 ? ' DESC' : ''}` : ''} LIMIT ${ROWS_MAX}`;
    }

    function add(filter) {
        filters = [...filters.filter((f) => f.column !== filter.column
            || f.op !== filter.op), filter];
        changed();
    }

    function changed() {
        const state = JSON.stringify({ filters, order });

        router.note(`desc?tablename=${encodeURIComponent(tablename)}${
            filters.length || order ? `#${encodeURIComponent(state)}` : ''}`);
        drawChips();
        load();
    }

    function drawChips() {
        const numeric = new Set(columns.filter((c) => c.numeric)
            .map((c) => c.name));

        const texts = filters.map((filter) => sql.condition(filter,
            numeric.has(filter.column)));

        // the same ones stay: one of them may have the focus
        if (chips.dataset.texts !== JSON.stringify(texts)) {
            chips.dataset.texts = JSON.stringify(texts);
            fill(chips, texts.map((one, i) => h('span', { class: 'chip' }, one,
                h('button', { type: 'button', 'aria-label':
                    `Remove filter on ${filters[i].column}`, onclick: () => {
                    filters = filters.filter((_, other) => other !== i);
                    changed();
                } }, icon('close')))));
        }
        statement.textContent = text();
        toQuery.href = `${base}query?sql=${encodeURIComponent(text())}`;
    }

    // the columns, the count of all rows, who publishes
    async function describe() {
        const desc = await query(`DESC ${tablename.startsWith('static.')
            ? source : sql.name(tablename)}`, stop);

        const now = desc.rows.map(([column, type]) => ({ name: column,
            type: type || 'any', numeric: /^(int|real)/i.test(type ?? '') }));

        // what is open stays open over generations
        if (now.length !== columns.length || now.some((c, i) =>
            c.name !== columns[i].name || c.type !== columns[i].type))
        {
            columns = now;
            fill(field, columns.map((c) => h('option', { value: c.name },
                c.name)));
            drawColumns();
        }
    }

    async function load(keep) {
        stop.abort();
        stop = new AbortController();

        try {
            await describe();
            drawChips();
            found.textContent = 'Loading…';

            const [result, counted] = await Promise.all([query(text(), stop),
                query(`SELECT count(*) FROM ${source}${conditions()}`, stop)]);

            total = counted.rows[0][0];
            error.hidden = newer.hidden = true;
            grid.setColumns(result.columns.map((name) => ({
                name, title: name,
                numeric: columns.find((c) => c.name === name)?.numeric,
                sort: order?.column === name ? order.direction : 0 })));
            grid.setRows(result.rows, { keep });
            found.textContent = result.rows.length < total
                ? `the first ${count(result.rows.length)} of ${
                    plural(total, 'row')}: filter for others`
                : plural(total, 'row');
            fill(summary, h('strong', null, count(total)),
                filters.length ? ' rows match ' : ' rows ',
                h('strong', null, count(columns.length)), ' columns');
            if (open) {
                drawFacet(open);
            }
            drawPublishers(result.generation);
        } catch (e) {
            if (e.name !== 'AbortError') {
                error.hidden = false;
                error.textContent = e.message;
                found.textContent = '';
            }
        }
    }

    function drawColumns() {
        fill(list, columns.map((column) => {
            const box = h('div', { class: 'facet', hidden: true });

            column.box = box;
            column.button = h('button', { type: 'button', class: 'column',
                'aria-expanded': 'false', onclick: () => {
                    const was = open === column;

                    for (const other of columns) {
                        other.box.hidden = true;
                        other.button.setAttribute('aria-expanded', 'false');
                    }
                    open = was ? null : column;
                    if (open) {
                        box.hidden = false;
                        column.button.setAttribute('aria-expanded', 'true');
                        drawFacet(column);
                    }
                } }, icon('right'), h('span', null, column.name),
            h('small', null, column.type.toLowerCase()));

            return h('li', null, column.button, box);
        }));
        open = open && columns.find((c) => c.name === open.name);
        if (open) {
            open.box.hidden = false;
            open.button.setAttribute('aria-expanded', 'true');
        }
    }

    // The top values among the rows that the other columns' filters leave.
    async function drawFacet(column) {
        const c = sql.name(column.name);

        try {
            const [{ rows }, distinct] = await Promise.all([
                query(`SELECT ${c}, count(*) FROM ${source}${
                    conditions(column.name)} GROUP BY 1 ORDER BY 2 DESC, 1`
                    + ` LIMIT ${FACET}`, stop),
                query(`SELECT count(DISTINCT ${c}), count(*) FROM ${source}${
                    conditions(column.name)}`, stop)]);
            const [n, all] = distinct.rows[0];

            fill(column.box, h('p', null, plural(n, 'value')),
                h('ul', null, rows.map(([v, many]) => {
                    const on = filters.some((f) => f.column === column.name
                        && f.op === '=' && f.value === v);
                    const bar = h('span', { class: 'bar' });

                    bar.style.width = `${100 * many / (all || 1)}%`;
                    return h('li', null, h('button', { type: 'button',
                        'aria-pressed': String(on), onclick: () => {
                            filters = filters.filter((f) =>
                                f.column !== column.name);
                            on ? changed() : add({ column: column.name,
                                op: '=', value: typeof v === 'bigint'
                                    ? String(v) : v });
                        } }, bar, h('span', { class: 'value' }, v === null
                        ? 'NULL' : v === '' ? '(empty)' : cell(v)),
                    h('span', { class: 'n' }, count(many))));
                })));
        } catch (e) {
            if (e.name !== 'AbortError') {
                fill(column.box, h('p', { class: 'error' }, e.message));
            }
        }
    }

    async function drawPublishers(generation) {
        if (/^(static\.|qasino_server_)/i.test(tablename)) {
            fill(publishers, h('h2', null, 'Publishers'), h('p', null,
                tablename.startsWith('s') ? 'A static table: kept on disk,'
                + ' replaced when it is published again.'
                    : 'The server itself.'));
            return;
        }

        let rows;

        try {
            rows = await objects(`SELECT identity, sum(nr_rows) AS nr_rows,
                max(last_update_epoch) AS epoch, max(persist) AS persist,
                min(carried) AS carried FROM qasino_server_reports
                WHERE tablename = ${sql.literal(tablename)} COLLATE NOCASE
                GROUP BY identity ORDER BY identity`, stop);
        } catch {
            return;
        }

        const fresh = rows.filter((row) => !row.carried);
        const gone = comparePublishers(tablename, generation,
            Object.fromEntries(fresh.map((row) =>
                [row.identity, [row.epoch, 1, row.nr_rows]])));
        const late = [
            ...rows.filter((row) => row.carried),
            ...Object.entries(gone).filter(([identity]) =>
                !rows.some((row) => row.identity === identity))
                .map(([identity, [epoch, , n]]) =>
                    ({ identity, epoch, nr_rows: n, gone: true })),
        ].sort((a, b) => a.epoch - b.epoch);
        const item = (row, isLate) => h('li', { class: isLate ? 'late' : '' },
            h('span', { class: 'who' }, row.identity),
            h('span', { class: 'n' }, isLate
                ? `late, ${age(Date.now() / 1000 - row.epoch)}`
                : plural(row.nr_rows, 'row')));
        const SHOWN = 200;

        fill(publishers,
            h('h2', null, 'Publishers ', h('span', { class: 'n' },
                count(rows.length)), late.length > 0
                && h('span', { class: 'mark late' }, `${late.length} late`)),
            h('ul', { class: 'publishers', tabindex: 0, 'aria-label':
                'Publishers' }, late.map((row) => item(row, true)),
            fresh.slice(0, SHOWN).map((row) => item(row))),
            fresh.length > SHOWN && h('p', null, `and ${
                count(fresh.length - SHOWN)} more`));
    }

    return {
        title: tablename,
        el: h('div', { class: 'page' },
            h('div', { class: 'page-head' },
                h('h1', null, h('a', { href: `${base}tables`, class: 'up' },
                    'Tables'), h('span', { class: 'sep', 'aria-hidden':
                    'true' }, '/'), h('span', { class: 'name' }, tablename)),
                summary),
            error,
            h('div', { class: 'bar-row' }, form, chips),
            h('div', { class: 'bar-row' }, statement, found, newer,
                toQuery),
            h('div', { class: 'split' }, grid.el,
                h('aside', { class: 'panel', 'aria-label': 'Columns' },
                    h('section', { class: 'panel-part' },
                        h('h2', null, 'Columns'), list), publishers))),
        enter: () => { load(); },
        leave: () => stop.abort(),
        generation() {
            if (grid.rows.length > FOLLOW_MAX) {
                newer.hidden = false;
            } else {
                load(true);
            }
        },
        keys: { '/': () => field.focus() },
    };
}

function readHash() {
    try {
        const { filters = [], order = null } = JSON.parse(
            decodeURIComponent(location.hash.slice(1)));

        return {
            filters: filters.filter((f) => typeof f.column === 'string'
                && Object.hasOwn(sql.operators, f.op)
                && (f.value === null || typeof f.value === 'string'
                    || isNumber(f.value))),
            order: typeof order?.column === 'string' ? order : null,
        };
    } catch {
        return { filters: [], order: null };
    }
}
