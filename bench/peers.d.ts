// The part of the foreign peers that is used here: the bench is type-checked where they are not installed, too.

declare module 'zeromq' {
  export class XPublisher {
    constructor(options?: { sendHighWaterMark?: number; linger?: number })
    readonly lastEndpoint: string | null
    bind(url: string): Promise<void>
    /** Subscriptions. */
    receive(): Promise<Buffer[]>
    send(frames: readonly Uint8Array[]): Promise<void>
  }

  export class Subscriber implements AsyncIterable<Buffer[]> {
    constructor(options?: { receiveHighWaterMark?: number; linger?: number })
    connect(url: string): void
    subscribe(...prefixes: (string | Uint8Array)[]): void
    [Symbol.asyncIterator](): AsyncIterator<Buffer[]>
  }
}

declare module 'ws' {
  import type { EventEmitter } from 'node:events'
  import type { AddressInfo } from 'node:net'

  export class WebSocket extends EventEmitter {
    constructor(url: string, options?: { perMessageDeflate?: boolean })
    readonly bufferedAmount: number
    send(data: Uint8Array, options: { binary: boolean }, done?: (error?: Error) => void): void
  }

  export class WebSocketServer extends EventEmitter {
    constructor(options: { host: string; port: number; perMessageDeflate?: boolean })
    readonly clients: Set<WebSocket>
    address(): AddressInfo
  }
}
