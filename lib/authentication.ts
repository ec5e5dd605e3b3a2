/** Who wants to be linked, as far as it has told or proved. */
export interface Credentials {
  /** The peer's address, as links have it. */
  readonly remote: string
  readonly mechanism: 'NULL' | 'PLAIN' | 'CURVE'
  /** What a client of PLAIN says. A peer says it in the clear, unless the transport encrypts. */
  readonly username?: string
  readonly password?: string
  /** The key that a client of CURVE has proved to hold, as 40 characters of Z85. */
  readonly publicKey?: string
  /** Over TLS, what the peer has shown. */
  readonly certificate?: PeerCertificate
}

/** What a peer over TLS has shown, and proved to hold the key of. */
export interface PeerCertificate {
  /** It is signed by one of `ca`, and the time is right; what is not may be here under `clientCertificate: 'optional'`. */
  readonly trusted: boolean
  readonly commonName: string | undefined
  /** As Node.js writes them: `DNS:localhost, IP Address:127.0.0.1`. */
  readonly subjectAltName: string | undefined
  /** SHA-256 of the certificate, as `AB:CD:…`. */
  readonly fingerprint256: string
  readonly serialNumber: string
  /** The certificate itself, in DER. */
  readonly raw: Uint8Array
}

/** `true` accepts the peer, `false` refuses it; an object accepts it, and says by which name the application knows it. */
export type Verdict = boolean | { readonly user?: string | undefined }

/** Decides who may be linked. To throw, or to reject, is to refuse. */
export type Authenticate = (credentials: Credentials) => Verdict | Promise<Verdict>
