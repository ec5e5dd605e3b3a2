import { answer } from '../program.js'
import { RawReader, type ReaderCounts, type ReaderOptions } from '../raw-reader.js'

const readers: RawReader[] = []

/** Any number of raw readers in one process. They are called by their place, counted from 0. */
const calls = {
  /** Resolves when all of them have said what they want. */
  async open(options: readonly ReaderOptions[]): Promise<readonly ReaderCounts[]> {
    const opened = options.map((each) => new RawReader(each))
    readers.push(...opened)
    await Promise.all(opened.map(({ subscribed }) => subscribed))
    return opened.map(({ counts }) => counts)
  },
  /** Resolves when each of `places` has so many messages, or will get no more. */
  async until({ places, received }: { readonly places: readonly number[]; readonly received: number }): Promise<void> {
    await Promise.all(places.map((place) => readers[place]?.until(received)))
  },
  read: (places: readonly number[]): void => {
    for (const place of places) readers[place]?.read()
  },
  ended: async (): Promise<void> => {
    await Promise.all(readers.map(({ ended }) => ended))
  },
  counts: (): readonly ReaderCounts[] => readers.map(({ counts }) => counts),
}

export type Readers = typeof calls

answer(calls)
