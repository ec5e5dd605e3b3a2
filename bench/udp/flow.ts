import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { RECEIVE_BUFFER_BYTES } from './packets.js'

/** For so long the sender waits to hear that something arrived. Then all that is on its way is lost. */
const PATIENCE_MS = 200

/** The receiving end says what has arrived so many times while half of its buffer comes, in bytes of messages alone. */
const TOLD = 8

/** What the receiving end says first. */
interface Greeting {
  readonly port: number
  /** The receive buffer that the system has granted. */
  readonly granted: number
}

/**
 * Over TCP and beside what is measured, the receiving end says what has arrived, so that the sending one never has more
 * on its way than half of the receive buffer: as fast as the receiver takes it, and nothing need be lost.
 */
export class SendingFlow {
  #greeting: Greeting | undefined
  #rest = ''
  /** The number after the highest that has arrived, or was given up. */
  #passed = 1
  #moved: (() => void) | undefined
  readonly #greeted: Promise<Greeting>

  private constructor(private readonly server: Server) {
    this.#greeted = new Promise((resolve) => {
      server.on('connection', (socket) => {
        socket.setEncoding('latin1')
        socket.on('data', (text: string) => {
          this.#read(text)
          if (this.#greeting !== undefined) resolve(this.#greeting)
        })
      })
    })
  }

  static async listen(): Promise<SendingFlow> {
    const server = createServer({ noDelay: true })
    server.listen({ host: '127.0.0.1', port: 0 })
    await once(server, 'listening')
    return new SendingFlow(server)
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  /** Resolves with the port that datagrams go to. */
  async greeted(): Promise<number> {
    return (await this.#greeted).port
  }

  /** How many messages may be on their way, in packets of `bytes` with `count` messages each. */
  windowOf(bytes: number, count: number): number {
    const granted = this.#greeting?.granted ?? 0
    return Math.max(1, Math.floor(granted / 2 / bytes)) * count
  }

  /** Whether the message with this number may go. */
  has(number: number, window: number): boolean {
    return number - this.#passed < window
  }

  /** Resolves when it may. */
  async room(number: number, window: number): Promise<void> {
    while (!this.has(number, window)) {
      await new Promise<void>((resolve) => {
        const patience = setTimeout(() => {
          this.#passed = number
          resolve()
        }, PATIENCE_MS)
        this.#moved = () => {
          clearTimeout(patience)
          resolve()
        }
      })
    }
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      if (this.#greeting === undefined) this.#greeting = JSON.parse(line) as Greeting
      else this.#passed = Math.max(this.#passed, Number(line))
    }
    this.#moved?.()
  }
}

/** The receiving end of it. */
export class ReceivingFlow {
  /** What was said to have passed. */
  #told = 1

  readonly #step: number

  private constructor(
    private readonly socket: Socket,
    private readonly granted: number,
    messageBytes: number,
  ) {
    this.#step = Math.ceil(granted / 2 / TOLD / messageBytes)
  }

  static async connect(port: number, greeting: Greeting, messageBytes: number): Promise<ReceivingFlow> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await once(socket, 'connect')
    socket.write(`${JSON.stringify(greeting)}\n`)
    return new ReceivingFlow(socket, greeting.granted, messageBytes)
  }

  /** Set when the system gave less than was asked for. */
  get remark(): string | undefined {
    if (this.granted >= RECEIVE_BUFFER_BYTES) return undefined
    const [granted, asked] = [this.granted, RECEIVE_BUFFER_BYTES].map((bytes) => bytes.toLocaleString('en-US'))
    return `the system granted a receive buffer of ${granted} bytes, not the ${asked} that were asked for`
  }

  /** All numbers below `next` have arrived, or will not. */
  passed(next: number): void {
    if (next - this.#told < this.#step) return
    this.#told = next
    this.socket.write(`${next}\n`)
  }
}
