// Charts of a result: uPlot, a chunk of its own.  The numbers are in the
// grid beside it; the chart itself is one image with a description.

import uPlot from 'uplot';

import { h } from './dom.js';
import { cell, isNumber } from './format.js';

const BINS_MAX = 40;
const SERIES_MAX = 6;

// a colour of the style sheet as the canvas wants it
function css(name) {
    const probe = h('i');

    probe.style.color = `var(${name})`;
    document.body.append(probe);

    const { color } = getComputedStyle(probe);

    probe.remove();
    return color;
}

// { type: bar|line|scatter|histogram, x, y: [columns] } of names and rows.
export function createChart(config, names, rows, size) {
    const data = { bar: categories, line: points, scatter: points,
        histogram: bins }[config.type](config, names, rows);
    const color = (i) => css(`--series-${i % SERIES_MAX + 1}`);
    const { fontFamily } = getComputedStyle(document.body);
    const axis = { stroke: css('--text-2'), font: `12px ${fontFamily}`,
        grid: { stroke: css('--line'), width: 1 },
        ticks: { stroke: css('--line'), width: 1 } };
    const bars = config.type === 'bar' || config.type === 'histogram';
    const el = h('div', { class: 'chart', role: 'img',
        'aria-label': data.description });
    const labels = data.labels;

    const plot = new uPlot({
        ...size(),
        padding: [16, 16, 0, 0],
        legend: { show: data.series.length > 1 || !bars },
        cursor: { drag: { x: !bars, y: false } },
        scales: { x: { time: data.time, range: bars ? (u, min, max) =>
            [min - 0.6, max + 0.6] : undefined },
        y: { range: (u, min, max) => {
            const low = bars ? Math.min(0, min) : min;
            const high = bars ? Math.max(0, max) : max;
            const room = (high - low || Math.abs(high) || 1) * 0.06;
            return [bars && low === 0 ? 0 : low - room, high + room];
        } } },
        axes: [
            { ...axis, ...(labels ? {
                values: (u, splits) => splits.map((at) =>
                    Number.isInteger(at) ? labels[at] ?? '' : ''),
                grid: { show: false },
                splits: () => every(labels.length, size().width),
            } : {}) },
            { ...axis, size: (u, values) => values
                ? Math.max(48, ...values.map((v) => v.length * 8 + 14)) : 48 },
        ],
        series: [
            { label: config.x ?? 'row', value: (u, v) => v === null ? ''
                : labels ? labels[v] ?? '' : data.time
                    ? new Date(v * 1000).toLocaleString() : String(v) },
            ...data.series.map((label, i) => ({
                label,
                stroke: color(i),
                width: config.type === 'line' ? 2 : 1,
                fill: bars ? color(i) : undefined,
                paths: config.type === 'scatter' ? () => null
                    : bars ? uPlot.paths.bars({
                        size: [0.8 / (config.type === 'bar'
                            ? 1 : 0.85), 80], align: 0, radius: 0.08 })
                        : undefined,
                points: { show: config.type === 'scatter' || (!bars
                    && data.values[0].length < 60), size: 6, fill: color(i) },
            })),
        ],
    }, data.values, el);
    const observer = new ResizeObserver(() => plot.setSize(size()));

    observer.observe(el);

    return { el, destroy: () => { observer.disconnect(); plot.destroy(); } };
}

const number = (value) => isNumber(value) ? Number(value)
    : value !== null && value !== '' && isFinite(value) ? Number(value) : null;

// As many of n labels as fit.
function every(n, width) {
    const step = Math.max(1, Math.ceil(n / Math.max(1, width / 90)));

    return Array.from({ length: Math.ceil(n / step) }, (_, i) => i * step);
}

function categories({ x, y }, names, rows) {
    const at = names.indexOf(x);
    const labels = rows.map((row, i) => at < 0 ? String(i + 1)
        : row[at] === null ? 'NULL' : cell(row[at]).slice(0, 24));

    return {
        labels, series: y,
        values: [rows.map((_, i) => i), ...y.map((name) => {
            const c = names.indexOf(name);
            return rows.map((row) => number(row[c]));
        })],
        description: `Bar chart of ${y.join(', ')} by ${x ?? 'row'}, ${
            rows.length} bars`,
    };
}

function points({ type, x, y }, names, rows) {
    const at = names.indexOf(x);
    const xs = rows.map((row, i) => at < 0 ? i + 1 : number(row[at]));

    if (xs.every((value) => value === null)) {
        return { ...categories({ x, y }, names, rows),
            description: `${type} chart of ${y.join(', ')} by ${x}` };
    }

    const order = xs.map((_, i) => i).filter((i) => xs[i] !== null)
        .sort((a, b) => xs[a] - xs[b]);
    const known = order.map((i) => xs[i]);

    return {
        series: y,
        time: /epoch|time|date/i.test(x ?? '') && known.length > 0
            && known[0] > 1e8 && known.at(-1) < 1e11,
        values: [known, ...y.map((name) => {
            const c = names.indexOf(name);
            return order.map((i) => number(rows[i][c]));
        })],
        description: `${type === 'line' ? 'Line' : 'Scatter'} chart of ${
            y.join(', ')} by ${x ?? 'row'}, ${known.length} points`,
    };
}

function bins({ y }, names, rows) {
    const c = names.indexOf(y[0]);
    const values = rows.map((row) => number(row[c])).filter((v) =>
        v !== null);
    let low = Infinity, high = -Infinity;

    for (const v of values) {
        low = Math.min(low, v);
        high = Math.max(high, v);
    }

    const whole = values.every(Number.isInteger);
    const wanted = Math.min(BINS_MAX, Math.max(5,
        Math.ceil(Math.log2(values.length + 1)) * 2));
    let width = niceStep((high - low || 1) / wanted);

    if (whole) {
        width = Math.max(1, Math.round(width));
    }

    const start = Math.floor(low / width) * width;
    const n = values.length ? Math.floor((high - start) / width) + 1 : 0;
    const counts = new Array(n).fill(0);

    for (const v of values) {
        counts[Math.min(n - 1, Math.floor((v - start) / width))]++;
    }

    const show = (v) => String(Number(v.toPrecision(6)));

    return {
        series: [`rows by ${y[0]}`],
        labels: counts.map((_, i) => whole && width === 1
            ? show(start + i) : `${show(start + i * width)} – ${
                show(start + (i + 1) * width)}`),
        values: [counts.map((_, i) => i), counts],
        description: `Histogram of ${y[0]}, ${values.length} values in ${n}`
            + ' bins',
    };
}

function niceStep(step) {
    const power = 10 ** Math.floor(Math.log10(step));
    const by = step / power;

    return power * (by <= 1 ? 1 : by <= 2 ? 2 : by <= 5 ? 5 : 10);
}
