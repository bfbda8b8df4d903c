// The turn of generations: server-sent events, with questions instead where
// there are none.  Only a page that can be seen listens, so that a browser
// with many windows does not use up its connections to the server.
//
// Events: "generation" when another one is served, "static" when static
// tables changed, "status" when what status() says may be different.

import { base, query } from './api.js';

const PATIENCE = 2500;          // ms a generation may be overdue

class Live extends EventTarget {
    generation = 0;
    duration = 0;
    counts = null;              // { tables, rows, publishers }
    connected = false;
    #age = 0;                   // ms, when it was told
    #at = 0;
    #stalled = false;
    #source = null;
    #timer = 0;
    #statics = null;
    #last = '';

    start() {
        document.addEventListener('visibilitychange', () => {
            document.hidden ? this.#close() : this.#open();
        });
        addEventListener('pagehide', () => this.#close());
        addEventListener('pageshow', () => this.#open());
        setInterval(() => this.#notify(), 500);
        this.#open();
    }

    // ms since this generation began to be served
    age() {
        return this.#at ? this.#age + performance.now() - this.#at : 0;
    }

    // waiting, live, stalled or away
    status() {
        if (!this.generation) {
            return this.connected ? 'stalled' : 'waiting';
        }
        if (this.#stalled || (this.duration
            && this.age() > this.duration + PATIENCE))
        {
            return 'stalled';
        }
        return this.connected ? 'live' : 'away';
    }

    #open() {
        if (this.#source || document.hidden) {
            return;
        }
        clearTimeout(this.#timer);

        const source = new EventSource(`${base}events`);

        this.#source = source;
        for (const type of ['generation', 'static', 'stalled']) {
            source.addEventListener(type, (e) =>
                this.#told(type, JSON.parse(e.data)));
        }
        source.addEventListener('error', () => {
            this.connected = false;
            this.#notify();
            if (source.readyState === EventSource.CLOSED) {
                this.#close();
                this.#ask();
            }
        });
    }

    #close() {
        this.#source?.close();
        this.#source = null;
        clearTimeout(this.#timer);
    }

    // No events here, or too many listeners: ask now and then.
    async #ask() {
        try {
            const { rows } = await query('SELECT generation_number,'
                + ' generation_duration_s, generation_start_epoch'
                + ' FROM qasino_server_info');
            const [number, duration, start] = rows[0];

            this.#told('generation', {
                generation_number: number, duration_ms: duration * 1000,
                age_ms: number === this.generation ? this.age()
                    : Math.min(duration * 1000,
                        Math.max(0, Date.now() - start * 1000)),
            });
        } catch {
            this.connected = false;
            this.#notify();
        }
        this.#timer = setTimeout(() => this.#open(), 5000);
    }

    #told(type, event) {
        const another = event.generation_number !== this.generation;
        const statics = this.#statics !== null
            && event.static_version !== undefined
            && event.static_version !== this.#statics;

        this.generation = event.generation_number;
        this.duration = event.duration_ms;
        this.#age = event.age_ms;
        this.#at = performance.now();
        this.#stalled = type === 'stalled';
        this.#statics = event.static_version ?? this.#statics;
        this.connected = true;
        if (event.tables !== undefined) {
            this.counts = event;
        }
        this.#notify();
        if (another) {
            this.dispatchEvent(new Event('generation'));
        } else if (statics) {
            this.dispatchEvent(new Event('static'));
        }
    }

    #notify() {
        const now = `${this.status()} ${this.generation}`;

        if (now !== this.#last) {
            this.#last = now;
            this.dispatchEvent(new Event('status'));
        }
    }
}

export const live = new Live();
