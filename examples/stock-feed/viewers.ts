import type { ConsumerOptions } from 'fanwire'

/** Those who receive the feed itself, line by line. */
export const feedNames = ['arbitrates', 'asks', 'shrugs'] as const
/** Those behind the relay, each over a connection of its own. */
export const relayNames = ['follows', 'conflates', 'drops', 'returns', 'stops'] as const
export const names = [...feedNames, ...relayNames] as const

export type FeedName = (typeof feedNames)[number]
export type RelayName = (typeof relayNames)[number]
export type Name = FeedName | RelayName

/** How somebody receives the feed. */
export interface FeedReader {
  /** How many of the two lines it hears. */
  readonly hears: 1 | 2
  /** Whether it asks the request server for what it has lost. */
  readonly asks: boolean
}

/** Three answers to lossy lines. */
export const feedReaders: Readonly<Record<FeedName, FeedReader>> = {
  /** Takes whichever copy comes first, and asks for what was lost on both lines. */
  arbitrates: { hears: 2, asks: true },

  /** Has one line only, and asks for all that is lost on it. */
  asks: { hears: 1, asks: true },

  /** Asks nobody: what was lost on both lines is lost. It knows exactly how much that is. */
  shrugs: { hears: 2, asks: false },
}

/** The relay must have everything, for the sake of those behind it. */
export const relayReader: FeedReader = { hears: 2, asks: true }

/** The inbox of who may not be slow. */
export const ROOMY = '256MiB'

/** How a viewer behaves, and what it asks for to be well served in spite of it. */
export interface Viewer {
  readonly topics: readonly string[]
  /** What the relay is asked to do while this viewer is behind; nobody on the feed could be asked. */
  readonly want?: NonNullable<ConsumerOptions['want']>
  /** Its own limit: beyond it, it stops reading, and the publisher's answer decides. */
  readonly inbox: NonNullable<ConsumerOptions['overflow']>
  /** Milliseconds that it rests after every batch: what makes it slow. */
  readonly restMs: number
  /** How many messages it takes before it reads no more. */
  readonly stopsAfter: number | null
  /** Keeps its place and its orders in a file, so that it can be killed and come back. */
  readonly remembers: boolean
}

/** Three readers of the feed, and five answers to being slow. `total` is how many messages of the file will be published. */
export function viewersOf(total: number): Readonly<Record<Name, Viewer>> {
  const messages = ['itch.', 'feed.']
  const usual = { topics: messages, restMs: 0, stopsAfter: null, remembers: false }
  // A line waits for nobody, so that whatever has arrived must find room.
  const onFeed = { ...usual, inbox: `buffer:${ROOMY}` } as const
  return {
    arbitrates: onFeed,
    asks: onFeed,
    shrugs: onFeed,

    /** Keeps up, and so gets everything. Were it late, the relay would wait for it. */
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

    /** Is killed, comes back, and reads on from where it was: the relay retains what it missed. */
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

/** By which the relay knows its viewers: ten characters, as the wire has it. */
export function idOf(name: Name): string {
  return name.toUpperCase().padEnd(10, '0')
}

export function viewerOf(id: string | undefined): Name | undefined {
  return names.find((name) => idOf(name) === id)
}

function share(total: number, of: number, most = Number.POSITIVE_INFINITY): number {
  return Math.max(1, Math.min(most, Math.floor(total / of)))
}
