// What is different between two results of one query.  Rows are told apart
// by as many of their first columns as it takes for no two to be alike; where
// three are not enough, by their place.

const KEY_MAX = 3;

export function differences(before, after, shown) {
    const flash = new Map();
    const same = before.columns.length === after.columns.length
        && before.columns.every((name, i) => name === after.columns[i]);

    if (!same) {
        return { flash, fresh: 0, gone: 0 };
    }

    const [old, key] = byKey(before.rows, after.rows);
    const places = old ? null : new Map(after.rows.map((row, i) => [row, i]));
    let fresh = 0;

    shown.forEach((row, i) => {
        const was = old ? old.get(key(row)) : before.rows[places.get(row)];

        if (!was) {
            fresh++;
            flash.set(i, new Set(row.keys()));
            return;
        }

        const cells = new Set();

        row.forEach((value, c) => {
            if (value !== was[c]) {
                cells.add(c);
            }
        });
        if (cells.size) {
            flash.set(i, cells);
        }
    });

    return { flash, fresh,
        gone: Math.max(0, before.rows.length - (after.rows.length - fresh)) };
}

function byKey(before, after) {
    for (let n = 1; n <= KEY_MAX; n++) {
        const key = (row) => row.slice(0, n).map(String).join('\0');
        const old = new Map(before.map((row) => [key(row), row]));

        if (old.size === before.length
            && new Set(after.map(key)).size === after.length)
        {
            return [old, key];
        }
    }
    return [null, null];
}
