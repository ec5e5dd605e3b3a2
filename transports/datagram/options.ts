import type { Fate, ImpairmentOptions } from '../../lib/impairment.js'

interface DatagramOptions {
  /** Whether a message is its topic, a zero and its data, or its data alone. @default 'topic' */
  readonly body?: 'topic' | 'raw' | undefined
  /**
   * A sender that has nothing to send says so this often, and one that is silent for ten times as long is given up, in
   * milliseconds, 1 to 3_600_000. Raw datagrams have no such word. @default 1_000
   */
  readonly heartbeatMs?: number | undefined
  /** The interface of a group, by name or address. A group needs one. */
  readonly interface?: string | undefined
  /** What to do to datagrams on purpose, before they are sent or read: options, their short text, or a function. */
  readonly impair?: ImpairmentOptions | string | ((index: number) => Fate) | undefined
}

/** What producers over `raw+udp://` and `raw+multicast://` take beside the options of every producer. */
export interface RawProducerOptions extends DatagramOptions {
  /** How many routers a datagram may pass, 0 to 255. @default 1 for a group, else what the system gives */
  readonly ttl?: number | undefined
  /** Whether receivers on this machine get a group's datagrams, too. @default true on a loopback interface */
  readonly loopback?: boolean | undefined
  /** The send buffer to ask the system for, in bytes, 4 KiB to 1 GiB. @default what the system gives */
  readonly sendBufferBytes?: number | undefined
  /** Bytes a second at most, 1_000 to 1e12, or text such as `'50MB/s'`. @default as fast as the system takes them */
  readonly rateLimit?: number | string | undefined
  /** The most that one datagram holds, 1 to 65_507 (numbered: 64 to 65_507). @default 65_507 (numbered: 1_472) */
  readonly maxDatagramBytes?: number | undefined
}

/** What producers over `udp://` and `multicast://` take beside the options of every producer. */
export interface UdpProducerOptions extends RawProducerOptions {
  /** Where a server answers requests for what was lost, such as `'127.0.0.1:5556'`. @default none */
  readonly requests?: string | undefined
  /**
   * How long a producer that is closed goes on saying so and answers requests, in milliseconds, 0 to 3_600_000.
   * @default 200
   */
  readonly goodbyeMs?: number | undefined
  /**
   * Bytes a second that answers to one client's address may take, 1_000 to 1e12 or text such as `'4MB/s'`; all of them
   * together four times as much. @default 4_000_000
   */
  readonly answerRate?: number | string | undefined
}

/** What consumers over `raw+udp://` and `raw+multicast://` take beside the options of every consumer. */
export interface RawConsumerOptions extends DatagramOptions {
  /** The only sender of a group to hear, by its IP address (source-specific multicast). @default all of them */
  readonly source?: string | undefined
  /**
   * The receive buffer to ask the system for, in bytes, 4 KiB to 1 GiB. Linux cuts it down to `net.core.rmem_max`, which
   * is reported. @default 4_194_304
   */
  readonly receiveBufferBytes?: number | undefined
  /** Names the topic of a message whose data is all there is. @default every topic is empty */
  readonly topicOf?: ((data: Uint8Array) => string) | undefined
  /** Senders that are heard at a time, 1 to 1_000_000. @default 1_024 */
  readonly maxLinks?: number | undefined
}

/** What consumers over `udp://` and `multicast://` take beside the options of every consumer. */
export interface UdpConsumerOptions extends RawConsumerOptions {
  /** The servers to ask for what was lost, 1 to 16 such as `'127.0.0.1:5556'`, as an array or with commas. @default none */
  readonly requests?: string | readonly string[] | undefined
  /**
   * How long datagrams may overtake each other, in milliseconds, 0 to 60_000: nothing is asked for, or given up, before.
   * @default 5
   */
  readonly reorderMs?: number | undefined
  /** How long to wait for the first answer, in milliseconds, 1 to 60_000, doubled every time. @default 50 */
  readonly retryMs?: number | undefined
  /** The longest wait for an answer, in milliseconds, 1 to 60_000. @default 1_000 */
  readonly retryMaxMs?: number | undefined
  /** How often the same numbers are asked for, 1 to 100. @default 5 */
  readonly tries?: number | undefined
  /** Requests that wait for an answer at the same time, 1 to 64. @default 4 */
  readonly pipelined?: number | undefined
  /** `one`: an address carries one session at a time, whoever sends it, as the feeds of exchanges do. @default 'many' */
  readonly sessions?: 'many' | 'one' | undefined
}
