import { type Address, parseAddress } from '../../lib/address.js'
import { datagramFraming } from '../../lib/framing/datagram.js'
import { moldudp64Framing } from '../../lib/framing/moldudp64/framing.js'
import {
  HEADER_SIZE,
  MAX_COUNT,
  writeEndOfSession,
  writeHeader,
  writeHeartbeat,
} from '../../lib/framing/moldudp64/header.js'
import { sessionBytes } from '../../lib/framing/moldudp64/session.js'
import type { Impairment } from '../../lib/impairment.js'
import { bodyRule, topicOfRule } from '../../lib/message-reader.js'
import { badOption, duration, integer, type OptionRule, oneOf, rate, refuse } from '../../lib/options.js'
import { overflowRule } from '../../lib/producer-options.js'
import type {
  ConsumerContext,
  ConsumerEnd,
  LogPort,
  ProducerContext,
  ProducerEnd,
  Transport,
} from '../../lib/transport.js'
import type { IncomingLine, LineSettings, Talker } from './incoming-line.js'
import { OutgoingLine, type Wording } from './outgoing-line.js'
import { RawLine } from './raw-line.js'
import { RequestServer } from './request-server.js'
import { SessionLine, type SessionLineSettings } from './session-line.js'
import { type ReceiverSetup, receiverOptions, type SenderSetup, senderOptions } from './socket.js'

const MIB = 1024 * 1024
/** What is retained where a request server is asked for and nothing was said. */
const RETAINED_BYTES = 16 * MIB
/** Answers fail independently of what the lines bring: their seeds lie this far behind. */
const ANSWERS = 1_000_000
/** Goodbyes come as often as heartbeats, but there should be three. */
const GOODBYES = 3

/** What both ends take. */
const options = {
  body: bodyRule,
  /** A sender that has nothing to send says so this often, and one that is silent for ten times as long is given up. */
  heartbeatMs: duration(1, 3_600_000, 1_000),
}

const producerOptions = {
  ...senderOptions,
  overflow: overflowRule('drop'),
  /** The most that one datagram holds: what fits a frame of Ethernet, less the headers of IP and UDP. */
  maxDatagramBytes: integer(64, 65_507, 1_472),
}

const consumerOptions = {
  ...receiverOptions,
  topicOf: topicOfRule,
  /** Senders that are heard at a time. */
  maxLinks: integer(1, 1_000_000, 1_024),
}

const traits = {
  ordered: false,
  reliable: false,
  flowControlled: false,
  filtersAtProducer: false,
} as const

/** MoldUDP64: numbered messages packed into datagrams, to one address or to a group. */
export const numbered: Transport = {
  schemes: ['udp', 'multicast'],
  traits: { ...traits, numbers: 'native', tailLoss: true, maxMessageBytes: 65_485 },
  listens: 'consumer',
  options,
  producerOptions: {
    ...producerOptions,
    /** Where a server answers requests for what was lost; without it there is none. */
    requests: addressesRule(1),
    /** How long a producer that is closed goes on saying so, and answers requests: the last chance for what was lost. */
    goodbyeMs: duration(0, 3_600_000, 200),
    /** Bytes a second that answers to one client's address may take; all of them together four times as much. */
    answerRate: rate(1_000, 1e12, 4_000_000),
  },
  consumerOptions: {
    ...consumerOptions,
    /** The servers to ask for what was lost, one or several. */
    requests: addressesRule(16),
    /** How long datagrams may overtake each other: nothing is asked for, or given up, before. */
    reorderMs: duration(0, 60_000, 5),
    /** How long to wait for the first answer, doubled every time up to `retryMaxMs`. */
    retryMs: duration(1, 60_000, 50),
    retryMaxMs: duration(1, 60_000, 1_000),
    /** How often the same numbers are asked for. */
    tries: integer(1, 100, 5),
    /** Requests that wait for an answer at the same time. */
    pipelined: integer(1, 64, 4),
    /** `one`: an address carries one session at a time, whoever sends it, as the feeds of exchanges do. */
    sessions: oneOf(['many', 'one'], 'many'),
  },

  async produce(addresses, context) {
    checkSends(context)
    const { body, maxDatagramBytes, heartbeatMs, goodbyeMs, requests, answerRate } =
      context.options as unknown as NumberedProducer
    const maxRun = { bytes: maxDatagramBytes - HEADER_SIZE, messages: MAX_COUNT }
    const log = context.log(moldudp64Framing(body, maxRun.bytes))
    const session = sessionBytes(log.stream)
    const wording: Wording = {
      maxRun,
      // From Buffer's pool: what has no memory outside V8's heap yet, Node has to be given it first.
      header: (first, count) => writeHeader(session, first, count, Buffer.allocUnsafe(HEADER_SIZE)),
      heartbeat: { intervalMs: heartbeatMs, write: (next) => writeHeartbeat(session, next) },
      goodbye: { ...goodbyes(goodbyeMs, heartbeatMs), write: (next) => writeEndOfSession(session, next) },
    }
    const [address] = requests ?? []
    if (address === undefined) return openLines(addresses, wording, context, log)
    log.retain(RETAINED_BYTES)
    const lines: OutgoingLine[] = []
    const sent = () => Math.max(...lines.map((line) => line.sent))
    const server = await RequestServer.listen(address, log, { session, maxRun, sent, answerRate }, context)
    return openLines(addresses, wording, context, log, lines, server)
  },

  async consume(address, context) {
    const { requests, reorderMs, retryMs, retryMaxMs, tries, pipelined, ...given } =
      context.options as unknown as NumberedConsumer
    checkReceives(context)
    if (context.from === 'oldest' && requests === undefined) {
      throw badOption(`from 'oldest' needs requests: what was sent before has to be asked for`)
    }
    const recovery = { reorderMs, requests: { retryMs, retryMaxMs, tries, pipelined } }
    const line = nextLineOf(context)
    const asking = { impairAnswers: impairmentOf(given.impair, ANSWERS + line) }
    const settings = { ...given, recovery }
    const setup = { ...given, impair: impairmentOf(given.impair, line) }
    return endOf(await SessionLine.listen(address, setup, requests ?? [], asking, settings, context))
  },
}

/** One datagram, one message, and nothing else. */
export const raw: Transport = {
  schemes: ['raw+udp', 'raw+multicast'],
  traits: { ...traits, numbers: 'none', tailLoss: false, maxMessageBytes: 65_507 },
  listens: 'consumer',
  options,
  producerOptions: { ...producerOptions, maxDatagramBytes: integer(1, 65_507, 65_507) },
  consumerOptions,

  async produce(addresses, context) {
    checkSends(context)
    const { body, maxDatagramBytes } = context.options as unknown as ProducerOptions
    const log = context.log(datagramFraming(body, maxDatagramBytes))
    const wording: Wording = { maxRun: { bytes: maxDatagramBytes, messages: 1 }, header: () => new Uint8Array(0) }
    return openLines(addresses, wording, context, log)
  },

  async consume(address, context) {
    checkReceives(context)
    if (context.from === 'oldest') throw badOption(`from 'oldest' is not possible: raw datagrams have no past`)
    const given = context.options as unknown as ConsumerOptions
    const setup = { ...given, impair: impairmentOf(given.impair, nextLineOf(context)) }
    return endOf(await RawLine.listen(address, setup, given, context))
  },
}

interface ProducerOptions extends SenderSetup {
  readonly body: 'topic' | 'raw'
  readonly heartbeatMs: number
  readonly maxDatagramBytes: number
}

interface NumberedProducer extends ProducerOptions {
  readonly goodbyeMs: number
  readonly requests: readonly Address[] | undefined
  readonly answerRate: number
}

interface ConsumerOptions extends ReceiverSetup, LineSettings {}

interface NumberedConsumer extends ReceiverSetup, Omit<SessionLineSettings, 'recovery'> {
  readonly requests: readonly Address[] | undefined
  readonly reorderMs: number
  readonly retryMs: number
  readonly retryMaxMs: number
  readonly tries: number
  readonly pipelined: number
}

async function openLines(
  addresses: readonly Address[],
  wording: Wording,
  context: ProducerContext,
  log: LogPort,
  lines: OutgoingLine[] = [],
  server?: RequestServer,
): Promise<ProducerEnd> {
  const close = async () => {
    await Promise.all(lines.map((line) => line.depart()))
    await server?.close()
  }
  try {
    const setup = context.options as unknown as SenderSetup
    for (const [i, address] of addresses.entries()) {
      const own = { ...setup, impair: impairmentOf(setup.impair, i) }
      lines.push(await OutgoingLine.open(address, own, wording, context, log))
    }
  } catch (error) {
    await close()
    throw error
  }
  for (const line of lines) line.begin()
  return {
    kind: 'log',
    urls: lines.map(({ url }) => url),
    counts: () => ({
      lines: lines.map(({ url, counts }) => ({ url, ...counts })),
      ...(server && { requests: server.counts }),
    }),
    close,
    unref() {
      for (const line of lines) line.unref()
      server?.unref()
    },
  }
}

/** Nobody is called, and who sends hears nobody: the roles are what they are. */
function checkSends({ role }: ProducerContext): void {
  if (role === 'listen') throw badOption(`role must not be 'listen': producers of datagrams send, and consumers listen`)
}

function checkReceives({ role, from }: ConsumerContext): void {
  if (role === 'dial') throw badOption(`role must not be 'dial': consumers of datagrams listen, and producers send`)
  if (from === 'latest-per-topic') {
    throw badOption(`from 'latest-per-topic' is not possible: who sends datagrams knows nobody who comes`)
  }
}

function goodbyes(goodbyeMs: number, heartbeatMs: number): { readonly times: number; readonly intervalMs: number } {
  if (goodbyeMs === 0) return { times: 1, intervalMs: 0 }
  const intervalMs = Math.min(heartbeatMs, goodbyeMs / (GOODBYES - 1))
  return { times: 1 + Math.floor(goodbyeMs / intervalMs), intervalMs }
}

/** Lines fail independently of each other. */
function impairmentOf(impair: Impairment | undefined, line: number): Impairment | undefined {
  return typeof impair === 'object' ? { ...impair, seed: (impair.seed + line) >>> 0 } : impair
}

/** How many lines the consumers with these options have, which are one consumer's. */
const linesOf = new WeakMap<ConsumerContext['options'], number>()

function nextLineOf({ options }: ConsumerContext): number {
  const line = linesOf.get(options) ?? 0
  linesOf.set(options, line + 1)
  return line
}

function endOf(line: IncomingLine<Talker>): ConsumerEnd {
  return {
    urls: [line.url],
    counts: () => line.counts,
    close: () => line.close(),
    unref: () => line.unref(),
  }
}

function readServer(given: string, name: string): Address {
  if (given.includes('://')) return parseAddress(given)
  // What is wrong with a URL that nobody wrote would help nobody.
  if (!/^(\[.+\]|[^:]+):\d+$/.test(given)) return refuse(name, "host:port such as '127.0.0.1:5556'", given)
  return parseAddress(`udp://${given}`)
}

/** `'127.0.0.1:5556'`, several as an array or with commas between. */
function addressesRule(most: number): OptionRule<readonly Address[] | undefined> {
  return {
    fallback: undefined,
    check(value, name) {
      const given: readonly unknown[] = Array.isArray(value)
        ? value
        : typeof value === 'string'
          ? value.split(',')
          : [value]
      if (given.length === 0 || given.length > most || !given.every((one) => typeof one === 'string')) {
        return refuse(
          name,
          most === 1 ? "an address such as '127.0.0.1:5556'" : `1 to ${most} such as '127.0.0.1:5556'`,
          value,
        )
      }
      return Object.freeze(given.map((one) => readServer(one.trim(), name)))
    },
    read: (given) => given,
  }
}
