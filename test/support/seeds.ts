/**
 * Of the conformance suite's tests by chance, each transport has some of its own in `npm test`: what they try is the core,
 * which is the same above all of them. `npm run test:load` gives every transport many more.
 */
export const seeds = { inproc: [1, 2], tcp: [3, 4], ipc: [5, 6], own: [7, 8] } as const
