declare module 'nanomsg' {
  import type { EventEmitter } from 'node:events'

  export interface Socket extends EventEmitter {
    /** A negative number when the address cannot be used. */
    bind(url: string): number
    connect(url: string): number
    send(data: Buffer | string): number
    close(): void
  }

  export function socket(
    type: 'pub' | 'sub' | 'push' | 'pull',
    options?: { readonly chan?: readonly string[]; readonly rcvmaxsize?: number; readonly tcpnodelay?: boolean },
  ): Socket
}
