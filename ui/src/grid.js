// A grid that has as many elements as fit its window, whatever the number
// of rows and columns.
//
// The rows are an array; the elements of those that can be seen are filled
// anew as it scrolls.  Focus stays on the grid itself and the active cell is
// named by aria-activedescendant, so a row may come and go.  Rows have one
// height.  A browser's elements end at some ten million pixels: past that
// scrolling is scaled.

import { copy, h, fill } from './dom.js';
import { cell as visible, isNumber } from './format.js';

const HEIGHT_MAX = 8e6;
const AHEAD = 4;                // rows above and below what is seen
const SAMPLE = 200;             // rows that decide the columns' widths
let grids = 0;

export class Grid {
    // { label, onSort(column), onOpen(row, column, cell), empty }
    constructor(options) {
        this.options = options;
        this.id = `grid${++grids}`;
        this.rows = [];
        this.columns = [];
        this.pool = [];
        this.active = [0, 0];   // row (-1: the head), column
        this.flashing = new Map();
        this.flip = false;

        this.head = h('div', { role: 'row', class: 'grid-row grid-head',
            'aria-rowindex': 1 });
        this.body = h('div', { role: 'rowgroup', class: 'grid-body' });
        this.note = h('p', { class: 'grid-empty' });
        this.el = h('div', { class: 'grid', role: 'grid', tabindex: 0,
            'aria-label': options.label, 'aria-readonly': 'true',
            onscroll: () => this.#schedule(),
            onkeydown: (e) => this.#key(e),
            onfocus: () => this.#draw(),
            onclick: (e) => this.#click(e),
            ondblclick: (e) => this.#click(e, true) },
        h('div', { role: 'rowgroup', class: 'grid-top' }, this.head),
        this.body, this.note);
        new ResizeObserver(() => this.#draw(true)).observe(this.el);
    }

    // columns: [{ name, title, note, numeric, sort: -1|0|1, sortable, render(
    // value, row), text(value, row): what its width is made from, min, max:
    // in characters, grow: its share of a wide window }]
    setColumns(columns) {
        this.columns = columns;
        this.widths = null;
        this.active[1] = Math.min(this.active[1],
            Math.max(0, columns.length - 1));
        this.el.setAttribute('aria-colcount', columns.length);
        this.pool = [];
        this.body.replaceChildren();
        this.drawn = '';
    }

    // flash: Map of row index to a Set of column indexes
    setRows(rows, { flash = new Map(), keep = false } = {}) {
        // who sorts from the head stays there
        const first = this.rows.length && this.active[0] < 0 ? -1 : 0;

        this.rows = rows;
        this.flashing = flash;
        this.flip = !this.flip;
        this.el.setAttribute('aria-rowcount', rows.length + 1);
        if (!keep) {
            this.widths = null;
            this.el.scrollTop = 0;
            this.active[0] = first;
        }
        this.active[0] = Math.min(this.active[0], rows.length - 1);
        this.note.textContent = rows.length ? '' : this.options.empty
            ?? 'No rows';
        this.el.setAttribute('aria-label', this.options.label);
        this.#draw(true);
    }

    #schedule() {
        if (!this.frame) {
            this.frame = requestAnimationFrame(() => this.#draw());
        }
    }

    #measure() {
        const style = getComputedStyle(this.el);
        const char = parseFloat(style.fontSize) * 0.61;

        this.rowHeight = parseFloat(style.getPropertyValue('--row')) || 30;
        this.widths = this.columns.map((column, i) => {
            let longest = (column.title ?? column.name).length + 3;

            for (const row of this.rows.slice(0, SAMPLE)) {
                const text = column.text ? column.text(row[i], row)
                    : row[i] === null ? '' : String(row[i]);
                longest = Math.max(longest, text.length);
            }
            return Math.round(Math.min(Math.max(column.min ?? 4, longest),
                column.max ?? 44) * char + 28);
        });

        // what is left of the window goes to the columns that want it
        const left = this.el.clientWidth - this.widths.reduce(
            (a, b) => a + b, 0);
        const wanted = this.columns.reduce((sum, column) =>
            sum + (column.grow ?? 0), 0);

        if (left > 0 && wanted) {
            this.columns.forEach((column, i) => {
                this.widths[i] += Math.floor(left * (column.grow ?? 0)
                    / wanted);
            });
        }

        this.lefts = [0];
        for (const width of this.widths) {
            this.lefts.push(this.lefts.at(-1) + width);
        }
    }

    #draw(all) {
        cancelAnimationFrame(this.frame);
        this.frame = 0;
        if (!this.el.clientHeight || !this.columns.length) {
            return;
        }
        if (!this.widths || (all && this.measured !== this.el.clientWidth)) {
            this.measured = this.el.clientWidth;
            this.#measure();
            this.drawn = '';
        }

        const total = this.lefts.at(-1);
        const full = this.rows.length * this.rowHeight;
        const height = Math.min(full, HEIGHT_MAX);
        const seen = this.el.clientHeight - this.head.offsetHeight;
        const top = Math.min(this.el.scrollTop, Math.max(0, height - seen));

        this.scale = height > seen && full > height
            ? (full - seen) / (height - seen) : 1;
        this.body.style.height = `${height}px`;
        this.body.style.width = `${total}px`;
        this.head.style.width = `${total}px`;

        const at = top * this.scale;
        const first = Math.max(0, Math.floor(at / this.rowHeight) - AHEAD);
        const last = Math.min(this.rows.length,
            Math.ceil((at + seen) / this.rowHeight) + AHEAD);
        const from = Math.max(0, this.lefts.findIndex((left) =>
            left > this.el.scrollLeft) - 2);
        let to = this.lefts.findIndex((left) =>
            left > this.el.scrollLeft + this.el.clientWidth);

        to = to < 0 ? this.columns.length
            : Math.min(this.columns.length, to + 1);

        const range = `${from} ${to}`;

        if (range !== this.drawn) {
            this.drawn = range;
            this.from = from;
            this.to = to;
            this.pool = [];
            this.body.replaceChildren();
            this.#drawHead();
            all = true;
        } else if (all) {
            this.#drawHead();
        }

        while (this.pool.length < last - first) {
            this.pool.push(this.#makeRow());
        }
        while (this.pool.length > last - first) {
            this.pool.pop().el.remove();
        }

        // a row keeps its element while it stays in view
        for (let r = first; r < last; r++) {
            const row = this.pool[r % this.pool.length];

            if (all || row.index !== r) {
                this.#fillRow(row, r);
            }
            row.el.style.transform = `translateY(${
                Math.round(r * this.rowHeight - at + top)}px)`;
        }
        this.#mark();
    }

    #drawHead() {
        fill(this.head, this.columns.slice(this.from, this.to).map(
            (column, n) => {
                const i = this.from + n;
                const title = column.title ?? column.name;
                const el = h('div', { role: 'columnheader',
                    id: `${this.id}-h-${i}`, 'aria-colindex': i + 1,
                    'aria-sort': column.sort === 1 ? 'ascending'
                        : column.sort === -1 ? 'descending' : null,
                    'data-column': i, title: column.note ?? title,
                    class: `grid-cell${column.numeric ? ' numeric' : ''}${
                        this.options.onSort && column.sortable !== false
                            ? ' sortable' : ''}` },
                h('span', null, visible(title)));

                this.#place(el, i);
                return el;
            }));
    }

    #place(el, i) {
        el.style.left = `${this.lefts[i]}px`;
        el.style.width = `${this.widths[i]}px`;
    }

    #makeRow() {
        const cells = [];
        const el = h('div', { role: 'row', class: 'grid-row' });

        for (let i = this.from; i < this.to; i++) {
            const one = h('div', { role: 'gridcell', 'aria-colindex': i + 1,
                'data-column': i });

            this.#place(one, i);
            cells.push(one);
        }
        el.append(...cells);
        this.body.append(el);

        return { el, cells, index: -1 };
    }

    #fillRow(row, r) {
        const values = this.rows[r];
        const flash = this.flashing.get(r);

        row.index = r;
        row.el.setAttribute('aria-rowindex', r + 2);
        row.el.className = `grid-row${r % 2 ? ' odd' : ''} ${
            this.options.rowClass?.(values) ?? ''}`;
        row.cells.forEach((el, n) => {
            const i = this.from + n;
            const column = this.columns[i];
            const value = values[i];

            el.id = `${this.id}-${r}-${i}`;
            el.className = `grid-cell${column.numeric ? ' numeric' : ''}${
                value === null ? ' null' : ''}${flash?.has(i)
                ? ` flash-${this.flip ? 'a' : 'b'}` : ''}`;
            if (column.render) {
                fill(el, column.render(value, values));
            } else {
                el.textContent = value === null ? 'NULL' : visible(value);
            }
        });
    }

    #mark() {
        const [r, c] = this.active;
        const id = r < 0 ? `${this.id}-h-${c}` : `${this.id}-${r}-${c}`;
        const el = document.getElementById(id);

        this.el.querySelector('.active')?.classList.remove('active');
        if (el && this.el.contains(el)) {
            el.classList.add('active');
            this.el.setAttribute('aria-activedescendant', id);
        } else {
            this.el.removeAttribute('aria-activedescendant');
        }
    }

    #show(r, c) {
        this.active = [Math.min(Math.max(r, -1), this.rows.length - 1),
            Math.min(Math.max(c, 0), this.columns.length - 1)];
        [r, c] = this.active;

        const head = this.head.offsetHeight;
        const seen = this.el.clientHeight - head;
        const high = r * this.rowHeight / this.scale;
        const low = ((r + 1) * this.rowHeight - seen) / this.scale;
        const x = this.lefts[c];

        if (r >= 0 && high < this.el.scrollTop) {
            this.el.scrollTop = Math.floor(high);
        } else if (r >= 0 && low > this.el.scrollTop) {
            this.el.scrollTop = Math.ceil(low);
        }
        if (x < this.el.scrollLeft) {
            this.el.scrollLeft = x;
        } else if (x + this.widths[c] > this.el.scrollLeft
            + this.el.clientWidth)
        {
            this.el.scrollLeft = Math.min(x,
                x + this.widths[c] - this.el.clientWidth);
        }
        this.#draw();
    }

    #key(e) {
        if (e.target !== this.el || e.altKey || e.metaKey) {
            return;
        }

        const [r, c] = this.active;
        const page = Math.max(1, Math.floor((this.el.clientHeight
            - this.head.offsetHeight) / this.rowHeight) - 1);
        const end = this.rows.length - 1;
        const to = {
            ArrowUp: [r - 1, c], ArrowDown: [r + 1, c],
            ArrowLeft: [r, c - 1], ArrowRight: [r, c + 1],
            PageUp: [Math.max(0, r - page), c], PageDown: [r + page, c],
            Home: e.ctrlKey ? [0, 0] : [r, 0],
            End: e.ctrlKey ? [end, this.columns.length - 1]
                : [r, this.columns.length - 1],
        }[e.key];

        if (to) {
            e.preventDefault();
            this.#show(...to);
        } else if (e.key === 'Enter' || e.key === ' ') {
            e.preventDefault();
            this.#activate(r, c, true);
        } else if (e.key === 'c' && e.ctrlKey && r >= 0
            && !String(getSelection()))
        {
            copy(String(this.rows[r][c] ?? ''), 'Cell');
        }
    }

    #click(e, twice) {
        const el = e.target.closest('[data-column]');

        if (!el || e.target.closest('a, button')) {
            return;
        }

        const c = Number(el.dataset.column);
        const row = this.pool.find((one) => one.el === el.parentNode);

        if (!row && !twice) {
            this.active = [-1, c];
            this.#activate(-1, c);
        } else if (row) {
            this.active = [row.index, c];
            this.#mark();
            if (twice) {
                this.#activate(row.index, c, true);
            }
        }
    }

    #activate(r, c, follow) {
        const column = this.columns[c];

        if (r < 0) {
            if (column.sortable !== false) {
                this.options.onSort?.(c);
            }
            return;
        }

        const link = document.getElementById(`${this.id}-${r}-${c}`)
            ?.querySelector('a, button');

        if (link && follow) {
            link.click();
        } else {
            this.options.onOpen?.(this.rows[r], c);
        }
    }
}

// Sorts rows of any values: NULL first, numbers, then text.
export function compare(a, b) {
    if (a === null || b === null) {
        return (a !== null) - (b !== null);
    }
    if (isNumber(a) && isNumber(b)) {
        return a < b ? -1 : a > b ? 1 : 0;
    }
    if (isNumber(a) !== isNumber(b)) {
        return isNumber(a) ? -1 : 1;
    }
    return a < b ? -1 : a > b ? 1 : 0;
}

// Columns of a result: those with nothing but numbers are numeric.
export function columnsOf(names, rows) {
    return names.map((name, i) => {
        const sample = rows.slice(0, SAMPLE);

        return { name, title: name,
            numeric: sample.some((row) => row[i] !== null)
                && sample.every((row) => row[i] === null
                    || isNumber(row[i])) };
    });
}
