// The address: pages read it when they are shown and change it through this.

import { base } from './api.js';

export const router = {
    show: null,                 // set by app.js: shows what the address says

    go(target, replace = false) {
        history[replace ? 'replaceState' : 'pushState'](null, '',
            base + target);
        this.show();
    },

    // another address for what is shown already
    note(target, replace = false) {
        const url = base + target;

        if (url !== location.pathname + location.search + location.hash) {
            history[replace ? 'replaceState' : 'pushState'](null, '', url);
        }
    },
};
