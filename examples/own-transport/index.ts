import { connect, createServer, type Server, type Socket } from 'node:net'
import { type Address, type Context, FanwireError, type Timer, type Transport } from 'fanwire'
import { duration } from 'fanwire/options'
import { consumeFrom } from './consumer.js'
import { Line } from './line.js'
import { produceOn } from './producer.js'
import { framing } from './records.js'

/** Records over TCP. */
export const own: Transport = {
  schemes: ['own'],
  traits: {
    ordered: true,
    reliable: true,
    flowControlled: true,
    filtersAtProducer: true,
    numbers: 'counted',
    // There is no heartbeat that would tell of the last numbers.
    tailLoss: false,
    maxMessageBytes: 2 ** 31,
  },
  listens: 'producer',
  options: {
    /** How long a dialler waits before it tries again. In a URL: own://127.0.0.1:5555?reconnectMs=1s */
    reconnectMs: duration(1, 60_000, 250),
  },

  async produce(addresses, context) {
    const log = context.log(framing)
    const end = await open(addresses, context, {
      accept: (line) => produceOn(line, context, log, () => log.open(line.remote, 'accepted')),
      dial(url) {
        const port = log.open(url, 'dialled')
        return { port, begin: (line) => produceOn(line, context, log, () => port) }
      },
    })
    return { kind: 'log', ...end }
  },

  consume(address, context) {
    return open([address], context, {
      accept: (line) => consumeFrom(line, context, context.open(line.remote, 'accepted')),
      dial(url) {
        const port = context.open(url, 'dialled')
        return { port, begin: (line) => consumeFrom(line, context, port) }
      },
    })
  },
}

/** What producers and consumers do differently when they are connected. */
interface Side {
  accept(line: Line): void
  dial(url: string): Dialled
}

interface Dialled {
  readonly port: { readonly ended: boolean; end(reason: Error | undefined): void }
  begin(line: Line): void
}

interface Opened {
  readonly url: string
  close(): void
}

async function open(addresses: readonly Address[], context: Context, side: Side) {
  const { role, signal } = context
  const opened: Opened[] = []
  const close = async () => {
    for (const each of opened.splice(0)) each.close()
  }
  try {
    signal?.throwIfAborted()
    for (const address of addresses) {
      checkAddress(address)
      opened.push(role === 'dial' ? dial(address, context, side) : await listen(address, context, side))
      signal?.throwIfAborted()
    }
  } catch (error) {
    // All or nothing.
    await close()
    throw error
  }
  return { urls: opened.map(({ url }) => url), close }
}

function checkAddress({ url, host, port }: Address): void {
  if (host === undefined || port === undefined) {
    throw new FanwireError('BAD_ADDRESS', `${url} has no host and port; write own://127.0.0.1:5555`)
  }
}

async function listen({ url, host, port }: Address, context: Context, side: Side): Promise<Opened> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    side.accept(new Line(socket, `own://${socket.remoteAddress}:${socket.remotePort}`, context.platform))
  })
  try {
    await bound(server, host as string, port as number)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'ADDRESS_IN_USE' : 'OPEN_FAILED'
    throw new FanwireError(code, `cannot listen on ${url}: ${(cause as Error).message}`, { cause })
  }
  server.on('error', (cause) => context.fault({ code: 'OPEN_FAILED', message: cause.message, remote: url, cause }))
  const { port: real } = server.address() as { port: number }
  return {
    url: `own://${host}:${real}`,
    close() {
      server.close()
      // The core has closed its links, with their last words on the way: only who never became one is left.
      for (const socket of sockets) if (!socket.writableEnded) socket.destroy()
    },
  }
}

function bound(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Keeps one link connected for as long as it is wanted. */
function dial({ url, host, port }: Address, context: Context, side: Side): Opened {
  const { platform, options } = context
  const link = side.dial(url)
  let socket: Socket | undefined
  let timer: Timer | undefined
  let stopped = false
  const attempt = (): void => {
    if (stopped || link.port.ended) return
    const calling = connect({ host: host as string, port: port as number, noDelay: true })
    socket = calling
    let failure: Error | undefined
    calling.once('error', (error) => {
      failure = error
    })
    calling.once('connect', () => link.begin(new Line(calling, url, platform)))
    calling.once('close', () => {
      if (stopped) return
      const message = `the connection to ${url} is gone: ${failure?.message}`
      if (failure !== undefined) context.fault({ code: 'CONNECT_FAILED', message, remote: url, cause: failure })
      timer = platform.timer(options.reconnectMs as number, attempt)
      timer.ref()
    })
  }
  attempt()
  return {
    url,
    close() {
      stopped = true
      timer?.cancel()
      link.port.end(undefined)
      if (socket?.writableEnded === false) socket.destroy()
    },
  }
}
