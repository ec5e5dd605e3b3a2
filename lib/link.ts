/** `waiting`: dialled, and not connected at the moment. `starting`: connected, and nothing flows yet. */
export type LinkState = 'waiting' | 'starting' | 'open' | 'closed'
