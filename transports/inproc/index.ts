import { FanwireError } from '../../lib/errors.js'
import { Decoder } from '../../lib/framing/zmtp/decoder.js'
import { zmtpFraming } from '../../lib/framing/zmtp/framing.js'
import type {
  Carrier,
  ConsumerCarrier,
  ConsumerContext,
  ConsumerPort,
  LogPort,
  ProducerContext,
  ProducerPort,
  Transport,
} from '../../lib/transport.js'

/** How long a dialler waits after a link was cut before it comes back, in milliseconds. */
const REDIAL_MS = 100

interface ProducerSide {
  readonly kind: 'producer'
  readonly context: ProducerContext
  readonly log: LogPort
}

interface ConsumerSide {
  readonly kind: 'consumer'
  readonly context: ConsumerContext
}

type Side = ProducerSide | ConsumerSide

/** Who listens on a name, and who waits for somebody to do so. */
interface Meeting {
  listener: Side | undefined
  readonly diallers: Set<Dialler>
}

/** The one registry of the package: a name means the same to all who share this process. */
const meetings = new Map<string, Meeting>()

/** Links within one process: what the producer's log holds is read where it lies. */
export const inproc: Transport = {
  schemes: ['inproc'],
  traits: {
    ordered: true,
    reliable: true,
    flowControlled: true,
    filtersAtProducer: true,
    numbers: 'counted',
    tailLoss: true,
    maxMessageBytes: Number.MAX_SAFE_INTEGER,
  },
  listens: 'producer',
  options: {},

  async produce(addresses, context) {
    const side: ProducerSide = { kind: 'producer', context, log: context.log(zmtpFraming) }
    const open: (() => void)[] = []
    const close = async () => {
      for (const leave of open) leave()
    }
    try {
      for (const { url, name } of addresses) open.push(enter(name as string, url, side))
    } catch (error) {
      await close()
      throw error
    }
    return { kind: 'log', urls: addresses.map(({ url }) => url), close }
  },

  async consume({ url, name }, context) {
    const leave = enter(name as string, url, { kind: 'consumer', context })
    return { urls: [url], close: async () => leave() }
  },
}

/** Listens on a name or dials it. Returns how to stop. */
function enter(name: string, url: string, side: Side): () => void {
  side.context.signal?.throwIfAborted()
  const meeting: Meeting = meetings.get(name) ?? { listener: undefined, diallers: new Set() }
  meetings.set(name, meeting)
  const leave = () => {
    if (meeting.listener === undefined && meeting.diallers.size === 0) meetings.delete(name)
  }
  if (side.context.role === 'dial') {
    const dialler = new Dialler(side, url, meeting)
    meeting.diallers.add(dialler)
    dialler.dial()
    return () => {
      meeting.diallers.delete(dialler)
      dialler.stop()
      leave()
    }
  }
  if (meeting.listener !== undefined) {
    throw new FanwireError('ADDRESS_IN_USE', `somebody in this process listens on ${url} already`)
  }
  meeting.listener = side
  for (const dialler of meeting.diallers) dialler.dial()
  return () => {
    meeting.listener = undefined
    leave()
  }
}

/** One end that dials: linked to the listener of its name whenever there is one. */
class Dialler {
  readonly #side: Side
  readonly #port: ProducerPort | ConsumerPort
  #connected = false
  #stopped = false

  constructor(
    side: Side,
    private readonly url: string,
    private readonly meeting: Meeting,
  ) {
    this.#side = side
    this.#port = side.kind === 'producer' ? side.log.open(url, 'dialled') : side.context.open(url, 'dialled')
  }

  dial(): void {
    const { listener } = this.meeting
    if (this.#stopped || this.#connected || listener === undefined) return
    if (listener.kind === this.#side.kind) {
      const message = `${this.url} belongs to another ${listener.kind}: one end must produce, the other consume`
      this.#side.context.fault({ code: 'CONNECT_FAILED', message, remote: this.url })
      return
    }
    this.#connected = true
    const lost = () => {
      this.#connected = false
      this.#side.context.platform.timer(REDIAL_MS, () => this.dial()).ref()
    }
    if (listener.kind === 'producer') {
      connect(listener.log.open(this.url, 'accepted'), this.#port as ConsumerPort, this.#side as ConsumerSide, lost)
    } else {
      connect(this.#port as ProducerPort, listener.context.open(this.url, 'accepted'), listener, lost)
    }
  }

  stop(): void {
    this.#stopped = true
    this.#port.end(undefined)
  }
}

/** Ties a producer's link to a consumer's. */
function connect(producer: ProducerPort, consumer: ConsumerPort, side: ConsumerSide, lost: () => void): void {
  const { context } = side
  let open = true
  const cut = (reason: Error | undefined) => {
    if (!open) return
    open = false
    decoder.close()
    producer.disconnected(reason)
    consumer.disconnected(reason)
    lost()
  }
  const decoder = new Decoder(
    {
      message: (chunk, topicStart, topicEnd, dataStart, dataEnd) =>
        consumer.message(chunk, topicStart, topicEnd, dataStart, dataEnd),
      skip: (count, reason) => consumer.skipped(count, reason),
      command: () => undefined,
    },
    { maxMessageBytes: context.maxMessageBytes },
  )
  const read = (step: () => boolean): boolean => {
    try {
      return step()
    } catch (error) {
      // A message above the consumer's limit, for instance.
      context.fault({ code: 'BAD_PEER', message: (error as Error).message, remote: context.id, cause: error })
      cut(error as Error)
      return true
    }
  }
  const toConsumer: Carrier = {
    // Runs reach the application as they are, so that nothing is gained by cutting them.
    maxRun: { bytes: Infinity, messages: Infinity },
    shares: true,
    write: (run) => (read(() => decoder.push(run)) ? 'taken' : 'busy'),
    close: cut,
  }
  const toProducer: ConsumerCarrier = {
    resume() {
      if (open && read(() => decoder.resume()) && open) producer.taken()
    },
    subscribe: (prefix) => producer.subscribe(prefix),
    unsubscribe: (prefix) => producer.unsubscribe(prefix),
    acknowledge: (messages) => producer.acknowledged(messages),
    close: cut,
  }
  const { prefixes, from } = consumer.connected(toProducer, { kind: 'fanwire' })
  const want = context.want === undefined ? {} : { want: context.want }
  producer.connected(toConsumer, { kind: 'fanwire', acknowledges: true, id: context.id, ...want })
  for (const prefix of prefixes) producer.subscribe(prefix)
  consumer.started(producer.start(from))
}
