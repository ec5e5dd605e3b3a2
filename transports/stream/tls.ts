import type { Server, Socket } from 'node:net'
import { connect, createSecureContext, createServer, type SecureContext, TLSSocket } from 'node:tls'
import type { Address } from '../../lib/address.js'
import type { PeerCertificate } from '../../lib/authentication.js'
import { badOption, boolean, type OptionRule, type OptionsOf, oneOf, refuse, text } from '../../lib/options.js'
import { Secret } from '../../lib/secret.js'
import { readFileOf, secretText } from './texts.js'

/** One or several texts in PEM. */
export type Pem = string | Uint8Array | readonly (string | Uint8Array)[]

/** What everything over TLS takes. In a URL all but `servername` and the last two are names of files. */
export interface TlsOptions {
  /** This end's private key, in PEM. An end that listens needs one. */
  readonly key?: Pem | undefined
  /** This end's certificate and those that it is signed by, in PEM. An end that listens needs one. */
  readonly cert?: Pem | undefined
  /** What unlocks `key`. */
  readonly passphrase?: string | undefined
  /** The certificates that peers' must be signed by, in PEM. @default those that come with Node.js */
  readonly ca?: Pem | undefined
  /** For an end that dials: the name that the peer's certificate must have. @default the host of the URL */
  readonly servername?: string | undefined
  /**
   * For an end that listens: whether those who dial have to show a certificate that `ca` trusts. `'optional'` lets in who
   * has none, or another; `authenticate` sees it. @default 'none'
   */
  readonly clientCertificate?: 'none' | 'optional' | 'required' | undefined
  /** For an end that dials: `false` speaks to whoever answers. @default true */
  readonly verifyServer?: boolean | undefined
}

export const tlsOptions = {
  key: secretPem('key'),
  cert: pem('cert'),
  passphrase: secretText('passphrase', 1_024),
  ca: pem('ca'),
  servername: text(/^[^\s/]+$/, 'a host name'),
  clientCertificate: oneOf(['none', 'optional', 'required'], 'none'),
  verifyServer: boolean(true),
} satisfies Record<keyof TlsOptions, OptionRule>

type TlsSettings = OptionsOf<typeof tlsOptions>

/** TLS as one end wants it. */
export class Tls {
  readonly #options: TlsSettings
  readonly #context: SecureContext

  /** @throws {FanwireError} `BAD_OPTION` */
  constructor(options: TlsSettings, role: 'listen' | 'dial') {
    const { key, cert, passphrase, ca, clientCertificate } = options
    if ((key === undefined) !== (cert === undefined)) throw badOption('key and cert belong together: give both')
    if (passphrase !== undefined && key === undefined) throw badOption('passphrase is of no use without key')
    if (role === 'listen' && key === undefined) throw badOption('an end that listens needs key and cert')
    if (role === 'listen' && clientCertificate !== 'none' && ca === undefined) {
      throw badOption(`clientCertificate: '${clientCertificate}' needs ca, which signs those that are let in`)
    }
    this.#options = options
    this.#context = this.#createContext()
  }

  /** Peers that dial must be trusted. */
  get requires(): boolean {
    return this.#options.clientCertificate === 'required'
  }

  /** Calls the address; `secureConnect` tells that it is done. */
  call({ host, port }: Address): TLSSocket {
    const { servername, verifyServer } = this.#options
    const socket = connect({
      host: host as string,
      port: port as number,
      secureContext: this.#context,
      rejectUnauthorized: verifyServer,
      ...(servername !== undefined && { servername }),
    })
    socket.setNoDelay(true)
    socket.setKeepAlive(true)
    return socket
  }

  /** A server whose sockets come out of `secureConnection`, whatever certificate they have shown. */
  createServer(handshakeMs: number): Server {
    const { clientCertificate } = this.#options
    return createServer({
      ...this.#materials(),
      requestCert: clientCertificate !== 'none',
      // Judged where it can be told why.
      rejectUnauthorized: false,
      handshakeTimeout: handshakeMs,
      noDelay: true,
      keepAlive: true,
    })
  }

  #createContext(): SecureContext {
    try {
      return createSecureContext(this.#materials())
    } catch (error) {
      throw badOption(`key, cert, passphrase and ca make no TLS: ${tlsWords(error)}`)
    }
  }

  #materials(): { key?: string; cert?: string; ca?: string; passphrase?: string } {
    const { key, cert, ca, passphrase } = this.#options
    return {
      ...(key !== undefined && { key: key.reveal() }),
      ...(cert !== undefined && { cert }),
      ...(ca !== undefined && { ca }),
      ...(passphrase !== undefined && { passphrase: passphrase.reveal() }),
    }
  }
}

/** What a peer has shown; undefined without TLS, and for a peer that has shown nothing. */
export function certificateOf(socket: Socket): PeerCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined
  const shown = socket.getPeerX509Certificate()
  if (shown === undefined) return undefined
  const { subjectAltName, fingerprint256, serialNumber, raw } = shown
  // Several names are written as an array, which the types do not know in every version.
  const [commonName] = [shown.toLegacyObject().subject?.CN].flat()
  return { trusted: socket.authorized, commonName, subjectAltName, fingerprint256, serialNumber, raw }
}

/** The connection that carries `socket`, which Node.js keeps to itself: only its address could tell, while it has one. */
export function rawOf(socket: TLSSocket): Socket | undefined {
  return (socket as { _parent?: Socket })._parent
}

/** TLS itself has failed, and not the connection under it. */
export function isTlsFailure(error: unknown): boolean {
  return /^ERR_(SSL|TLS)_/.test((error as NodeJS.ErrnoException | undefined)?.code ?? '')
}

/** What went wrong, without the addresses in OpenSSL's source that its messages are made of. */
export function tlsWords(error: unknown): string {
  const { reason, message } = error as { readonly reason?: string; readonly message?: string }
  return reason ?? message ?? String(error)
}

function pem(option: string): OptionRule<string | undefined> {
  const check = (value: unknown, name: string) => readPem(value, name, false)
  return { fallback: undefined, check, read: (path) => readFileOf(option, path) }
}

function secretPem(option: string): OptionRule<Secret<string> | undefined> {
  const check = (value: unknown, name: string) => new Secret(readPem(value, name, true))
  return { fallback: undefined, check, read: (path) => readFileOf(option, path) }
}

/** All of it as one text, which is what certificates that sign each other have to be. */
function readPem(value: unknown, name: string, isSecret: boolean): string {
  const texts: unknown[] = (Array.isArray(value) ? value : [value]).map((each: unknown) =>
    each instanceof Uint8Array ? Buffer.from(each).toString() : each,
  )
  const isPem = (each: unknown) => typeof each === 'string' && /-----BEGIN [A-Z0-9 ]+-----/.test(each)
  if (texts.length > 0 && texts.every(isPem)) return texts.join('\n')
  return refuse(name, 'PEM, text with -----BEGIN in it', value, isSecret)
}
