import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { parseAddress } from '../../lib/address.js'

/** Stands between two ends and cuts what goes through it, wherever in a message that may be. */
export class Cutter {
  readonly #sockets = new Set<Socket>()
  /** Bytes that may still pass on their way back to who dialled; then all connections are cut. */
  #allowed = Infinity
  #cut: () => void = () => {}

  static async open(target: string): Promise<Cutter> {
    const { host, port } = parseAddress(target)
    const server = createServer({ noDelay: true })
    const cutter = new Cutter(server)
    server.on('connection', (near) => {
      const far = connect({ host: host as string, port: port as number, noDelay: true })
      cutter.#join(near, far)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return cutter
  }

  private constructor(private readonly server: Server) {}

  get url(): string {
    return `tcp://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** Lets `bytes` more pass to who dialled, and then cuts. Resolves when it has. */
  cutAfter(bytes: number): Promise<void> {
    this.#allowed = bytes
    return new Promise((resolve) => {
      this.#cut = resolve
    })
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close')
    this.server.close()
    this.#cutAll()
    await closed
  }

  #join(near: Socket, far: Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('drain', () => other.resume())
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    near.on('data', (chunk) => far.write(chunk) || near.pause())
    far.on('data', (chunk) => this.#pass(chunk, near, far))
  }

  #pass(chunk: Buffer, near: Socket, far: Socket): void {
    if (chunk.length < this.#allowed) {
      this.#allowed -= chunk.length
      if (!near.write(chunk)) far.pause()
      return
    }
    const part = chunk.subarray(0, this.#allowed)
    this.#allowed = Infinity
    // Only what the system has taken gets there.
    near.write(part, () => this.#cutAll())
    far.pause()
  }

  #cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#cut()
  }
}
