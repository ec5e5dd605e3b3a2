import type { ConsumerOptions } from 'fanwire'

export const names = ['follows', 'conflates', 'drops', 'returns', 'stops'] as const

export type Name = (typeof names)[number]

/** How a viewer behaves, and what it asks for to be well served in spite of it. */
export interface Viewer {
  readonly topics: readonly string[]
  /** What the publisher is asked to do while this viewer is behind. */
  readonly want: NonNullable<ConsumerOptions['want']>
  /** Its own limit: beyond it, it stops reading, and the publisher's answer decides. */
  readonly inbox: NonNullable<ConsumerOptions['overflow']>
  /** Milliseconds that it rests after every batch: what makes it slow. */
  readonly restMs: number
  /** How many messages it takes before it reads no more. */
  readonly stopsAfter: number | null
  /** Keeps its place and its orders in a file, so that it can be killed and come back. */
  readonly remembers: boolean
}

/** Five answers to being slow. `total` is how many messages of the file will be published. */
export function viewersOf(total: number): Readonly<Record<Name, Viewer>> {
  const messages = ['itch.', 'feed.']
  const usual = { topics: messages, restMs: 0, stopsAfter: null, remembers: false }
  return {
    /** Keeps up, and so gets everything. Were it late, the publisher would wait for it. */
    follows: { ...usual, want: 'backpressure:30s', inbox: 'backpressure' },

    /** Paints thirty times a second, and wants the newest quote of each stock, not all those in between. */
    conflates: {
      ...usual,
      topics: ['quote.', 'feed.'],
      want: 'drop:latest-per-topic',
      inbox: 'backpressure:128',
      restMs: 33,
    },

    /** Does too much with every message. It gets the newest thousand, and learns how many it missed. */
    drops: { ...usual, want: 'drop:newest:1000', inbox: 'backpressure:100', restMs: 10 },

    /** Is killed, comes back, and reads on from where it was: the publisher retains what it missed. */
    returns: { ...usual, want: 'backpressure:30s', inbox: 'backpressure', remembers: true },

    /** Stops reading for good. A backlog grows for it, and when that is full it is cut off. */
    stops: {
      ...usual,
      want: `buffer:${share(total, 4, 100_000)}`,
      inbox: `backpressure:${share(total, 12, 1_000)}`,
      stopsAfter: share(total, 6),
    },
  }
}

/** After how many messages `returns` is killed, and how many more pass before it is started again. */
export function absenceOf(total: number): { readonly after: number; readonly length: number } {
  return { after: share(total, 3), length: share(total, 8, 60_000) }
}

/** By which a publisher knows its viewers: ten characters, as the wire has it. */
export function idOf(name: Name): string {
  return name.toUpperCase().padEnd(10, '0')
}

export function viewerOf(id: string | undefined): Name | undefined {
  return names.find((name) => idOf(name) === id)
}

function share(total: number, of: number, most = Number.POSITIVE_INFINITY): number {
  return Math.max(1, Math.min(most, Math.floor(total / of)))
}
