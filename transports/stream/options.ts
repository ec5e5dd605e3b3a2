import { STAMP_SIZE } from '../../lib/framing/body.js'
import { NANOMSG_MAX } from '../../lib/framing/sp/message.js'
import { bodyRule, type TopicOf, topicOfRule } from '../../lib/message-reader.js'
import { boolean, bytes, duration, integer, type OptionRule, oneOf } from '../../lib/options.js'

import type { SecurityOptions } from './security.js'

const HOUR_MS = 3_600_000

/** What everything over sockets takes beside the options of every producer and consumer. */
export interface ConnectionOptions {
  /** A peer that has not finished its handshake after so many milliseconds is cut, 1 to 3_600_000. @default 10_000 */
  readonly handshakeMs?: number | undefined
  /** Connections that an end which listens has at a time, half-open ones included, 1 to 1_000_000. @default 1_024 */
  readonly maxLinks?: number | undefined
  /**
   * How long a dialler waits after its first failure, in milliseconds, 1 to 3_600_000; twice as long after every further
   * one. @default 100
   */
  readonly reconnectMinMs?: number | undefined
  /**
   * The longest that a dialler waits, and how long it does after a peer that broke the protocol: at least
   * `reconnectMinMs`, at most 3_600_000 milliseconds. @default 10_000
   */
  readonly reconnectMaxMs?: number | undefined
}

/** What `tcp://` and `ipc://` take. */
export interface TcpOptions extends ConnectionOptions, SecurityOptions {
  /**
   * A peer is asked for a sign of life this often, in milliseconds, and given up after three times without one, 0 to
   * 3_600_000; 0 for never. @default 10_000
   */
  readonly heartbeatMs?: number | undefined
}

/** What a consumer takes beside them. */
export interface TcpConsumerOptions extends TcpOptions {
  /** Which frame of a foreign message is its data, counted from 0, 0 to 255. @default 1 */
  readonly dataFrame?: number | undefined
}

/** What `sp+tcp://` and `sp+ipc://` take. */
export interface SpOptions extends ConnectionOptions {
  /** Whether a message is its topic, a zero and its data, or its data alone. @default 'topic' */
  readonly body?: 'topic' | 'raw' | undefined
}

/** What a consumer takes beside them. */
export interface SpConsumerOptions extends SpOptions {
  /** Names the topic of a message whose data is all there is. @default every topic is empty */
  readonly topicOf?: TopicOf | undefined
}

/** What `lines+tcp://` takes. */
export interface LinesOptions extends ConnectionOptions {
  /** What tells where a record ends: a newline behind it, or its size in front of it, four bytes. @default 'newline' */
  readonly frame?: 'newline' | 'u32' | undefined
  /** Whether a record is the data alone, or topic, a zero and data. @default 'raw' */
  readonly body?: 'topic' | 'raw' | undefined
}

/** What a consumer takes beside them. */
export interface LinesConsumerOptions extends LinesOptions {
  /** Names the topic of a message whose data is all there is. @default every topic is empty */
  readonly topicOf?: TopicOf | undefined
}

/** The rules of these options. */
export const connectionOptions = {
  handshakeMs: duration(1, HOUR_MS, 10_000),
  maxLinks: integer(1, 1_000_000, 1_024),
  reconnectMinMs: duration(1, HOUR_MS, 100),
  reconnectMaxMs: duration(1, HOUR_MS, 10_000),
} satisfies Record<keyof ConnectionOptions, OptionRule<number>>

export const tcpOptions = {
  heartbeatMs: duration(0, HOUR_MS, 10_000),
  ...connectionOptions,
} satisfies Record<Exclude<keyof TcpOptions, keyof SecurityOptions>, OptionRule<number>>

export const tcpConsumerOptions = {
  dataFrame: integer(0, 255, 1),
} satisfies Record<Exclude<keyof TcpConsumerOptions, keyof TcpOptions>, OptionRule<number>>

export const spOptions = {
  body: bodyRule,
  ...connectionOptions,
}

export const spProducerOptions = {
  /** `true` stamps every message with its number, which SP has no place for. */
  sequence: boolean(),
  /**
   * With its terminator and its stamp no body is above what nanomsg takes: a dialler of libnanomsg to which more was sent
   * never receives anything again.
   */
  maxMessageBytes: bytes(1, 2 ** 31, NANOMSG_MAX - 1 - STAMP_SIZE),
}

export const spConsumerOptions = {
  topicOf: topicOfRule,
  /** As much as nanomsg takes unless it is told otherwise. */
  maxMessageBytes: bytes(1, 2 ** 31, NANOMSG_MAX),
}

export const linesOptions = {
  frame: oneOf(['newline', 'u32'], 'newline'),
  body: oneOf(['topic', 'raw'], 'raw'),
  ...connectionOptions,
}

export const linesProducerOptions = {
  /** `true` stamps every message with its number, where a record may be anything and begins with the topic. */
  sequence: boolean(),
}

export const linesConsumerOptions = {
  topicOf: topicOfRule,
}
