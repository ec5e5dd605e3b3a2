import { byteString } from './bytes.js'
import type { Framing } from './framing/framing.js'
import type { Memory } from './memory.js'
import type { Platform } from './platform.js'
import { checkTopic, MAX_TOPIC_BYTES } from './topic.js'
import type { FilteredView } from './view.js'

/** A topic is swept when nothing holds it; below this many it may stay, since it is likely to come again. */
const SWEEP_FROM = 16_384
/** What an interned topic takes beside its text, in bytes; measured on V8 by filling a map with a million of them. */
const TOPIC_OVERHEAD_BYTES = 360

const NO_VIEWS: readonly FilteredView[] = []

/** A topic in use: encoded once, with the views that want it. */
export class Topic {
  /** The number of its newest message. */
  latest = 0
  /** The views whose filter it passes, as of `epoch`. */
  views: readonly FilteredView[] = NO_VIEWS
  epoch = -1
  /** Its newest message is among the last values. */
  kept = false

  constructor(
    readonly id: number,
    readonly text: string,
    /** Its UTF-8 bytes, one character a byte: what prefixes are compared with. */
    readonly bytes: string,
    /** Its part of every message, as the framing wants it. */
    readonly head: Uint8Array,
  ) {}

  get cost(): number {
    return TOPIC_OVERHEAD_BYTES + 2 * this.text.length + this.head.length
  }
}

/** The topics of one log by text and by id. Ids of topics that no message in the window has are used again. */
export class Topics {
  readonly #byText = new Map<string, Topic>()
  readonly #byId: (Topic | undefined)[] = []
  readonly #free: number[] = []
  #sweepAt = SWEEP_FROM
  /** The topic that was last asked for is most likely the next one as well. */
  #last: Topic | undefined
  /** Where a new topic is encoded. */
  readonly #encoded: Uint8Array

  constructor(
    private readonly platform: Platform,
    private readonly memory: Memory,
    private readonly framing: Framing,
  ) {
    this.#encoded = platform.allocate(MAX_TOPIC_BYTES)
  }

  find(text: string): Topic | undefined {
    const last = this.#last
    if (last !== undefined && last.text === text) return last
    const found = this.#byText.get(text)
    if (found !== undefined) this.#last = found
    return found
  }

  at(id: number): Topic {
    return this.#byId[id] as Topic
  }

  /** @throws {FanwireError} `BAD_TOPIC` */
  add(text: string): Topic {
    checkTopic(text)
    const size = this.platform.textSize(text)
    this.platform.writeText(this.#encoded, 0, text)
    // ASCII is its own string of bytes, and a second one would double what a topic takes.
    const bytes = size === text.length ? text : byteString(this.#encoded, 0, size)
    const head = this.framing.head(this.#encoded.subarray(0, size))
    const id = this.#free.pop() ?? this.#byId.length
    const topic = new Topic(id, text, bytes, head)
    this.#byText.set(text, topic)
    this.#byId[id] = topic
    this.memory.used += topic.cost
    return topic
  }

  /** A hint that it may be worth sweeping. */
  get crowded(): boolean {
    return this.#byText.size >= this.#sweepAt
  }

  /** Forgets the topics that `held` does not claim. */
  sweep(held: (topic: Topic) => boolean): void {
    this.#last = undefined
    for (const topic of this.#byText.values()) {
      if (held(topic)) continue
      this.#byText.delete(topic.text)
      this.#byId[topic.id] = undefined
      this.#free.push(topic.id)
      this.memory.used -= topic.cost
    }
    this.#sweepAt = Math.max(SWEEP_FROM, this.#byText.size * 2)
  }
}
