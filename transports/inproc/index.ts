import type { Address } from '../../lib/address.js'
import { FanwireError } from '../../lib/errors.js'
import { zmtpFraming } from '../../lib/framing/zmtp/framing.js'
import type { Timer } from '../../lib/platform.js'
import { DirectSession, type Half } from '../../lib/session/direct-session.js'
import type { Context, Transport } from '../../lib/transport.js'

/** How long a dialler waits after its link was cut before it comes back, in milliseconds. */
const REDIAL_MS = 100

/** Links within one process. This room only says who meets whom; what two that have met do is DirectSession's. */
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
    shares: true,
  },
  listens: 'producer',
  options: {},

  async produce(addresses, context) {
    const log = context.log(zmtpFraming)
    const open: Side['open'] = (...link) => ({ kind: 'producer', context, log, port: log.open(...link) })
    return { kind: 'log', ...enterAll(addresses, { kind: 'producer', context, open }) }
  },

  async consume(address, context) {
    const open: Side['open'] = (...link) => ({ kind: 'consumer', context, port: context.open(...link) })
    return enterAll([address], { kind: 'consumer', context, open })
  },
}

/** One end: makes a link for everybody whom it meets. */
interface Side {
  readonly kind: Half['kind']
  readonly context: Context
  open(remote: string, origin: 'accepted' | 'dialled'): Half
}

/** Enters all places, or none of them. */
function enterAll(addresses: readonly Address[], side: Side) {
  const leaves: (() => void)[] = []
  const close = async () => {
    for (const leave of leaves.splice(0)) leave()
  }
  try {
    side.context.signal?.throwIfAborted()
    for (const { url } of addresses) leaves.push(enter(url, side))
  } catch (error) {
    close()
    throw error
  }
  return { urls: addresses.map(({ url }) => url), close }
}

/** A name, who listens there, and who waits for somebody to do so. */
interface Place {
  readonly url: string
  listener: Side | undefined
  readonly diallers: Set<Dialler>
  acceptedCount: number
}

/** A name means the same to all who share this process: the one state that is nobody's own. */
const places = new Map<string, Place>()

/** Listens or dials. Returns how to leave; links that are open by then are the core's to close. */
function enter(url: string, side: Side): () => void {
  const place = places.get(url) ?? { url, listener: undefined, diallers: new Set(), acceptedCount: 0 }
  const leave = side.context.role === 'listen' ? listen(place, side) : dial(place, side)
  places.set(url, place)
  return () => {
    leave()
    if (place.listener === undefined && place.diallers.size === 0) places.delete(url)
  }
}

function listen(place: Place, side: Side): () => void {
  if (place.listener !== undefined) {
    throw new FanwireError('ADDRESS_IN_USE', `somebody in this process listens on ${place.url} already`)
  }
  place.listener = side
  for (const dialler of place.diallers) dialler.dialSoon()
  return () => {
    place.listener = undefined
  }
}

function dial(place: Place, side: Side): () => void {
  const dialler = new Dialler(side, place)
  place.diallers.add(dialler)
  dialler.dialSoon()
  return () => {
    place.diallers.delete(dialler)
    dialler.stop()
  }
}

/** One end that dials: linked to the listener of its place whenever there is one. */
class Dialler {
  readonly #half: Half
  #isLinked = false
  #timer: Timer | undefined

  constructor(
    private readonly side: Side,
    private readonly place: Place,
  ) {
    this.#half = side.open(place.url, 'dialled')
  }

  /** At the end of the turn: whoever opens an end can first listen to its events. */
  dialSoon(): void {
    this.side.context.platform.defer(() => this.#dial())
  }

  stop(): void {
    this.#timer?.cancel()
    this.#half.port.end(undefined)
  }

  #dial(): void {
    const { url, listener } = this.place
    const { port, kind, context } = this.#half
    if (port.ended || this.#isLinked || listener === undefined) return
    if (listener.kind === kind) {
      const message = `${url} belongs to another ${kind}: one end must produce, the other consume`
      context.fault({ code: 'CONNECT_FAILED', message, remote: url })
      return
    }
    if (listener.context.pattern !== context.pattern) {
      const message = `${url} belongs to a ${listener.kind} with pattern '${listener.context.pattern}', this ${kind} has '${context.pattern}'`
      context.fault({ code: 'CONNECT_FAILED', message, remote: url })
      return
    }
    this.#isLinked = true
    this.#timer?.cancel()
    const accepted = listener.open(`${url}#${++this.place.acceptedCount}`, 'accepted')
    DirectSession.begin(this.#half, accepted, url, () => this.#lost())
  }

  /** Keeps the process alive only for as long as it takes to come back. */
  #lost(): void {
    this.#isLinked = false
    if (this.#half.port.ended) return
    this.#timer = this.side.context.platform.timer(REDIAL_MS, () => this.#dial())
    this.#timer.ref()
  }
}
