/** `waiting`: dialled, and not connected at the moment. `starting`: connected, and nothing flows yet. */
export type LinkState = 'waiting' | 'starting' | 'open' | 'closed'

/** Which link a ledger belongs to. */
export interface LinkDescription {
  readonly remote: string
  readonly kind: 'fanwire' | 'foreign' | undefined
  readonly state: LinkState
}
